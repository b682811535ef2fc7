"""``hsizoo train``, and what ``bench`` and ``info`` make of it."""

import json
import shlex
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from hsizoo.cli import app
from hsizoo.cli.train import _print_result
from hsizoo.errors import OptionError, ProtocolError
from hsizoo.runs import trainings as hsizoo_runs
from hsizoo.training.run import TrainResult

PLUGIN = (Path(__file__).parents[1] / "fakes" / "trainable.py").read_text()
DATA = (
    "phantom:height=32,width=32,bands=12,train_subjects=2,val_subjects=1,test_subjects=1,"
    "scenes_per_subject=1"
)


@pytest.fixture
def hsizoo(fake_dist, tmp_path, monkeypatch):
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    fake_dist("tiny-zoo", "1.0", {"tiny_zoo": PLUGIN}, {"tiny": "tiny_zoo"})
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def run(*words, code=0):
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    yield run
    torch.set_num_threads(threads)


def test_train_then_bench_as_it_says(hsizoo):
    trained = hsizoo("train", "tiny", "-d", DATA, "--epochs", "2", "--set", "clicks=2")
    assert "epoch 2, step" in trained.stderr
    lines = trained.stdout.splitlines()
    assert "dice@0.5 1c" in lines[0]
    card = next(line.split()[0] for line in lines if "card.json" in line)
    assert json.loads(Path(card).read_text())["component"] == "tiny-zoo/tiny"
    assert next(Path("hsizoo-runs/train").glob("tiny-phantom-*/curve.png")).stat().st_size > 5000
    following = lines[-1].removeprefix("next: hsizoo ").split()
    benched = hsizoo(*following, "--clicks", "1", "--json")
    assert [row["component"] for row in json.loads(benched.stdout)["table"]] == ["tiny"]
    again = hsizoo("train", "tiny", "-d", DATA, "--epochs", "2", "--clicks", "2", "--json")
    assert json.loads(again.stdout)["trained_before"]


@pytest.mark.parametrize(("score", "told"), [(0.0, True), (0.02, False)])
def test_maps_that_stay_empty_are_told_with_what_to_do(tmp_path, capsys, score, told):
    card = {
        "name": "tiny", "kept_epoch": 1, "metrics": {"score": score, "dice@0.5 1c": score},
        "subjects": {"train": ["a"]}, "trainable_parameters": 5, "hours": 0.1,
        "settings": {"lr": 1e-4}, "dataset": {"name": "phantom", "has_test_split": True},
    }  # fmt: skip
    _print_result(TrainResult(tmp_path, tmp_path / "w", card, False, True))
    text = " ".join(capsys.readouterr().out.split())
    assert ("needs a larger --lr than 0.0001, or more --epochs" in text) == told


def test_train_on_files_of_ones_own(hsizoo):
    text = " ".join(hsizoo("train", "--help").stdout.split())
    assert "your own folder of cubes and masks: ./cubes/" in text
    hsizoo("data", "fixture", "heipor", "out/")
    words = "train tiny -d heipor --data-dir out/ --folds 3 --epochs 1 -k 1"
    trained = hsizoo(*words.split())
    following = shlex.split(trained.stdout.splitlines()[-1].removeprefix("next: hsizoo "))
    benched = hsizoo(*following, "--clicks", "1", "--json")
    assert json.loads(benched.stdout)["table"][0]["samples"] > 0
    with pytest.raises(OptionError, match="--data-dir: hsizoo/phantom has no option data_dir"):
        hsizoo("train", "tiny", "--data-dir", "out/")


def test_bench_refuses_and_marks_the_untrained(hsizoo):
    with pytest.raises(ProtocolError, match="hsizoo train tiny --dataset phantom"):
        hsizoo("bench", "tiny", "-d", "phantom")
    result = hsizoo("bench", "tiny", "-d", DATA, "-k", "1", "--allow-untrained")
    assert "tiny (untrained)" in result.stdout
    assert "tiny (untrained)" in result.stderr


def test_info_shows_the_option_of_weights(hsizoo):
    card = json.loads(hsizoo("info", "tiny", "--json").stdout)
    assert card["options"][-1]["name"] == "weights"
    assert card["options"][-1]["default"] == "auto"
    assert "weights" not in [
        option["name"] for option in json.loads(hsizoo("info", "sa", "--json").stdout)["options"]
    ]


def test_a_stopped_training_says_how_to_go_on(hsizoo, monkeypatch):
    def interrupt(self, step):
        if step.step == 4:
            raise KeyboardInterrupt
        self.done = step.step

    with monkeypatch.context() as patch:
        patch.setattr("hsizoo.cli.train_display.TrainDisplay.stepped", interrupt)
        words = ("train", "tiny", "-d", DATA, "--epochs", "1", "-k", "1", "--checkpoint-steps", "2")
        stopped = hsizoo(*words, code=130)
    assert "2 steps are saved; resume with:\nhsizoo" in stopped.stderr
    assert "resuming after step 2" in hsizoo(*words).stderr


