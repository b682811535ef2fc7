"""The graph network over patches: its graph, its loss, its table, its training."""

import math

import numpy as np
import pytest
import torch
from hsizoo_classifiers.patches import Schedule, gather, own_chance
from hsizoo_classifiers.pixels import Seeds
from hsizoo_classifiers.smr_eg import (
    ManifoldNetwork,
    embedded_gaussian,
    information_loss,
    train_jointly,
)

import hsizoo
from hsizoo.errors import OptionError


def test_parameters_are_as_many_as_the_table_says():
    assert sum(each.numel() for each in ManifoldNetwork(30, 16, 64, 0.3).parameters()) == 24_208


def test_the_graph_equals_a_loop_over_its_pixels():
    chance = torch.Generator().manual_seed(0)
    queries, keys = (
        torch.randn((2, 4, 5), generator=chance),
        torch.randn((2, 4, 9), generator=chance),
    )
    found = embedded_gaussian(queries, keys)
    for sample in range(2):
        for one in range(5):
            products = [
                math.exp(float(queries[sample, :, one] @ keys[sample, :, other]) / math.sqrt(4))
                for other in range(9)
            ]
            expected = torch.tensor(products) / sum(products)
            torch.testing.assert_close(found[sample, one], expected)
    torch.testing.assert_close(found.sum(dim=2), torch.ones(2, 5))


def test_information_of_sure_and_of_unsure_samples():
    sure = 100 * torch.eye(4).repeat(3, 1)
    assert float(information_loss(sure)) == pytest.approx(-math.log(4), abs=1e-5)
    assert float(information_loss(torch.zeros(6, 4))) == pytest.approx(0, abs=1e-6)
    one_class = 100 * torch.eye(4)[:1].repeat(5, 1)
    assert float(information_loss(one_class)) == pytest.approx(0, abs=1e-5)
    logits = torch.randn((7, 3), generator=torch.Generator().manual_seed(0))
    chances = logits.softmax(dim=1).numpy().astype(float)
    entropies = [-sum(p * math.log(p) for p in each) for each in chances]
    mean = chances.mean(axis=0)
    expected = np.mean(entropies) + sum(p * math.log(p) for p in mean)
    assert float(information_loss(logits)) == pytest.approx(expected, abs=1e-5)


def made_up(classes=4, dropout=0.0):
    torch.manual_seed(0)
    net = ManifoldNetwork(3, classes, 8, dropout)
    net(torch.randn(16, 3, 5, 5))  # statistics that are not those of the start
    return net.eval()


def test_labels_of_the_patch_are_gathered_at_its_centre():
    net = made_up()
    patches = torch.randn(6, 3, 5, 5)
    with torch.inference_mode():
        pixels = net.features(net.embed(patches.flatten(2)))
        block = net.classify
        graph = embedded_gaussian(block.query(pixels), block.key(pixels))[:, 12]
        each = block.scores(pixels).softmax(dim=1)
        expected = (each * graph[:, None]).sum(dim=2)
        found = net(patches)
    torch.testing.assert_close(found.exp(), expected)
    torch.testing.assert_close(found.exp().sum(dim=1), torch.ones(6))


def test_mirrored_and_shuffled_patches_give_the_same():
    net = made_up()
    patches = torch.randn(6, 3, 5, 5)
    order = torch.cat([torch.randperm(12) + 13, torch.tensor([12]), torch.randperm(12)])
    with torch.inference_mode():
        expected = net(patches)
        torch.testing.assert_close(net(patches.flip(2)), expected)
        torch.testing.assert_close(
            net(patches.flatten(2)[:, :, order].unflatten(2, (5, 5))), expected
        )


def test_it_overfits_sixteen_patches_and_hears_the_unlabelled():
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.standard_normal((5, 24, 24)).astype(np.float32))
    place = np.arange(16)
    seeds = Seeds(place, 15 - place, place % 4, 4)
    rows, cols = torch.from_numpy(seeds.rows), torch.from_numpy(seeds.cols)
    schedule = Schedule(rate=0.01, decay=0.0, batch=16, epochs=150, max_steps=150, optimiser="adam")
    everywhere = torch.cartesian_prod(torch.arange(16), torch.arange(16))
    losses = {}
    for weight in (0.0, 1.0):
        with own_chance(np.random.default_rng(0), torch.device("cpu")) as chance:
            net = ManifoldNetwork(5, 4, 32, 0.0)
            train_jointly(net, image, 9, seeds, schedule, weight, (everywhere, 32), chance)
        assert not net.training
        with torch.inference_mode():
            found = net(gather(image, 9, rows, cols)).argmax(dim=1)
            losses[weight] = float(information_loss(net(gather(image, 9, *everywhere.T))))
        assert found.tolist() == seeds.classes.tolist()
    assert losses[1.0] < losses[0.0] - 0.1, "the information loss was not made smaller"


@pytest.mark.parametrize(
    "options", ["width=7", "width=0", "patch=4", "unlabelled=0", "information=-1", "dropout=1"]
)
def test_options_that_cannot_be(options):
    with pytest.raises(OptionError, match=options.partition("=")[0]):
        hsizoo.create(f"smr-eg:{options}", "classifier", device="cpu")
