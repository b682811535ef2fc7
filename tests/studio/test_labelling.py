"""Uncertainty, and where to label next."""

import numpy as np
import scipy.stats

from hsizoo.studio.labelling import uncertainty_of, where_next


def test_uncertainty_is_the_entropy_of_the_classes():
    rng = np.random.default_rng(0)
    maps = rng.dirichlet(np.ones(4), (6, 7)).transpose(2, 0, 1).astype(np.float32)
    maps[:, 0, 0] = 0.25
    maps[:, 0, 1] = [1, 0, 0, 0]
    maps[:, 0, 2] = 0
    valid = np.ones((6, 7), dtype=bool)
    valid[0, 2] = False
    found = uncertainty_of(maps, valid)
    expected = scipy.stats.entropy(maps.astype(float) + 1e-30, base=4, axis=0)
    np.testing.assert_allclose(found[valid], expected[valid], atol=1e-5)
    assert (found[0, 0], found[0, 1], found[0, 2]) == (1, 0, 0)


def test_the_next_labels_are_uncertain_apart_and_new():
    unsure = np.zeros((60, 60), dtype=np.float32)
    unsure[10:16, 10:16] = 0.9
    unsure[40:46, 40:46] = 0.8
    unsure[5, 50] = 1.0  # a single odd pixel
    labelled = np.zeros((60, 60), dtype=bool)
    labelled[30, 5] = True
    (first, second, *_) = where_next(unsure, labelled)
    assert 11 <= first[0] <= 14
    assert 41 <= second[0] <= 44
    labelled[10:16, 10:16] = True
    assert where_next(unsure, labelled)[0][0] >= 40
    assert where_next(np.zeros((9, 9), dtype=np.float32), labelled[:9, :9]) == []
