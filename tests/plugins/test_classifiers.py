"""The classifiers: contract, reproducibility, and the whole image against its patches."""

import numpy as np
import pytest
import torch
from hsizoo_classifiers import patches
from hsizoo_classifiers.drawn_labels import drawn_labels
from hsizoo_classifiers.nets import FullyConvolutional, paoletti, plain
from hsizoo_classifiers.patches import (
    Schedule,
    bordered,
    gather,
    own_chance,
    predict,
    predict_patches,
    train,
)
from hsizoo_classifiers.pixels import Components, Seeds, find_seeds

import hsizoo
from hsizoo.errors import DataError, OptionError

QUICK = [
    "svm",
    "rf:trees=20",
    "lp",
    "cnn2d:patch=5,epochs=20",
    "cnn2d:net=valid,patch=5,epochs=20",
    "lp+cnn2d:patch=5,epochs=2",
    "lp:per_class=20+rf:trees=20",
]


def fields(height=24, width=30, bands=6, classes=3, seed=0):
    """Noisy rectangles of three spectra; one pixel has no spectrum."""
    rng = np.random.default_rng(seed)
    truth = np.arange(width) * classes // width + np.zeros((height, 1), dtype=int)
    spectra = rng.random((classes, bands))
    data = spectra[truth] + 0.1 * rng.standard_normal((height, width, bands))
    data[3, 3] = np.nan
    labels = np.full((height, width), -1)
    for number in range(classes):
        rows, cols = np.nonzero(truth == number)
        mine = rng.choice(len(rows), 4, replace=False)
        labels[rows[mine], cols[mine]] = number + 1
    names = {number + 1: f"class {number + 1}" for number in range(classes)}
    return hsizoo.HyperCube(data), hsizoo.LabelMap(labels, names, ignore=[-1]), truth


def classify(name, cube, labels, seed=0):
    classifier = hsizoo.create(name, "classifier", device="cpu")
    assert classifier.fit(cube, labels, rng=np.random.default_rng(seed)) is classifier
    return np.asarray(classifier.predict_proba(cube))


@pytest.mark.parametrize("name", QUICK)
def test_probabilities_that_find_the_fields_again_and_again(name):
    cube, labels, truth = fields()
    before = torch.random.get_rng_state()
    found = classify(name, cube, labels)
    assert torch.equal(torch.random.get_rng_state(), before), "global chance was used"
    assert found.shape == (3, 24, 30)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    assert found.min() >= 0
    assert (found.argmax(axis=0) == truth)[cube.valid].mean() > 0.9
    np.testing.assert_array_equal(found, classify(name, cube, labels))


@pytest.mark.parametrize("name", ["svm", "rf", "lp", "cnn2d"])
def test_bad_input_is_told(name):
    cube, labels, _ = fields()
    classifier = hsizoo.create(name, "classifier", device="cpu")
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="call fit"):
        classifier.predict_proba(cube)
    one = hsizoo.LabelMap(labels.labels, dict(labels.class_names), [-1, 2, 3])
    with pytest.raises(DataError, match="two classes or more"):
        classifier.fit(cube, one, rng=rng)
    more = hsizoo.LabelMap(labels.labels, {**labels.class_names, 9: "rye"}, [-1])
    with pytest.raises(DataError, match="for: rye"):
        classifier.fit(cube, more, rng=rng)
    with pytest.raises(DataError, match="the labels have"):
        classifier.fit(hsizoo.HyperCube(np.ones((5, 5, 6))), labels, rng=rng)


