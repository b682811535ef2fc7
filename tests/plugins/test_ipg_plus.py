"""ipg-plus: its parts against slow, plain ways to the same numbers, and the whole method."""

import numpy as np
import pytest
from hsizoo_classifiers.ipg_plus import joined
from hsizoo_classifiers.region_walk import balanced, log_densities, metric, openness, walk
from hsizoo_classifiers.regions import (
    _differences,
    boundaries,
    covariance_within,
    level,
    means,
    nested_regions,
    noise_components,
)
from scipy import ndimage
from scipy.spatial.distance import mahalanobis
from scipy.stats import multivariate_normal
from sklearn.cluster import AgglomerativeClustering
from sklearn.feature_extraction.image import grid_to_graph

import hsizoo
from hsizoo.errors import DataError, OptionError


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def fields(shots=4, shape=(20, 28), classes=3, bands=6):
    """Noisy fields side by side; one pixel has no spectrum."""
    rng = np.random.default_rng(0)
    truth = np.arange(shape[1]) * classes // shape[1] + np.zeros((shape[0], 1), dtype=int)
    data = rng.random((classes, bands))[truth] + 0.1 * rng.standard_normal((*shape, bands))
    data[-1, 1] = np.nan
    labels = np.full(shape, -1)
    for number in range(classes):
        rows, cols = np.nonzero((truth == number) & np.isfinite(data[..., 0]))
        mine = rng.choice(len(rows), shots, replace=False)
        labels[rows[mine], cols[mine]] = number + 4
    names = {number + 4: f"class {number + 4}" for number in range(classes)}
    return hsizoo.HyperCube(data), hsizoo.LabelMap(labels, names, ignore=[-1]), truth


def classify(cube, labels, **options):
    classifier = hsizoo.create("ipg-plus", "classifier", device="cpu", **options)
    return classifier.fit(cube, labels, rng=np.random.default_rng(0)).predict_proba(cube)


def test_fields_are_found_again_and_again():
    cube, labels, truth = fields()
    found = classify(cube, labels)
    assert found.shape == (3, 20, 28)
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    assert (found.argmax(axis=0) == truth)[cube.valid].mean() > 0.95
    np.testing.assert_allclose(found[:, -1, 1], 1 / 3)  # no spectrum there
    np.testing.assert_array_equal(found, classify(cube, labels))


@pytest.mark.parametrize(
    ("shots", "shape", "classes"),
    [(1, (20, 28), 3), (4, (20, 28), 2), (1, (2, 6), 2), (1, (3, 3), 3), (2, (1, 8), 2)],
)
def test_few_labels_two_classes_and_small_images(shots, shape, classes):
    cube, labels, truth = fields(shots, shape, classes)
    found = classify(cube, labels)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    if min(shape) > 3:  # else there are hardly enough pixels to tell noise from fields
        assert (found.argmax(axis=0) == truth)[cube.valid].mean() > 0.8


def test_classes_of_one_label_beside_others_of_more():
    cube, labels, truth = fields()
    thin = labels.labels.copy()
    thin.flat[np.flatnonzero(thin == 4)[1:]] = -1
    found = classify(cube, hsizoo.LabelMap(thin, dict(labels.class_names), [-1]))
    assert (found.argmax(axis=0) == truth)[cube.valid].mean() > 0.9


def test_an_image_without_contrast_still_has_probabilities():
    _, labels, _ = fields()
    found = classify(hsizoo.HyperCube(np.ones((20, 28, 6))), labels)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)


def test_bad_input_is_told(rng):
    cube, labels, _ = fields()
    classifier = hsizoo.create("ipg-plus", "classifier")
    with pytest.raises(DataError, match="call fit"):
        classifier.predict_proba(cube)
    classifier.fit(cube, labels, rng=np.random.default_rng(0))
    with pytest.raises(DataError, match="call fit again"):
        classifier.predict_proba(hsizoo.HyperCube(cube.data + 1))
    with pytest.raises(DataError, match="no pixel has finite values"):
        classifier.fit(hsizoo.HyperCube(np.full((20, 28, 6), np.nan)), labels, rng=rng)


@pytest.mark.parametrize(
    "option",
    ["components=0", "regions=0", "kinds=-1", "own_scatter=1.1", "sharpness=0", "evenness=2",
     "contrast=0", "pull=0", "nearby=2", "reach=0"],
)  # fmt: skip
def test_options_that_cannot_be(option):
    with pytest.raises(OptionError, match=option.partition("=")[0]):
        hsizoo.create(f"ipg-plus:{option}", "classifier")


