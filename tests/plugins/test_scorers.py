"""The spectral scorers against independent implementations, and what all of them must hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import spectral
import torch
from hsizoo_spectral.ace import AdaptiveCosineEstimator
from hsizoo_spectral.matched_filter import MatchedFilter
from hsizoo_spectral.pcc import PearsonCorrelation
from hsizoo_spectral.sa import SpectralAngle
from hsizoo_spectral.sa_eq import EqualizedSpectralAngle, equalize
from hsizoo_spectral.sid import SpectralInformationDivergence
from hsizoo_spectral.whitening import estimate_background
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.exposure import equalize_hist
from sklearn.covariance import ledoit_wolf
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

import hsizoo
from hsizoo.errors import DataError, OptionError

SAMSON = Path(__file__).parents[3] / "shared" / "data" / "samson.npz"

Float = npt.NDArray[np.float64]
Make = Callable[..., hsizoo.SpectralScorer]
SCORERS: dict[str, Make] = {
    "sa": SpectralAngle,
    "sa-eq": EqualizedSpectralAngle,
    "pcc": PearsonCorrelation,
    "sid": SpectralInformationDivergence,
    "ace": AdaptiveCosineEstimator,
    "ace-signed": lambda **options: AdaptiveCosineEstimator(signed=True, **options),
    "ace-plain": lambda **options: AdaptiveCosineEstimator(shrinkage="0", **options),
    "matched-filter": MatchedFilter,
    "matched-filter-plain": lambda **options: MatchedFilter(shrinkage="0", **options),
}
BY_SHAPE = ["sa", "pcc", "sid"]  # a score of two spectra alone, the greatest for equal ones
each_scorer = pytest.mark.parametrize("name", SCORERS)


def random_cube(seed: int = 0, height: int = 24, width: int = 30, bands: int = 20) -> Float:
    """Positive values without structure, exact in float32."""
    data = np.random.default_rng(seed).uniform(0.05, 1, (height, width, bands))
    return data.astype(np.float32).astype(np.float64)


def smooth_cube(seed: int = 0, spread: float = 1e-3) -> Float:
    """One smooth spectrum, varied so little that angles between pixels are about `spread`."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, 60)
    base = 0.4 + 0.2 * np.sin(4 * x) + 0.1 * x**2
    shape = rng.normal(size=(24, 30, 3)) @ np.stack([x, np.cos(5 * x), x**3])
    data = base * rng.uniform(0.5, 2, (24, 30, 1)) * (1 + spread * shape)
    return data.astype(np.float32).astype(np.float64)


def scores(scorer: hsizoo.SpectralScorer, data: npt.ArrayLike, references: npt.ArrayLike) -> Float:
    prepared = scorer.prepare(hsizoo.HyperCube(data))
    result = scorer.score(prepared, np.atleast_2d(np.asarray(references, dtype=np.float32)))
    assert isinstance(result, torch.Tensor)
    assert result.dtype == torch.float32
    return result.numpy().astype(np.float64)


# --- spectral angle -----------------------------------------------------------------------------


def spy_angles(data: Float, references: Float) -> Float:
    return np.moveaxis(spectral.spectral_angles(data, references), 2, 0)


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize(
    "data", [random_cube(), smooth_cube(), smooth_cube(spread=1e-5)], ids=["random", "1e-3", "1e-5"]
)
def test_angle_agrees_with_spy(data: Float, count: int) -> None:
    references = data[3, 4 : 4 + count]
    angles = (1 - scores(SpectralAngle(), data, references)) * np.pi
    assert np.abs(angles - spy_angles(data, references)).max() < 1e-6


