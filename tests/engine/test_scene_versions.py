"""Versions of scenes follow the content of their files."""

import os

import pytest

from hsizoo.engine.scene_versions import UnchangedFiles, scene_versions
from hsizoo.errors import DataError


class Scenes:
    """As many of a dataset's methods as versions need."""

    version = "1"

    def __init__(self, *files):
        self.files = files

    def scene_version(self, index):
        return f"{self.version}.{index}"

    def scene_files(self, index):
        return self.files[index]


def test_a_scene_has_the_version_of_its_files_whatever_their_times_say(tmp_path):
    cube, mask = tmp_path / "a", tmp_path / "a.mask"
    cube.write_bytes(b"old")
    mask.write_bytes(b"mask")
    dataset = Scenes([cube, mask], [cube], [])
    before = scene_versions(dataset, [0, 1, 2])
    assert len({*before}) == 3
    assert before[2] == "1.2"  # it is what the dataset says
    about = cube.stat()
    cube.write_bytes(b"new")
    os.utime(cube, ns=(about.st_atime_ns, about.st_mtime_ns))
    after = scene_versions(dataset, [2, 1, 0])[::-1]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, True]
    cube.write_bytes(b"old")
    assert scene_versions(dataset, [0, 1, 2]) == before


def test_files_that_change_or_go_are_named(tmp_path):
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_bytes(b"1")
    files = UnchangedFiles(paths)
    assert files.changed() == []
    paths[1].write_bytes(b"2")
    paths[2].unlink()
    assert files.changed() == ["b", "c"]
    with pytest.raises(DataError, match="c cannot be read"):
        UnchangedFiles(paths)
