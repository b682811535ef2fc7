"""Weight files: found, checked, never executed."""

import hashlib
import pickle

import pytest
import torch
from safetensors.torch import save_file

from hsizoo.errors import DataError, MissingRequirement
from hsizoo.weights.files import (
    WeightFile,
    check_state,
    load_state,
    locate,
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