@pytest.mark.parametrize("bands", [3, 100, 300])
@pytest.mark.parametrize("spread", [1e-6, 1e-3, 0.1, 1])
def test_several_references_at_once_are_as_exact_as_one(spread: float, bands: int) -> None:
    """Chords by a matrix product, from spectra nearly alike to spectra of any direction."""
    rng = np.random.default_rng(bands)
    data = rng.normal(size=(40, 50, bands)) * spread + np.linspace(1, 2, bands)
    data[1, 2] = -data[3, 4]  # opposite to a reference
    data[5, :7] = 3 * data[3, 4]  # and equal
    cube = hsizoo.HyperCube(data)
    references = np.array(cube.data[3, 4 : 4 + 19])  # more than one batch of them
    exact = cube.data.astype(float), references.astype(float)
    centred = [each - each.mean(axis=-1, keepdims=True) for each in exact]
    truths = {
        SpectralAngle(): 1 - spy_angles(*exact) / np.pi,
        PearsonCorrelation(): np.cos(spy_angles(*centred)),
    }
    for scorer, truth in truths.items():
        together = scorer.score(scorer.prepare(cube), references).numpy()
        assert np.abs(together - truth).max() < 5e-7


def test_several_references_ignore_torchs_precision() -> None:
    """Some settings let float32 products be made of bfloat16."""
    data = smooth_cube()
    exact = scores(SpectralAngle(), data, data[0, :3])
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        found = scores(SpectralAngle(), data, data[0, :3])
    finally:
        torch.set_float32_matmul_precision(before)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        also = scores(SpectralAngle(), data, data[0, :3])
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(also, exact)


@pytest.mark.parametrize("count", [1, 3])
def test_angle_is_right_from_0_to_pi(count: int) -> None:
    wanted = np.concatenate([np.logspace(-6, 0, 40), np.pi - np.logspace(-6, 0, 40), [0, np.pi]])
    data = np.zeros((1, len(wanted), 3))
    data[0, :, 0], data[0, :, 2] = 7 * np.cos(wanted), 7 * np.sin(wanted)
    references = np.repeat([[0.3, 0, 0]], count, axis=0)
    found = np.pi * (1 - scores(SpectralAngle(), data, references)[-1, 0])
    assert np.abs(found - wanted).max() < 1e-6


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("name", ["sa", "pcc"])
def test_zero_spectrum_is_neither_similar_nor_opposite(name: str, count: int) -> None:
    data = random_cube()
    data[2, 3] = 0
    neutral = {"sa": 0.5, "pcc": 0.0}[name]
    zero_pixel = scores(SCORERS[name](), data, data[:count, 0])[:, 2, 3]
    zero_reference = scores(SCORERS[name](), data, np.zeros((count, 20)))
    np.testing.assert_array_equal(zero_pixel, neutral)
    np.testing.assert_array_equal(zero_reference, np.full((count, 24, 30), neutral, np.float32))


@pytest.mark.skipif(not SAMSON.exists(), reason="the shared Samson scene is not here")
def test_angle_on_a_real_scene() -> None:
    with np.load(SAMSON) as archive:
        data = next(archive[key] for key in archive.files if archive[key].ndim == 3)
    data = data.astype(np.float32).astype(np.float64)
    references = data[[10, 50, 80], [10, 40, 90]]
    for wanted in (references, references[:1]):
        found = scores(SpectralAngle(), data, wanted)
        assert np.abs(found - (1 - spy_angles(data, wanted) / np.pi)).max() < 1e-6


# --- equalised spectral angle -------------------------------------------------------------------


@pytest.mark.parametrize("nbins", [2, 17, 256])
def test_equalize_agrees_with_skimage(nbins: int) -> None:
    rng = np.random.default_rng(0)
    maps = rng.beta(5, 1, (3, 40, 50)).astype(np.float32)
    valid = rng.random((40, 50)) < 0.7
    flat = torch.from_numpy(maps).reshape(3, -1)
    found = equalize(flat, torch.from_numpy(valid.reshape(-1)), nbins).reshape(3, 40, 50).numpy()
    for one, own in zip(maps, found, strict=True):
        expected = equalize_hist(one.astype(np.float64), nbins=nbins, mask=valid)
        np.testing.assert_allclose(own, expected, atol=1e-6)


