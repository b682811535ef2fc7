"""``hsizoo train``, and what ``bench`` and ``info`` make of it."""

import json
import shlex
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from hsizoo.cli import app
from hsizoo.errors import OptionError, ProtocolError

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
