"""BibTeX of what was used, from how it wants to be cited."""

import re

import pytest

from hsizoo.report.bibliography import bibliography, known_entries
from hsizoo.zoo.registry import registry


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("SAMSA 2.0, arXiv:2508.00493, section 3.1", "roddan2025samsa2"),
        ("SAMSA, arXiv:2507.23673 (its fusion layer is not published)", "roddan2025samsa"),
        ("IPG, Zhao et al. 2024, doi:10.3389/fpls.2024.1515403, section 3", "zhao2024ipg"),
        ("Wang et al., doi:10.1109/TGRS.2021.3073932 (built from its abstract)", "wang2022smreg"),
        ("Kruse et al., Remote Sensing of Environment 44 (1993) 145", "kruse1993sips"),
        ("Baumgardner, Biehl, Landgrebe (2015), doi:10.4231/R7RX991C", "baumgardner2015pines"),
        ("H. Fabelo et al., In-Vivo Hyperspectral, IEEE Access 7, 39098 (2019)", "fabelo2019hib"),
    ],
)
def test_known_papers_are_found(text, key):
    entries, without = bibliography([("x", text)])
    assert entries[1:] == [known_entries()[key].text]
    assert without == []


def test_another_paper_of_the_author_is_not_taken_for_it():
    entries, _ = bibliography([("mine", "Kruse et al., A Later Paper 50 (1997) 1")])
    assert entries[1] == (
        "@misc{mine,\n  note = {Kruse et al., A Later Paper 50 (1997) 1},\n  year = {1997}\n}"
    )


def test_unknown_papers_become_entries_and_no_paper_none():
    entries, without = bibliography(
        [("odd {name}", "A & B, 100 % new_{x}, doi:10.1234/ab.c, arXiv:2601.01234"),
         ("own", "hsizoo, with the options and the seed"), ("nothing", "")]
    )  # fmt: skip
    (made,) = entries[1:]
    assert made.startswith("@misc{odd-name,\n")
    assert r"A \& B, 100 \% new\_\{x\}" in made
    assert "doi = {10.1234/ab.c}" in made
    assert "eprint = {2601.01234}" in made
    assert without == ["own: hsizoo, with the options and the seed"]


def test_every_paper_of_hsizoo_itself_is_known():
    """What names a paper has an entry made by hand."""
    papers = {
        entry.spec.name: entry.spec.paper
        for entry in registry().entries()
        if entry.dist == "hsizoo" and re.search(r"doi|arXiv|\(\d{4}\)", entry.spec.paper)
    }
    assert len(papers) > 20
    for name, paper in papers.items():
        entries, _ = bibliography([(name, paper)])
        assert not entries[1].startswith("@misc{" + name), paper
