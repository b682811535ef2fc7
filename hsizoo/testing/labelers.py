"""Checks of pseudo-labelers."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Final

import numpy as np

from hsizoo.errors import ContractError
from hsizoo.interfaces import PseudoLabeler, PseudoLabels
from hsizoo.protocols.classification import chance_of
from hsizoo.testing.contract import Check, advise, check, does_not_apply, fail
from hsizoo.testing.examples import Example
from hsizoo.testing.odd_cubes import odd_cube_checks
from hsizoo.testing.subject import Subject
from hsizoo.zoo.composition import check_pseudo_labels

__all__ = ["LABELER"]

LABELER: list[Check] = []

_BETTER: Final = 0.2  # by which other names of the labels must fit better to be the meant ones


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


@check(LABELER, "label-names", after=["deterministic"])
def check_label_names(subject: Subject) -> None:
    """Labels are the seeds' own numbers, not numbers of the order in which they occur."""
    given = subject.example()
    made = _labelled(subject.make(), given)
    known = given.seeds.evaluated
    labels = np.asarray(made.labels)
    where = given.scene.evaluated & ~known & (labels != made.unassigned)
    if where.sum() < 10:
        does_not_apply("it assigns next to nothing on this scene")
    targets = sorted(given.seeds.targets)
    truth = np.searchsorted(targets, given.scene.label_map.labels[where])
    found = np.searchsorted(targets, labels[where])
    right = float((found == truth).mean())
    orders = list(permutations(range(len(targets))))
    shares = [float((np.array(order)[found] == truth).mean()) for order in orders]
    best = int(np.argmax(shares))
    if shares[best] > right + _BETTER:
        fail(
            f"{right:.0%} of the pseudo labels are right, but {shares[best]:.0%} with the classes "
            f"in another order, {[targets[each] for each in orders[best]]}",
            "Translate indices back to the numbers in sorted(seeds.targets).",
        )
    if right < 0.5:
        advise(f"{right:.0%} of the pseudo labels are right", "Look at a map of them.")


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
