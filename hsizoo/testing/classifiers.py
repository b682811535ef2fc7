"""Checks of pixel classifiers."""

from __future__ import annotations

from typing import Final

import numpy as np

from hsizoo.cube import HyperCube
from hsizoo.errors import ContractError, DataError
from hsizoo.interfaces import PixelClassifier
from hsizoo.protocols.answers import on_host
from hsizoo.protocols.classification import chance_of, check_probabilities
from hsizoo.testing.contract import Check, advise, check, fail
from hsizoo.testing.examples import Example
from hsizoo.testing.odd_cubes import odd_cube_checks
from hsizoo.testing.readings import Reading, best_reading, check_order, check_turn
from hsizoo.testing.subject import Subject
from hsizoo.testing.using import difference
from hsizoo.zoo.texts import one_line

__all__ = ["CLASSIFIER"]

CLASSIFIER: list[Check] = []

_FAIR: Final = 0.5  # share of right pixels of three classes that are far apart


def _answers(subject: Subject, classifier: PixelClassifier, given: Example) -> None:
    classifier.fit(given.cube, given.seeds, rng=chance_of(0))
    probability = on_host(classifier.predict_proba(given.cube))
    try:
        check_probabilities(
            probability, given.cube, len(given.seeds.targets), type(classifier).__name__
        )
    except ContractError as error:
        fail(
            str(error),
            "Return (K, H, W): for each class the probability of every pixel; they sum to 1.",
        )


def _fitted(subject: Subject, given: Example) -> PixelClassifier:
    classifier: PixelClassifier = subject.make()
    classifier.fit(given.cube, given.seeds, rng=chance_of(0))
    return classifier


@check(CLASSIFIER, "answers", after=["builds"])
def check_answers(subject: Subject) -> None:
    """Probabilities are (K, H, W), finite, and sum to 1 over the classes at every valid pixel."""
    _answers(subject, subject.make(), subject.example())


@check(CLASSIFIER, "fit", after=["answers"])
def check_fit(subject: Subject) -> None:
    """A call of fit returns the classifier itself."""
    classifier, given = subject.make(), subject.example()
    returned = classifier.fit(given.cube, given.seeds, rng=chance_of(0))
    if returned is not classifier:
        fail(f"fit returned {type(returned).__name__}", "End fit with `return self`.")


def _reading(subject: Subject) -> Reading:
    given = subject.example()
    called = on_host(_fitted(subject, given).predict_proba(given.cube)).argmax(axis=0)
    labels = sorted(given.seeds.targets)
    found = np.asarray(labels)[called]
    return best_reading(found, given.scene.label_map.labels, given.scene.evaluated, labels)


@check(CLASSIFIER, "class-order", after=["deterministic"])
def check_class_order(subject: Subject) -> None:
    """Classes come in ascending order of their labels, whatever comes first in the image."""
    reading = _reading(subject)
    check_order(reading, "Order the classes as sorted(labels.targets), not as they occur.")
    if reading.right < _FAIR and not reading.is_better:
        advise(
            f"{reading.right:.0%} of the pixels of three materials that are far apart are right",
            "Look whether it learns; on real scenes this may be as it should.",
        )


@check(CLASSIFIER, "axes", after=["deterministic"])
def check_axes(subject: Subject) -> None:
    """Maps lie as the image does, not turned and with rows before columns."""
    check_turn(_reading(subject))


@check(CLASSIFIER, "predict-again", after=["deterministic"])
def check_predict_again(subject: Subject) -> None:
    """A second predict_proba after one fit gives the same."""
    given = subject.example()
    classifier = _fitted(subject, given)
    first = {"predict_proba": on_host(classifier.predict_proba(given.cube)).copy()}
    second = {"predict_proba": on_host(classifier.predict_proba(given.cube)).copy()}
    if text := difference(first, second):
        fail(text, "Predicting must change nothing; switch networks to evaluation mode in fit.")


@check(CLASSIFIER, "unfitted", after=["answers"])
def check_unfitted(subject: Subject) -> None:
    """Without fit, and for a cube with other bands, predict_proba raises DataError."""
    given = subject.example()
    mend = "Raise hsizoo.errors.DataError, saying what is missing or which bands are expected."
    _refuses(subject.make(), given.cube, "before fit", mend)
    classifier = _fitted(subject, given)
    fewer = HyperCube(given.cube.data[:, :, :-2], name="fewer bands")
    _refuses(classifier, fewer, "for a cube with two bands less", mend)


def _refuses(classifier: PixelClassifier, cube: HyperCube, what: str, mend: str) -> None:
    try:
        classifier.predict_proba(cube)
    except (DataError, ContractError):
        return
    except Exception as error:  # noqa: BLE001
        fail(f"{what}, predict_proba raises {one_line(error)}", mend)
    fail(f"{what}, predict_proba answers", mend)


@check(CLASSIFIER, "other-cube", after=["answers"])
def check_other_cube(subject: Subject) -> None:
    """Another cube is classified, or refused if fitted_cube_only is set."""
    given, other = subject.example(), subject.example(2, height=19, width=26)
    classifier = _fitted(subject, given)
    if classifier.fitted_cube_only:
        _refuses(classifier, other.cube, "for another cube (fitted_cube_only is set)",
                 "Compare the cubes' digests and raise DataError.")  # fmt: skip
        return
    try:
        probability = on_host(classifier.predict_proba(other.cube))
        check_probabilities(
            probability, other.cube, len(given.seeds.targets), type(classifier).__name__
        )
    except ContractError as error:
        fail(f"for another cube: {error}", "Classify the cube that predict_proba is given.")
    except Exception as error:  # noqa: BLE001
        fail(
            f"for another cube, predict_proba raises {one_line(error)}",
            "Classify it, or set fitted_cube_only = True on the class and raise DataError.",
        )


CLASSIFIER += odd_cube_checks(_answers)
