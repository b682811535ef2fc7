"""Reference spectra in the bands of a cube; SciPy is the oracle of interpolation."""

import numpy as np
import pytest
from scipy.interpolate import make_interp_spline

import hsizoo
from hsizoo.errors import DataError
from hsizoo.io import SpectralLibrary
from hsizoo.io.resampling import fit_to_cube, scale_ratio

FINE = np.arange(400, 901, 10.0)
CURVES = np.array([np.sin(FINE / 100), np.cos(FINE / 150)], np.float32)


def cube(nm, bands=None):
    count = len(nm) if bands is None else bands
    return hsizoo.HyperCube(np.full((2, 3, count), 0.5), nm, name="c")


def library(nm=FINE, spectra=CURVES):
    return SpectralLibrary(["a", "b"], spectra, nm)


def test_equal_wavelengths_leave_the_values_as_they_are():
    for nm in (FINE, FINE + 0.9, FINE - 0.9):
        fitted = fit_to_cube(library(), cube(nm))
        np.testing.assert_array_equal(fitted.spectra, CURVES)
        assert fitted.bands.tolist() == list(range(len(FINE)))
        assert fitted.remarks == ()


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_others_are_interpolated_as_by_scipy(order):
    nm = np.array([433.0, 520.0, 777.7, 850.0])[order]
    shuffled = np.random.default_rng(0).permutation(len(FINE))
    fitted = fit_to_cube(library(FINE[shuffled], CURVES[:, shuffled]), cube(nm))
    expected = make_interp_spline(FINE, CURVES.T.astype(float), k=1)(nm).T
    np.testing.assert_allclose(fitted.spectra, expected, atol=1e-6)


def test_bands_that_cannot_be_compared_are_left_out():
    gaps = CURVES.copy()
    gaps[1, 20] = np.nan  # at 600 nm
    nm = np.array([390, 399.5, 500, 595, 600, 605, 610, 900.5, 1000])
    fitted = fit_to_cube(library(spectra=gaps), cube(nm))
    assert nm[fitted.bands].tolist() == [399.5, 500, 610, 900.5]
    assert np.isfinite(fitted.spectra).all()
    np.testing.assert_allclose(fitted.spectra[:, 0], CURVES[:, 0])  # the end of the range
    assert fitted.remarks == ("5 of 9 bands are not compared: the references have no value there",)
    # Without wavelengths, too.
    fitted = fit_to_cube(library(None, gaps), cube(None, len(FINE)))
    assert 20 not in fitted.bands
    assert len(fitted.bands) == len(FINE) - 1


def test_nothing_is_interpolated_over_a_hole():
    kept = (FINE < 600) | (FINE > 680)
    nm = np.array([420, 589.5, 590.5, 595, 650, 689.5, 700])
    fitted = fit_to_cube(library(FINE[kept], CURVES[:, kept]), cube(nm))
    assert nm[fitted.bands].tolist() == [420, 589.5, 590.5, 689.5, 700]
    one = SpectralLibrary(["a"], [[1.0]], [500])
    assert fit_to_cube(one, cube([500.5])).spectra.tolist() == [[1]]


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match=r"51 bands, but c has 50;.*but the references have none"):
        fit_to_cube(library(None), cube(np.linspace(400, 900, 50)))
    with pytest.raises(DataError, match=r"51 bands, but c has 50;.*but c have none"):
        fit_to_cube(library(), cube(None, 50))
    with pytest.raises(
        DataError, match="share only 1 of the 30 bands of c: they cover 400 to 900 nm, and the cube"
    ):
        fit_to_cube(library(), cube(np.linspace(900, 2500, 30)))
    gaps = CURVES.copy()
    gaps[1, 2:] = np.nan
    with pytest.raises(DataError, match="'b' has the fewest values"):
        fit_to_cube(library(spectra=gaps), cube(FINE))
    assert "only one of" in fit_to_cube(library(None), cube(FINE)).remarks[0]
    coarse = SpectralLibrary(["a"], [[1, 2, 3]], [400, 600, 900])
    assert "only 3 bands; 51 are interpolated" in fit_to_cube(coarse, cube(FINE)).remarks[0]
    two = SpectralLibrary(["a"], [[1, 2]], [400, 600])
    assert fit_to_cube(two, cube([400, 600])).spectra.tolist() == [[1, 2]]


def test_the_ratio_of_units():
    data = np.full((200, 300, 3), 0.5)
    data[0] = np.nan
    image = hsizoo.HyperCube(data)
    assert scale_ratio(np.full((2, 3), 50, np.float32), image) == 100
    assert np.isnan(scale_ratio(np.full((2, 3), -50, np.float32), image))
    assert np.isnan(scale_ratio(np.ones((1, 3), np.float32), hsizoo.HyperCube(data[:1])))
