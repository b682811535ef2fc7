"""The most memory that a piece of work needed."""

import sys

import numpy as np
import pytest
import torch

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


def test_a_gpu_that_nobody_has_used_yet(monkeypatch):
    def refuse(device):
        raise RuntimeError("Invalid device argument ")  # torch's words, on a real one

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", refuse)
    measured = PeakMemory("cuda:0")
    assert measured.megabytes()["device"] == 0
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3_000_000)
    assert measured.megabytes()["device"] == 3
    reset = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", reset.append)
    PeakMemory("cuda:0")
    assert reset == ["cuda:0"]
