"""Generated pages say what the code says, and nothing is left out."""

import re
from pathlib import Path

import generate
import pytest

import hsizoo
from hsizoo.zoo.registry import registry

ROOT = Path(hsizoo.__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """All generated pages by name, written elsewhere."""
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("docs")
    (folder / "components.toml").write_text((ROOT / "docs" / "components.toml").read_text())
    patch.setattr(generate, "DOCS", folder)
    names = generate.write_all()
    patch.undo()
    return {name: (folder / name).read_text() for name in names}


def first_party():
    return [entry for entry in registry().entries() if entry.dist == "hsizoo"]


def test_every_component_has_a_page_that_names_it_and_its_options(pages):
    from hsizoo.zoo.factory import import_target, options_of

    families = {(each.kind, name.spec.name): each for each in generate.families()
                for name in each.entries}  # fmt: skip
    for entry in first_party():
        family = families[entry.spec.kind, entry.spec.name]
        text = pages[family.page.removeprefix("docs/") + ".md"]
        assert f"`{entry.spec.name}`" in text
        for option in options_of(import_target(entry), wrapped=entry.spec.kind == "scorer"):
            assert f"\n`{option}`\n: " in text
        assert "## How it was verified\n\n\n" not in text


def test_families_are_described_and_nothing_else_is():
    assert {each.key for each in generate.families()} == set(generate.known_texts())


def test_what_is_said_of_components_can_be_followed():
    cited = set()
    for key, known in generate.known_texts().items():
        assert known["verified"].strip(), key
        for test in known.get("tests", []):
            assert (ROOT / test).exists(), test
        for target in re.findall(r"\]\(([^)#]+)", known.get("measured", "")):
            assert (ROOT / "docs" / "components" / "kind" / target).resolve().exists(), target
        cited |= set(known.get("cite", []))
    assert cited <= set(generate.references())
    assert set(generate.references()) == cited


def test_every_equation_becomes_mathml():
    latex = pytest.importorskip("docutils.utils.math.latex2mathml", reason="pip install '.[docs]'")
    equations = [each["equation"] for each in generate.known_texts().values() if "equation" in each]
    assert len(equations) >= 8
    for equation in equations:
        made = latex.tex2mathml(equation, as_block=True)
        assert made.startswith("<math")
        assert "merror" not in made
    with pytest.raises(Exception, match="nonsense"):  # unknown commands do not pass unseen
        latex.tex2mathml(r"\nonsense{x}")


def test_a_paper_is_cited_wherever_the_spec_names_one():
    for family in generate.families():
        if family.entries[0].spec.paper:
            assert generate.known_texts()[family.key].get("cite"), family.key


def test_references_have_what_a_citation_needs():
    for key, entry in generate.references().items():
        assert entry.count("{") == entry.count("}"), key
        for field in ("title", "author", "year"):
            assert re.search(rf"^  {field} += {{.+}},?$", entry, re.M), (key, field)


def test_every_public_name_is_on_one_page():
    listed = [name for _, _, names in generate.PYTHON.values() for name in names]
    assert sorted(listed) == sorted(hsizoo.__all__)


def test_every_command_is_there_with_its_help(pages):
    text = pages["reference/commands.md"]
    for typed in ("hsizoo list", "hsizoo bench", "hsizoo data check", "hsizoo check"):
        assert f"## {typed}\n" in text
    assert "--draw <random|fixed|block-disjoint|official>" in text  # of a protocol
    assert max(map(len, text.partition("## hsizoo list")[2].splitlines())) <= 100


def test_every_column_and_robot_is_in_a_part(pages):
    assert "| `dice@0.5 1c` | " in pages["_parts/columns-interactive.md"]
    assert "| `overlap %` | " in pages["_parts/columns-few-label.md"]
    for robot in ("paper", "ritm", "largest-component", "random"):
        assert f"### {robot}\n" in pages["_parts/robots.md"]
    assert "`dropped-bands`" not in pages["_parts/perturbations.md"].partition("###")[0]


@pytest.mark.parametrize(
    ("docstring", "markdown"),
    [
        ("``near``: there.  `HyperCube`", "`near`: there. `HyperCube`"),
        ("a_b * <c> |d|", "a\\_b \\* \\<c\\> \\|d\\|"),
        ("``a_b``", "`a_b`"),
        ("INFERRED: why", "**INFERRED**: why"),
    ],
)
def test_docstrings_become_markdown(docstring, markdown):
    assert generate._inline(docstring) == markdown


def test_pages_of_what_is_gone_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    (tmp_path / "components.toml").write_text((ROOT / "docs" / "components.toml").read_text())
    old = tmp_path / "components" / "scorers" / "gone.md"
    old.parent.mkdir(parents=True)
    old.touch()
    generate.write_all()
    assert not old.exists()
    assert (tmp_path / "components" / "scorers" / "sa.md").exists()
