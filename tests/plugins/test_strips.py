"""Cubes too large to be prepared whole: same scores, strip by strip, in little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hsizoo_spectral.sa_eq import equalize
from hsizoo_spectral.strips import LargeImage

import hsizoo
from hsizoo.errors import DataError
from hsizoo.io import read_cube, write_cube

SCORERS = ("sa", "sa-eq", "pcc", "sid", "ace", "ace:signed=true", "matched-filter")
CLICKS = [hsizoo.Clicks([(2, 3), (20, 8)]).add(12, 1, positive=False), hsizoo.Clicks([(22, 10)])]


@pytest.fixture
def cube():
    """Spectra of two materials and noise; the rows 8 to 15, a whole strip, are not valid."""
    rng = np.random.default_rng(0)
    spectra = rng.uniform(0.2, 0.9, (2, 6))
    data = spectra[(np.arange(24)[:, None] > 10) ^ (np.arange(11) > 5) * 1]
    data += rng.normal(0, 0.02, data.shape)
    data[8:12] = np.nan
    data[13, 4, 2] = np.inf
    return hsizoo.HyperCube(data, name="striped")


@pytest.fixture
def _little_memory(monkeypatch):
    """A kilobyte for what is prepared, and strips of four rows."""
    monkeypatch.setenv("HSIZOO_MEMORY_GB", "1e-6")
    monkeypatch.setattr("hsizoo.arrays._STRIP_BYTES", 4 * 11 * 6 * 4)


@pytest.mark.parametrize("name", SCORERS)
def test_strips_do_not_show(name, cube, request):
    segmenter = hsizoo.create(name, "segmenter", device="cpu")
    expected = segmenter.predict(segmenter.open(cube), CLICKS)
    request.getfixturevalue("_little_memory")
    state = segmenter.open(cube)
    prepared = getattr(state.prepared, "angles", state.prepared)
    assert isinstance(prepared, LargeImage)
    assert sum(1 for _ in prepared.parts()) == 6
    found = segmenter.predict(state, CLICKS)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=0)


@pytest.mark.usefixtures("_little_memory")
@pytest.mark.parametrize("name", SCORERS)
def test_mistakes_are_told_as_always(name, cube):
    scorer = hsizoo.create(name, "scorer", device="cpu")
    with pytest.raises(DataError, match="the cube has 6 bands"):
        scorer.score(scorer.prepare(cube), np.ones((2, 5), dtype=np.float32))
    with pytest.raises(DataError, match="gone: none of the"):
        scorer.prepare(hsizoo.HyperCube(np.full((24, 11, 6), np.nan), name="gone"))


@pytest.mark.usefixtures("_little_memory")
@pytest.mark.parametrize(("name", "what"), [("contest", "contest"), ("sa-rw", "a random walk")])
def test_methods_that_see_the_whole_image_refuse(name, what, cube):
    segmenter = hsizoo.create(name, "segmenter", device="cpu")
    with pytest.raises(DataError, match=rf"striped: {what} takes about .* HSIZOO_MEMORY_GB"):
        segmenter.open(cube)


@pytest.mark.parametrize("nbins", [2, 7, 256])
def test_a_large_map_is_equalised_in_parts(nbins, monkeypatch):
    rng = np.random.default_rng(0)
    maps = torch.from_numpy(rng.normal(size=(3, 500)).astype(np.float32))
    maps[2] = 0.25
    valid = torch.from_numpy(rng.random(500) > 0.3)
    valid[:64] = False  # the first parts have no pixel
    expected = equalize(maps, valid, nbins)
    monkeypatch.setattr("hsizoo_spectral.sa_eq._CPU_CHUNK", 31)
    monkeypatch.setattr("hsizoo_spectral.sa_eq._KEPT", 31)
    assert torch.equal(equalize(maps, valid, nbins), expected)


def mapped_bytes(path: Path) -> int:
    """How much of a file lies in this process's memory."""
    blocks = Path("/proc/self/smaps").read_text().split("VmFlags")
    rss = [line for block in blocks if str(path) in block for line in block.splitlines()
           if line.startswith("Rss:")]  # fmt: skip
    assert rss, f"{path} is not mapped"
    return sum(int(line.split()[1]) * 1024 for line in rss)


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells")
def test_a_large_map_does_not_grow_into_memory(cube, tmp_path, monkeypatch):
    large = hsizoo.HyperCube(np.tile(cube.data, (200, 10, 2)), name="large")  # 25 MB
    write_cube(tmp_path / "large.hdr", large)
    monkeypatch.setattr("hsizoo.arrays._STRIP_BYTES", 2**20)
    monkeypatch.setattr("hsizoo.arrays._SMALL_MAP_BYTES", 2**22)
    monkeypatch.setattr("hsizoo_spectral.spectra._CPU_BLOCK", 2**17)
    monkeypatch.setenv("HSIZOO_MEMORY_GB", "0.001")
    read = read_cube(tmp_path / "large.hdr")
    assert read.digest == large.digest
    segmenter = hsizoo.create("ace", "segmenter", device="cpu")
    segmenter.predict(segmenter.open(read), [hsizoo.Clicks([(2, 3)])])
    assert mapped_bytes(tmp_path / "large.img") < 2**21


def test_changes_to_a_private_map_are_kept(tmp_path, monkeypatch):
    """Such a map is not let go of: what was written to it is nowhere else."""
    monkeypatch.setattr("hsizoo.arrays._SMALL_MAP_BYTES", 0)
    np.save(tmp_path / "a.npy", np.zeros((4, 5, 6), dtype=np.float32))
    private = np.load(tmp_path / "a.npy", mmap_mode="c")
    private[1:3] = 7
    cube = hsizoo.HyperCube(private)
    assert cube.valid.all()
    assert (cube.data[1:3] == 7).all()


_SEGMENT = """
import resource, sys
from hsizoo.cli import app
app(sys.argv[1:], standalone_mode=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.slow  # half an hour for all scorers
@pytest.mark.skipif(sys.platform != "linux", reason="files with holes, and memory in kilobytes")
@pytest.mark.parametrize("name", ["sa", "sa-eq", "pcc", "sid", "ace", "matched-filter"])
def test_20_gb_are_scored_in_less_than_2(name, tmp_path):
    shape = (5000, 5000, 200)
    (tmp_path / "big.hdr").write_text(
        "ENVI\nlines = 5000\nsamples = 5000\nbands = 200\ndata type = 4\ninterleave = bip\n"
    )
    with (tmp_path / "big.img").open("wb") as file:
        file.truncate(4 * 5000 * 5000 * 200)
    data = np.memmap(tmp_path / "big.img", "<f4", "r+", shape=shape)
    rng = np.random.default_rng(0)
    one, other = rng.uniform(0.2, 0.9, (2, 200))
    data[100, :2500], data[100, 2500:] = one, other
    data[100] += rng.normal(0, 0.01, shape[1:])
    del data
    words = ("segment", name, "big.hdr", "--click", "100,7", "--threshold", "0.9", "-o", "m.npz")
    command = [sys.executable, "-c", _SEGMENT, *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) < 2e9
    mask = np.load(tmp_path / "m.npz")["mask"]
    assert mask.shape == shape[:2]
    if name in ("sa", "pcc", "sid"):  # the others depend on the empty rest of the scene
        assert mask[100, :2500].mean() > 0.9
        assert mask[101:].sum() == 0
