"""`contest` against the formula written out, its parts against SciPy and scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hsizoo_samsa.similarity import Similarity
from hsizoo_spectral.contest import Contest, PreparedContest
from hsizoo_spectral.materials import scene_statistics
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from sklearn.cluster import AgglomerativeClustering
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

import hsizoo
from hsizoo.errors import DataError, OptionError
from hsizoo.protocols.interactive import InteractiveProtocol

SAMSON = Path(__file__).parents[3] / "shared" / "data" / "samson.npz"

Float = npt.NDArray[np.float64]
Points = list[tuple[int, int]]


def fields(seed: int = 0, bands: int = 12, size: int = 24, noise: float = 0.01) -> Float:
    """Four quarters of one material each, with noise."""
    rng = np.random.default_rng(seed)
    spectra = rng.uniform(0.2, 1, (4, bands))
    quarter = (np.indices((size, size)) >= size // 2).astype(int)
    data = spectra[2 * quarter[0] + quarter[1]] * rng.uniform(0.9, 1.1, (size, size, 1))
    return data + rng.normal(scale=noise, size=data.shape)


def opened(data: npt.ArrayLike, **options: object) -> Callable[..., npt.NDArray[np.float32]]:
    """Return what gives the map of one object from its points and signs."""
    scorer = Contest(**options)  # type: ignore[arg-type]
    prepared = scorer.prepare(hsizoo.HyperCube(data))

    def score(points: Points, signs: list[bool] | None = None) -> npt.NDArray[np.float32]:
        found = scorer.score_clicks(prepared, [hsizoo.Clicks(points, signs)])
        assert found.dtype == torch.float32
        return found[0].numpy()

    return score


@cache
def opened_fields() -> Callable[..., npt.NDArray[np.float32]]:
    """The plain fields, opened once."""
    return opened(fields())


def written_out(
    prepared: PreparedContest, positive: Points, negative: Points, reach: float, near: bool
) -> Float:
    """The map of an object, pixel by pixel, in float64."""
    height, width = prepared.height, prepared.width
    features = prepared.rows.numpy().astype(np.float64).reshape(height, width, -1)
    sigma = max(1.0, reach * np.sqrt(height * width))

    def apart(one: Float, other: Float) -> float:
        return float(np.square(one - other).sum())

    def rival(pixel: Float, centres: Float, clicked: Points) -> float:
        owned = {int(np.argmin([apart(features[p], c) for c in centres])) for p in clicked}
        return min(
            (apart(pixel, c) for k, c in enumerate(centres) if k not in owned), default=np.inf
        )

    def ratio(own: float, other: float) -> float:
        return 1.0 if own == 0 or other == np.inf else other / (own + other)

    anchors = positive[:1] if near else positive
    levels = [level.centres.numpy().astype(np.float64) for level in prepared.levels]
    result = np.empty((height, width))
    for place in np.ndindex(height, width):
        pixel = features[place]
        own = min(apart(pixel, features[p]) for p in anchors)
        others = [rival(pixel, centres, anchors) for centres in levels]
        if not near and negative:
            against = min(apart(pixel, features[p]) for p in negative)
            others = [min(other, against) for other in others]
        value = float(np.mean([ratio(own, other) for other in others]))
        for p in positive[1:] if near else []:
            weight = np.exp(-np.square(np.subtract(place, p)).sum() / (2 * sigma**2))
            alike = ratio(apart(pixel, features[p]), rival(pixel, levels[-1], [p]))
            value = max(value, weight * alike)
        for p in negative if near else []:
            weight = np.exp(-np.square(np.subtract(place, p)).sum() / (2 * sigma**2))
            object_ = min(apart(pixel, features[q]) for q in positive)
            value = min(value, 1 - weight * ratio(apart(pixel, features[p]), object_))
        result[place] = value
    return result


class TestFormula:
    @pytest.mark.parametrize("further", ["near", "everywhere"])
    @pytest.mark.parametrize("negative", [[], [(20, 20), (3, 20)]])
    def test_equals_it_written_out(self, further: str, negative: Points) -> None:
        positive = [(4, 5), (9, 9), (15, 4)]
        scorer = Contest(further=further, finest=8, reach=0.04)  # type: ignore[arg-type]
        prepared = scorer.prepare(hsizoo.HyperCube(fields()))
        signs = [True] * len(positive) + [False] * len(negative)
        found = scorer.score_clicks(prepared, [hsizoo.Clicks(positive + negative, signs)])[0]
        expected = written_out(prepared, positive, negative, 0.04, further == "near")
        # Beyond three standard deviations a click is cut off: there it weighs 0.011 at most.
        np.testing.assert_allclose(found, expected, atol=0.012)
        if further == "everywhere":
            np.testing.assert_allclose(found, expected, atol=2e-3)  # float32 near distance 0

    def test_auto_is_near_until_the_first_negative_click(self) -> None:
        points, signs = [(4, 5), (15, 4), (20, 20)], [True, True, False]
        auto, near, everywhere = (
            opened(fields(), further=further) for further in ("auto", "near", "everywhere")
        )
        np.testing.assert_array_equal(auto(points[:2]), near(points[:2]))
        np.testing.assert_array_equal(auto(points, signs), everywhere(points, signs))
        assert np.abs(near(points[:2]) - everywhere(points[:2])).max() > 0.3

    def test_a_reference_scores_as_a_click_without_smoothing(self) -> None:
        data = fields().astype(np.float32)
        scorer = Contest(smoothing=0)
        prepared = scorer.prepare(hsizoo.HyperCube(data))
        clicked = scorer.score_clicks(prepared, [hsizoo.Clicks([(4, 5)])])
        np.testing.assert_allclose(scorer.score(prepared, data[4:5, 5]), clicked, atol=1e-4)


class TestParts:
    def test_noise_of_the_log_features_is_white(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # there are no edges here
        monkeypatch.setattr("hsizoo_spectral.materials._NOISE_SHARE", 1.0)
        rng = np.random.default_rng(0)
        rotation = np.linalg.qr(rng.normal(size=(5, 5)))[0]
        noise = rng.normal(size=(80, 80, 5)) @ np.diag([0.01, 0.02, 0.03, 0.04, 0.05]) @ rotation
        ramp = np.linspace(0, 0.05, 80)[:, None, None] * np.array([1, 2, 0.5, 1, 3])  # no noise
        statistics = scene_statistics(hsizoo.HyperCube(np.exp(noise + ramp)), 5, (2,))
        white = noise.reshape(-1, 5) @ statistics.log_axes
        covariance = np.cov(white.T)
        scale = np.trace(covariance) / 5
        np.testing.assert_allclose(covariance / scale, np.eye(5), atol=0.1)
        assert np.ptp(np.linalg.eigvalsh(np.cov(noise.reshape(-1, 5).T))) > 20 * 0.01**2

    def test_median_length_is_one(self) -> None:
        cube = hsizoo.HyperCube(fields())
        statistics = scene_statistics(cube, 20, (2,))
        features = statistics.features(torch.from_numpy(cube.data.reshape(-1, 12).astype(float)))
        for part in features.split(12, dim=1):
            assert part.square().sum(dim=1).quantile(0.5).item() == pytest.approx(1, rel=0.01)

    def test_materials_are_wards_groups(self) -> None:
        data = fields(noise=0.05)
        levels = (2, 4, 8)
        statistics = scene_statistics(hsizoo.HyperCube(data), 20, levels)
        spectra = torch.from_numpy(data.astype(np.float32).reshape(-1, 12)).double()
        leaves = statistics.features(spectra).numpy()
        for level, materials in zip(levels, statistics.materials, strict=True):
            groups = AgglomerativeClustering(level, linkage="ward").fit_predict(leaves)
            means = np.stack([leaves[groups == group].mean(axis=0) for group in range(level)])
            order, expected = np.lexsort(materials.T), np.lexsort(means.T)
            np.testing.assert_allclose(materials[order], means[expected], atol=1e-5)

    def test_smoothing_is_scipys_over_valid_pixels(self) -> None:
        data = fields()
        data[3:5, 7] = np.nan
        cube = hsizoo.HyperCube(data)
        plain = Contest(smoothing=0).prepare(cube)
        smooth = Contest(smoothing=1.3).prepare(cube)
        first = plain.statistics.shape_axes.shape[1]
        maps = plain.rows.numpy().reshape(24, 24, -1)
        weight = ndimage.gaussian_filter(cube.valid.astype(float), 1.3, mode="constant", radius=4)
        for feature in range(maps.shape[2]):
            blurred = ndimage.gaussian_filter(maps[..., feature], 1.3, mode="constant", radius=4)
            expected = maps[..., feature] if feature < first else blurred / weight
            found = smooth.rows.numpy().reshape(24, 24, -1)[..., feature]
            np.testing.assert_allclose(found[cube.valid], expected[cube.valid], atol=1e-4)
            assert (found[~cube.valid] == 0).all()


class TestClicks:
    def test_one_click_finds_its_field(self) -> None:
        mask = opened(fields())([(4, 5)]) > 0.5
        truth = np.zeros((24, 24), dtype=bool)
        truth[:12, :12] = True
        assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.9

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(
            st.tuples(st.integers(0, 23), st.integers(0, 23)), min_size=2, max_size=6, unique=True
        )
    )
    def test_a_further_positive_click_takes_nothing_away(self, points: Points) -> None:
        score = opened_fields()
        fewer, more = score(points[:-1]), score(points)
        assert (more >= fewer).all()
        assert more[points[-1]] > 0.9

    def test_a_further_click_counts_around_itself_only(self) -> None:
        score = opened(fields(size=40), reach=0.02)
        one, two = score([(4, 5)]), score([(4, 5), (30, 30)])
        changed = np.argwhere(one != two)
        assert len(changed)
        assert np.abs(changed - (30, 30)).max() <= 3

    @pytest.mark.parametrize("further", ["auto", "near", "everywhere"])
    def test_a_negative_click_is_background(self, further: str) -> None:
        score = opened(fields(), further=further)
        assert score([(4, 5)])[5, 4] > 0.5
        assert score([(4, 5), (5, 4)], [True, False])[5, 4] < 0.5

    def test_objects_do_not_see_each_other(self) -> None:
        scorer = Contest()
        prepared = scorer.prepare(hsizoo.HyperCube(fields()))
        prompts = [
            hsizoo.Clicks([(4, 5)]),
            hsizoo.Clicks([(20, 20), (3, 3)], [True, False]),
            hsizoo.Clicks([(4, 20), (20, 4)]),
        ]
        together = scorer.score_clicks(prepared, prompts)
        for each, clicks in zip(together, prompts, strict=True):
            assert torch.equal(each, scorer.score_clicks(prepared, [clicks])[0])


class TestAnyCube:
    @pytest.mark.parametrize(
        "shape", [(1, 1, 2), (1, 2, 2), (1, 40, 6), (40, 1, 6), (6, 7, 3), (6, 7, 300)]
    )
    def test_shapes(self, shape: tuple[int, int, int]) -> None:
        data = np.random.default_rng(0).uniform(0.1, 1, shape)
        last = (shape[0] - 1, shape[1] - 1)
        found = opened(data)([(0, 0)] if last == (0, 0) else [(0, 0), last])
        assert found.shape == shape[:2]
        assert np.isfinite(found).all()
        assert found.min() >= 0
        assert found.max() <= 1
        assert found[0, 0] > 0.99

    @settings(max_examples=30, deadline=None)
    @given(
        st.lists(
            st.lists(st.integers(-3, 3).map(float), min_size=3, max_size=3), min_size=3, max_size=8
        ),
        st.sampled_from([1e-20, 1.0, 1e20]),
    )
    def test_any_values_give_finite_scores_in_range(
        self, rows: list[list[float]], scale: float
    ) -> None:
        score = opened(np.array([rows]) * scale)
        for signs in ([True, True, True], [True, False, True]):
            found = score([(0, 0), (0, 1), (0, 2)], signs)
            assert np.isfinite(found).all()
            assert found.min() >= 0
            assert found.max() <= 1

    def test_unit_of_the_cube_does_not_matter(self) -> None:
        points = [(4, 5), (15, 4)]
        found = [opened(fields() * scale)(points) for scale in (1, 2.0**13)]
        np.testing.assert_allclose(found[1], found[0], atol=1e-4)

    def test_what_pixels_without_a_spectrum_hold_does_not_matter(self) -> None:
        maps = []
        for hole in (np.nan, np.inf, -np.inf):
            data = fields()
            data[10:14, 3:9, 2] = hole
            maps.append(opened(data)([(4, 5), (20, 20)]))
        np.testing.assert_array_equal(maps[0], maps[1])
        np.testing.assert_array_equal(maps[0], maps[2])

    def test_no_valid_pixel(self) -> None:
        with pytest.raises(DataError, match="gone: none of the 2 × 3 pixels"):
            Contest().prepare(hsizoo.HyperCube(np.full((2, 3, 4), np.nan), name="gone"))

    def test_references_of_another_number_of_bands(self) -> None:
        scorer = Contest()
        prepared = scorer.prepare(hsizoo.HyperCube(fields()))
        with pytest.raises(DataError, match=r"12 bands.*11"):
            scorer.score(prepared, np.ones((1, 11), dtype=np.float32))
        assert scorer.score(prepared, np.ones((0, 12), dtype=np.float32)).shape == (0, 24, 24)

    @pytest.mark.parametrize("values", [1, 300, 2**20])
    def test_blocks_do_not_show(self, values: int, monkeypatch: pytest.MonkeyPatch) -> None:
        expected = opened(fields())([(4, 5)])
        monkeypatch.setattr("hsizoo_spectral.spectra._CPU_BLOCK", values)
        np.testing.assert_allclose(opened(fields())([(4, 5)]), expected, atol=1e-4)


class TestDevices:
    @pytest.mark.parametrize("further", ["auto", "near", "everywhere"])
    def test_all_work_is_on_the_chosen_device(self, further: str) -> None:
        """On a pretended GPU: torch refuses to mix devices, and refuses to look at values."""
        clicks = hsizoo.Clicks([(1, 2), (3, 3), (0, 0)], [True, True, False])
        data = fields(size=8)
        with FakeTensorMode(shape_env=ShapeEnv()):
            scorer = Contest(device="cuda:0", further=further)  # type: ignore[arg-type]
            prepared = scorer.prepare(hsizoo.HyperCube(data))
            maps = [
                scorer.score_clicks(prepared, [clicks]),
                scorer.score(prepared, data[0, :1].astype(np.float32)),
            ]
        for found in maps:
            assert found.device == torch.device("cuda:0")
            assert found.dtype == torch.float32
            assert found.shape == (1, 8, 8)

    def test_without_float64(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The path for Apple's GPU, taken here on the CPU."""
        expected = opened(fields())([(4, 5)])
        monkeypatch.setattr("hsizoo_spectral.spectra.has_float64", lambda device: False)
        np.testing.assert_array_equal(opened(fields())([(4, 5)]), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"finest": 1}, r"finest=1: .*power of two from 2 to 256"),
        ({"finest": 24}, r"finest=24"),
        ({"finest": 512}, r"finest=512"),
        ({"components": 0}, r"components=0"),
        ({"smoothing": -1.0}, r"smoothing=-1\.0"),
        ({"smoothing": float("nan")}, r"smoothing=nan"),
        ({"reach": 0.0}, r"reach=0\.0"),
        ({"device": "gpu"}, r"device='gpu'"),
    ],
)
def test_bad_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Contest(**options)  # type: ignore[arg-type]


