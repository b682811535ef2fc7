import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hsizoo.clicks import Clicks
from hsizoo.cube import HyperCube
from hsizoo.errors import ClickError, ContractError, DataError
from hsizoo.interfaces import SpectralScorer
from hsizoo.zoo import scoring
from hsizoo.zoo.scoring import ScorerSegmenter, to_probability

quick = settings(deadline=None, max_examples=60)


class Closeness(SpectralScorer):
    """1 at the reference, towards 0 far away; counts the references that it scored."""

    def __init__(self):
        self.calls = []

    def prepare(self, cube):
        return torch.from_numpy(cube.data.copy())

    def score(self, prepared, references):
        assert np.isfinite(references).all()
        self.calls.append(len(references))
        difference = prepared[None] - torch.from_numpy(references)[:, None, None]
        return torch.exp(-difference.square().mean(dim=-1))

    @property
    def references(self):
        return sum(self.calls)


class InNumpy(Closeness):
    """The same in NumPy, returned as some array that is not a plain one."""

    def __init__(self, as_returned):
        super().__init__()
        self.as_returned = as_returned

    def score(self, prepared, references):
        return self.as_returned(super().score(prepared, references).numpy())


class Returns(SpectralScorer):
    """Whatever it was given."""

    score_range = (-1.0, 1.0)
    threshold = 0.0

    def __init__(self, maps):
        self.maps = maps

    def prepare(self, cube):
        return None

    def score(self, prepared, references):
        return self.maps


@pytest.fixture
def cube():
    return HyperCube(np.random.default_rng(0).normal(size=(5, 6, 3)), name="field")


def expected(cube, points, aggregate="max"):
    """Combined similarity, written out."""
    maps = [np.exp(-np.square(cube.data - cube.data[p]).mean(axis=-1)) for p in points]
    return np.max(maps, axis=0) if aggregate == "max" else np.mean(maps, axis=0)


def run(segmenter, cube, *prompts, state=None):
    probability = segmenter.predict(state or segmenter.open(cube), prompts)
    assert probability.shape == (len(prompts), *cube.shape[:2])
    assert probability.dtype == torch.float32
    return probability.numpy()


def everything(points, signs=None):
    """The click sequence after each click."""
    clicks = Clicks(points, signs)
    return [Clicks(clicks.points[:k], clicks.positive[:k]) for k in range(1, len(clicks) + 1)]


POINTS = [(0, 0), (4, 5), (2, 3), (1, 1), (3, 0)]


class TestAggregation:
    @pytest.mark.parametrize("aggregate", ["max", "mean"])
    def test_equals_the_formula(self, cube, aggregate):
        segmenter = ScorerSegmenter(Closeness(), aggregate=aggregate)
        for clicks in everything(POINTS):
            points = [tuple(point) for point in clicks.points]
            np.testing.assert_allclose(
                run(segmenter, cube, clicks)[0], expected(cube, points, aggregate), atol=1e-6
            )

    @pytest.mark.parametrize("aggregate", ["max", "mean"])
    def test_click_by_click_equals_from_scratch_to_the_bit(self, cube, aggregate):
        segmenter = ScorerSegmenter(Closeness(), aggregate=aggregate)
        state = segmenter.open(cube)
        for clicks in everything(POINTS, [True, False, True, False, True]):
            np.testing.assert_array_equal(
                run(segmenter, cube, clicks, state=state), run(segmenter, cube, clicks)
            )

    @pytest.mark.parametrize("aggregate", ["max", "mean"])
    def test_order_of_the_clicks_does_not_matter(self, cube, aggregate):
        segmenter = ScorerSegmenter(Closeness(), aggregate=aggregate)
        state = segmenter.open(cube)
        maps = [
            run(segmenter, cube, Clicks(points), state=state)
            for points in itertools.permutations(POINTS[:3])
        ]
        for other in maps[1:]:
            np.testing.assert_allclose(other, maps[0], atol=1e-6)

    def test_going_back_and_another_way_on(self, cube):
        """Undo and branch: nothing of the clicks that were taken back remains."""
        segmenter = ScorerSegmenter(Closeness(), aggregate="mean")
        state = segmenter.open(cube)
        run(segmenter, cube, Clicks(POINTS[:3]), state=state)
        other = Clicks([*POINTS[:2], POINTS[4]])
        np.testing.assert_array_equal(
            run(segmenter, cube, other, state=state), run(segmenter, cube, other)
        )

    def test_objects_do_not_see_each_other(self, cube):
        segmenter = ScorerSegmenter(Closeness())
        prompts = [Clicks(POINTS[:1]), Clicks(POINTS[:3]), Clicks(POINTS[:1]), Clicks(POINTS[3:])]
        together = run(segmenter, cube, *prompts)
        for n, clicks in enumerate(prompts):
            np.testing.assert_array_equal(together[n], run(segmenter, cube, clicks)[0])

    def test_a_result_may_be_overwritten(self, cube):
        segmenter = ScorerSegmenter(Closeness())
        state = segmenter.open(cube)
        first = segmenter.predict(state, [Clicks(POINTS[:1])])
        kept = first.clone()
        first.zero_()
        np.testing.assert_array_equal(
            run(segmenter, cube, Clicks(POINTS[:1]), state=state), kept.numpy()
        )


