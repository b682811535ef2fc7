"""Experiments from end to end: trained, benched, written up, killed and gone on with."""

import contextlib
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hsizoo.errors import OptionError
from hsizoo.runs.bench import RunEvents
from hsizoo.runs.experiment import ExperimentEvents, run_experiment
from hsizoo.training.run import TrainEvents

PLUGIN = (Path(__file__).parents[1] / "fakes" / "trainable.py").read_text()
DATA = (
    "phantom:height=32,width=32,bands=12,train_subjects=2,val_subjects=1,test_subjects=3,"
    "scenes_per_subject=1"
)
CONFIG = f"""
title = "Fakes"
description = "Nothing to learn from."
[defaults]
dataset = "{DATA}"
clicks = 2
[defaults.training]
seeds = [0, 1]
epochs = 1
clicks = 2
lr = 0.01

[[run]]
name = "table"
description = "All rows."
components = ["sa", "tiny"]

[[run]]
name = "low-data"
components = ["sa", "tiny"]
perturbations = ["none", "noise:strength=1"]
sweep = {{limit_subjects = [1, 2]}}
"""


@pytest.fixture
def tiny(fake_dist, tmp_path, monkeypatch):
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hsizoo.training.run.training_png", lambda log, title: b"")
    fake_dist("tiny-zoo", "1.0", {"tiny_zoo": PLUGIN}, {"tiny": "tiny_zoo"})
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path
    torch.set_num_threads(threads)


def write(folder, text=CONFIG, name="fakes.toml"):
    (folder / name).write_text(text)
    return folder / name


class Heard:
    """Counts what is computed."""

    def __init__(self):
        self.steps, self.cells, self.trainings, self.failed = 0, 0, [], []
        self.events = ExperimentEvents(self._training, self._benching, self._failed)

    @contextlib.contextmanager
    def _training(self, what, number, total):
        self.trainings.append((what, number, total))
        yield TrainEvents(stepped=lambda step: setattr(self, "steps", self.steps + 1))

    @contextlib.contextmanager
    def _benching(self, name):
        yield RunEvents(finished=lambda cell, record: setattr(self, "cells", self.cells + 1))

    def _failed(self, what, error):
        self.failed.append((what, error["message"]))


def test_from_the_file_to_the_page(tiny):
    heard = Heard()
    result = run_experiment(write(tiny), device="cpu", events=heard.events)
    assert result.folder == Path("hsizoo-runs/fakes")
    assert not result.failures
    assert [(number, total) for _, number, total in heard.trainings] == [
        (1, 2), (2, 2), (1, 4), (2, 4), (3, 4), (4, 4),
    ]  # fmt: skip
    table = result.runs["table"].table
    assert [row["component"] for row in table] == ["sa", "tiny"]
    assert [(row["training_seeds"], row["units"]) for row in table] == [(0, 3), (2, 3)]
    assert table[1]["seed_sd"]["dice@max 1c"] > 0
    low = result.runs["low-data"].table
    assert [(row["component"], row["limit_subjects"], row["perturbation"]) for row in low] == [
        (name, limit, noise)
        for noise in ("none", "noise:strength=1")
        for name, limit in (("sa", ""), ("tiny", "1"), ("tiny", "2"))
    ]
    stored = json.loads((result.folder / "table" / "results.json").read_text())
    assert [each["seed"] for each in stored["trainings"]] == [0, 1]
    weights = {each["digest"] for each in stored["trainings"]}
    used = {cell["identity"]["component"].get("weights") for cell in stored["cells"]}
    assert used == weights | {None}  # each seed's own weights, by digest
    page = result.summary.read_text()
    for words in (
        "# Fakes", "Nothing to learn from.", "hsizoo bench --config fakes.toml", "commit: ",
        "## table", "All rows.", "## low-data", "3 subject(s)", "| tiny | 1 | none |",
        "limit_subjects over 1, 2", "Paired differences", "sd over seeds", "Trainings:",
        "(table/curve.png)", f"`{sorted(weights)[0][:12]}`",
    ):  # fmt: skip
        assert words in page, words
    assert str(tiny) not in page
    assert str(tiny) not in (result.folder / "table" / "results.json").read_text()

    assert not (tiny / "home" / "trained").exists()  # only the experiment means its weights

    again = Heard()
    second = run_experiment(tiny / "fakes.toml", device="cpu", events=again.events)
    assert (again.steps, again.cells) == (0, 0)
    assert second.summary.read_text() == page


