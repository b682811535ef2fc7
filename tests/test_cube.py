import dataclasses
import pickle
import re

import numpy as np
import pytest

from hsizoo.cube import HyperCube, LabelMap, Scene
from hsizoo.errors import DataError


def data(height=2, width=3, bands=4, dtype=np.float32):
    return np.arange(height * width * bands).reshape(height, width, bands).astype(dtype)


def shown(text):
    return re.escape(text)


class TestHyperCube:
    @pytest.mark.parametrize(
        "dtype", [np.uint8, np.int16, np.uint64, np.float16, ">f4", np.float64, np.longdouble]
    )
    def test_any_real_numbers_become_float32(self, dtype):
        cube = HyperCube(data(dtype=dtype))
        assert cube.data.dtype == np.float32
        assert cube.data.dtype.isnative
        np.testing.assert_array_equal(cube.data, data())

    def test_a_list_will_do(self):
        cube = HyperCube([[[1, 2, 3]]])
        assert cube.shape == (1, 1, 3)
        assert cube.bands == 3

    @pytest.mark.parametrize("shape", [(3,), (2, 3), (1, 2, 3, 4), (0, 3, 4), (2, 0, 4), (2, 3, 0)])
    def test_shape_is_checked(self, shape):
        with pytest.raises(DataError, match=shown("field: a cube must be (rows, columns, bands)")):
            HyperCube(np.zeros(shape), name="field")
        with pytest.raises(DataError, match=shown(f"got shape {shape}")):
            HyperCube(np.zeros(shape))

    @pytest.mark.parametrize("dtype", [bool, complex, "U3", object])
    def test_type_is_checked(self, dtype):
        array = np.zeros((1, 1, 2)).astype(dtype)
        with pytest.raises(DataError, match=shown(f"got {array.dtype}")):
            HyperCube(array)

    def test_rows_of_different_lengths(self):
        with pytest.raises(DataError, match="field"):
            HyperCube([[[1, 2]], [[1]]], name="field")

    def test_float32_is_not_copied_and_the_argument_stays_writeable(self):
        array = data()
        cube = HyperCube(array)
        assert np.shares_memory(cube.data, array)
        assert array.flags.writeable

    def test_a_memory_map_is_not_read_into_memory(self, tmp_path):
        np.save(tmp_path / "cube.npy", data(70, 3, 4))
        mapped = np.load(tmp_path / "cube.npy", mmap_mode="r")
        cube = HyperCube(mapped)
        assert isinstance(cube.data, np.memmap)
        assert np.shares_memory(cube.data, mapped)
        assert cube.valid.all()
        assert cube.digest == HyperCube(data(70, 3, 4)).digest

    def test_is_immutable(self):
        cube = HyperCube(data(), wavelengths=[400, 500, 600, 700])
        for array in (cube.data, cube.wavelengths, cube.valid):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
        with pytest.raises(dataclasses.FrozenInstanceError):
            cube.name = "other"

    @pytest.mark.parametrize("height", [1, 64, 65, 130])  # whole-cube passes go in steps of 64 rows
    def test_pixels_with_a_value_that_is_not_finite_are_not_valid(self, height):
        array = data(height, 3, 4)
        expected = np.ones((height, 3), dtype=bool)
        for row, col, band, value in [
            (0, 0, 0, np.nan),
            (height - 1, 1, 3, np.inf),
            (height // 2, 2, 1, -np.inf),
        ]:
            array[row, col, band], expected[row, col] = value, False
        np.testing.assert_array_equal(HyperCube(array).valid, expected)

    def test_what_float32_cannot_hold_is_not_valid(self):
        array = data(dtype=np.float64)
        array[1, 2, 3] = 1e300
        assert np.argwhere(~HyperCube(array).valid).tolist() == [[1, 2]]

    def test_wavelengths_may_come_in_any_order(self):
        cube = HyperCube(data(), wavelengths=(700, 500.5, 900, 400))
        assert cube.wavelengths.tolist() == [700, 500.5, 900, 400]
        assert cube.wavelengths.dtype == np.float64

    def test_wavelengths_are_copied(self):
        wavelengths = np.array([400.0, 500, 600, 700])
        cube = HyperCube(data(), wavelengths)
        wavelengths[0] = 1
        assert cube.wavelengths[0] == 400

    @pytest.mark.parametrize(
        ("wavelengths", "message"),
        [
            ([400, 500, 600], "field: 3 wavelengths of shape (3,) for 4 bands"),
            ([[400, 500, 600, 700]], "field: 4 wavelengths of shape (1, 4) for 4 bands"),
            ([400, 500, np.nan, 700], "[400. 500.  nan 700.]"),
            ([400, 500, np.inf, 700], "[400. 500.  inf 700.]"),
            ([0, 500, 600, 700], "[  0. 500. 600. 700.]"),
            ([-400, 500, 600, 700], "[-400.  500.  600.  700.]"),
            ([0.4, 0.5, 0.6, 2.5], "wavelengths up to 2.5 look like micrometres"),
            (["400 nm", "500", "600", "700"], "field"),
        ],
    )
    def test_wavelengths_are_checked(self, wavelengths, message):
        with pytest.raises(DataError, match=shown(message)):
            HyperCube(data(), wavelengths, name="field")

    def test_micrometres_come_with_advice(self):
        with pytest.raises(DataError, match="nanometres: multiply by 1000"):
            HyperCube(data(), [0.4, 0.5, 0.6, 0.7])

    def test_rgb_bands(self):
        assert HyperCube(data(), rgb_bands=np.array([3, 1, 0])).rgb_bands == (3, 1, 0)

    @pytest.mark.parametrize("bands", [(0, 1), (0, 1, 2, 3), (0, 1, 4), (-1, 0, 1)])
    def test_rgb_bands_are_checked(self, bands):
        with pytest.raises(DataError, match=shown(f"band indices from 0 to 3; got {bands}")):
            HyperCube(data(), rgb_bands=bands)


class TestCubeDigest:
    def test_does_not_depend_on_memory_layout_number_type_or_name(self):
        digest = HyperCube(data(70)).digest
        assert re.fullmatch("[0-9a-f]{64}", digest)
        assert HyperCube(np.asfortranarray(data(70)), name="x").digest == digest
        assert HyperCube(data(70, dtype=np.float64)).digest == digest
        assert HyperCube(data(70)[::-1][::-1]).digest == digest

    def test_depends_on_values_shape_and_wavelengths(self):
        changed = data(70)
        changed[69, 2, 3] += 1
        nanometres = [400, 500, 600, 700]
        cubes = [
            HyperCube(data(70)),
            HyperCube(changed),
            HyperCube(data(70).reshape(3, 70, 4)),
            HyperCube(data(70).reshape(70, 4, 3)),
            HyperCube(data(70), nanometres),
            HyperCube(data(70), nanometres[::-1]),
        ]
        assert len({cube.digest for cube in cubes}) == len(cubes)


class TestLabelMap:
    def test_targets_are_by_default_all_named_labels_that_count(self):
        field = LabelMap([[0, 1], [2, 2]], {0: "none", 1: "corn", 2: "wheat", 3: "oat"}, ignore=[0])
        assert field.targets == {1, 2, 3}
        assert field.ignore == {0}
        assert list(field.class_names.items()) == [
            (0, "none"),
            (1, "corn"),
            (2, "wheat"),
            (3, "oat"),
        ]

    def test_a_label_that_is_neither_target_nor_ignored_is_background(self):
        organs = LabelMap([[255, 1]], {255: "unlabeled", 1: "liver"}, targets=[1])
        assert organs.targets == {1}
        assert organs.evaluated.all()

    def test_ignored_labels_are_not_evaluated(self):
        field = LabelMap([[0, 1, 7], [2, 0, 1]], {1: "corn", 2: "wheat"}, ignore=[0, 7])
        assert field.evaluated.tolist() == [[False, True, False], [True, False, True]]

    @pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint64, ">i2"])
    def test_any_whole_numbers_become_int32(self, dtype):
        array = np.array([[1, 2]], dtype=dtype)
        field = LabelMap(array, {1: "corn", 2: "wheat"})
        array[0, 0] = 2
        assert field.labels.dtype == np.int32
        assert field.labels.tolist() == [[1, 2]]

    def test_is_immutable(self):
        field = LabelMap([[1]], {1: "corn"})
        with pytest.raises(ValueError, match="read-only"):
            field.labels[0, 0] = 2
        with pytest.raises(TypeError):
            field.class_names[2] = "wheat"
        with pytest.raises(dataclasses.FrozenInstanceError):
            field.ignore = frozenset()

    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            (np.zeros(3, int), "got shape (3,) of int64"),
            (np.zeros((1, 2, 3), int), "got shape (1, 2, 3) of int64"),
            (np.zeros((0, 3), int), "got shape (0, 3) of int64"),
            (np.zeros((2, 2)), "got shape (2, 2) of float64"),
            (np.zeros((2, 2), bool), "got shape (2, 2) of bool"),
            ([[1, 2**32 + 1]], "got 1 to 4294967297"),  # 2³² + 1 would become 1
            ([[1, -(2**31) - 1]], "got -2147483649 to 1"),
        ],
    )
    def test_labels_are_checked(self, labels, message):
        with pytest.raises(DataError, match=shown(message)):
            LabelMap(labels, {0: "corn", 1: "wheat"})

    def test_every_label_that_occurs_has_a_name_or_is_ignored(self):
        with pytest.raises(DataError, match=r"labels \[-3, 7\] .*named: \[1\], ignored: \[0\]"):
            LabelMap([[0, 1], [7, -3]], {1: "corn"}, ignore=[0])

    @pytest.mark.parametrize("targets", [[1, 9], [0, 1]])
    def test_targets_are_named_and_not_ignored(self, targets):
        wrong = sorted(set(targets) - {1})
        with pytest.raises(DataError, match=shown(f"target labels {wrong} are ignored or have no")):
            LabelMap([[0, 1]], {0: "none", 1: "corn"}, ignore=[0], targets=targets)

    def test_digest_depends_on_everything(self):
        names = {1: "corn", 2: "wheat", 3: "oat"}
        maps = [
            LabelMap([[1, 2]], names),
            LabelMap([[2, 1]], names),
            LabelMap([[1], [2]], names),
            LabelMap([[1, 2]], {**names, 3: "rye"}),
            LabelMap([[1, 2]], names, ignore=[2]),
            LabelMap([[1, 2]], names, targets=[1]),
        ]
        assert len({one.digest for one in maps}) == len(maps)
        same = LabelMap(np.array([[1, 2]], np.uint8), dict(reversed(names.items())), targets=names)
        assert same.digest == maps[0].digest


