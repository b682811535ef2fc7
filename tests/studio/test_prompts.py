"""Boxes, strokes and spectra as clicks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsizoo import HyperCube
from hsizoo.errors import ClickError, DataError
from hsizoo.studio.prompts import along, best_match, typical


@pytest.fixture
def cube():
    rng = np.random.default_rng(2)
    data = np.full((20, 24, 6), [1, 2, 3, 2, 1, 0.5]) * rng.uniform(0.5, 2, (20, 24, 1))
    data[:, 12:] = np.array([3, 1, 0.2, 0.1, 2, 4]) * rng.uniform(0.5, 2, (20, 12, 1))
    return HyperCube(data)


def test_a_box_is_clicked_where_it_is_typical_and_apart(cube):
    found = typical(cube, (2, 4, 17, 15))  # two thirds are of the left material
    assert len({tuple(each) for each in found.tolist()}) == 5
    assert (found[:, 1] < 12).all()
    assert (found >= (2, 4)).all()
    assert (found <= (17, 15)).all()
    spread = np.hypot(*(found[:, None] - found[None]).transpose(2, 0, 1))
    assert spread[np.triu_indices(5, 1)].min() >= 4
    np.testing.assert_array_equal(typical(cube, (3, 3, 3, 3)), [[3, 3]])
    np.testing.assert_array_equal(typical(cube, (2, 4, 17, 15)), found)


def test_a_box_without_data_is_refused(cube):
    data = cube.data.copy()
    data[:5, :5] = np.nan
    holed = HyperCube(data)
    with pytest.raises(ClickError, match="draw it elsewhere"):
        typical(holed, (0, 0, 4, 4))
    assert holed.valid[tuple(typical(holed, (0, 0, 9, 9)).T)].all()


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=40),
    st.integers(1, 9),
)
def test_clicks_of_a_stroke_are_on_it_in_order(stroke, most):
    found = [tuple(each) for each in along(np.array(stroke), most).tolist()]
    once = list(dict.fromkeys(stroke))
    assert len(found) == min(most, len(once))
    assert found[0] == once[0]
    assert found == sorted(found, key=once.index)
    if most > 1:
        assert found[-1] == once[-1]


def test_the_most_alike_pixel_is_found(cube, monkeypatch):
    import hsizoo.arrays

    data = cube.data.copy()
    data[0, 0] = np.nan
    data[5, 7] = [0.3, 0.1, 0.9, 0.1, 0.7, 0.2]
    data[9, 2] = 0
    holed = HyperCube(data)
    wanted = np.array([[0.6, 0.2, 1.8, 0.2, 1.4, 0.4], [3, 1, 0.2, 0.1, 2, 4.4]], dtype=np.float32)
    bands = np.array([0, 2, 3, 4, 5])
    flat = np.nan_to_num(data[:, :, bands]).reshape(-1, 5).astype(float)
    with np.errstate(invalid="ignore"):
        angle = np.arccos(
            ((flat / np.linalg.norm(flat, axis=1)[:, None])
             @ (wanted[:, bands] / np.linalg.norm(wanted[:, bands], axis=1)[:, None]).T).clip(-1, 1)
        )  # fmt: skip
    for size in (2**25, 24 * 6 * 4 * 3):  # all at once, and three rows at a time
        monkeypatch.setattr(hsizoo.arrays, "_STRIP_BYTES", size)
        (one, two) = best_match(holed, wanted[:, bands], bands)
        assert one[:2] == (5, 7)
        assert one[2] == pytest.approx(0, abs=1e-3)
        assert two[2] == pytest.approx(np.nanmin(angle[:, 1]), abs=1e-3)
    with pytest.raises(DataError, match="no pixel has data"):
        best_match(HyperCube(np.full((2, 2, 5), np.nan)), wanted[:, bands], np.arange(5))
