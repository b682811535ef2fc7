"""panel: its experts, and that the labels tell which of them to believe."""

import numpy as np
import pytest
from hsizoo_classifiers.experts import USUAL, Experts, discriminant, machine, shapes
from hsizoo_classifiers.ipg_plus import LP
from hsizoo_classifiers.options.panel import NAMES
from hsizoo_classifiers.pixels import Seeds, find_seeds
from scipy import ndimage
from sklearn.svm import SVC

import hsizoo
from hsizoo.errors import DataError, OptionError


def scene(scattered, shots=5, noise=0.1):
    """Three classes: each pixel for itself, or in fields, whose spectra hardly differ."""
    rng = np.random.default_rng(1)
    shape = (24, 30)
    if scattered:
        truth = rng.integers(0, 3, size=shape)
    else:
        truth = np.arange(30) * 3 // 30 + np.zeros((24, 1), dtype=int)
    spectra = rng.random((3, 8)) if scattered else 0.5 + 0.02 * rng.standard_normal((3, 8))
    data = spectra[truth] + (0.5 * noise if scattered else noise) * rng.standard_normal((*shape, 8))
    data[5, 5] = np.nan
    labels = np.full(shape, -1)
    for number in range(3):
        rows, cols = np.nonzero((truth == number) & np.isfinite(data[..., 0]))
        mine = rng.choice(len(rows), shots, replace=False)
        labels[rows[mine], cols[mine]] = number + 1
    names = {number + 1: f"class {number + 1}" for number in range(3)}
    return hsizoo.HyperCube(data), hsizoo.LabelMap(labels, names, ignore=[-1]), truth


def fitted(cube, labels, **options):
    panel = hsizoo.create("panel", "classifier", device="cpu", **options)
    return panel.fit(cube, labels, rng=np.random.default_rng(0))


def right(panel, cube, truth):
    return (panel.predict_proba(cube).argmax(axis=0) == truth)[cube.valid].mean()


@pytest.mark.parametrize("shots", [1, 2, 5])
@pytest.mark.parametrize("scattered", [True, False])
def test_probabilities_for_any_number_of_labels(scattered, shots):
    cube, labels, truth = scene(scattered, shots, noise=0.02)
    panel = fitted(cube, labels)
    found = panel.predict_proba(cube)
    assert found.shape == (3, 24, 30)
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(found[:, 5, 5], 1 / 3)  # no spectrum there
    assert right(panel, cube, truth) > 0.8
    np.testing.assert_array_equal(found, fitted(cube, labels).predict_proba(cube))
    assert list(panel.weights) == list(NAMES)
    assert min(panel.weights.values()) >= 0


def test_the_labels_tell_which_kind_of_scene_it_is():
    looks, lies = ("spectra", "shapes", "scales"), ("spread", "ipg-plus")
    kinds = {}
    for scattered in (True, False):
        cube, labels, truth = scene(scattered)
        panel = fitted(cube, labels)
        weights = panel.weights
        kinds[scattered] = sum(weights[n] for n in looks) - sum(weights[n] for n in lies)
        for name in ("svm", "ipg-plus"):
            single = hsizoo.create(name, "classifier")
            single.fit(cube, labels, rng=np.random.default_rng(0))
            assert right(panel, cube, truth) > right(single, cube, truth) - 0.03
    assert kinds[True] > kinds[False]


def test_an_expert_can_be_left_out():
    cube, labels, _ = scene(scattered=True)
    assert list(fitted(cube, labels, without="scales").weights) == [
        n for n in NAMES if n != "scales"
    ]


def test_two_classes_and_a_class_of_one_label():
    cube, labels, truth = scene(scattered=True)
    thin = labels.labels.copy()
    thin[thin == 3] = -1
    thin.flat[np.flatnonzero(thin == 2)[1:]] = -1
    panel = fitted(cube, hsizoo.LabelMap(thin, {1: "a", 2: "b"}, ignore=[-1]))
    found = panel.predict_proba(cube).argmax(axis=0)
    assert (found == truth)[cube.valid & (truth < 2)].mean() > 0.8
    equal = {name: power / len(NAMES) for name, power in USUAL.items()}
    assert panel.weights == pytest.approx(equal)  # one class alone tells nothing


@pytest.mark.parametrize(
    "name", ["panel:folds=1", "panel:trust=-1", "panel:caution=0", "panel:apart=-1"]
)
def test_options_that_cannot_be(name):
    with pytest.raises(OptionError, match=name.partition(":")[2].partition("=")[0]):
        hsizoo.create(name, "classifier")


