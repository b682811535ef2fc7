"""``hsizoo runs`` and ``hsizoo table``."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hsizoo.cli import app
from hsizoo.engine.store import Store
from hsizoo.errors import DataError

TINY = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=3,scenes_per_subject=1"
)


@pytest.fixture(scope="module")
def benched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benched")
    words = ["bench", "sa", "sa-rw", "-d", TINY, "-k", "5", "--device", "cpu"]
    words += ["-o", str(folder / "hsizoo-runs" / "mine")]
    done = CliRunner().invoke(app, words, env={"COLUMNS": None})
    assert done.exit_code == 0, done.output
    return folder, done.stdout


@pytest.fixture
def hsizoo(benched, tmp_path, monkeypatch):
    """Run a command where there is a run ``mine``."""
    shutil.copytree(benched[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*words, code=0):
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.stdout

    return run


def test_runs_are_listed(hsizoo):
    (run,) = json.loads(hsizoo("runs", "--json"))
    assert (run["folder"], run["datasets"], run["protocol"]) == (
        "hsizoo-runs/mine", [TINY], "interactive",
    )  # fmt: skip
    assert (run["components"], run["done"], run["failed"]) == (["sa", "sa-rw"], 6, 0)
    store = Store("hsizoo-runs/mine")
    records = [store.load(key) for key in store.stored()]
    assert run["finished"] == max(record["finished"] for record in records)
    head, line = hsizoo("runs").splitlines()
    assert head.split()[:3] == ["run", "dataset", "protocol"]
    assert line.startswith(f"hsizoo-runs/mine  {TINY}  interactive  6     0       ")
    assert line.endswith("sa, sa-rw")
    Path("hsizoo-runs/mine/results.json").unlink()
    assert "6, no table" in hsizoo("runs", "hsizoo-runs/mine")


def test_no_runs(hsizoo):
    Path("empty").mkdir()
    assert hsizoo("runs", "empty") == "no runs in empty\n"
    assert json.loads(hsizoo("runs", "empty", "--json")) == []
    with pytest.raises(DataError, match="gone is no folder"):
        hsizoo("runs", "gone")


def test_the_table_is_that_of_the_run(hsizoo, benched):
    text = hsizoo("table", "mine")
    assert text.splitlines()[1] in benched[1]
    assert benched[1].startswith(text)
    assert (
        hsizoo("table", "hsizoo-runs/mine", "--format", "csv")
        == Path("hsizoo-runs/mine/table.csv").read_text()
    )


def test_markdown_and_latex_have_three_digits(hsizoo):
    (_, row) = csv.DictReader(hsizoo("table", "mine", "-f", "csv").splitlines())
    ends = [float(row[f"dice@max 5c{end}"]) for end in ("", " low", " high")]
    text = "{:.3f} [{:.3f}, {:.3f}]".format(*ends)
    head, rule, *lines = hsizoo("table", "mine", "-f", "markdown").splitlines()
    assert head.startswith("| component | dice@0.5 1c | ")
    assert set(rule) == set("| -")
    cells = lines[1].strip("| ").split(" | ")
    assert cells[0] == "sa-rw"
    assert cells[head.strip("| ").split(" | ").index("dice@max 5c")].strip("*") == text
    latex = hsizoo("table", "mine", "--format", "latex")
    assert text in latex
    assert r"\begin{tabular}{lrr" in latex
    assert hsizoo("table", "mine", "-f", "latex", "--digits", "1").count(
        "{:.1f} [{:.1f}, {:.1f}]".format(*ends)
    )


def test_digits_of_a_csv(hsizoo):
    for row in csv.DictReader(hsizoo("table", "mine", "-f", "csv", "--digits", "2").splitlines()):
        assert all(len(row[key].partition(".")[2]) <= 2 for key in row if key != "component")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_at_any_width_and_without_padding(hsizoo, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    for words in (("table", "mine"), ("runs",)):
        text = hsizoo(*words)
        assert max(map(len, text.splitlines())) <= width
        assert "…" not in text
        assert " \n" not in text
    assert "dice@0.5 5c" in hsizoo("table", "mine")


def test_a_run_that_is_not_there(hsizoo):
    with pytest.raises(DataError, match="Did you mean 'hsizoo-runs/mine'"):
        hsizoo("table", "mime")
    assert CliRunner().invoke(app, ["table", "mine", "--digits", "-1"]).exit_code == 2