@pytest.mark.parametrize("nbins", [8, 256, 7])
def test_equalize_a_constant_map_as_skimage_does(nbins: int) -> None:
    expected = equalize_hist(np.full((4, 5), 0.25), nbins=nbins)
    found = equalize(torch.full((1, 20), 0.25), torch.ones(20, dtype=torch.bool), nbins)
    np.testing.assert_allclose(found.numpy(), expected.reshape(1, -1))
    assert expected[0, 0] == (0.5 if nbins % 2 == 0 else 1)


@pytest.mark.parametrize("data", [random_cube(), smooth_cube()], ids=["random", "smooth"])
def test_equalised_angle_agrees_with_spy_and_skimage(data: Float) -> None:
    references = data[5, 6:9]
    similarity = 1 - spy_angles(data, references) / np.pi
    found = scores(EqualizedSpectralAngle(), data, references)
    for own, one in zip(found, similarity, strict=True):
        difference = np.abs(own - equalize_hist(one))
        # A similarity rounded to float32 may fall into the next bin: one pixel of 720.
        assert difference.max() < 5 / one.size
        assert np.median(difference) < 1.5 / one.size


@pytest.mark.parametrize("combine", [np.max, np.mean])
def test_the_combined_map_is_equalised_as_the_paper_says(combine) -> None:
    """SAMSA 2.0, section 3.4, in a few lines, beside the order of Table 1's baseline."""
    data, places = random_cube(), np.array([(5, 6), (20, 3), (9, 25), (0, 0), (13, 14)])
    cube = hsizoo.HyperCube(data)
    similarity = 1 - spy_angles(data, data[*places.T]) / np.pi
    for order, expected in {
        "aggregated": [equalize_hist(combine(similarity[:n], axis=0)) for n in range(1, 6)],
        "each": [combine([equalize_hist(s) for s in similarity[:n]], axis=0) for n in range(1, 6)],
    }.items():
        name = f"sa-eq:order={order},aggregate={combine.__name__}"
        segmenter = hsizoo.create(name, kind="segmenter", device="cpu")
        state = segmenter.open(cube)
        for n in range(1, 6):
            found = segmenter.predict(state, [hsizoo.Clicks(places[:n])])[0].numpy()
            assert np.abs(found - expected[n - 1]).max() < 10 / found.size
        aggregated = [equalize_hist(combine(similarity, axis=0))]
        assert (np.abs(found - aggregated).mean() > 0.1) == (order == "each")
        by_spectra = segmenter.predict_spectra(state, data[*places.T].astype(np.float32))
        np.testing.assert_allclose(by_spectra.numpy(), found, atol=10 / found.size)


def test_a_negative_click_takes_pixels_from_the_equalised_map_and_changes_no_other() -> None:
    data = random_cube()
    similarity = 1 - spy_angles(data, data[[5, 9], [6, 25]]) / np.pi
    vetoed = similarity[1] > similarity[0]
    expected = np.where(vetoed, 0, equalize_hist(similarity[0]))
    segmenter = hsizoo.create("sa-eq:order=aggregated", kind="segmenter", device="cpu")
    clicks = hsizoo.Clicks([(5, 6), (9, 25)], [True, False])
    found = segmenter.predict(segmenter.open(hsizoo.HyperCube(data)), [clicks])[0].numpy()
    assert np.abs(found - expected).max() < 10 / found.size
    assert 0.2 < vetoed.mean() < 0.8


# --- Pearson correlation, divergence ------------------------------------------------------------


@pytest.mark.parametrize("data", [random_cube(), smooth_cube()], ids=["random", "smooth"])
def test_correlation_agrees_with_numpy(data: Float) -> None:
    references = data[3, 4:7]
    both = np.concatenate([references, data.reshape(-1, data.shape[2])])
    expected = np.corrcoef(both)[:3, 3:].reshape(3, *data.shape[:2])
    np.testing.assert_allclose(scores(PearsonCorrelation(), data, references), expected, atol=1e-6)


