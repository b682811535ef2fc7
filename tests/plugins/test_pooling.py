"""How experts are weighed: against grids, plain sums and experts whose worth is known."""

import numpy as np
import pytest
from hsizoo_classifiers.pixels import Seeds
from hsizoo_classifiers.pooling import (
    Hearing,
    apart,
    chosen,
    folds,
    logs,
    pool,
    temperature,
    weigh,
)
from scipy.special import log_softmax


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def seeds_of(counts, rng):
    classes = np.repeat(np.arange(len(counts)), counts)
    rows, cols = rng.integers(0, 50, size=(2, len(classes)))
    return Seeds(rows, cols, classes, len(counts))


@pytest.mark.parametrize("counts", [[5, 5, 5], [5, 2, 7, 1], [2, 2], [12, 3]])
@pytest.mark.parametrize("divide", [lambda seeds, rng: folds(seeds, 5, rng), lambda s, _: apart(s)])
def test_every_label_is_held_out_once_and_no_class_is_emptied(counts, divide, rng):
    seeds = seeds_of(counts, rng)
    held = divide(seeds, rng)
    times = np.sum(held, axis=0)
    alone = np.bincount(seeds.classes)[seeds.classes] == 1
    np.testing.assert_array_equal(times, np.where(alone, 0, 1))
    for each in held:
        left = chosen(seeds, ~each)
        assert left.count == len(counts)
        assert set(left.classes) == set(range(len(counts)))


def test_folds_hold_out_one_of_five_and_share_the_rest(rng):
    held = folds(seeds_of([5, 3, 11], rng), 5, rng)
    assert [each[:5].sum() for each in held] == [1] * 5
    assert sorted(each[5:8].sum() for each in held) == [0, 0, 1, 1, 1]
    assert sorted(each[8:].sum() for each in held) == [2, 2, 2, 2, 3]


def test_nothing_is_held_out_of_single_labels(rng):
    seeds = seeds_of([1, 1, 1], rng)
    assert folds(seeds, 5, rng) == []
    assert apart(seeds) == []


def test_halves_lie_apart():
    rows = np.array([0, 1, 2, 30, 31, 0, 40])
    seeds = Seeds(rows, np.zeros(7, dtype=int), np.array([0, 0, 0, 0, 0, 1, 1]), 2)
    one, other = apart(seeds)
    assert {tuple(one[:5]), tuple(other[:5])} == {(1, 1, 1, 0, 0), (0, 0, 0, 1, 1)}
    np.testing.assert_array_equal(one, ~other)


def test_labels_at_one_place_are_divided_all_the_same():
    same = np.zeros(2, dtype=int)
    assert apart(Seeds(same, same, same, 1)) == []  # no distance tells them apart


def test_no_expert_can_veto():
    found = logs(np.array([[1.0, 0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(np.exp(found).sum(), 1)
    assert found[0, 1] == pytest.approx(np.log(1e-3 / 4))


def test_the_temperature_is_that_of_a_grid(rng):
    truth = rng.integers(0, 3, size=200)
    said = log_softmax(2.5 * (np.eye(3)[truth] + 0.6 * rng.standard_normal((200, 3))), axis=1)
    importance = rng.dirichlet(np.ones(200))

    def likely(power):
        return importance @ log_softmax(power * said, axis=1)[np.arange(200), truth]

    for caution, usual in [(0, 1), (0.5, 0.2)]:
        grid = np.exp(np.linspace(np.log(0.05), np.log(2), 4000))
        score = [likely(power) - caution * np.log(power / usual) ** 2 for power in grid]
        power, mean = temperature(said, truth, importance, usual, caution)
        assert power == pytest.approx(grid[np.argmax(score)], rel=0.01)
        assert mean == pytest.approx(likely(power))


def hearing_of(rng, count=300):
    """One expert who knows, one who guesses, one who is wrong."""
    truth = rng.integers(0, 3, size=count)
    knows = log_softmax(2 * np.eye(3)[truth] + rng.standard_normal((count, 3)), axis=1)
    guesses = log_softmax(rng.standard_normal((count, 3)), axis=1)
    wrong = log_softmax(np.eye(3)[(truth + 1) % 3], axis=1)
    return Hearing(np.stack([knows, guesses, wrong]), truth, np.full(count, 1 / count))


def test_who_knows_counts_and_who_is_wrong_does_not(rng):
    powers = weigh(hearing_of(rng), np.full(3, 1 / 3), 1e-3)
    assert powers[0] > 0.7
    assert powers[1] < 0.2
    assert powers[2] == 0


def test_weights_are_the_minimum_of_the_loss_that_is_written_out(rng):
    hearing, prior, caution = hearing_of(rng, 40), np.array([0.2, 0.5, 0.3]), 0.05

    def loss(powers):
        total = sum(p * said for p, said in zip(powers, hearing.logs, strict=True))
        likely = log_softmax(total, axis=1)[np.arange(40), hearing.classes].mean()
        return -likely + caution * ((powers - prior) ** 2).sum()

    found = weigh(hearing, prior, caution)
    around = found + 0.05 * rng.standard_normal((300, 3))
    assert all(loss(found) <= loss(np.maximum(each, 0)) + 1e-7 for each in around)
    np.testing.assert_allclose(weigh(hearing, prior, 1e6), prior, atol=1e-4)


def test_the_pool_is_a_product(rng):
    one, other = rng.dirichlet(np.ones(3), size=(2, 7))
    product = one**0.5 * other**2
    found = pool([np.log(one), np.log(other)], np.array([0.5, 2]))
    np.testing.assert_allclose(found, product / product.sum(axis=1, keepdims=True))
