import itertools

import numpy as np
import pytest
import scipy.stats

from hsizoo.report import statistics
from hsizoo.report.draws import DRAWS, Draws
from hsizoo.report.statistics import (
    Observations,
    by_class,
    interval,
    over_classes,
    over_samples,
    rank_shares,
)


def observations(lines):
    """From (unit, class, value) lines."""
    units, classes, values = zip(*lines, strict=True)
    return Observations(range(len(lines)), units, classes, np.array(values, float)[:, None])


def places(*names):
    return {name: place for place, name in enumerate(names)}


# Subject a shows liver twice and spleen once; b liver only; c spleen only.
HAND = observations(
    [("a", "liver", 0.2), ("a", "liver", 0.4), ("a", "spleen", 0.9), ("b", "liver", 0.7),
     ("c", "spleen", 0.1)]
)  # fmt: skip
ORDER = places("a", "b", "c")


class Given(Draws):
    """Draws that are given."""

    def __init__(self, counts):
        self.counts = np.array(counts)

    def blocks(self):
        yield from (self.counts[:1], self.counts[1:])


class TestByHand:
    COUNTS = Given([[1, 1, 1], [2, 1, 0], [0, 3, 0], [0, 0, 3]])

    def test_over_samples(self):
        found = over_samples(HAND, ORDER, self.COUNTS)[:, 0]
        assert found == pytest.approx([2.3 / 5, (2 * 1.5 + 0.7) / 7, 0.7, 0.1])

    def test_by_class(self):
        found = by_class(HAND, ORDER, self.COUNTS)
        assert list(found) == ["liver", "spleen"]
        # a's two images of liver are averaged to 0.3 before b's 0.7 is added.
        liver, spleen = (each[:, 0] for each in found.values())
        assert liver[:3] == pytest.approx([0.5, (2 * 0.3 + 0.7) / 3, 0.7])
        assert spleen[[0, 1, 3]] == pytest.approx([0.5, 0.9, 0.1])
        assert np.isnan(liver[3])  # c shows no liver
        assert np.isnan(spleen[2])

    def test_over_classes_leaves_out_what_was_not_drawn(self):
        found = over_classes(HAND, ORDER, self.COUNTS)[:, 0]
        assert found == pytest.approx([0.5, (1.3 / 3 + 0.9) / 2, 0.7, 0.1])

    def test_a_row_that_lacks_units(self):
        only_b = HAND.at([3])
        found = over_samples(only_b, ORDER, self.COUNTS)[:, 0]
        assert found[:3] == pytest.approx([0.7] * 3)
        assert np.isnan(found[3])


def test_what_shares_a_key_is_averaged_and_keeps_the_unit_and_class_of_its_first():
    values = np.array([[0.2, np.nan], [0.5, 1.0], [0.4, 3.0], [np.nan, np.nan]])
    rows = Observations("xyxy", ["a", "b", "c", "d"], ["liver", "lung", "skin", "bone"], values)
    found = rows.averaged(["k", "l", "k", "l"])
    assert (found.keys, found.units, found.classes) == (["k", "l"], ["a", "b"], ["liver", "lung"])
    np.testing.assert_allclose(found.values, [[0.3, 3.0], [0.5, 1.0]])


def test_classes_of_many_units_are_averaged_over_their_own_units(monkeypatch):
    rng = np.random.default_rng(4)
    lines = [(unit, rng.choice(["x", "y", "z"]), rng.random()) for unit in range(40) for _ in "ab"]
    rows, order = observations(lines), places(*range(40))
    few = by_class(rows, order, Draws(40, 200))
    monkeypatch.setattr(statistics, "_FEW_UNITS", 0)
    many = by_class(rows, order, Draws(40, 200))
    assert list(few) == list(many)
    for name in few:
        np.testing.assert_allclose(few[name], many[name], rtol=1e-13)


