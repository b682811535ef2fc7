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


def test_a_typo_in_the_entry_point_is_told_without_a_traceback(folder, path):
    wrong = PROJECT.replace("hsizoo_mine.plugin", "hsizoo_mine.plugn")
    with pytest.raises(
        PluginError, match=r"there is no module hsizoo_mine\.plugn; mend mine"
    ) as told:
        find_checked(str(folder(project=wrong)))
    assert "Traceback" not in str(told.value)


def test_a_failure_is_traced_from_the_plugin_on(folder, path):
    with pytest.raises(PluginError, match="ZeroDivisionError") as told:
        find_checked(str(folder(first="1 / 0")))
    assert str(told.value).count('File "') == 1
    assert "hsizoo_mine" in str(told.value).partition('File "')[2].splitlines()[0]


def test_a_plugin_that_is_no_python_is_shown_where(folder, path):
    with pytest.raises(PluginError, match="SyntaxError") as told:
        find_checked(str(folder(first="def (")))
    assert str(told.value).count('File "') == 1
    assert "    def (" in str(told.value)


def test_a_distribution_without_components_is_told_why(fake_dist):
    with pytest.raises(NameLookupError, match=r"'hsizoo-mine' is not installed.*pip install -e"):
        find_checked("hsizoo_mine")
    fake_dist("hsizoo-mine", "1.5", {"mine_fails": "1 / 0"}, {"mine": "mine_fails"})
    with pytest.raises(PluginError, match=r"hsizoo-mine 1\.5 was not loaded: ZeroDivisionError"):
        find_checked("hsizoo-mine")
    with pytest.raises(PluginError, match=r"numpy .* is installed and offers no component"):
        find_checked("numpy")


@pytest.mark.parametrize(
    ("line", "mend"),
    [
        ("import no_such_package", "'no_such_package'. Install it, and name it in the dependenc"),
        ("import hsizoo_mine.no_such", "'hsizoo_mine.no_such'. Mend the target of the Component"),
        ("del Good", "no attribute 'Good'. Mend the target of the ComponentSpec"),
    ],
)
def test_a_class_that_cannot_be_imported_is_told_with_what_to_do(folder, line, mend):
    made = folder()
    with (made / "hsizoo_mine" / "scorers.py").open("a") as file:
        file.write(f"\n{line}\n")
    assert mend in " ".join(check(made, status=1).split())


def test_a_good_component_passes_and_a_broken_one_is_told(folder):
    made = folder(["Good", "Prints"])
    told = check(made, status=1)
    good, prints = told.split("hsizoo-mine/prints", 1)
    assert "hsizoo-mine/good (scorer): 2" in good
    assert "failed" not in good
    assert "1 failed" in prints
    assert "it prints 'hello'. " in " ".join(prints.split())
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
