"""Options that protocols declare, as options of a command."""

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from hsizoo.cli.protocol_options import (
    Offer,
    ProtocolCommand,
    check_protocol_options,
    given_options,
    registered,
)
from hsizoo.errors import OptionError, ProtocolError

PLUGIN = """
import hsizoo

@hsizoo.hookimpl
def hsizoo_components():
    yield hsizoo.ComponentSpec(
        name="walk", kind="protocol", target="fake_protocols:Walk", summary="Walks")
    yield hsizoo.ComponentSpec(
        name="long-walk", kind="protocol", target="fake_protocols:Walk", summary="Walks far",
        options={"max_steps": 99})
    yield hsizoo.ComponentSpec(
        name="swim", kind="protocol", target="fake_protocols:Swim", summary="Swims")
    yield hsizoo.ComponentSpec(
        name="gone", kind="protocol", target="fake_nowhere:Gone", summary="Cannot be imported")
    yield hsizoo.ComponentSpec(
        name="wrong", kind="protocol", target="fake_protocols:Wrong", summary="Malformed")
    yield hsizoo.ComponentSpec(
        name="base", kind="protocol", target="fake_protocols:Base", summary="Unfinished")
"""
PROTOCOLS = '''
from dataclasses import dataclass
from typing import ClassVar, Literal

from hsizoo import Column, Protocol
from hsizoo.errors import ProtocolError


class Base(Protocol):
    headline = ("way",)
    title = ""
    def config(self): return {}
    @classmethod
    def from_config(cls, config): return cls()
    def run(self, component, scene, *, seed=0, progress=None): return {}
    @classmethod
    def observe(cls, records): return []


@dataclass(frozen=True, kw_only=True)
class Walk(Base):
    """Walks.

    Parameters
    ----------
    max_steps : int, default 7
        Steps at most.  They are ``counted`` from the first one, in whatever direction it goes.
        This sentence is too long to be shown as well, as the help of an option is to be read at
        a glance, and not to be studied for minutes.
    pace : {"slow", "fast"} or None, default "slow"
        How fast.
    shoes : bool, default True
        With shoes.
    dataset : str, default "x"
        An option that the command has itself.
    """

    name = "walk"
    version = "1"
    kinds = ("scorer", "segmenter")
    default_for = ("scorer",)
    columns = (
        Column(name="way", meaning="metres walked", title="way m", deviation=True),
        Column(name="rest", meaning="seconds of rest", shown=False),
    )
    folder_suffix = ""
    short_options = {"max_steps": "-m", "pace": "-d"}

    max_steps: int = 7
    pace: Literal["slow", "fast"] | None = "slow"
    shoes: bool = True
    dataset: str = "x"

    def __post_init__(self):
        if self.max_steps < 1:
            raise ProtocolError(f"max_steps must be at least 1; got {self.max_steps}")


@dataclass(frozen=True, kw_only=True)
class Swim(Base):
    """Swims.

    Parameters
    ----------
    pace : float, default 0.5
        Metres per second.
    shoes : bool, default False
        With shoes.
    """

    name = "swim"
    version = "1"
    kinds = ("classifier",)
    columns = (Column(name="depth", meaning="metres below"),)
    folder_suffix = "-wet"
    default_seeds = 3

    pace: float = 0.5
    shoes: bool = False


class Wrong(Base):
    name = "wrong"
    def __init__(self, *, size: list = []): pass
'''


MODULES = {"fake_protocols": PROTOCOLS, "fake_plugin": PLUGIN}


def fakes():
    """The protocols of this file; hsizoo comes with others."""
    return [offer for offer in registered() if offer.target.__module__ == "fake_protocols"]


@pytest.fixture
def call(fake_dist, monkeypatch):
    """Run a command with such options; returns its result, with what the command was given."""
    monkeypatch.setattr(ProtocolCommand, "find_offers", lambda self: fakes())
    fake_dist("hsizoo-fakes", "1.0", MODULES, {"fakes": "fake_plugin"})
    return run


def run(*words, code=0, use=""):
    app, told = typer.Typer(rich_markup_mode=None, add_completion=False), []

    @app.command(cls=ProtocolCommand, epilog="The end.")
    def go(
        context: typer.Context,
        dataset: str = typer.Option("here", "--dataset", "-d", help="Where."),
    ) -> None:
        """Go."""
        told.append((dataset, given_options(context)))
        if use:
            (offer,) = (each for each in fakes() if each.name == use)
            check_protocol_options(context, use, offer.target)

    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == code, done.output
    done.told = told[0] if told else None
    return done


def test_only_what_is_given_is_passed_on_and_as_text(call):
    assert call().told == ("here", {})
    words = ("--max-steps", "7", "--pace", "fast", "--no-shoes", "-d", "there")
    assert call(*words).told == ("there", {"max_steps": "7", "pace": "fast", "shoes": "false"})
    assert call("-m", "3", "--shoes").told[1] == {"max_steps": "3", "shoes": "true"}
    assert call("--pace", "0.25").told[1] == {"pace": "0.25"}
    assert call("--pace", "none").told[1] == {"pace": "none"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--max-steps", "few"], "Invalid value for '--max-steps' / '-m': 'few'; expected int."),
        (["-m", "1.5"], "'1.5'; expected int."),
        (["--pace", "fats"], "expected 'slow' or 'fast' or none or float. Did you mean 'fast'?"),
        (["--max-step", "3"], "--max-steps"),
        (["--pace"], "requires an argument"),
    ],
)
def test_what_none_of_them_takes_is_refused(call, words, message):
    done = call(*words, code=2)
    assert message in done.stderr
    assert done.told is None


