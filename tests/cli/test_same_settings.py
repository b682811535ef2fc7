"""Every command reads the same values, whether hsizoo.toml or the command line says how."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import hsizoo
from hsizoo.cli import app
from hsizoo.io import SpectralLibrary, write_library

H, W, B = 12, 10, 6
NM = [500.0, 550.0, 600.0, 650.0, 700.0, 750.0]
TRUTH = np.repeat([0, 1], [4, 6])[None].repeat(H, axis=0).astype(np.uint8)
SETTINGS = {
    "variable": "second", "layout": "bhw", "nodata": -9999, "scale": 1000.0, "wavelengths": NM,
    "drop_bands": [5],
}  # fmt: skip


@pytest.fixture
def expected():
    spectra = np.array([[100, 200, 300, 400, 500, 0], [900, 700, 500, 300, 100, 0]])
    values = spectra[TRUTH] + np.random.default_rng(0).integers(0, 30, (H, W, B))
    values[0, 0] = -9999
    return values


@pytest.fixture
def folder(tmp_path, monkeypatch, expected):
    """A file of two arrays that says nothing about them, and a mask."""
    stored = expected.transpose(2, 0, 1).astype(np.int16)
    np.savez(tmp_path / "c.npz", first=stored[::-1] // 2, second=stored)
    np.savez(tmp_path / "c.mask.npz", TRUTH)
    reference = expected[1, 9:10, :5] / 1000
    write_library(tmp_path / "r.hdr", SpectralLibrary(["leaf"], reference, NM[:5]))
    (tmp_path / "l.csv").write_text("row,col,class\n3,1,a\n5,2,a\n3,7,b\n5,8,b\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def digests(monkeypatch):
    """The digests of all cubes of the size of the file that a command makes."""
    found = []
    initialise = hsizoo.HyperCube.__init__

    def spy(self, *given, **more):
        initialise(self, *given, **more)
        if self.data.shape[:2] == (H, W):
            found.append(self.digest)

    monkeypatch.setattr(hsizoo.HyperCube, "__init__", spy)
    return found


def toml(settings):
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())


def options(settings):
    pairs = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
    return [each for pair in pairs for each in ("--set", pair)]


COMMANDS = {
    "show": "show c.npz --out c.png",
    "segment": "segment sa c.npz --click 3,8 --out m.png",
    "classify": "classify svm c.npz --labels l.csv --out m.png",
    "apply": "apply sa c.npz --references r.hdr --threshold 0.9 --out-dir out",
    "check": "data check c.npz",
    "convert": "data convert c.npz o.npy",
    "bench": "bench sa --dataset ./ --out run",
}


def run(command, more=()):
    result = CliRunner().invoke(app, [*command.split(), *more])
    assert result.exit_code == 0, (result.output, result.exception)
    return result


@pytest.mark.parametrize("how", ["toml", "toml above", "options", "options over toml"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_reads_the_same_values(folder, digests, expected, monkeypatch, command, how):
    if command == "bench" and how != "toml":
        pytest.skip("a folder of cubes is described by the hsizoo.toml in it alone")
    other = {"scale": 7.0, "nodata": 5} if how == "options over toml" else {}
    if how != "options":
        (folder / "hsizoo.toml").write_text(toml(SETTINGS | other))
    if how == "toml above":
        inner = folder / "inner"
        inner.mkdir()
        for path in (*folder.glob("[cr].*"), folder / "l.csv"):
            path.rename(inner / path.name)
        monkeypatch.chdir(inner)
    more = options(SETTINGS) if "options" in how else []
    said = run(COMMANDS[command], more).stderr
    values = expected[:, :, :5].astype(np.float32) / np.float32(1000)
    values[0, 0] = np.nan
    if command == "convert":
        np.testing.assert_array_equal(np.load("o.npy"), values)
        assert ("would be applied once more" in said) == (how != "options")
    elif command in ("show", "check"):
        shown = json.loads(run("show c.npz --json", more).stdout)
        assert shown["valid_pixels"] == H * W - 1
        np.testing.assert_allclose(shown["mean"], np.nanmean(values, axis=(0, 1)), rtol=1e-5)
        assert shown["wavelengths"] == NM[:5]
    else:
        read = set(digests)
        assert read == {hsizoo.HyperCube(values, NM[:5]).digest}
