"""``hsizoo segment`` as a user types it."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import hsizoo
from hsizoo.cli import app
from hsizoo.cli.segment import segment
from hsizoo.errors import ClickError, DataError, HsizooError, ProtocolError
from hsizoo.io import read_cube, read_labels, write_cube, write_mask


def call(*arguments, code=0):
    """Run a command in this process; errors of hsizoo are raised."""
    result = CliRunner().invoke(app, ["segment", *map(str, arguments)])
    if isinstance(result.exception, HsizooError):
        raise result.exception
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


@pytest.fixture
def scene(tmp_path):
    """A bright square on a dark ground, in ENVI, with a place on earth and one broken pixel."""
    rng = np.random.default_rng(0)
    truth = np.zeros((24, 30), bool)
    truth[5:15, 8:20] = True
    spectra = np.array([[0.2, 0.3, 0.1, 0.4], [0.9, 0.2, 0.7, 0.1]])
    data = spectra[truth.astype(int)] + rng.normal(0, 0.01, (24, 30, 4))
    data[0, 0] = np.nan
    write_cube(tmp_path / "c.hdr", hsizoo.HyperCube(data, name="c"))
    with (tmp_path / "c.hdr").open("a") as file:
        file.write("map info = {UTM, 1, 1, 637000, 4480000, 20, 20, 16, North, WGS-84}\n")
    return tmp_path / "c.hdr", truth


def test_mask_and_clicks_are_kept_and_replay(scene, tmp_path):
    path, truth = scene
    out = tmp_path / "mask.png"
    text = call("sa-rw", path, "--click", "8,10", "--not", "20,3", "--out", out)
    mask, _ = read_labels(out)
    assert (mask[1:] == truth[1:]).mean() > 0.95
    assert f"{int(mask.sum())} of 720 pixels" in text
    kept = tmp_path / "mask.png.clicks.json"
    about = json.loads(kept.read_text())
    assert about["clicks"] == [[8, 10, True], [20, 3, False]]
    assert about["component"] == "sa-rw"
    again = tmp_path / "again.png"
    call("sa-rw", path, "--replay", kept, "--out", again)
    assert again.read_bytes() == out.read_bytes()
    call("sa-rw", path, "--replay", kept, "--click", "14, 18", "--out", again)
    assert len(json.loads((tmp_path / "again.png.clicks.json").read_text())["clicks"]) == 3


def test_a_replay_keeps_the_threshold(scene, tmp_path):
    path, _ = scene
    out, again = tmp_path / "m.png", tmp_path / "again.png"
    text = call("sa", path, "--click", "8,10", "--threshold", "0.9", "-o", out)
    assert "--threshold" not in text
    kept = f"{out}.clicks.json"
    call("sa", path, "--replay", kept, "-o", again)
    assert again.read_bytes() == out.read_bytes()
    assert json.loads((tmp_path / "again.png.clicks.json").read_text())["threshold"] == 0.9
    text = call("sa", path, "--replay", kept, "--threshold", "0.5", "-o", again)
    assert "719 of 720 pixels" in text
    assert "every pixel's probability is above 0.5; raise --threshold" in text
    text = call("sa", path, "--replay", kept, "--threshold", "0.9999999", "-o", again)
    assert "no pixel" not in text  # the clicked one is
    text = call("sa-rw", path, "--replay", kept, "-o", again)
    assert "m.png.clicks.json was made with sa" in text
    assert "not in the range" in call("sa", path, "--threshold", "7", "-o", again, code=2)


def test_a_geotiff_keeps_its_place_to_the_bit(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    place = [
        (33550, "d", 3, (20.0, 20.0, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, 637000.1, 4480000.3, 0.0), True),
        (34735, "H", 12, (1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32616), True),
        (34736, "d", 2, (298.257223563, 6378137.0), True),
        (34737, "s", 0, "WGS 84 / UTM zone 16N|", True),
    ]
    values = np.random.default_rng(0).random((4, 6, 7), dtype=np.float32)
    tifffile.imwrite(tmp_path / "c.tif", values, photometric="minisblack", extratags=place)
    text = call("sa", tmp_path / "c.tif", "--click", "2,3", "-o", tmp_path / "m.tif")
    assert "georeference" not in text
    assert "write it as .tif" in call(
        "sa", tmp_path / "c.tif", "--click", "2,3", "-o", tmp_path / "m.png"
    )
    with tifffile.TiffFile(tmp_path / "m.tif") as file:
        tags = file.pages[0].tags
        for code, _, _, value, _ in place:
            assert tags[code].value == value
        assert file.pages[0].shape == (6, 7)


def test_only_masks_are_replaced(scene, tmp_path):
    path, _ = scene
    values = np.zeros((3, 4, 5), np.float32)
    np.savez(tmp_path / "both.npz", cube=values, gt=np.zeros((3, 4), int))
    write_cube(tmp_path / "other.hdr", hsizoo.HyperCube(values))
    (tmp_path / "raw.img").write_bytes(b"of a camera")
    for name, message in (
        ("both.npz", "exists and holds a cube"),
        ("other.hdr", "exists and is not a mask"),
        ("raw.hdr", "exists and is not a mask"),
    ):
        with pytest.raises(DataError, match=message):
            call("sa", path, "--click", "8,10", "-o", tmp_path / name)
    assert (tmp_path / "raw.img").read_bytes() == b"of a camera"
    for name in ("m.hdr", "m.npz", "m.png"):
        for click in ("8,10", "9,11"):
            call("sa", path, "--click", click, "-o", tmp_path / name)
    with pytest.raises(DataError, match=r"there is no folder .*nowhere"):
        call("sa", path, "--click", "8,10", "-o", tmp_path / "nowhere" / "m.png")


def test_it_is_what_python_computes(scene, tmp_path):
    path, _ = scene
    call("sa-eq", path, "--click", "8,10", "--threshold", "0.9", "-o", tmp_path / "m.npz")
    cube = hsizoo.HyperCube(np.fromfile(path.with_suffix(".img"), "<f4").reshape(24, 30, 4))
    segmenter = hsizoo.create("sa-eq", "segmenter")
    probability = np.asarray(segmenter.predict(segmenter.open(cube), [hsizoo.Clicks([(8, 10)])])[0])
    mask, names = read_labels(tmp_path / "m.npz")
    np.testing.assert_array_equal(mask, (probability > 0.9) & cube.valid)
    assert names == {0: "background", 1: "object"}


def test_the_place_on_earth_is_kept_or_its_loss_is_told(scene, tmp_path):
    path, _ = scene
    call("sa", path, "--click", "8,10", "-o", tmp_path / "m.hdr")
    assert "map info = {UTM, 1, 1, 637000" in (tmp_path / "m.hdr").read_text()
    assert "write it as .hdr" in call("sa", path, "--click", "8,10", "-o", tmp_path / "m.png")


def test_clicks_of_another_cube_are_told(scene, tmp_path):
    path, _ = scene
    kept = tmp_path / "k.json"
    kept.write_text(json.dumps({"clicks": [[8, 10, True]], "file": "x", "cube sha256": "0"}))
    assert "was made on another cube (x)" in call(
        "sa", path, "--replay", kept, "-o", tmp_path / "m.png"
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--not", "1,1"], ClickError, "give at least one click on the object"),
        (["--click", "24,1"], ClickError, "outside the image of 24 rows × 30 columns"),
        (["--click", "0,0"], ClickError, r"\(row=0, col=0\) has no finite spectrum"),
    ],
)
def test_wrong_clicks_are_explained(scene, tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        call("sa", scene[0], *arguments, "-o", tmp_path / "m.png")
    assert not (tmp_path / "m.png").exists()


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{}", '{"clicks": [[1]]}', '{"clicks": 3}', "[" * 100_000,
        '{"clicks": [[8, 10, true]], "threshold": 2}', '{"clicks": [], "threshold": []}',
    ],
    ids=range(8),
)  # fmt: skip
def test_a_file_that_holds_no_clicks(scene, tmp_path, content):
    (tmp_path / "k.json").write_text(content)
    with pytest.raises(DataError, match="is not a session saved by hsizoo"):
        call("sa", scene[0], "--replay", tmp_path / "k.json", "-o", tmp_path / "m.png")
    with pytest.raises(DataError, match=r"none\.json cannot be read: No such file"):
        call("sa", scene[0], "--replay", tmp_path / "none.json", "-o", tmp_path / "m.png")


def test_a_session_of_several_objects_is_not_one_mask(scene, tmp_path):
    session = hsizoo.Session(scene[0], "sa")
    session.add("a", [(8, 10)])
    session.save(tmp_path / "one.json")
    call("sa", scene[0], "--replay", tmp_path / "one.json", "-o", tmp_path / "m.npz")
    assert read_labels(tmp_path / "m.npz")[1] == {0: "background", 1: "a"}
    session.add("b", [(20, 3)])
    session.save(tmp_path / "two.json")
    with pytest.raises(DataError, match=r"has 2 objects \(a, b\), but this command writes"):
        call("sa", scene[0], "--replay", tmp_path / "two.json", "-o", tmp_path / "n.npz")
    assert not (tmp_path / "n.npz").exists()
    session.paint("b", [(0, 0)])
    session.save(tmp_path / "two.json")
    call("sa", scene[0], "--replay", tmp_path / "two.json", "--object", "b", "-o",
         tmp_path / "n.npz")  # fmt: skip
    mask = read_labels(tmp_path / "n.npz")[0]
    np.testing.assert_array_equal(mask == 1, session.mask("b"))


def test_a_file_that_holds_no_clicks_is_not_replaced(scene, tmp_path):
    (tmp_path / "m.png.clicks.json").write_text("notes")
    with pytest.raises(DataError, match="exists and is not a session"):
        call("sa", scene[0], "--click", "8,10", "-o", tmp_path / "m.png")
    assert not (tmp_path / "m.png").exists()
    assert (tmp_path / "m.png.clicks.json").read_text() == "notes"


def test_nothing_is_replaced_but_an_earlier_result(scene, tmp_path):
    out = tmp_path / "m.png"
    np.save(tmp_path / "other.npy", np.zeros((2, 2), int))
    out.write_bytes(b"")
    write_mask(out, np.zeros((24, 30), int))
    before = out.read_bytes()
    with pytest.raises(DataError, match=r"m\.png exists, but not m\.png\.clicks\.json.*--force"):
        call("sa", scene[0], "--click", "8,10", "-o", out)
    assert out.read_bytes() == before
    call("sa", scene[0], "--click", "8,10", "-o", out, "--force")
    assert out.read_bytes() != before
    call("sa", scene[0], "--click", "8,11", "-o", out)
    out.unlink()
    with pytest.raises(DataError, match=r"clicks\.json exists, but not m\.png"):
        call("sa", scene[0], "--click", "8,10", "-o", out)


def test_a_pixel_cannot_be_both(scene, tmp_path):
    with pytest.raises(ClickError, match=r"\(row=8, col=10\) is clicked both"):
        call("sa", scene[0], "--click", "8,10", "--not", "8,10", "-o", tmp_path / "m.png")
    assert not (tmp_path / "m.png").exists()


def test_the_mask_is_drawn_on_the_image(scene, tmp_path):
    from PIL import Image

    out, overlay = tmp_path / "m.png", tmp_path / "o.png"
    told = call(
        "sa-rw", scene[0], "--click", "8,10", "--not", "20,3", "-o", out, "--overlay", overlay
    )
    assert "o.png  mask and clicks on the image" in told
    with Image.open(overlay) as image:
        picture = np.array(image.convert("RGB")).astype(int)
    times = picture.shape[0] // 24
    assert picture.shape == (24 * times, 30 * times, 3)
    assert times == 12
    at = picture[8 * times + times // 2, 10 * times + times // 2]
    np.testing.assert_array_equal(at, hsizoo.io.class_colours(2)[1])
    edge = (picture == hsizoo.io.class_colours(2)[1]).all(axis=2)
    rows = np.flatnonzero(edge.any(axis=1))
    assert abs(rows[0] - 5 * times) <= times
    assert abs(rows[-1] - 15 * times) <= times
    with pytest.raises(DataError, match=r"o\.jpg: overlays are written as \.png"):
        call("sa", scene[0], "--click", "8,10", "-o", out, "--overlay", tmp_path / "o.jpg")


def test_a_file_is_read_as_bench_reads_it(scene, tmp_path):
    """hsizoo.toml beside a cube, or above it, applies whichever command reads the cube."""
    path, truth = scene
    write_mask(tmp_path / "c.mask.png", truth)
    (tmp_path / "hsizoo.toml").write_text(
        "drop_bands = [0, 1]\nscale = 2\nwavelengths = [500, 600, 700, 800]"
    )
    told = call("sa", path, "--click", "8,10", "-o", tmp_path / "m.npz")
    dataset = hsizoo.load_dataset("folder", path=str(tmp_path))
    cube = dataset.scene(0).cube
    assert cube.bands == 2
    about = json.loads((tmp_path / "m.npz.clicks.json").read_text())
    assert about["cube sha256"] == cube.digest == read_cube(path).digest
    assert "hsizoo.toml: wavelengths, scale, drop_bands" in told
    call("sa", path, "--click", "8,10", "-o", tmp_path / "m.npz", "--set", "drop_bands=[3]")
    about = json.loads((tmp_path / "m.npz.clicks.json").read_text())
    assert about["settings"] == {"drop_bands": [3]}
    assert about["cube sha256"] == read_cube(path, drop_bands=[3]).digest != cube.digest
    again = call("sa", path, "--replay", tmp_path / "m.npz.clicks.json", "-o", tmp_path / "n.npz")
    assert "another cube" not in again


@pytest.mark.parametrize("text", ["nodata", "=1", "no-data=3", "nonsense=1", "scale=0", "layout=x"])
def test_settings_that_are_wrong(scene, tmp_path, text):
    result = CliRunner().invoke(
        app,
        [
            "segment",
            "sa",
            str(scene[0]),
            "--click",
            "8,10",
            "-o",
            str(tmp_path / "m.png"),
            "--set",
            text,
        ],
    )
    assert result.exit_code != 0
    assert isinstance(result.exception, HsizooError | SystemExit)
    assert not (tmp_path / "m.png").exists()


def test_it_is_a_function(scene, tmp_path, capsys):
    segment("sa", str(scene[0]), str(tmp_path / "m.png"), click=["8,10"], not_=["20,3"])
    assert "m.png.clicks.json  2 click(s)" in capsys.readouterr().out
    assert "--click" in call("-h")
    assert "not in the range" in call(
        "sa", scene[0], "--threshold", "1", "-o", tmp_path / "m.png", code=2
    )


def test_other_mistakes_are_explained(scene, tmp_path):
    path, _ = scene
    shown = call("sa", path, "--click", "8;10", "-o", tmp_path / "m.png", code=2)
    assert "expected ROW,COL" in shown
    with pytest.raises(DataError, match=r"masks are written as \.png"):
        call("sa", path, "--click", "8,10", "-o", tmp_path / "m.gif")
    for read, out in (("c.hdr", "c.hdr"), ("c.img", "c.hdr")):
        with pytest.raises(DataError, match="would overwrite the cube"):
            call("sa", tmp_path / read, "--click", "8,10", "-o", tmp_path / out)
    with pytest.raises(ProtocolError, match="has not been trained"):
        call("samsa2-nano:weights=none", path, "--click", "8,10", "-o", tmp_path / "m.png")
