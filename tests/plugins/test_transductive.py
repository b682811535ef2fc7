"""dca, smr-eg and sln-sni as wholes: they use the unlabelled pixels, and never see their labels."""

from pathlib import Path

import numpy as np
import pytest
import torch

import hsizoo
from hsizoo.errors import DataError
from hsizoo.protocols.few_label import FewLabelProtocol

QUICK = [
    "dca:patch=3",
    "smr-eg:patch=5,width=32,rate=0.01",
    "sln-sni:patch=5,epochs=15,rounds=1,per_class=20,refit_steps=20",
]


def fields(shots=4):
    """Noisy fields of three spectra; one pixel has no spectrum."""
    rng = np.random.default_rng(0)
    truth = np.arange(28) * 3 // 28 + np.zeros((20, 1), dtype=int)
    data = rng.random((3, 6))[truth] + 0.1 * rng.standard_normal((20, 28, 6))
    data[3, 3] = np.nan
    labels = np.full(truth.shape, -1)
    for number in range(3):
        rows, cols = np.nonzero(truth == number)
        mine = rng.choice(len(rows), shots, replace=False)
        labels[rows[mine], cols[mine]] = number + 4
    names = {number + 4: f"class {number + 4}" for number in range(3)}
    return hsizoo.HyperCube(data), hsizoo.LabelMap(labels, names, ignore=[-1]), truth


def fitted(name, cube, labels, seed=0):
    classifier = hsizoo.create(name, "classifier", device="cpu")
    return classifier.fit(cube, labels, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("name", QUICK)
def test_fields_are_found_again_and_again(name):
    cube, labels, truth = fields()
    before = torch.random.get_rng_state()
    found = np.asarray(fitted(name, cube, labels).predict_proba(cube))
    assert torch.equal(torch.random.get_rng_state(), before), "global chance was used"
    assert found.shape == (3, 20, 28)
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    right = found.argmax(axis=0) == truth
    assert right[labels.evaluated].all(), "it does not fit its own labels"
    assert right[cube.valid].mean() > 0.9
    again = np.asarray(fitted(name, cube, labels).predict_proba(cube))
    np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize("name", QUICK)
def test_one_label_per_class(name):
    cube, labels, truth = fields(shots=1)
    found = np.asarray(fitted(name, cube, labels).predict_proba(cube))
    assert np.isfinite(found).all()
    assert (found.argmax(axis=0) == truth)[cube.valid].mean() > 0.7


@pytest.mark.parametrize("name", QUICK)
def test_bad_input_is_told(name):
    cube, labels, _ = fields()
    with pytest.raises(DataError, match="call fit"):
        hsizoo.create(name, "classifier", device="cpu").predict_proba(cube)
    one = hsizoo.LabelMap(labels.labels, dict(labels.class_names), [-1, 5, 6])
    with pytest.raises(DataError, match="two classes or more"):
        fitted(name, cube, one)
    with pytest.raises(DataError, match="6 bands"):
        fitted(name, cube, labels).predict_proba(hsizoo.HyperCube(np.ones((20, 28, 5))))


def test_self_training_keeps_its_pseudo_labels():
    cube, labels, truth = fields()
    classifier = fitted(QUICK[2] + ",tail=1", cube, labels)
    made = classifier.pseudo_labels
    seeds = labels.evaluated
    np.testing.assert_array_equal(made.labels[seeds], labels.labels[seeds])
    assert (made.confidence[seeds] == 1).all()
    given = made.labels != made.unassigned
    assert not given[3, 3]
    assert (made.confidence[~given] == 0).all()
    assert np.bincount(made.labels[given & ~seeds]).tolist() == [0, 0, 0, 0, 20, 20, 20]
    assert (made.labels[given] == truth[given] + 4).mean() > 0.95
    assert [each["labels"] for each in made.history] == [72]
    assert sum(made.history[0][each] for each in ("agreed", "outvoted", "divided")) == 559


DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.mark.slow
@pytest.mark.skipif(
    not (DATA / "salinas_a.npz").is_file(),
    reason="Salinas-A is not in ../shared/data beside the checkout",
)
@pytest.mark.parametrize(
    ("name", "measured", "margin"),
    [("dca", 0.978, 0.01), ("smr-eg", 0.996, 0.02), ("sln-sni", 0.997, 0.02)],
)
def test_accuracy_on_salinas_a_is_as_measured(name, measured, margin):
    scene = hsizoo.load_scene("salinas-a", data_dir=str(DATA))
    classifier = hsizoo.create(name, "classifier", device="cpu")
    found = FewLabelProtocol(shots=5).run(classifier, scene, seed=0)
    assert found["scores"]["oa"] == pytest.approx(measured, abs=margin)
