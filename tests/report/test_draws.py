import tracemalloc

import numpy as np
import pytest

from hsizoo.report import draws
from hsizoo.report.draws import Draws, draws_for


def plain(units, count, seed):
    """All at once, as written in the textbook; what the figures of older results were made with."""
    chosen = np.random.default_rng(seed).integers(0, units, (count, units))
    counts = np.zeros((1 + count, units), dtype=np.int64)
    counts[0] = 1
    np.add.at(counts, (np.arange(1, count + 1)[:, None], chosen), 1)
    return counts


@pytest.mark.parametrize("block", [1, 7, 70, 10**6])
@pytest.mark.parametrize("kept", [0, 10**6])
@pytest.mark.parametrize("units", [1, 3, 10, 301])
def test_the_numbers_are_those_of_one_draw_whatever_the_blocks(monkeypatch, units, block, kept):
    monkeypatch.setattr(draws, "_BLOCK", block)
    monkeypatch.setattr(draws, "_MOST_DRAWN", kept)
    expected = plain(units, 25, 3)
    drawn = Draws(units, 25, 3)
    for _ in range(2):  # kept, or drawn again
        assert (np.concatenate(list(drawn.blocks())) == expected).all()
    assert bool(drawn._kept) == bool(kept)
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


def test_a_caller_that_stops_leaves_no_half_of_the_draws(monkeypatch):
    monkeypatch.setattr(draws, "_BLOCK", 10)
    drawn = Draws(5, 50)
    next(drawn.blocks())
    assert len(np.concatenate(list(drawn.blocks()))) == 51


def test_there_are_fewer_draws_of_very_many_units():
    assert [draws_for(units) for units in (0, 1, 20_000, 50_000, 10**6, 10**8)] == [
        10_000, 10_000, 10_000, 4000, 1000, 1000,
    ]  # fmt: skip


def test_memory_does_not_grow_with_the_draws():
    table = np.ones((200_000, 1))
    peaks = []
    for count in (100, 400):
        tracemalloc.start()
        Draws(200_000, count).totals([(table, None)])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1.1 * 300 * 200_000  # a byte per unit and draw
    assert peaks[1] < 400e6