def test_components_put_signal_before_noise(rng):
    # One band of broad signal under little noise; the other louder, and noise alone.
    rows = np.linspace(0, 1, 40)[:, None] + np.zeros((1, 30))
    cube = np.stack([rows + 0.01 * rng.standard_normal((40, 30)), 9 * rng.random((40, 30))], 2)
    found = noise_components(hsizoo.HyperCube(cube), 2)
    np.testing.assert_allclose(found.reshape(-1, 2).std(axis=0), 1, rtol=1e-3)
    assert abs(np.corrcoef(found[..., 0].ravel(), rows.ravel())[0, 1]) > 0.98
    assert abs(np.corrcoef(found[..., 1].ravel(), cube[..., 1].ravel())[0, 1]) > 0.98


def test_components_ignore_pixels_without_a_spectrum(rng):
    cube = rng.random((12, 10, 5))
    hole = cube.copy()
    hole[3:5, 4] = np.nan
    found = noise_components(hsizoo.HyperCube(hole), 3)
    assert np.isfinite(found).all()
    whole = found[hsizoo.HyperCube(hole).valid]
    np.testing.assert_allclose(whole.mean(axis=0), 0, atol=1e-6)
    near = [np.abs(found[3, 4] - found[row, col]).max() for row, col in ((3, 3), (3, 5), (2, 4))]
    assert min(near) == 0


def test_constant_bands_take_no_place_among_the_components(rng):
    cube = rng.random((12, 10, 5)).astype(np.float32)
    dead = np.concatenate([np.full((12, 10, 4), 1e4, dtype=np.float32), cube], axis=2)
    expected = noise_components(hsizoo.HyperCube(cube), 3)
    np.testing.assert_array_equal(noise_components(hsizoo.HyperCube(dead), 3), expected)
    assert not noise_components(hsizoo.HyperCube(np.ones((3, 4, 5))), 3).any()


def test_noise_is_the_calmer_half_of_what_neighbours_differ_by(rng):
    image = rng.standard_normal((6, 7, 3))
    image[:, 3:] += 50  # a border, which is no noise
    valid = np.ones((6, 7), dtype=bool)
    valid[2, 2] = False
    pairs = [
        image[row, col] - image[there]
        for row in range(6)
        for col in range(7)
        for there in ((row + 1, col), (row, col + 1))
        if there[0] < 6 and there[1] < 7 and valid[row, col] and valid[there]
    ]
    size = np.mean(np.abs(pairs) / np.median(np.abs(pairs), axis=0), axis=1)
    calm = np.array(pairs)[size <= np.median(size)]
    expected = sum(np.outer(each, each) for each in calm) / (2 * len(calm))
    np.testing.assert_allclose(_differences(image, valid), expected)


def test_regions_equal_scikit_learn_and_nest(rng):
    image = rng.standard_normal((9, 8, 3))
    fine, coarse = nested_regions(image, (20, 4))
    seen = ndimage.gaussian_filter(image, (0.7, 0.7, 0), mode="nearest").reshape(-1, 3)
    for regions, number in ((fine, 20), (coarse, 4)):
        theirs = AgglomerativeClustering(number, connectivity=grid_to_graph(9, 8)).fit(seen)
        pairs = set(zip(regions.tolist(), theirs.labels_.tolist(), strict=True))
        assert len(pairs) == number
    assert len(set(zip(fine.tolist(), coarse.tolist(), strict=True))) == 20
    assert nested_regions(image, (1600,))[0].max() + 1 == 24  # a third of the pixels