@pytest.mark.parametrize("spread", [1e-3, 3e-5])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("sign", [1, -1])
def test_correlations_near_1_keep_their_order(spread: float, count: int, sign: int) -> None:
    """All spectra alike: what a float32 product gets wrong are the last digits, and the order."""
    data = smooth_cube(spread=spread)
    references = sign * data[5, 6 : 6 + count]
    both = np.concatenate([references, data.reshape(-1, data.shape[2])])
    expected = np.corrcoef(both)[:count, count:]
    found = scores(PearsonCorrelation(), data, references).reshape(count, -1)
    assert (sign * expected).min() > 0.999
    # The last digit of float32 below 1 is 6e-8.
    assert np.abs(found - expected).max() < 7e-8
    for own, one in zip(found, expected, strict=True):
        order = np.argsort(one, kind="stable")
        assert (np.diff(own[order]) > -7e-8).all()
        assert len(np.unique(own)) >= len(np.unique(one.astype(np.float32))) / 2


def test_correlation_with_a_constant_spectrum_is_zero() -> None:
    data = random_cube()
    data[2, 3] = 0.1
    assert scores(PearsonCorrelation(), data, data[0, 0])[0, 2, 3] == 0
    assert not scores(PearsonCorrelation(), data, data[2, 3]).any()


@pytest.mark.parametrize("data", [random_cube(), smooth_cube()], ids=["random", "smooth"])
def test_divergence_agrees_with_its_definition(data: Float) -> None:
    references = data[3, 4:7]
    p = data / data.sum(axis=2, keepdims=True)
    for found, reference in zip(
        scores(SpectralInformationDivergence(), data, references), references, strict=True
    ):
        q = reference / reference.sum()
        sid = (p * np.log(p / q) + q * np.log(q / p)).sum(axis=2)
        np.testing.assert_allclose(found, np.exp(-sid), atol=1e-6)


def test_divergence_floor() -> None:
    data = np.array([[[1, 0.0], [1, 1], [1, -5], [0, 0], [-1, -2]]])
    found = scores(SpectralInformationDivergence(floor=1e-3), data, [[1, 1]])[0, 0]
    p = np.array([2, 1e-3]) / 2.001
    assert found[0] == pytest.approx(np.exp(-((p - 0.5) * np.log(p / 0.5)).sum()), abs=1e-6)
    np.testing.assert_allclose(found[1:], [1, found[0], 1, 1], atol=1e-6)


# --- background statistics, ACE, matched filter -------------------------------------------------


@pytest.mark.parametrize("data", [random_cube(), random_cube(bands=120)], ids=["20", "120 bands"])
def test_ace_and_matched_filter_agree_with_spy(data: Float) -> None:
    references = data[3, 4:7] + 0.05
    references = references.astype(np.float32).astype(np.float64)
    plain: dict[str, object] = {"shrinkage": "0", "false_alarms": 0.0}
    ace = scores(AdaptiveCosineEstimator(**plain), data, references)
    signed = scores(AdaptiveCosineEstimator(signed=True, **plain), data, references)
    matched = scores(MatchedFilter(**plain), data, references)
    for n, reference in enumerate(references):
        expected = spectral.matched_filter(data, reference)
        np.testing.assert_allclose(ace[n], spectral.ace(data, reference), atol=1e-5)
        np.testing.assert_allclose(matched[n], expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(signed[n], ace[n] * np.sign(expected), atol=1e-6)


def test_matched_filter_is_1_at_the_reference_and_0_at_the_mean() -> None:
    data = random_cube()
    data[0, 0] = data.reshape(-1, 20)[1:].mean(axis=0)  # then it is the mean of all
    found = scores(MatchedFilter(), data, data[3, 4])[0]
    assert found[3, 4] == pytest.approx(1, abs=1e-5)
    assert found[0, 0] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("rate", [0.3, 0.05, 0.01])
@pytest.mark.parametrize("name", ["ace", "matched-filter"])
def test_threshold_keeps_the_rate_of_false_alarms(name: str, rate: float) -> None:
    """On a Gaussian background, in the order of the plain scores."""
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(30, 30))
    data = rng.normal(size=(200, 250, 30)) @ mixing + 100
    references = (100 + 12 * rng.normal(size=(4, 30)) @ mixing).astype(np.float32)
    found = scores(SCORERS[f"{name}-plain"](false_alarms=rate), data, references)
    plain = scores(SCORERS[f"{name}-plain"](false_alarms=0.0), data, references)
    for calibrated, score in zip(found, plain, strict=True):
        assert (calibrated > 0.5).mean() == pytest.approx(rate, rel=0.1)
        assert (score > 0.5).mean() < 0.1 * rate  # too few, as version 1 had them
        order = score.ravel().argsort()
        assert (np.diff(calibrated.ravel()[order]) >= -1e-6).all()


