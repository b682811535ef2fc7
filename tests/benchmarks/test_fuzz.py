"""The fuzz harness notices what it is there for, and damages the same way each time."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hsizoo

ROOT = Path(hsizoo.__file__).resolve().parents[1]
SCRIPT = ROOT / "benchmarks" / "fuzz.py"
pytestmark = [
    pytest.mark.skipif(not SCRIPT.exists(), reason="hsizoo is installed without its sources"),
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
]


def fuzz(*words):
    return subprocess.run(
        [sys.executable, SCRIPT, *words], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip


def test_each_misbehaviour_is_found_and_named():
    done = fuzz("--kinds", "trial", "--count", "9", "--seconds", "5")
    assert done.returncode == 1
    header, row = (line.split() for line in done.stdout.splitlines()[:2])
    assert dict(zip(header, row, strict=True)) == {
        "kind": "trial", "read": "2", "refused": "1", "traceback": "1", "unnamed": "1",
        "memory": "2", "hang": "1", "crash": "1",
    }  # fmt: skip
    found = {}
    for outcome, name in re.findall(r"^(\w+) \(1\) at .*\n.*\n  --only (.*)$", done.stdout, re.M):
        found.setdefault(outcome, []).append(name)
    assert {outcome: sorted(names) for outcome, names in found.items()} == {
        "traceback": ["trial:1"], "unnamed": ["trial:2"], "memory": ["trial:3", "trial:7"],
        "hang": ["trial:4"], "crash": ["trial:5"],
    }  # fmt: skip


def test_one_input_is_repeated():
    done = fuzz("--only", "trial:1")
    assert done.returncode == 1
    assert "KeyError: 'a traceback'" in done.stdout
    folder = Path(re.search(r"^files: (.*)$", done.stdout, re.M)[1])
    assert (folder / "number").read_text() == "1"
    (folder / "number").unlink()
    folder.rmdir()
    assert fuzz("--only", "trial:6").returncode == 0


def test_damage_depends_on_the_number_only(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    from fuzz_inputs import KINDS, damage

    def files(folder):
        return {
            path.relative_to(folder): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != ".lock"
        }

    for kind in ("npz", "png", "clicks", "torch", "safetensors", "tivita"):
        seen = set()
        for number in range(12):
            twice = []
            for again in range(2):
                folder = tmp_path / f"{kind}-{number}-{again}"
                folder.mkdir()
                KINDS[kind].write(folder)
                damage(kind, number, folder)
                twice.append(files(folder))
            assert twice[0] == twice[1]
            seen.add(str(twice[0]))
        assert len(seen) > 9
