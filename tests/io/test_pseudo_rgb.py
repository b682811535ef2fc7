"""Pseudo-RGB policies against the formulas, written down a second time."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hsizoo
from hsizoo.errors import DataError
from hsizoo.io import pseudo_rgb
from hsizoo.io.pseudo_rgb import PseudoRgb


def cube(bands=100, wavelengths=None, rgb_bands=None, shape=(6, 5)):
    data = np.random.default_rng(0).random((*shape, bands))
    return hsizoo.HyperCube(data, wavelengths, rgb_bands=rgb_bands)


def test_auto_takes_the_first_that_the_cube_allows():
    auto = PseudoRgb()
    visible, infrared = np.linspace(500, 1000, 100), np.linspace(1000, 2500, 100)
    assert auto.describe(cube(100, visible, (9, 8, 7)))["bands"] == [9, 8, 7]
    assert auto.resolve(cube(100, np.linspace(400, 900, 100))) == "wavelength"
    assert auto.resolve(cube(100, visible)) == "even"  # nothing near 460 nm
    assert auto.resolve(cube(100, infrared)) == "even"
    assert auto.bands(cube(100)) == (83, 50, 16)
    assert auto.bands(cube(100, infrared[::-1])) == (16, 49, 83)  # the longest is red all the same


def test_wavelengths_in_any_order():
    order = np.random.default_rng(1).permutation(50)
    nm = np.linspace(400, 890, 50)
    found = PseudoRgb("wavelength", nm=(700, 551, 440)).bands(cube(50, nm[order]))
    assert [nm[order][band] for band in found] == [700, 550, 440]


@pytest.mark.parametrize(("bands", "expected"), [(1, (0, 0, 0)), (2, (1, 1, 0)), (3, (2, 1, 0))])
def test_few_bands(bands, expected):
    assert PseudoRgb().bands(cube(bands)) == expected
    assert PseudoRgb().render(cube(bands)).shape == (6, 5, 3)


@pytest.mark.parametrize("nm", [np.linspace(500, 1000, 100), np.arange(500, 1000, 5)])
def test_tivita_is_the_cameras_formula(nm):
    some = cube(100, nm)
    ranges = (slice(17, 45), slice(8, 18), slice(6, 12))
    channels = [some.data[:, :, part].astype(np.float64).mean(axis=2) for part in ranges]
    bright = np.clip(np.stack(channels, axis=2) * 1.02 * 255 * 1.5, 0, 255).astype(np.uint8)
    expected = np.rint((bright / 255) ** 0.5 * 255)
    np.testing.assert_array_equal(PseudoRgb("tivita").render(some), expected)


def test_stretches():
    data = np.zeros((10, 20, 3))
    data[..., 0] = np.linspace(-3, 5, 200).reshape(10, 20)
    data[..., 1] = data[..., 0] * 100
    data[..., 2] = 0.25
    some = hsizoo.HyperCube(data, rgb_bands=(0, 1, 2))
    for stretch, ends in (("percentile", (1, 99)), ("range", (0, 100))):
        image = PseudoRgb("bands", stretch).render(some)
        low, high = np.percentile(data[..., 0], ends)
        expected = np.clip((data[..., 0] - low) / (high - low), 0, 1) * 255
        assert np.abs(image[..., 0] - expected).max() <= 0.51
        assert np.abs(image[..., 0].astype(int) - image[..., 1]).max() <= 1
        assert (image[..., 2] == 0).all()  # a constant channel has no range
    reflectance = PseudoRgb("bands", "reflectance").render(some)
    assert (reflectance[..., 2] == 64).all()
    assert (reflectance[0, 0, 0], reflectance[-1, -1, 0]) == (0, 255)


@given(st.integers(1, 5), st.sampled_from(["percentile", "range", "reflectance"]), st.data())
def test_what_is_not_finite_is_black_and_moves_nothing(bands, stretch, data):
    values = np.random.default_rng(bands).random((4, 4, bands)).astype(np.float32)
    bad = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    rgb = PseudoRgb("even", stretch)
    values[1, 2] = np.median(values)
    clean = rgb.render(hsizoo.HyperCube(values)).copy()
    values[1, 2] = bad
    dirty = rgb.render(hsizoo.HyperCube(values))
    assert (dirty[1, 2] == 0).all()
    if stretch != "percentile":
        clean[1, 2] = 0
        np.testing.assert_array_equal(dirty, clean)


def test_all_bad_is_black():
    for policy in ("even", "tivita"):
        some = hsizoo.HyperCube(np.full((2, 2, 100), np.nan), np.arange(500, 1000, 5))
        assert not PseudoRgb(policy).render(some).any()


@pytest.mark.parametrize("policy", ["bands", "wavelength", "tivita"])
def test_what_is_lacking_is_named(policy):
    with pytest.raises(DataError, match=r"pseudo-RGB|wavelengths"):
        PseudoRgb(policy).render(cube())


def test_tivita_needs_the_visible():
    with pytest.raises(DataError, match="no band from 585 to 725 nm"):
        PseudoRgb("tivita").render(cube(10, np.linspace(900, 1000, 10)))


def test_made_once_per_cube_and_policy(monkeypatch):
    some, made = cube(), []
    inner = PseudoRgb._render
    monkeypatch.setattr(PseudoRgb, "_render", lambda *of: made.append(of) or inner(*of))
    first = PseudoRgb().render(some)
    expected = first.copy()
    first[:] = 0  # the caller's own
    np.testing.assert_array_equal(PseudoRgb().render(some), expected)
    assert made == [(PseudoRgb(), some)]
    other = hsizoo.HyperCube(some.data + 1)
    for each in (PseudoRgb(stretch="range"), PseudoRgb("even")):
        np.testing.assert_array_equal(each.render(some), inner(each, some))
    np.testing.assert_array_equal(
        PseudoRgb(stretch="reflectance").render(other),
        inner(PseudoRgb(stretch="reflectance"), other),
    )
    assert len(made) == 4


def test_images_go_with_their_cube_and_large_ones_are_not_kept(monkeypatch):
    some = cube()
    PseudoRgb().render(some)
    assert pseudo_rgb._images[some]
    gone = weakref.ref(some)
    del some
    assert gone() is None
    monkeypatch.setattr(pseudo_rgb, "_MAX_CACHED_BYTES", 10)
    large = cube()
    PseudoRgb().render(large)
    assert not pseudo_rgb._images[large]