def test_false_alarms_are_a_fraction_below_one_half() -> None:
    for make in (AdaptiveCosineEstimator, MatchedFilter):
        for wrong in (-0.1, 0.5, 1.0, float("nan"), 1e-12):
            with pytest.raises(OptionError, match="false_alarms"):
                make(false_alarms=wrong)


@pytest.mark.parametrize("bands", [5, 20, 150])
def test_shrinkage_agrees_with_sklearn(bands: int) -> None:
    data = random_cube(height=10, width=12, bands=bands)
    background = estimate_background(hsizoo.HyperCube(data), torch.device("cpu"), None)
    covariance, shrinkage = ledoit_wolf(data.reshape(-1, bands))
    assert background.shrinkage.item() == pytest.approx(shrinkage, rel=1e-9)
    w = background.whitening.numpy()
    np.testing.assert_allclose(w.T @ covariance @ w, np.eye(bands), atol=1e-9)


@pytest.mark.parametrize("shrinkage", ["auto", "0", "0.3", "1"])
@pytest.mark.parametrize("kind", ["constant band", "constant scene", "few pixels", "one pixel"])
@pytest.mark.parametrize("name", ["ace", "matched-filter"])
def test_degenerate_background_is_finite(name: str, kind: str, shrinkage: str) -> None:
    data = random_cube(height=4, width=5)
    if kind == "constant band":
        data[:, :, 3] = 0.1
    elif kind == "constant scene":
        data[:] = 0.1
    elif kind == "one pixel":
        data = data[:1, :1]
    found = scores(SCORERS[name](shrinkage=shrinkage), data, [data[0, 0], data[0, 0] + 0.5])
    assert np.isfinite(found).all()
    if kind in ("constant scene", "one pixel"):
        assert not found.any()
    elif kind == "constant band":
        assert found[0, 0, 0] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", ["ace", "ace-plain", "matched-filter", "matched-filter-plain"])
def test_reference_equal_to_the_mean_scores_0(name: str) -> None:
    data = np.array([[[1, 2, 3], [3, 4, 1.0], [2, 3, 2], [2, 1, 2], [2, 5, 2]]])
    assert not scores(SCORERS[name](), data, [[2, 3, 2]]).any()


# --- what every scorer must hold ----------------------------------------------------------------


@each_scorer
def test_range_type_and_self_similarity(name: str) -> None:
    data = random_cube()
    scorer = SCORERS[name]()
    found = scores(scorer, data, data[2, 3:6])
    low, high = scorer.score_range
    assert found.shape == (3, 24, 30)
    assert (found >= low).all()
    assert (found <= high).all()
    assert low < scorer.threshold < high
    own = found[np.arange(3), 2, np.arange(3, 6)]
    if high == 1:
        assert (own > found.max(axis=(1, 2)) - 1e-6).all()
    np.testing.assert_allclose(own, 1, atol=1e-2 if name == "sa-eq" else 1e-5)