class TestSpectra:
    @pytest.mark.parametrize("aggregate", ["max", "mean"])
    @pytest.mark.parametrize("negatives", ["veto", "ignore"])
    def test_spectra_of_the_cube_act_as_clicks_on_them(self, cube, aggregate, negatives):
        segmenter = ScorerSegmenter(Closeness(), aggregate=aggregate, negatives=negatives)
        state = segmenter.open(cube)
        rows, cols = np.array(POINTS).T
        spectra = cube.data[rows, cols]
        found = segmenter.predict_spectra(state, spectra[:3], spectra[3:])
        clicks = Clicks(POINTS, [True, True, True, False, False])
        np.testing.assert_allclose(found, run(segmenter, cube, clicks)[0], atol=1e-6)
        alone = segmenter.predict_spectra(state, spectra[:3], spectra[3:3])
        np.testing.assert_allclose(alone, run(segmenter, cube, Clicks(POINTS[:3]))[0], atol=1e-6)

    def test_any_number_in_bounded_batches(self, cube, monkeypatch):
        scorer = Closeness()
        monkeypatch.setattr(scoring, "_BATCH_BYTES", 3 * 4 * 5 * 6)
        spectra = np.random.default_rng(1).normal(size=(7, 3)).astype(np.float32)
        segmenter = ScorerSegmenter(scorer)
        found = segmenter.predict_spectra(segmenter.open(cube), spectra)
        assert scorer.calls == [3, 3, 1]
        distance = np.square(cube.data[:, :, None] - spectra).mean(axis=-1)
        np.testing.assert_allclose(found, np.exp(-distance).max(axis=-1), atol=1e-6)

    @pytest.mark.parametrize(
        ("spectra", "message"),
        [
            (np.ones((0, 3)), "at least one reference spectrum of 3 bands"),
            (np.ones((1, 4)), r"must be \(number, 3\), as field has 3 bands; got shape \(1, 4\)"),
            (np.ones(3), r"got shape \(3,\)"),
            ([[1, np.nan, 1]], "must be finite"),
        ],
    )
    def test_spectra_that_do_not_fit(self, cube, spectra, message):
        segmenter = ScorerSegmenter(Closeness())
        with pytest.raises(DataError, match=message):
            segmenter.predict_spectra(segmenter.open(cube), spectra)


class Halves(Closeness):
    """Halves the combined maps; records how many it was given at a time."""

    def __init__(self):
        super().__init__()
        self.finished = []

    def finish(self, prepared, combined):
        assert prepared.shape[:2] == combined.shape[1:]
        self.finished.append(len(combined))
        return combined / 2