def test_it_classifies_its_own_cube_only():
    cube, labels, _ = scene(scattered=True)
    with pytest.raises(DataError, match="call fit"):
        hsizoo.create("panel", "classifier").predict_proba(cube)
    with pytest.raises(DataError, match="call fit again"):
        fitted(cube, labels).predict_proba(hsizoo.HyperCube(cube.data + 1))


def test_experts_are_the_methods_that_they_are_named_after():
    cube, labels, _ = scene(scattered=False)
    whole = hsizoo.HyperCube(np.nan_to_num(cube.data, nan=0.5))
    seeds = find_seeds(whole, labels)
    experts = Experts(whole, NAMES)
    everywhere = np.arange(24 * 30)
    said = experts.answers(seeds, experts.arrived([seeds])[0], everywhere, 0)
    assert said.shape == (6, 720, 3)
    np.testing.assert_allclose(said.sum(axis=2), 1, atol=1e-5)
    walk = hsizoo.create("ipg-plus", "classifier").fit(whole, labels, rng=np.random.default_rng(0))
    expected = walk.predict_proba(whole).reshape(3, -1).T
    np.testing.assert_allclose(said[NAMES.index("ipg-plus")], expected, atol=1e-6)
    np.testing.assert_allclose(said[NAMES.index("spread")], LP.spread(whole, seeds), atol=1e-6)
    few = experts.answers(seeds, experts.arrived([seeds])[0], np.array([3, 700]), 0)
    np.testing.assert_allclose(few, said[:, [3, 700]], atol=1e-6)


def test_labels_spread_in_several_sets_at_once_as_one_by_one():
    cube, labels, _ = scene(scattered=False)
    seeds = find_seeds(cube, labels)
    less = Seeds(seeds.rows[::2], seeds.cols[::2], seeds.classes[::2], 3)
    both = LP.arrived_of(cube, [seeds, less])
    np.testing.assert_allclose(both[0], LP.arrived(cube, seeds))
    np.testing.assert_allclose(both[1], LP.arrived(cube, less))


def test_shapes_do_not_change_with_the_light():
    cube, _, _ = scene(scattered=True)
    bright = np.nan_to_num(cube.data, nan=0.5)
    bright = np.maximum(bright, 0.1)
    one, other = shapes(hsizoo.HyperCube(bright)), shapes(hsizoo.HyperCube(3 * bright))
    np.testing.assert_allclose(one, other, atol=1e-4)
    assert one.shape == (24, 30, 16)
    np.testing.assert_array_equal(shapes(hsizoo.HyperCube(np.zeros((3, 4, 5)))), 0)


def test_shapes_are_components_of_unit_spectra_and_logarithms():
    rng = np.random.default_rng(2)
    data = rng.random((6, 7, 4)) + 0.2
    found = shapes(hsizoo.HyperCube(data))
    for values, part in (
        (data / np.linalg.norm(data, axis=2, keepdims=True), found[..., :4]),
        (np.log(data), found[..., 4:]),
    ):
        flat = values.reshape(-1, 4) - values.reshape(-1, 4).mean(axis=0)
        turned = flat @ np.linalg.svd(flat, full_matrices=False)[2].T
        turned /= np.sqrt(turned.var(axis=0).sum())
        smooth = ndimage.gaussian_filter(turned.reshape(6, 7, 4), (0.7, 0.7, 0), mode="nearest")
        np.testing.assert_allclose(abs(part), abs(smooth), atol=1e-3)


def test_the_machine_decides_as_scikit_learns():
    rng = np.random.default_rng(3)
    known, values = rng.standard_normal((2, 30, 4))
    for count in (2, 4):
        classes = rng.permutation(np.arange(30) % count)
        fitted_machine = SVC(C=100, break_ties=True).fit(known, classes)
        found = machine(known, classes, values)
        np.testing.assert_array_equal(found.argmax(axis=1), fitted_machine.predict(values))


def test_the_discriminant_of_single_labels_is_the_nearest_one():
    rng = np.random.default_rng(3)
    known, values = rng.standard_normal((3, 4)), rng.standard_normal((50, 4))
    order = np.array([2, 0, 1])
    seeds = Seeds(order, order, order, 3)
    found = discriminant(known, seeds, values)
    apart = (((values[:, None] - known[None]) / values.std(axis=0)) ** 2).sum(axis=2)
    np.testing.assert_array_equal(found.argmax(axis=1), order[apart.argmin(axis=1)])
