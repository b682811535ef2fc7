"""The way of a newcomer to a trained model, by commands that the tool itself prints."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hsizoo.cli import app
from hsizoo.training.folder import TrainingFolder

TINY = (
    "phantom:height=32,width=32,bands=8,train_subjects=2,val_subjects=1,test_subjects=1,"
    "scenes_per_subject=1"
)
QUICK = ("--epochs", "1", "--clicks", "1")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def hsizoo(*words):
    """Run a command that succeeds, and return what it printed."""
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*words):
    """Run a command that fails, as a process, and return its message."""
    done = subprocess.run(
        [sys.executable, "-m", "hsizoo", *words], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ")
    return done.stderr


def printed(text, beginning):
    """The arguments of the one printed command that begins like this."""
    (command,) = (
        words[words.index("hsizoo") + 1 :]
        for words in (shlex.split(line, comments=True) for line in text.splitlines())
        if "hsizoo" in words and words[words.index("hsizoo") + 1 :][: len(beginning)] == beginning
    )
    return command


def test_from_the_fixture_to_a_tested_model_by_printed_commands_only():
    fixture = hsizoo("data", "fixture", "heipor", "my data")
    first = json.loads(hsizoo(*printed(fixture, ["bench"]), "--clicks", "1", "--json"))
    assert [row["component"] for row in first["table"]] == ["sa", "sa-rw"]

    where = printed(fixture, ["bench"])[3:]
    error = refused("bench", "samsa2-nano:weights=none", *where)
    train = printed(error, ["train"])
    assert train[-4:] == ["--folds", "3", "--fold", "0"]
    following = printed(hsizoo(*train, *QUICK), ["bench"])
    assert following == printed(error, ["bench"])
    assert "--scene" not in following

    run = json.loads(hsizoo(*following, "--clicks", "1", "--json"))
    assert [row["component"] for row in run["table"]] == ["samsa2-nano"]  # nothing was seen
    results = json.loads((Path(run["folder"]) / "results.json").read_text())
    assert results["selection"] == {"folds": 3, "fold": 0, "split_seed": 0}
    (card,) = Path(os.environ["HSIZOO_HOME"]).glob("trained/*/*/card.json")
    held_out = json.loads(card.read_text())["scenes"]["held_out"]
    assert [cell["identity"]["scene"] for cell in results["cells"]] == held_out

    # For fold 1 there are no weights yet; these have seen some of it, which is marked.
    other = ["1" if word == "0" else word for word in following]
    seen = json.loads(hsizoo(*other, "--clicks", "1", "--json"))
    assert [row["component"] for row in seen["table"]] == ["samsa2-nano (seen)"]


def test_each_fold_is_tested_with_its_own_weights():
    hsizoo("data", "fixture", "heipor", ".")
    where = ["--dataset", "heipor", "--data-dir", ".", "--folds", "3", "--fold"]
    for fold in ("0", "1"):
        hsizoo("train", "samsa2-nano", *where, fold, *QUICK)
    cells = []
    for fold in ("0", "1"):
        words = [*where, fold, "--limit", "1", "--clicks", "1"]
        run = json.loads(hsizoo("bench", "samsa2-nano", *words, "--json"))
        assert [row["component"] for row in run["table"]] == ["samsa2-nano (first 1 of 2 scenes)"]
        results = json.loads((Path(run["folder"]) / "results.json").read_text())
        assert results["title"].endswith(f"fold {fold} of 3, first 1 of 2 scenes")
        assert list(results["scenes"].values()) == [{"run": 1, "of": 2}]
        cells += results["cells"]
    assert len({cell["identity"]["component"]["weights"] for cell in cells}) == 2


def test_what_an_experiment_defines_is_not_given_on_the_command_line():
    for option in ("--folds", "--limit"):
        done = CliRunner().invoke(app, ["bench", "--config", "a.toml", option, "3"])
        assert done.exit_code == 2
        assert f"{option} cannot be used with --config" in done.stderr


def test_doctor_says_whether_a_run_is_possible():
    hsizoo("data", "fixture", "heipor", ".")
    words = ["doctor", "samsa2-small", "--dataset", "heipor", "--data-dir", "."]
    told = CliRunner().invoke(app, words, catch_exceptions=False)
    assert told.exit_code == 1
    assert told.stdout.startswith("bench samsa2-small --dataset heipor:data_dir=.: cannot run yet")
    assert printed(told.stdout, ["train"])[-4:] == ["--folds", "3", "--fold", "0"]
    rows = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert [row["status"] for row in rows] == ["missing"] * 3
    words[1] = "samsa2-nano"
    assert "can run" in hsizoo(*words)


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.usefixtures("hears_ctrl_c")
def test_ctrl_c_keeps_the_last_step_and_prints_the_command_that_resumes(tmp_path, wait_until):
    words = ["train", "samsa2-nano", "-d", TINY, "--epochs", "4", "-k", "2"]
    words += ["--device", "cpu", "-o", "a run", "--set", "validate_every=0"]
    run = TrainingFolder(tmp_path / "a run")

    def steps():
        return [line["step"] for line in run.lines() if line["kind"] == "step"]

    with subprocess.Popen(
        [sys.executable, "-m", "hsizoo", *words, "--fresh", "--checkpoint-steps", "100000"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:  # fmt: skip
        try:
            wait_until(lambda: len(steps()) >= 2, process)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=180)
        finally:
            process.kill()
    assert process.returncode == 130
    about = json.loads((run.cells / "checkpoint.json").read_text())["about"]
    assert about["step"] == steps()[-1] == len(steps())
    assert f"{about['step']} steps are saved" in errors
    again = printed(errors, ["train"])
    assert "--fresh" not in again
    assert again == [*words, "--checkpoint-steps", "100000"]
    resumed = CliRunner().invoke(app, again, catch_exceptions=False)
    assert f"resuming after step {about['step']} of" in resumed.stderr
    assert resumed.exit_code == 0
    assert steps() == list(range(1, steps()[-1] + 1))
