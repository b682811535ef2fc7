"""Experiments from end to end: trained, benched, written up, killed and gone on with."""

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hsizoo.documents import read_sealed
from hsizoo.engine.executors import LocalExecutor
from hsizoo.engine.store import Store
from hsizoo.errors import OptionError
from hsizoo.runs.bench import RunEvents
from hsizoo.runs.experiment import ExperimentEvents, run_experiment
from hsizoo.training.run import TrainEvents

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


def write(folder, text=CONFIG, name="fakes.toml"):
    (folder / name).write_text(text)
    return folder / name


class Heard:
    """Counts what is computed."""

    def __init__(self):
        self.steps, self.cells, self.runs, self.trainings, self.failed = 0, 0, [], [], []
        self.events = ExperimentEvents(
            training=self._training, benching=self._benching, failed=self._failed
        )

    @contextlib.contextmanager
    def _training(self, what, number, total):
        self.trainings.append((what, number, total))
        yield TrainEvents(stepped=lambda step: setattr(self, "steps", self.steps + 1))

    @contextlib.contextmanager
    def _benching(self, name, protocol):
        self.runs.append((name, protocol.name))
        yield RunEvents(finished=lambda cell, record: setattr(self, "cells", self.cells + 1))

    def _failed(self, what, error):
        self.failed.append((what, error["message"]))


