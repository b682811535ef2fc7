"""How components of each kind are used, in the way that hsizoo uses them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from hsizoo.interfaces import (
    InteractiveSegmenter,
    PixelClassifier,
    Protocol,
    PseudoLabeler,
    SceneDataset,
    SpectralScorer,
)
from hsizoo.protocols.answers import on_host
from hsizoo.protocols.classification import chance_of
from hsizoo.testing.examples import Example
from hsizoo.zoo.spec import Kind

__all__ = ["Answer", "difference", "positive_only", "use"]

Answer = Mapping[str, npt.NDArray[Any]]
"""Arrays that a component returned, by what they are."""

_SCENES = 3  # of a dataset


def use(kind: Kind, component: Any, given: Example, seed: int = 0) -> dict[str, npt.NDArray[Any]]:
    """Use a component.

    Parameters
    ----------
    kind : str
    component : Component
    given : Example
    seed : int, default 0
        Seed of the random numbers that it is given.

    Returns
    -------
    dict of str to ndarray
        Values that the interface says are not used are set to 0.
    """
    found: dict[str, npt.NDArray[Any]] = _USES[kind](component, given, seed)
    return found


def _use_scorer(
    scorer: SpectralScorer, given: Example, seed: int
) -> dict[str, npt.NDArray[np.float32]]:
    prepared = scorer.prepare(given.cube)
    found = {"score": _masked(scorer.score(prepared, given.references), given)}
    if type(scorer).score_clicks is not SpectralScorer.score_clicks:
        clicked = scorer.score_clicks(prepared, list(given.prompts))
        found["score_clicks"] = _masked(clicked, given)
    return found


def _use_segmenter(
    segmenter: InteractiveSegmenter, given: Example, seed: int
) -> dict[str, npt.NDArray[np.float32]]:
    state = segmenter.open(given.cube)
    return {"predict": on_host(segmenter.predict(state, list(given.prompts))).copy()}


def _use_classifier(
    classifier: PixelClassifier, given: Example, seed: int
) -> dict[str, npt.NDArray[np.float32]]:
    classifier.fit(given.cube, given.seeds, rng=chance_of(seed))
    return {"predict_proba": _masked(classifier.predict_proba(given.cube), given)}


def _use_labeler(labeler: PseudoLabeler, given: Example, seed: int) -> dict[str, npt.NDArray[Any]]:
    made = labeler.label(given.cube, given.seeds, rng=chance_of(seed))
    return {"labels": np.array(made.labels), "confidence": np.array(made.confidence)}


def _use_dataset(dataset: SceneDataset, given: Example, seed: int) -> dict[str, npt.NDArray[Any]]:
    found: dict[str, npt.NDArray[Any]] = {}
    for index, info in enumerate(dataset.scenes()[:_SCENES]):
        scene = dataset.scene(index)
        found[f"cube of {info.name}"] = scene.cube.data.copy()
        found[f"labels of {info.name}"] = scene.label_map.labels.copy()
    return found


def _use_protocol(protocol: Protocol, given: Example, seed: int) -> dict[str, npt.NDArray[Any]]:
    from hsizoo.testing.records import record_of

    record = record_of(protocol, given, seed)
    (observations,) = protocol.observe([record])
    times = {each.name for each in protocol.columns if each.unit in ("s", "MB")}
    values = {
        f"{name} of {each.label} ({number})": value
        for number, each in enumerate(observations)
        for name, value in each.values.items()
        if name not in times
    }
    values |= {
        name: np.nan if value is None else value
        for name, value in protocol.measures(record).items()
        if name not in times
    }
    return {name: np.array(value, dtype=float) for name, value in values.items()}


_USES: dict[Kind, Any] = {
    "scorer": _use_scorer,
    "segmenter": _use_segmenter,
    "classifier": _use_classifier,
    "pseudo-labeler": _use_labeler,
    "dataset": _use_dataset,
    "protocol": _use_protocol,
}


def _masked(returned: Any, given: Example) -> npt.NDArray[np.float32]:
    maps = on_host(returned).copy()
    if maps.shape[1:] == given.cube.valid.shape:
        maps[:, ~given.cube.valid] = 0
    return maps


def positive_only(given: Example) -> list[Any]:
    """The prompts without their negative clicks."""
    from hsizoo.clicks import Clicks

    return [Clicks(each.points[each.positive]) for each in given.prompts]


def difference(one: Answer, other: Answer, *, tolerance: float = 1e-4) -> str:
    """Say where two answers differ; empty if they are the same but for rounding.

    Parameters
    ----------
    one, other : mapping of str to ndarray
    tolerance : float
        Share of the largest value.
    """
    if one.keys() != other.keys():
        return f"there are {', '.join(one)} in one, and {', '.join(other)} in the other"
    for name, each in one.items():
        expected = other[name]
        if each.shape != expected.shape:
            return f"{name} has shape {each.shape} in one, and {expected.shape} in the other"
        if each.dtype.kind not in "fiub":
            if not np.array_equal(each, expected):
                return f"{name} is {_cut(each)} in one, and {_cut(expected)} in the other"
            continue
        left, right = each.astype(np.float64), expected.astype(np.float64)
        both_odd = ~np.isfinite(left) & ~np.isfinite(right)
        with np.errstate(invalid="ignore"):
            apart = np.where(both_odd, 0, np.abs(left - right))
        apart = np.where(np.isnan(apart), np.inf, apart)
        finite = np.abs(right[np.isfinite(right)])
        # Not the largest size alone: one huge value must not hide what all the others do.
        largest = float(finite.max()) if finite.size else 0.0
        typical = float(np.median(finite)) if finite.size else 0.0
        size = max(typical, min(largest, 0.1), 0.01 * largest, 1e-6)
        limit = tolerance * (size + np.where(np.isfinite(right), np.abs(right), 0))
        if (wrong := apart > limit).any():
            return (
                f"{name} differs by up to {apart.max():.4g} at {int(wrong.sum())} of "
                f"{wrong.size} values"
            )
    return ""


def _cut(values: npt.NDArray[Any]) -> str:
    text = str(values)
    return text if len(text) < 80 else f"{text[:80]}…"
