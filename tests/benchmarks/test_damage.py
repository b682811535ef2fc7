"""What a run reads back is damaged a little here, and much by the command itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import hsizoo

SCRIPT = Path(hsizoo.__file__).resolve().parents[1] / "benchmarks" / "damage.py"
QUICK = ["records", "results", "times", "answers", "pins", "rounds"]
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="hsizoo is installed without sources")


def damage(*words, before=(SCRIPT,)):
    return subprocess.run(
        [sys.executable, *before, *words], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip


def test_no_damage_makes_another_figure():
    done = damage("--count", "6", "--seed", "1", "--kinds", *QUICK)
    assert done.returncode == 0, done.stdout + done.stderr
    header, *lines = (line.split() for line in done.stdout.splitlines())
    found = {line[0]: dict(zip(header[1:], line[1:], strict=True)) for line in lines}
    assert list(found) == QUICK
    assert {row["trials"] for row in found.values()} == {"6"}
    assert found["results"]["mended"] > "0"
    assert found["pins"]["told"] > "0"


BLIND = """
import runpy, sys
import hsizoo.documents
hsizoo.documents.check_seal = lambda value, *_, **__: value
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_it_sees_what_it_is_there_for():
    done = damage("--only", "1", "--kinds", "results", before=("-c", BLIND, SCRIPT))
    assert done.returncode == 1
    assert "results 1: digit of run/results.json: other figures" in done.stdout


@pytest.mark.slow
def test_no_damage_of_what_takes_longer_makes_another_figure():
    done = damage("--count", "12", "--kinds", "digests", "embeddings", "trained", "checkpoint",
                  "training")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
