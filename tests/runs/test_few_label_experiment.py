"""Experiments of classifiers: settings, sweeps, what is refused, and from end to end."""

import json
from pathlib import Path

import pytest
from hsizoo.runs.few_label_experiment import cases_of, check_cases, check_keys, is_few_label
from typer.testing import CliRunner

from hsizoo.cli import app
from hsizoo.errors import NameLookupError, OptionError, ProtocolError
from hsizoo.runs.bench import RunEvents
from hsizoo.runs.experiment import ExperimentEvents, run_experiment
from hsizoo.runs.experiment_file import read_experiment

DATA = (
    "phantom:height=32,width=32,bands=8,train_subjects=1,val_subjects=1,test_subjects=1,"
    "scenes_per_subject=1"
)
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def read(folder, text, defaults=""):
    path = folder / "try.toml"
    path.write_text(f"[defaults]\n{defaults}\n[[run]]\nname = 'a'\ndataset = '{DATA}'\n{text}")
    return read_experiment(path).runs[0]


def told(run):
    return [(case.component, *case.conditions.values()) for case in cases_of(run)]


def test_settings_are_those_of_the_command(tmp_path):
    text = "components = ['rf', 'lp']\nshots = 3\ndraw = 'block-disjoint'\nblock = 8\npatch = 5"
    cases = cases_of(read(tmp_path, text, "clicks = 20\nseeds = [4, 2]"))
    assert [case.label for case in cases] == ["rf", "lp"]
    assert [list(case.seeds) for case in cases] == [[4, 2], [4, 2]]
    config = cases[0].protocol.config()
    assert [config[key] for key in ("shots", "draw", "block", "patch")] == [
        3, "block-disjoint", 8, 5,
    ]  # fmt: skip
    assert list(cases_of(read(tmp_path, "components = ['rf']"))[0].seeds) == list(range(10))


def test_a_sweep_over_options_touches_what_has_them(tmp_path):
    text = "components = ['lp+rf', 'lp', 'rf']\nsweep = {neighbours = [3, 5], trees = [7]}"
    assert told(read(tmp_path, text)) == [
        ("lp:neighbours=3+rf:trees=7", "3", "7"),
        ("lp:neighbours=3", "3", ""),
        ("rf:trees=7", "", "7"),
        ("lp:neighbours=5+rf:trees=7", "5", "7"),
        ("lp:neighbours=5", "5", ""),
    ]


def test_an_option_of_one_component_only(tmp_path):
    text = "components = ['lp+cnn2d', 'lp']\n[run.sweep]\nlp.components = [4]\nshots = [2, 3]"
    assert told(read(tmp_path, text)) == [
        ("lp:components=4+cnn2d", "4", "2"), ("lp:components=4", "4", "2"),
        ("lp:components=4+cnn2d", "4", "3"), ("lp:components=4", "4", "3"),
    ]  # fmt: skip
    text = text.replace("lp.components", "cnn2d.components")
    assert told(read(tmp_path, text))[:2] == [("lp+cnn2d:components=4", "4", "2"), ("lp", "", "2")]


