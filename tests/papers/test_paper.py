"""Files of papers: those that come with hsizoo, and faults of others."""

import re
from pathlib import Path

import pytest

from hsizoo.errors import NameLookupError, PluginError
from hsizoo.interfaces import Protocol
from hsizoo.papers import find_paper, paper_names
from hsizoo.papers.paper import read_paper
from hsizoo.runs.choose import choose_protocol
from hsizoo.runs.experiment_file import read_experiment
from hsizoo.zoo.lookup import check_components, find_dataset

GOOD = """
title = "A paper"
source = "nowhere"
columns = ["oa"]
[[setup]]
name = "here"
experiment = "here.toml"
[[row]]
name = "one"
figures = { There = [0.5] }
ours.here = "svm"
[[row]]
name = "two"
ours.any = { run = "a", component = "rf", conditions = { shots = "5" } }
[[claim]]
text = "one is better"
column = "oa"
better = "one"
worse = "two"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_a_paper_is_read(tmp_path):
    paper = read_paper(written(tmp_path, GOOD))
    assert paper.setup_named(None).name == "here"
    assert paper.row[0].ours_in("here").component == "svm"
    assert paper.row[0].ours_in("elsewhere") is None
    assert paper.row[1].ours_in("elsewhere").conditions == {"shots": "5"}
    assert paper.row[0].figures["There"] == (0.5,)
    with pytest.raises(NameLookupError, match=r"no setup 'hare'.*'here'"):
        paper.setup_named("hare")


def test_the_quick_way_may_have_a_row_of_its_own(tmp_path):
    text = GOOD.replace('ours.here = "svm"', 'ours.here = "svm"\nours.here-quick = "rf"')
    row = read_paper(written(tmp_path, text)).row[0]
    assert row.ours_in("here").component == "svm"
    assert row.ours_in("here", quick=True).component == "rf"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('title = "A paper"', "title = 1", "title"),
        ('columns = ["oa"]', "", "columns"),
        ('name = "here"', 'name = "here"\ncolour = "red"', "colour"),
        ("[0.5]", "[0.5, 0.6]", "2 figures on There; expected one for each of the 1"),
        ("ours.here", "ours.hare", "setup 'hare'"),
        ('name = "two"', 'name = "one"', "two rows are named 'one'"),
        ('worse = "two"', 'worse = "three"', "row 'three'"),
    ],
)
def test_a_fault_is_told(tmp_path, old, new, told):
    assert old in GOOD
    with pytest.raises(PluginError, match=re.escape(told)):
        read_paper(written(tmp_path, GOOD.replace(old, new)))


def test_a_paper_without_setups_is_refused(tmp_path):
    text = re.sub(r"\[\[setup\]\](.*\n){3}", "setup = []\n", GOOD).replace("ours.here", "ours.any")
    with pytest.raises(PluginError, match="no \\[\\[setup\\]\\]"):
        read_paper(written(tmp_path, text))


def test_an_unknown_paper_is_refused():
    with pytest.raises(NameLookupError, match=r"no paper 'samsa'.*Did you mean 'samsa2'"):
        find_paper("samsa")


def test_a_package_that_cannot_be_imported_is_named(fake_dist):
    fake_dist("broken", "1", {}, {"lost": "not_there.papers"}, group="hsizoo.papers")
    assert "lost" in paper_names()
    with pytest.raises(PluginError, match=r"broken offers the paper 'lost' in not_there\.papers"):
        find_paper("lost")


def test_a_paper_of_a_plugin_is_found(fake_dist):
    folder = fake_dist("theirs", "1", {"theirs": ""}, {"mine": "theirs"}, group="hsizoo.papers")
    package = folder / "theirs"
    package.mkdir()
    (folder / "theirs.py").unlink()
    (package / "__init__.py").write_text("")
    written(package, GOOD)
    paper, beside = find_paper("mine")
    assert paper.title == "A paper"
    assert beside == package


@pytest.mark.parametrize("name", ["ipg", "samsa2"])
def test_what_own_papers_name_is_there(name):
    paper, folder = find_paper(name)
    for setup in paper.setup:
        for file in filter(None, (setup.experiment, setup.quick)):
            experiment = read_experiment(folder / file)
            names = {run.name: run for run in experiment.runs}
            for run in experiment.runs:
                check_components(run.components)
                for dataset in run.datasets:
                    find_dataset(dataset)
                protocol: type[Protocol] = choose_protocol(list(run.components), run.protocol)
                known = {column.name for column in protocol.columns}
                assert {*paper.columns, *(each.column for each in paper.claim)} <= known
            measured = 0
            for row in paper.row:
                ours = row.ours_in(setup.name, quick=file == setup.quick)
                if ours is None:
                    continue
                runs = [names[ours.run]] if ours.run in names else experiment.runs
                found = any(ours.component in run.components for run in runs)
                measured += found
                assert found or file == setup.quick, (file, row.name)
            assert measured >= 5


def test_figures_of_samsa2_are_those_of_its_text():
    """Two figures that the paper's text repeats are means over its table."""
    paper, _ = find_paper("samsa2")
    figures = {row.name: row.figures for row in paper.row}

    def mean(name):
        return sum(figures[name][place][0] for place in ("Heipor", "Hib")) / 2

    assert round(mean("SAMSA2.0-Small"), 4) == 0.8418
    assert round(mean("SAMSA"), 4) == 0.8112
    assert max(each["Hib"][2] for each in figures.values() if each) == pytest.approx(
        0.9644, abs=5e-5
    )
