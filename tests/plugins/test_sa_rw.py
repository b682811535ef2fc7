"""The random walker over a similarity map."""

import numpy as np
import pytest
from hsizoo_spectral.sa_rw import SpectralRandomWalker

from hsizoo import Clicks, HyperCube, create
from hsizoo.errors import DataError, NameLookupError, OptionError


@pytest.fixture
def two_fields():
    """Two materials side by side with noise that makes single pixels look like the other one."""
    rng = np.random.default_rng(0)
    spectra = np.array([[1, 2, 3, 4, 5.0], [3, 3, 3, 3, 3.0]])
    truth = np.zeros((24, 30), dtype=int)
    truth[:, 12:] = 1
    data = spectra[truth] + rng.normal(scale=0.8, size=(24, 30, 5))
    data[12, 5], data[12, 20] = spectra  # a user clicks on typical pixels
    return HyperCube(data), truth == 0


def masks(segmenter, cube, *prompts):
    return np.asarray(segmenter.predict(segmenter.open(cube), prompts))


def dice(mask, truth):
    return 2 * (mask & truth).sum() / (mask.sum() + truth.sum())


def test_the_mask_is_more_coherent_than_the_map(two_fields):
    cube, truth = two_fields
    click = Clicks([(12, 5)])
    walked = masks(SpectralRandomWalker(confident=0.05, rejected=0.4), cube, click)[0]
    plain = masks(create("sa", "segmenter"), cube, click)[0]
    # Against the best that any threshold makes of the map itself.
    best = max(dice(plain > t, truth) for t in np.unique(plain))
    assert dice(walked > 0.5, truth) > best + 0.05


def test_probabilities_and_seeds(two_fields):
    cube, _ = two_fields
    segmenter = SpectralRandomWalker(confident=0.02, rejected=0.5)
    prompt = Clicks([(12, 5), (3, 25)], [True, False])
    probability = masks(segmenter, cube, prompt)[0]
    assert probability.dtype == np.float32
    assert probability[12, 5] == 1
    assert probability[3, 25] == 0
    assert 0 <= probability.min() <= probability.max() <= 1
    assert ((probability > 0) & (probability < 1)).any()


def test_a_negative_click_takes_its_material_away(two_fields):
    cube, truth = two_fields
    segmenter = SpectralRandomWalker(confident=0.05, rejected=0.4)
    without, with_negative = masks(
        segmenter, cube, Clicks([(12, 5)]), Clicks([(12, 5), (12, 20)], [True, False])
    )
    other = ~truth
    assert (with_negative > 0.5)[other].sum() < (without > 0.5)[other].sum()


def test_objects_do_not_influence_each_other(two_fields):
    cube, _ = two_fields
    segmenter = SpectralRandomWalker()
    together = masks(segmenter, cube, Clicks([(12, 5)]), Clicks([(5, 20)]))
    alone = masks(segmenter, cube, Clicks([(5, 20)]))
    # One reference or several take two exact routes that differ in the last digit.
    np.testing.assert_allclose(together[1], alone[0], atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 12, 4), (9, 1, 4), (1, 1, 4), (2, 2, 4)])
def test_tiny_images(shape):
    cube = HyperCube(np.random.default_rng(1).random(shape))
    assert masks(SpectralRandomWalker(), cube, Clicks([(0, 0)])).shape == (1, *shape[:2])


def test_a_constant_cube_has_nothing_to_decide():
    probability = masks(SpectralRandomWalker(), HyperCube(np.ones((6, 7, 3))), Clicks([(2, 3)]))
    assert np.isfinite(probability).all()
    assert probability[0, 2, 3] == 1


def test_pixels_without_a_spectrum_are_background(two_fields):
    cube, _ = two_fields
    data = cube.data.copy()
    data[10:14, 8:10] = np.nan
    probability = masks(SpectralRandomWalker(), HyperCube(data), Clicks([(12, 5)]))[0]
    assert (probability[10:14, 8:10] == 0).all()
    assert np.isfinite(probability).all()


def test_any_scorer_will_do(two_fields):
    cube, _ = two_fields
    sa, ace = (
        masks(create(f"sa-rw:scorer={name}", "segmenter"), cube, Clicks([(12, 5)]))
        for name in ("sa", "[ace:shrinkage=0.1,signed=true]")
    )
    assert not np.array_equal(sa, ace)
    with pytest.raises(NameLookupError, match="Did you mean 'ace'"):
        SpectralRandomWalker(scorer="acee")
    with pytest.raises(DataError, match="needs at least 2 bands"):
        masks(SpectralRandomWalker(), HyperCube(np.ones((4, 4, 1))), Clicks([(0, 0)]))


@pytest.mark.parametrize(
    "wrong", [{"confident": -0.1}, {"confident": 0.5, "rejected": 0.5}, {"beta": 0.0}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(OptionError, match=str(next(iter(wrong.values())))):
        SpectralRandomWalker(**wrong)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_border_without_spectra_changes_nothing(two_fields, share):
    cube, _ = two_fields
    height, width, bands = cube.shape
    rows = int(height / (1 - share)) + 1
    data = np.full((rows, width, bands), np.nan)
    data[:height] = cube.data
    segmenter = SpectralRandomWalker()
    alone = masks(segmenter, cube, Clicks([(12, 5)]))[0]
    padded = masks(segmenter, HyperCube(data), Clicks([(12, 5)]))[0]
    np.testing.assert_allclose(padded[:height], alone, atol=1e-4)
    assert (padded[height:] == 0).all()


def test_no_objects_give_no_maps(two_fields):
    cube, _ = two_fields
    segmenter = SpectralRandomWalker()
    assert segmenter.predict(segmenter.open(cube), []).shape == (0, 24, 30)
