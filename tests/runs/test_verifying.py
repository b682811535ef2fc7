"""Cells that come out differently in a fresh process are named, and enter no table."""

import pytest

import hsizoo
from hsizoo.engine.store import Store
from hsizoo.errors import OptionError

DATA = (
    "phantom:height=32,width=40,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=2,scenes_per_subject=1"
)

# Every second image that a process prepares is scored in another way, as with libraries that keep
# a cycle in their module.
PLUGIN = """
import itertools
import os

import hsizoo
import numpy as np

turns = itertools.cycle((1.0, 0.5))

class Plain(hsizoo.SpectralScorer):
    threshold = 0.6

    def prepare(self, cube):
        return cube.data / np.linalg.norm(cube.data, axis=2, keepdims=True), 1.0

    def score(self, prepared, references):
        units, power = prepared
        references = references / np.linalg.norm(references, axis=1, keepdims=True)
        return np.clip(np.einsum("hwb,nb->nhw", units, references), 0, 1) ** (60 * power)

class Turns(Plain):
    def prepare(self, cube):
        units, _ = super().prepare(cube)
        return units, next(turns)

class Dies(Plain):
    def prepare(self, cube):
        if os.path.exists("die"):
            os._exit(9)
        return super().prepare(cube)

@hsizoo.hookimpl
def hsizoo_components():
    for name in ("Plain", "Turns", "Dies"):
        yield hsizoo.ComponentSpec(
            name=name.lower(), kind="scorer", target=f"{__name__}:{name}", summary="x"
        )
"""


@pytest.fixture
def plugin(fake_dist, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = fake_dist("turning", "1.0", {"turning": PLUGIN}, {"turning": "turning"})
    monkeypatch.setenv("PYTHONPATH", str(path))
    return tmp_path


def bench(name, **how):
    return hsizoo.bench([name], DATA, clicks=1, device="cpu", out="run", **how)


def test_cells_of_a_good_component_are_the_same(plugin):
    result = bench("plain", verify=5)
    assert result.verified == 2  # there are no more
    assert not result.failures
    assert bench("plain", verify=1).verified == 1  # of those that are stored


def test_a_cell_that_depends_on_those_before_it_has_failed(plugin):
    assert not bench("turns").failures  # nothing is noticed without
    result = bench("turns", verify=2)
    assert result.verified == 1  # the first image of a process is right
    (failure,) = result.failures
    assert (
        "computed once more in a process of its own, this cell has dice"
        in (failure["error"]["message"])
    )
    stored = Store("run").load(failure["key"])
    assert stored["status"] == "failed"
    assert result.table[0].failed_cells == 1


def test_a_negative_number_is_refused(plugin):
    with pytest.raises(OptionError, match="verify must be a number of cells from 0; got -1"):
        bench("plain", verify=-1)


def test_a_process_that_dies_is_no_verdict(plugin):
    before = bench("dies")
    (plugin / "die").touch()
    with pytest.warns(UserWarning, match="could not be verified"):
        after = bench("dies", verify=1)
    assert (after.verified, list(after.failures)) == (0, [])
    assert after.table[0].values["auc"] == before.table[0].values["auc"]