@pytest.mark.parametrize("name", ["svm", "rf", "dca", "cnn2d:epochs=1", "ssrn:epochs=1"])
def test_a_cube_of_other_bands_or_without_a_spectrum_is_refused(name):
    cube, labels, _ = fields(bands=7)
    classifier = hsizoo.create(name, "classifier", device="cpu")
    classifier.fit(cube, labels, rng=np.random.default_rng(0))
    with pytest.raises(DataError, match="learnt from 7 bands; cube has 5"):
        classifier.predict_proba(hsizoo.HyperCube(np.ones((24, 30, 5))))
    with pytest.raises(DataError, match="no pixel has finite values in all 7 bands"):
        classifier.predict_proba(hsizoo.HyperCube(np.full((24, 30, 7), np.nan)))


@pytest.mark.parametrize("name", ["svm", "rf", "lp", "dca", "ipg-plus", "cnn2d", "cdcnn"])
def test_bands_without_values_are_named(name):
    cube, labels, _ = fields()
    data = cube.data.copy()
    data[..., [1, 4]] = np.nan
    classifier = hsizoo.create(name, "classifier", device="cpu")
    with pytest.raises(DataError, match=r"in all 6 bands; bands without any .*: 1, 4\. Drop"):
        classifier.fit(hsizoo.HyperCube(data), labels, rng=np.random.default_rng(0))


def test_label_propagation_classifies_its_own_cube_only():
    cube, labels, _ = fields()
    classifier = hsizoo.create("lp", "classifier").fit(cube, labels, rng=np.random.default_rng(0))
    with pytest.raises(DataError, match="call fit again"):
        classifier.predict_proba(fields(seed=1)[0])


@pytest.mark.parametrize(
    "name",
    ["svm:folds=1", "rf:trees=0", "lp:alpha=1", "lp:width=0", "lp:neighbours=0", "cnn2d:patch=8",
     "cnn2d:momentum=1", "cnn2d:batch=1", "lp:share=0+rf"],
)  # fmt: skip
def test_options_that_cannot_be(name):
    with pytest.raises(OptionError, match=name.partition(":")[2].partition("=")[0]):
        hsizoo.create(name, "classifier", device="cpu")


def test_svm_of_one_pixel_per_class_has_nothing_to_validate():
    cube, labels, truth = fields()
    single = np.full(labels.labels.shape, -1)
    for label in (1, 2, 3):
        single.flat[np.flatnonzero(labels.labels == label)[0]] = label
    found = classify("svm", cube, hsizoo.LabelMap(single, dict(labels.class_names), [-1]))
    assert (found.argmax(axis=0) == truth)[cube.valid].mean() > 0.6


@pytest.mark.parametrize("name", ["lp", "ipg-plus"])
def test_pseudo_labels_keep_the_seeds_and_their_limits(name):
    cube, labels, truth = fields()
    labeler = hsizoo.create(f"{name}:per_class=25,share=0.5", "pseudo-labeler")
    made = labeler.label(cube, labels, rng=np.random.default_rng(0))
    seeds = labels.evaluated
    np.testing.assert_array_equal(made.labels[seeds], labels.labels[seeds])
    assert (made.confidence[seeds] == 1).all()
    given = made.labels != made.unassigned
    assert not given[3, 3]
    assert (made.confidence[~given] == 0).all()
    assert np.bincount(made.labels[given & ~seeds]).tolist() == [0, 25, 25, 25]
    assert (made.labels[given] == truth[given] + 1).mean() > 0.95


def test_labels_are_drawn_from_where_a_class_leads_by_most():
    lead = np.array([0.9, 0.5, 0.3, 0.1, 0.0])
    found = np.stack([np.r_[1 + lead, 1 - lead], np.r_[1 - lead, 1 + lead]], axis=1) / 2
    cube = hsizoo.HyperCube(np.ones((2, 5, 1)))
    labels = hsizoo.LabelMap([[7, 0, 0, 0, 0], [8, 0, 0, 0, 0]], {7: "a", 8: "b"}, ignore=[0])
    known = find_seeds(cube, labels)
    rng = np.random.default_rng(0)
    made = drawn_labels(cube, labels, known, found, share=0.5, per_class=9, rng=rng)
    # Each class won three new pixels, the fifth none: half of these are two.
    none = made.unassigned
    np.testing.assert_array_equal(made.labels, [[7, 7, 7, none, none], [8, 8, 8, none, none]])
    np.testing.assert_allclose(made.confidence, [[1, 0.5, 0.3, 0, 0]] * 2, atol=1e-7)


