"""IPG's cache of groups: encoded once, in memory, else on disk."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hsizoo_ipg import group_cache
from hsizoo_ipg.dense import DenseEngine
from hsizoo_ipg.groups import band_groups
from hsizoo_ipg.voting import Ballot, Thresholds

import hsizoo

pytestmark = pytest.mark.usefixtures("one_thread")


def votes(budget, **options):
    segmenter = hsizoo.create("sam2.1-nano", kind="segmenter", device="cpu")
    cube = hsizoo.HyperCube(np.random.default_rng(9).random((16, 16, 5)))
    engine = DenseEngine(segmenter, cube, band_groups(cube), budget)
    ballot = Ballot(3, 16, 16, Thresholds(0.5, 0.5))
    clicks = [hsizoo.Clicks([(3, 4)]), hsizoo.Clicks([(9, 9)]), hsizoo.Clicks([(12, 2)])]
    engine.vote(clicks, ballot)
    return ballot.foreground


def test_groups_that_do_not_fit_go_to_the_disk_and_it_is_said():
    expected = votes(1.0)
    with pytest.warns(UserWarning, match="group_cache_gb=1e-06"):
        found = votes(1e-6)
    assert torch.equal(found, expected)
    assert len(list((hsizoo.home() / "ipg" / "groups").glob("*.safetensors"))) == 3


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("none left"),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_when_memory_runs_out_the_disk_takes_over(monkeypatch, error):
    expected = votes(1.0)
    monkeypatch.setattr(group_cache, "_in_memory", lambda budget: Full(budget, error))
    with pytest.warns(UserWarning, match="memory ran out"):
        found = votes(1.0)
    assert torch.equal(found, expected)


class Full(hsizoo.EmbeddingCache):
    def __init__(self, budget, error):
        super().__init__(budget)
        self.error = error

    def get(self, key, compute):
        if self.misses:
            raise self.error
        return super().get(key, compute)


def test_another_error_is_not_taken_for_a_lack_of_memory(monkeypatch):
    monkeypatch.setattr(
        group_cache, "_in_memory", lambda budget: Full(budget, RuntimeError("shapes differ"))
    )
    with warnings.catch_warnings(), pytest.raises(RuntimeError, match="shapes differ"):
        votes(1.0)


def test_each_group_is_encoded_once(monkeypatch):
    group_cache._in_memory.cache_clear()
    seen = []
    project = DenseEngine._project
    monkeypatch.setattr(DenseEngine, "_project", lambda self, n: seen.append(n) or project(self, n))
    votes(1.0)
    assert seen == [0, 1, 2]
