"""Weight files: found, checked, never executed."""

import contextlib
import hashlib
import json
import os
import pickle
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from hsizoo.errors import DataError, MissingRequirement, StoreError
from hsizoo.weights.files import (
    WeightFile,
    check_state,
    load_state,
    locate,
    parse_safetensors,
    state_digest,
)

CONTENT = b"these are the weights"
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HSIZOO_OFFLINE", "1")
    return tmp_path / "home" / "weights"


def weights(sha256=SHA, url="https://example.invalid/w.pt"):
    return WeightFile("w.pt", url, len(CONTENT), sha256, "Apache-2.0")


def put(folder, content=CONTENT):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "w.pt").write_bytes(content)


def test_offline_error_says_what_to_put_where(folder):
    with pytest.raises(MissingRequirement) as caught:
        locate(weights())
    for part in ("w.pt", SHA, "21 bytes", "https://example.invalid/w.pt", str(folder / "w.pt")):
        assert part in str(caught.value)


def test_a_file_in_its_place_is_used_and_checked(folder):
    put(folder)
    assert locate(weights()) == folder / "w.pt"
    put(folder, b"something else")
    with pytest.raises(DataError, match="not the expected file"):
        locate(weights())


def test_without_a_published_digest_the_first_use_counts(folder):
    put(folder)
    locate(weights(None))
    assert (folder / "w.pt.sha256").read_text() == f"{SHA}  w.pt\n"
    locate(weights(None))
    put(folder, b"changed")
    with pytest.raises(DataError, match=r"the one in w\.pt\.sha256 is"):
        locate(weights(None))
    for damaged in (b"", b"\xff\xfe\0", b"0123  w.pt\n", SHA[:-1].encode(), SHA.upper().encode()):
        (folder / "w.pt.sha256").write_bytes(damaged)
        with pytest.raises(DataError, match=r"w\.pt\.sha256 is damaged.*Delete it if you trust"):
            locate(weights(None))


def test_the_users_own_file_is_taken_as_it_is(tmp_path):
    own = tmp_path / "own.pt"
    with pytest.raises(MissingRequirement, match="no weight file"):
        locate(weights(), own)
    own.write_bytes(b"anything")
    assert locate(weights(), own) == own


@pytest.mark.parametrize("sha256", [SHA, None])
def test_download(folder, file_server, sha256):
    file_server.files["/w.pt"] = CONTENT
    path = locate(weights(sha256, f"{file_server.url}/w.pt"))
    assert path.read_bytes() == CONTENT
    left = {file.name for file in folder.iterdir()}
    assert left - {".w.pt.lock"} == {"w.pt"} | ({"w.pt.sha256"} if sha256 is None else set())


def test_a_failed_download_says_how_to_do_it(file_server):
    with pytest.raises(MissingRequirement, match=r"404(.|\n)*checkpoint=PATH"):
        locate(weights(SHA, f"{file_server.url}/none.pt"))


STATE = {"a.weight": torch.randn(2, 3), "b": torch.arange(4)}


@pytest.mark.parametrize("layout", ["plain.pt", "meta.pt", "s.safetensors"])
def test_state_layouts(tmp_path, layout):
    path = tmp_path / layout
    if layout == "s.safetensors":
        save_file(STATE, path)
    else:
        torch.save({"model": STATE} if layout == "meta.pt" else STATE, path)
    read = load_state(path)
    assert read.keys() == STATE.keys()
    assert all(torch.equal(read[name], STATE[name]) for name in STATE)


class Evil:
    def __reduce__(self):
        return (exec, ("raise SystemExit('executed')",))


@pytest.mark.parametrize("kind", ["pickle", "torch", "text", "safetensors", "list", "absent"])
def test_other_files_are_refused_and_not_executed(tmp_path, kind):
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pt")
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Evil()))
    elif kind in ("torch", "list"):
        torch.save({"model": Evil()} if kind == "torch" else [torch.ones(2)], path)
    elif kind != "absent":
        path.write_text("not weights at all")
    with pytest.raises(DataError, match=path.name):
        load_state(path)


def test_check_state_names_the_first_differences():
    expected = {f"x{n}": (2,) for n in range(5)} | {"y": (1, 2)}
    given = {"y": torch.zeros(3), "z": torch.zeros(1), "x0": torch.zeros(2)}
    with pytest.raises(DataError) as caught:
        check_state(expected, given, "samsa2-nano")
    assert str(caught.value) == (
        "weights do not fit samsa2-nano: 4 missing: x1, x2, x3, …; 1 unknown: z; "
        "1 of another shape: y (3,) instead of (1, 2)"
    )
    check_state({"y": (3,)}, {"y": torch.zeros(3)}, "it")


def test_state_digest_sees_names_types_shapes_and_values():
    base = {"a": torch.zeros(4), "b": torch.ones(2, dtype=torch.bfloat16)}
    others = [
        {"c": base["a"], "b": base["b"]},
        {"a": base["a"].double(), "b": base["b"]},
        {"a": base["a"].reshape(2, 2), "b": base["b"]},
        {"a": base["a"] + 1e-30, "b": base["b"]},
        {"a": base["a"]},
    ]
    digests = {state_digest(state) for state in (base, *others)}
    assert len(digests) == 6
    assert state_digest({"b": base["b"], "a": base["a"].clone()}) == state_digest(base)


def torch_file(path, write, compression=zipfile.ZIP_STORED):
    """Write what torch.save would, with some entries replaced."""
    torch.save({"a": torch.arange(4.0)}, path)
    with zipfile.ZipFile(path) as made:
        entries = {entry.filename: made.read(entry) for entry in made.infolist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, write(name.partition("/")[2], content))


