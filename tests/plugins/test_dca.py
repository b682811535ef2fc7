"""Cooperative alignment: its quadratic forms against naive sums, and what it does as a whole."""

import numpy as np
import pytest
from hsizoo_classifiers.dca import geometry, projections, reconstruction, scatter, statistics
from scipy import linalg

import hsizoo
from hsizoo.errors import OptionError


def domains(seed=0, size=5, count=3):
    rng = np.random.default_rng(seed)
    source, target = rng.random((12, size)), rng.random((40, size)) + 0.3
    classes, guessed = np.arange(12) % count, rng.integers(count, size=40)
    return rng, source, target, classes, guessed


def trace(matrix, projection):
    return float(np.trace(projection.T @ matrix @ projection))


def test_statistics_are_the_maximum_mean_discrepancy():
    rng, source, target, classes, guessed = domains()
    projection = rng.standard_normal((10, 2))
    stacked = linalg.block_diag(source, target)

    def discrepancy(in_source, in_target):
        """As Long et al. (2013) write it, with a matrix over all pairs of samples."""
        sign = np.concatenate([in_source / in_source.sum(), -(in_target / in_target.sum())])
        seen = stacked @ projection
        return float(np.trace(seen.T @ np.outer(sign, sign) @ seen))

    expected = discrepancy(np.ones(12), np.ones(40))
    expected += np.mean([discrepancy(classes == k, guessed == k) for k in range(3)])
    found = trace(statistics(source, target, classes, guessed, 3), projection)
    assert found == pytest.approx(expected)


def test_equal_distributions_have_no_distance_in_equal_subspaces():
    rng, source, _, classes, _ = domains()
    one = rng.standard_normal((5, 2))
    same = np.vstack([one, one])
    assert trace(statistics(source, source, classes, classes, 3), same) == pytest.approx(0)
    assert trace(geometry(5), same) == pytest.approx(0)
    assert trace(statistics(source, source + 1, classes, classes, 3), same) > 0.1


def test_a_class_that_nobody_was_given_has_no_distance():
    _, source, target, classes, _ = domains()
    found = statistics(source, target, classes, np.zeros(40, dtype=int), 3)
    whole = np.concatenate([source.mean(axis=0), -target.mean(axis=0)])
    first = np.concatenate([source[classes == 0].mean(axis=0), -target.mean(axis=0)])
    np.testing.assert_allclose(found, np.outer(whole, whole) + np.outer(first, first))


def test_geometry_is_the_distance_of_the_projections():
    projection = np.random.default_rng(0).standard_normal((8, 3))
    expected = ((projection[:4] - projection[4:]) ** 2).sum()
    assert trace(geometry(4), projection) == pytest.approx(expected)


def test_scatter_of_classes_of_unlike_size():
    source = np.array([[0.0, 0], [2, 0], [1, 4], [5, 4], [5, 4], [5, 4]])
    classes = np.array([0, 0, 1, 1, 1, 1])
    within, between = scatter(source, classes, 2)
    means = np.array([[1.0, 0], [4, 4]])
    expected = sum(
        np.outer(sample - means[k], sample - means[k]) / (2 * (classes == k).sum())
        for sample, k in zip(source, classes, strict=True)
    )
    np.testing.assert_allclose(within, expected)
    away = means - means.mean(axis=0)
    np.testing.assert_allclose(between, sum(np.outer(each, each) for each in away) / 2)
    assert not scatter(means, np.arange(2), 2)[0].any(), "one sample per class has no spread"


def test_reconstruction_is_what_least_squares_leaves():
    rng, source, target, _, _ = domains()
    projection = rng.standard_normal((10, 2))
    seen, sought = source @ projection[:5], target @ projection[5:]
    total = 0.0
    for sample in sought:
        # Ridge regression by hand: rows of zeros are the penalty.
        left = np.vstack([seen.T, np.sqrt(0.3) * np.eye(12)])
        weights = np.linalg.lstsq(left, np.concatenate([sample, np.zeros(12)]), rcond=None)[0]
        total += ((sample - weights @ seen) ** 2).sum()
    found = trace(reconstruction(source, target, seen, sought, 0.3), projection)
    assert found == pytest.approx(total / 40)


def test_projections_have_the_largest_ratios():
    rng = np.random.default_rng(0)
    wanted, unwanted = (a @ a.T for a in (rng.random((6, 9)), rng.random((6, 9))))
    found = projections(wanted, unwanted, 2)
    ratios = [trace(wanted, each[:, None]) / trace(unwanted, each[:, None]) for each in found.T]
    expected = np.sort(linalg.eigvals(np.linalg.solve(unwanted, wanted)).real)[::-1]
    np.testing.assert_allclose(ratios, expected[:2], rtol=1e-3)
    # No other direction does better.
    others = rng.standard_normal((200, 6, 1))
    assert max(trace(wanted, each) / trace(unwanted, each) for each in others) <= ratios[0] + 1e-9


def shifted(seed=0):
    """Two classes in bands; the labelled pixels are all from where the light is bright."""
    rng = np.random.default_rng(seed)
    truth = np.arange(24)[:, None] // 12 + np.zeros((24, 30), dtype=int)
    spectra = rng.random((2, 8))
    data = spectra[truth] + 0.05 * rng.standard_normal((24, 30, 8))
    data[:, 15:] += 0.8 * rng.random(8)
    data[5, 5] = np.nan
    labels = np.full(truth.shape, -1)
    for label, row in ((1, 3), (2, 15)):
        labels[row : row + 4 : 2, 2:8:2] = label
    return hsizoo.HyperCube(data), hsizoo.LabelMap(labels, {1: "a", 2: "b"}, [-1]), truth


@pytest.mark.parametrize("patch", [1, 3])
def test_alignment_bears_a_shift(patch):
    cube, labels, truth = shifted()
    classifier = hsizoo.create(f"dca:patch={patch},components=8", "classifier")
    assert classifier.fit(cube, labels, rng=np.random.default_rng(0)) is classifier
    found = classifier.predict_proba(cube)
    assert found.shape == (2, 24, 30)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    right = found.argmax(axis=0) == truth
    assert right[labels.evaluated].all(), "it does not fit its own labels"
    assert right[cube.valid].mean() > 0.95
    again = hsizoo.create(f"dca:patch={patch},components=8", "classifier")
    again.fit(cube, labels, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(again.predict_proba(cube), found)


def test_one_label_per_class_and_more_dimensions_than_bands():
    cube, _, truth = shifted()
    single = np.full(truth.shape, -1)
    single[3, 3], single[20, 20] = 1, 2
    classifier = hsizoo.create("dca:patch=3,dimension=50", "classifier")
    classifier.fit(
        cube, hsizoo.LabelMap(single, {1: "a", 2: "b"}, [-1]), rng=np.random.default_rng(0)
    )
    found = classifier.predict_proba(cube)
    assert found[0, 3, 3] > 0.5 > found[0, 20, 20]
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    "options",
    ["dimension=0", "rounds=0", "patch=4", "statistical=-1", "ridge=0", "strength=0",
     "discrimination=0,variance=0"],
)  # fmt: skip
def test_options_that_cannot_be(options):
    with pytest.raises(OptionError, match=options.partition("=")[0]):
        hsizoo.create(f"dca:{options}", "classifier")
