"""The most memory that a piece of work needed."""

import sys

import numpy as np
import pytest

from hsizoo.engine import memory
from hsizoo.engine.memory import PeakMemory


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_what_was_held_for_a_moment_is_seen():
    measured = PeakMemory("cpu")
    block = np.ones(25_000_000)  # 200 MB
    del block
    first = measured.megabytes()["host"]
    assert 150 < first < 400
    assert PeakMemory("cpu").megabytes()["host"] < 100  # an earlier peak does not count


def test_a_system_that_does_not_tell_gives_none(monkeypatch):
    monkeypatch.setattr(memory, "_reset_high_water", lambda: False)
    assert PeakMemory("cpu").megabytes() == {"host": None}
