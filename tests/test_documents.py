"""JSON and TOML of strangers: one error that names the file, or the right content."""

import json
import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsizoo.documents import (
    parse_json,
    read_file,
    read_json,
    read_sealed,
    read_toml,
    sealed,
    user_path,
)
from hsizoo.errors import DataError, StoreError

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@given(values, st.booleans())
def test_json_is_read_as_json_reads_it(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert parse_json(text.encode(), "here") == json.loads(text)


BAD_JSON = {
    "deep": b"[" * 10_000 + b"]" * 10_000,
    "too deep": b"[" * 66 + b"]" * 66,
    "too deep, with brackets in strings": b'{"]]": ' + b'["]",' * 65 + b"0" + b"]" * 65 + b"}",
    "digits": b"[" + b"7" * 5000 + b"]",
    "beyond float64": b"[1" + b"0" * 400 + b"]",
    "with a point": b"[1" + b"0" * 400 + b".0]",
    "exponent": b'{"a": 1e400}',
    "signed exponent": b"[-1.5E+0400]",
    "long, with an exponent": b"[" + b"9" * 290 + b"e30]",
    "after a digest": b'{"sha256": "0e123", "a": [0, 2.25e999]}',
    "nan": b"[NaN]",
    "infinity": b"[-Infinity]",
    "twice": b'{"a": 1, "b": 2, "a": 3}',
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "latin-1": '{"a": "ü"}'.encode("latin-1"),
    "nul": b'{"a": "\0"}',
    "zeros": b"\0" * 50,
    "cut": b'{"a": [1, 2',
    "empty": b"",
}


@pytest.mark.parametrize("name", BAD_JSON)
def test_bad_json_is_one_error_with_the_name(tmp_path, name):
    (tmp_path / "a.json").write_bytes(BAD_JSON[name])
    with pytest.raises(DataError, match=r"a\.json is not JSON: .{5}") as caught:
        read_json(tmp_path / "a.json")
    assert len(str(caught.value)) < 300 + len(str(tmp_path))
    with pytest.raises(StoreError):
        read_json(tmp_path / "a.json", error=StoreError)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' is there twice"),
        ("[1e999]", "a number is too large"),
        ("[" * 999 + "]" * 999, "nested more than 64 deep"),
        ("[NaN]", "NaN is not a number"),
    ],
)
def test_the_reason_is_said(text, reason):
    with pytest.raises(DataError, match=reason):
        parse_json(text, "x")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 64 + "]" * 64,
        '["' + "[" * 500 + '"]',
        '["\\"' + "[" * 500 + '"]',
        json.dumps({str(n): [n] for n in range(500)}),
        '{"digest": "1e400", "also": "a0e9999", "so": ":1e400,"}',
        "[1.7976931348623157e308, 1e-400, 1e-999999, 0.1e0003]",
        "[" + "1" * 300 + "]",
        "[0." + "1" * 3000 + "]",
    ],
)
def test_what_only_looks_bad_is_read(text):
    assert parse_json(text, "x") == json.loads(text)


@given(
    st.text("0123456789", min_size=1, max_size=320),
    st.sampled_from(["", ".0", ".5"]),
    st.sampled_from(["", "e", "E", "e+", "E+", "e-"]),
    st.integers(0, 700),
    st.sampled_from(["[%s]", '{"aE0": %s}', "%s", "[0,\n-%s]", '{"e0e999": [ %s, "e"]}']),
)
def test_every_number_that_is_read_is_finite(digits, point, letter, exponent, around):
    number = (digits.lstrip("0") or "0") + point + (f"{letter}{exponent}" if letter else "")
    finite = math.isfinite(float(number))
    try:
        parse_json(around % number, "x")
    except DataError:
        assert not finite
    else:
        assert finite


BAD_TOML = {
    "deep": b"a = " + b"[" * 10_000,
    "tables": b"[" + b".".join([b"a"] * 70) + b"]\n",
    "dots": b".".join([b"a"] * 500_000) + b" = 1",
    "dots of a table": b"[" + b".".join([b"a"] * 500_000) + b"]",
    "digits": b"a = " + b"7" * 5000,
    "exponent": b"a = [1.5, 1e400]",
    "infinity": b"a = {b = -inf}",
    "nan": b"a = nan",
    "twice": b"a = 1\na = 2",
    "utf-16": "a = 1".encode("utf-16"),
    "nul": b"a = 1\0",
    "cut": b"a = [1,",
}


@pytest.mark.parametrize("name", BAD_TOML)
def test_bad_toml_is_one_error_with_the_name(tmp_path, name):
    (tmp_path / "a.toml").write_bytes(BAD_TOML[name])
    with pytest.raises(DataError, match=r"a\.toml is not TOML: .{5}"):
        read_toml(tmp_path / "a.toml")


def test_toml_is_read(tmp_path):
    content = 'title = "é"\n[a.b]\nc = [0.1, 1e300]\n'.encode()
    (tmp_path / "a.toml").write_bytes(content)
    table = {"title": "é", "a": {"b": {"c": [0.1, 1e300]}}}
    assert read_toml(tmp_path / "a.toml") == (table, content)


@pytest.mark.parametrize("read", [read_file, read_json, read_toml])
def test_what_is_no_file_is_refused_at_once(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, reason in (
        ("pipe", "it is a pipe"), ("folder", "it is a folder"), ("none", "No such file"),
        ("a\0b", "null"), ("x" * 1000, "too long"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=f"cannot be read: .*{reason}"):
            read(tmp_path / name)


def test_a_long_file_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(2**40)  # takes no space
    for read in (read_json, read_toml):
        with pytest.raises(DataError, match=f"has {2**40} bytes; expected at most"):
            read(tmp_path / "a.json")


def test_a_byte_order_mark_is_no_fault(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbfa = nan")
    assert parse_json(b'\xef\xbb\xbf{"a": 1}', "a.json") == {"a": 1}
    table, _ = read_toml(tmp_path / "a.toml", nan=True)
    assert table["a"] != table["a"]
    with pytest.raises(DataError, match="not a number"):
        read_toml(tmp_path / "a.toml")


@pytest.mark.parametrize("indent", [None, 1])
def test_each_bit_of_what_is_sealed_counts(tmp_path, indent):
    path, whole = tmp_path / "a.json", {"a": [1, 2.5], "b": {"c": "}"}, "d": "ä"}
    content = sealed(json.dumps(whole, indent=indent)).encode()
    path.write_bytes(content)
    assert read_sealed(path) == whole
    path.write_bytes(content.replace(b"\n", b"\r\n") + b"\n")  # as some tools copy texts
    assert read_sealed(path) == whole
    for at in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[at // 8] ^= 1 << at % 8
        path.write_bytes(flipped)
        try:
            found = read_sealed(path)
        except DataError:
            continue
        # The word "seal" itself, of one that says that it is older than seals are.
        assert {key: found[key] for key in whole} == whole


def test_what_has_no_seal_is_as_old_as_seals_are(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1}')
    assert read_sealed(tmp_path / "a.json") == {"a": 1}
    (tmp_path / "a.json").write_text("[1]")
    assert read_sealed(tmp_path / "a.json") == [1]


def test_a_path_is_read_as_users_type_it(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/a") == tmp_path / "a"
    assert user_path(tmp_path / "~") == tmp_path / "~"
    with pytest.raises(DataError, match=r"~nosuchuser is no home folder.*in full"):
        user_path("~nosuchuser/a")