class TestFinish:
    def test_once_per_click_for_all_objects_after_combining(self, cube):
        scorer = Halves()
        segmenter = ScorerSegmenter(scorer)
        state = segmenter.open(cube)
        for k in range(1, 4):
            objects = [POINTS[:k], POINTS[::-1][:k]]
            found = run(segmenter, cube, *map(Clicks, objects), state=state)
            for points, probability in zip(objects, found, strict=True):
                np.testing.assert_allclose(probability, expected(cube, points) / 2, atol=1e-6)
            assert scorer.finished == [2] * k
        assert scorer.calls == [2, 2, 2]

    def test_maps_of_boxes_and_of_spectra_too(self, cube):
        segmenter, plain = ScorerSegmenter(Halves()), ScorerSegmenter(Closeness())
        boxes = np.array([[0, 0, 2, 2], [1, 1, 4, 5]])
        torch.testing.assert_close(
            segmenter.predict_boxes(segmenter.open(cube), boxes),
            plain.predict_boxes(plain.open(cube), boxes) / 2,
        )
        spectra = cube.data[:2, 0]
        torch.testing.assert_close(
            segmenter.predict_spectra(segmenter.open(cube), spectra),
            plain.predict_spectra(plain.open(cube), spectra) / 2,
        )

    def test_vetoes_compare_the_maps_before(self, cube):
        class Hides(Halves):
            def finish(self, prepared, combined):
                return torch.ones_like(combined)

        clicks = Clicks(POINTS[:2], [True, False])
        found = run(ScorerSegmenter(Hides()), cube, clicks)[0]
        vetoed = expected(cube, POINTS[1:2]) > expected(cube, POINTS[:1])
        np.testing.assert_array_equal(found, np.where(vetoed, 0, 1))

    def test_an_object_without_positive_clicks_is_left_out(self, cube):
        scorer = Halves()
        prompts = [Clicks(POINTS[:1], [False]), Clicks(POINTS[:1])]
        found = run(ScorerSegmenter(scorer), cube, *prompts)
        assert not found[0].any()
        assert scorer.finished == [1]

    def test_in_bounded_batches(self, cube, monkeypatch):
        monkeypatch.setattr(scoring, "_BATCH_BYTES", 2 * 4 * 5 * 6)
        scorer = Halves()
        run(ScorerSegmenter(scorer), cube, *(Clicks([point]) for point in POINTS))
        assert scorer.finished == [2, 2, 1]

    def test_its_contract_is_checked(self, cube):
        class Wrong(Halves):
            def finish(self, prepared, combined):
                return combined + 2

        with pytest.raises(ContractError, match=r"Wrong\.finish returned values from 2"):
            run(ScorerSegmenter(Wrong()), cube, Clicks(POINTS[:1]))


class TestCost:
    def test_each_click_costs_one_reference_per_object_in_one_call(self, cube):
        scorer = Closeness()
        segmenter = ScorerSegmenter(scorer)
        state = segmenter.open(cube)
        objects = [POINTS, POINTS[::-1], POINTS[1:] + POINTS[:1]]
        for k in range(1, 6):
            run(segmenter, cube, *(Clicks(points[:k]) for points in objects), state=state)
            assert scorer.calls == [3] * k

    def test_the_same_clicks_again_cost_nothing(self, cube):
        scorer = Closeness()
        segmenter = ScorerSegmenter(scorer)
        state = segmenter.open(cube)
        run(segmenter, cube, Clicks(POINTS), state=state)
        assert scorer.references == len(POINTS)
        run(segmenter, cube, Clicks(POINTS), Clicks(POINTS), state=state)
        assert scorer.references == len(POINTS)

    def test_a_negative_click_costs_one_reference_or_nothing_if_ignored(self, cube):
        for negatives, cost in (("veto", 3), ("ignore", 2)):
            scorer = Closeness()
            segmenter = ScorerSegmenter(scorer, negatives=negatives)
            state = segmenter.open(cube)
            for clicks in everything(POINTS[:3], [True, False, True]):
                run(segmenter, cube, clicks, state=state)
            assert scorer.references == cost

    def test_references_are_scored_in_bounded_batches(self, cube, monkeypatch):
        plain = run(ScorerSegmenter(Closeness()), cube, Clicks(POINTS))
        monkeypatch.setattr(scoring, "_BATCH_BYTES", 2 * 4 * 5 * 6)  # two maps
        scorer = Closeness()
        np.testing.assert_array_equal(run(ScorerSegmenter(scorer), cube, Clicks(POINTS)), plain)
        assert scorer.calls == [2, 2, 1]

    @pytest.mark.parametrize("aggregate", ["max", "mean"])
    @pytest.mark.parametrize("maps", [0, 1, 3])
    def test_eviction_changes_no_result(self, cube, monkeypatch, aggregate, maps):
        prompts = [
            [Clicks(points[:k], [True, False, True, True, False][:k]) for points in
             (POINTS, POINTS[::-1])]
            for k in range(1, 6)
        ]  # fmt: skip
        unbounded = ScorerSegmenter(Closeness(), aggregate=aggregate)
        state = unbounded.open(cube)
        results = [run(unbounded, cube, *each, state=state) for each in prompts]
        monkeypatch.setattr(scoring, "_CACHE_BYTES", maps * 4 * 5 * 6)
        bounded = ScorerSegmenter(Closeness(), aggregate=aggregate)
        state = bounded.open(cube)
        for each, result in zip(prompts, results, strict=True):
            np.testing.assert_array_equal(run(bounded, cube, *each, state=state), result)
            assert len(state.combined) <= max(maps, 2)
        assert bounded.scorer.references > unbounded.scorer.references

    def test_the_least_recently_used_map_goes_first(self, cube, monkeypatch):
        monkeypatch.setattr(scoring, "_CACHE_BYTES", 2 * 4 * 5 * 6)
        scorer = Closeness()
        segmenter = ScorerSegmenter(scorer)
        state = segmenter.open(cube)
        a, b, c = (Clicks([point]) for point in POINTS[:3])
        for clicks in (a, b, a, c):  # b is evicted when c comes
            run(segmenter, cube, clicks, state=state)
        assert scorer.references == 3
        run(segmenter, cube, a, state=state)
        assert scorer.references == 3
        run(segmenter, cube, b, state=state)
        assert scorer.references == 4

    def test_a_kept_map_does_not_keep_those_of_other_objects(self, cube):
        segmenter = ScorerSegmenter(Closeness())
        state = segmenter.open(cube)
        run(segmenter, cube, *(Clicks([point]) for point in POINTS), state=state)
        assert len(state.combined) == 5
        assert {each.untyped_storage().nbytes() for each in state.combined.values()} == {4 * 5 * 6}