class TestScene:
    def scene(self, **about):
        array = data(2, 3)
        array[0, 1, 2] = np.nan
        field = LabelMap([[1, 1, 0], [2, 1, 2]], {1: "corn", 2: "wheat"}, ignore=[0])
        return Scene(HyperCube(array), field, **about)

    def test_evaluated_pixels_have_a_known_label_and_a_finite_spectrum(self):
        scene = self.scene(name="a")
        assert scene.evaluated.tolist() == [[True, False, False], [True, True, True]]

    def test_target_holds_evaluated_pixels_only(self):
        scene = self.scene(name="a")
        assert scene.target(1).tolist() == [[True, False, False], [False, True, False]]
        assert not scene.target(0).any()
        assert not scene.target(99).any()
        assert scene.target(2).dtype == np.bool_

    def test_the_subject_is_the_scene_unless_given(self):
        assert self.scene(name="a").subject == "a"
        assert self.scene(name="a", subject="pig 3").subject == "pig 3"

    def test_cube_and_label_map_must_have_one_size(self):
        with pytest.raises(DataError, match=r"'a': the cube has \(2, 3\).* label map has \(3, 2\)"):
            Scene(HyperCube(data(2, 3)), LabelMap(np.ones((3, 2), int), {1: "corn"}), "a")


def test_a_label_map_can_be_sent_to_another_process():
    labels = LabelMap([[0, 1], [2, 7]], {1: "a", 2: "b", 7: "c"}, ignore=[0], targets=[1, 2])
    again = pickle.loads(pickle.dumps(labels))
    assert again.digest == labels.digest
    assert again.targets == labels.targets
