"""``hsizoo bench`` with perturbations, and with an experiment's file."""

import csv
import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hsizoo.cli import app
from hsizoo.engine.executors import LocalExecutor
from hsizoo.errors import MissingRequirement, NameLookupError, OptionError
from hsizoo.runs import listing

TINY = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=3,scenes_per_subject=1"
)
CONFIG = f"""
[[run]]
name = "one"
dataset = "{TINY}"
components = ["sa"]
clicks = 1

[[run]]
name = "two"
dataset = "{TINY.replace("bands=8", "bands=1")}"
components = ["matched-filter", "sa"]
clicks = 1
"""


@pytest.fixture
def hsizoo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*words, code=0):
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    return run


def test_perturb_may_be_repeated(hsizoo):
    words = ("bench", "sa", "-d", TINY, "-k", "1", "--perturb", "none", "--perturb", "noise")
    table = json.loads(hsizoo(*words, "--json").stdout)["table"]
    assert [row["conditions"]["perturbation"] for row in table] == ["none", "noise"]
    shown = hsizoo(*words).stdout
    head = shown.splitlines()[1]
    assert head.split()[:2] == ["component", "perturbation"]
    low, high = table[1]["intervals"]["dice@max 1c"]
    assert f"{table[1]['values']['dice@max 1c']:.3f} [{low:.3f}, {high:.3f}]" in shown
    assert "-perturb=none+noise-" in shown
    assert "/differences.csv" in shown
    with pytest.raises(NameLookupError, match="Did you mean 'shading'"):
        hsizoo("bench", "sa", "--perturb", "shadin")


def test_an_experiment(hsizoo, tmp_path):
    Path("try.toml").write_text(CONFIG)
    done = hsizoo("bench", "--config", "try.toml", "--only", "one")
    assert "run one" in done.stderr
    assert "hsizoo-runs/try/summary.md" in done.stdout
    with Path("hsizoo-runs/try/one/table.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["component"] == "sa"
    tables = json.loads(hsizoo("bench", "-c", "try.toml", "--only", "one", "--json").stdout)
    assert tables["tables"]["one"][0]["values"]["dice@max 1c"] == float(row["dice@max 1c"])
    with pytest.raises(OptionError, match="has no run 'three'"):
        hsizoo("bench", "-c", "try.toml", "--only", "three")


def test_tables_of_another_run_are_kept_and_that_is_told(hsizoo):
    words = ("bench", "-d", TINY, "-k", "1", "-o", "out")
    hsizoo(*words, "sa", "pcc")
    before = Path("out/table.csv").read_bytes()
    done = hsizoo(*words, "sa", "--json")
    place = done.stderr.partition("they are now in ")[2].partition(",")[0]
    assert place.startswith("out/earlier/")
    assert Path(place, "table.csv").read_bytes() == before
    assert "out had the tables of another run" in done.stderr
    assert "tables of another run" not in hsizoo(*words, "sa", "pcc", "--json").stderr


def test_what_fails_is_told_and_the_status_is_1(hsizoo):
    Path("try.toml").write_text(CONFIG)
    done = hsizoo("bench", "-c", "try.toml", "-o", "out", code=1)
    assert "failed: sa on 3 scenes: DataError: the method needs at least 2 bands" in done.stderr
    assert "matched-filter" in done.stdout
    assert Path("out/one/table.csv").exists()
    assert "DataError" in Path("out/summary.md").read_text()


@pytest.mark.parametrize("most", [10_000, 0])
def test_tracebacks_are_where_it_says(hsizoo, monkeypatch, most):
    monkeypatch.setattr(listing, "_MOST_INSIDE", most)
    Path("try.toml").write_text(CONFIG)
    done = hsizoo("bench", "-c", "try.toml", "-o", "out", code=1)
    (told,) = [line for line in done.stderr.splitlines() if line.startswith("tracebacks: ")]
    place = Path(told.removeprefix("tracebacks: ").partition(";")[0])
    assert "the method needs at least 2 bands" in place.read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give at least one component, or an experiment with --config"),
        (["sa", "--only", "x"], "use it with --config"),
        (["sa", "-c", "x.toml"], "sa cannot be used with --config"),
        (["-c", "x.toml", "--clicks", "5"], "--clicks cannot be used with --config"),
        (["-c", "x.toml", "--perturb", "noise"], "--perturb cannot be used with --config"),
    ],
)
def test_words_that_do_not_go_together(hsizoo, words, message):
    assert message in hsizoo("bench", *words, code=2).stderr


