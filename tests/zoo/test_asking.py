"""A plugin is asked once, and again when something that its answer depends on changes."""

import os
import time

import pytest

from hsizoo.errors import OptionError, PluginError
from hsizoo.zoo.registry import Registry, list_components, registry, reset

# Each time it is asked it leaves a line, and has another name.
CODE = """
    import pathlib
    import hsizoo
    import tally_part

    asked = pathlib.Path({asked!r})
    with asked.open("a") as file:
        file.write("x")

    @hsizoo.hookimpl
    def hsizoo_components():
        yield hsizoo.ComponentSpec(
            name=f"call-n{{asked.stat().st_size}}", kind="scorer", target="no:Where", summary="s",
            options={{"a": float("inf"), "b": None, "c": True, "d": 2**60, "e": "x"}},
            requires=["json", "no_such_package"], version="2",
        )
        yield hsizoo.ComponentSpec(
            name="data", kind="dataset", target="no:Where", summary="s",
            files=[hsizoo.PublishedFile("a", "https://a.invalid/a", 3, "0" * 64, "CC0", ("b",))],
        )
"""


@pytest.fixture
def tally(fake_dist, tmp_path):
    """A plugin; returns the names of its components whenever they are asked for."""
    (tmp_path / "elsewhere").mkdir()
    code = CODE.format(asked=str(tmp_path / "elsewhere" / "asked"))
    fake_dist("tally", "1", {"tally_plugin": code, "tally_part": ""}, {"t": "tally_plugin"})

    def names(again=False):
        reset(again=again)
        return [entry.spec.name for entry in list_components() if entry.dist == "tally"]

    return names


def test_a_plugin_is_asked_once(tally):
    assert [tally(), tally(), tally()] == [["data", "call-n1"]] * 3


def test_what_it_said_is_kept_whole(tally):
    tally()
    first = {entry.spec.name: entry.spec for entry in list_components() if entry.dist == "tally"}
    tally()
    kept = {entry.spec.name: entry.spec for entry in list_components() if entry.dist == "tally"}
    assert kept == first
    assert dict(kept["call-n1"].options) == {
        "a": float("inf"), "b": None, "c": True, "d": 2**60, "e": "x"
    }  # fmt: skip
    assert kept["call-n1"].requires == ("json", "no_such_package")
    assert kept["call-n1"].version == "2"
    assert kept["data"].files[0].mirrors == ("b",)


def test_it_is_asked_again_on_demand(tally):
    assert tally() == ["data", "call-n1"]
    assert tally(again=True) == ["data", "call-n2"]
    assert tally() == ["data", "call-n2"]


def add_a_line(folder):
    path = folder / "tally_plugin.py"
    path.write_text(path.read_text() + "\n")


@pytest.mark.parametrize(
    "change",
    [
        add_a_line,
        lambda folder: (folder / "tally_part.py").write_text("a = 1"),
        lambda folder: (folder / "tally-1.dist-info" / "RECORD").write_text("x"),
        lambda folder: (folder / "tally-1.dist-info" / "METADATA").write_text(
            "Name: tally\nVersion: 1.1\n"
        ),
        lambda folder: (folder / "just_installed").mkdir(),
    ],
    ids=["plugin", "module", "record", "version", "beside"],
)
def test_it_is_asked_again_after_a_change(tally, tmp_path, change):
    tally()
    time.sleep(0.02)  # clocks of file systems are coarse
    change(tmp_path)
    assert tally() == tally() == ["data", "call-n2"]


def test_a_damaged_memory_is_none(tally, tmp_path):
    tally()
    (kept,) = (tmp_path.parent / os.environ["HSIZOO_HOME"] / "plugins").iterdir()
    for number, content in enumerate((b"", b"[1]", b"\xff", b'{"key": 1}', b"[" * 10**5), start=2):
        kept.write_bytes(content)
        assert tally() == ["data", f"call-n{number}"]


def test_a_home_that_cannot_be_written(tally, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path / "file"))
    assert [tally(), tally()] == [["data", "call-n1"], ["data", "call-n2"]]


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_an_odd_time_limit_is_an_error(tally, monkeypatch, text):
    monkeypatch.setenv("HSIZOO_PLUGIN_SECONDS", text)
    with pytest.raises(OptionError, match=f"HSIZOO_PLUGIN_SECONDS is '{text}'; expected a number"):
        tally()


def test_without_python_nothing_is_asked_but_ours_are_there(tally, monkeypatch):
    monkeypatch.setattr("sys.executable", "/no/such/python")
    assert tally() == []
    (row,) = [row for row in registry().plugins if row.dist == "tally"]
    assert "no process can be started" in row.detail
    assert any(entry.full_name == "hsizoo/sa" for entry in list_components())


def test_strict_imports_it_here(tally, fake_dist):
    fake_dist("broken", "1", {"broken_plugin": "1 / 0"}, {"b": "broken_plugin"})
    with pytest.raises(PluginError, match="plugin 'b' of broken 1 failed: Zero") as caught:
        Registry(strict=True)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
