"""``hsizoo reproduce``: ours beside the paper's, claims judged, and what may not be compared."""

import json

import pytest
from typer.testing import CliRunner

import hsizoo
from hsizoo.cli import app
from hsizoo.errors import OptionError
from hsizoo.papers import reproduce
from hsizoo.papers.reproducing import plan_reproduction

TINY = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=6,scenes_per_subject=1"
)
EXPERIMENT = f"""
[[run]]
name = "table"
dataset = "{TINY}"
components = ["sa", "pcc", "sa-eq"]
clicks = 1
"""
PAPER = """
title = "A paper"
source = "nowhere"
columns = ["dice@0.5 1c", "dice@max 1c"]
about = "It measures angles."
[[setup]]
name = "here"
experiment = "here.toml"
quick = "quick.toml"
[[setup]]
name = "there"
experiment = "here.toml"
comparable = true
figures = ["Lab"]
[[row]]
name = "Angle"
figures = { Lab = [0.25, 0.5], Field = [0.125, 0.75] }
ours.any = "sa"
[[row]]
name = "Equalised"
ours.any = "sa-eq"
remark = "another order"
[[row]]
name = "Correlation"
ours.any = "pcc"
[[row]]
name = "Secret"
figures = { Lab = [0.9, 0.95] }
[[row]]
name = "Lost"
ours.here = "ace"
[[row]]
name = "Elsewhere"
ours.any = { run = "another", component = "sa" }
[[claim]]
text = "equalising helps"
column = "dice@0.5 1c"
better = "Equalised"
worse = "Angle"
[[claim]]
text = "the angle alone is better"
column = "dice@0.5 1c"
better = "Angle"
worse = "Equalised"
[[claim]]
text = "of a row that is nowhere"
column = "dice@0.5 1c"
better = "Secret"
worse = "Angle"
"""


@pytest.fixture
def paper(fake_dist, tmp_path, monkeypatch):
    """A package with a paper, and an empty folder to work in."""
    folder = fake_dist("theirs", "1", {"theirs": ""}, {"mine": "theirs"}, group="hsizoo.papers")
    (folder / "theirs.py").unlink()
    package = folder / "theirs"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "mine.toml").write_text(PAPER)
    (package / "here.toml").write_text(EXPERIMENT)
    (package / "quick.toml").write_text(EXPERIMENT.replace(', "sa-eq"', ""))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return package


def test_ours_stand_beside_the_papers(paper):
    made = reproduce("mine")
    lines = {line.published.name: line for line in made.lines}
    direct = hsizoo.bench(["sa", "pcc", "sa-eq"], TINY, clicks=1, out="direct")
    for row in direct.table:
        ours = next(line.ours for line in made.lines if line.ours and line.ours.name == row.name)
        assert [ours[name] for name in made.paper.columns] == [
            row[name] for name in made.paper.columns
        ]
    assert not any(line.comparable for line in made.lines)
    assert (lines["Secret"].ours, lines["Secret"].why) == (None, "not part of the setup here")
    assert (lines["Lost"].ours, lines["Lost"].why) == (None, "left out by --quick")
    page = made.page.read_text()
    assert "| Angle | " in page
    assert "| 0.250 | 0.500 | 0.125 | 0.750 | order only |" in page
    assert "other data than the paper's" in page
    assert f"| Equalised | {lines['Equalised'].ours['dice@0.5 1c']:.3f} | " in page


def test_claims_are_judged_by_paired_intervals(paper):
    made = reproduce("mine")
    helps, harms = made.claims  # the third is on a row that the setup lacks
    by_hand = {line["a"] + line["b"]: line for line in made.runs["table"].comparison.differences
               if line["metric"] == "dice@0.5 1c"}["sasa-eq"]  # fmt: skip
    assert helps.difference == pytest.approx(-by_hand["difference"])
    assert helps.interval == pytest.approx((-by_hand["high"], -by_hand["low"]))
    assert by_hand["high"] < 0
    assert (helps.verdict, harms.verdict) == ("holds", "does not hold")


def test_rows_of_the_papers_own_data_are_comparable(paper):
    made = reproduce("mine", on="there")
    lines = {line.published.name: line for line in made.lines}
    assert lines["Angle"].comparable
    assert (lines["Equalised"].comparable, lines["Equalised"].why) == (False, "another order")
    page = made.page.read_text()
    assert "Field" not in page
    assert "| yes |" in page
    assert "order only" not in page


def test_quick_leaves_rows_out(paper):
    made = reproduce("mine", quick=True)
    lines = {line.published.name: line for line in made.lines}
    assert lines["Equalised"].why == "left out by --quick"
    assert [each.verdict for each in made.claims] == ["not measured"] * 2
    assert lines["Elsewhere"].why == "left out by --quick"
    assert made.folder.name == "reproduce-mine-here-quick"
    with pytest.raises(OptionError, match="'there' has no quick way"):
        plan_reproduction("mine", on="there", quick=True)


def test_data_may_lie_elsewhere(paper):
    text = EXPERIMENT.replace(TINY, "heipor")
    (paper / "here.toml").write_text(text)
    *_, experiment, _ = plan_reproduction("mine", data_dir="D")
    assert experiment.runs[0].datasets == ("heipor:data_dir=D",)


def test_the_command(paper):
    run = CliRunner().invoke
    listed = run(app, ["reproduce"], catch_exceptions=False).stdout
    assert "mine" in listed
    assert "samsa2" in listed
    shown = run(app, ["reproduce", "mine"], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "A paper, measured again on here" in shown.stdout
    assert "equalising helps" in shown.stdout
    assert "holds" in shown.stdout
    again = run(app, ["reproduce", "mine", "--json"], catch_exceptions=False)
    data = json.loads(again.stdout)
    assert data["lines"][0]["published"]["Lab"] == {"dice@0.5 1c": 0.25, "dice@max 1c": 0.5}
    assert (
        data["lines"][0]["ours"]["dice@0.5 1c"]
        == data["tables"]["table"][0]["values"]["dice@0.5 1c"]
    )
    planned = run(app, ["reproduce", "mine", "--dry-run"], catch_exceptions=False)
    assert "nothing is computed" in planned.stdout


def test_a_failed_row_is_told_and_the_status_is_1(paper):
    text = EXPERIMENT.replace('"sa-eq"', '"sa-eq", "sa-rw:scorer=matched-filter"')
    text = text.replace("bands=8", "bands=1")
    (paper / "here.toml").write_text(text)
    shown = CliRunner().invoke(app, ["reproduce", "mine"], catch_exceptions=False)
    assert shown.exit_code == 1
    assert "failed" in shown.stdout