def test_runs_share_trainings_and_only_does_one(tiny):
    text = CONFIG.replace("epochs = 1", "epochs = 1\nlimit_subjects = 2")
    heard = Heard()
    result = run_experiment(write(tiny, text), only="table", device="cpu", events=heard.events)
    assert list(result.runs) == ["table"]
    assert "## low-data\n\nNot run yet." in result.summary.read_text()
    steps = heard.steps
    run_experiment(tiny / "fakes.toml", only=["low-data"], device="cpu", events=heard.events)
    # Only the trainings on one subject were left.
    assert 0 < heard.steps - steps < steps
    assert len(list((result.folder / "trainings").iterdir())) == 4
    page = result.summary.read_text()
    assert "Not run yet" not in page
    # A run that the file describes otherwise now is said to be old.
    write(tiny, text.replace('"All rows."', '"Other words."'))
    run_experiment(tiny / "fakes.toml", only="low-data", device="cpu")
    assert "has changed in the experiment file" in result.summary.read_text()


def test_a_training_that_fails_is_a_row_and_the_rest_runs(tiny):
    text = CONFIG.replace('["sa", "tiny"]', '["tiny-exploding", "tiny", "sa"]')
    heard = Heard()
    text = text.replace("clicks = 2\nlr", "clicks = 5\nlr")
    result = run_experiment(write(tiny, text), only="table", device="cpu", events=heard.events)
    rows = {row["component"]: row for row in result.runs["table"].table}
    assert rows["tiny-exploding"]["failed_cells"] == 2
    assert rows["tiny-exploding"]["samples"] == 0
    assert rows["tiny"]["samples"] == rows["sa"]["samples"] > 0
    (what, message), _ = heard.failed
    assert "tiny-exploding" in what
    assert message.startswith("training failed: training stopped at step")
    assert {record["error"]["type"] for record in result.failures} == {"ProtocolError"}
    page = result.summary.read_text()
    assert "- tiny-exploding on (training): ProtocolError: training failed" in page
    assert "| tiny-exploding | 0 | failed |" in page


def test_of_several_seeds_those_that_failed_are_left_out(tiny, monkeypatch):
    from hsizoo.runs import experiment as running

    def sometimes(*arguments, seed, real=running.train, **settings):
        if seed == 1:
            raise RuntimeError("out of luck")
        return real(*arguments, seed=seed, **settings)

    monkeypatch.setattr(running, "train", sometimes)
    result = run_experiment(write(tiny), only="table", device="cpu")
    row = result.runs["table"].table[1]
    assert (row["component"], row["failed_cells"], row["training_seeds"]) == ("tiny", 1, 1)
    assert row["samples"] == result.runs["table"].table[0]["samples"]
    (failure,) = result.failures
    assert "out of luck" in failure["error"]["traceback"]
    # The same call tries again.
    monkeypatch.undo()
    monkeypatch.chdir(tiny)
    assert not run_experiment(tiny / "fakes.toml", only="table", device="cpu").failures


def test_a_mistake_in_a_later_run_is_found_before_the_first_begins(tiny):
    text = CONFIG.replace("sweep = {limit_subjects = [1, 2]}", "sweep = {limit_subject = [1]}")
    with pytest.raises(OptionError, match=r"\[\[run\]\] 'low-data': .*Did you mean 'limit_subj"):
        run_experiment(write(tiny, text), device="cpu")
    assert not (tiny / "hsizoo-runs").exists()


def test_killed_twice_ends_in_the_same_tables(tiny, run_command_killed):
    write(tiny)
    arguments = ["bench", "--config", "fakes.toml", "--device", "cpu", "--out", "killed"]
    run_command_killed(arguments, "hsizoo.training.folder", "TrainingFolder", "append", 1)
    assert list(Path("killed").glob("trainings/*/log.jsonl"))
    run_command_killed(arguments, "hsizoo.engine.store", "Store", "save", 1)
    assert len(list(Path("killed").glob("table/cells/*.json"))) == 1
    assert not Path("killed/summary.md").exists()
    done = subprocess.run(
        [sys.executable, "-m", "hsizoo", *arguments], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert "cells were already done" in done.stderr
    result = run_experiment("fakes.toml", device="cpu", out="whole")
    for name in result.runs:
        assert without_times(f"killed/{name}") == without_times(f"whole/{name}")
    one, two = (Path(each, "trainings") for each in ("killed", "whole"))
    for folder in one.iterdir():
        weights = [(each / folder.name / "weights.safetensors").read_bytes() for each in (one, two)]
        assert weights[0] == weights[1]


def without_times(folder):
    with Path(folder, "table.csv").open() as file:
        lines = list(csv.DictReader(file))
    return [{key: line[key] for key in line if not key.startswith("s/")} for line in lines]