def test_from_the_file_to_the_page(zoo):
    heard = Heard()
    result = run_experiment(write(zoo), device="cpu", events=heard.events)
    assert result.folder == Path("hsizoo-runs/fakes")
    assert not result.failures
    assert [(number, total) for _, number, total in heard.trainings] == [
        (1, 2), (2, 2), (1, 4), (2, 4), (3, 4), (4, 4),
    ]  # fmt: skip
    table = result.runs["table"].table
    assert heard.runs == [("table", "interactive"), ("low-data", "interactive")]
    assert [row.component for row in table] == ["sa", "tiny"]
    assert [(row.training_seeds, row.units) for row in table] == [(0, 3), (2, 3)]
    assert table[1].deviations["dice@max 1c"] > 0
    low = result.runs["low-data"].table
    assert [(row.component, *row.conditions.values()) for row in low] == [
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
    assert str(zoo) not in page
    assert str(zoo) not in (result.folder / "table" / "results.json").read_text()

    assert not (zoo / "home" / "trained").exists()  # only the experiment means its weights

    again = Heard()
    second = run_experiment(zoo / "fakes.toml", device="cpu", events=again.events)
    assert (again.steps, again.cells) == (0, 0)
    assert second.summary.read_text() == page


def test_an_executor_does_the_trainings_too(zoo):
    expected = run_experiment(write(zoo), only="table", out="here", device="cpu")
    heard, told = Heard(), []
    heard.events.trained = lambda *done: told.append(done)
    how = {"only": "table", "out": "there", "device": "cpu", "executor": LocalExecutor()}
    found = run_experiment(zoo / "fakes.toml", events=heard.events, **how)
    assert heard.steps == 0  # in this process
    assert [(number, total) for _, number, total in told] == [(1, 2), (2, 2)]
    keys = [{cell["key"] for cell in each.runs["table"].records} for each in (expected, found)]
    assert keys[0] == keys[1]  # which have the digests of the weights
    assert [folder.name for folder in sorted(Path("there/trainings").iterdir())] == [
        folder.name for folder in sorted(Path("here/trainings").iterdir())
    ]
    run_experiment(zoo / "fakes.toml", events=heard.events, **how)
    assert len(told) == 2  # what is done is not done again


def test_a_training_that_fails_elsewhere_is_a_row_and_one_that_is_not_seen_is_said(
    zoo, monkeypatch
):
    write(zoo, CONFIG.replace('["sa", "tiny"]', '["tiny-exploding", "tiny"]', 1).replace(
        "clicks = 2\nlr", "clicks = 5\nlr"))  # fmt: skip
    how = {"only": "table", "device": "cpu", "executor": LocalExecutor()}
    heard = Heard()
    result = run_experiment(zoo / "fakes.toml", events=heard.events, **how)
    assert [what.partition(" ")[0] for what, _ in heard.failed] == ["tiny-exploding"] * 2
    assert {row.component for row in result.runs["table"].table} >= {"tiny"}
    errors = {each["error"]["message"] for each in result.failures}
    assert all(error.startswith("training failed: ") for error in errors)
    monkeypatch.setattr("hsizoo.runs.trainings.train", lambda *_, **__: None)  # on its own disk
    unseen = Heard()
    run_experiment(zoo / "fakes.toml", out="unseen", events=unseen.events, **how)
    assert len(unseen.failed) == 4
    assert "choose a folder on storage that all machines share" in unseen.failed[0][1]


def test_runs_share_trainings_and_only_does_one(zoo):
    text = CONFIG.replace("epochs = 1", "epochs = 1\nlimit_subjects = 2")
    heard = Heard()
    result = run_experiment(write(zoo, text), only="table", device="cpu", events=heard.events)
    assert list(result.runs) == ["table"]
    assert "## low-data\n\nNot run yet." in result.summary.read_text()
    steps = heard.steps
    run_experiment(zoo / "fakes.toml", only=["low-data"], device="cpu", events=heard.events)
    # Only the trainings on one subject were left.
    assert 0 < heard.steps - steps < steps
    assert len(list((result.folder / "trainings").iterdir())) == 4
    page = result.summary.read_text()
    assert "Not run yet" not in page
    # A run that the file describes otherwise now is said to be old.
    write(zoo, text.replace('"All rows."', '"Other words."'))
    run_experiment(zoo / "fakes.toml", only="low-data", device="cpu")
    assert "has changed in the experiment file" in result.summary.read_text()


def test_a_training_that_fails_is_a_row_and_the_rest_runs(zoo):
    text = CONFIG.replace('["sa", "tiny"]', '["tiny-exploding", "tiny", "sa"]')
    heard = Heard()
    text = text.replace("clicks = 2\nlr", "clicks = 5\nlr")
    result = run_experiment(write(zoo, text), only="table", device="cpu", events=heard.events)
    rows = {row.component: row for row in result.runs["table"].table}
    assert rows["tiny-exploding"].failed_cells == 2
    assert rows["tiny-exploding"].samples == 0
    assert rows["tiny"].samples == rows["sa"].samples > 0
    (what, message), _ = heard.failed
    assert "tiny-exploding" in what
    assert message.startswith("training failed: training stopped at step")
    assert {record["error"]["type"] for record in result.failures} == {"ProtocolError"}
    page = result.summary.read_text()
    assert "- tiny-exploding on (training): ProtocolError: training failed" in page
    assert "| tiny-exploding | 0 | failed |" in page


def test_of_several_seeds_those_that_failed_are_left_out(zoo, monkeypatch):
    from hsizoo.runs import trainings as running

    def sometimes(*arguments, seed, real=running.train, **settings):
        if seed == 1:
            raise RuntimeError("out of luck")
        return real(*arguments, seed=seed, **settings)

    monkeypatch.setattr(running, "train", sometimes)
    result = run_experiment(write(zoo), only="table", device="cpu")
    row = result.runs["table"].table[1]
    assert (row.component, row.failed_cells, row.training_seeds) == ("tiny", 1, 1)
    assert row.samples == result.runs["table"].table[0].samples
    (failure,) = result.failures
    assert "out of luck" in failure["error"]["traceback"]
    # The same call tries again.
    monkeypatch.undo()
    monkeypatch.chdir(zoo)
    assert not run_experiment(zoo / "fakes.toml", only="table", device="cpu").failures


def test_a_mistake_in_a_later_run_is_found_before_the_first_begins(zoo):
    text = CONFIG.replace("sweep = {limit_subjects = [1, 2]}", "sweep = {limit_subject = [1]}")
    with pytest.raises(OptionError, match=r"\[\[run\]\] 'low-data': .*Did you mean 'limit_subj"):
        run_experiment(write(zoo, text), device="cpu")
    assert not (zoo / "hsizoo-runs").exists()


KILLED = """
import contextlib, os, signal, sys
from hsizoo.runs.bench import RunEvents
from hsizoo.runs.experiment import ExperimentEvents, run_experiment
from hsizoo.training.run import TrainEvents
from hsizoo.engine.store import Store


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


where = sys.argv[1]
training = TrainEvents(stepped=lambda step: step.step == 3 and die())
bench = RunEvents(progress=lambda cell, step, steps: cell.label.startswith("tiny") and die())
if __name__ == "__main__":
    events = ExperimentEvents(
        training=lambda *_: contextlib.nullcontext(
            training if where == "training" else TrainEvents()
        ),
        benching=lambda *_: contextlib.nullcontext(bench if where == "bench" else RunEvents()),
    )
    run_experiment("fakes.toml", out="killed", device="cpu", events=events)
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_killed_twice_ends_in_the_same_tables(zoo):
    write(zoo)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(zoo), *sys.path])}
    for where in ("training", "bench"):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, where], env=environment, capture_output=True, timeout=300
        )
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert len(list(Path("killed").glob("trainings/*/card.json"))) == 2
    assert len(Store("killed/table").stored()) == 1  # that of sa
    assert not Path("killed/summary.md").exists()
    heard = Heard()
    run_experiment("fakes.toml", device="cpu", out="killed", events=heard.events)
    whole = Heard()
    result = run_experiment("fakes.toml", device="cpu", out="whole", events=whole.events)
    assert 0 < heard.steps < whole.steps
    assert heard.cells == whole.cells - 1
    for name in result.runs:
        assert without_times(f"killed/{name}") == without_times(f"whole/{name}")
    one, two = (Path(each, "trainings") for each in ("killed", "whole"))
    for folder in one.iterdir():
        weights = [(each / folder.name / "weights.safetensors").read_bytes() for each in (one, two)]
        assert weights[0] == weights[1]


def without_times(folder):
    with Path(folder, "table.csv").open() as file:
        lines = list(csv.DictReader(file))
    times = ("s/open", "s/click", "megabytes", "fit_seconds", "predict_seconds")
    return [{key: line[key] for key in line if key not in times} for line in lines]


CUBES = """
[[run]]
name = "own"
dataset = "{dataset}"
components = ["tiny"]
clicks = 1
training = {{epochs = 1, clicks = 1, lr = 0.01}}
"""


def test_cubes_that_change_are_trained_on_anew(zoo, put_cubes):
    config = write(zoo, CUBES.format(dataset=put_cubes(0)))
    heard = [Heard() for _ in range(3)]
    first = run_experiment(config, device="cpu", events=heard[0].events)
    again = run_experiment(config, device="cpu", events=heard[1].events)
    assert (heard[1].steps, heard[1].cells) == (0, 0)
    put_cubes(1)
    after = run_experiment(config, device="cpu", events=heard[2].events)
    assert not after.failures
    assert heard[2].steps == heard[0].steps > 0
    assert heard[2].cells == heard[0].cells == 1
    folders = sorted((after.folder / "trainings").iterdir())
    assert len(folders) == 2
    assert all((folder / "card.json").is_file() for folder in folders)
    records = [each.runs["own"].records[0] for each in (first, again, after)]
    assert records[0]["key"] == records[1]["key"] != records[2]["key"]
    used = {record["identity"]["component"]["weights"] for record in records}
    assert used == {json.loads((f / "card.json").read_text())["digest"] for f in folders}


def test_a_training_folder_of_something_else_is_a_failure_that_says_what_to_do(zoo, put_cubes):
    config = write(zoo, CUBES.format(dataset=put_cubes(0)))
    result = run_experiment(config, device="cpu")
    (folder,) = (result.folder / "trainings").iterdir()
    card = read_sealed(folder / "card.json")
    (folder / "card.json").write_text(json.dumps({**card, "key": "another"}))
    (failure,) = run_experiment(config, device="cpu").failures
    message = failure["error"]["message"]
    assert str(folder.relative_to(result.folder)) in message
    assert "(key another; " in message
    assert "delete this one" in message  # which is all that `hsizoo bench --config` can do


FORESTS = f"""
title = "Forests"
description = "Small ones."
[defaults]
dataset = "{DATA.replace("test_subjects=3", "test_subjects=1")}"
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


def test_both_protocols_in_one_experiment_and_once_only(zoo):
    path = write(zoo, FORESTS, "forests.toml")
    heard = Heard()
    result = run_experiment(path, device="cpu", events=heard.events)
    assert heard.runs == [("trees", "few-label"), ("clicks", "interactive")]
    assert not result.failures
    table = result.runs["trees"].table
    assert [(row.component, row.conditions["trees"]) for row in table] == [
        ("lp+rf", "3"), ("lp", ""), ("lp+rf", "5"),
    ]  # fmt: skip
    folder = result.folder / "trees"
    assert (folder / "trees.png").stat().st_size > 10_000
    assert len(list((folder / "confusion").iterdir())) == 3
    about = json.loads((folder / "results.json").read_text())
    assert about["run"]["sweep"] == {"trees": [3, 5]}
    assert about["run"]["seeds"] == [0, 1]
    assert about["run"]["options"]["shots"] == 2
    assert "trees.png" in about["pictures"]
    assert "clicks" not in about["run"]["options"]
    assert about["experiment"]["file"] == "forests.toml"
    page = result.summary.read_text()
    assert "## trees" in page
    assert "| dice@0.5 1c |" in page
    assert "| OA % |" in page
    assert "has changed in" not in page
    again = Heard()
    run_experiment(path, device="cpu", events=again.events)
    assert again.cells == 0
    path.write_text(FORESTS.replace("[3, 5]", "[3, 5, 6]"))
    more = Heard()
    run_experiment(path, only=["trees"], device="cpu", events=more.events)
    assert more.cells == 2
    path.write_text(FORESTS.replace("shots = 2", "shots = 3"))
    only = run_experiment(path, only="clicks", device="cpu")
    assert (
        "has changed in the experiment file" in only.summary.read_text().partition("## clicks")[0]
    )


FIELDS = f"""
[[run]]
name = "fields"
dataset = "{DATA.replace("test_subjects=3", "test_subjects=1")}"
components = ["even", "rf:trees=3"]
shots = 2
seeds = 2
perturbations = ["none", "noise"]
sweep = {{units = [1, 2], samples = [3]}}
"""


def test_a_swept_option_may_be_called_like_a_field_of_the_table(zoo):
    result = run_experiment(write(zoo, FIELDS), device="cpu")
    assert not result.failures
    run = result.runs["fields"]
    rows = [(row.component, *row.conditions.values()) for row in run.table]
    assert rows == [
        (name, *values, noise)
        for noise in ("none", "noise")
        for name, *values in (("even", "1", "3"), ("rf:trees=3", "", ""), ("even", "2", "3"))
    ]
    assert list(run.table[0].conditions) == ["units", "samples", "perturbation"]
    assert all(row.units == 2 for row in run.table)  # seeds, whatever was swept
    with (run.folder / "table.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["condition units"] for line in lines] == [row[1] for row in rows]
    assert {line["units"] for line in lines} == {"2"}
    assert (run.folder / "units.png").is_file()
    page = result.summary.read_text()
    assert "units over 1, 2" in page


def test_perturbations_make_rows_of_classifiers_too(zoo):
    text = FORESTS.replace("shots = 2", 'shots = 2\nperturbations = ["none", "shading"]')
    result = run_experiment(write(zoo, text), only="trees", device="cpu")
    assert not result.failures
    assert [(row.component, *row.conditions.values()) for row in result.runs["trees"].table] == [
        (name, trees, noise)
        for noise in ("none", "shading")
        for name, trees in (("lp+rf", "3"), ("lp", ""), ("lp+rf", "5"))
    ]


def test_weights_that_are_published_while_an_experiment_goes_on_wait_for_the_next(zoo, put_weights):
    put_weights(3.0)
    text = FORESTS.replace('["lp+rf", "lp"]', '["ask+rf"]')
    asked = []

    @contextlib.contextmanager
    def benching(name, protocol):
        yield RunEvents(planned=lambda cells, reused: put_weights(5.0))

    for expected in (3.0, 5.0):
        events = ExperimentEvents(benching=benching)
        run_experiment(write(zoo, text), only="trees", device="cpu", events=events)
        asked = sys.modules["asking_zoo"].ASKED
        assert asked == [expected] * 4
        asked.clear()


@pytest.mark.parametrize(
    "damage",
    [
        lambda about: about["layout"]["columns"][0].update(colour="red"),
        lambda about: about["table"][0].update(mood="good"),
        lambda about: about.pop("ranks"),
        lambda about: about.update(table=None),
    ],
)
def test_results_of_another_version_do_not_end_an_experiment(zoo, damage):
    path = write(zoo, FORESTS, "forests.toml")
    result = run_experiment(path, only=["clicks"], device="cpu")
    file = result.folder / "clicks" / "results.json"
    about = json.loads(file.read_text())
    damage(about)
    file.write_text(json.dumps(about))
    page = run_experiment(path, only=["trees"], device="cpu").summary.read_text()
    assert "Not run yet." in page.partition("## clicks")[2]
    assert "| OA % |" in page
