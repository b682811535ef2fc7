"""Output in terminals of several widths, and in a pipe."""

import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from hsizoo.cli import console as module
from hsizoo.cli.console import console, print_pairs, print_rows
from hsizoo.zoo.registry import registry

HEAD = ("option", "default", "meaning")
ROWS = [
    ("[bold]beta[/]", "130.0", "How strongly changes of similarity impede the walk"),
    ("scorer", "[red]sa[/]", "Any registered scorer \\[x]"),
]


@pytest.fixture
def printed(monkeypatch):
    """``printed(function, width)``: what it prints on a console; None for a pipe."""

    def run(function, width):
        monkeypatch.delenv("COLUMNS", raising=False)
        if width is not None:
            monkeypatch.setenv("COLUMNS", str(width))
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stdout", stream)
        function(console())
        return stream.getvalue()

    return run


def hsizoo(*words, columns=None):
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    done = subprocess.run(
        [sys.executable, "-m", "hsizoo", *words],
        capture_output=True, text=True, check=True, timeout=120,
        env=environment | ({"COLUMNS": str(columns)} if columns else {}),
    )  # fmt: skip
    return done.stdout


def in_terminal(columns, *words):
    """What a command shows in a terminal of this width, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    with subprocess.Popen(
        [sys.executable, "-m", "hsizoo", *words],
        stdin=theirs, stdout=theirs, stderr=theirs, env={**environment, "TERM": "xterm"},
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        while True:
            try:
                more = os.read(ours, 65536)
            except OSError:  # the terminal is closed
                break
            if not more:
                break
            shown += more
    os.close(ours)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[\d;]*m", "", shown.decode()).replace("\r\n", "\n")


def words_of(text):
    return re.sub(r"\s+", "", text)


def test_a_table_that_fits_is_a_table(printed):
    text = printed(lambda out: print_rows(out, HEAD, ROWS), 80)
    assert text.splitlines() == [
        "option  default  meaning",
        "beta    130.0    How strongly changes of similarity impede the walk",
        "scorer  sa       Any registered scorer [x]",
    ]


def test_prose_is_wrapped_and_nothing_else(printed):
    text = printed(lambda out: print_rows(out, HEAD, ROWS), 50)
    assert text.splitlines() == [
        "option  default  meaning",
        "beta    130.0    How strongly changes of",
        "                 similarity impede the walk",
        "scorer  sa       Any registered scorer [x]",
    ]


def test_paragraphs_where_there_is_no_room_for_a_table(printed):
    wide = [("x" * 30, *ROWS[0][1:]), ROWS[1]]
    text = printed(lambda out: print_rows(out, HEAD, wide), 60)
    assert text.splitlines() == [
        "x" * 30,
        "    default 130.0",
        "    How strongly changes of similarity impede the walk",
        "scorer · default sa · Any registered scorer [x]",
    ]


def test_a_pipe_gets_long_lines_without_an_end_of_spaces(printed):
    long = [("x", "y" * 300, "z " * 300), ("a", "b", "c")]
    text = printed(lambda out: print_rows(out, HEAD, long), None)
    assert len(text.splitlines()) == 3
    assert not re.search(r" \n", text)
    assert "…" not in text
    assert words_of("z " * 300) in words_of(text)


def test_pairs(printed):
    pairs = [("name", "sa"), ("notes", "one two three four five six\nseven"), ("[x]", "[y]")]
    assert printed(lambda out: print_pairs(out, pairs), None).splitlines() == [
        "name   sa", "notes  one two three four five six", "       seven", "[x]    [y]",
    ]  # fmt: skip
    assert printed(lambda out: print_pairs(out, [pairs[1]]), 40).splitlines() == [
        "notes  one two three four five six", "       seven",
    ]  # fmt: skip


@pytest.mark.parametrize(("columns", "width"), [("60", 60), ("3", 40), ("x", None), ("0", None)])
def test_columns_say_how_wide_a_pipe_is(monkeypatch, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert console().width == (width or module._PIPE)


LIGHT = (["list"], ["data", "list"], ["plugins"], ["info", "samsa"], ["list", "-k", "scorer"])


@pytest.mark.parametrize("words", LIGHT, ids=" ".join)
def test_light_commands_at_any_width(words):
    whole = hsizoo(*words)
    assert not re.search(r" \n", whole)
    assert "…" not in whole
    for width in (60, 80, 200):
        text = hsizoo(*words, columns=width)
        assert max(map(len, text.splitlines())) <= width
        assert sorted(words_of(text)) == sorted(words_of(whole))


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_list_in_a_terminal(width):
    text = in_terminal(width, "list")
    assert max(map(len, text.splitlines())) <= width
    assert sorted(words_of(text)) == sorted(words_of(hsizoo("list")))
    for entry in registry().entries():
        assert re.search(rf"^  {re.escape(entry.spec.name)}  ", text, re.M)


def test_a_list_is_grouped_by_kind():
    kind, found = None, []
    for line in hsizoo("list").splitlines():
        if line.startswith("  "):
            found.append((kind, line.split()[0]))
        else:
            kind = line.removesuffix("s")
    every = json.loads(hsizoo("list", "--json"))
    assert sorted(found) == sorted((each["kind"], each["name"]) for each in every)


@pytest.mark.parametrize(
    "words", [["data", "info", "phantom"], ["info", "sa-rw"], ["doctor"], ["train", "--settings"]],
    ids=" ".join,
)  # fmt: skip
def test_cards_and_checks_at_any_width(words):
    whole = hsizoo(*words)
    assert not re.search(r" \n", whole)
    assert "…" not in whole
    for width in (60, 80):
        text = hsizoo(*words, columns=width)
        lines = [x for x in text.splitlines() if not x.startswith(("    curl ", "    hsizoo "))]
        assert max(map(len, lines)) <= width  # but for commands to copy
        for word in ("phantom", "beta", "tensorly", "epochs"):
            assert (word in text) == (word in whole)
