"""Each classifier either classifies another cube, of another size, or declares that it cannot."""

import numpy as np
import pytest

import hsizoo
from hsizoo.errors import DataError

OPTIONS = {
    "a2s2k": ":patch=3,epochs=2", "cdcnn": ":epochs=2", "cnn2d": ":epochs=2",
    "dbma": ":patch=3,epochs=2", "dca": ":patch=3", "rf": ":trees=5",
    "sln-sni": ":patch=5,epochs=2,rounds=1,per_class=5,refit_steps=2",
    "smr-eg": ":patch=5,width=8", "ssrn": ":patch=3,epochs=2",
}  # fmt: skip
NAMES = [entry.spec.name for entry in hsizoo.list_components("classifier")]


def cube(width, name, seed):
    rng = np.random.default_rng(seed)
    fields = np.repeat([[0.2, 0.9, 0.4], [0.8, 0.1, 0.6]], width // 2, axis=0)[None]
    data = np.repeat(fields.repeat(3, axis=2), 12, axis=0)
    return hsizoo.HyperCube(data + rng.normal(0, 0.01, data.shape), name=name)


@pytest.mark.parametrize("name", NAMES)
def test_another_cube(name):
    first, other = cube(16, "first", 0), cube(20, "other", 1)
    labels = np.zeros((12, 16), dtype=int)
    labels[2:10:2, 3], labels[2:10:2, 12] = 1, 2
    label_map = hsizoo.LabelMap(labels, {1: "a", 2: "b"}, ignore=[0])
    classifier = hsizoo.create(name + OPTIONS.get(name, ""), "classifier", device="cpu")
    classifier.fit(first, label_map, rng=np.random.default_rng(0))
    if classifier.fitted_cube_only:
        with pytest.raises(DataError, match="can only classify the cube that it was fitted on"):
            classifier.predict_proba(other)
        return
    found = np.asarray(classifier.predict_proba(other))
    assert found.shape == (2, 12, 20)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)


def test_a_labeler_does_not_bind_its_classifier():
    assert hsizoo.create("lp", "classifier").fitted_cube_only
    assert not hsizoo.create("lp+svm").fitted_cube_only
    assert hsizoo.create("lp+ipg-plus").fitted_cube_only
