"""Checks of pseudo-labelers."""

from __future__ import annotations

import json
from typing import Final

import numpy as np

from hsizoo.errors import ContractError
from hsizoo.interfaces import PseudoLabeler, PseudoLabels
from hsizoo.protocols.classification import chance_of
from hsizoo.testing.contract import Check, advise, check, does_not_apply, fail
from hsizoo.testing.examples import Example
from hsizoo.testing.odd_cubes import odd_cube_checks
from hsizoo.testing.readings import Reading, best_reading, check_order, check_turn
from hsizoo.testing.subject import Subject
from hsizoo.zoo.composition import check_pseudo_labels

__all__ = ["LABELER"]

LABELER: list[Check] = []

_FEW: Final = 10  # pseudo labels that say nothing yet
_FAIR: Final = 0.5  # share of right ones


def _labelled(labeler: PseudoLabeler, given: Example) -> PseudoLabels:
    return labeler.label(given.cube, given.seeds, rng=chance_of(0))


def _answers(subject: Subject, labeler: PseudoLabeler, given: Example) -> None:
    try:
        check_pseudo_labels(_labelled(labeler, given), given.seeds, type(labeler).__name__)
    except ContractError as error:
        fail(
            str(error),
            "Return hsizoo.PseudoLabels: integer labels of the seeds' targets or unassigned, and "
            "a confidence in [0, 1], both (H, W).",
        )


@check(LABELER, "answers", after=["builds"])
def check_answers(subject: Subject) -> None:
    """Labels are targets or unassigned, (H, W) int; confidence is finite and in [0, 1]."""
    _answers(subject, subject.make(), subject.example())


@check(LABELER, "seeds", after=["answers"])
def check_seeds(subject: Subject) -> None:
    """Seeds keep their labels."""
    given = subject.example()
    made = _labelled(subject.make(), given)
    known = given.seeds.evaluated
    lost = int((np.asarray(made.labels)[known] != given.seeds.labels[known]).sum())
    if lost:
        fail(
            f"{lost} of {int(known.sum())} seeds have another label, or none",
            "Write the seeds' own labels last, where seeds.evaluated.",
        )


@check(LABELER, "confidence", after=["answers", "seeds"])
def check_confidence(subject: Subject) -> None:
    """Confidence is 1 at the seeds and 0 where nothing is assigned."""
    given = subject.example()
    made = _labelled(subject.make(), given)
    confidence, labels = np.asarray(made.confidence), np.asarray(made.labels)
    at_seeds = confidence[given.seeds.evaluated]
    if not np.allclose(at_seeds, 1, atol=1e-6):
        fail(f"seeds have a confidence of {at_seeds.min():.4g}", "Set it to 1 at the seeds.")
    nowhere = confidence[labels == made.unassigned]
    if nowhere.size and nowhere.max() > 0:
        fail(
            f"pixels without a label have a confidence of up to {nowhere.max():.4g}",
            "Set it to 0 where nothing is assigned.",
        )


def _reading(subject: Subject) -> Reading:
    given = subject.example()
    made = _labelled(subject.make(), given)
    labels = np.asarray(made.labels)
    where = given.scene.evaluated & ~given.seeds.evaluated & (labels != made.unassigned)
    if where.sum() < _FEW:
        does_not_apply("it assigns next to nothing on this scene")
    return best_reading(labels, given.scene.label_map.labels, where, sorted(given.seeds.targets))


@check(LABELER, "label-names", after=["deterministic"])
def check_label_names(subject: Subject) -> None:
    """Labels are the seeds' own numbers, not numbers of the order in which they occur."""
    reading = _reading(subject)
    check_order(reading, "Translate indices back to the numbers in sorted(seeds.targets).")
    if reading.right < _FAIR and not reading.is_better:
        advise(f"{reading.right:.0%} of the pseudo labels are right", "Look at a map of them.")


@check(LABELER, "axes", after=["deterministic"])
def check_axes(subject: Subject) -> None:
    """Labels lie as the image does, not turned and with rows before columns."""
    check_turn(_reading(subject))


@check(LABELER, "steps", after=["answers"])
def check_steps(subject: Subject) -> None:
    """The history has one mapping of plain values per step, which records can hold."""
    made = _labelled(subject.make(), subject.example())
    try:
        json.dumps([dict(each) for each in made.history], allow_nan=False)
    except (TypeError, ValueError) as error:
        fail(
            f"the history cannot be kept: {error}",
            "Use int(…), float(…) and .tolist(); leave out what is NaN.",
        )


LABELER += odd_cube_checks(_answers)
