"""What a classifier declares to see is what its classes depend on."""

import numpy as np
import pytest

import hsizoo

SIDE, BANDS, MIDDLE = 25, 9, 12

SQUARES = [
    ("svm", 1), ("rf:trees=20", 1), ("dca", 9), ("dca:patch=5", 5), ("cnn2d:epochs=2", 9),
    ("cnn2d:net=valid,patch=7,epochs=2", 7), ("cnn2d:net=plain,epochs=2", 9),
    ("cnn2d:net=paoletti,epochs=2,patch=11", 11), ("cdcnn:epochs=2", 5), ("ssrn:epochs=2", 7),
    ("dbma:patch=5,epochs=2", 5), ("a2s2k:patch=5,epochs=2", 5), ("smr-eg:epochs=2,patch=5", 5),
    ("sln-sni:epochs=2,rounds=1,refit_steps=0,patch=7", 7),
]  # fmt: skip


def fields():
    """Two fields with a few labels, and noise."""
    rng = np.random.default_rng(0)
    truth = np.where(np.arange(SIDE) < MIDDLE, 1, 2) * np.ones((SIDE, 1), dtype=int)
    data = rng.random((2, BANDS))[truth - 1] + 0.2 * rng.standard_normal((SIDE, SIDE, BANDS))
    labels = np.where(rng.random((SIDE, SIDE)) < 0.05, truth, 0)
    return data, hsizoo.LabelMap(labels, {0: "none", 1: "a", 2: "b"}, ignore=[0])


@pytest.mark.parametrize(("name", "field"), SQUARES)
def test_a_class_depends_on_the_square_and_on_nothing_outside_of_it(name, field):
    data, labels = fields()
    classifier = hsizoo.create(name, "classifier", device="cpu")
    assert classifier.receptive_field == field
    cube = hsizoo.HyperCube(data)
    classifier.fit(cube, labels, rng=np.random.default_rng(1))

    def middle(values):
        found = classifier.predict_proba(hsizoo.HyperCube(values))
        return np.asarray(found)[:, MIDDLE, MIDDLE]

    rows, cols = np.indices((SIDE, SIDE))
    distance = np.maximum(abs(rows - MIDDLE), abs(cols - MIDDLE))
    noise = 3 * np.random.default_rng(2).standard_normal(data.shape)
    outside, edge = distance > field // 2, distance == field // 2
    changed = data + noise * outside[..., None]
    np.testing.assert_allclose(middle(changed), middle(data), atol=1e-5)
    if name != "rf:trees=20":  # whose votes may stay as they are
        assert abs(middle(data + noise * edge[..., None]) - middle(data)).max() > 1e-5


@pytest.mark.parametrize("name", ["lp", "ipg-plus", "erw", "emp", "lcmr", "sgl", "rpnet", "panel"])
def test_graphs_see_the_whole_scene(name):
    assert hsizoo.create(name, "classifier").receptive_field == "scene"


def test_a_labeler_adds_nothing_to_what_its_classifier_sees():
    assert hsizoo.create("lp+cnn2d:patch=11", "classifier").receptive_field == 11
    assert hsizoo.create("lp+svm", "classifier").receptive_field == 1
