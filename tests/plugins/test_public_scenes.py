import numpy as np
import pytest
import scipy.io
from hsizoo_datasets import public_scenes

import hsizoo
from hsizoo.errors import DataError, MissingRequirement

NAMES = {
    "pavia-university": "PaviaUniversity",
    "pavia-centre": "PaviaCentre",
    "salinas": "Salinas",
    "ksc": "Ksc",
    "botswana": "Botswana",
}


def small(name, monkeypatch):
    """The scene's class, its image shrunk to a few pixels."""
    target = getattr(public_scenes, NAMES[name])
    monkeypatch.setattr(target, "shape", (6, 7, target.shape[2]))
    rng = np.random.default_rng(0)
    cube = rng.integers(0, 3000, target.shape)
    labels = np.arange(42).reshape(6, 7) % (len(target.classes) + 1)
    stems = [file.rpartition("/")[2] for file in target.files]
    return target, cube, labels, stems


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", ["5", "7.3"])
def test_a_scene_is_read_from_either_version(name, version, tmp_path, monkeypatch):
    target, cube, labels, stems = small(name, monkeypatch)
    for stem, key, values in zip(stems, ("cube_key", "x_gt"), (cube, labels), strict=True):
        if version == "5":
            scipy.io.savemat(tmp_path / stem, {key: values}, do_compression=True)
        else:
            h5py = pytest.importorskip("h5py")
            with h5py.File(tmp_path / stem, "w", userblock_size=512) as file:
                file[key] = values.T
            content = bytearray((tmp_path / stem).read_bytes())
            content[:19] = b"MATLAB 7.3 MAT-file"
            (tmp_path / stem).write_bytes(content)
    scene = hsizoo.load_scene(name, data_dir=str(tmp_path))
    np.testing.assert_array_equal(scene.cube.data, cube)
    np.testing.assert_array_equal(scene.label_map.labels, labels)
    assert scene.label_map.ignore == {0}
    assert len(scene.label_map.targets) == len(target.classes)
    assert (scene.name, scene.subject) == (name, name)


@pytest.mark.parametrize("name", NAMES)
def test_what_to_fetch_is_told(name, tmp_path, monkeypatch):
    monkeypatch.delenv("HSIZOO_DATA", raising=False)
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path))
    target = getattr(public_scenes, NAMES[name])
    height, width, bands = target.shape
    with pytest.raises(MissingRequirement) as error:
        hsizoo.load_scene(name)
    for part in (
        f"{target.files[0].rpartition('/')[2]} is not in {tmp_path / 'data'}",
        *(f"http://www.ehu.eus/ccwintco/uploads/{file} (" for file in target.files),
        f"({height} × {width} × {bands} values: ",
        f"Put it into {tmp_path / 'data'}",
        "data_dir=",
    ):
        assert part in str(error.value)


def test_the_size_to_expect_is_told(tmp_path):
    with pytest.raises(MissingRequirement, match="610 × 340 × 103 values: 43 MB as 16-bit"):
        hsizoo.load_scene("pavia-university", data_dir=str(tmp_path))


def test_another_file_under_the_name_is_refused(tmp_path, monkeypatch):
    target, cube, labels, stems = small("salinas", monkeypatch)
    scipy.io.savemat(tmp_path / stems[0], {"c": cube[:, :, 1:]})
    scipy.io.savemat(tmp_path / stems[1], {"g": labels})
    with pytest.raises(DataError, match=r"expected a cube of \(6, 7, 204\), found \(6, 7, 203\)"):
        hsizoo.load_scene("salinas", data_dir=str(tmp_path))
    scipy.io.savemat(tmp_path / stems[0], {"c": cube})
    scipy.io.savemat(tmp_path / stems[1], {"g": labels[:-1]})
    with pytest.raises(DataError, match=r"expected labels of \(6, 7\), found \(5, 7\)"):
        hsizoo.load_scene("salinas", data_dir=str(tmp_path))
    scipy.io.savemat(tmp_path / stems[1], {"g": labels // 2})
    with pytest.raises(DataError, match=r"expected the labels 0 to 16, found \[0, 1"):
        hsizoo.load_scene("salinas", data_dir=str(tmp_path))
    assert target.card.licence.startswith("No licence")
