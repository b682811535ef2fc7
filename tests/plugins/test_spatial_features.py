"""emp, lcmr, sgl, rpnet and erw: their parts against slow, plain ways to the same numbers."""

import numpy as np
import pytest
from hsizoo_classifiers.emp import Profiles, profile
from hsizoo_classifiers.grid_walk import GridWalk, first_component
from hsizoo_classifiers.lcmr import log_covariances
from hsizoo_classifiers.options.spatial import SuperpixelGraphOptions
from hsizoo_classifiers.pixels import Seeds
from hsizoo_classifiers.rpnet import answers
from hsizoo_classifiers.sgl import features, similarities, spread, surroundings
from scipy import ndimage
from scipy.linalg import logm
from skimage.morphology import disk
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import SVC

import hsizoo
from hsizoo.errors import DataError, OptionError

QUICK = ["erw:base=[rf:trees=20]", "emp:base=[rf:trees=20]", "lcmr:window=5,neighbours=12",
         "sgl:superpixels=60,reach=20,width=2", "rpnet:layers=2,side=3,kernels=5"]  # fmt: skip


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def fields(shots=4):
    """Fields of three spectra and three kinds of noise; one pixel has no spectrum."""
    rng = np.random.default_rng(0)
    truth = np.arange(28) * 3 // 28 + np.zeros((20, 1), dtype=int)
    noise = 0.2 * (np.arange(3)[:, None] == np.arange(6) // 2) + 0.02
    data = rng.random((3, 6))[truth] + noise[truth] * rng.standard_normal((20, 28, 6))
    data[3, 3] = np.nan
    labels = np.full(truth.shape, -1)
    for number in range(3):
        rows, cols = np.nonzero((truth == number) & np.isfinite(data[..., 0]))
        mine = rng.choice(len(rows), shots, replace=False)
        labels[rows[mine], cols[mine]] = number + 4
    names = {number + 4: f"class {number + 4}" for number in range(3)}
    return hsizoo.HyperCube(data), hsizoo.LabelMap(labels, names, ignore=[-1]), truth


def classify(name, cube, labels, seed=0):
    classifier = hsizoo.create(name, "classifier", device="cpu")
    assert classifier.fit(cube, labels, rng=np.random.default_rng(seed)) is classifier
    return np.asarray(classifier.predict_proba(cube))


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("shots", [1, 4])
def test_fields_are_found_again_and_again(name, shots):
    cube, labels, truth = fields(shots)
    found = classify(name, cube, labels)
    assert found.shape == (3, 20, 28)
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    assert (found.argmax(axis=0) == truth)[cube.valid].mean() > (0.6 if shots == 1 else 0.7)
    np.testing.assert_array_equal(found, classify(name, cube, labels))


@pytest.mark.parametrize("name", QUICK)
def test_bad_input_is_told(name):
    cube, labels, _ = fields()
    with pytest.raises(DataError, match="call fit"):
        hsizoo.create(name, "classifier", device="cpu").predict_proba(cube)
    one = hsizoo.LabelMap(labels.labels, dict(labels.class_names), [-1, 5, 6])
    with pytest.raises(DataError, match="two classes or more"):
        classify(name, cube, one)


@pytest.mark.parametrize(
    "name",
    ["erw:gamma=0", "erw:beta=-1", "emp:steps=0", "lcmr:window=4", "lcmr:ridge=0", "sgl:mu=0",
     "sgl:balance=2", "rpnet:side=2"],
)  # fmt: skip
def test_options_that_cannot_be(name):
    with pytest.raises(OptionError, match=name.partition(":")[2].partition("=")[0]):
        hsizoo.create(name, "classifier")


def opened(image, radius):
    """Opening by reconstruction, as it is defined: dilate within the image until nothing moves."""
    found = ndimage.grey_erosion(image, footprint=disk(radius), mode="nearest")
    while True:
        grown = np.minimum(ndimage.grey_dilation(found, size=(3, 3), mode="nearest"), image)
        if (grown == found).all():
            return found
        found = grown


def test_profiles_are_openings_and_closings_by_reconstruction(rng):
    image = ndimage.gaussian_filter(rng.random((15, 18)), 1)
    found = profile(image, [1, 2])
    expected = [image, opened(image, 1), opened(image, 2), -opened(-image, 1), -opened(-image, 2)]
    np.testing.assert_allclose(found, np.stack(expected, axis=-1))
    assert (found[..., 1:3] <= image[..., None]).all()
    assert (found[..., 3:] >= image[..., None]).all()
    assert (found[..., 1] != found[..., 2]).any()


def test_a_bright_thing_is_in_openings_up_to_its_size():
    image = np.zeros((25, 25))
    image[10:15, 10:15] = 1
    found = profile(image, [1, 2, 3])[12, 12]
    np.testing.assert_array_equal(found, [1, 1, 1, 0, 1, 1, 1])  # a disc of radius 2 has 5 × 5


def test_emp_is_its_base_on_the_profiles():
    cube, labels, _ = fields()
    whole = hsizoo.HyperCube(np.nan_to_num(cube.data, nan=0.3))
    features = Profiles(whole, 4, [1, 3, 5, 7]).of(whole)
    assert features.shape == (20, 28, 36)
    reduced = PCA(4).fit_transform(whole.data.reshape(-1, 6).astype(float))
    scaled = reduced / reduced[:, 0].std()
    np.testing.assert_allclose(abs(features[..., ::9]).reshape(-1, 4), abs(scaled), atol=1e-4)
    forest = RandomForestClassifier(20, random_state=int(np.random.default_rng(0).integers(2**31)))
    at = labels.evaluated
    forest.fit(features[at].astype(np.float32), labels.labels[at])
    expected = forest.predict_proba(features.reshape(-1, 36).astype(np.float32))
    found = classify("emp:base=[rf:trees=20]", whole, labels)
    np.testing.assert_allclose(found.reshape(3, -1).T, expected, atol=1e-6)


def test_local_covariances_are_those_of_a_loop(rng):
    image = rng.standard_normal((7, 8, 3)) + 1
    found = log_covariances(image, 5, 9, 1e-3)
    bordered = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="symmetric")
    for row, col in [(0, 0), (3, 4), (6, 7), (2, 0)]:
        around = bordered[row : row + 5, col : col + 5].reshape(-1, 3)
        here = image[row, col]
        angle = around @ here / np.linalg.norm(around, axis=1)
        covariance = np.cov(around[np.argsort(-angle)[:9]].T)
        log = logm(covariance + 1e-3 * np.trace(covariance) * np.eye(3))
        expected = [log[0, 0], 2**0.5 * log[0, 1], 2**0.5 * log[0, 2], log[1, 1],
                    2**0.5 * log[1, 2], log[2, 2]]  # fmt: skip
        np.testing.assert_allclose(found[row * 8 + col], expected, atol=1e-4)