@each_scorer
def test_each_row_depends_on_its_reference_only(name: str) -> None:
    data = smooth_cube()
    scorer = SCORERS[name]()
    together = scores(scorer, data, data[2, 3:8])
    alone = [scores(scorer, data, one)[0] for one in data[2, 3:8]]
    # Equalisation magnifies the last digit of the angle: a pixel may change its bin.
    tolerance = 5 / together[0].size if name == "sa-eq" else 1e-6
    scale = 1 + np.abs(together).max()
    np.testing.assert_allclose(together, alone, atol=tolerance * scale)
    assert scores(scorer, data, np.empty((0, 60))).shape == (0, 24, 30)


@each_scorer
@pytest.mark.parametrize("shape", [(1, 40, 6), (40, 1, 6), (5, 8, 2), (6, 7, 300), (1, 3, 2)])
def test_shapes(name: str, shape: tuple[int, int, int]) -> None:
    data = random_cube(height=shape[0], width=shape[1], bands=shape[2])
    found = scores(SCORERS[name](), data, data[0, 0])
    assert found.shape == (1, *shape[:2])
    assert np.isfinite(found).all()


@each_scorer
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_invalid_pixels_do_not_influence_the_others(name: str, bad: float, count: int) -> None:
    data = random_cube(height=1, width=300)
    holes = np.random.default_rng(1).random(300) < 0.2
    holes[:2] = False
    broken = data.copy()
    broken[0, holes, 1] = bad
    found = scores(SCORERS[name](), broken, data[0, :count])
    expected = scores(SCORERS[name](), data[:, ~holes], data[0, :count])
    np.testing.assert_allclose(found[:, :, ~holes], expected, atol=2e-5)


@each_scorer
def test_no_valid_pixel(name: str) -> None:
    with pytest.raises(DataError, match=r"gone: none of the 2 × 3 pixels"):
        SCORERS[name]().prepare(hsizoo.HyperCube(np.full((2, 3, 4), np.nan), name="gone"))


@each_scorer
@pytest.mark.parametrize("shape", [(1, 19), (20,), (1, 1, 20)])
def test_references_of_another_shape(name: str, shape: tuple[int, ...]) -> None:
    scorer = SCORERS[name]()
    prepared = scorer.prepare(hsizoo.HyperCube(random_cube()))
    with pytest.raises(DataError, match=r"20 bands.*19|20 bands.*shape"):
        scorer.score(prepared, np.ones(shape, dtype=np.float32))


@each_scorer
@pytest.mark.parametrize("count", [1, 2])
def test_inputs_are_not_written(name: str, count: int) -> None:
    data = random_cube().astype(np.float32)
    references = data[0, :count].copy()
    before, references_before = data.copy(), references.copy()
    scorer = SCORERS[name]()
    prepared = scorer.prepare(hsizoo.HyperCube(data))
    first = scorer.score(prepared, references).clone()
    second = scorer.score(prepared, references)
    np.testing.assert_array_equal(data, before)
    np.testing.assert_array_equal(references, references_before)
    assert torch.equal(first, second)  # nor was anything that was prepared


@each_scorer
def test_number_types_and_memory_orders(name: str) -> None:
    counts = np.random.default_rng(0).integers(100, 4000, (20, 12, 15)).astype(np.uint16)
    by_pixel = np.ascontiguousarray(np.moveaxis(counts, 0, 2))
    expected = scores(SCORERS[name](), by_pixel.astype(np.float64), by_pixel[1, 2])
    for variant in (by_pixel, np.moveaxis(counts, 0, 2), np.moveaxis(counts, 0, 2).astype("<f4")):
        np.testing.assert_allclose(
            scores(SCORERS[name](), variant, by_pixel[1, 2]), expected, atol=1e-6
        )


