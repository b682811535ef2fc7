import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, jaccard_score

from hsizoo.errors import ProtocolError
from hsizoo.protocols.mask_metrics import (
    THRESHOLD_GRID,
    best_dice,
    dice,
    dice_at,
    iou,
)

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7)
quick = settings(deadline=None, max_examples=60)


@st.composite
def masks(draw, count):
    shape = draw(SHAPES)
    return [draw(hnp.arrays(bool, shape)) for _ in range(count)]


@st.composite
def predictions(draw, dtype=np.float32):
    """A probability map, often with ties and with 0 and 1, a target, and evaluated pixels."""
    shape = draw(SHAPES)
    width = 8 * np.dtype(dtype).itemsize
    value = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(0, 1, width=width))
    probability = draw(hnp.arrays(dtype, shape, elements=value))
    return probability, draw(hnp.arrays(bool, shape)), draw(hnp.arrays(bool, shape))


def row(*values, dtype=np.float32):
    return np.array([values], dtype=dtype)


def brute_force_best(probability, target, evaluated, thresholds):
    """Try all thresholds, high to low, and keep the first that is best."""
    best = (-1.0, None)
    for threshold in sorted(thresholds, reverse=True):
        mask = probability > np.float64(threshold)
        value = dice(mask, target, evaluated)
        if value > best[0]:
            best = (value, mask)
    return best


class TestDiceAndIou:
    @pytest.mark.parametrize(
        ("prediction", "target", "expected_dice", "expected_iou"),
        [
            ((1, 1, 0, 0), (0, 1, 1, 0), 1 / 2, 1 / 3),  # TP 1, FP 1, FN 1
            ((1, 1, 1, 0), (0, 1, 0, 0), 1 / 2, 1 / 3),  # TP 1, FP 2
            ((0, 1, 0, 0), (0, 1, 1, 0), 2 / 3, 1 / 2),  # TP 1, FN 1
            ((1, 1, 0, 0), (1, 1, 0, 0), 1.0, 1.0),
            ((1, 1, 0, 0), (0, 0, 1, 1), 0.0, 0.0),
            ((0, 0, 0, 0), (0, 0, 0, 0), 1.0, 1.0),  # both empty: perfect agreement
            ((0, 0, 0, 0), (0, 1, 0, 0), 0.0, 0.0),  # one empty: none
            ((0, 1, 0, 0), (0, 0, 0, 0), 0.0, 0.0),
        ],
    )
    def test_by_hand(self, prediction, target, expected_dice, expected_iou):
        prediction, target = row(*prediction, dtype=bool), row(*target, dtype=bool)
        assert dice(prediction, target) == expected_dice
        assert iou(prediction, target) == expected_iou

    def test_emptiness_is_judged_on_evaluated_pixels(self):
        prediction, target = row(1, 0, 0, dtype=bool), row(0, 1, 0, dtype=bool)
        only_last = row(0, 0, 1, dtype=bool)
        assert dice(prediction, target, only_last) == iou(prediction, target, only_last) == 1.0
        nothing = np.zeros_like(target)
        assert dice(prediction, target, nothing) == iou(prediction, target, nothing) == 1.0

    @quick
    @given(masks(3))
    def test_agree_with_scikit_learn(self, arrays):
        prediction, target, evaluated = arrays
        assume(evaluated.any())
        truth, guess = target[evaluated], prediction[evaluated]
        assert dice(prediction, target, evaluated) == pytest.approx(
            f1_score(truth, guess, zero_division=1), abs=1e-12
        )
        assert iou(prediction, target, evaluated) == pytest.approx(
            jaccard_score(truth, guess, zero_division=1), abs=1e-12
        )

    @quick
    @given(masks(3))
    def test_are_bounded_symmetric_and_tied_to_each_other(self, arrays):
        prediction, target, evaluated = arrays
        d, j = dice(prediction, target, evaluated), iou(prediction, target, evaluated)
        assert 0 <= j <= d <= 1
        assert d == pytest.approx(2 * j / (1 + j))
        assert (d, j) == (dice(target, prediction, evaluated), iou(target, prediction, evaluated))

    @quick
    @given(masks(4), st.randoms(use_true_random=False))
    def test_see_neither_order_nor_ignored_pixels(self, arrays, random):
        prediction, target, evaluated, noise = arrays
        order = list(range(target.size))
        random.shuffle(order)
        shuffled = [array.ravel()[order].reshape(target.shape) for array in arrays[:3]]
        scrambled = prediction ^ (noise & ~evaluated), target ^ (noise & ~evaluated), evaluated
        for metric in (dice, iou):
            expected = metric(prediction, target, evaluated)
            assert metric(*shuffled) == metric(*scrambled) == expected

    def test_arguments_are_left_alone(self):
        arrays = [np.ones((2, 2), dtype=bool) for _ in range(3)]
        arrays[2][0, 0] = False
        before = [array.copy() for array in arrays]
        dice(*arrays)
        assert all(map(np.array_equal, arrays, before))

    @pytest.mark.parametrize("metric", [dice, iou])
    def test_shapes_must_match(self, metric):
        with pytest.raises(ProtocolError, match=r"\(2, 3\).*\(3, 2\)"):
            metric(np.ones((2, 3), dtype=bool), np.ones((3, 2), dtype=bool))
        mask = np.ones((2, 3), dtype=bool)
        with pytest.raises(ProtocolError, match=r"evaluated \(1, 3\)"):  # would broadcast
            metric(mask, mask, np.ones((1, 3), dtype=bool))

    @pytest.mark.parametrize("wrong", [np.ones((2, 2)), np.ones((2, 2), int), np.ones(4, bool)])
    def test_masks_must_be_bool_images(self, wrong):
        with pytest.raises(ProtocolError, match="two-dimensional bool"):
            dice(wrong, np.ones((2, 2), dtype=bool))


