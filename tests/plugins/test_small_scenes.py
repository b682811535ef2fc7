from pathlib import Path

import numpy as np
import pytest
import scipy.io

import hsizoo
from hsizoo.errors import DataError, MissingRequirement

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FILES = {
    "salinas-a": "salinas_a.npz",
    "samson": "samson.npz",
    "pavia-mini": "paviau_mini.npz",
    "jasper-ridge": "jasper_ridge.npz",
}
TARGETS = {
    "abu-airport-1": 144,
    "abu-airport-3": 170,
    "abu-beach-1": 19,
    "abu-beach-3": 11,
    "abu-urban-1": 67,
    "abu-urban-4": 272,
}
COUNTS = {
    "salinas-a": [391, 1343, 616, 1525, 674, 799],
    "samson": [2836, 3592, 2302],
    "pavia-mini": [102, 110, 9, 16, 56, 252, 60, 25, 9],
    "jasper-ridge": [3412, 3310, 2256, 661],
}
here = pytest.mark.skipif(
    not all(
        (DATA / file).is_file()
        for file in (*FILES.values(), *(f"{name.replace('-', '_')}.npz" for name in TARGETS))
    ),
    reason="the scenes' files are not in ../shared/data beside the checkout",
)


def fake(path, **changes):
    arrays = {
        "cube": np.zeros((80, 50, 103), np.float32),
        "gt": np.zeros((80, 50), np.uint8),
        "class_names": np.array(["a"]),
    }
    np.savez(path, **{name: a for name, a in {**arrays, **changes}.items() if a is not None})


@here
@pytest.mark.parametrize("name", FILES)
def test_scene_is_what_the_file_holds(name):
    scene = hsizoo.load_scene(name, data_dir=str(DATA))
    with np.load(DATA / FILES[name]) as archive:
        np.testing.assert_array_equal(scene.cube.data, archive["cube"].astype(np.float32))
        np.testing.assert_array_equal(scene.label_map.labels, archive["gt"])
        if "wavelength_um" in archive:
            assert scene.cube.wavelengths == pytest.approx(archive["wavelength_um"] * 1000)
        if "wavelength_nm" in archive:
            assert scene.cube.wavelengths == pytest.approx(archive["wavelength_nm"], abs=0.01)
        texts = [text for text in archive["class_names"].tolist() if text != "unlabeled"]
        for label, text in enumerate(texts, start=1):
            assert scene.label_map.class_names[label].lower() in text.lower()
    targets = sorted(scene.label_map.targets)
    assert [int(scene.target(label).sum()) for label in targets] == COUNTS[name]
    assert (scene.name, scene.subject, scene.split) == (name, name, "")


@here
def test_targets_lie_in_a_background_that_counts():
    dataset = hsizoo.create("abu", data_dir=str(DATA))
    assert dataset.place() == DATA
    for index, (name, pixels) in enumerate(TARGETS.items()):
        scene = dataset.scene(index)
        with np.load(DATA / f"{name.replace('-', '_')}.npz") as archive:
            np.testing.assert_array_equal(scene.cube.data, archive["cube"].astype(np.float32))
            np.testing.assert_array_equal(scene.target(1), archive["gt"] == 1)
        assert (scene.name, scene.subject, scene.split) == (name, name, "")
        assert dataset.scenes()[index].name == name
        assert scene.label_map.targets == {1}
        assert scene.target(1).sum() == pixels
        assert scene.evaluated.all()
    with pytest.raises(IndexError, match="scene 6 of 6"):
        dataset.scene(6)


def test_a_missing_target_scene_is_explained(tmp_path):
    (tmp_path / "abu_airport_1.npz").write_bytes(b"")
    with pytest.raises(MissingRequirement, match=r"abu_airport_3\.npz is not in"):
        hsizoo.create("abu", data_dir=str(tmp_path)).scene(1)
    with pytest.raises(DataError, match=r"abu_airport_1\.npz"):
        hsizoo.create("abu", data_dir=str(tmp_path)).scene(0)


@here
def test_data_is_found_by_variable_and_below_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HSIZOO_DATA", f"{tmp_path}:{DATA}")
    assert hsizoo.load_scene("samson").cube.shape == (95, 95, 156)
    monkeypatch.delenv("HSIZOO_DATA")
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "samson.npz").write_bytes((DATA / "samson.npz").read_bytes())
    assert hsizoo.load_scene("samson").cube.shape == (95, 95, 156)


def test_a_missing_file_is_explained(tmp_path, monkeypatch):
    monkeypatch.delenv("HSIZOO_DATA", raising=False)
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path))
    with pytest.raises(MissingRequirement) as error:
        hsizoo.load_scene("salinas-a")
    where = str(tmp_path / "data")
    for part in ("salinas_a.npz", where, "HSIZOO_DATA", "data_dir=", "class_names"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "does not hold the expected values"),
        ({"gt": None}, "has no array that can be a mask"),
        ({"gt": np.zeros((50, 80), np.uint8)}, r"found \(80, 50, 103\) and \(50, 80\)"),
        (
            {"cube": np.array([{}], dtype=object)},
            "no array that can be a cube",
        ),  # a pickle is not opened
    ],
)
def test_another_file_is_refused(tmp_path, changes, message):
    fake(tmp_path / "paviau_mini.npz", **changes)
    with pytest.raises(DataError, match=message):
        hsizoo.load_scene("pavia-mini", data_dir=str(tmp_path))


@here
def test_salinas_a_from_the_files_of_the_collection(tmp_path):
    with np.load(DATA / "salinas_a.npz") as archive:
        cube, labels = archive["cube"], archive["gt"]
        original = archive["original_label_values"]
    scipy.io.savemat(tmp_path / "SalinasA_corrected.mat", {"salinasA_corrected": cube})
    scipy.io.savemat(tmp_path / "SalinasA_gt.mat", {"salinasA_gt": original[labels]})
    scene = hsizoo.load_scene("salinas-a", data_dir=str(tmp_path))
    np.testing.assert_array_equal(scene.cube.data, cube)
    np.testing.assert_array_equal(scene.label_map.labels, labels)
    scipy.io.savemat(tmp_path / "SalinasA_gt.mat", {"salinasA_gt": labels})
    with pytest.raises(DataError, match="expected the labels"):
        hsizoo.load_scene("salinas-a", data_dir=str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not an archive"])
def test_a_broken_file_is_refused(tmp_path, content):
    (tmp_path / "paviau_mini.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"paviau_mini\.npz"):
        hsizoo.load_scene("pavia-mini", data_dir=str(tmp_path))
