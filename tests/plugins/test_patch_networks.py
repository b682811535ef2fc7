"""The published networks on all bands: layer tables, contract, the image against its patches."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hsizoo_classifiers.a2s2k import AdaptiveKernelNet
from hsizoo_classifiers.bands import BandScaling
from hsizoo_classifiers.cdcnn import ContextualNet
from hsizoo_classifiers.dbma import DoubleBranchNet
from hsizoo_classifiers.options.networks import Training
from hsizoo_classifiers.patches import (
    Schedule,
    _flipped,
    bordered,
    descend,
    gather,
    own_chance,
    predict_patches,
    train,
    watching,
)
from hsizoo_classifiers.pixels import Seeds
from hsizoo_classifiers.ssrn import ResidualNet

import hsizoo
from hsizoo.errors import DataError, OptionError
from hsizoo.protocols.few_label import FewLabelProtocol

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

BUILD = {
    "cdcnn": lambda bands, classes, patch: ContextualNet(bands, classes, patch, 0.5, "local"),
    "ssrn": ResidualNet,
    "dbma": DoubleBranchNet,
    "a2s2k": lambda bands, classes, _: AdaptiveKernelNet(bands, classes, "each"),
}
SALINAS_A = [
    ("cdcnn", 0.916, 0.05),
    ("ssrn", 0.997, 0.03),
    ("dbma", 0.969, 0.03),
    ("a2s2k", 0.994, 0.03),
]
"""Overall accuracy of seed 0; a CPU that rounds otherwise trains another network."""

PATCH = {"cdcnn": 5, "ssrn": 7, "dbma": 7, "a2s2k": 7}

QUICK = [
    "cdcnn:epochs=12,rate=0.002",
    "cdcnn:norm=batch,epochs=12,rate=0.002",
    "ssrn:patch=3,epochs=20,rate=0.003",
    "dbma:patch=3,epochs=12,rate=0.003",
    "a2s2k:patch=3,epochs=20,rate=0.003",
    "a2s2k:selection=shared,patch=3,epochs=20,rate=0.003",
    "a2s2k:components=8,patch=3,epochs=20,rate=0.003",
]


def fields(bands=9, classes=3, height=10, width=15):
    """Noisy stripes, one spectrum each, labels on some pixels, corners too; one has no spectrum."""
    rng = np.random.default_rng(0)
    truth = np.arange(width) * classes // width + np.zeros((height, 1), dtype=int)
    spectra = rng.random((classes, bands))
    data = 50 * spectra[truth] + 2 * rng.standard_normal((height, width, bands)) + 300
    data[3, 3] = np.nan
    labels = np.where(np.add.outer(np.arange(height), np.arange(width)) % 4 == 0, truth + 5, -1)
    names = {number + 5: f"class {number}" for number in range(classes)}
    return hsizoo.HyperCube(data), hsizoo.LabelMap(labels, names, ignore=[-1]), truth


def classify(name, cube, labels):
    classifier = hsizoo.create(name, "classifier", device="cpu")
    classifier.fit(cube, labels, rng=np.random.default_rng(3))
    return np.asarray(classifier.predict_proba(cube))


@pytest.mark.parametrize("name", BUILD)
def test_parameters_are_as_many_as_the_table_says(name):
    net = BUILD[name](200, 16, PATCH[name])
    text = type(net).__doc__
    table = text.split("=====\n")[2]
    rows = [int(row) for row in re.findall(r"(?:^|[ =])(\d+)$", table, flags=re.MULTILINE)]
    total = int(re.search(r"Total: (\d+) parameters", text)[1])
    assert sum(rows) == total == sum(each.numel() for each in net.parameters())


def test_parameters_of_the_other_forms():
    count = [
        sum(each.numel() for each in net.parameters())
        for net in (
            ContextualNet(200, 16, 5, 0.5, "batch"),
            AdaptiveKernelNet(200, 16, "shared"),
        )
    ]
    assert count == [1_046_800 + 1024, 370_736]


@pytest.mark.parametrize("name", QUICK)
def test_the_fields_are_found_again_and_again(name):
    cube, labels, truth = fields()
    before = torch.random.get_rng_state()
    found = classify(name, cube, labels)
    assert torch.equal(torch.random.get_rng_state(), before), "global chance was used"
    assert found.shape == (3, 10, 15)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    assert (found.argmax(axis=0) == truth)[cube.valid].mean() > 0.9
    np.testing.assert_array_equal(found, classify(name, cube, labels))


@pytest.mark.parametrize("name", BUILD)
@pytest.mark.parametrize(("bands", "classes"), [(3, 2), (7, 2), (8, 5)])
def test_few_bands_and_any_number_of_classes(name, bands, classes):
    cube, labels, _ = fields(bands, classes)
    if bands < 7 and name != "cdcnn":
        with pytest.raises(DataError, match=r"has 3 bands; .* span 7: use cdcnn"):
            classify(f"{name}:epochs=1", cube, labels)
        return
    found = classify(f"{name}:epochs=1", cube, labels)
    assert found.shape == (classes, 10, 15)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    "name", ["cdcnn:norm=batch", "ssrn:patch=3", "dbma:patch=1", "a2s2k:patch=3"]
)
def test_batches_of_two_of_an_odd_number_of_labels(name):
    cube, labels, _ = fields(classes=2)
    five = labels.labels.copy()
    five.flat[np.flatnonzero(five == 5)[3:]] = -1
    five.flat[np.flatnonzero(five == 6)[2:]] = -1
    few = hsizoo.LabelMap(five, dict(labels.class_names), ignore=[-1])
    found = classify(name + ("," if ":" in name else ":") + "batch=2,epochs=2", cube, few)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(("count", "batch"), [(2, 2), (5, 2), (7, 3), (16, 16), (17, 16), (33, 5)])
def test_an_epoch_takes_every_sample_once_and_never_one_alone(count, batch):
    net = torch.nn.Linear(1, 1)
    schedule = Schedule(rate=0, batch=batch, epochs=3, optimiser="sgd")
    taken = []

    def loss_of(chosen):
        taken.append(chosen.tolist())
        return net(torch.ones(1)).sum()

    descend(net, loss_of, count, schedule, torch.Generator().manual_seed(0))
    steps = len(taken) // 3
    assert len(taken) == 3 * steps
    for epoch in range(3):
        every = np.concatenate(taken[epoch * steps : (epoch + 1) * steps])
        assert sorted(every) == list(range(count))
    assert {len(each) for each in taken} <= {2, 3} | set(range(2, batch + 1))
    assert not net.training


@pytest.mark.parametrize("name", BUILD)
def test_overfits_sixteen_patches(name):
    patch = PATCH[name]
    chance = np.random.default_rng(0)
    image = torch.from_numpy(chance.standard_normal((10, 24, 24)).astype(np.float32))
    place = np.arange(16)
    seeds = Seeds(place, 15 - place, place % 4, 4)
    schedule = Schedule(rate=3e-3, decay=0, batch=16, epochs=60, max_steps=60, optimiser="adam")
    with own_chance(chance, torch.device("cpu")) as mine:
        net = BUILD[name](10, 4, patch)
        train(net, image, patch, seeds, schedule, mine)
    rows, cols = torch.from_numpy(seeds.rows), torch.from_numpy(seeds.cols)
    with torch.inference_mode():
        found = net(gather(image, patch, rows, cols)).argmax(dim=1)
    assert found.tolist() == seeds.classes.tolist()


@pytest.mark.parametrize("patch", [1, 3, 5])
def test_a_patch_is_centred_on_its_pixel_and_mirrored_at_the_border(patch):
    image = np.random.default_rng(0).random((6, 8, 3)).astype(np.float32)
    margin = patch // 2
    mirrored = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    rows, cols = np.indices((6, 8)).reshape(2, -1)
    padded = bordered(image, patch, torch.device("cpu"), "field")
    patches = gather(padded, patch, torch.from_numpy(rows), torch.from_numpy(cols))
    expected = [
        mirrored[row : row + patch, col : col + patch].transpose(2, 0, 1)
        for row, col in zip(rows, cols, strict=True)
    ]
    np.testing.assert_array_equal(patches, np.stack(expected))


def test_patches_are_mirrored_both_ways_each_by_its_own_coin():
    patch = torch.arange(4.0).reshape(1, 1, 2, 2)
    found = _flipped(patch.expand(400, -1, -1, -1), torch.Generator().manual_seed(0))
    kinds, counts = found.flatten(1).unique(dim=0, return_counts=True)
    assert kinds.tolist() == [[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]]
    assert (counts > 60).all()


def test_chance_is_that_of_the_seed_and_the_global_one_stays():
    before, drawn = torch.random.get_rng_state(), []
    for seed in (0, 0, 1):
        with own_chance(np.random.default_rng(seed), torch.device("cpu")) as chance:
            drawn.append((torch.rand(1).item(), torch.rand(1, generator=chance).item()))
    assert torch.equal(torch.random.get_rng_state(), before)
    one, again, other = drawn
    assert one == again
    assert one[0] != other[0]
    assert one[1] != other[1]
    assert one[0] != one[1]


@pytest.mark.parametrize("course", ["cosine", "constant"])
@pytest.mark.parametrize("optimiser", ["sgd", "adam", "rmsprop"])
def test_steps_are_those_of_the_schedule(optimiser, course):
    schedule = Schedule(
        rate=0.1, decay=0.05, batch=2, epochs=3, max_steps=5, momentum=0.6, optimiser=optimiser,
        course=course,
    )  # fmt: skip
    net, twin = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    twin.load_state_dict(net.state_dict())
    if optimiser == "sgd":
        by_hand = torch.optim.SGD(twin.parameters(), 0.1, momentum=0.6, weight_decay=0.05)
    else:
        by_hand = torch.optim.Adam(twin.parameters(), 0.1, weight_decay=0.05)
    weight, square = twin.weight.item(), 0.0
    for step in range(5):  # of the six of three epochs
        rate = 0.1 * (1 + np.cos(np.pi * step / 5)) / 2 if course == "cosine" else 0.1
        by_hand.param_groups[0]["lr"] = rate
        by_hand.zero_grad()
        (twin.weight - 2).square().sum().backward()
        by_hand.step()
        slope = 2 * (weight - 2) + 0.05 * weight  # RMSprop as Keras has it
        square = 0.9 * square + 0.1 * slope**2
        weight -= rate * slope / (square**0.5 + 1e-7)
    seen = []

    def loss_of(chosen):
        seen.append(chosen)
        return (net.weight - 2).square().sum()

    descend(net, loss_of, 4, schedule, torch.Generator().manual_seed(0))
    expected = torch.tensor([[float(weight)]]) if optimiser == "rmsprop" else twin.weight
    torch.testing.assert_close(net.weight, expected)
    assert [len(each) for each in seen] == [2] * 5
    assert not net.training


def test_published_trainings_are_whole_and_those_of_their_papers():
    published = {name: hsizoo.create(name, "classifier").options for name in (*BUILD, "cnn2d")}
    # Five labels in each of 16 classes, in batches of 16.
    steps = {name: own.epochs * 80 // own.batch for name, own in published.items()}
    assert {name: steps[name] for name in BUILD} == dict.fromkeys(BUILD, 1000)
    assert all(own.max_steps is None for name, own in published.items() if name in BUILD)
    assert steps["cnn2d"] <= published["cnn2d"].max_steps
    found = {name: (own.resolved.optimiser, own.resolved.rate, own.resolved.decay,
                    own.resolved.course) for name, own in published.items()}  # fmt: skip
    assert found == {
        "cdcnn": ("adam", 5e-4, 0, "cosine"), "ssrn": ("rmsprop", 3e-4, 0, "constant"),
        "dbma": ("adam", 5e-4, 0, "cosine"), "a2s2k": ("adam", 1e-3, 0, "cosine"),
        "cnn2d": ("sgd", 0.05, 1e-4, "cosine"),
    }  # fmt: skip


@pytest.mark.parametrize("name", [*BUILD, "cnn2d", "sln-sni", "smr-eg"])
def test_one_training_for_all_is_that_of_ipg(name):
    shared = hsizoo.create(f"{name}:training=shared", "classifier").options.resolved
    assert shared == Training(optimiser="sgd", rate=0.05, momentum=0.7, decay=1e-4)
    own = hsizoo.create(f"{name}:training=shared,rate=0.01,decay=0", "classifier").options.resolved
    assert own == Training(optimiser="sgd", rate=0.01, momentum=0.7, decay=0)
    constant = hsizoo.create(f"{name}:course=constant", "classifier").options.resolved
    assert constant.course == "constant"


def test_patches_are_not_mirrored_if_not_asked_for(monkeypatch):
    def refuse(*_):
        raise AssertionError("mirrored")

    monkeypatch.setattr("hsizoo_classifiers.patches._flipped", refuse)
    cube, labels, _ = fields()
    classify("cnn2d:epochs=1,flips=false", cube, labels)
    with pytest.raises(AssertionError, match="mirrored"):
        classify("cnn2d:epochs=1", cube, labels)


def test_who_watches_a_training_changes_nothing():
    cube, labels, _ = fields()
    seen = []

    def watcher(net, epoch, loss):
        assert not net.training
        net(torch.zeros(2, 9, 5, 5))
        seen.append((epoch, loss))

    with watching(watcher):
        found = classify("cdcnn:epochs=6", cube, labels)
    classify("cdcnn:epochs=1", cube, labels)  # not watched
    assert [epoch for epoch, _ in seen] == [1, 2, 3, 4, 5, 6]
    assert seen[-1][1] < seen[0][1]
    np.testing.assert_array_equal(found, classify("cdcnn:epochs=6", cube, labels))


@pytest.mark.parametrize("name", ["cdcnn", "ssrn", "dbma"])
@pytest.mark.parametrize("patch", [5, 7])
def test_the_whole_image_equals_its_patches(name, patch, monkeypatch):
    monkeypatch.setattr("hsizoo_classifiers.spectral_layers._AT_ONCE", 20_000)  # several parts
    torch.manual_seed(0)
    net = BUILD[name](12, 3, patch)
    net(2 * torch.randn(32, 12, patch, patch) + 1)  # statistics that are not those of the start
    net.eval()
    image = torch.randn(12, 8 + patch, 3 + patch)
    with torch.inference_mode():
        whole = net.whole(image)
    assert whole.shape == (3, 9, 4)
    torch.testing.assert_close(whole, predict_patches(net, image, patch), atol=1e-5, rtol=1e-5)


def test_a_kernel_is_chosen_patch_by_patch_however_many_at_once(monkeypatch):
    patches = torch.randn(11, 12, 5, 5)
    found = []
    for size in (2**23, 1, 30_000):
        monkeypatch.setattr("hsizoo_classifiers.spectral_layers._AT_ONCE", size)
        torch.manual_seed(0)
        with torch.inference_mode():
            found.append(AdaptiveKernelNet(12, 3, "each").eval()(patches))
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[0], found[2])


@pytest.mark.parametrize("name", ["ssrn", "dbma", "a2s2k"])
@pytest.mark.parametrize("bands", [7, 8, 9, 12])
def test_no_layout_in_memory_changes_what_is_computed(name, bands):
    """Convolutions of one channel to one column were wrong in ``channels_last``."""
    torch.manual_seed(0)
    net = BUILD[name](bands, 3, 5)
    patches = torch.randn(16, bands, 5, 5)
    exact = copy.deepcopy(net).double().to(memory_format=torch.contiguous_format)
    found, expected = net(patches), exact(patches.double())
    torch.testing.assert_close(found.double(), expected, atol=1e-3, rtol=1e-3)


def test_weights_of_the_two_kernels_are_learnt_unless_shared():
    for selection in ("each", "shared"):
        net = AdaptiveKernelNet(12, 3, selection)
        net(torch.randn(8, 12, 5, 5)).square().sum().backward()
        slope = max(each.weight.grad.abs().max().item() for each in net.excite)
        assert (slope > 1e-7) == (selection == "each"), selection


@pytest.mark.parametrize("name", BUILD)
def test_all_stays_on_the_device(name):
    patch = PATCH[name]
    net = BUILD[name](12, 3, patch).to("meta").eval()
    image = torch.empty(12, 4 + patch, 6 + patch, device="meta")
    logits = net.whole(image) if hasattr(net, "whole") else predict_patches(net, image, patch)
    assert logits.device.type == "meta"
    assert logits.shape == (3, 5, 7)


@pytest.mark.parametrize(
    "name",
    ["cdcnn:patch=3", "cdcnn:dropout=1", "ssrn:patch=8", "ssrn:batch=1",
     "ssrn:patch=1", "dbma:epochs=0", "dbma:rate=-1", "a2s2k:components=6", "a2s2k:components=-1",
     "a2s2k:selection=none", "a2s2k:max_steps=0", "a2s2k:decay=-1"],
)  # fmt: skip
def test_options_that_cannot_be(name):
    option = name.rpartition(",")[2].rpartition(":")[2].partition("=")[0]
    with pytest.raises(OptionError, match=option):
        hsizoo.create(name, "classifier", device="cpu")


@pytest.mark.parametrize("name", ["cdcnn", "ssrn"])
def test_a_cube_of_other_bands_is_refused(name):
    cube, labels, _ = fields()
    classifier = hsizoo.create(f"{name}:epochs=1", "classifier", device="cpu")
    classifier.fit(cube, labels, rng=np.random.default_rng(0))
    with pytest.raises(DataError, match=r"learnt from 9 bands; .* has 8"):
        classifier.predict_proba(hsizoo.HyperCube(np.ones((10, 15, 8))))


def test_bands_are_scaled_by_the_cube_that_was_learnt_from():
    cube, _, _ = fields()
    data = cube.data.copy()
    data[..., 4] = 0.1
    scaling = BandScaling(hsizoo.HyperCube(data))
    found = scaling.of(hsizoo.HyperCube(data))
    spectra = data[cube.valid].astype(float)
    expected = (spectra - spectra.mean(axis=0)) / np.maximum(spectra.std(axis=0), 1e-5)
    expected[:, 4] = 0
    np.testing.assert_allclose(found[cube.valid], expected, atol=1e-4)
    assert not found[3, 3].any()
    twice = scaling.of(hsizoo.HyperCube(2 * data))
    assert twice[0, 0, 0] > found[0, 0, 0] + 1
    with pytest.raises(DataError, match="no pixel has finite values in all 2 bands"):
        BandScaling(hsizoo.HyperCube(np.full((4, 4, 2), np.nan)))


@pytest.mark.slow
@pytest.mark.skipif(
    not (DATA / "salinas_a.npz").exists(),
    reason="Salinas-A is not in ../shared/data beside the checkout",
)
@pytest.mark.parametrize(("name", "expected", "margin"), SALINAS_A)
def test_accuracy_on_salinas_a_is_the_measured_one(name, expected, margin):
    scene = hsizoo.load_scene("salinas-a", data_dir=str(DATA))
    classifier = hsizoo.create(name, "classifier", device="cpu")
    found = FewLabelProtocol(shots=5).run(classifier, scene, seed=0)
    assert found["scores"]["oa"] == pytest.approx(expected, abs=margin)
