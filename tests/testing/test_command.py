"""``hsizoo check``: names, distributions and folders, and components that end their process."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from hsizoo.errors import DataError, NameLookupError, PluginError
from hsizoo.testing.finding import find_checked

PROJECT = """
[project]
name = "hsizoo-mine"
version = "2.0"

[project.entry-points."hsizoo.plugins"]
mine = "hsizoo_mine.plugin"
"""
PLUGIN = """
import hsizoo
{first}

@hsizoo.hookimpl
def hsizoo_components():
    for name in {names}:
        yield hsizoo.ComponentSpec(name=name.lower(), kind="scorer",
                                   target=f"hsizoo_mine.scorers:{{name}}", summary="a test")
"""
SCORERS = """
import os
import time

from hsizoo.testing import plain

class Good(plain.Scorer):
    '''A cosine.'''

class Leaves(plain.Scorer):
    '''Ends its process when it is used.'''
    def prepare(self, cube):
        os._exit(7)

class Hangs(plain.Scorer):
    '''Never ends.'''
    def score(self, prepared, references):
        time.sleep(999)

class Prints(plain.Scorer):
    '''Writes to stdout.'''
    def prepare(self, cube):
        print("hello")
        return super().prepare(cube)
"""


@pytest.fixture
def folder(tmp_path):
    """``folder(["Good"], first="import numpy")``: a plugin that is not installed."""

    def make(names=("Good",), first="", project=PROJECT, src=False):
        package = tmp_path / "mine" / ("src/hsizoo_mine" if src else "hsizoo_mine")
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "plugin.py").write_text(PLUGIN.format(names=tuple(names), first=first))
        (package / "scorers.py").write_text(textwrap.dedent(SCORERS))
        (tmp_path / "mine" / "pyproject.toml").write_text(project)
        return tmp_path / "mine"

    return make


def check(*words, status=0):
    done = subprocess.run(
        [sys.executable, "-m", "hsizoo", "check", *map(str, words)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def path(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.mark.parametrize("src", [False, True])
def test_a_folder_need_not_be_installed(folder, path, src):
    made = folder(["Good", "Prints"], src=src)
    found = find_checked(str(made))
    assert [(each.name, each.kind) for each in found] == [
        ("hsizoo-mine/good", "scorer"), ("hsizoo-mine/prints", "scorer"),
    ]  # fmt: skip
    assert [each.name for each in find_checked("hsizoo_mine")] == [each.name for each in found]
    assert [each.name for each in find_checked("good")] == ["hsizoo-mine/good"]


def test_names_keep_their_options():
    (found,) = find_checked("ace:shrinkage=0")
    assert found.name == "hsizoo/ace:shrinkage=0"
    assert {each.kind for each in find_checked("lp")} == {"classifier", "pseudo-labeler"}
    assert len(find_checked("hsizoo")) > 40


def test_what_is_not_there_is_named(tmp_path, folder, path):
    with pytest.raises(NameLookupError, match="no component or distribution is named 'sx'"):
        find_checked("sx")
    with pytest.raises(DataError, match=r"has no pyproject\.toml"):
        find_checked(str(tmp_path))
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    with pytest.raises(DataError, match="announces no plugin"):
        find_checked(str(tmp_path))
    (tmp_path / "pyproject.toml").write_text("[project\n")
    with pytest.raises(DataError, match="cannot be read"):
        find_checked(str(tmp_path))
    with pytest.raises(PluginError, match=r"plugin 'mine' .* fails: ZeroDivisionError"):
        find_checked(str(folder(first="1 / 0")))


def test_a_good_component_passes_and_a_broken_one_is_told(folder):
    made = folder(["Good", "Prints"])
    told = check(made, status=1)
    good, prints = told.split("hsizoo-mine/prints", 1)
    assert "hsizoo-mine/good (scorer): 2" in good
    assert "failed" not in good
    assert "1 failed" in prints
    assert "it prints 'hello'" in prints
    assert "2 components, 1 with failures" in prints


@pytest.mark.slow
def test_json_says_all_whatever_a_component_does_to_its_process(folder):
    made = folder(["Good", "Leaves", "Hangs"])
    rows = json.loads(check(made, "--json", "--seconds", "15", status=1))
    by_name = {row["name"].partition("/")[2]: row for row in rows}
    assert by_name["good"]["failed"] == []
    for name, why in (("leaves", "ended with status 7"), ("hangs", "not ended after 15 s")):
        assert by_name[name]["failed"] == ["answers"]
        told = {each["check"]: each for each in by_name[name]["checks"]}
        assert why in told["answers"]["what"]
        assert told["history"]["status"] == "not made"
        assert len(told) == len(by_name["good"]["checks"])


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("import numpy", "imports numpy"),
        ("print('loading')", "prints 'loading"),
        ("import time\nend = time.process_time() + 0.5\n"
         "while time.process_time() < end: pass", "computes for 0."),
    ],
)  # fmt: skip
def test_a_plugin_that_is_slow_heavy_or_loud_is_told(folder, path, first, words):
    from hsizoo.testing import run_checks

    (found,) = find_checked(str(folder(first=first)))
    outcomes = {}
    for each in run_checks(found.name, found.kind):
        outcomes[each.check] = each
        if each.check == "plugin":
            break
    assert outcomes["plugin"].status == "failed"
    assert words in outcomes["plugin"].what
