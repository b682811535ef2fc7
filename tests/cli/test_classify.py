"""``hsizoo classify`` as a user types it."""

import os
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

import hsizoo
from hsizoo.cli import app
from hsizoo.errors import DataError, HsizooError, NameLookupError, OptionError
from hsizoo.io import read_cube, read_labels, write_cube, write_mask

SPECTRA = np.array([[0.2, 0.3, 0.1, 0.4], [0.9, 0.2, 0.7, 0.1], [0.4, 0.8, 0.4, 0.9]])
TRUTH = np.repeat([0, 1, 2], 6)[None].repeat(12, axis=0)
TABLE = "row,col,class\n3,2,corn\n5,3,corn\n3,8,oats\n5,9,oats\n3,14,rye\n5,15,rye\n"


def call(*arguments, code=0):
    """Run a command in this process; errors of hsizoo are raised."""
    result = CliRunner().invoke(app, ["classify", *map(str, arguments)])
    if isinstance(result.exception, HsizooError):
        raise result.exception
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def write(path, seed=0, bands=4):
    data = SPECTRA[TRUTH] + np.random.default_rng(seed).normal(0, 0.02, (12, 18, 4))
    data[0, 0] = np.nan
    nm = np.array([500, 600, 700, 800])
    write_cube(path, hsizoo.HyperCube(data[..., :bands], nm[:bands], path.stem))
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cube of three fields, and two labels of each in a table."""
    write(tmp_path / "a.hdr")
    (tmp_path / "l.csv").write_text(TABLE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_from_five_labels_per_class_in_a_table_to_a_map(tmp_path):
    scene = hsizoo.load_scene("indian-pines")
    truth, names = scene.label_map.labels, scene.label_map.class_names
    write_cube(tmp_path / "pines.hdr", scene.cube)
    rng = np.random.default_rng(0)
    lines = ["row,col,class"]
    for label in sorted(scene.label_map.targets):
        rows, cols = np.nonzero(truth == label)
        chosen = rng.choice(len(rows), 5, replace=False)
        lines += [f"{rows[n]},{cols[n]},{names[label]}" for n in chosen]
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    text = call(
        "ipg-plus", tmp_path / "pines.hdr", "--labels", tmp_path / "labels.csv",
        "--out", tmp_path / "map.hdr",
    )  # fmt: skip
    assert "map.hdr  145 × 145 pixels in 16 classes" in text
    found, found_names = read_labels(tmp_path / "map.hdr")
    known = np.isin(truth, sorted(scene.label_map.targets))
    expected = np.full(truth.max() + 1, -1)
    for number, name in found_names.items():
        expected[[label for label, each in names.items() if each == name]] = number
    right = found == expected[truth]
    assert right[known].mean() > 0.6  # 1/16 by chance, 0.24 for the largest class everywhere


def test_everything_is_written_and_told(folder):
    pytest.importorskip("matplotlib")
    python = hsizoo.classify("svm", "a.hdr", "l.csv", device="cpu")
    least = round(float(np.median(python.probabilities.max(axis=0))), 5)
    text = call(
        "svm", "a.hdr", "-l", "l.csv", "-o", "map.hdr", "--probabilities", "p.npz",
        "--picture", "--min-probability", least,
    )  # fmt: skip
    labels, names = read_labels("map.hdr")
    assert names == {0: "unlabelled", 1: "corn", 2: "oats", 3: "rye"}
    maps = read_cube("p.npz").data
    np.testing.assert_array_equal(maps, python.probabilities.transpose(1, 2, 0))
    expected = np.where(maps.max(axis=2) < least, 0, maps.argmax(axis=2) + 1)
    np.testing.assert_array_equal(labels, expected)
    unsure = (labels == 0).sum() - 1
    assert text.splitlines() == [
        f"map.hdr  12 × 18 pixels in 3 classes, 1 without data, {unsure} below --min-probability",
        "map.legend.csv", "p.npz", "map.picture.png",
    ]  # fmt: skip
    assert 0 < unsure < 216


def test_the_same_seed_gives_the_same_files(folder):
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        call("rf:trees=5", "a.hdr", "-l", "l.csv", "-o", f"{name}.png", "--seed", seed,
             "--probabilities", f"{name}.npy")  # fmt: skip
    one, two, other = (np.load(f"{name}.npy") for name in ("one", "two", "other"))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()
    assert (folder / "one.png").read_bytes() == (folder / "two.png").read_bytes()


def test_a_mask_as_labels_with_settings(folder):
    labels = np.full(TRUTH.shape, 99)
    labels[3, [2, 8, 14]] = 2, 4, 6
    write_mask("m.png", labels)
    text = call(
        "svm", "a.hdr", "-l", "m.png", "-o", "map.png", "--set", "mask_nodata=99",
        "--set", "drop_bands=[0]",
    )  # fmt: skip
    assert "in 3 classes" in text
    assert set(np.unique(read_labels("map.png")[0])) == {0, 2, 4, 6}
    same = hsizoo.classify(
        "svm", read_cube("a.hdr", drop_bands=[0]), np.where(labels == 99, 0, labels)
    )
    np.testing.assert_array_equal(read_labels("map.png")[0], same.labels)


def test_other_cubes_are_classified_and_what_is_finished_is_kept(folder):
    flight = folder / "flight"
    flight.mkdir()
    write(flight / "b.hdr", seed=1)
    write(flight / "c.hdr", seed=2, bands=3)
    write(flight / "d.hdr", seed=3)
    text = call(
        "rf:trees=20", "a.hdr", "-l", "l.csv", "-o", "map.tif", "--apply-to", "flight/*.hdr",
        "--out-dir", "maps", "--probabilities", "p.npz", code=1,
    )  # fmt: skip
    for name in ("b", "d"):
        found = read_labels(f"maps/{name}_map.tif")[0]
        assert (found == TRUTH + 1)[1:].mean() > 0.95
        assert (folder / f"maps/{name}_map.legend.csv").exists()
        assert read_cube(f"maps/{name}_map.probabilities.npz").bands == 3
    assert not (folder / "maps/c_map.tif").exists()
    assert "flight/c.hdr: not classified: c has 3 bands (500 to 700 nm), but rf:trees=20" in text
    assert "1 of 3 other file(s) not classified" in text


def test_maps_of_other_cubes_lie_beside_the_first(folder):
    write(folder / "b.hdr", seed=1)
    call("rf:trees=5", "a.hdr", "-l", "l.csv", "-o", "map.png", "--apply-to", "b.hdr")
    assert (folder / "b_map.png").exists()


def test_only_an_earlier_map_is_replaced_without_force(folder):
    for trees in (5, 6):
        call(f"rf:trees={trees}", "a.hdr", "-l", "l.csv", "-o", "map.png")
    (folder / "map.legend.csv").write_text("mine")
    with pytest.raises(DataError, match=r"map\.png exists and may not .*--force"):
        call("rf:trees=5", "a.hdr", "-l", "l.csv", "-o", "map.png")
    call("rf:trees=5", "a.hdr", "-l", "l.csv", "-o", "map.png", "--force")
    write(folder / "b.hdr", seed=1)
    (folder / "b_map.png").write_text("mine")
    with pytest.raises(DataError, match=r"b_map\.png exists"):
        call("rf", "a.hdr", "-l", "l.csv", "-o", "new.png", "--apply-to", "b.hdr")
    assert not (folder / "new.png").exists()


def test_inputs_are_never_replaced(folder):
    write_mask("m.hdr", TRUTH)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for labels, out in (("l.csv", "a.hdr"), ("m.hdr", "m.hdr")):
        with pytest.raises(DataError, match="is read and would be overwritten"):
            call("rf", "a.hdr", "-l", labels, "-o", out, "--force")
    (folder / "x.legend.csv").write_text(TABLE)
    with pytest.raises(DataError, match=r"x\.legend\.csv is read and would be overwritten"):
        call("rf", "a.hdr", "-l", "x.legend.csv", "-o", "x.png", "--force")
    (folder / "x.legend.csv").unlink()
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_maps_of_one_name_are_refused_before_the_work(folder):
    for name in ("x", "y"):
        (folder / name).mkdir()
        write(folder / name / "b.hdr")
    with pytest.raises(DataError, match=r"x/b\.hdr and y/b\.hdr would both be b_map\.png"):
        call("rf", "a.hdr", "-l", "l.csv", "-o", "m.png", "--apply-to", "[xy]/b.hdr")
    assert not (folder / "m.png").exists()


def test_methods_for_one_cube_only(folder):
    write(folder / "b.hdr")
    for name in ("lp", "ipg-plus"):
        with pytest.raises(OptionError, match=rf"{name} classifies only .*: .*rf, .*svm") as told:
            call(name, "a.hdr", "-l", "l.csv", "-o", "m.png", "--apply-to", "b.hdr")
        assert "\n" not in str(told.value)
        assert "lp" not in str(told.value).partition("others too: ")[2]
    call("lp+rf:trees=5", "a.hdr", "-l", "l.csv", "-o", "m.png", "--apply-to", "b.hdr")


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["svn", "a.hdr", "-l", "l.csv", "-o", "m.png"], NameLookupError, "Did you mean 'svm'"),
        (["rf:tree=5", "a.hdr", "-l", "l.csv", "-o", "m.png"], OptionError, "no option 'tree'"),
        (["rf", "b.hdr", "-l", "l.csv", "-o", "m.png"], DataError, "there is no file b.hdr"),
        (["rf", "a.hdr", "-l", "m.csv", "-o", "m.png"], DataError, "there is no file m.csv"),
        (["rf", "a.hdr", "-l", "l.csv", "-o", "m.jpg"], DataError, "masks are written as"),
        (["rf", "a.hdr", "-l", "l.csv", "-o", "x/m.png"], DataError, "there is no folder x"),
        (["rf", "a.hdr", "-l", "l.csv", "-o", "m.png", "--probabilities", "p.jpg"], DataError,
         "probabilities are written as"),
        (["rf", "a.hdr", "-l", "l.csv", "-o", "m.png", "--apply-to", "b.hdr"], DataError,
         "there is no file b.hdr"),
        (["rf", "a.hdr", "-l", "l.csv", "-o", "m.png", "--apply-to", "b*.hdr"], DataError,
         "no file matches"),
    ],
)  # fmt: skip
def test_errors_before_the_work(folder, words, error, message):
    with pytest.raises(error, match=message):
        call(*words)
    assert sorted(path.name for path in folder.iterdir()) == ["a.hdr", "a.img", "l.csv"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--min-probability", "1"], "not in the range"),
        (["--out-dir", "d"], "for the maps of --apply-to"),
        (["--seed", "-1"], "seed"),
    ],
)
def test_wrong_options(folder, words, message):
    assert message in call("rf", "a.hdr", "-l", "l.csv", "-o", "m.png", *words, code=2)


def test_wrong_names_are_told_without_torch(folder):
    code = (
        "import sys, hsizoo.cli as cli\n"
        "try: cli.main()\n"
        "finally: print([m for m in ('torch', 'sklearn') if m in sys.modules])"
    )
    for words, message in (
        (["svn", "a.hdr", "-l", "l.csv", "-o", "m.png"], "no classifier is named 'svn'"),
        (["svm", "b.hdr", "-l", "l.csv", "-o", "m.png"], "there is no file b.hdr"),
        (["svm", "a.hdr", "-l", "l.csv", "-o", "m.jpg"], "masks are written as"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, "classify", *words],
            capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert done.returncode == 2
        assert message in done.stderr
        assert done.stdout == "[]\n"


def test_remarks_of_the_reader_are_told(folder):
    with (folder / "a.hdr").open("a") as file:
        file.write("reflectance scale factor = 10\n")
    (folder / "l.csv").write_text(TABLE.replace("row,col", "y,x"))
    text = call("rf:trees=5", "a.hdr", "-l", "l.csv", "-o", "map.png")
    assert "a.hdr: values are divided by 10" in text
    assert "l.csv: y is taken as the row" in text
