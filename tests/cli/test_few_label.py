"""``hsizoo bench`` with classifiers."""

import json

import pytest
from hsizoo.cli.few_label import fitting_table, result_table
from hsizoo.report.columns import OF_CLASSIFIERS
from rich.console import Console
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
    assert "hsizoo-runs/phantom-few-labels/table.csv" in shown
    (row,) = json.loads(hsizoo(*words, "--json").stdout)["table"]
    assert f"{100 * row['oa']:.2f} ± {100 * row['oa_sd']:.2f}" in shown
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
        (["rf", "--perturb", "noise"], "--perturb is for scorers and segmenters"),
        (["sa", "--shots", "3"], "--shots is for classifiers"),
        (["sa", "--draw", "fixed"], "--draw is for classifiers"),
        (["-c", "x.toml", "--shots", "3"], "--shots does not go with --config"),
    ],
)
def test_options_of_the_other_protocol_are_refused(hsizoo, words, message):
    assert message in hsizoo("bench", *words, code=2).stderr


def test_the_two_protocols_do_not_mix(hsizoo):
    with pytest.raises(NameLookupError, match="two commands"):
        hsizoo("bench", "rf", "sa")


def test_a_row_without_results_has_dashes():
    scores = ("oa", "aa", "kappa", "macro_precision")
    row = {
        "component": "x",
        "conditions": {},
        "pseudo_right": None,
        **dict.fromkeys(scores),
        **{f"{key}_sd": None for key in scores},
    }
    row |= {"leak": None, "fit_seconds": None, "predict_seconds": None, "seeds": 0}
    made = result_table([{**row, "failed_cells": 2}], "nothing")
    assert [next(iter(column.cells)) for column in made.columns][1:4] == ["—"] * 3


def test_settings_and_pseudo_labels_have_columns_and_a_narrow_terminal_cuts_none():
    scores = dict.fromkeys(("oa", "aa", "kappa", "macro_precision"), 0.8)
    row = {"component": "lp+cnn2d", "conditions": {"shots": "5"}, "pseudo_right": 0.931, **scores}
    row |= {f"{key}_sd": 0.012 for key in scores}
    row |= {"leak": 0.5, "fit_seconds": 3.0, "predict_seconds": 0.1, "seeds": 5, "failed_cells": 0}
    other = {**row, "component": "svm", "conditions": {"shots": ""}, "pseudo_right": None}

    def shown(width):
        out = Console(width=width)
        with out.capture() as captured:
            made, left_out = fitting_table([row, other], "a title", out)
            out.print(made)
        return captured.get(), left_out

    wide, left_out = shown(200)
    assert left_out == []
    assert [column for column in OF_CLASSIFIERS if column not in wide] == []
    assert "AA (recall) %   precision %" in wide
    assert "93.1" in wide
    assert wide.splitlines()[3].split()[:2] == ["svm", "—"]
    narrow, left_out = shown(60)
    assert left_out[:2] == ["s/image", "leak %"]
    assert "…" not in narrow
    assert "80.00 ± 1.20" in narrow
