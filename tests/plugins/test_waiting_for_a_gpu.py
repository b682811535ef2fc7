"""What makes the host wait for a GPU while a click is computed: each reason is listed here.

A GPU works through a queue; whoever reads a value of it, or an index that depends on values, waits
until the queue is empty.  The map of a click is read once, by the protocol.
"""

import copy
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
from hsizoo_sam2.sam21 import Sam21
from hsizoo_samsa.samsa import Samsa
from hsizoo_samsa.samsa2 import Samsa2
from torch.utils._python_dispatch import TorchDispatchMode

import hsizoo
from hsizoo.engine.embeddings import EmbeddingCache
from hsizoo.zoo.factory import resolve

READERS = ("item", "tolist", "__bool__", "__float__", "__int__", "__index__", "numpy")
CHOOSING = ("aten.nonzero", "aten.masked_select", "aten._local_scalar_dense", "aten.equal")
NANO = {"size": "nano", "checkpoint": "random", "precision": "bfloat16"}
RANGE = "scoring._check_range"
"""A scorer's maps are checked against its range: once for the new clicks, once for `finish`."""
OPPOSITE = "units.chords"
"""Spectra nearly opposite to a single reference are compared again."""

EXPECTED = {
    "sa": [OPPOSITE, RANGE],
    "sa-eq": [OPPOSITE, RANGE],
    "sa-eq:order=aggregated": [OPPOSITE, RANGE, RANGE],
    "pcc": [OPPOSITE, RANGE],
    "sam2.1-nano": [],
    "samsa-nano": [OPPOSITE, RANGE],
    "samsa2-nano": [OPPOSITE, RANGE],
}
SAMS = {"sam2.1-nano": Sam21, "samsa-nano": Samsa, "samsa2-nano": Samsa2}


class Waits(TorchDispatchMode):
    """Where in hsizoo the host waits."""

    def __init__(self):
        super().__init__()
        self.places = []

    def note(self):
        frames = [f for f in traceback.extract_stack() if "/hsizoo" in f.filename]
        inside = [f for f in frames if "tests" not in Path(f.filename).parts]
        self.places.append(f"{Path(inside[-1].filename).stem}.{inside[-1].name}")

    def __torch_dispatch__(self, function, types, given=(), named=None):
        name, named = str(function), named or {}
        tensors = [each for each in given if isinstance(each, torch.Tensor)]
        on_gpu = any(each.device.type == "cuda" for each in tensors)
        leaves = name.startswith("aten._to_copy") and str(named.get("device")) == "cpu"
        masks = name.startswith(("aten.index.", "aten.index_put")) and any(
            each is not None and each.dtype in (torch.bool, torch.uint8) for each in given[1]
        )
        if on_gpu and (leaves or masks or name.startswith(CHOOSING)):
            self.note()
        return function(*given, **named)


@pytest.fixture
def waits(values_are_made_up, monkeypatch):
    """Records, while entered, what reads a GPU's values."""
    mode = Waits()
    for name in READERS:
        real = getattr(torch.Tensor, name)

        def read(self, *given, real=real, **named):
            if self.device.type == "cuda":
                mode.note()
            return real(self, *given, **named)

        monkeypatch.setattr(torch.Tensor, name, read)
    return mode


@pytest.fixture(autouse=True)
def _apart(monkeypatch):
    """Nothing that has no values may be kept for others."""
    fresh = EmbeddingCache()
    monkeypatch.setattr("hsizoo_sam2.sam21.embedding_cache", lambda: fresh)


def on_gpu(name, to_fake_device):
    if name not in SAMS:
        return resolve(name, "segmenter").build("cuda")
    model = SAMS[name](**NANO)
    model.network = copy.deepcopy(model.network)  # its encoder is shared
    to_fake_device(model.network, "cuda")
    if isinstance(model, Samsa):
        to_fake_device(model.fusion, "cuda")
    if isinstance(model, Samsa | Samsa2):
        model.similarity._device = "cuda"
        model.similarity._segmenter = resolve("sa-eq", "segmenter").build("cuda")
    return model


@pytest.mark.parametrize("name", EXPECTED)
def test_a_further_click_waits_for_nothing_else(name, fake_mode, to_fake_device, waits):
    cube = hsizoo.HyperCube(np.random.default_rng(0).random((12, 16, 6)))
    first, second = hsizoo.Clicks([(1, 2)]), hsizoo.Clicks([(1, 2), (5, 6)])
    with fake_mode:
        model = on_gpu(name, to_fake_device)
        state = model.open(cube)
        model.predict(state, [first])  # what is made once per image may wait
        waits.places.clear()
        with waits:
            found = model.predict(state, [second])
        assert found.device.type == "cuda"
    assert sorted(waits.places) == sorted(EXPECTED[name])


def test_waiting_is_noticed(fake_mode, waits):
    """Each kind of it, as if code of hsizoo did it."""
    waits.note = lambda: waits.places.append("here")
    with fake_mode:
        values = torch.ones(3, device="cuda")
        chosen = values > 0
        for each in (
            lambda: values.cpu(),
            lambda: values.to("cpu"),
            lambda: torch.nonzero(chosen),
            lambda: values[chosen],
            lambda: values.sum().item(),
            lambda: values.tolist(),
            lambda: bool(chosen.any()),
        ):
            waits.places.clear()
            with waits:
                each()
            assert waits.places
        waits.places.clear()
        with waits:
            torch.where(chosen, values, 0).masked_fill(chosen, 1).max()
        assert not waits.places