def test_with_few_units_the_draws_are_all_there_are():
    """Of three units there are 27 draws, equally likely: the bootstrap can be counted."""
    values = np.array([0.1, 0.4, 1.0])
    rows = observations(list(zip("abc", "xxx", values, strict=True)))
    drawn = over_samples(rows, places(*"abc"), Draws(3))[1:, 0]
    every = np.array([values[list(each)].mean() for each in itertools.product(range(3), repeat=3)])
    for value in np.unique(every.round(9)):
        share = np.isclose(every, value).mean()
        assert np.isclose(drawn, value).mean() == pytest.approx(
            share, abs=5 * (share * (1 - share) / DRAWS) ** 0.5
        )


@pytest.mark.parametrize("units", [3, 8, 40])
def test_the_interval_of_a_mean_is_scipys(units):
    values = np.random.default_rng(units).normal(size=units)
    rows = observations([(unit, "x", value) for unit, value in enumerate(values)])
    mine = interval(over_samples(rows, places(*range(units)), Draws(units, 2000, seed=7))[1:])
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=2000, method="percentile", vectorized=True,
        random_state=np.random.default_rng(7),
    ).confidence_interval  # fmt: skip
    assert mine[:, 0] == pytest.approx([theirs.low, theirs.high], abs=1e-12)


def test_the_interval_of_a_paired_difference_is_scipys():
    rng = np.random.default_rng(1)
    first = rng.normal(size=12)
    second = first + rng.normal(0.1, 0.05, size=12)
    one, two = (
        observations([(unit, "x", value) for unit, value in enumerate(values)])
        for values in (first, second)
    )
    counts, order = Draws(12, 3000, seed=5), places(*range(12))
    mine = interval((over_samples(two, order, counts) - over_samples(one, order, counts))[1:])
    theirs = scipy.stats.bootstrap(
        (first, second), lambda a, b, axis: b.mean(axis=axis) - a.mean(axis=axis),
        paired=True, vectorized=True, n_resamples=3000, method="percentile",
        random_state=np.random.default_rng(5),
    ).confidence_interval  # fmt: skip
    assert mine[:, 0] == pytest.approx([theirs.low, theirs.high], abs=1e-12)
    # Pairing is worth it: the subjects differ much more than the methods do.
    assert np.ptp(mine) < 0.1 * np.ptp(interval(over_samples(one, order, counts)[1:]))


def test_the_mean_of_unequal_subjects_is_scipys_ratio():
    rng = np.random.default_rng(2)
    sizes = rng.integers(1, 6, size=9)
    values = [rng.random(size) for size in sizes]
    rows = observations([(u, "x", v) for u, each in enumerate(values) for v in each])
    sums = np.array([each.sum() for each in values])
    mine = interval(over_samples(rows, places(*range(9)), Draws(9, 2000, seed=9))[1:])
    theirs = scipy.stats.bootstrap(
        (sums, sizes), lambda s, n, axis: s.sum(axis=axis) / n.sum(axis=axis), paired=True,
        vectorized=True, n_resamples=2000, method="percentile",
        random_state=np.random.default_rng(9),
    ).confidence_interval  # fmt: skip
    assert mine[:, 0] == pytest.approx([theirs.low, theirs.high], abs=1e-12)


def test_an_interval_leaves_out_what_was_not_there():
    draws = np.stack([np.arange(101.0), np.full(101, np.nan)], axis=1)
    draws = np.concatenate([draws, [[np.nan, np.nan]]])
    found = interval(draws)
    assert found[:, 0] == pytest.approx([2.5, 97.5])
    assert np.isnan(found[:, 1]).all()


def test_ranks_by_hand():
    draws = np.array([[0.9, 0.5, 0.1], [0.9, 0.1, 0.5], [0.5, 0.5, 0.1], [0.1, 0.5, 0.9]])
    shares = rank_shares(draws)
    # In the third draw the first two tie, and share the first rank.
    assert shares == pytest.approx(
        np.array([[0.75, 0.0, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]])
    )
    assert shares.sum(axis=1) == pytest.approx([1, 1, 1])
