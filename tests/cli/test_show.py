"""``hsizoo show`` as a user types it."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import hsizoo
from hsizoo.cli import app
from hsizoo.errors import DataError, HsizooError
from hsizoo.io import read_cube, write_cube, write_mask

NM = np.linspace(400, 1000, 12)


def call(*arguments):
    """Run the command in this process; errors of hsizoo are raised."""
    result = CliRunner().invoke(app, ["show", *map(str, arguments)])
    if isinstance(result.exception, HsizooError):
        raise result.exception
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


@pytest.fixture
def file(tmp_path):
    data = np.random.default_rng(0).uniform(0.1, 0.9, (20, 30, 12)).astype(np.float32)
    data[0, :2] = np.nan
    data[:, :, 7] = np.nan
    return write_cube(tmp_path / "c.hdr", hsizoo.HyperCube(data, NM, "c"))


def test_in_words(file):
    with file.open("a") as header:
        header.write("map info = {UTM, 1, 1, 637000, 4480000, 20, 20, 16, North, WGS-84}\n")
    text = call(file)
    for expected in (
        "format        ENVI",
        "20 rows × 30 columns",
        "11 (1 more left out)",
        "400 to 1000 nm",
        "float32",
        "598 of 600",
        "UTM zone 16 North, pixels of 20 × 20",
        "note          1 band(s) (7) without a single value left out",
    ):
        assert expected in text


def test_the_figures_are_those_of_numpy(file):
    about = json.loads(call(file, "--json"))
    cube = read_cube(file)
    spectra = cube.data[cube.valid].astype(np.float64)
    np.testing.assert_allclose(about["mean"], spectra.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(about["deviation"], spectra.std(axis=0), rtol=1e-9)
    assert about["lowest"] == np.nanmin(cube.data)
    assert about["highest"] == np.nanmax(cube.data)
    assert about["valid_pixels"] == int(cube.valid.sum())


def test_the_moments_are_joined_over_strips(file, monkeypatch):
    whole = json.loads(call(file, "--json"))
    monkeypatch.setattr("hsizoo.arrays._STRIP_BYTES", 30 * 12 * 4 * 3)
    parts = json.loads(call(file, "--json"))
    for key in ("mean", "deviation"):
        np.testing.assert_allclose(parts[key], whole[key], rtol=1e-12)


def test_the_picture(file, tmp_path):
    pytest.importorskip("matplotlib")
    from PIL import Image

    out = tmp_path / "c.png"
    assert "pseudo-RGB image and mean spectra" in call(file, "--out", out)
    with Image.open(out) as picture:
        assert picture.size == (1650, 690)
    before = out.read_bytes()
    with pytest.raises(DataError, match=r"c\.png exists; .*--force"):
        call(file, "--out", out)
    mask = write_mask(tmp_path / "m.png", np.indices((20, 30))[0] // 10 + 1)
    call(file, "--out", out, "--labels", mask, "--force")
    assert out.read_bytes() != before


def test_the_spectra_of_polygons(file, tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("rasterio")
    rings = {"corn": (2, 2), "oats": (15, 12)}
    features = [
        {
            "type": "Feature",
            "properties": {"class": name},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[(x, y), (x + 5, y), (x + 5, y + 5), (x, y + 5), (x, y)]],
            },
        }
        for name, (x, y) in rings.items()
    ]
    drawn = tmp_path / "p.geojson"
    drawn.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    call(file, "--out", tmp_path / "polygons.png", "-l", drawn)
    mask = np.zeros((20, 30), int)
    for label, (x, y) in enumerate(rings.values(), start=1):
        mask[y : y + 5, x : x + 5] = label
    same = write_mask(tmp_path / "m.npz", mask, class_names={1: "corn", 2: "oats"})
    call(file, "--out", tmp_path / "mask.png", "-l", same)
    assert (tmp_path / "polygons.png").read_bytes() == (tmp_path / "mask.png").read_bytes()


def test_a_wrong_setting_is_blamed_on_its_source(file, tmp_path):
    (tmp_path / "hsizoo.toml").write_text("drop_bands = [99]\n")
    with pytest.raises(DataError, match=r"hsizoo\.toml names band 99 \(drop_bands\)"):
        call(file, "--set", "scale=2")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "c.jpg"], r"written as \.png"),
        (["--out", "none/c.png"], "there is no folder none"),
        (["--labels", "m.png"], "--labels needs --out"),
        (["--set", "drop_bands=[99]"], "names band 99"),
        (["--set", "wavelengths=[500]"], "gives 1 wavelengths, but .* has 12 bands"),
    ],
)
def test_what_is_wrong_is_told(file, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HsizooError, match=message):
        call(file, *arguments)


def test_a_scene_from_one_file(file, tmp_path):
    with pytest.raises(DataError, match="has no mask; put it beside the cube"):
        hsizoo.load_scene(file)
    write_mask(tmp_path / "c.mask.png", np.indices((20, 30))[0] // 10 + 1)
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04")
    scene = hsizoo.load_scene(file)
    assert scene.cube.digest == hsizoo.read_cube(file).digest
    assert scene.label_map.targets == {1, 2}
    assert hsizoo.load_scene(str(tmp_path / "c.img")).name == "c"
    with pytest.raises(hsizoo.HsizooError, match="a single file"):
        hsizoo.load_scene(file, 1)
