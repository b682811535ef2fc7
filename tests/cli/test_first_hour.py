"""The first hour of a newcomer with a cube of their own, typing only what README or the tool shows.

The commands are those of README, word for word; what a step needs of an earlier one is taken from
what that one printed.  The cube and its header are written by hand, as another program would, and
the results are read by NumPy, Pillow and Spectral Python.
"""

import csv
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import spectral
from PIL import Image
from typer.testing import CliRunner

from hsizoo.cli import app

README = Path(__file__).parents[2] / "README.md"
HEIGHT, WIDTH, BANDS = 80, 120, 30
FIELD, WATER, SOIL = 1, 2, 3
NAMES = {FIELD: "field", WATER: "water", SOIL: "bare soil"}


def from_readme(verb):
    """The first command of README's chapter on own data that begins so, without its comment."""
    chapter = README.read_text(encoding="utf-8").partition("## Your own data")[2]
    line = next(line for line in chapter.splitlines() if line.startswith(f"hsizoo {verb} "))
    return shlex.split(line, comments=True)[1:]


def run(words):
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def files_in(text):
    """The files that a command says it wrote: the first word of each line that names one."""
    return [Path(line.split()[0]) for line in text.splitlines() if Path(line.split()[0]).is_file()]


@pytest.fixture
def truth(tmp_path, monkeypatch):
    """Write scene.hdr and its data, and return the class of each pixel."""
    monkeypatch.chdir(tmp_path)
    classes = np.full((HEIGHT, WIDTH), SOIL)
    classes[45:75, 85:115] = FIELD  # the click of README's command, 60,100, is inside
    classes[:25, :50] = WATER  # and 10,20, which is not part of the object
    nm = np.linspace(400, 1000, BANDS)
    spectra = np.stack([
        0.05 + 0.45 / (1 + np.exp(-(nm - 710) / 15)),  # the red edge of leaves
        0.10 * np.exp(-(nm - 400) / 200),
        0.10 + 0.30 * (nm - 400) / 600,
    ])  # fmt: skip
    noise = np.random.default_rng(0).normal(0, 0.006, (HEIGHT, WIDTH, BANDS))
    stored = np.clip((spectra[classes - 1] + noise) * 10_000, 0, None).astype("<u2")
    stored.transpose(0, 2, 1).tofile("scene.img")  # band interleaved by line
    Path("scene.hdr").write_text(
        f"ENVI\nsamples = {WIDTH}\nlines = {HEIGHT}\nbands = {BANDS}\nheader offset = 0\n"
        "file type = ENVI Standard\ndata type = 12\ninterleave = bil\nbyte order = 0\n"
        "reflectance scale factor = 10000\nwavelength units = nm\n"
        f"wavelength = {{{', '.join(f'{each:.1f}' for each in nm)}}}\n"
    )
    return classes


def test_from_a_cube_to_a_mask_on_the_picture(truth):
    told = run(from_readme("show"))
    for expected in (f"{HEIGHT} rows × {WIDTH} columns", f"{BANDS}", "400 to 1000 nm"):
        assert expected in told
    (picture,) = files_in(told)[1:]  # after the cube itself
    assert np.asarray(Image.open(picture).convert("L")).std() > 10

    words = from_readme("segment")
    told = run(words)
    mask_file, clicks, overlay = files_in(told)
    mask = np.asarray(Image.open(mask_file)) > 0
    np.testing.assert_array_equal(mask, truth == FIELD)
    assert f"{mask.sum()} of {HEIGHT * WIDTH} pixels" in told

    image = Image.open(overlay).convert("RGB")
    factor = image.width // WIDTH  # each pixel of the cube is a square of the picture
    assert image.size == (WIDTH * factor, HEIGHT * factor)
    drawn = np.asarray(image, int)[factor // 2 :: factor, factor // 2 :: factor]
    inside, outside = drawn[65, 90], drawn[40, 70]
    assert inside[0] - inside[2] > outside[0] - outside[2] + 30  # tinted orange

    again = run(["segment", words[1], words[2], "--replay", str(clicks), "--out", "again.png"])
    assert files_in(again)[0].read_bytes() == mask_file.read_bytes()


def test_from_five_labels_per_class_to_a_map(truth):
    header = re.search(r"# (row,col,class):", README.read_text(encoding="utf-8"))[1]
    rng = np.random.default_rng(1)
    with Path("labels.csv").open("w", encoding="utf-8") as file:
        file.write(f"{header}\n")
        for number, name in NAMES.items():
            for row, col in rng.permutation(np.argwhere(truth == number))[:5]:
                file.write(f"{row},{col},{name}\n")

    told = run(from_readme("classify"))
    assert "3 classes" in told
    map_file, legend = files_in(told)
    numbers = np.asarray(spectral.open_image(str(map_file)).read_band(0))
    with legend.open(encoding="utf-8", newline="") as file:
        names = {int(row["number"]): row["name"] for row in csv.DictReader(file)}
    wanted = {name: number for number, name in NAMES.items()}
    found = np.vectorize(lambda number: wanted[names[number]])(numbers)
    assert (found == truth).mean() > 0.99


def test_the_saved_clicks_find_the_same_in_other_cubes(truth):
    told = run(from_readme("segment"))
    words = from_readme("apply")
    assert any(str(path) in words for path in files_in(told))  # the clicks, printed and shown
    flight = Path(words[2])
    flight.mkdir()
    header, data = Path("scene.hdr").read_text(), np.fromfile("scene.img", "<u2")
    turned = data.reshape(HEIGHT, BANDS, WIDTH)[::-1, :, ::-1]
    for name, values in (("first", data), ("second", turned)):
        (flight / f"{name}.hdr").write_text(header)
        values.tofile(flight / f"{name}.img")
    told = run(words)
    first, second = (np.asarray(Image.open(path)) > 0 for path in files_in(told))
    np.testing.assert_array_equal(first, truth == FIELD)
    np.testing.assert_array_equal(second, (truth == FIELD)[::-1, ::-1])
