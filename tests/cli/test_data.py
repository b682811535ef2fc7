"""``hsizoo data`` as a user types it."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import hsizoo
from hsizoo.cli import app
from hsizoo.errors import DataError, HsizooError, MissingRequirement, OptionError
from hsizoo.io import read_cube, write_cube, write_mask

CUBE = np.random.default_rng(0).uniform(0.1, 0.9, (150, 8, 5)).astype(np.float32)
MASK = np.zeros((150, 8), int)
MASK[1:4, 2:6] = 1


def call(*arguments, code=0):
    """Run a command in this process; errors of hsizoo are raised."""
    result = CliRunner().invoke(app, list(map(str, arguments)))
    if isinstance(result.exception, HsizooError):
        raise result.exception
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


@pytest.fixture
def folder(tmp_path):
    write_cube(tmp_path / "a.hdr", hsizoo.HyperCube(CUBE, name="a"))
    write_mask(tmp_path / "a.mask.png", MASK)
    return tmp_path


def test_check_a_good_folder(folder):
    text = call("data", "check", folder)
    assert "a.hdr" in text
    assert "150×8×5 float32" in text
    assert "1 class 1: 12" in text
    assert text.splitlines()[-1] == "1 cube(s), 0 error(s), 0 note(s)"
    rows = json.loads(call("data", "check", folder, "--json"))
    assert [(row["role"], row["errors"]) for row in rows] == [("cube", []), ("mask", [])]


def test_check_says_what_is_wrong_and_fails(folder):
    data = CUBE.copy()
    data[0, 0] = -1
    np.save(folder / "b.npy", data)
    text = call("data", "check", folder, code=1)
    assert "error: " in text
    assert "b.npy has no mask" in text
    assert "note: 5 of 6000 values are below 0" in text
    assert "1 class 1: 12" in text  # the good one is told too


def test_check_one_file_and_an_empty_folder(folder, tmp_path_factory):
    assert "1 cube(s), 0 error(s)" in call("data", "check", folder / "a.hdr")
    (folder / "a.img").write_bytes(b"short")
    assert "has 5 bytes" in call("data", "check", folder / "a.hdr", code=1)
    text = call("data", "check", tmp_path_factory.mktemp("empty"), code=1)
    assert "0 cube(s)" in text
    for looked_for in (
        "no cube was found in",
        "ENVI",
        "a.mask.png",
        "images/a.hdr and labels/a.png",
    ):
        assert looked_for in text
    assert "error: there is no file" in call("data", "check", folder / "none" / "x", code=1)


@pytest.mark.parametrize("ending", [".npz", ".npy", ".hdr", ".zarr"])
def test_convert(folder, ending):
    if ending == ".zarr":
        pytest.importorskip("zarr")
    call("data", "convert", folder / "a.hdr", folder / f"out{ending}")
    np.testing.assert_array_equal(read_cube(folder / f"out{ending}").data, CUBE)


def test_convert_is_careful(folder):
    with pytest.raises(DataError, match="would overwrite the source cube"):
        call("data", "convert", folder / "a.hdr", folder / "a.hdr", "--force")
    with pytest.raises(DataError, match="would overwrite the source cube"):
        call("data", "convert", folder / "a.img", folder / "a.hdr", "--force")
    data = (folder / "a.img").rename(folder / "a")  # the header is read, whatever the name says
    with pytest.raises(DataError, match="would overwrite the source cube"):
        call("data", "convert", data, folder / "a.hdr", "--force")
    call("data", "convert", folder / "a.hdr", folder / "b.npy")
    with pytest.raises(DataError, match="exists; choose another name"):
        call("data", "convert", folder / "a.hdr", folder / "b.npy")
    call("data", "convert", folder / "a.hdr", folder / "b.npy", "--force")


def test_what_cannot_be_written_is_told(folder):
    for ending in (".hdr", ".npz", ".npy"):
        with pytest.raises(DataError, match=r"there is no folder .*nowhere to write b\."):
            call("data", "convert", folder / "a.hdr", folder / "nowhere" / f"b{ending}")
    (folder / "file").write_text("in the way")
    with pytest.raises(DataError, match="file cannot be written to: Not a directory"):
        call("data", "fixture", "heipor", folder / "file")


def test_check_and_convert_one_array_of_several(folder):
    np.savez(folder / "two.npz", first=CUBE, second=CUBE[:, :, :2].transpose(2, 0, 1))
    assert "--variable NAME" in call("data", "check", folder / "two.npz", code=1)
    text = call("data", "check", folder / "two.npz", "--variable", "second", "--layout", "bhw")
    assert "150×8×2 float32" in text
    call(
        "data", "convert", folder / "two.npz", folder / "b.npy", "--variable", "first", "--layout",
        "hwb",
    )  # fmt: skip
    np.testing.assert_array_equal(read_cube(folder / "b.npy").data, CUBE)
    with pytest.raises(OptionError, match=r"set variable in .*/hsizoo\.toml"):
        call("data", "check", folder, "--variable", "second")


def test_convert_bands_first(folder):
    np.save(folder / "first.npy", CUBE.transpose(2, 0, 1))
    call("data", "convert", folder / "first.npy", folder / "last.npy", "--layout", "bhw")
    np.testing.assert_array_equal(read_cube(folder / "last.npy").data, CUBE)


@pytest.mark.parametrize(("name", "scenes"), [("heipor", 6), ("hib", 4)])
def test_a_fixture_is_a_dataset(tmp_path, name, scenes):
    root, bench, train = call("data", "fixture", name, tmp_path).splitlines()
    where = f"--dataset {name} --data-dir {root}"
    assert bench == f"try: hsizoo bench sa sa-rw {where}"
    assert train == f"train: hsizoo train samsa2-nano {where} --folds 3 --fold 0 --epochs 2"
    card = json.loads(call("data", "info", name, "--data-dir", root, "--json"))
    assert card == json.loads(call("data", "info", f"{name}:data_dir={root}", "--json"))
    assert card["scenes"] == scenes
    assert card["title"].startswith("H")
    for path in (root, tmp_path):
        text = call("data", "check", path)
        assert f"{scenes} scenes of 3 subjects" in text
        assert f"hsizoo bench sa --dataset {name} --data-dir" in text
        assert text.splitlines()[-1] == "1 dataset(s), 0 error(s), 0 note(s)"
    size = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert size < 2**21
    with pytest.raises(OptionError, match="samson has no fixture"):
        call("data", "fixture", "samson", tmp_path)


def test_the_card_is_shown_without_the_data(monkeypatch):
    monkeypatch.delenv("HSIZOO_DATA", raising=False)
    card = json.loads(call("data", "info", "heipor", "--json"))
    assert "10.5281/zenodo.7737674" in card["source"]
    assert "844 GiB" in card["size"]
    assert "https://heiporspectral.org/example.zip" in card["how_to_get"]
    assert "HSIZOO_DATA" in card["not here"]
    card = json.loads(call("data", "info", "salinas", "--json"))
    assert card["data files"] == "downloads by itself (26 MB)"
    assert "first scene" not in card
    assert "not here" in call("data", "info", "salinas", "--data-dir", "/nowhere")
    assert "hsizoo.toml" in call("data", "info", "folder")


PLUGIN = """
import hsizoo