def test_a_sweep_over_draws_and_datasets(tmp_path):
    other = DATA.replace("bands=8", "bands=9")
    text = f"components = ['rf']\nsweep = {{draw = ['random', 'fixed'], dataset = ['{other}']}}"
    cases = cases_of(read(tmp_path, text))
    assert [(case.protocol.draw, case.dataset) for case in cases] == [
        ("random", other), ("fixed", other),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("components = ['rf', 'sa']", NameLookupError, r"\[\[run\]\] 'a': 'rf' is a classifier"),
        ("components = ['rf', 'svmm']", NameLookupError, "'a': .*'svmm'.*'svm'"),
        ("components = ['rf']\nclicks = 3", OptionError, "clicks is for scorers and segmenters"),
        ("components = ['rf']\ntraining = {}", OptionError, "training is for scorers"),
        ("components = ['sa']\nshots = 3", OptionError, "shots is for classifiers"),
        ("components = ['rf']\nshots = 0", ProtocolError, "'a': shots must be at least 1"),
        ("components = ['rf']\ndraw = 'blocks'", ProtocolError, "block-disjoint"),
        ("components = ['rf']\nscenes = ['x']", NameLookupError, "'a': .*has no scene 'x'"),
        ("components = ['rf:tres=3']", OptionError, "'a': .*trees"),
        ("components = ['rf']\nsweep = {tres = [3]}", OptionError, "Did you mean 'trees'"),
        ("components = ['rf']\nsweep = {trees = ['x']}", OptionError, "trees"),
        ("components = ['rf']\nsweep = {shots = ['x']}", OptionError, "shots must be whole"),
        ("components = ['rf:trees=3']\nsweep = {trees = [3]}", OptionError, "set already"),
        ("components = ['lp+cnn2d']\nsweep = {components = [3]}", OptionError,
         "lp.components or cnn2d.components"),
        ("components = ['rf']\nsweep = {svm.C = [3]}", OptionError, "no option of its components"),
        ("components = ['rf']\nsweep = {rf.trees = 3}", OptionError, "rf.trees must be a list"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_run(tmp_path, text, error, message):
    def look(run):
        classify = is_few_label(run)
        check_keys(run, classify)
        check_cases(run, cases_of(run))

    with pytest.raises(error, match=message):
        look(read(tmp_path, text))


CONFIG = f"""
title = "Forests"
description = "Small ones."
[defaults]
dataset = "{DATA}"
seeds = 2

[[run]]
name = "trees"
components = ["lp+rf", "lp"]
shots = 2
sweep = {{trees = [3, 5]}}

[[run]]
name = "clicks"
components = ["sa"]
clicks = 1
seeds = 1
"""


class Heard:
    """Counts what is computed."""

    def __init__(self):
        self.cells, self.kinds = 0, []
        count = RunEvents(finished=lambda cell, record: setattr(self, "cells", self.cells + 1))

        def hear(kind):
            def begin(name):
                self.kinds.append((kind, name))
                return _Context(count)

            return begin

        self.events = ExperimentEvents(benching=hear("b"), classifying=hear("c"))


class _Context:
    def __init__(self, value):
        self.value = value

    def __enter__(self):
        return self.value

    def __exit__(self, *_):
        pass


def test_from_end_to_end_and_once_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "forests.toml"
    path.write_text(CONFIG)
    heard = Heard()
    result = run_experiment(path, device="cpu", events=heard.events)
    assert heard.kinds == [("c", "trees"), ("b", "clicks")]
    assert not result.failures
    table = result.runs["trees"].table
    assert [(row["component"], row["conditions"]["trees"]) for row in table] == [
        ("lp+rf", "3"), ("lp", ""), ("lp+rf", "5"),
    ]  # fmt: skip
    folder = result.folder / "trees"
    assert (folder / "trees.png").stat().st_size > 10_000
    assert len(list((folder / "confusion").iterdir())) == 3
    about = json.loads((folder / "results.json").read_text())
    assert about["run"]["sweep"] == {"trees": [3, 5]}
    assert about["run"]["seeds"] == 2
    assert about["pictures"] == ["trees.png"]
    assert "clicks" not in about["run"]
    assert about["experiment"]["file"] == "forests.toml"
    page = result.summary.read_text()
    assert "## trees" in page
    assert "several published codes call AA" in page
    assert "Dice@0.5" in page
    assert "has changed in the experiment file" not in page
    again = Heard()
    run_experiment(path, device="cpu", events=again.events)
    assert again.cells == 0
    path.write_text(CONFIG.replace("[3, 5]", "[3, 5, 6]"))
    more = Heard()
    run_experiment(path, only=["trees"], device="cpu", events=more.events)
    assert more.cells == 2
    path.write_text(CONFIG.replace("shots = 2", "shots = 3"))
    only = run_experiment(path, only="clicks", device="cpu")
    before_clicks = only.summary.read_text().partition("## clicks")[0]
    assert "has changed in the experiment file" in before_clicks


def test_the_command_prints_both_kinds_of_tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "forests.toml").write_text(CONFIG)
    done = CliRunner().invoke(app, ["bench", "-c", "forests.toml"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "AA (recall) %" in done.stdout
    assert "dice@0.5 1c" in done.stdout
    assert "hsizoo-runs/forests/summary.md" in done.stdout


@pytest.mark.parametrize("name", ["few_label", "ipg_ablation"])
def test_the_configs_that_come_with_hsizoo_mean_something(name):
    for run in read_experiment(BENCHMARKS / f"{name}.toml").runs:
        assert is_few_label(run)
        check_keys(run, classify=True)
        check_cases(run, cases_of(run))
