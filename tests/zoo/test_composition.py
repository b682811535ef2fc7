import numpy as np
import pytest

from hsizoo.cube import HyperCube, LabelMap
from hsizoo.errors import ContractError
from hsizoo.interfaces import PixelClassifier, PseudoLabeler, PseudoLabels
from hsizoo.zoo.composition import LabeledClassifier

CUBE = HyperCube(np.zeros((2, 3, 4)))
# 0 is ignored (unlabelled), class 3 has no seed.
SEEDS = LabelMap(
    [[1, 0, 0], [2, 0, 0]], {1: "corn", 2: "wheat", 3: "oat"}, ignore=[0], targets=[1, 2]
)


class Labeler(PseudoLabeler):
    def __init__(self, labels, unassigned=-1):
        self.made = PseudoLabels(
            np.array(labels, dtype=np.int32), np.ones((2, 3), np.float32), unassigned=unassigned
        )

    def label(self, cube, seeds, *, rng):
        self.seen = cube, seeds, rng
        return self.made


class Classifier(PixelClassifier):
    def fit(self, cube, labels, *, rng):
        self.seen = cube, labels, rng
        return self

    def predict_proba(self, cube):
        return f"probabilities of {cube.name}"


def fit(labeler, seeds=SEEDS):
    both, rng = LabeledClassifier(labeler, Classifier()), np.random.default_rng(0)
    assert both.pseudo_labels is None
    assert both.fit(CUBE, seeds, rng=rng) is both
    assert labeler.seen[:2] == (CUBE, seeds)
    assert labeler.seen[2] is both.classifier.seen[2] is rng
    assert both.classifier.seen[0] is CUBE
    assert both.pseudo_labels is labeler.made
    return both, both.classifier.seen[1]


@pytest.mark.parametrize("unassigned", [-1, -7, 0, 99])
def test_the_classifier_learns_from_seeds_and_pseudo_labels(unassigned):
    none = unassigned
    _, learnt = fit(Labeler([[1, 1, none], [2, none, 2]], unassigned))
    known = np.where(learnt.evaluated, learnt.labels, None)
    assert known.tolist() == [[1, 1, None], [2, None, 2]]
    assert learnt.class_names == SEEDS.class_names
    assert learnt.targets == {1, 2}
    assert 0 in learnt.ignore


def test_a_seed_overrules_its_pseudo_label():
    _, learnt = fit(Labeler([[2, 2, 2], [-1, -1, 1]]))
    known = np.where(learnt.evaluated, learnt.labels, None)
    assert known.tolist() == [[1, 2, 2], [2, None, 1]]


def test_unassigned_pixels_count_as_unlabelled_whatever_numbers_are_in_use():
    seeds = LabelMap([[-1, 5, 5], [-2, 5, 5]], {-1: "corn", -2: "wheat"}, ignore=[5])
    _, learnt = fit(Labeler(np.full((2, 3), 7), unassigned=7), seeds)
    assert learnt.evaluated.tolist() == [[True, False, False], [True, False, False]]
    assert learnt.labels[learnt.evaluated].tolist() == [-1, -2]


def test_predicts_with_the_classifier():
    both, _ = fit(Labeler(np.full((2, 3), -1)))
    assert both.predict_proba(CUBE) == "probabilities of cube"


class Returns(Labeler):
    def __init__(self, made):
        self.made = made


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (None, "returned NoneType; expected hsizoo.PseudoLabels"),
        (PseudoLabels(np.full((3, 2), -1), np.ones((2, 3))), r"labels of shape \(3, 2\)"),
        (PseudoLabels(np.full((2, 3), -1), np.ones((3, 2))), r"confidence of shape \(3, 2\)"),
        (PseudoLabels(np.full((2, 3), 1.5), np.ones((2, 3))), "labels of float64"),
        (
            PseudoLabels(np.full((2, 3), 9), np.ones((2, 3))),
            "labels 9; expected one of 1, 2, or -1",
        ),
        (PseudoLabels(np.full((2, 3), 1), np.full((2, 3), 1.5)), "confidence from 1.5 to 1.5"),
        (PseudoLabels(np.full((2, 3), 1), np.full((2, 3), -0.5)), "confidence from -0.5 to -0.5"),
        (PseudoLabels(np.full((2, 3), 1), np.full((2, 3), np.nan)), "confidence from nan to nan"),
    ],
)
def test_pseudo_labels_that_break_their_contract_are_refused(made, message):
    both = LabeledClassifier(Returns(made), Classifier())
    with pytest.raises(ContractError, match=message):
        both.fit(CUBE, SEEDS, rng=np.random.default_rng(0))