@hsizoo.hookimpl
def hsizoo_components():
    for name, sha256 in (("known", {sha!r}), ("unknown", None)):
        yield hsizoo.ComponentSpec(
            name=name, kind="dataset", target="hsizoo_datasets.mosaics:Mosaics", summary="A scene",
            files=(hsizoo.PublishedFile(name + ".mat", {url!r}, 0, sha256, "CC0"),),
        )
"""


def test_fetch(file_server, fake_dist, tmp_path, monkeypatch):
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path / "home"))
    content = file_server.files["/x.mat"] = b"some bytes"
    sha = hashlib.sha256(content).hexdigest()
    code = PLUGIN.format(sha=sha, url=f"{file_server.url}/x.mat")
    fake_dist("hsizoo-scenes", "1.0", {"scenes_plugin": code}, {"scenes": "scenes_plugin"})

    def state(name):
        rows = json.loads(call("data", "list", "--json"))
        (found,) = (row["data"] for row in rows if row["name"] == name)
        assert json.loads(call("data", "info", name, "--json"))["data files"] == found
        assert json.loads(call("info", name, "--json"))["data files"] == found
        lines = (line.split() for line in call("data", "list").splitlines())
        (line,) = (" ".join(line) for line in lines if line[0] == name)
        assert line.endswith(f"A scene · {found.replace('here', 'data here')} · hsizoo-scenes 1.0")
        return found

    assert [state("known"), state("unknown")] == ["downloads by itself", "needs --download"]
    assert file_server.asked == []
    path = tmp_path / "home" / "data" / "known.mat"
    out = call("data", "fetch", "known")
    assert out.splitlines()[-1] == str(path)
    assert path.read_bytes() == content
    assert call("data", "fetch", "known") == f"{path}\n"
    with pytest.raises(MissingRequirement, match="hsizoo data fetch unknown --download"):
        call("data", "fetch", "unknown")
    call("data", "fetch", "unknown", "--download")
    assert len(file_server.asked) == 2
    assert [state("known"), state("unknown")] == ["here", "here"]
    with pytest.raises(
        OptionError, match=r"phantom has no files to download: .* `hsizoo data info phantom`"
    ):
        call("data", "fetch", "phantom")
    with pytest.raises(OptionError, match="without options: hsizoo data fetch known"):
        call("data", "fetch", "known:data_dir=x")


def test_a_known_dataset_is_a_plain_folder_with_a_manifest(tmp_path):
    root = Path(call("data", "fixture", "heipor", tmp_path).splitlines()[0])
    (root / "hsizoo.toml").write_text('skip = ["*binary.png"]')
    assert "1 dataset" not in call("data", "check", root, code=1)
    (root / "hsizoo.toml").unlink()
    for path in root.rglob("*_SpecCube.dat"):
        path.write_bytes(b"short")
    (row,) = json.loads(call("data", "check", root, "--json", code=1))
    assert (row["role"], row["facts"]) == ("dataset", "this is heipor")
    assert "_SpecCube.dat" in row["errors"][0]


def test_check_a_mask(folder):
    text = call("data", "check", folder / "a.mask.png")
    assert "PNG mask, 150×8, 0: 1188, 1: 12" in text
    assert text.splitlines()[-1] == "1 mask(s), 0 error(s), 0 note(s)"
    (folder / "a.mask.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert "error: " in call("data", "check", folder / "a.mask.png", code=1)