def test_too_little_memory_for_the_scenes_is_said(hsizoo):
    assert "HSIZOO_EMBEDDINGS=disk" in hsizoo("train", "--help").stdout
    words = ("train", "tiny", "-d", DATA, "--epochs", "1", "-k", "1")
    told = hsizoo(*words, "--state-memory", "0", "-o", "little").stderr
    assert told.count("Set HSIZOO_EMBEDDINGS=disk to keep") == 1
    assert "EMBEDDINGS" not in hsizoo(*words, "-o", "much").stderr


def test_all_settings_are_shown_and_wrong_ones_refused(hsizoo):
    shown = hsizoo("train", "--settings").stdout
    assert all(word in shown for word in ("weight_decay", "limit_subjects", "INFERRED"))
    with pytest.raises(OptionError, match="expected KEY=VALUE"):
        hsizoo("train", "tiny", "--set", "lr")
    with pytest.raises(OptionError, match="given twice"):
        hsizoo("train", "tiny", "--lr", "1", "--set", "lr=2")
    with pytest.raises(OptionError, match="no option 'learning_rate'"):
        hsizoo("train", "tiny", "--set", "learning_rate=2")


def test_several_seeds_end_in_one_table(hsizoo):
    words = ("train", "tiny", "-d", DATA, "--epochs", "1", "-k", "1", "--seeds", "0,5")
    first = hsizoo(*words)
    head, *rows = first.stdout.splitlines()
    assert head.split()[:3] == ["seed", "epoch", "dice@0.5"]
    assert [row.split()[0] for row in rows] == ["0", "5", "mean", "next:", "next:"]
    assert "training 2 of 2: tiny on" in first.stderr
    figures = [float(row.split()[2]) for row in rows[:2]]
    assert rows[2].split()[1] == f"{sum(figures) / 2:.4f}"
    for row, line in zip(rows[:2], rows[3:], strict=True):
        following = shlex.split(line.removeprefix("next: hsizoo "))
        assert row.split("-")[-1] in following[1]  # by its own weights
    again = json.loads(hsizoo(*words, "--json").stdout)["trainings"]
    assert [(each["seed"], each["fold"], each["trained_before"]) for each in again] == [
        (0, None, True), (5, None, True),
    ]  # fmt: skip
    counted = json.loads(hsizoo(*words[:-1], "2", "--json").stdout)["trainings"]
    assert [(each["seed"], each["trained_before"]) for each in counted] == [(0, True), (1, False)]


def test_all_folds_and_one_that_fails(hsizoo, monkeypatch):
    words = ("train", "tiny", "-d", DATA, "--epochs", "1", "-k", "1", "--folds", "3")
    one = json.loads(hsizoo(*words, "--json").stdout)  # as ever, the first fold
    assert one["card"]["settings"]["fold"] == 0
    real = hsizoo_runs.train

    def failing(*arguments, **keywords):
        if keywords["fold"] == 1:
            raise ValueError("no more [bold]today[/]")
        return real(*arguments, **keywords)

    monkeypatch.setattr(hsizoo_runs, "train", failing)
    failed = hsizoo(*words, "--fold", "all", code=1)
    rows = failed.stdout.splitlines()
    assert rows[0].split()[:3] == ["seed", "fold", "epoch"]
    assert "ValueError: training failed: no more [bold]today[/]" in rows[2]
    assert [row.split()[0] for row in rows[1:]] == ["0", "0", "0", "mean", "next:", "next:"]
    monkeypatch.setattr(hsizoo_runs, "train", real)
    mended = json.loads(hsizoo(*words, "--seeds", "1", "--json").stdout)["trainings"]
    assert [each["trained_before"] for each in mended] == [True, False, True]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seeds", "two"], "--seeds two: expected a whole number"),
        (["--seeds", "0,x"], "expected a whole number"),
        (["--seeds", "0,1", "--seed", "1"], "use one of them"),
        (["--fold", "last"], "--fold last: expected a number from 0, or all"),
        (["--executor", "slurm"], "'slurm' is not one of"),
        (["--jobs", "0"], "jobs must be at least 1"),
        (["--seeds", "0"], "at least one number"),
    ],
)
def test_wrong_words_for_several_trainings_are_refused(hsizoo, words, message):
    with pytest.raises(OptionError, match=message):
        hsizoo("train", "tiny", "-d", DATA, *words)


def test_several_that_are_stopped_say_how_to_go_on(hsizoo, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(hsizoo_runs, "train", interrupted)
    stopped = hsizoo("train", "tiny", "-d", DATA, "--seeds", "2", code=130)
    assert "the last checkpoint of each, are stored; resume with:\nhsizoo" in stopped.stderr