class TestBestDice:
    def test_by_hand(self):
        # {0.9}: 2/3.  {0.9, 0.7}: 2/4.  {0.9, 0.7, 0.6}: 4/5.  All four: 4/6.
        probability, target = row(0.9, 0.7, 0.6, 0.1), row(1, 0, 1, 0, dtype=bool)
        value, threshold = best_dice(probability, target)
        assert value == 4 / 5
        assert threshold == np.nextafter(np.float32(0.6), np.float32(0))

    def test_ties_are_never_split(self):
        # Cutting between the two 0.5 would give 1.0; the best that a threshold can do is 2/3.
        probability, target = row(0.5, 0.5, 0.1), row(1, 0, 0, dtype=bool)
        value, threshold = best_dice(probability, target)
        assert value == 2 / 3
        assert (probability > threshold).tolist() == [[True, True, False]]

    def test_the_smallest_of_equally_good_masks_wins(self):
        # {0.9}: 2/3.  {0.9, 0.5, 0.4, 0.3}: 4/6.  Equal, so the higher threshold.
        probability, target = row(0.9, 0.5, 0.4, 0.3), row(1, 0, 0, 1, dtype=bool)
        value, threshold = best_dice(probability, target)
        assert value == 2 / 3
        assert (probability > threshold).tolist() == [[True, False, False, False]]

    def test_pixels_of_probability_0_can_be_included(self):
        probability, target = row(0.0, 0.0), row(1, 1, dtype=bool)
        value, threshold = best_dice(probability, target)
        assert value == 1.0
        assert threshold == -np.finfo(np.float32).tiny  # normal: survives flushing to zero

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_without_target_the_empty_mask_is_best(self, dtype):
        probability, nothing = row(1.0, 0.3, dtype=dtype), row(0, 0, dtype=bool)
        assert best_dice(probability, nothing) == (1.0, 1.0)
        assert not (probability > 1.0).any()
        assert best_dice(probability, ~nothing, nothing) == (1.0, 1.0)

    @quick
    @given(predictions())
    def test_equals_brute_force_over_all_thresholds(self, arrays):
        probability, target, evaluated = arrays
        value, threshold = best_dice(probability, target, evaluated)
        best, mask = brute_force_best(
            probability, target, evaluated, {-1.0, *probability.ravel().tolist()}
        )
        assert value == best
        # On ignored pixels, either mask may say anything.
        assert np.array_equal((probability > threshold)[evaluated], mask[evaluated])

    @quick
    @given(predictions(np.float64))
    def test_is_exact_over_float32_thresholds_on_float64_maps(self, arrays):
        probability, target, evaluated = arrays
        near = probability.astype(np.float32)
        cuts = [near, np.nextafter(near, np.float32(-1)), np.nextafter(near, np.float32(2))]
        value, threshold = best_dice(probability, target, evaluated)
        best, mask = brute_force_best(probability, target, evaluated, set(np.ravel(cuts).tolist()))
        assert value == best
        assert np.array_equal((probability > threshold)[evaluated], mask[evaluated])

    def test_float64_values_that_no_float32_separates_are_tied(self):
        probability = row(0.1, 0.1 + 1e-12, dtype=np.float64)
        value, threshold = best_dice(probability, row(0, 1, dtype=bool))
        assert value == 2 / 3
        assert (probability > threshold).all()

    def test_float64_values_just_above_a_float32_are_separated_by_it(self):
        probability = row(0.5, 0.5 + 1e-12, dtype=np.float64)
        assert best_dice(probability, row(0, 1, dtype=bool)) == (1.0, 0.5)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_the_threshold_reproduces_the_value(self, dtype):
        rng = np.random.default_rng(0)
        target = rng.random((60, 50)) < 0.3
        evaluated = rng.random((60, 50)) < 0.8
        probability = np.clip(rng.normal(0.4 + 0.2 * target, 0.2), 0, 1).astype(dtype)
        value, threshold = best_dice(probability, target, evaluated)
        assert type(value) is type(threshold) is float
        assert float(np.float32(threshold)) == threshold
        assert dice(probability > threshold, target, evaluated) == value

    @quick
    @given(predictions())
    def test_bounds(self, arrays):
        probability, target, evaluated = arrays
        value, _ = best_dice(probability, target, evaluated)
        assert value >= dice_at(probability, target, THRESHOLD_GRID, evaluated).max()
        assert value >= dice(np.ones_like(target), target, evaluated)
        assert 0 <= value <= 1

    @quick
    @given(predictions(), st.randoms(use_true_random=False))
    def test_sees_neither_order_nor_ignored_pixels(self, arrays, random):
        probability, target, evaluated = arrays
        order = list(range(target.size))
        random.shuffle(order)
        shuffled = [array.ravel()[order].reshape(target.shape) for array in arrays]
        other = np.where(evaluated, probability, np.float32(0.3)), target ^ ~evaluated, evaluated
        assert best_dice(*shuffled) == best_dice(*other) == best_dice(*arrays)


