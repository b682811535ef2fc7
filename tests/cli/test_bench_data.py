"""``hsizoo bench`` on one's own folder, and on a dataset whose files lie somewhere."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import hsizoo
from hsizoo.cli import app
from hsizoo.errors import DataError, OptionError
from hsizoo.io import write_cube, write_mask


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*words, code=0):
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    return run


def write(folder, seed):
    """A cube of two materials in ENVI, and its mask."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    mask = np.zeros((12, 10), int)
    mask[3:8, 2:7] = 1
    data = rng.uniform(0.2, 0.8, (2, 6))[mask] + rng.normal(0, 0.2, (12, 10, 6))
    write_cube(folder / "one.hdr", hsizoo.HyperCube(data, name="one"))
    write_mask(folder / "one.mask.png", mask)


def dice(call, dataset, *words):
    done = call("bench", "sa", "--clicks", "1", "--dataset", dataset, *words, "--json")
    return json.loads(done.stdout)["table"][0]["values"]["dice@max 1c"]


def test_a_folder_is_a_dataset_and_its_results_follow_its_files(call, tmp_path):
    write(tmp_path / "cubes", 0)
    first = dice(call, "./cubes/")
    assert dice(call, str(tmp_path / "cubes"), "-o", "elsewhere") == first
    again = call("bench", "sa", "--clicks", "1", "--dataset", "cubes/")
    assert "1 of 1 cells were already done" in again.stderr
    header = (tmp_path / "cubes" / "one.hdr").read_bytes()
    write(tmp_path / "cubes", 1)  # other values; the header and the mask stay
    assert (tmp_path / "cubes" / "one.hdr").read_bytes() == header
    assert dice(call, "./cubes/") != first


def test_a_path_that_is_no_folder(call, tmp_path):
    (tmp_path / "one.hdr").write_text("ENVI\n")
    with pytest.raises(DataError, match=r"\./nowhere/ does not exist; expected a folder"):
        call("bench", "sa", "--dataset", "./nowhere/")
    with pytest.raises(DataError, match=r"\./one\.hdr is a file; expected a folder"):
        call("bench", "sa", "--dataset", "./one.hdr")


def test_data_dir(call, tmp_path):
    call("data", "fixture", "heipor", "out/")
    words = ("sa", "samsa2-nano", "--dataset", "heipor", "--data-dir", "out/", "--clicks", "2")
    done = call(
        "bench", *words, "--allow-untrained", "--json", "--scene", "P086#2021_04_15_09_22_02"
    )
    rows = json.loads(done.stdout)["table"]
    assert [row["component"].split()[0] for row in rows] == ["sa", "samsa2-nano"]
    for dataset, message in (
        ("phantom", "--data-dir: hsizoo/phantom has no option data_dir; it reads no files"),
        ("./out/", "--data-dir: hsizoo/folder has no option data_dir; it reads the folder of its"),
        ("heipor:data_dir=x", "--data-dir=out/: heipor:data_dir=x already sets data_dir"),
    ):
        with pytest.raises(OptionError, match=message):
            call("bench", "sa", "--dataset", dataset, "--data-dir", "out/")
    assert (
        "--data-dir cannot be used with --config"
        in call("bench", "-c", "x.toml", "--data-dir", "out/", code=2).stderr
    )
