"""``hsizoo bench`` with classifiers."""

import json

import pytest
from typer.testing import CliRunner

from hsizoo.cli import app
from hsizoo.errors import NameLookupError

TINY = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=1,scenes_per_subject=1"
)


@pytest.fixture
def hsizoo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*words, code=0):
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    return run


def test_classifiers_are_benched_with_few_labels(hsizoo):
    words = ("bench", "rf:trees=10", "-d", TINY, "--shots", "3", "--seeds", "2")
    shown = hsizoo(*words).stdout
    assert "3 label(s) per class, draw random" in shown
    assert "-few-labels-shots=3-" in shown
    (row,) = json.loads(hsizoo(*words, "--json").stdout)["table"]
    oa, spread = row["values"]["oa"], row["deviations"]["oa"]
    assert f"{100 * oa:.2f} ± {100 * spread:.2f}" in shown
    assert row["seeds"] == 2


def test_ten_seeds_unless_told(hsizoo):
    words = ("bench", "rf:trees=1", "-d", TINY, "--shots", "1", "--draw", "fixed", "--json")
    (row,) = json.loads(hsizoo(*words).stdout)["table"]
    assert row["seeds"] == 10


def test_what_fails_is_told_and_the_status_is_1(hsizoo):
    words = ("bench", "cnn2d:patch=99", "-d", TINY, "--seeds", "1")
    done = hsizoo(*words, code=1)
    assert "patch=63 or less" in done.stderr
    assert "(1 failed)" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rf", "--clicks", "3"], "--clicks is for scorers and segmenters"),
        (["sa", "--shots", "3"], "--shots is for classifiers"),
        (["sa", "--draw", "fixed"], "--draw is for classifiers"),
        (["-c", "x.toml", "--shots", "3"], "--shots cannot be used with --config"),
    ],
)
def test_options_of_the_other_protocol_are_refused(hsizoo, words, message):
    assert message in hsizoo("bench", *words, code=2).stderr


def test_the_two_protocols_do_not_mix(hsizoo):
    with pytest.raises(NameLookupError, match="two commands"):
        hsizoo("bench", "rf", "sa")