def header(about, body=b""):
    text = about if isinstance(about, bytes) else json.dumps(about).encode()
    return len(text).to_bytes(8, "little") + text + body


TENSOR = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
BAD_SAFETENSORS = {
    "empty": b"",
    "short": b"abc",
    "header": (2**62).to_bytes(8, "little") + b"{}",
    "length": header({"a": TENSOR}, b"0" * 8)[:-1],
    "terabytes": header({"a": {**TENSOR, "shape": [2**41], "data_offsets": [0, 2**43]}}),
    "overlap": header({"a": TENSOR, "b": {**TENSOR, "data_offsets": [4, 12]}}, b"0" * 12),
    "backwards": header({"a": {**TENSOR, "data_offsets": [8, 0]}}, b"0" * 8),
    "negative": header({"a": {**TENSOR, "shape": [-2]}}, b"0" * 8),
    "overflow": header({"a": {**TENSOR, "shape": [2**62, 2**62]}}, b"0" * 8),
    "nested": header(b'{"a":' * 5000 + b"0" + b"}" * 5000),
    "type": header({"a": {**TENSOR, "dtype": "F33"}}, b"0" * 8),
    "text": header({"__metadata__": {"a": 1}, "a": TENSOR}, b"0" * 8),
    "bytes": header(b"\xff\xfe{}"),
    "list": header([]),
}


@pytest.mark.parametrize("name", BAD_SAFETENSORS)
def test_damaged_safetensors_are_one_error(tmp_path, name):
    path = tmp_path / "w.safetensors"
    path.write_bytes(BAD_SAFETENSORS[name])
    with pytest.raises(DataError, match=r"w\.safetensors .{10}") as caught:
        load_state(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(StoreError, match=r"w\.safetensors"):
        parse_safetensors(BAD_SAFETENSORS[name], path, error=StoreError)


BAD_PICKLES = {
    "empty": b"",
    "text": b"\x80\x02these are words",
    "index": b"\x80\x02h\x63.",  # of a memo that is not there
    "pop": b"\x80\x020000.",
    "no end": b"\x80\x02}",
    "bytes": b"\x80\x02X\x04\0\0\0\xff\xfe\xff\xfe.",
    "attribute": b"\x80\x02c_codecs\nencode\nK\x01\x85R.",
    "build": b"\x80\x02}K\x01b.",
    "storage": b"\x80\x02(X\x07\0\0\0storageK\x01K\x01K\x01K\x01tQ.",
}


@pytest.mark.parametrize("layout", ["zip", "plain"])
@pytest.mark.parametrize("name", BAD_PICKLES)
def test_damaged_torch_files_are_one_short_error(tmp_path, name, layout):
    path = tmp_path / "w.pt"
    if layout == "plain":
        path.write_bytes(BAD_PICKLES[name])
    else:
        torch_file(path, lambda part, old: BAD_PICKLES[name] if part == "data.pkl" else old)
    with pytest.raises(DataError, match=r"w\.pt .{10}") as caught:
        load_state(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500 + len(str(path))


def test_values_that_are_not_in_the_file_are_refused(tmp_path):
    path = tmp_path / "w.pt"
    torch.save({"big": torch.zeros(1).expand(2**40)}, path)
    with pytest.raises(DataError, match=r"w\.pt is damaged or malicious: 'big' .*1099511627776"):
        load_state(path)
    torch.save({"sparse": torch.eye(2).to_sparse()}, path)
    with pytest.raises(DataError, match="'sparse'"):
        load_state(path)
    torch.save({"meta": torch.zeros(2**40, device="meta")}, path)
    with pytest.raises(DataError, match="'meta'"):
        load_state(path)
    # More than the entry holds, which torch itself may not notice.
    torch_file(path, lambda part, old: old[:4] if part == "data/0" else old)
    with pytest.raises(DataError, match=r"w\.pt"):
        load_state(path)
    torch_file(path, lambda part, old: old, zipfile.ZIP_DEFLATED)
    assert torch.equal(load_state(path)["a"], torch.arange(4.0))  # compressed, but not a bomb
    torch_file(path, lambda part, old: old)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/1", bytes(10**7))
    with pytest.raises(DataError, match=r"w\.pt .*declare 100\d+ bytes"):
        load_state(path)


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_what_is_no_file_is_refused_at_once(tmp_path, name):
    path = tmp_path / name
    for make, reason in (
        (lambda: None, "does not exist"), (path.mkdir, "is not a file"),
        (lambda: os.mkfifo(path), "is not a file"), (path.touch, "is empty"),
    ):  # fmt: skip
        make()
        with pytest.raises(DataError, match=f"{name} cannot be read as weights: it {reason}"):
            load_state(path)
        if path.is_dir():
            path.rmdir()
        elif path.exists():
            path.unlink()


def test_an_old_torch_file_is_read_but_takes_no_memory_that_it_declares(tmp_path):
    path = tmp_path / "w.pt"
    torch.save({"model": STATE}, path, _use_new_zipfile_serialization=False)
    assert all(torch.equal(each, STATE[name]) for name, each in load_state(path).items())
    content = path.read_bytes()
    six = content.index(b"K\x06", content.index(b"FloatStorage"))
    path.write_bytes(
        content[:six] + b"\x8a\x06" + (2**45).to_bytes(6, "little") + content[six + 2 :]
    )
    with pytest.raises(DataError, match=f"declares {2**45} values in"):
        load_state(path)
    for at in range(0, len(content), 7):  # a length of 2^31 in place of anything
        path.write_bytes(content[:at] + b"T\xff\xff\xff\x7f" + content[at:])
        with contextlib.suppress(DataError):
            load_state(path)
