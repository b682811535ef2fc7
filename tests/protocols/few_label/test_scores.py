"""Scores against scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics

from hsizoo.errors import ProtocolError
from hsizoo.protocols.few_label.columns import SCORES
from hsizoo.protocols.few_label.scores import confusion_matrix, scores


@pytest.mark.parametrize("seed", range(12))
def test_equal_to_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(2, 9))
    truth = rng.integers(classes, size=rng.integers(20, 300))
    called = np.where(rng.random(truth.size) < 0.6, truth, rng.integers(classes, size=truth.size))
    if seed % 3 == 0:  # a class that is never called, another that is never tested
        called[called == 0] = classes - 1
        kept = truth != classes - 1
        truth, called = truth[kept], called[kept]
    counts = confusion_matrix(truth, called, classes)
    labels, tested = np.arange(classes), np.unique(truth)
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(truth, called, labels=labels))
    found = scores(counts)
    assert found["oa"] == pytest.approx(metrics.accuracy_score(truth, called))
    how = {"labels": tested, "average": "macro", "zero_division": 0}
    assert found["aa"] == pytest.approx(metrics.recall_score(truth, called, **how))
    precision = metrics.precision_score(truth, called, **how)
    assert found["macro_precision"] == pytest.approx(precision)
    assert found["kappa"] == pytest.approx(metrics.cohen_kappa_score(truth, called))
    for place, recall in enumerate(found["recall"]):
        assert (recall is None) == (place not in tested)


def test_recall_and_precision_are_not_mixed_up():
    found = scores([[8, 2], [0, 10]])
    assert found["recall"] == [0.8, 1.0]
    assert found["precision"] == [1.0, 10 / 12]
    assert set(SCORES) <= set(found)


def test_all_of_one_class_leaves_kappa_open():
    assert scores([[5, 0], [0, 0]])["kappa"] is None
    assert scores([[0, 5], [0, 0]])["kappa"] == 0


def test_large_counts_do_not_overflow():
    assert scores([[3 * 10**9, 0], [0, 3 * 10**9]])["kappa"] == 1


@pytest.mark.parametrize("wrong", [[[0, 0], [0, 0]], [[1, 2, 3]], [1]])
def test_what_is_no_confusion_matrix(wrong):
    with pytest.raises(ProtocolError, match=r"square|no test pixel"):
        scores(wrong)
