"""The official training map of Indian Pines, and the draw that keeps outside of it."""

from pathlib import Path

import numpy as np
import pytest

import hsizoo
from hsizoo.errors import DataError, MissingRequirement
from hsizoo.protocols.few_label.splits import draw_split

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def test_a_missing_map_says_where_to_put_it(monkeypatch):
    monkeypatch.delenv("HSIZOO_DATA", raising=False)
    with pytest.raises(MissingRequirement, match=r"indian_pines_disjoint_train.npz is not in"):
        hsizoo.load_dataset("indian-pines").training_map(0)


def test_another_map_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HSIZOO_DATA", str(tmp_path))
    np.savez(tmp_path / "indian_pines_disjoint_train.npz", train=np.ones((145, 145), np.uint8))
    with pytest.raises(DataError, match="not the expected map"):
        hsizoo.load_dataset("indian-pines").training_map(0)


@pytest.mark.skipif(
    not (DATA / "indian_pines_disjoint_train.npz").exists(),
    reason="the map is not in ../shared/data beside the checkout",
)
def test_drawn_inside_and_tested_outside(monkeypatch):
    monkeypatch.setenv("HSIZOO_DATA", str(DATA))
    dataset = hsizoo.load_dataset("indian-pines")
    allowed = dataset.training_map(0)
    assert allowed.sum() == 5689
    scene = dataset.scene(0)
    split = draw_split(scene, shots=5, draw="official", seed=0, training_map=allowed)
    assert len(split.train) == 80
    assert allowed.flat[split.train].all()
    assert not allowed.flat[split.test].any()
    mowed = scene.label_map.labels.flat[split.test] == 7
    assert mowed.sum() == 2


def test_other_datasets_have_none():
    assert hsizoo.load_dataset("phantom").training_map(0) is None