class TestNegatives:
    def test_veto(self, cube):
        clicks = Clicks(POINTS[:4], [True, False, True, False])
        similar, dissimilar = expected(cube, POINTS[0:4:2]), expected(cube, POINTS[1:4:2])
        vetoed = dissimilar > similar
        assert vetoed.any()
        assert not vetoed.all()
        np.testing.assert_allclose(
            run(ScorerSegmenter(Closeness()), cube, clicks)[0],
            np.where(vetoed, 0, similar),
            atol=1e-6,
        )

    def test_ignore(self, cube):
        clicks = Clicks(POINTS[:4], [True, False, True, False])
        segmenter = ScorerSegmenter(Closeness(), negatives="ignore")
        np.testing.assert_array_equal(
            run(segmenter, cube, clicks), run(segmenter, cube, Clicks(POINTS[0:4:2]))
        )

    def test_a_tie_is_no_veto(self, cube):
        clicks = Clicks([POINTS[0], POINTS[0]], [True, False])
        segmenter = ScorerSegmenter(Closeness())
        np.testing.assert_array_equal(
            run(segmenter, cube, clicks), run(segmenter, cube, Clicks(POINTS[:1]))
        )

    @pytest.mark.parametrize("negatives", ["veto", "ignore"])
    def test_negative_clicks_only_give_an_empty_object(self, cube, negatives):
        segmenter = ScorerSegmenter(Closeness(), negatives=negatives)
        only_negative = Clicks(POINTS[:2], [False, False])
        assert not run(segmenter, cube, only_negative).any()
        both = run(segmenter, cube, only_negative, Clicks(POINTS[:1]))
        assert not both[0].any()
        assert both[1, 0, 0] == 1

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    @pytest.mark.parametrize("negatives", ["veto", "ignore"])
    def test_negative_clicks_only_beside_another_object_on_a_gpu(self, cube, negatives):
        class OnGpu(Closeness):
            def score(self, prepared, references):
                return super().score(prepared, references).cuda()

        prompts = [Clicks(POINTS[:1], [False]), Clicks(POINTS[:1])]
        maps = ScorerSegmenter(OnGpu(), negatives=negatives)
        assert maps.predict(maps.open(cube), prompts).is_cuda