def test_an_executor_is_checked_before_anything_is_loaded(hsizoo, monkeypatch):
    with pytest.raises(OptionError, match=r"executor 'rai' is not one of .*Did you mean 'ray'"):
        hsizoo("bench", "sa", "-d", TINY, "--executor", "rai")
    monkeypatch.setattr("hsizoo.engine.executors.names.find_spec", lambda name: None)
    with pytest.raises(MissingRequirement, match=r"pip install 'hsizoo\[ray\]'"):
        hsizoo("bench", "sa", "-d", TINY, "--executor", "ray:auto")
    assert not Path("hsizoo-runs").exists()


def test_what_an_executor_prints_does_not_get_into_the_json(hsizoo, monkeypatch):
    class Talking(LocalExecutor):
        def run(self, *arguments):
            sys.stdout.write("(raylet) a node was lost\n")
            return super().run(*arguments)

    monkeypatch.setattr("hsizoo.runs.bench.make_executor", lambda *_: (Talking(), "cpu"))
    done = hsizoo("bench", "sa", "-d", TINY, "-k", "1", "--executor", "local", "--json")
    assert json.loads(done.stdout)["table"][0]["component"] == "sa"
    assert "a node was lost" in done.stderr
    Path("try.toml").write_text(CONFIG)
    done = hsizoo("bench", "-c", "try.toml", "--only", "one", "--json")
    assert json.loads(done.stdout)["tables"]["one"]


def test_a_dry_run_tells_what_a_run_would_do_and_writes_nothing(hsizoo, tmp_path):
    words = ("bench", "sa", "pcc", "--dataset", TINY, "--clicks", "2", "--dry-run")
    shown = hsizoo(*words).stdout
    assert "6, of which 0 are done" in shown
    assert "5 objects a scene, a guess" in shown
    assert "--calibrate measures it" in shown
    assert list(tmp_path.iterdir()) == []

    hsizoo(*words[:-1], "--limit", "2", "--out", "out")
    found = json.loads(hsizoo(*words, "--out", "out", "--jobs", "2", "--json").stdout)
    assert (found["cells"], found["done"], found["images"], found["jobs"]) == (6, 4, 1, 2)
    assert [(each["component"], each["cells"], each["basis"]) for each in found["parts"]] == [
        ("sa", 1, "this data"), ("pcc", 1, "this data"),
    ]  # fmt: skip
    shown = hsizoo(*words, "--out", "out").stdout
    assert "measured on 2 cells" in shown
    assert "guess" not in shown


WITH_TRAINING = f"""
[[run]]
name = "trained"
dataset = "{TINY}"
components = ["sa", "sam2.1-nano-ft:checkpoint=random"]
clicks = 1

[run.training]
epochs = 1
seeds = [3, 4]
"""


def test_a_dry_run_of_an_experiment_tells_every_run(hsizoo, tmp_path):
    Path("try.toml").write_text(CONFIG + WITH_TRAINING)
    found = json.loads(hsizoo("bench", "-c", "try.toml", "--dry-run", "--json").stdout)
    assert {name: (run["cells"], run["done"]) for name, run in found.items()} == {
        "one": (3, 0), "two": (6, 0), "trained": (6, 0),
    }  # fmt: skip
    assert found["one"]["folder"] == "hsizoo-runs/try/one"
    (*_, note) = found["trained"]["notes"]
    assert "2 training(s) are not counted" in note
    assert "one training seed of 2" in note
    assert [each.name for each in tmp_path.iterdir()] == ["try.toml"]
    hsizoo("bench", "-c", "try.toml", "--only", "one")
    shown = hsizoo("bench", "-c", "try.toml", "--only", "one", "--dry-run").stdout
    assert "3, of which 3 are done" in shown
    assert "try: trained" not in shown
    with pytest.raises(OptionError, match="has no run 'three'"):
        hsizoo("bench", "-c", "try.toml", "--only", "three", "--dry-run")


def test_a_dry_run_may_try_two_images_first(hsizoo, tmp_path):
    words = ("bench", "sa", "--dataset", TINY, "--clicks", "1", "--dry-run", "--calibrate")
    assert "measured on 1 cell" in hsizoo(*words).stdout
    assert list(tmp_path.iterdir()) == []
    assert "use them together" in hsizoo("bench", "sa", "--calibrate", code=2).stderr
