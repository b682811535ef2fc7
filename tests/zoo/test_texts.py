"""Texts of plugins: what is left out of them, and errors that fail to say what they are."""

import unicodedata

import hypothesis.strategies as st
import pytest
from hypothesis import given

from hsizoo.errors import SpecError
from hsizoo.zoo.texts import clean, is_plain, one_line


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("fine: é × 漢字 🙂", "fine: é × 漢字 🙂"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;https://a.b\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\after", "after"),
        ("\x1bcreset \x1b(B", "reset"),
        ("a\tb\r\nc\u2028d\xa0e", "a b c d e"),
        ("a\u202eb\u2069c\u200bd\ufeff\xad", "abcd"),
        ("\ud800x\0\x7f\x07", "x"),
        ("नि\u200dम", "नि\u200dम"),
        ("  ", ""),
    ],
)
def test_clean(text, plain):
    assert clean(text, 100) == plain


@given(st.text(), st.integers(1, 30))
def test_what_is_clean_is_harmless_and_stays_so(text, longest):
    plain = clean(text, longest)
    assert len(plain) <= longest + 1
    assert clean(plain, longest + 1) == plain
    assert not {unicodedata.category(each) for each in plain} & {"Cc", "Cs", "Zl", "Zp"}
    assert plain.encode().decode() == plain


def test_lines_and_their_indentation_may_be_kept():
    assert clean("a \r\n  b\x1b[1m\n\n", 100, lines=True) == "a\n  b"


def test_a_plain_text_is_one_short_line():
    assert is_plain("a b", 3)
    assert not is_plain("a b", 2)
    assert not any(is_plain(text, 9) for text in ("a\n", "\t", "\x1b", "\u202e", "\ud800"))


def raising(error):
    class Mine(Exception):
        def __str__(self):
            raise error

    return Mine()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a\n  b"), "ValueError: a b"),
        (ValueError(), "ValueError"),
        (SpecError("x is wrong"), "x is wrong"),
        (SystemExit(7), "SystemExit: 7"),
        (BaseExceptionGroup("g", [KeyboardInterrupt()]), "BaseExceptionGroup: g (1 sub-exception)"),
        (raising(KeyboardInterrupt()), "Mine: its message cannot be read (KeyboardInterrupt)"),
        (raising(RecursionError()), "Mine: its message cannot be read (RecursionError)"),
        (type("\x1b[2JOdd", (Exception,), {})("[/red]"), "Odd: [/red]"),
    ],
)
def test_one_line(error, line):
    assert one_line(error) == line


def test_a_long_message_is_cut():
    assert len(one_line(ValueError("x" * 10_000_000))) < 600