def test_by_name_as_a_row_and_as_a_prompt() -> None:
    cube = hsizoo.HyperCube(fields())
    clicks = hsizoo.Clicks([(4, 5), (20, 20)], [True, False])
    segmenter = hsizoo.create("contest:finest=8", kind="segmenter")
    similarity = Similarity("contest:finest=8", "cpu")
    probability = segmenter.predict(segmenter.open(cube), [clicks])
    assert torch.equal(similarity.maps(similarity.open(cube), [clicks]), probability)
    assert similarity.min_bands == 2
    ignoring = hsizoo.create("contest:negatives=ignore", kind="segmenter")
    state = ignoring.open(cube)
    first = hsizoo.Clicks([(4, 5)])
    assert torch.equal(ignoring.predict(state, [clicks]), ignoring.predict(state, [first]))


@pytest.mark.skipif(not SAMSON.exists(), reason="the shared Samson scene is not here")
def test_a_real_scene_does_not_lose_with_a_further_click() -> None:
    with np.load(SAMSON) as archive:
        cube, labels = archive["cube"], archive["gt"]
    names = {int(label): str(label) for label in np.unique(labels)}
    scene = hsizoo.Scene(
        hsizoo.HyperCube(cube), hsizoo.LabelMap(labels, names, ignore=[0]), "samson", "samson"
    )
    curves = {}
    for name in ("sa", "contest"):
        segmenter = hsizoo.create(name, kind="segmenter")
        samples = InteractiveProtocol(clicks=5).run(segmenter, scene)["samples"]
        curves[name] = {
            key: np.mean([sample[key] for sample in samples], axis=0)
            for key in ("dice", "dice_max")
        }
    for key in ("dice", "dice_max"):
        assert np.diff(curves["contest"][key]).min() > -0.005
        assert curves["contest"][key][-1] > curves["sa"][key][-1] + 0.03