def test_the_scalar_product_of_vectors_is_that_of_matrices(rng):
    one, other = log_covariances(rng.standard_normal((1, 2, 4)), 3, 6, 0.1)
    upper = np.triu_indices(4)

    def matrix(vector):
        found = np.zeros((4, 4))
        found[upper] = np.where(upper[0] == upper[1], 1, 0.5**0.5) * vector
        return np.where(np.eye(4) == 1, found, found + found.T)

    assert one @ other == pytest.approx(np.trace(matrix(one) @ matrix(other)))


def test_lcmr_is_a_linear_machine_on_them():
    cube, labels, _ = fields()
    whole = hsizoo.HyperCube(np.nan_to_num(cube.data, nan=0.3))
    from hsizoo_classifiers.regions import noise_components

    features = log_covariances(noise_components(whole, 20), 5, 12, 1e-3)
    at = labels.evaluated.ravel()
    machine = SVC(kernel="linear", break_ties=True).fit(features[at], labels.labels.ravel()[at])
    found = classify("lcmr:window=5,neighbours=12", whole, labels)
    np.testing.assert_array_equal(found.argmax(axis=0).ravel() + 4, machine.predict(features))


def test_answers_of_patches_are_sliding_products(rng):
    image, kernels = rng.standard_normal((6, 9, 2)), rng.standard_normal((3, 3, 3, 2))
    bordered = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="symmetric")
    products = np.array(
        [
            [[(bordered[r : r + 3, c : c + 3] * k).sum() for k in kernels] for c in range(9)]
            for r in range(6)
        ]
    )
    expected = np.maximum(products - products.mean(axis=(0, 1)), 0)
    np.testing.assert_allclose(answers(image, kernels), expected, atol=1e-9)


def test_rpnet_learns_another_cube_the_same_way():
    cube, labels, truth = fields()
    classifier = hsizoo.create(QUICK[4], "classifier", device="cpu")
    classifier.fit(cube, labels, rng=np.random.default_rng(0))
    turned = hsizoo.HyperCube(cube.data[::-1].copy())
    found = np.asarray(classifier.predict_proba(turned)).argmax(axis=0)
    assert (found == truth)[turned.valid].mean() > 0.8  # the fields are alike from top to bottom


def dense_walk(image, beta, gamma, prior, seeds):
    """A system over all pixels, whose labelled ones are fixed."""
    height, width = image.shape
    count = height * width
    ties = np.zeros((count, count))
    for one in range(count):
        for other in range(count):
            rows, cols = np.divmod([one, other], width)
            if abs(rows[0] - rows[1]) + abs(cols[0] - cols[1]) == 1:
                apart = image.flat[one] - image.flat[other]
                ties[one, other] = np.exp(-beta * apart**2) + 1e-6
    system = np.diag(ties.sum(axis=1) + gamma) - ties
    ends = gamma * prior
    for row, col, label in zip(seeds.rows, seeds.cols, seeds.classes, strict=True):
        place = row * width + col
        system[place] = np.eye(count)[place]
        ends[place] = np.eye(seeds.count)[label]
    return np.linalg.solve(system, ends)


