"""Self-training: the neighbours' judgement against a loop, thinning, balance, the last layer."""

from collections import Counter

import numpy as np
import pytest
import torch
from hsizoo_classifiers.nets import FullyConvolutional
from hsizoo_classifiers.patches import Schedule, gather, own_chance, train
from hsizoo_classifiers.pixels import Seeds
from hsizoo_classifiers.sln_sni import _LastLayer, balanced, judge, thinned
from torch.nn import functional as F

import hsizoo
from hsizoo.errors import OptionError


def judged_by_hand(probability, valid, window, agreement, sure):
    """One pixel after the other: class, confidence and the situation."""
    count, height, width = probability.shape
    coarse = probability.argmax(axis=0)
    half = window // 2
    classes = np.full((height, width), -1)
    confidence = np.zeros((height, width))
    situations = Counter(agreed=0, outvoted=0, divided=0)
    for row, col in np.argwhere(valid):
        seen = [
            (r, c)
            for r in range(max(0, row - half), min(height, row + half + 1))
            for c in range(max(0, col - half), min(width, col + half + 1))
            if valid[r, c]
        ]
        voters = [coarse[each] for each in seen if each != (row, col)]
        votes = np.bincount(voters, minlength=count) if voters else np.zeros(count)
        own = coarse[row, col]
        if voters and votes[own] >= agreement * len(voters):
            situation, label = "agreed", own
        elif voters and votes.max() >= agreement * len(voters):
            situation, label = "outvoted", votes.argmax()
        else:
            situation, label = "divided", own if probability[own, row, col] >= sure else -1
        situations[situation] += 1
        classes[row, col] = label
        if label >= 0:
            confidence[row, col] = np.mean([probability[(label, *each)] for each in seen])
    return classes, confidence, dict(situations)


@pytest.mark.parametrize("window", [3, 5])
@pytest.mark.parametrize("agreement", [0.51, 0.75, 1.0])
def test_the_judgement_equals_a_loop_over_pixels(window, agreement):
    rng = np.random.default_rng(0)
    # Fields with scattered errors, so that every situation comes.
    fields = np.arange(12)[:, None] // 6 + np.zeros((12, 15), dtype=int)
    fields[rng.random(fields.shape) < 0.2] = 2
    logits = 3 * np.eye(3)[fields].transpose(2, 0, 1) + rng.standard_normal((3, 12, 15))
    probability = torch.from_numpy(logits).softmax(dim=0)
    valid = rng.random((12, 15)) > 0.1
    valid[:3, :3] = False
    valid[1, 1] = True  # a pixel without neighbours, for the smaller window
    found = judge(probability, torch.from_numpy(valid), window, agreement, 0.8)
    expected = judged_by_hand(probability.numpy(), valid, window, agreement, 0.8)
    np.testing.assert_array_equal(found.classes, expected[0])
    np.testing.assert_allclose(found.confidence, expected[1], atol=1e-6)
    assert found.counts == expected[2]
    assert agreement == 1 or min(found.counts.values()) > 0, "not every situation came"


def test_a_wrong_pixel_in_a_field_is_put_right():
    probability = torch.tensor([0.9, 0.1])[:, None, None].repeat(1, 5, 5)
    probability[:, 2, 2] = torch.tensor([0.05, 0.95])
    found = judge(probability, torch.ones(5, 5, dtype=torch.bool), 3, 0.75, 0.99)
    assert not found.classes.any()
    assert found.counts == {"agreed": 24, "outvoted": 1, "divided": 0}
    assert found.confidence[2, 2] == pytest.approx((8 * 0.9 + 0.05) / 9)


@pytest.mark.parametrize(
    ("tail", "expected"),
    [(0.0, [100, 25, 1, 0]), (0.5, [100, 50, 10, 0]), (1.0, [100, 100, 10, 0])],
)
def test_large_classes_are_thinned_out(tail, expected):
    assert thinned(np.array([1000, 250, 10, 0]), 100, tail).tolist() == expected


def test_no_class_keeps_more_than_there_are_or_nothing_at_all():
    assert thinned(np.array([40, 30, 1]), 100, 0.5).tolist() == [40, 30, 1]
    assert thinned(np.array([0, 0]), 100, 0.5).tolist() == [0, 0]


def test_balanced_samples_come_equally_often():
    classes = np.array([0] * 7 + [1] * 3 + [2])
    seeds = Seeds(np.arange(11), np.arange(11) * 2, classes, 3)
    found = balanced(seeds, np.random.default_rng(0))
    assert np.bincount(found.classes).tolist() == [7, 7, 7]
    np.testing.assert_array_equal(found.cols, 2 * found.rows)
    np.testing.assert_array_equal(found.classes, classes[found.rows])
    often = np.bincount(found.rows, minlength=11)
    assert often.tolist()[:7] == [1] * 7
    assert sorted(often[7:10]) == [2, 2, 3]
    assert often[10] == 7
    firsts = {balanced(seeds, np.random.default_rng(k)).rows.tolist()[7] for k in range(20)}
    assert firsts == {7, 8, 9}, "it is always the same samples that come once more"


def test_only_the_last_layer_is_learnt_again():
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.standard_normal((5, 24, 24)).astype(np.float32))
    place = np.arange(16)
    seeds = Seeds(place, 15 - place, place % 4, 4)
    schedule = Schedule(
        optimiser="sgd", rate=0.1, momentum=0.9, decay=1e-3, batch=16, epochs=20, max_steps=20
    )
    with own_chance(rng, torch.device("cpu")) as chance:
        net = FullyConvolutional(5, 4, 9, 0.0, True)
        net(torch.randn(32, 5, 9, 9))
        net.eval()
        rows, cols = torch.from_numpy(seeds.rows), torch.from_numpy(seeds.cols)
        patches, truth = gather(image, 9, rows, cols), torch.from_numpy(seeds.classes)
        with torch.inference_mode():
            first = float(F.cross_entropy(net(patches), truth))
        before = {name: each.clone() for name, each in net.state_dict().items()}
        train(_LastLayer(net), image, 9, seeds, schedule, chance)
    assert not net.training
    changed = {name for name, each in net.state_dict().items() if not each.equal(before[name])}
    assert changed == {"head.1.weight", "head.1.bias"}
    with torch.inference_mode():
        torch.testing.assert_close(_LastLayer(net).eval()(patches), net(patches))
        assert float(F.cross_entropy(net(patches), truth)) < first


@pytest.mark.parametrize(
    "options",
    ["rounds=0", "window=4", "window=1", "agreement=0.5", "agreement=1.1", "sure=0", "tail=2",
     "per_class=0", "patch=8", "momentum=1", "batch=1", "refit_steps=-1"],
)  # fmt: skip
def test_options_that_cannot_be(options):
    with pytest.raises(OptionError, match=options.partition("=")[0]):
        hsizoo.create(f"sln-sni:{options}", "classifier", device="cpu")
