"""Splits: disjoint whatever is asked for, stored and read back, and how far apart."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsizoo import HyperCube, LabelMap, Scene
from hsizoo.errors import ProtocolError
from hsizoo.protocols.few_label.draws import DRAWS
from hsizoo.protocols.few_label.splits import Split, draw_split


def scene(labels, *, data=None, ignore=(0,), targets=None):
    labels = np.asarray(labels)
    names = {int(label): f"class {label}" for label in np.unique(labels)}
    data = np.ones((*labels.shape, 2)) if data is None else data
    return Scene(HyperCube(data), LabelMap(labels, names, ignore, targets), name="field")


def stripes(height=48, width=60, classes=5):
    """Fields of classes 1 to `classes`, with an unlabelled strip between them."""
    rows, cols = np.indices((height, width))
    labels = (rows // 12 + 2 * (cols // 10)) % classes + 1
    return np.where((rows % 12 == 0) | (cols % 10 == 0), 0, labels)


def by_distance(train, test, radius):
    """Share of test pixels within a square of that radius of a training pixel, pixel by pixel."""
    apart = np.abs(np.argwhere(test)[:, None] - np.argwhere(train)[None]).max(axis=2).min(axis=1)
    return (apart <= radius).mean()


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    shots=st.integers(1, 12),
    draw=st.sampled_from(DRAWS),
    gap=st.sampled_from([1, 2, 3, 5]),
)
def test_train_and_test_are_disjoint_and_labelled(seed, shots, draw, gap):
    field = scene(stripes())
    training_map = np.zeros((48, 60), dtype=bool)
    training_map[:24] = True
    split = draw_split(
        field, shots=shots, draw=draw, seed=seed, gap=gap, block=8, training_map=training_map
    )
    assert not np.intersect1d(split.train, split.test).size
    labels = field.label_map.labels.ravel()
    assert (labels[split.train] > 0).all()
    assert (labels[split.test] > 0).all()
    assert np.bincount(labels[split.train]).max() <= shots
    assert set(labels[split.train]) == {1, 2, 3, 4, 5}
    if draw == "block-disjoint":
        assert by_distance(split.mask(split.train), split.mask(split.test), gap - 1) == 0
    if draw == "official":
        assert not training_map.ravel()[split.test].any()
        assert training_map.ravel()[split.train].all()
    stored = json.loads(json.dumps(split.record()))
    again = Split.from_record(stored)
    np.testing.assert_array_equal(again.train, split.train)
    np.testing.assert_array_equal(again.test, split.test)
    assert again.digest == split.digest


def test_random_tests_all_that_is_not_learnt_from():
    field = scene(stripes())
    split = draw_split(field, shots=5, draw="random", seed=0)
    assert len(split.train) == 25
    assert len(split.train) + len(split.test) == field.evaluated.sum()


def test_seeds_draw_anew_except_for_fixed():
    field = scene(stripes())
    for draw, same in (("random", False), ("block-disjoint", False), ("fixed", True)):
        digests = {
            draw_split(field, shots=5, draw=draw, seed=seed, gap=3, block=8).digest
            for seed in range(4)
        }
        assert len(digests) == (1 if same else 4), draw
    # The fixed draw is the random one of seed 0.
    first = [draw_split(field, shots=5, draw=draw, seed=0).digest for draw in ("random", "fixed")]
    assert first[0] == first[1]


def test_a_seed_draws_the_same_as_ever():
    split = draw_split(scene(stripes()), shots=1, draw="random", seed=3)
    assert split.train.tolist() == [594, 889, 1597, 1709, 2429]


def test_small_classes_are_halved_and_named():
    labels = np.zeros((10, 10), dtype=int)
    labels[0], labels[1, :6], labels[2, :3], labels[3, 0] = 1, 2, 3, 4
    split = draw_split(scene(labels), shots=5, draw="random", seed=0)
    counts = np.bincount(labels.ravel()[split.train], minlength=5)
    assert counts.tolist() == [0, 5, 3, 1, 1]
    assert split.short == ("class 2", "class 3", "class 4")
    assert split.untested == ("class 4",)


def test_what_is_unusable_or_no_target_takes_no_part():
    labels = stripes()
    data = np.ones((*labels.shape, 2))
    data[:, :12, 1] = np.nan
    field = scene(labels, data=data, targets=[1, 2, 3, 4])
    split = draw_split(field, shots=5, draw="random", seed=0)
    used = np.concatenate([split.train, split.test])
    assert (used % 60 >= 12).all()
    assert set(labels.ravel()[used]) == {1, 2, 3, 4}


@pytest.mark.parametrize("seed", range(4))
def test_a_class_in_one_block_is_learnt_and_named(seed):
    labels = stripes()
    labels[30:33, 41:43] = 6  # wherever it is cut: its pixels are too near to each other
    split = draw_split(scene(labels), shots=3, draw="block-disjoint", seed=seed, gap=3, block=8)
    assert 6 in labels.ravel()[split.train]
    assert split.untested == ("class 6",)
    assert set(labels.ravel()[split.test]) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("seed", range(4))
def test_a_class_in_two_places_is_learnt_in_one_and_tested_in_the_other(seed):
    labels = stripes()
    labels[30:33, 41:43] = labels[4:7, 4:6] = 6
    split = draw_split(scene(labels), shots=3, draw="block-disjoint", seed=seed, gap=3, block=8)
    assert split.untested == ()
    learnt, tested = (np.flatnonzero(labels == 6)[None] == pixels[:, None] for pixels in
                      (split.train, split.test))  # fmt: skip
    first = np.arange(12) < 6  # of its pixels, those above
    assert learnt[:, first].any() != learnt[:, ~first].any()
    assert tested[:, first].any() != tested[:, ~first].any()
    assert learnt[:, first].any() != tested[:, first].any()


@pytest.mark.parametrize("gap", [1, 2, 5, 9])
def test_the_gap_between_blocks_is_as_wide_as_asked_for_and_no_wider(gap):
    """Patches of 9 around pixels 8 apart have a column in common, around pixels 9 apart none."""
    labels = np.ones((64, 64), dtype=int)
    labels[32:] = 2
    split = draw_split(scene(labels), shots=20, draw="block-disjoint", seed=0, gap=gap, block=16)
    train, test = split.mask(split.train), split.mask(split.test)
    assert by_distance(train, test, gap - 1) == 0
    assert by_distance(train, test, gap) > 0


def test_indices_that_do_not_agree_with_their_digest_are_refused():
    for change in (
        lambda record: record["train"].__setitem__(0, 0),  # an unlabelled pixel
        lambda record: record["test_runs"].pop(),
        lambda record: record["shape"].reverse(),
    ):
        record = draw_split(scene(stripes()), shots=2, draw="random", seed=0).record()
        Split.from_record(record)
        change(record)
        with pytest.raises(ProtocolError, match="digest"):
            Split.from_record(record)


@pytest.mark.parametrize(
    ("labels", "draw", "message"),
    [
        (np.ones((4, 4), dtype=int), "random", "1 class"),
        (stripes(), "blocks", "Did you mean 'block-disjoint'"),
        (stripes(), "official", "has no official training map"),
    ],
)
def test_what_cannot_be_drawn(labels, draw, message):
    with pytest.raises(ProtocolError, match=message):
        draw_split(scene(labels), shots=5, draw=draw, seed=0)
