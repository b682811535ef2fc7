"""`verdict` and its parts against formulas written out, scikit-learn and what clicks promise."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hsizoo_spectral.border import border_moved, neighbours
from hsizoo_spectral.edges import smooth_within_edges
from hsizoo_spectral.field import fit_field, solve
from hsizoo_spectral.verdict import Verdict
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

import hsizoo
from hsizoo.errors import DataError, OptionError

Float = npt.NDArray[np.float64]
Points = list[tuple[int, int]]


def patchwork(seed: int = 0, size: int = 32, noise: float = 0.01) -> tuple[Float, Float]:
    """Squares of 8 × 8 pixels of three materials; the cube and the material of each pixel."""
    rng = np.random.default_rng(seed)
    spectra = rng.uniform(0.2, 1, (3, 15))
    squares = rng.integers(0, 3, (size // 8, size // 8))
    squares.flat[:3] = range(3)
    which = np.kron(squares, np.ones((8, 8), dtype=int))
    data = spectra[which] * rng.uniform(0.9, 1.1, (size, size, 1))
    return data + rng.normal(scale=noise, size=data.shape), which


def opened(data: npt.ArrayLike, **options: object) -> Callable[..., npt.NDArray[np.float32]]:
    """Return what gives the map of one object from its points and signs."""
    scorer = Verdict(**options)  # type: ignore[arg-type]
    prepared = scorer.prepare(hsizoo.HyperCube(data))

    def score(points: Points, signs: list[bool] | None = None) -> npt.NDArray[np.float32]:
        found = scorer.score_clicks(prepared, [hsizoo.Clicks(points, signs)])
        assert found.dtype == torch.float32
        return found[0].numpy()

    return score


@cache
def opened_patchwork() -> Callable[..., npt.NDArray[np.float32]]:
    return opened(patchwork()[0])


def middles(which: Float, material: int) -> Points:
    """Middles of the squares of a material."""
    rows, cols = np.nonzero(which[4::8, 4::8] == material)
    return [(int(row), int(col)) for row, col in zip(8 * rows + 4, 8 * cols + 4, strict=True)]


class TestVerdict:
    def test_one_click_finds_all_pieces(self) -> None:
        which = patchwork()[1]
        for material in range(3):
            found = opened_patchwork()(middles(which, material)[:1])
            assert ((found > 0.5) == (which == material)).mean() > 0.98

    def test_a_click_that_the_scene_contradicts_acts_around_itself(self) -> None:
        """A positive click on another material, alone among its like, as on a mixed pixel."""
        data, which = patchwork()
        start, place = middles(which, 0)[0], middles(which, 0)[-1]
        data[place] = data[middles(which, 1)[0]]  # one pixel of material 1 inside material 0
        score = opened(data)
        before, after = score([start]) > 0.5, score([start, place]) > 0.5
        assert after[place]
        assert (after != before)[which == 1].mean() < 0.02

    def test_a_click_amid_its_like_acts_everywhere(self) -> None:
        """Unless it may not; what nobody clicked stays out.  Fine materials are noise here."""
        data, which = patchwork()
        clicks = [middles(which, 0)[0], middles(which, 1)[0]]
        found, near = (opened(data, coverage=coverage)(clicks) > 0.5 for coverage in (0, 1))
        assert found[which == 1].mean() > 0.6
        assert near[which == 1].mean() < 0.1
        assert found[which == 2].mean() < 0.05

    def test_clicks_are_obeyed_where_they_were_made(self) -> None:
        """Also several that contradict what their spectra say."""
        which = patchwork()[1]
        points = [*middles(which, 0)[:2], *middles(which, 1)[:2]]
        signs = [True, False, False, True]
        found = opened_patchwork()(points, signs)
        assert [bool(found[point] > 0.5) for point in points] == signs

    def test_the_order_of_clicks_after_the_first_does_not_matter(self) -> None:
        which = patchwork()[1]
        first, points = middles(which, 0)[0], [*middles(which, 0)[1:3], *middles(which, 1)[:2]]
        signs = [True, True, False, False]
        one = opened_patchwork()([first, *points], [True, *signs])
        other = opened_patchwork()([first, *points[::-1]], [True, *signs[::-1]])
        np.testing.assert_allclose(one, other, atol=1e-4)

    def test_brightness_of_the_whole_scene_does_not_matter(self) -> None:
        data, which = patchwork()
        points, signs = [*middles(which, 0)[:2], *middles(which, 1)[:1]], [True, True, False]
        one, other = (opened(factor * data)(points, signs) for factor in (1, 1000))
        np.testing.assert_allclose(one, other, atol=1e-3)

    def test_share_chooses_the_evidence(self) -> None:
        """All of the contest, and all of the field; the default is between them."""
        data, which = patchwork()
        clicks = middles(which, 0)[:1]
        contest, field, both = (
            opened(data, share=share, latitude=0)(clicks) for share in (0, 1, 0.5)
        )
        inside = np.hypot(*(np.indices(which.shape) - np.array(clicks[0])[:, None, None])) > 8
        np.testing.assert_allclose(both[inside], (contest + field)[inside] / 2, atol=1e-5)
        assert np.abs(contest - field).max() > 0.1

    def test_an_outlier_counts_less_until_there_is_a_negative_click(self) -> None:
        data, which = patchwork()
        start, place, negative = (middles(which, 0)[0], middles(which, 0)[-1], middles(which, 1)[1])
        data[place] = data[middles(which, 1)[0]]
        elsewhere = which == 1
        elsewhere[negative[0] - 4 : negative[0] + 4, negative[1] - 4 : negative[1] + 4] = False

        def pulled(points: Points, signs: list[bool]) -> float:
            """How much less the material of the outlier gains by mistrust."""
            calm, bold = (
                opened(data, mistrust=mistrust, latitude=0)(points, signs)[elsewhere].mean()
                for mistrust in (5, 0)
            )
            return float(bold - calm)

        alone = pulled([start, place], [True, True])
        checked = pulled([start, place, negative], [True, True, False])
        assert alone > checked > 0

    def test_a_reference_scores_as_its_pixel_does(self) -> None:
        data, which = patchwork()
        scorer = Verdict()
        prepared = scorer.prepare(hsizoo.HyperCube(data))
        places = [middles(which, material)[0] for material in range(3)]
        references = np.stack([data[place] for place in places]).astype(np.float32)
        for place, found in zip(places, scorer.score(prepared, references), strict=True):
            clicked = scorer.score_clicks(prepared, [hsizoo.Clicks([place])])[0]
            assert ((found > 0.5) == (clicked > 0.5)).float().mean() > 0.98
        assert scorer.score(prepared, references[:0]).shape == (0, 32, 32)
        with pytest.raises(DataError, match="15 bands"):
            scorer.score(prepared, references[:, :3])

    def test_it_is_a_prompt_of_samsa(self) -> None:
        data, which = patchwork()
        segmenter = hsizoo.create("samsa2-nano:scorer=verdict", kind="segmenter")
        state = segmenter.open(hsizoo.HyperCube(data))
        found = segmenter.predict(state, [hsizoo.Clicks(middles(which, 0)[:1])])
        assert found.shape == (1, 32, 32)

    @pytest.mark.parametrize(
        "options",
        [
            {"share": 1.1},
            {"share": float("nan")},
            {"coverage": -0.1},
            {"resistance": 0.0},
            {"doubt": float("inf")},
            {"breadth": -1.0},
            {"landmarks": 0},
            {"reach": 0.0},
            {"mistrust": -1.0},
            {"latitude": 2.0},
        ],
    )
    def test_values_out_of_range_are_refused(self, options: dict[str, float]) -> None:
        (name,) = options
        with pytest.raises(OptionError, match=f"{name}="):
            Verdict(**options)  # type: ignore[arg-type]

    def test_pixels_without_a_spectrum_change_nothing_elsewhere(self) -> None:
        data, which = patchwork()
        data[0, :8] = np.nan
        found = opened(data)(middles(which, 0)[:1])
        assert np.isfinite(found).all()
        assert ((found > 0.5) == (which == 0))[1:].mean() > 0.97
        with pytest.raises(DataError, match="finite"):
            Verdict().prepare(hsizoo.HyperCube(np.full((3, 3, 4), np.nan)))


class TestField:
    def test_equals_regression_on_the_scene_and_the_clicks(self) -> None:
        """With every pixel a landmark, against scikit-learn's, without the constant."""
        rng = np.random.default_rng(3)
        rows = rng.normal(size=(40, 3)).astype(np.float32)
        doubt, ridge = 0.5, 0.01
        field = fit_field(torch.from_numpy(rows), np.ones(40, bool), 40, 1.0, doubt)
        clicked, signs, noise = [3, 11, 30], np.array([1.0, 1, -1]), 2.0
        basis, mean = field.basis[clicked], field.mean[clicked]
        covariance = basis @ basis.T + noise * torch.eye(3)
        weights, _ = solve(covariance, torch.from_numpy(signs).float() - mean)
        found = field.mean + field.basis @ (basis.T @ weights)
        # Observations: each pixel is -1, with `doubt` shared among them, and the clicks.  The prior
        # is that of a Gaussian kernel and of a constant, which is an RBF of infinite width.
        everything = np.concatenate([rows, rows[clicked]]).astype(float)
        values = np.concatenate([-np.ones(40), signs])
        alpha = np.concatenate([np.full(40, 40 / doubt), np.full(3, noise)])
        kernel = (1 / ridge) * RBF(np.sqrt(field.width / 2)) + (100 / ridge) * RBF(1e6)
        expected = GaussianProcessRegressor(kernel, alpha=alpha, optimizer=None)
        expected.fit(everything, values)
        np.testing.assert_allclose(found, expected.predict(rows.astype(float)), atol=0.02)

    def test_leaving_one_out_equals_leaving_it_out(self) -> None:
        rng = np.random.default_rng(4)
        factors = torch.from_numpy(rng.normal(size=(6, 6)))
        covariance = factors @ factors.T + torch.eye(6)
        observed = torch.from_numpy(rng.normal(size=6))
        _, left_out = solve(covariance, observed)
        for n in range(6):
            rest = [m for m in range(6) if m != n]
            weights, _ = solve(covariance[rest][:, rest], observed[rest])
            predicted = covariance[n, rest] @ weights
            assert left_out[n].item() == pytest.approx((observed[n] - predicted).item(), abs=1e-9)

    def test_new_features_get_the_values_of_equal_pixels(self) -> None:
        rows = torch.from_numpy(np.random.default_rng(5).normal(size=(300, 4)).astype(np.float32))
        field = fit_field(rows, np.ones(300, bool), 50, 1.0, 1.0)
        basis, mean = field.at(rows[10:20])
        torch.testing.assert_close(basis, field.basis[10:20], atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(mean, field.mean[10:20], atol=1e-4, rtol=1e-3)

    def test_nearly_equal_pixels_give_finite_values(self) -> None:
        """Water: as many landmarks as there are, and hardly any difference."""
        rng = np.random.default_rng(6)
        rows = 1 + 1e-5 * rng.normal(size=(500, 8)).astype(np.float32)
        rows[:3] += 1
        field = fit_field(torch.from_numpy(rows), np.ones(500, bool), 200, 1.0, 1.0)
        assert torch.isfinite(field.basis).all()
        assert (field.mean[3:] < -0.5).all()


class TestBorder:
    def test_equals_the_mean_of_the_levels_written_out(self) -> None:
        rng = np.random.default_rng(8)
        rows, valid = rng.normal(size=(30, 3)), np.ones((5, 6), dtype=bool)
        valid[1, 2] = valid[4, 5] = False
        total = rng.uniform(-1, 1, 30)
        spread, levels = 0.3, np.linspace(-0.9, 0.9, 80)
        pairs = [
            (6 * row + col, 6 * (row + down) + col + 1 - down)
            for row in range(5)
            for col in range(6)
            for down in (0, 1)
            if row + down < 5 and col + 1 - down < 6
        ]
        pairs = [(a, b) for a, b in pairs if valid.flat[a] and valid.flat[b]]
        apart = [float(np.sum((rows[a] - rows[b]) ** 2)) for a, b in pairs]
        usual = sorted(apart)[(len(apart) - 1) // 2]  # torch's median
        weighed = []
        for level in levels:
            above = total > level
            cut = sum(
                np.exp(-d / (2 * usual))
                for (a, b), d in zip(pairs, apart, strict=True)
                if above[a] != above[b]
            )
            over, under = above[valid.flat].sum(), (~above)[valid.flat].sum()
            quality = (over * under / (over + under) + 1) / (cut + 1)
            weighed.append(quality * np.exp(-0.5 * (level / spread) ** 2) * (over * under > 0))
        centre = np.average(levels, weights=weighed)
        expected = (total - centre) / np.where(total < centre, 1 + centre, 1 - centre)
        graph = neighbours(torch.from_numpy(rows).float(), torch.from_numpy(valid))
        found = border_moved(torch.from_numpy(total).float(), graph, spread)
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_a_large_object_gets_its_due(self) -> None:
        """Two thirds of an image, of which a click says little more than of the rest."""
        rng = np.random.default_rng(10)
        truth = np.repeat(np.arange(30)[None] < 20, 20, axis=0)
        rows = np.where(truth[..., None], 1.0, -1.0) + rng.normal(scale=0.2, size=(20, 30, 4))
        total = np.where(truth, -0.2, -0.7) + rng.normal(scale=0.05, size=truth.shape)
        graph = neighbours(
            torch.from_numpy(rows.reshape(-1, 4)).float(), torch.ones(20, 30, dtype=torch.bool)
        )
        found = border_moved(torch.from_numpy(total.ravel()).float(), graph, 0.4) > 0
        assert (found.numpy() == truth.ravel()).mean() > 0.99

    def test_the_order_stays_and_the_ends(self) -> None:
        rng = np.random.default_rng(9)
        graph = neighbours(
            torch.from_numpy(rng.normal(size=(64, 2))).float(), torch.ones(8, 8, dtype=torch.bool)
        )
        total = torch.linspace(-1, 1, 64)[torch.from_numpy(rng.permutation(64))]
        moved = border_moved(total, graph, 0.4)
        assert (moved.argsort() == total.argsort()).all()
        assert (moved.min(), moved.max()) == (-1, 1)

    @pytest.mark.parametrize("value", [-1.0, 0.25, 1.0])
    def test_a_map_of_one_value_stays(self, value: float) -> None:
        graph = neighbours(torch.zeros(9, 2), torch.ones(3, 3, dtype=torch.bool))
        total = torch.full((9,), value)
        torch.testing.assert_close(border_moved(total, graph, 0.4), total)

    def test_an_image_without_pairs_stays(self) -> None:
        graph = neighbours(torch.zeros(1, 2), torch.ones(1, 1, dtype=torch.bool))
        total = torch.tensor([0.5])
        torch.testing.assert_close(border_moved(total, graph, 0.4), total)


class TestSmoothing:
    def test_equals_it_written_out(self) -> None:
        rng = np.random.default_rng(7)
        maps, valid = rng.normal(size=(3, 6, 7)), np.ones((6, 7), dtype=bool)
        valid[2, 3] = False
        maps[:, ~valid] = 0
        found = smooth_within_edges(torch.from_numpy(maps), torch.from_numpy(valid), 2, 1.5, 1)
        across = np.square(np.diff(maps, axis=2)).sum(axis=0)[valid[:, 1:] & valid[:, :-1]]
        down = np.square(np.diff(maps, axis=1)).sum(axis=0)[valid[1:] & valid[:-1]]
        every = np.sort(np.concatenate([across, down]))
        scale = 1.5 * every[(len(every) - 1) // 2]  # torch's median: the lower of two
        expected = np.zeros_like(maps)
        for row, col in zip(*np.nonzero(valid), strict=True):
            total = 0.0
            for r, c in zip(*np.nonzero(valid), strict=True):
                if max(abs(r - row), abs(c - col)) <= 2:
                    near = np.exp(-((r - row) ** 2 + (c - col) ** 2) / (2 * (2 / 1.5) ** 2))
                    apart = np.square(maps[:, row, col] - maps[:, r, c]).sum()
                    weight = near * np.exp(-apart / scale)
                    expected[:, row, col] += weight * maps[:, r, c]
                    total += weight
            expected[:, row, col] /= total
        np.testing.assert_allclose(found, expected, atol=1e-9)

    def test_an_edge_stays_and_noise_goes(self) -> None:
        rng = np.random.default_rng(8)
        clean = np.zeros((1, 20, 20))
        clean[:, :, 10:] = 1
        noisy = torch.from_numpy(clean + rng.normal(scale=0.05, size=clean.shape))
        found = smooth_within_edges(noisy, torch.ones(20, 20, dtype=torch.bool), 2, 4.0, 3)
        before, after = np.abs(noisy.numpy() - clean), np.abs(found.numpy() - clean)
        assert after.mean() < 0.5 * before.mean()
        assert after.max() < 0.2

    @pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 2)])
    def test_images_smaller_than_the_window(self, shape: tuple[int, int]) -> None:
        maps = torch.ones(2, *shape)
        found = smooth_within_edges(maps, torch.ones(shape, dtype=torch.bool), 2, 4.0, 2)
        torch.testing.assert_close(found, maps)
