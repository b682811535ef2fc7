import tracemalloc

import numpy as np
import pytest

from hsizoo.report import draws
from hsizoo.report.draws import DRAWS, Draws


def plain(units, count, seed):
    """All at once, as written in the textbook; what the figures of older results were made with."""
    chosen = np.random.default_rng(seed).integers(0, units, (count, units))
    counts = np.zeros((1 + count, units), dtype=np.int64)
    counts[0] = 1
    np.add.at(counts, (np.arange(1, count + 1)[:, None], chosen), 1)
    return counts


@pytest.mark.parametrize("block", [1, 7, 70, 10**6])
@pytest.mark.parametrize("units", [1, 3, 10, 301])
def test_the_numbers_are_those_of_one_draw_whatever_the_blocks(monkeypatch, units, block):
    monkeypatch.setattr(draws, "_BLOCK", block)
    expected = plain(units, 25, 3)
    drawn = Draws(units, 25, 3)
    for _ in range(2):
        assert (np.concatenate(list(drawn.blocks())) == expected).all()
    table = np.random.default_rng(0).normal(size=(units, 4))
    mine = np.array([units - 1, 0])
    whole, some = drawn.totals([(table, None), (table[mine], mine)])
    assert whole.shape == (len(drawn), 4) == (26, 4)
    np.testing.assert_allclose(whole, expected @ table, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(some, expected[:, mine] @ table[mine], rtol=1e-12, atol=1e-12)


def test_figures_of_few_units_are_those_of_older_results_to_the_last_bit():
    table = np.random.default_rng(0).normal(size=(60, 9))
    (found,) = Draws(60).totals([(table, None)])
    assert (found == plain(60, 10_000, 0) @ table).all()


def test_the_first_row_is_the_run_itself_and_every_draw_has_as_many_units():
    counts = np.concatenate(list(Draws(5, 50, seed=3).blocks()))
    assert counts.shape == (51, 5)
    assert counts[0].tolist() == [1] * 5
    assert (counts.sum(axis=1) == 5).all()
    assert (counts[1:] != np.concatenate(list(Draws(5, 50, seed=4).blocks()))[1:]).any()
    assert counts[1:].std(axis=0).min() > 0


def test_without_draws_there_is_the_run_itself():
    (block,) = Draws(4, 0).blocks()
    assert block.tolist() == [[1, 1, 1, 1]]


def test_many_units_are_drawn_in_groups_and_the_run_itself_is_exact():
    rng = np.random.default_rng(0)
    table = rng.normal(2, 1, size=(30_000, 2))
    some = rng.permutation(30_000)[:100]
    drawn = Draws(30_000, 200)
    whole, few = drawn.totals([(table, None), (table[some], some)])
    assert whole.shape == few.shape == (201, 2)
    assert {block.shape[1] for block in drawn.blocks()} == {5000}
    np.testing.assert_allclose(whole[0], table.sum(axis=0))
    np.testing.assert_allclose(few[0], table[some].sum(axis=0))
    again, _ = Draws(30_000, 200).totals([(table, None), (table[some], some)])
    assert (again == whole).all()


@pytest.mark.parametrize("share", [1.0, 0.01])
def test_intervals_of_groups_are_as_wide_as_theory_says(share):
    """Of all units, and of a class that few have: means whose standard error is known."""
    rng = np.random.default_rng(1)
    mine = np.flatnonzero(rng.random(40_000) < share)
    values = rng.normal(0.5, 0.2, size=(len(mine), 1))
    sums, known = Draws(40_000).totals([(values, mine), (np.ones_like(values), mine)])
    error = (sums / known)[1:].std()
    assert error == pytest.approx(0.2 / np.sqrt(len(mine)), rel=0.06 if share < 1 else 0.04)


def test_memory_grows_neither_with_the_units_nor_with_the_columns():
    table = np.ones((200_000, 1))
    tracemalloc.start()
    Draws(200_000).totals([(table, None)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5000 * DRAWS + 160e6
