"""One classifier on one scene with one seed: split, fit, classify all pixels, score.

IPG (doi:10.3389/fpls.2024.1515403), section 3.  A classifier is given the cube and the labels of
the training pixels and nothing else, so nothing in it can be chosen by the test pixels; whatever it
validates on comes out of the few labels.

Time is that of ``fit`` (with the pseudo-labeler, where there is one) and of ``predict_proba`` for
the whole image, result on the host.
"""

from __future__ import annotations

import base64
import time
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from hsizoo.cube import LabelMap, Scene
from hsizoo.errors import ContractError, ProtocolError, did_you_mean
from hsizoo.interfaces import PixelClassifier, PseudoLabels
from hsizoo.protocols.few_label.scores import confusion_matrix, scores
from hsizoo.protocols.few_label.splits import DRAWS, Mask, Split, draw_split, leaks

__all__ = ["FewLabelProtocol", "decode_map"]

_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True, kw_only=True)
class FewLabelProtocol:
    """The settings of one evaluation with few labels, all of them part of a cell's identity.

    Parameters
    ----------
    shots : int, default 5
        Training pixels per class, as in the paper.
    draw : {"random", "fixed", "block-disjoint", "official"}, default "random"
        How they are drawn; see `hsizoo.protocols.few_label.splits`.
    patch : int, default 9
        Side of the patches that leaks are reported for and that ``block-disjoint`` keeps apart;
        odd.
    block : int, default 16
        Side of the blocks of ``block-disjoint``.

    Raises
    ------
    ProtocolError
        If a setting is out of range.
    """

    name: ClassVar[str] = "few-label"
    version: ClassVar[str] = "1"

    shots: int = 5
    draw: str = "random"
    patch: int = 9
    block: int = 16

    def __post_init__(self) -> None:
        if self.draw not in DRAWS:
            raise ProtocolError(
                f"draw={self.draw!r}: expected one of {', '.join(DRAWS)}."
                f"{did_you_mean(self.draw, DRAWS)}"
            )
        if self.shots < 1:
            raise ProtocolError(f"shots must be at least 1; got {self.shots}")
        if self.patch < 1 or self.patch % 2 == 0:
            raise ProtocolError(f"patch must be an odd number from 1 on; got {self.patch}")
        if self.block < 1:
            raise ProtocolError(f"block must be at least 1; got {self.block}")

    def config(self) -> dict[str, Any]:
        """Plain values that tell this protocol from any other."""
        return {"name": self.name, "version": self.version, **asdict(self)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> FewLabelProtocol:
        """Build what `config` describes."""
        return cls(**{key: config[key] for key in ("shots", "draw", "patch", "block")})

    def run(
        self,
        classifier: PixelClassifier,
        scene: Scene,
        *,
        seed: int = 0,
        training_map: Mask | None = None,
    ) -> dict[str, Any]:
        """Evaluate a classifier that has learnt nothing yet.

        Parameters
        ----------
        classifier : PixelClassifier
        scene : Scene
        seed : int, default 0
            Of the draw and, apart from it, of the classifier's own chance.
        training_map : ndarray of bool, shape (H, W), optional
            The dataset's, for ``draw="official"``.

        Returns
        -------
        dict
            Plain values: ``split``, ``leak``, ``classes`` (names, in the order of the matrix),
            ``labels`` (their numbers), ``confusion``, ``scores``, ``seconds`` (``fit`` and
            ``predict``), ``map`` (see `decode_map`) and, where there was a pseudo-labeler,
            ``pseudo_labels``.

        Raises
        ------
        ProtocolError
            If the scene cannot be split so.
        ContractError
            If the classifier returns something that its interface forbids.
        """
        split = draw_split(
            scene,
            shots=self.shots,
            draw=self.draw,
            seed=seed,
            patch=self.patch,
            block=self.block,
            training_map=training_map,
        )
        known = training_labels(scene, split)
        began = time.perf_counter()
        classifier.fit(scene.cube, known, rng=np.random.default_rng([seed, 1]))
        fitted = time.perf_counter()
        probability = _on_host(classifier.predict_proba(scene.cube))
        ended = time.perf_counter()
        labels = np.array(sorted(known.targets))
        _check(probability, scene, len(labels), type(classifier).__name__)
        called = probability.argmax(axis=0)
        truth = np.searchsorted(labels, scene.label_map.labels.flat[split.test])
        confusion = confusion_matrix(truth, called.flat[split.test], len(labels))
        found = np.where(scene.cube.valid, called + 1, 0)
        return {
            "split": split.record(),
            "leak": leaks(split, self.patch),
            "classes": [known.class_names[int(label)] for label in labels],
            "labels": labels.tolist(),
            "confusion": confusion.tolist(),
            "scores": scores(confusion),
            "seconds": {"fit": fitted - began, "predict": ended - fitted},
            "map": _encode_map(found),
            **_pseudo(classifier.pseudo_labels, scene, split),
        }


def training_labels(scene: Scene, split: Split) -> LabelMap:
    """The label map that a classifier may see: training pixels, and nothing else of any class."""
    names = scene.label_map.class_names
    labels = scene.label_map.labels
    present = {int(label) for label in np.unique(labels.flat[split.train])}
    blank = min(*names, *present, 0) - 1
    shown = np.where(split.mask(split.train), labels, blank)
    return LabelMap(shown, {label: names[label] for label in sorted(present)}, ignore=[blank])


def decode_map(text: str, shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Read a stored classification.

    Returns
    -------
    ndarray of int32, shape (H, W)
        Place of the class in ``classes``, from 1; 0 where the spectrum was not usable.
    """
    raw = zlib.decompress(base64.b64decode(text))
    return np.frombuffer(raw, dtype="<u2").reshape(shape).astype(np.int32)


def _encode_map(places: npt.NDArray[np.integer]) -> str:
    return base64.b64encode(zlib.compress(places.astype("<u2").tobytes(), 9)).decode()


def _on_host(returned: Any) -> npt.NDArray[np.float32]:
    if hasattr(returned, "detach"):  # a tensor on any device
        returned = returned.detach().cpu().numpy()
    return np.asarray(returned, dtype=np.float32)


def _check(probability: npt.NDArray[np.float32], scene: Scene, classes: int, who: str) -> None:
    expected = (classes, *scene.evaluated.shape)
    if probability.shape != expected:
        raise ContractError(
            f"{who}.predict_proba returned shape {probability.shape}; expected {expected}: "
            "classes, rows, columns"
        )
    seen = probability[:, scene.cube.valid]
    sums = seen.sum(axis=0)
    if not (np.isfinite(seen).all() and seen.min() >= 0 and seen.max() <= 1 + _SUM_TOLERANCE):
        raise ContractError(
            f"{who}.predict_proba returned values from {seen.min()} to {seen.max()}; "
            "probabilities are finite and in [0, 1]"
        )
    if not np.allclose(sums, 1, atol=_SUM_TOLERANCE):
        raise ContractError(
            f"{who}.predict_proba returned probabilities that sum to {sums.min()} to {sums.max()} "
            "over the classes; expected 1 at every valid pixel"
        )


def _pseudo(made: PseudoLabels | None, scene: Scene, split: Split) -> dict[str, Any]:
    """How many pseudo labels there were, and how many of those whose truth is known are right."""
    if made is None:
        return {}
    given = made.labels != made.unassigned
    given &= ~split.mask(split.train)
    known = (
        given & scene.evaluated & np.isin(scene.label_map.labels, sorted(scene.label_map.targets))
    )
    right = made.labels[known] == scene.label_map.labels[known]
    return {
        "pseudo_labels": {
            "given": int(given.sum()),
            "checked": int(known.sum()),
            "right": float(right.mean()) if known.any() else None,
            "history": [{**step, **_judged(step, scene, known)} for step in made.history],
        }
    }


def _judged(step: Mapping[str, Any], scene: Scene, known: Mask) -> dict[str, Any]:
    """Of a step that tells its new labels: how many have a known truth, and how many are right."""
    if not {"pixels", "labels"} <= set(step):
        return {}
    pixels = np.asarray(step["pixels"], dtype=np.intp)
    checked = known.flat[pixels]
    right = scene.label_map.labels.flat[pixels] == np.asarray(step["labels"], dtype=np.int64)
    return {"new_checked": int(checked.sum()), "new_right": int((checked & right).sum())}