def test_a_walk_is_the_solution_of_a_dense_system(rng):
    image = rng.random((4, 6))
    seeds = Seeds(np.array([0, 3, 2]), np.array([1, 5, 2]), np.array([0, 1, 2]), 3)
    prior = rng.dirichlet(np.ones(3), size=(24, 2))
    found = GridWalk(image, 5, 0.1).towards(prior, seeds)
    np.testing.assert_allclose(found.sum(axis=2), 1)
    for number in range(2):
        expected = dense_walk(image, 5, 0.1, prior[:, number].copy(), seeds)
        np.testing.assert_allclose(found[:, number], expected, atol=1e-4)  # labels weigh 10000
    alone = GridWalk(image, 5, 0.1).towards(prior[:, 1], seeds)
    np.testing.assert_allclose(alone, found[:, 1])


def test_with_a_heavy_prior_a_walk_stays_and_labels_are_kept(rng):
    seeds = Seeds(np.array([1]), np.array([2]), np.array([1]), 2)
    prior = rng.dirichlet(np.ones(2), size=20)
    found = GridWalk(rng.random((4, 5)), 3, 1e3).towards(prior, seeds)
    free = np.arange(20) != 7
    np.testing.assert_allclose(found[free], prior[free], atol=0.01)
    assert found[7, 1] > 0.9


def test_the_guide_of_the_walk_is_scaled_and_has_no_gaps():
    cube, _, _ = fields()
    guide = first_component(cube)
    assert (guide[cube.valid].min(), guide[cube.valid].max()) == (0, 1)
    assert guide[3, 3] in guide[2:5, 2:5][cube.valid[2:5, 2:5]]
    np.testing.assert_array_equal(first_component(hsizoo.HyperCube(np.ones((3, 4, 5)))), 0)


def test_erw_walks_over_its_base():
    cube, labels, _ = fields()
    rows, cols = np.nonzero(labels.evaluated)
    seeds = Seeds(rows, cols, labels.labels[rows, cols] - 4, 3)
    prior = np.moveaxis(classify("rf:trees=20", cube, labels), 0, -1).astype(float)
    expected = GridWalk(first_component(cube), 710, 1e-3).towards(prior.reshape(-1, 3), seeds)
    found = np.moveaxis(classify(QUICK[0], cube, labels), 0, -1)
    expected = expected.reshape(20, 28, 3)
    np.testing.assert_allclose(found[cube.valid], expected[cube.valid], atol=1e-6)


def test_features_of_superpixels_are_components_of_scaled_bands(rng):
    data = rng.standard_normal((6, 7, 5)) * [1, 2, 3, 4, 5] + 10
    found = features(hsizoo.HyperCube(data))
    flat = data.reshape(-1, 5)
    scaled = (flat - flat.mean(axis=0)) / flat.std(axis=0)
    np.testing.assert_allclose(abs(found), abs(PCA(5).fit_transform(scaled)), rtol=1e-3, atol=1e-5)
    few = rng.standard_normal((6, 7, 1)) * np.ones(5) + 1e-3 * rng.standard_normal((6, 7, 5))
    assert features(hsizoo.HyperCube(few)).shape == (42, 1)  # 99.8 % of the variance


def test_surroundings_are_means_over_those_that_touch(rng):
    values = 3 * rng.random((4, 2))
    found = surroundings(values, (np.array([0, 1]), np.array([1, 2])))  # 3 touches nothing
    square = [((values[a] - values[b]) ** 2).sum() for a, b in ((0, 1), (1, 2))]
    near, far = np.exp(-np.array(square) / 15)
    expected = [
        values[1], (near * values[0] + far * values[2]) / (near + far), values[1], values[3],
    ]  # fmt: skip
    np.testing.assert_allclose(found, expected)


def test_the_graph_of_superpixels_is_that_of_a_loop(rng):
    own, around, places = rng.random((6, 3)), rng.random((6, 3)), rng.random((6, 2))
    options = SuperpixelGraphOptions(neighbours=2, width=0.5, reach=0.3, balance=0.7)
    found = similarities(own, around, places, options).toarray()
    expected = np.zeros((6, 6))
    for i in range(6):
        strength = {}
        for j in set(range(6)) - {i}:
            near, mine = ((around[i] - around[j]) ** 2).sum(), ((own[i] - own[j]) ** 2).sum()
            strength[j] = (
                -(0.7 * near + 0.3 * mine) / 0.25 - np.linalg.norm(places[i] - places[j]) / 0.3
            )
        best = sorted(strength, key=strength.get)[::-1][:2]
        for j in best:
            weight = np.exp(strength[j] - strength[best[0]])
            expected[i, j] = max(expected[i, j], weight)
            expected[j, i] = max(expected[j, i], weight)
    np.testing.assert_allclose(found, expected)


def test_labels_spread_as_in_a_dense_system(rng):
    weights = np.triu(rng.random((5, 5)), 1)
    weights += weights.T
    votes = np.zeros((5, 2))
    votes[0, 0] = votes[3, 1] = 1
    from scipy.sparse import csr_array

    degree = weights.sum(axis=0)
    normal = weights / np.sqrt(degree[:, None] * degree)
    reached = np.linalg.inv(np.eye(5) - normal / 1.125) @ votes
    found = spread(csr_array(weights), votes, 0.125)
    np.testing.assert_allclose(found, reached / reached.sum(axis=1, keepdims=True))