@each_scorer
@pytest.mark.parametrize("values", [1, 7, 300, 2**20])
def test_blocks_do_not_show(name: str, values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = random_cube(height=9, width=13, bands=5)
    data[4, 4, 2] = np.nan
    expected = scores(SCORERS[name](), data, data[0, :3])
    monkeypatch.setattr("hsizoo_spectral.spectra._CPU_BLOCK", values)
    np.testing.assert_allclose(
        scores(SCORERS[name](), data, data[0, :3]), expected, atol=2e-5, rtol=1e-5
    )


@settings(max_examples=20, deadline=None)
@given(
    name=st.sampled_from(BY_SHAPE),
    seed=st.integers(0, 1000),
    bands=st.sampled_from([2, 3, 17]),
    exponents=st.tuples(st.integers(-30, 30), st.integers(-30, 30)),
)
def test_brightness_does_not_matter(
    name: str, seed: int, bands: int, exponents: tuple[int, int]
) -> None:
    data = random_cube(seed, 4, 5, bands)
    scaled = data.copy()
    scaled[1] *= 2.0 ** exponents[0]
    expected = scores(SCORERS[name](), data, data[2, 3])
    found = scores(SCORERS[name](), scaled, data[2, 3] * 2.0 ** exponents[1])
    np.testing.assert_allclose(found, expected, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from([*SCORERS]),
    rows=st.lists(
        st.lists(st.integers(-3, 3).map(float), min_size=3, max_size=3), min_size=2, max_size=8
    ),
)
def test_any_values_give_finite_scores_in_range(name: str, rows: list[list[float]]) -> None:
    scorer = SCORERS[name]()
    data = np.array([rows])
    found = scores(scorer, data, data[0, :2])
    assert np.isfinite(found).all()
    assert found.min() >= scorer.score_range[0]
    assert found.max() <= scorer.score_range[1]


@each_scorer
@pytest.mark.parametrize("count", [1, 3])
def test_all_work_is_on_the_chosen_device(name: str, count: int) -> None:
    """On a pretended GPU: torch refuses to mix devices, and the result must lie there."""
    data = random_cube(height=5, width=6)
    with FakeTensorMode(shape_env=ShapeEnv()):
        scorer = SCORERS[name](device="cuda:0")
        found = scorer.score(
            scorer.prepare(hsizoo.HyperCube(data)), data[0, :count].astype(np.float32)
        )
    assert isinstance(found, torch.Tensor)
    assert found.device == torch.device("cuda:0")
    assert found.dtype == torch.float32
    assert found.shape == (count, 5, 6)


@pytest.mark.parametrize("name", SCORERS)
def test_without_float64(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path for Apple's GPU, taken here on the CPU."""
    data = smooth_cube()
    expected = scores(SCORERS[name](), data, data[0, :3])
    for module in ("spectra", "units", "sa_eq"):
        monkeypatch.setattr(f"hsizoo_spectral.{module}.has_float64", lambda device: False)
    found = scores(SCORERS[name](), data, data[0, :3])
    np.testing.assert_allclose(found, expected, atol=1e-2 if name == "sa-eq" else 1e-6)


def test_signed_range_is_of_the_object_only() -> None:
    assert AdaptiveCosineEstimator(signed=True).score_range == (-1, 1)
    assert AdaptiveCosineEstimator().score_range == (0, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EqualizedSpectralAngle(nbins=1), r"nbins=1.*2 to 65536"),
        (lambda: EqualizedSpectralAngle(nbins=65537), r"nbins=65537.*2 to 65536"),
        (lambda: SpectralInformationDivergence(floor=0.0), r"floor=0\.0.*above 0 and below 1"),
        (lambda: SpectralInformationDivergence(floor=float("nan")), r"floor=nan"),
        (lambda: AdaptiveCosineEstimator(shrinkage="1.5"), r"shrinkage='1\.5'.*0 to 1"),
        (lambda: AdaptiveCosineEstimator(shrinkage="nan"), r"shrinkage='nan'.*0 to 1"),
        (lambda: MatchedFilter(shrinkage="much"), r"shrinkage='much'.*'auto'"),
        (lambda: SpectralAngle(device="gpu"), r"device='gpu'"),
    ],
)
def test_bad_options(make: Callable[[], object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make()
