"""Where the files of a map may be written."""

from pathlib import Path

import pytest

from hsizoo.errors import DataError
from hsizoo.mapping.outputs import Outputs


def names(files):
    return [path.name for path in files.files()]


def test_files_of_a_map():
    every = Outputs.at(Path("a/map.hdr"), Path("b/p.hdr"), picture=True)
    assert names(every) == [
        "map.hdr", "map.img", "map.legend.csv", "p.hdr", "p.img", "map.picture.png",
    ]  # fmt: skip
    assert names(Outputs.at(Path("map.png"))) == ["map.png", "map.legend.csv"]


def test_files_of_the_maps_of_other_images():
    main = Outputs.at(Path("map.tif"), Path("p.npz"), picture=True)
    other = main.beside(Path("flight/b.v2.hdr"), Path("out"))
    assert [str(path) for path in other.files()] == [
        "out/b.v2_map.tif", "out/b.v2_map.legend.csv", "out/b.v2_map.probabilities.npz",
        "out/b.v2_map.picture.png",
    ]  # fmt: skip
    assert names(Outputs.at(Path("m.png")).beside(Path("c"), Path())) == [
        "c_map.png", "c_map.legend.csv",
    ]  # fmt: skip


def test_nothing_is_overwritten_unless_forced_and_inputs_never(tmp_path):
    files = Outputs.at(tmp_path / "map.png", tmp_path / "p.npy")
    files.check()
    for path in files.files():
        path.touch()
        with pytest.raises(DataError, match=f"{path.name} exists"):
            files.check()
        files.check(force=True)
        with pytest.raises(DataError, match=f"{path.name} is read and would be overwritten"):
            files.check([path], force=True)
        path.unlink()


def test_an_earlier_map_is_replaced(tmp_path):
    files = Outputs.at(tmp_path / "map.hdr", tmp_path / "p.npy", picture=True)
    for name in ("map.hdr", "map.img", "map.picture.png"):
        (tmp_path / name).touch()
    files.legend.write_text("number,name\n0,mine\n")
    with pytest.raises(DataError, match=r"map\.hdr exists and may not be from an earlier map"):
        files.check()
    files.legend.write_text("number,name,colour,pixels,share\n0,unlabelled,#000000,1,1.0\n")
    files.check()
    (tmp_path / "p.npy").touch()  # could be anything
    with pytest.raises(DataError, match=r"p\.npy exists"):
        files.check()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("map.jpg",), "masks are written as"),
        (("map.png", "p.csv"), "probabilities are written as"),
        (("none/map.png",), "there is no folder"),
        (("map.hdr", "map.hdr"), "would be written twice"),
        (("map.hdr", "none/p.npz"), "there is no folder"),
        (("folder.png",), "is a folder"),
    ],
)
def test_wrong_names(tmp_path, given, message):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(DataError, match=message):
        Outputs.at(*(tmp_path / each for each in given)).check(force=True)