def parcels():
    """Two classes that anyone can tell apart and two that are nearly the same, in parcels.

    Each parcel's spectrum is a little its own, and has one labelled pixel.
    """
    rng = np.random.default_rng(1)
    dealt = np.array([[0, 2, 1, 3, 0, 2], [1, 3, 0, 2, 1, 3]])
    truth = np.kron(dealt, np.ones((10, 10), dtype=int))
    spectra = np.array([[4.0, 0, 0, 0], [0, 4, 0, 0], [0, 0, 2, 1], [0, 0, 2, -1]])
    own = np.kron(0.1 * rng.standard_normal((2, 6, 4)), np.ones((10, 10, 1)))
    data = spectra[truth] + own + 1.5 * rng.standard_normal((20, 60, 4))
    labels = np.zeros(truth.shape, dtype=int)
    labels[4::10, 4::10] = dealt + 1
    names = {number + 1: f"class {number + 1}" for number in range(4)}
    return hsizoo.HyperCube(data), hsizoo.LabelMap(labels, names, ignore=[0]), truth


@pytest.mark.parametrize("name", ["lp", "ipg-plus"])
def test_pseudo_labels_come_from_classes_that_are_hard_to_tell_apart_too(name):
    # Of the 30 % surest pixels of this image lp gives none a label of class 3 or 4.
    cube, labels, _ = parcels()
    labeler = hsizoo.create(f"{name}:per_class=40", "pseudo-labeler")
    made, same, other = (
        labeler.label(cube, labels, rng=np.random.default_rng(i)) for i in [0, 0, 1]
    )
    new = (made.labels != made.unassigned) & ~labels.evaluated
    assert np.bincount(made.labels[new]).tolist() == [0, 40, 40, 40, 40]
    np.testing.assert_array_equal(made.labels, same.labels)
    assert (made.labels != other.labels).any()


def test_a_network_does_not_lose_by_pseudo_labels_that_are_right():
    # With those of the surest pixels of the image it fell from 0.95 to 0.71.
    cube, labels, truth = parcels()
    alone, helped = (
        (classify(name, cube, labels).argmax(axis=0) == truth).mean()
        for name in ("cnn2d:patch=5,max_steps=60", "lp:per_class=100+cnn2d:patch=5,max_steps=60")
    )
    assert alone > 0.9
    assert helped > alone - 0.03


@pytest.mark.parametrize("padding", [True, False])
@pytest.mark.parametrize("patch", [5, 7, 9])
def test_the_whole_image_equals_its_patches(patch, padding):
    torch.manual_seed(0)
    net = FullyConvolutional(4, 3, patch, 0.3, padding)
    net(2 * torch.randn(32, 4, patch, patch) + 1)  # statistics that are not those of the start
    net.eval()
    image = torch.randn(4, 12 + patch, 7 + patch)
    with torch.inference_mode():
        whole = net.whole(image)
    assert whole.shape == (3, 13, 8)
    torch.testing.assert_close(whole, predict_patches(net, image, patch))


def test_patches_are_those_around_the_pixels():
    cube = np.arange(7 * 6 * 2, dtype=np.float32).reshape(7, 6, 2)
    image = bordered(cube, 5, torch.device("cpu"), "cube")
    padded = np.pad(cube, ((2, 2), (2, 2), (0, 0)), mode="reflect")
    rows, cols = torch.tensor([0, 3, 6]), torch.tensor([0, 4, 5])
    for patch, row, col in zip(gather(image, 5, rows, cols), rows, cols, strict=True):
        np.testing.assert_array_equal(patch.permute(1, 2, 0), padded[row : row + 5, col : col + 5])
    with pytest.raises(DataError, match="set patch=3 or less"):
        bordered(cube[:2], 5, torch.device("cpu"), "cube")
    with pytest.raises(DataError, match="needs at least patch=5; use another classifier"):
        bordered(cube[:2], 9, torch.device("cpu"), "cube", least=5)


