"""The package that `hsizoo new-plugin` writes: what is in it, and that it works once installed."""

import ast
import json
import os
import subprocess
import sys
import tomllib

import pytest
from typer.testing import CliRunner

from hsizoo.cli import app
from hsizoo.errors import DataError, NameLookupError, StoreError
from hsizoo.new_plugin import PLUGIN_KINDS, make_plugin, write_plugin


@pytest.mark.parametrize("kind", PLUGIN_KINDS)
def test_one_kind_has_the_name_of_the_method(kind):
    made = make_plugin("my-way", [kind], "0.1.0")
    assert (made.dist, made.package, dict(made.components)) == (
        "hsizoo-my-way",
        "hsizoo_my_way",
        {"my-way": kind},
    )
    assert "$" not in "".join(
        text for name, text in made.texts.items() if not name.endswith((".yml", "LICENSE"))
    )
    for name, text in made.texts.items():
        if name.endswith(".py"):
            ast.parse(text, name)


def test_several_kinds_have_names_of_their_own():
    made = make_plugin("my-way", ["scorer", "classifier", "scorer"], "1.4.2")
    assert dict(made.components) == {"my-way-scorer": "scorer", "my-way-classifier": "classifier"}
    project = tomllib.loads(made.texts["pyproject.toml"])["project"]
    assert project["dependencies"] == ["hsizoo>=1.4,<1.5"]
    assert project["entry-points"]["hsizoo.plugins"] == {"my_way": "hsizoo_my_way.plugin"}
    assert "src/hsizoo_my_way/scorer.py" in made.texts
    assert "src/hsizoo_my_way/segmenter.py" not in made.texts


def test_the_prefix_may_be_typed():
    assert make_plugin("hsizoo-x", ["scorer"], "0.1").dist == "hsizoo-x"


@pytest.mark.parametrize("name", ["", "My", "a b", "-a", "a--b", "1a", "../up", "é"])
def test_names_that_cannot_be(name):
    with pytest.raises(NameLookupError, match="cannot be the name of a component"):
        make_plugin(name, ["scorer"], "0.1.0")


def test_kinds_that_cannot_be():
    with pytest.raises(NameLookupError, match="--kind net: expected one of scorer, segmenter"):
        make_plugin("a", ["net"], "0.1.0")
    with pytest.raises(NameLookupError, match="name what it holds: --kind scorer or"):
        make_plugin("a", [], "0.1.0")


def test_nothing_is_overwritten(tmp_path):
    made = make_plugin("a", ["scorer"], "0.1.0")
    place = write_plugin(made, tmp_path)
    (place / "README.md").write_text("mine")
    with pytest.raises(DataError, match="is there already"):
        write_plugin(made, tmp_path)
    assert (place / "README.md").read_text() == "mine"
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        write_plugin(made, tmp_path / "file")


def test_the_command_says_what_comes_next(tmp_path):
    done = CliRunner().invoke(app, ["new-plugin", "mine", "-k", "labeler", "-o", str(tmp_path)])
    assert isinstance(done.exception, NameLookupError)
    done = CliRunner().invoke(app, ["new-plugin", "mine", "-k", "scorer", "-o", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "pip install -e '.[test]' && pytest" in done.output
    assert (tmp_path / "hsizoo-mine" / "src" / "hsizoo_mine" / "scorer.py").is_file()


def installed(place, site):
    """Build a package as its author would, install it into a folder, and say how to use it."""
    wheels = site.with_name(f"{site.name}-wheels")
    where = ["--no-index", "--find-links", wheels, "--target", site]
    for command in (
        ["build", "--no-isolation", "--wheel", "--outdir", wheels, place],
        ["pip", "install", "--no-deps", *where, place.name],
    ):
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    paths = [str(site), os.environ.get("PYTHONPATH", "")]
    home = str(site.with_name(f"{site.name}-home"))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "HSIZOO_HOME": home}


def hsizoo(where, *words):
    done = subprocess.run(
        [sys.executable, "-m", "hsizoo", *words], env=where, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_kind_is_found_and_benchmarked(tmp_path):
    made = make_plugin("mine", PLUGIN_KINDS, "0.1.0")
    where = installed(write_plugin(made, tmp_path), tmp_path / "site")
    listed = {each["name"]: each for each in json.loads(hsizoo(where, "list", "--json"))}
    for name, kind in made.components.items():
        assert listed[name]["kind"] == PLUGIN_KINDS[kind].kind
    out = ("--out", str(tmp_path / "run"))
    data = ("--dataset", "mine-dataset")
    clicked = json.loads(
        hsizoo(where, "bench", "mine-scorer", "mine-segmenter", *data, *out, "--json")
    )
    assert [row["values"]["dice@0.5 5c"] > 0.9 for row in clicked["table"]] == [True, True]
    own = json.loads(
        hsizoo(
            where, "bench", "mine-segmenter", *data, "--protocol", "mine-protocol", *out, "--json"
        )
    )
    assert own["table"][0]["values"]["iou"] > 0.9
    labels = json.loads(
        hsizoo(where, "bench", "mine-classifier", "mine-pseudo-labeler+svm", *data, "--shots", "5",
               "--seeds", "1", *out, "--json")
    )  # fmt: skip
    assert [row["values"]["oa"] > 0.9 for row in labels["table"]] == [True, True]


def test_what_is_trained_travels_in_the_wheel(tmp_path):
    made = make_plugin("mine", ["trainable"], "0.1.0")
    place = write_plugin(made, tmp_path)
    where = installed(place, tmp_path / "first")
    small = ("--dataset", "phantom:height=40,width=33,train_subjects=2,val_subjects=1")
    run = tmp_path / "run"
    hsizoo(where, "train", "mine", *small, "--epochs", "1", "--out", str(run))
    hsizoo(where, "package-weights", str(run), str(place / "src/hsizoo_mine/weights/mine"))
    where = installed(place, tmp_path / "second")  # another home: it knows the wheel only
    found = json.loads(hsizoo(where, "info", "mine", "--json"))
    assert found["weights here"].startswith(str(tmp_path / "second" / "hsizoo_mine" / "weights"))
    bench = ("bench", "mine", *small, "--out", str(tmp_path / "bench"), "--json")
    (row,) = json.loads(hsizoo(where, *bench))["table"]
    assert row["failed_cells"] == 0


def test_a_name_of_hsizoos_own_is_refused(tmp_path):
    words = ["new-plugin", "sid", "-k", "scorer", "-o", str(tmp_path)]
    refused = CliRunner().invoke(app, words).exception
    assert isinstance(refused, NameLookupError)
    assert "'sid' is a component of hsizoo itself" in str(refused)
    assert "hsizoo new-plugin my-sid" in str(refused)
    assert not any(tmp_path.iterdir())
    # With several kinds it is not the method's name that counts.
    assert make_plugin("sid", ["scorer", "dataset"], "0.1.0", taken={"sid"}).dist == "hsizoo-sid"
    with pytest.raises(NameLookupError, match="'sid-dataset' is a component"):
        make_plugin("sid", ["scorer", "dataset"], "0.1.0", taken={"sid-dataset"})