def test_a_drift_is_taken_off_and_what_kinds_differ_by_stays():
    rng = np.random.default_rng(1)
    rows, cols = np.indices((30, 40)) / 40
    regions = (np.indices((30, 40))[0] // 2 * 20 + np.indices((30, 40))[1] // 2).ravel()
    kind = rng.integers(0, 3, 300)[regions].reshape(30, 40)
    flat = 20 * rng.random((3, 4))[kind]
    drift = (rows + 2 * cols**2 - rows * cols)[..., None] * np.array([1, -1, 0.5, 0])
    found = level(flat + drift, regions, 3)
    # Nothing is left but a constant.
    np.testing.assert_allclose(np.ptp((found - flat).reshape(-1, 4), axis=0), 0, atol=1e-9)
    np.testing.assert_array_equal(level(flat + drift, regions, 0), flat + drift)
    np.testing.assert_array_equal(level(flat + drift, regions, 61), flat + drift)  # 300 regions


def test_a_drift_is_fitted_to_pixels_not_to_regions():
    rng = np.random.default_rng(2)
    height, width, kinds = 12, 30, 2
    regions = np.repeat(np.arange(60), rng.multinomial(300, np.full(60, 1 / 60)) + 1)
    kind = rng.permutation(60) % kinds
    image = rng.standard_normal((height * width, 2)) + 50 * kind[regions][:, None]
    found = level(image.reshape(height, width, 2), regions, kinds).reshape(-1, 2)
    row, col = np.divmod(np.arange(height * width), width)
    row, col = row / width - 0.5, col / width - 0.5
    terms = np.stack([row, col, row**2, row * col, col**2], axis=1)
    # Every pixel has what its region has in the mean, and a constant of its kind.
    smooth = means(regions, np.hstack([image, terms]))[regions]
    design = np.hstack([smooth[:, 2:], np.eye(kinds)[kind[regions]]])
    drift = np.linalg.lstsq(design, smooth[:, :2])[0][: terms.shape[1]]
    np.testing.assert_allclose(found, image - terms @ drift, atol=1e-8)


def test_an_image_of_one_row_drifts_along_it_alone():
    strip = np.arange(90.0)[None, :, None]
    found = level(strip, np.arange(90) // 3, 1)
    assert np.isfinite(found).all()
    # The middles of regions lie on the line, and so do all pixels.
    np.testing.assert_allclose(np.ptp(found), 0, atol=1e-9)


def test_means_scatter_and_borders_equal_loops(rng):
    regions = rng.permutation(np.arange(42) % 7)
    values = rng.standard_normal((42, 2))
    expected = np.array([values[regions == each].mean(axis=0) for each in range(7)])
    np.testing.assert_allclose(means(regions, values), expected)
    rest = values - expected[regions]
    np.testing.assert_allclose(covariance_within(regions, values), np.cov(rest.T, bias=True))
    border = {}
    image = regions.reshape(6, 7)
    for row in range(6):
        for col in range(7):
            for there in ((row + 1, col), (row, col + 1)):
                if there[0] < 6 and there[1] < 7 and image[there] != image[row, col]:
                    pair = tuple(sorted((int(image[row, col]), int(image[there]))))
                    border[pair] = border.get(pair, 0) + 1
    one, other, length = boundaries(regions, (6, 7))
    assert dict(zip(zip(one.tolist(), other.tolist(), strict=True), length, strict=True)) == border


def test_distances_are_mahalanobis_of_the_mixed_covariance(rng):
    values = rng.standard_normal((30, 4)) * [1, 2, 3, 4]
    known, classes = np.array([3, 5, 9, 12, 20]), np.array([0, 0, 1, 1, 1])
    scatter = np.cov(rng.standard_normal((4, 50)))
    rest = np.concatenate([values[[3, 5]] - values[[3, 5]].mean(axis=0),
                           values[[9, 12, 20]] - values[[9, 12, 20]].mean(axis=0)])  # fmt: skip
    mixed = 0.3 * scatter + 0.7 * rest.T @ rest / 3
    turned = metric(values, scatter, known, classes, 0.7)
    expected = mahalanobis(values[0], values[1], np.linalg.inv(mixed))
    assert np.linalg.norm(turned[0] - turned[1]) == pytest.approx(expected, rel=1e-5)
    alone = metric(values, scatter, known[[0, 2]], classes[[0, 2]], 0.7)
    expected = mahalanobis(values[0], values[1], np.linalg.inv(scatter))
    assert np.linalg.norm(alone[0] - alone[1]) == pytest.approx(expected, rel=1e-5)


def test_densities_are_means_of_kernels(rng):
    turned = rng.standard_normal((12, 3))
    known, classes = np.array([0, 4, 7, 8]), np.array([1, 0, 1, 1])
    found = log_densities(turned, known, classes, 0.25)
    normal = multivariate_normal(np.zeros(3), np.eye(3) / 0.25)
    for number in range(2):
        kernels = [normal.pdf(turned - turned[seed]) for seed in known[classes == number]]
        expected = np.mean(kernels, axis=0) / normal.pdf(np.zeros(3))
        np.testing.assert_allclose(np.exp(found[:, number]), expected)


def test_balanced_classes_no_longer_take_in_everything():
    prior = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]])
    size = np.array([2, 1, 1])
    share = np.repeat(prior, size, axis=0).mean(axis=0)
    expected = prior / share
    np.testing.assert_allclose(
        balanced(prior, size, 1), expected / expected.sum(axis=1, keepdims=True)
    )
    np.testing.assert_array_equal(balanced(prior, size, 0), prior)
    assert (balanced(prior, size, 1) < balanced(prior, size, 0.5))[:, 0].all()
    absent = np.array([[1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_array_equal(balanced(absent, size[:2], 0.5), absent)


def test_a_walk_ends_where_many_simulated_ones_do():
    # 0 - 1 - 2 in a row; 0 holds class 0, 2 holds class 1.
    pairs, weights = (np.array([0, 1]), np.array([1, 2])), np.array([3.0, 1.0])
    votes = np.array([[1.0, 0], [0, 0], [0, 2.0]])
    prior = np.full((3, 2), 0.5)
    found = walk(pairs, weights, 1e-9, prior, votes)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    # Labelled regions are held by 100 against at most 3 / (8 / 3): a little is lost.
    assert found[1, 0] == pytest.approx(0.75, abs=0.01)
    assert found[0, 0] > 0.98
    # Pulled hard, all but the labelled ones are their prior.
    prior = np.array([[0.5, 0.5], [0.1, 0.9], [0.5, 0.5]])
    np.testing.assert_allclose(walk(pairs, weights, 1e6, prior, votes)[1], [0.1, 0.9], atol=1e-4)
    # A region that no label reaches is its prior, however weak.
    apart = np.array([0.0, 1.0])
    alone = walk(pairs, apart, 0.01, prior, np.array([[0, 0], [0, 0], [0, 1.0]]))
    np.testing.assert_allclose(alone[0], prior[0])
    # A region with labels of two classes is shared.
    both = walk(pairs, weights, 1e-6, prior, np.array([[1.0, 3.0], [0, 0], [0, 0]]))
    np.testing.assert_allclose(both, [[0.25, 0.75]] * 3, atol=1e-3)


def test_borders_close_with_contrast():
    found = openness(np.array([0.0, 1.0, 2.0]), 0.5)
    np.testing.assert_allclose(found, np.exp([0, -2, -4]), atol=2e-6)
    np.testing.assert_allclose(openness(np.zeros(2), 0.5), 1, atol=2e-6)
    assert openness(np.zeros(0), 0.5).size == 0


def test_propagation_joins_where_it_arrives():
    walked = np.array([[1.0, 0.0], [1.0, 0.0], [0.2, 0.8]])
    arrived = np.array([[0.0, 0.0], [0.0, 1.5], [0.75, 0.75]])
    found = joined(walked, arrived, 0.5, 1.0)
    weight = 0.5 * 1.5 / 2.5  # both receive 1.5 times the mean
    np.testing.assert_allclose(found[0], walked[0])
    np.testing.assert_allclose(found[1], [1 - weight, weight])
    np.testing.assert_allclose(found[2], (1 - weight) * walked[2] + weight * 0.5)


def test_labels_are_those_of_the_walk():
    cube, labels, _ = fields()
    labeler = hsizoo.create("ipg-plus:per_class=1000,share=1", "pseudo-labeler")
    made = labeler.label(cube, labels, rng=np.random.default_rng(0))
    walked = classify(cube, labels)
    new = (made.labels != made.unassigned) & ~labels.evaluated
    np.testing.assert_array_equal(made.labels[new], walked.argmax(axis=0)[new] + 4)
    second, first = np.sort(walked, axis=0)[-2:]
    np.testing.assert_allclose(made.confidence[new], (first - second)[new], atol=1e-6)
    assert new.sum() > 0.9 * cube.valid.sum() - 12
    assert not new[-1, 1]  # no spectrum there


@pytest.mark.parametrize(("option", "value"), [("kinds", 3), ("evenness", 0.0)])
def test_options_that_change_what_is_found(option, value):
    cube, labels, _ = fields()
    usual = {"kinds": 0, "evenness": 1.0}
    assert (
        classify(cube, labels, **usual) != classify(cube, labels, **{**usual, option: value})
    ).any()


@pytest.mark.parametrize("option", ["share=0", "share=1.1", "per_class=0"])
def test_draws_that_cannot_be(option):
    with pytest.raises(OptionError, match=option.partition("=")[0]):
        hsizoo.create(f"ipg-plus:{option}", "pseudo-labeler")