@pytest.mark.parametrize("pixels", [1, 40, 10**6])
def test_strips_give_what_the_whole_image_gives(monkeypatch, pixels):
    torch.manual_seed(0)
    net = FullyConvolutional(4, 3, 7, 0.3, True).eval()
    image = torch.randn(4, 23 + 6, 11 + 6)
    heights = []
    whole = net.whole
    monkeypatch.setattr(patches, "_PIXELS", pixels)
    monkeypatch.setattr(net, "whole", lambda part: heights.append(part.shape[1] - 6) or whole(part))
    with torch.inference_mode():
        torch.testing.assert_close(predict(net, image, 7), whole(image))
    assert sum(heights) == 23
    assert max(heights) <= max(1, pixels // 11)


@pytest.mark.parametrize(
    ("build", "parameters"),
    [
        (lambda: FullyConvolutional(30, 16, 9, 0.3, True), 301_968),
        (lambda: plain(30, 16, 9, 0.3), 175_952),
        (lambda: paoletti(30, 16, 9, 0.3), 324_366),
    ],
)
def test_parameters_are_as_many_as_the_tables_say(build, parameters):
    assert sum(each.numel() for each in build().parameters()) == parameters


@pytest.mark.parametrize("form", ["mean", "valid", "plain", "paoletti"])
def test_every_net_overfits_sixteen_patches(form):
    chance = np.random.default_rng(0)
    image = torch.from_numpy(chance.standard_normal((5, 24, 24)).astype(np.float32))
    place = np.arange(16)
    seeds = Seeds(place, 15 - place, place % 4, 4)
    nets = {
        "mean": lambda: FullyConvolutional(5, 4, 9, 0.0, True),
        "valid": lambda: FullyConvolutional(5, 4, 9, 0.0, False),
        "plain": lambda: plain(5, 4, 9, 0.0),
        "paoletti": lambda: paoletti(5, 4, 9, 0.0),
    }
    schedule = Schedule(
        optimiser="sgd", rate=0.05, momentum=0.7, decay=1e-4, batch=16, epochs=60, max_steps=60
    )
    with own_chance(chance, torch.device("cpu")) as mine:
        net = nets[form]()
        train(net, image, 9, seeds, schedule, mine)
    rows, cols = torch.from_numpy(seeds.rows), torch.from_numpy(seeds.cols)
    with torch.inference_mode():
        found = net(gather(image, 9, rows, cols)).argmax(dim=1)
    assert found.tolist() == seeds.classes.tolist()


def test_components_are_those_of_the_singular_value_decomposition():
    cube, _, _ = fields()
    spectra = cube.data[cube.valid].astype(float)
    scaled = (spectra - spectra.mean(axis=0)) / spectra.std(axis=0)
    left, values, _ = np.linalg.svd(scaled, full_matrices=False)
    white = Components(cube, 4, scale_bands=True, whiten=True).of(cube)[cube.valid]
    expected = left[:, :4] * np.sqrt(len(scaled))
    signs = np.sign((white * expected).sum(axis=0))
    np.testing.assert_allclose(white, expected * signs, atol=1e-4)
    plainly = Components(cube, 4, scale_bands=True, whiten=False).of(cube)[cube.valid]
    np.testing.assert_allclose(plainly, white * values[:4] / values[0], atol=1e-4)


def test_constant_bands_give_components_of_zero():
    cube = hsizoo.HyperCube(np.ones((4, 4, 3)))
    assert not Components(cube, 3, scale_bands=True, whiten=True).of(cube).any()
