"""``hsizoo list`` without typer, and with it."""

import pytest
from typer.testing import CliRunner

from hsizoo import cli
from hsizoo.cli.listing import answer
from hsizoo.errors import NameLookupError


@pytest.mark.parametrize(
    "words",
    [
        "", "--json", "--kind scorer", "-k dataset --json", "--json -k dataset",
        "--kind scorer -k dataset", "--json --json",
    ],
)  # fmt: skip
def test_both_ways_print_the_same(capsys, words):
    assert answer(["list", *words.split()])
    light = capsys.readouterr()
    done = CliRunner().invoke(cli.app, ["list", *words.split()], catch_exceptions=False)
    assert (done.stdout, done.stderr, done.exit_code) == (light.out, light.err, 0)
    assert light.out


@pytest.mark.parametrize("words", ["", "--kind dataset"])
def test_a_pipe_gets_the_lines_that_a_wide_terminal_shows(capsys, monkeypatch, fake_dist, words):
    """The first without rich, the second by its tables."""
    plugin = """
        import hsizoo

        @hsizoo.hookimpl
        def hsizoo_components():
            for name, kind in (("sa", "scorer"), ("a-field", "dataset")):
                yield hsizoo.ComponentSpec(
                    name=name, kind=kind, target="x:X", summary="[bold] as it is, µm",
                    requires=("no_such_package",),
                )
    """
    fake_dist("other-zoo", "1.0", {"other_zoo": plugin}, {"other": "other_zoo"})
    assert answer(["list", *words.split()])
    plain = capsys.readouterr().out
    assert "[bold] as it is, µm · other-zoo 1.0 · needs no_such_package" in plain
    monkeypatch.setenv("COLUMNS", "1000")
    assert answer(["list", *words.split()])
    assert capsys.readouterr().out == plain


@pytest.mark.parametrize(
    "words",
    [
        "", "info sa", "data list", "list --help", "list -h", "list --jsn", "list sa", "list -k",
        "list -k --json", "list --kind=scorer", "list -kscorer", "--version", "list --",
    ],
)  # fmt: skip
def test_all_else_is_left_to_typer(capsys, words):
    assert not answer(words.split())
    assert capsys.readouterr().out == ""


def test_a_wrong_kind_is_refused_in_the_same_words():
    with pytest.raises(NameLookupError) as light:
        answer(["list", "-k", "scorers"])
    with pytest.raises(NameLookupError) as full:
        CliRunner().invoke(cli.app, ["list", "-k", "scorers"], catch_exceptions=False)
    assert str(light.value) == str(full.value)