class TestUnusablePixels:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("aggregate", ["max", "mean"])
    def test_get_probability_0_and_influence_nothing(self, cube, value, aggregate):
        data = cube.data.copy()
        data[2, 2, 1] = value
        segmenter = ScorerSegmenter(Closeness(), aggregate=aggregate)
        clicks = Clicks(POINTS[:3], [True, False, True])
        whole = run(segmenter, cube, clicks)
        broken = run(segmenter, HyperCube(data), clicks)
        assert broken[0, 2, 2] == 0
        whole[0, 2, 2] = 0
        np.testing.assert_array_equal(broken, whole)

    def test_whatever_the_scorer_says_there(self):
        data = np.ones((1, 3, 2))
        data[0, 1] = np.nan
        for nonsense in (np.nan, np.inf, 1e9):
            scorer = Returns(np.array([[[1.0, nonsense, -1.0]]], dtype=np.float32))
            probability = run(ScorerSegmenter(scorer), HyperCube(data), Clicks([(0, 0)]))
            assert probability.tolist() == [[[1.0, 0.0, 0.0]]]

    def test_a_cube_without_a_usable_pixel(self):
        cube = HyperCube(np.full((2, 2, 3), np.nan), name="night")
        with pytest.raises(DataError, match=r"night: no pixel .* all 3 bands"):
            ScorerSegmenter(Closeness()).open(cube)


class TestClicks:
    @pytest.mark.parametrize(("row", "col"), [(5, 0), (0, 6), (99, 99)])
    @pytest.mark.parametrize("positive", [True, False])
    def test_outside(self, cube, row, col, positive):
        with pytest.raises(ClickError, match=rf"\(row={row}, col={col}\) is outside .* 5 rows × 6"):
            run(ScorerSegmenter(Closeness()), cube, Clicks([(row, col)], [positive]))

    @pytest.mark.parametrize("negatives", ["veto", "ignore"])
    def test_on_an_unusable_pixel(self, cube, negatives):
        data = cube.data.copy()
        data[2, 3, 0] = np.inf
        segmenter = ScorerSegmenter(Closeness(), negatives=negatives)
        with pytest.raises(ClickError, match=r"\(row=2, col=3\) is on a pixel of night"):
            run(segmenter, HyperCube(data, name="night"), Clicks(POINTS[:3], [True, True, False]))

    def test_none(self, cube):
        scorer = Closeness()
        with pytest.raises(ClickError, match="at least one click"):
            run(ScorerSegmenter(scorer), cube, Clicks(POINTS), Clicks())
        assert scorer.calls == []

    def test_no_object(self, cube):
        assert run(ScorerSegmenter(Closeness()), cube).shape == (0, 5, 6)


class TestContract:
    def test_too_few_bands(self, cube):
        class Wide(Closeness):
            min_bands = 4

        with pytest.raises(DataError, match="Wide needs at least 4 bands; field has 3"):
            ScorerSegmenter(Wide()).open(cube)

    @pytest.mark.parametrize("shape", [(5, 6), (2, 5, 6), (1, 6, 5), (1, 5, 6, 1), ()])
    @pytest.mark.parametrize("make", [np.zeros, torch.zeros])
    def test_shape(self, cube, shape, make):
        message = rf"Returns\.score returned shape \({', '.join(map(str, shape))}.*\(1, 5, 6\)"
        with pytest.raises(ContractError, match=message):
            run(ScorerSegmenter(Returns(make(shape))), cube, Clicks([(0, 0)]))

    @pytest.mark.parametrize(
        ("wrong", "shown"),
        [(1.1, "0.0 to 1.1"), (-1.5, "-1.5 to 0.0"), (np.inf, "to inf"), (np.nan, "nan")],
    )
    def test_range(self, cube, wrong, shown):
        maps = np.zeros((1, 5, 6), dtype=np.float32)
        maps[0, 4, 5] = wrong
        with pytest.raises(ContractError, match=rf"{shown}.*declared range -1.0 to 1.0"):
            run(ScorerSegmenter(Returns(maps)), cube, Clicks([(0, 0)]))

    def test_unbounded_scores_must_be_finite_too(self, cube):
        class Unbounded(Returns):
            score_range = (-math.inf, math.inf)

        maps = np.full((1, 5, 6), 1e30, dtype=np.float32)
        assert run(ScorerSegmenter(Unbounded(maps)), cube, Clicks([(0, 0)])).max() <= 1
        maps[0, 0, 0] = -np.inf
        with pytest.raises(ContractError, match="expected finite values"):
            run(ScorerSegmenter(Unbounded(maps)), cube, Clicks([(0, 0)]))

    def test_rounding_at_the_end_of_the_range_is_forgiven(self, cube):
        maps = np.full((1, 5, 6), 1 + 1e-6, dtype=np.float32)
        assert run(ScorerSegmenter(Returns(maps)), cube, Clicks([(0, 0)])).max() == 1

    @pytest.mark.parametrize(
        "as_returned",
        [
            lambda maps: maps,
            lambda maps: maps.astype(np.float64),
            lambda maps: np.asfortranarray(maps),
            lambda maps: np.ascontiguousarray(maps[:, ::-1])[:, ::-1],  # negative strides
            lambda maps: np.broadcast_to(maps, maps.shape),  # read-only
            lambda maps: maps.tolist(),
        ],
    )
    def test_scores_may_be_any_array(self, cube, as_returned):
        np.testing.assert_array_equal(
            run(ScorerSegmenter(InNumpy(as_returned)), cube, Clicks(POINTS)),
            run(ScorerSegmenter(Closeness()), cube, Clicks(POINTS)),
        )

    def test_scores_may_be_a_buffer_that_is_used_again(self, cube):
        buffer = np.zeros((1, 5, 6), dtype=np.float32)

        def reuse(maps):
            buffer[:] = maps
            return buffer

        segmenter = ScorerSegmenter(InNumpy(reuse))
        state = segmenter.open(cube)
        for clicks in everything(POINTS):
            result = run(segmenter, cube, clicks, state=state)
        np.testing.assert_array_equal(result, run(ScorerSegmenter(Closeness()), cube, clicks))


