import hashlib
import io
import re

import numpy as np
import pytest
import scipy.io
from hsizoo_datasets import public_scenes

import hsizoo
from hsizoo.errors import DataError, MissingRequirement
from hsizoo.zoo.registry import registry

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
    stems = [file.name for file in target.files]
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
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path))
    cube = getattr(public_scenes, NAMES[name]).files[0]
    with pytest.raises(MissingRequirement, match="HSIZOO_OFFLINE is set") as error:
        hsizoo.load_scene(name)
    for part in (cube.sha256, cube.url, str(tmp_path / "data" / cube.name), "data_dir="):
        assert part in str(error.value)
    with pytest.raises(MissingRequirement, match=f"leave data_dir out: .*data fetch {name}`"):
        hsizoo.load_scene(name, data_dir=str(tmp_path))


def test_each_file_has_an_address_and_a_digest():
    entries = {entry.spec.name: entry.spec for entry in registry().entries()}
    files = [file for name in NAMES for file in entries[name].files]
    for name, target in NAMES.items():
        assert entries[name].files == getattr(public_scenes, target).files
    assert len({file.sha256 for file in files}) == len({file.name for file in files}) == 10
    for file in files:
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.size or file.about
        for url in file.addresses:
            assert re.fullmatch(rf"https://\S+/{file.name}(\?download=1)?", url, re.I) or (
                file.name == "Pavia_gt.mat" and url.endswith("/paviaC_gt.mat")
            )


def test_a_scene_downloads_by_itself(file_server, tmp_path, monkeypatch):
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path))
    target, cube, labels, stems = small("salinas", monkeypatch)
    files = []
    for stem, values in zip(stems, (cube, labels), strict=True):
        stream = io.BytesIO()
        scipy.io.savemat(stream, {"values": values})
        content = file_server.files[f"/{stem}"] = stream.getvalue()
        url, sha = f"{file_server.url}/{stem}", hashlib.sha256(content).hexdigest()
        files.append(hsizoo.PublishedFile(stem, url, len(content), sha, "CC0"))
    monkeypatch.setattr(target, "files", tuple(files))
    scene = hsizoo.load_scene("salinas")
    np.testing.assert_array_equal(scene.cube.data, cube)
    np.testing.assert_array_equal(scene.label_map.labels, labels)
    assert len(file_server.asked) == 2
    monkeypatch.setenv("HSIZOO_OFFLINE", "1")
    np.testing.assert_array_equal(hsizoo.load_scene("salinas").cube.data, cube)


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
