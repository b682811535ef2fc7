"""What a cell leaves for pictures: an image once for a scene, and never at the cell's expense."""

import warnings

import pytest

import hsizoo
from hsizoo.engine.store import Store
from hsizoo.runs import kept
from hsizoo.runs.kept import KeptImages

TINY = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=2,scenes_per_subject=1"
)


def test_the_image_of_a_scene_is_told_once():
    one, other = (hsizoo.load_scene(TINY, scene=number) for number in (0, 1))
    images = KeptImages()
    told = [images.of(scene) is not None for scene in (one, one, other, other, one)]
    assert told == [True, False, True, False, True]


def test_a_scene_that_cannot_be_drawn_loses_its_picture_only(tmp_path, monkeypatch):
    def broken(scene):
        raise RuntimeError("no colours")

    whole = hsizoo.bench(["sa"], TINY, clicks=1, out=tmp_path / "whole")
    monkeypatch.setattr(kept, "_image", broken)
    with pytest.warns(UserWarning, match="is not drawn: no colours"):
        spoilt = hsizoo.bench(["sa"], TINY, clicks=1, out=tmp_path / "spoilt")
    assert not spoilt.failures
    assert spoilt.table[0]["dice@0.5 1c"] == whole.table[0]["dice@0.5 1c"]
    assert "examples.png" in whole.files
    assert "examples.png" not in spoilt.files


def test_every_scene_has_its_image_whoever_comes_first(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = hsizoo.bench(["sa", "pcc"], TINY, clicks=1, out=tmp_path)
    from hsizoo.engine.mask_log import image_key

    keys = {image_key(record["identity"]) for record in result.records}
    assert len(keys) == 2
    with Store(tmp_path) as store:
        assert all(store.masks.load(key) is not None for key in keys)
        assert all(store.masks.load(record["key"]) is not None for record in result.records)
