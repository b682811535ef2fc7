"""A folder of cubes: every scene has a version of its own."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import hsizoo
from hsizoo.runs.bench import RunEvents
from hsizoo.runs.datasets import Datasets

OPTIONS = {"clicks": 1, "device": "cpu"}


def put(folder, name, seed):
    rng = np.random.default_rng(seed)
    labels = np.repeat([[1, 2]], 12, axis=0).repeat(6, axis=1)
    cube = (labels[:, :, None] + rng.random((12, 12, 4))).astype(np.float32)
    np.save(folder / f"{name}.npy", cube)
    np.save(folder / f"{name}.mask.npy", labels)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path / "home"))
    folder = tmp_path / "cubes"
    folder.mkdir()
    for seed, name in enumerate("bcd"):
        put(folder, name, seed)
    return folder


def versions(folder):
    datasets = Datasets()
    infos = datasets.get(f"{folder}/").scenes()
    found = datasets.versions(f"{folder}/", range(len(infos)))
    return {info.name: version for info, version in zip(infos, found, strict=True)}


def run(folder, tmp_path):
    """Run, and return the result with the scenes that were computed, not reused."""
    computed = []
    events = RunEvents(finished=lambda cell, record: computed.append(record["identity"]["scene"]))
    result = hsizoo.bench("sa", f"{folder}/", out=tmp_path / "run", events=events, **OPTIONS)
    assert not result.failures
    return result, computed


def test_a_cube_that_is_added_leaves_all_stored_cells_in_use(folder, tmp_path):
    first, computed = run(folder, tmp_path)
    assert computed == ["b", "c", "d"]
    put(folder, "a", 7)
    second, computed = run(folder, tmp_path)
    assert computed == ["a"]
    assert [each["key"] for each in second.records[1:]] == [each["key"] for each in first.records]


def test_a_cube_of_equal_size_and_time_is_another_cube(folder, tmp_path):
    run(folder, tmp_path)
    for name, value in (("c.npy", 0.5), ("d.mask.npy", 2)):
        path = folder / name
        about = path.stat()
        values = np.load(path)
        values[0, 0] = value
        np.save(path, values)
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
        assert (path.stat().st_size, path.stat().st_mtime_ns) == (about.st_size, about.st_mtime_ns)
    _, computed = run(folder, tmp_path)
    assert computed == ["c", "d"]


def test_a_copy_of_the_folder_has_the_same_versions(folder, tmp_path):
    copied = shutil.copytree(folder, tmp_path / "copy")
    for path in folder.iterdir():
        os.utime(path)
    assert versions(copied) == versions(folder)


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ('title = "mine"\nlicence = "CC0"\ncitation = "me"', ""),
        ('[split]\nb = "train"', "b"),
        ('skip = ["c.*"]', ""),
        ('subject = "(.)"', ""),  # the same subjects
        ('subject = "([bc]|.*)"', "d"),
        ('[names]\n1 = "left"\n2 = "right"', "bcd"),
        ("scale = 2", "bcd"),
        ('[masks]\n"b.npy" = "b.mask.npy"', ""),
        ('[masks]\n"b.npy" = "c.mask.npy"\n"c.npy" = "b.mask.npy"', "bc"),
    ],
)
def test_settings_change_the_scenes_that_they_are_about(folder, text, changed):
    before = versions(folder)
    (folder / "hsizoo.toml").write_text(text)
    after = versions(folder)
    assert {name for name in after if after[name] != before[name]} == set(changed)


def test_numbers_of_drawn_classes_are_part_of_it(folder):
    """A class that only another scene has moves the numbers of the others."""
    square = [[[0, 0], [6, 0], [6, 6], [0, 6], [0, 0]]]

    def draw(name, *classes):
        features = [
            {
                "type": "Feature",
                "properties": {"class": each},
                "geometry": {"type": "Polygon", "coordinates": square},
            }
            for each in classes
        ]
        text = str({"type": "FeatureCollection", "features": features}).replace("'", '"')
        (folder / f"{name}.mask.npy").unlink(missing_ok=True)
        (folder / f"{name}.geojson").write_text(text)

    draw("b", "grass")
    draw("c", "grass")
    before = versions(folder)
    draw("c", "acorn")
    after = versions(folder)
    assert {name for name in after if after[name] != before[name]} == {"b", "c"}


def test_only_the_chosen_scenes_are_read(folder, monkeypatch):
    from hsizoo.engine import file_digests

    read = []
    real = file_digests._read
    monkeypatch.setattr(
        file_digests, "_read", lambda path, count: read.append(path.name) or real(path, count)
    )
    Datasets().versions(f"{folder}/", [1])
    assert sorted(read) == ["c.mask.npy", "c.npy"]
    assert Path(folder, "b.npy").exists()
