"""Which distribution is hsizoo, and which others offer plugins."""

import sys
from importlib.metadata import version

import pytest

import hsizoo
from hsizoo.zoo.distributions import find_points, own_version
from hsizoo.zoo.hooks import ENTRY_POINT_GROUP

OWN = "protocols = hsizoo.protocols.plugin"


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Put distributions on an otherwise empty path, first come, first found."""
    monkeypatch.setattr(sys, "path", [])

    def distribution(name, version, *lines):
        site = tmp_path / str(len(sys.path))
        folder = site / f"{name}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n\nVersion: no\n")
        text = "[console_scripts]\nx = y:z\n[hsizoo.plugins]\n# none\n" + "\n".join(lines)
        (folder / "entry_points.txt").write_text(text)
        sys.path.append(str(site))

    return distribution


def found():
    points = find_points(ENTRY_POINT_GROUP).points
    return [(each.dist, each.version, each.name, each.is_own, bool(each.fault)) for each in points]


def test_the_first_of_two_is_meant(make):
    make("Some_Plugin", "2", "b = m.n:o [extra]", "a = m")
    make("some-plugin", "1", "a = m")
    assert found() == [
        ("some-plugin", "2", "a", False, False), ("some-plugin", "2", "b", False, False)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "line"), [("HSIZOO", OWN), ("hsizoo", "evil = evil"), ("hsizoo", "x = hsizoo_evil")]
)
def test_what_calls_itself_hsizoo_is_not_taken_for_it(make, name, line):
    make(name, "9", line)
    make("hsizoo", "1", OWN, "spectral = hsizoo_spectral.plugin")
    own, rest = found()[:2], found()[2:]
    assert own == [
        ("hsizoo", "1", "protocols", True, False), ("hsizoo", "1", "spectral", True, False)
    ]  # fmt: skip
    assert rest == [(name, "9", line.partition(" ")[0], False, True)]
    assert own_version(ENTRY_POINT_GROUP) == hsizoo.__version__ == "1"


def test_a_second_copy_of_hsizoo_is_not_looked_at(make):
    make("hsizoo", "2", OWN)
    make("hsizoo", "1", "spectral = hsizoo_spectral.plugin")
    assert found() == [("hsizoo", "2", "protocols", True, False)]


def test_metadata_of_an_old_checkout_are_hsizoo(make):
    make("hsizoo", "1", "spectral = hsizoo_spectral.plugin")
    assert found() == [("hsizoo", "1", "spectral", True, False)]


def test_nothing_is_installed(make):
    assert found() == []
    assert own_version(ENTRY_POINT_GROUP) == ""


def test_the_version_is_that_of_the_metadata():
    assert hsizoo.__version__ == version("hsizoo")
