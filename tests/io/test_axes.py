"""Which axis holds the bands: the shapes of real scenes in every order, and what tells it."""

import json
from pathlib import Path

import numpy as np
import pytest

from hsizoo.errors import DataError
from hsizoo.io import read_cube
from hsizoo.io.axes import order_axes

ORDERS = {"hwb": (0, 1, 2), "bhw": (2, 0, 1), "hbw": (0, 2, 1)}
BACK = {"hwb": (0, 1, 2), "bhw": (1, 2, 0), "hbw": (0, 2, 1)}
SCENES = {
    "Indian Pines": (145, 145, 200), "Pavia University": (610, 340, 103),
    "Pavia Centre": (1096, 715, 102), "Salinas": (512, 217, 204), "Salinas A": (83, 86, 204),
    "Kennedy Space Center": (512, 614, 176), "Botswana": (1476, 256, 145),
    "Houston 2013": (349, 1905, 144), "Houston 2018": (601, 2384, 50), "Trento": (166, 600, 63),
    "Samson": (95, 95, 156), "Jasper Ridge": (100, 100, 198), "Urban": (307, 307, 162),
    "Cuprite": (250, 190, 188), "Washington DC": (1280, 307, 191), "MUUFL": (325, 220, 64),
    "Berlin": (797, 220, 244), "Augsburg": (332, 485, 180), "LongKou": (550, 400, 270),
    "HanChuan": (1217, 303, 274), "HongHu": (940, 475, 270), "Chikusei": (2517, 2335, 128),
    "HELICoiD": (479, 552, 826), "HeiPorSPECTRAL": (480, 640, 100), "Specim IQ": (512, 512, 204),
    "ICVL": (1392, 1300, 31), "HSI-Drive": (216, 409, 25), "CAVE": (512, 512, 31),
    "FX10, 500 lines": (500, 1024, 448), "FX17, 250 lines": (250, 640, 224),
    "Hyperion": (3128, 256, 242), "Hyperion, a strip": (3000, 128, 242),
    "PRISMA": (1000, 1000, 230), "EnMAP": (1024, 1000, 224), "DESIS": (1024, 1024, 235),
    "EMIT": (1280, 1242, 285), "NEON": (1000, 1000, 426), "AVIRIS": (614, 512, 224),
    "AVIRIS-NG": (900, 598, 425), "a patch": (64, 64, 224), "a crop": (40, 64, 31),
}  # fmt: skip
READ = {  # the order that the shape alone tells; all others are asked for
    "Indian Pines", "Pavia University", "Pavia Centre", "Kennedy Space Center", "Houston 2013",
    "Houston 2018", "Trento", "Samson", "Jasper Ridge", "Urban", "MUUFL", "Chikusei",
    "HeiPorSPECTRAL", "Specim IQ", "ICVL", "HSI-Drive", "CAVE", "PRISMA", "EnMAP", "DESIS", "EMIT",
    "NEON", "AVIRIS", "a patch",
}  # fmt: skip


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("scene", SCENES)
def test_a_shape_alone_is_never_read_in_a_wrong_order(scene, order):
    shape = [SCENES[scene][axis] for axis in ORDERS[order]]
    if order == "hwb" and scene in READ:
        assert order_axes(Path("c.npy"), shape) == ((0, 1, 2), "")
    else:
        with pytest.raises(DataError, match="--layout hwb"):
            order_axes(Path("c.npy"), shape)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("by", ["wavelengths", "images", "alike", "layout", "names"])
def test_whatever_tells_the_order_goes_before_the_shape(scene, order, by):
    height, width, bands = SCENES[scene]
    shape = [SCENES[scene][axis] for axis in ORDERS[order]]
    names = [("y", "x", "band")[axis] for axis in ORDERS[order]]
    told = {
        "wavelengths": [bands], "images": [(height, width)], "alike": [(height, width)],
        "layout": order, "names": names,
    }[by]  # fmt: skip
    assert order_axes(Path("c.npy"), shape, **{by: told})[0] == BACK[order]


def test_an_array_of_another_kind_is_no_image():
    """A white reference of columns and bands must not turn the cube round."""
    shape, reference = (610, 340, 103), (340, 103)
    with pytest.raises(DataError, match="--layout"):
        order_axes(Path("c.mat"), shape, alike=[reference])
    assert order_axes(Path("c.mat"), shape, images=[reference])[0] == BACK["bhw"]
    assert order_axes(Path("c.mat"), shape, alike=[reference, (610, 340)])[0] == (0, 1, 2)


@pytest.mark.parametrize("name", ["white", "dark_reference", "wavelength_map", "FWHM"])
def test_references_and_spectra_beside_a_cube_tell_nothing(tmp_path, name):
    cube = np.random.default_rng(0).random((12, 11, 5)).astype(np.float32)
    np.savez(tmp_path / "c.npz", **{"cube": cube, name: np.ones((11, 5))})
    np.testing.assert_array_equal(read_cube(tmp_path / "c.npz").data, cube)


def test_a_wrong_layout_leaves_the_wavelengths_out_with_a_remark(tmp_path):
    cube = np.zeros((6, 5, 4), np.float32)
    np.savez(tmp_path / "c.npz", cube=cube, wavelengths=[500, 600, 700, 800])
    read = read_cube(tmp_path / "c.npz", layout="bhw")
    assert read.shape == (5, 4, 6)
    assert read.wavelengths is None
    assert "there are 4 of them for 6 bands" in json.dumps(read.remarks)