def test_the_help_says_whose_options_they_are(call):
    text = call("--help").stdout
    words = " ".join(text.split())
    assert "Options of the protocols long-walk (scorers, segmenters) and walk (scorers, s" in words
    assert (
        "-m, --max-steps <int> Steps at most. They are counted from the first one, in whatever "
        "direction it goes. [default: long-walk: 99; walk: 7]"
    ) in words
    assert "glance" not in text
    # One of several protocols, which say different things of it.
    assert (
        "Options of the protocols long-walk (scorers, segmenters), swim (classifiers) and walk "
        "(scorers, segmenters): --pace <slow|fast|none|float> long-walk, walk: How fast. "
        "swim: Metres per second. [default: long-walk, walk: slow; swim: 0.5] "
        "--shoes / --no-shoes With shoes. [default: long-walk, walk: true; swim: false]"
    ) in words
    assert words.count("--dataset") == 1
    assert "-d, --dataset <str> Where. [default: here]" in words


def test_the_help_tells_of_protocols_and_of_the_columns_of_their_tables(call):
    text = call("--help").stdout
    words = " ".join(text.split())
    assert (
        "walk Walks. For scorers, segmenters, only with --protocol for segmenters; 1 seed; "
        "results in hsizoo-runs/DATASET "
    ) in words
    assert "swim Swims. For classifiers, only with --protocol; 3 seeds; results in" in words
    assert "DATASET-wet" in text
    assert text.count("Columns of the table of the protocols") == 1  # walk and long-walk
    assert "  way m  metres walked\n  rest   seconds of rest (in CSV files only)\n" in text
    assert text.count("± is the standard deviation over seeds") == 1
    assert "Columns of the table of the protocol swim (classifiers):\n  depth  metres" in text
    assert text.rstrip().endswith("The end.")
    assert text.index("--help") < text.index("Options of the protocols")


def test_what_cannot_be_used_is_left_out(call):
    assert [offer.name for offer in fakes()] == ["long-walk", "swim", "walk"]
    assert not {"gone", "wrong", "base"} & {offer.name for offer in registered()}
    assert "gone" not in call("--help").stdout


def test_a_command_offers_what_is_registered(fake_dist):
    fake_dist("hsizoo-fakes", "1.0", MODULES, {"fakes": "fake_plugin"})
    offers = ProtocolCommand("go").offers()
    assert offers == registered()
    assert {"long-walk", "swim", "walk"} <= {offer.name for offer in offers}


def test_without_protocols_it_is_a_command_like_others(monkeypatch):
    monkeypatch.setattr(ProtocolCommand, "find_offers", lambda self: [])
    text = run("--help").stdout
    assert "-d, --dataset" in text
    assert "rotocol" not in text


def test_options_of_another_protocol_are_refused(call):
    done = call("--max-steps", "3", use="swim", code=2)
    assert (
        "Error: --max-steps is for scorers and segmenters (the protocols long-walk and walk); "
        "omit it"
    ) in done.stderr
    call("--pace", "0.1", use="swim")


def test_the_protocol_is_asked_whether_it_takes_the_values(call):
    call("--max-steps", "1", use="long-walk")
    with pytest.raises(ProtocolError, match="max_steps must be at least 1; got 0"):
        call("--max-steps", "0", use="walk")
    with pytest.raises(OptionError, match="protocol swim: option pace='fast': expected float"):
        call("--pace", "fast", use="swim")


def test_an_offer_is_named_by_its_distribution_where_two_have_the_name(call, fake_dist):
    other = PLUGIN.partition("    yield")[0] + (
        "    yield hsizoo.ComponentSpec(\n"
        "        name='swim', kind='protocol', target='fake_protocols:Swim', summary='Too')\n"
    )
    fake_dist("hsizoo-more", "1.0", {"fake_more": other}, {"more": "fake_more"})
    names = [offer.name for offer in fakes()]
    assert names == ["long-walk", "hsizoo-fakes/swim", "hsizoo-more/swim", "walk"]


def test_nothing_heavy_is_imported(call, tmp_path):
    code = (
        "import sys\n"
        "from hsizoo.cli.protocol_options import registered\n"
        "assert {offer.name for offer in registered()} >= {'walk', 'swim'}\n"
        "print(sorted({'torch', 'numpy', 'scipy', 'rich'} & set(sys.modules)))\n"
    )
    path = f"{tmp_path}:{':'.join(sys.path)}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={"PYTHONPATH": path},
    )  # fmt: skip
    assert done.stdout == "[]\n", done.stderr


def test_an_offer_knows_its_defaults(call):
    (long,) = (offer for offer in fakes() if offer.name == "long-walk")
    assert isinstance(long, Offer)
    assert [long.default(name) for name in long.options] == ["99", "slow", "true", "x"]