def bounds(infinite):
    return st.sampled_from([infinite]) | st.floats(0.01, 1000)


@st.composite
def scales(draw):
    threshold = draw(st.floats(-10, 10))
    low, high = threshold - draw(bounds(math.inf)), threshold + draw(bounds(math.inf))
    scores = draw(st.lists(st.floats(max(low, -1e30), min(high, 1e30)), min_size=1, max_size=12))
    return torch.tensor(sorted(scores), dtype=torch.float32), (low, high), threshold


class TestToProbability:
    @quick
    @given(scales())
    def test_is_a_probability_in_the_order_of_the_scores(self, scale):
        scores, score_range, threshold = scale
        probability = to_probability(scores, score_range, threshold)
        assert probability.dtype == torch.float32
        assert probability.shape == scores.shape
        assert probability.min() >= 0
        assert probability.max() <= 1
        assert (probability.diff() >= 0).all()

    @quick
    @given(scales())
    def test_the_threshold_is_at_one_half_and_the_ends_at_0_and_1(self, scale):
        _, (low, high), threshold = scale
        ends = torch.tensor([max(low, -1e30), threshold, min(high, 1e30)], dtype=torch.float32)
        # float32 moves the threshold and the bounds of the test's float64 a little.
        np.testing.assert_allclose(
            to_probability(ends, (low, high), threshold), [0, 0.5, 1], atol=1e-4
        )

    @quick
    @given(scales())
    def test_both_sides_of_the_threshold_are_kept_apart(self, scale):
        scores, score_range, _ = scale
        threshold = float(np.float32(scale[2]))
        if not score_range[0] < threshold < score_range[1]:
            return
        probability = to_probability(scores, score_range, threshold)
        assert (probability[scores <= threshold] <= 0.5).all()
        assert (probability[scores >= threshold] >= 0.5).all()
        clear = (scores - threshold).abs() > 1e-3
        assert ((probability > 0.5) == (scores > threshold))[clear].all()

    @quick
    @given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=12))
    def test_scores_from_0_to_1_around_one_half_stay_as_they_are(self, scores):
        scores = torch.tensor(scores, dtype=torch.float32)
        probability = to_probability(scores, (0.0, 1.0), 0.5)
        # From a quarter on every step is exact; below, 0.5 + (s − 0.5) rounds.
        np.testing.assert_array_equal(probability[scores >= 0.25], scores[scores >= 0.25])
        np.testing.assert_allclose(probability, scores, atol=2**-25, rtol=0)

    def test_by_hand(self):
        scores = torch.tensor([-1.0, 0.0, 0.5, 0.75, 1.0])
        linear = to_probability(scores, (-1.0, 1.0), 0.5)
        np.testing.assert_allclose(linear, [0, 1 / 3, 0.5, 0.75, 1])
        above = to_probability(torch.tensor([0.0, 1.0, 2.0, 4.0]), (0.0, math.inf), 1.0)
        np.testing.assert_allclose(above, [0, 0.5, 0.75, 0.875])
        below = to_probability(torch.tensor([-4.0, -2.0, -1.0, 0.0]), (-math.inf, 0.0), -1.0)
        np.testing.assert_allclose(below, [0.125, 0.25, 0.5, 1])
