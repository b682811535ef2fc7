"""An image of three fields, of which one pixel has no data."""

import numpy as np
import pytest

import hsizoo

NM = [500.0, 600.0, 700.0, 800.0]
SPECTRA = np.array([[0.2, 0.3, 0.1, 0.4], [0.9, 0.2, 0.7, 0.1], [0.4, 0.8, 0.4, 0.9]])


@pytest.fixture(scope="session")
def truth():
    """Class index 0 to 2 of each pixel, (12, 18)."""
    return np.repeat([0, 1, 2], 6)[None].repeat(12, axis=0)


@pytest.fixture(scope="session")
def make_cube(truth):
    """``make_cube(seed, name)``: the fields with other noise."""

    def make(seed=0, name="fields", wavelengths=NM):
        rng = np.random.default_rng(seed)
        data = SPECTRA[truth] + rng.normal(0, 0.02, (*truth.shape, 4))
        data[0, 0] = np.nan
        return hsizoo.HyperCube(data, wavelengths, name)

    return make


@pytest.fixture(scope="session")
def cube(make_cube):
    return make_cube()


@pytest.fixture(scope="session")
def labels(truth):
    """Four labels of each of the classes 3, 5 and 8."""
    found = np.zeros(truth.shape, dtype=int)
    for number, label in enumerate((3, 5, 8)):
        found[2:10:2, 6 * number + 2] = label
    return found
