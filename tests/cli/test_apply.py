"""``hsizoo apply`` as a user types it."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import spectral.io.envi as spy
from typer.testing import CliRunner

import hsizoo
from hsizoo.cli import app
from hsizoo.errors import DataError, HsizooError, NameLookupError, OptionError
from hsizoo.io import SpectralLibrary, read_labels, write_cube, write_library

NM = [500.0, 600.0, 700.0, 800.0]
MATERIALS = np.array([[0.2, 0.3, 0.1, 0.4], [0.9, 0.2, 0.7, 0.1], [0.1, 0.5, 0.5, 0.9]])
PLACE = "map info = {UTM, 1, 1, 637000, 4480000, 20, 20, 16, North, WGS-84}\n"


def call(*arguments, code=0):
    """Run a command in this process; errors of hsizoo are raised."""
    result = CliRunner().invoke(app, ["apply", *map(str, arguments)])
    if isinstance(result.exception, HsizooError):
        raise result.exception
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def truth_of(number):
    truth = np.zeros((16, 20), int)
    truth[2:8, number : number + 8] = 1
    truth[10:15, 8:17] = 2
    return truth


def write(path, number):
    rng = np.random.default_rng(number)
    data = MATERIALS[truth_of(number)] + rng.normal(0, 0.01, (16, 20, 4))
    write_cube(path, hsizoo.HyperCube(data, NM))
    with path.open("a") as file:
        file.write(PLACE)


@pytest.fixture
def cubes(tmp_path):
    folder = tmp_path / "cubes"
    (folder / "day2").mkdir(parents=True)
    for number, name in enumerate(("a", "b", "day2/c")):
        write(folder / f"{name}.hdr", number)
    return folder


@pytest.fixture
def clicks(cubes):
    session = hsizoo.Session(cubes / "a.hdr", "sa", threshold=0.95)
    session.add("leaf", [(3, 4)])
    return session.save(cubes.parent / "leaf.json")


@pytest.fixture
def library(tmp_path):
    return write_library(tmp_path / "lib.sli", SpectralLibrary(["leaf", "rock"], MATERIALS[1:], NM))


def test_all_that_is_like_the_clicks_in_every_cube(cubes, clicks, tmp_path):
    out = tmp_path / "masks"
    shown = call("sa", cubes, "--references", clicks, "--out-dir", out)
    assert "leaf: threshold 0.95, from the saved mask" in shown
    for number, name in enumerate(("a", "b", "day2/c")):
        mask, _ = read_labels(out / f"{name}.mask.png")
        np.testing.assert_array_equal(mask == 1, truth_of(number) == 1)
        assert f"{out / name}.mask.png  48 of 320 pixels" in shown
        note = json.loads((out / f"{name}.mask.png.apply.json").read_text())
        assert note["classes"] == ["leaf"]
        assert note["pixels"] == {"leaf": 48}
        assert str(tmp_path) not in json.dumps(note)
    assert "masks: 3 written\n" in shown
    assert "c.mask.png has no georeference, as its format differs from the cube's; keep it" in shown
    assert not [each for each in out.iterdir() if each.name.startswith(".")]


def test_finished_masks_are_kept_until_something_changes(cubes, clicks, library, tmp_path):
    out = tmp_path / "masks"
    call("sa", cubes, "-r", clicks, "-o", out)

    def written(*arguments):
        before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
        shown = call("sa", cubes, "-o", out, *(arguments or ("-r", clicks)))
        again = {path.stem[0] for path, t in before.items() if path.stat().st_mtime_ns != t}
        assert f"masks: {len(again)} written" in shown
        return again

    assert written() == set()
    write(cubes / "b.hdr", 5)
    assert written() == {"b"}
    (out / "a.mask.png").write_bytes((out / "b.mask.png").read_bytes())
    assert written() == {"a"}
    note = out / "day2" / "c.mask.png.apply.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "shape": "?"}))
    assert written() == {"c"}
    assert written("-r", clicks, "--threshold", "0.97") == {"a", "b", "c"}
    assert written("-r", library, "--threshold", "0.97") == {"a", "b", "c"}
    assert written("-r", library, "--threshold", "0.97", "--as-one") == {"a", "b", "c"}
    assert written("-r", library, "--threshold", "0.97", "--as-one", "--scores") == {"a", "b", "c"}
    assert written("-r", library, "--threshold", "0.97", "--as-one", "--scores") == set()
    assert written("-r", library, "--threshold", "0.97", "--as-one", "--force") == {"a", "b", "c"}


def test_a_library_gives_a_map_of_classes_and_the_georeference_is_kept(cubes, library, tmp_path):
    out = tmp_path / "maps"
    shown = call(
        "sa",
        cubes / "b.hdr",
        "-r",
        library,
        "-o",
        out,
        "--format",
        "hdr",
        "--scores",
        "--threshold",
        "0.95",
    )
    assert "leaf 48, rock 45, of 320 pixels" in shown
    assert "georeference" not in shown
    found = spy.open(str(out / "b.mask.hdr"))
    np.testing.assert_array_equal(found.read_band(0), truth_of(1))
    assert found.metadata["class names"] == ["background", "leaf", "rock"]
    assert found.metadata["map info"][:4] == ["UTM", "1", "1", "637000"]
    scores = spy.open(str(out / "b.scores.hdr"))
    assert scores.metadata["band names"] == ["leaf", "rock"]
    assert scores.metadata["map info"] == found.metadata["map info"]
    (same,) = hsizoo.apply_references("sa", cubes / "b.hdr", library, scores=True)
    np.testing.assert_array_equal(np.array(scores.load()), same.scores.transpose(1, 2, 0))


def test_the_settings_of_the_folder_apply(cubes, library, tmp_path):
    (cubes / "hsizoo.toml").write_text("drop_bands = [3]\n")
    shown = call("sa", cubes, "-r", library, "-o", tmp_path / "out")
    assert "settings of" in shown
    (cubes / "hsizoo.toml").write_text("wavelengths = [1500, 1600, 1700, 1800]\n")
    shown = call("sa", cubes, "-r", library, "-o", tmp_path / "out2", code=1)
    assert "share only 0 of the 4 bands" in shown
    assert "masks: 0 written, 3 failed" in shown
    with pytest.raises(OptionError, match=r"set scale in .*hsizoo\.toml"):
        call("sa", cubes, "-r", library, "-o", tmp_path / "out3", "--set", "scale=2")


def test_a_failing_cube_is_reported_and_the_rest_goes_on(cubes, library, tmp_path):
    np.save(cubes / "b2.npy", np.ones((5, 5, 7)))
    (cubes / "broken.hdr").write_text("ENVI\nsamples = 5\n")
    (cubes / "elsewhere.hdr").symlink_to(library)
    out = tmp_path / "out"
    shown = call("sa", cubes, "-r", library, "-o", out, code=1)
    assert "b2: error: the references have 4 bands, but b2 has 7" in shown
    assert "broken: error: " in shown
    assert "points outside" in shown
    assert "masks: 3 written, 3 failed" in shown
    assert sorted(path.name for path in out.rglob("*.png")) == [
        "a.mask.png", "b.mask.png", "c.mask.png",
    ]  # fmt: skip


def test_a_scorer_that_breaks_at_one_cube(cubes, library, tmp_path, fake_dist):
    plugin = """
        import hsizoo

        @hsizoo.hookimpl
        def hsizoo_components():
            yield hsizoo.ComponentSpec(
                name="moody", kind="scorer", target="moody:Moody", summary="breaks at b"
            )
    """
    moody = """
        import numpy as np
        import hsizoo

        class Moody(hsizoo.SpectralScorer):
            def prepare(self, cube):
                if cube.name == "b":
                    raise ZeroDivisionError("not\\ntoday")
                return cube.shape[:2]

            def score(self, prepared, references):
                return np.ones((len(references), *prepared), np.float32)
    """
    fake_dist("hsizoo-moody", "1", {"moody_plugin": plugin, "moody": moody}, {"m": "moody_plugin"})
    arguments = ("moody", cubes, "-r", library, "-o", tmp_path / "out", "--threshold", "0.5")
    shown = call(*arguments, code=1)
    assert "b: error: ZeroDivisionError: not today" in shown
    assert "every pixel is above the threshold; raise --threshold" in shown
    assert "masks: 2 written, 1 failed" in shown
    assert "masks: 0 written, 2 done before, 1 failed" in call(*arguments, code=1)


def test_only_its_own_files_are_replaced(cubes, library, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    mask = np.zeros((16, 20), np.uint8)
    hsizoo.io.write_mask(out / "a.mask.png", mask)
    (out / "b.mask.png").write_text("notes")
    shown = call("sa", cubes, "-r", library, "-o", out, code=1)
    assert "a: error: " in shown
    assert "exists and hsizoo apply has no note on it; choose another --out-dir" in shown
    assert "b.mask.png exists and is not a mask" in shown
    np.testing.assert_array_equal(read_labels(out / "a.mask.png")[0], mask)
    shown = call("sa", cubes, "-r", library, "-o", out, "--force", code=1)
    assert "masks: 2 written, 1 failed" in shown
    assert (out / "b.mask.png").read_text() == "notes"
    (out / "a.mask.png.apply.json").write_text("mine")
    assert "is no note of hsizoo apply" in call(
        "sa", cubes / "a.hdr", "-r", library, "-o", out, "--force", code=1
    )
    with pytest.raises(DataError, match="is the folder of the cubes"):
        call("sa", cubes, "-r", library, "-o", cubes)
    inside = cubes / "masks"  # is not read as cubes in the next call
    for _ in range(2):
        shown = call("sa", cubes, "-r", library, "-o", inside, "--format", "hdr", "--scores")
        assert "3 " in shown
    assert "masks: 0 written, 3 done before" in shown


def test_two_cubes_of_one_name_are_refused(cubes, library, tmp_path):
    write(cubes / "day2" / "a.hdr", 3)
    files = (cubes / "a.hdr", cubes / "day2" / "a.hdr")
    with pytest.raises(DataError, match=r"would both be written as .*a\.mask\.png"):
        call("sa", *files, "-r", library, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_mistakes_are_explained(cubes, clicks, library, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(NameLookupError, match="need a scorer: ace, contest, matched-filter, pcc"):
        call("sa-rw", cubes, "-r", library, "-o", out)
    for wrong in ("1", "-1", "some"):
        shown = call("sa", cubes, "-r", library, "-o", out, "--threshold", wrong, code=2)
        assert "is not auto, session, otsu or a number" in shown
    with pytest.raises(DataError, match="there is no file"):
        call("sa", cubes, "-r", tmp_path / "none.csv", "-o", out)
    with pytest.raises(DataError, match="describes an image, not a spectral library"):
        call("sa", cubes, "-r", cubes / "a.hdr", "-o", out)
    clicks.write_text('{"clicks": 3}')
    with pytest.raises(DataError, match="is not a session saved by hsizoo"):
        call("sa", cubes, "-r", clicks, "-o", out)
    assert not out.exists()
    assert "--references" in call("-h")


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.usefixtures("hears_ctrl_c")
def test_ctrl_c_loses_only_the_cube_in_work(cubes, library, tmp_path, fake_dist, wait_until):
    plugin = """
        import hsizoo

        @hsizoo.hookimpl
        def hsizoo_components():
            yield hsizoo.ComponentSpec(
                name="stuck", kind="scorer", target="stuck:Stuck", summary="works only once"
            )
    """
    stuck = f"""
        import pathlib
        import time
        import numpy as np
        import hsizoo

        class Stuck(hsizoo.SpectralScorer):
            def prepare(self, cube):
                if cube.name == "b":
                    pathlib.Path({str(tmp_path / "begun")!r}).touch()
                    while True:
                        time.sleep(0.1)
                return cube.shape[:2]

            def score(self, prepared, references):
                return np.ones((len(references), *prepared), np.float32)
    """
    fake_dist("hsizoo-stuck", "1", {"stuck_plugin": plugin, "stuck": stuck}, {"s": "stuck_plugin"})
    command = [sys.executable, "-m", "hsizoo", "apply", "stuck", cubes, "-r", library]
    command += ["--device", "cpu", "--threshold", "0.5", "-o", tmp_path / "out"]
    with subprocess.Popen(
        [*map(str, command)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        wait_until((tmp_path / "begun").exists, process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; masks: 1 written.  The same command goes on" in errors
    names = {path.name for path in (tmp_path / "out").rglob("*")}
    assert names == {"a.mask.png", "a.mask.png.apply.json"}


def test_a_killed_run_leaves_nothing_half_done(cubes, library, tmp_path, run_command_killed):
    """It is killed when the second mask is written, and goes on from there."""
    words = ["apply", "sa", str(cubes), "-r", str(library), "-o", str(tmp_path / "out")]
    run_command_killed(words, "hsizoo.session.mask_folder", "MaskFolder", "write", 1)
    assert [path.name for path in (tmp_path / "out").rglob("*.png")] == ["a.mask.png"]
    assert "masks: 2 written, 1 done before" in call(*words[1:])
