"""Evaluate a classifier on one scene with one seed: split, fit, classify all pixels, score.

IPG (doi:10.3389/fpls.2024.1515403), section 3.  A classifier receives only the cube and the labels
of the training pixels, so test pixels cannot influence it; any validation set has to come from the
few labels.

Timed are ``fit`` (including a pseudo-labeler) and ``predict_proba`` for the whole image, until the
result is on the host.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hsizoo.cube import LabelMap, Scene
from hsizoo.interfaces import PixelClassifier, PseudoLabels
from hsizoo.protocols.answers import on_host
from hsizoo.protocols.classification import chance_of, check_probabilities, only_at
from hsizoo.protocols.few_label.overlap import field_of, leaks
from hsizoo.protocols.few_label.scores import confusion_matrix, scores
from hsizoo.protocols.few_label.splits import Mask, Split, draw_split
from hsizoo.protocols.few_label.stored_map import encode_map

if TYPE_CHECKING:
    from hsizoo.protocols.few_label.protocol import FewLabelProtocol

__all__ = ["evaluate", "training_labels"]


def evaluate(
    classifier: PixelClassifier, scene: Scene, protocol: FewLabelProtocol, *, seed: int = 0
) -> dict[str, Any]:
    """Evaluate an unfitted classifier.

    Parameters
    ----------
    classifier : PixelClassifier
    scene : Scene
        Must have the dataset's training map for ``draw="official"``.
    protocol : FewLabelProtocol
    seed : int, default 0
        Seed of the draw and, in a separate stream, of the classifier's own random numbers.

    Returns
    -------
    dict
        Plain values: ``split``, ``leak`` (see `hsizoo.protocols.few_label.overlap.leaks`),
        ``classes`` (names, in the order of the matrix), ``labels`` (their numbers),
        ``confusion``, ``scores``, ``seconds`` (``fit`` and ``predict``), ``map`` (see
        `hsizoo.protocols.few_label.stored_map`), ``absent`` (names of classes without a labelled
        pixel with a valid spectrum) and, with a pseudo-labeler, ``pseudo_labels``.

    Raises
    ------
    ProtocolError
        If the scene cannot be split this way.
    ContractError
        If the classifier's output violates its interface.
    """
    split = draw_split(
        scene,
        shots=protocol.shots,
        draw=protocol.draw,
        seed=seed,
        gap=protocol.gap,
        block=protocol.block,
        training_map=scene.training_map,
    )
    known = training_labels(scene, split)
    field = field_of(classifier)
    began = time.perf_counter()
    classifier.fit(scene.cube, known, rng=chance_of(seed))
    fitted = time.perf_counter()
    probability = on_host(classifier.predict_proba(scene.cube))
    ended = time.perf_counter()
    labels = np.array(sorted(known.targets))
    check_probabilities(probability, scene.cube, len(labels), type(classifier).__name__)
    called = probability.argmax(axis=0)
    truth = np.searchsorted(labels, scene.label_map.labels.flat[split.test])
    confusion = confusion_matrix(truth, called.flat[split.test], len(labels))
    found = np.where(scene.cube.valid, called + 1, 0)
    pseudo = _pseudo_pixels(classifier.pseudo_labels, split)
    return {
        "split": split.record(),
        "leak": leaks(split, field, pseudo),
        "classes": [known.class_names[int(label)] for label in labels],
        "labels": labels.tolist(),
        "confusion": confusion.tolist(),
        "scores": scores(confusion),
        "seconds": {"fit": fitted - began, "predict": ended - fitted},
        "map": encode_map(found),
        "absent": _absent(scene),
        **_judged_labels(classifier.pseudo_labels, pseudo, scene),
    }


def training_labels(scene: Scene, split: Split) -> LabelMap:
    """Return the label map for the classifier, with the labels of training pixels only."""
    return only_at(split.mask(split.train), scene.label_map.labels, scene.label_map.class_names)


def _absent(scene: Scene) -> list[str]:
    """Names of classes without a labelled pixel with a valid spectrum."""
    present = set(np.unique(scene.label_map.labels[scene.evaluated]).tolist())
    names = scene.label_map.class_names
    return [names[label] for label in sorted(scene.label_map.targets) if label not in present]


def _pseudo_pixels(made: PseudoLabels | None, split: Split) -> Mask | None:
    """Pixels with a pseudo label, without the training pixels."""
    if made is None:
        return None
    given: Mask = made.labels != made.unassigned
    return given & ~split.mask(split.train)


def _judged_labels(made: PseudoLabels | None, given: Mask | None, scene: Scene) -> dict[str, Any]:
    """Number of pseudo labels, and how many of those with known truth are correct."""
    if made is None or given is None:
        return {}
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
    """For a step that lists its new labels: how many have known truth, and how many are correct."""
    if not {"pixels", "labels"} <= set(step):
        return {}
    pixels = np.asarray(step["pixels"], dtype=np.intp)
    checked = known.flat[pixels]
    right = scene.label_map.labels.flat[pixels] == np.asarray(step["labels"], dtype=np.int64)
    return {"new_checked": int(checked.sum()), "new_right": int((checked & right).sum())}
