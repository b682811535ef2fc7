"""What makes the host wait for a GPU while a scorer computes a click: each reason is listed here.

A GPU works through a queue; whoever reads a value of it, or an index that depends on values, waits
until the queue is empty.  The map of a click is read once, by the protocol.
"""

import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import hsizoo
from hsizoo.zoo.factory import resolve

READERS = ("item", "tolist", "__bool__", "__float__", "__int__", "__index__", "numpy")
CHOOSING = ("aten.nonzero", "aten.masked_select", "aten._local_scalar_dense", "aten.equal")
RANGE = "scoring._check_range"
"""A scorer's maps are checked against its range, those of new clicks and those of `finish`."""
OPPOSITE = "units.chords"
"""Spectra nearly opposite to a single reference are compared again."""

EXPECTED = {
    "sa": {OPPOSITE, RANGE},
    "sa-eq": {OPPOSITE, RANGE},
    "sa-eq:order=aggregated": {OPPOSITE, RANGE},
    "pcc": {OPPOSITE, RANGE},
}


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


@pytest.mark.parametrize("name", EXPECTED)
def test_a_further_click_waits_for_nothing_else(name, fake_mode, waits):
    cube = hsizoo.HyperCube(np.random.default_rng(0).random((12, 16, 6)))
    first, second = hsizoo.Clicks([(1, 2)]), hsizoo.Clicks([(1, 2), (5, 6)])
    with fake_mode:
        model = resolve(name, "segmenter").build("cuda")
        state = model.open(cube)
        model.predict(state, [first])  # what is made once per image may wait
        waits.places.clear()
        with waits:
            found = model.predict(state, [second])
        assert found.device.type == "cuda"
    assert set(waits.places) == EXPECTED[name]


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