class TestDiceAt:
    @quick
    @given(predictions(), hnp.arrays(np.float64, st.integers(0, 9), elements=st.floats(-0.5, 1.5)))
    def test_equals_a_loop(self, arrays, thresholds):
        probability, target, evaluated = arrays
        # Also at the values themselves, where strict and non-strict comparison differ.
        thresholds = np.concatenate([thresholds, probability.ravel()[:5]])
        loop = [dice(probability > t, target, evaluated) for t in thresholds]
        values = dice_at(probability, target, thresholds, evaluated)
        assert values.dtype == np.float64
        assert values.tolist() == loop

    def test_the_threshold_is_strict(self):
        assert dice_at(row(0.5, 0.2), row(1, 0, dtype=bool), [0.5, 0.4]).tolist() == [0.0, 1.0]

    def test_both_empty_is_1(self):
        assert dice_at(row(0.5, 0.2), row(0, 0, dtype=bool), [0.9, 0.4]).tolist() == [1.0, 0.0]

    @pytest.mark.parametrize("thresholds", [[0.5, np.nan], [[0.5]], 0.5])
    def test_thresholds_must_be_a_row_of_numbers(self, thresholds):
        with pytest.raises(ProtocolError, match="thresholds"):
            dice_at(row(0.5), row(1, dtype=bool), thresholds)


@pytest.mark.parametrize("metric", [best_dice, lambda p, t: dice_at(p, t, [0.5])])
class TestProbabilityIsChecked:
    @pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, -0.01, 1.01])
    def test_values(self, metric, wrong):
        with pytest.raises(ProtocolError, match=r"\[0, 1\].*\(row=0, col=1\)"):
            metric(row(0.5, wrong), row(1, 0, dtype=bool))

    @pytest.mark.parametrize("dtype", [np.float16, np.int64, bool])
    def test_type(self, metric, dtype):
        with pytest.raises(ProtocolError, match="float32 or float64"):
            metric(row(0, 1, dtype=dtype), row(1, 0, dtype=bool))

    def test_shape(self, metric):
        with pytest.raises(ProtocolError, match=r"\(1, 3\).*\(1, 2\)"):
            metric(row(0.5, 0.5), row(1, 0, 0, dtype=bool))


def test_threshold_grid():
    assert THRESHOLD_GRID.shape == (185,)
    assert (np.diff(THRESHOLD_GRID) > 0).all()
    assert 0.5 in THRESHOLD_GRID
    logit = np.log(THRESHOLD_GRID / (1 - THRESHOLD_GRID))
    np.testing.assert_allclose(logit, np.linspace(-9.2, 9.2, 185), atol=2e-3)
    assert np.array_equal(THRESHOLD_GRID.astype(np.float32), THRESHOLD_GRID)
    with pytest.raises(ValueError, match="read-only"):
        THRESHOLD_GRID[0] = 0.1
