"""What a run keeps for pictures: bounded, and a damaged line costs its own picture only."""

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsizoo.engine import packed
from hsizoo.engine.logs import RecordLogs
from hsizoo.engine.mask_log import MaskLog, image_key
from hsizoo.engine.packed import (
    pack_labels,
    pack_mask,
    step_of,
    thinned,
    unpack_labels,
    unpack_mask,
)
from hsizoo.engine.store import Store

DONE = {"status": "done", "identity": {"scene": "a", "dataset": {"component": "x"}}, "result": {}}


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31))
def test_masks_and_labels_come_back(height, width, seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) > 0.5
    labels = rng.integers(-1, 70_000, (height, width))
    assert (unpack_mask(pack_mask(mask), mask.shape) == mask).all()
    assert (unpack_labels(pack_labels(labels), labels.shape) == labels).all()


@pytest.mark.parametrize("text", ["", "!", "AAAA", pack_mask(np.ones((9, 9), dtype=bool))])
def test_what_is_no_mask_of_this_shape_is_an_error(text):
    with pytest.raises(ValueError):
        unpack_mask(text, (4, 4))


def test_a_short_text_does_not_fill_the_memory(monkeypatch):
    text = pack_mask(np.zeros((20_000, 20_000), dtype=bool))
    assert len(text) < 400_000
    seen = []
    plain = packed.zlib.decompressobj

    class Watched:
        def __init__(self):
            self.inner = plain()

        def decompress(self, data, most):
            seen.append(most)
            return self.inner.decompress(data, most)

    monkeypatch.setattr(packed.zlib, "decompressobj", Watched)
    with pytest.raises(ValueError, match="expected 2"):
        unpack_mask(text, (4, 4))
    assert seen == [3]


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_the_thinned_shape_is_that_of_the_strided_array(height, width):
    values = np.broadcast_to(False, (height, width))
    step = step_of((height, width))
    assert values[::step, ::step].shape == thinned((height, width))
    assert max(thinned((height, width))) <= 1024


def test_kept_lines_are_read_and_damage_costs_one(tmp_path):
    with Store(tmp_path) as store:
        for name in "abc":
            store.masks.keep(name, {"masks": [name]})
    (path,) = (tmp_path / "masks").iterdir()
    path.write_bytes(path.read_bytes().replace(b'["b"]', b'["x"]'))
    log = Store(tmp_path).masks
    assert log.load("a") == {"key": "a", "masks": ["a"], "digest": log.load("a")["digest"]}
    assert log.load("b") is None
    assert log.load("c")["masks"] == ["c"]
    assert log.load("never") is None


def test_a_torn_line_spoils_no_other_and_files_are_joined_with_cat(tmp_path):
    for name in ("one", "two"):
        with Store(tmp_path / name) as store:
            store.masks.keep(f"{name} mask", {"masks": [name]})
    first, second = (next((tmp_path / name / "masks").iterdir()) for name in ("one", "two"))
    torn = first.read_bytes() + b'\n{"key": "torn", "masks'
    first.write_bytes(torn + second.read_bytes())
    with Store(tmp_path / "one") as store:
        store.masks.keep("later", {"masks": ["z"]})
    log = MaskLog(tmp_path / "one")
    assert [log.load(f"{name} mask")["masks"] for name in ("one", "two")] == [["one"], ["two"]]
    assert log.load("later")["masks"] == ["z"]
    assert log.load("torn") is None


def test_there_is_a_limit_which_earlier_runs_count_towards(tmp_path):
    line = {"masks": ["x" * 1000]}
    with Store(tmp_path) as store:
        store.masks.limit = 5000
        for number in range(10):
            store.masks.keep(str(number), line)
        assert [str(number) in store.masks for number in range(10)] == [True] * 4 + [False] * 6
    with Store(tmp_path) as store:
        store.masks.limit = 5000
        store.masks.keep("again", line)
        assert "again" not in store.masks
        store.masks = MaskLog(tmp_path)
        store.masks.limit = 10_000
        store.masks.keep("more", line)
        assert "more" in store.masks
    size = sum(path.stat().st_size for path in (tmp_path / "masks").iterdir())
    assert size < 10_000


def test_an_image_is_kept_once(tmp_path):
    with Store(tmp_path) as store:
        store.masks.keep("image-1", {"picture": "first"}, once=True)
        store.masks.keep("image-1", {"picture": "second"}, once=True)
        assert store.masks.load("image-1")["picture"] == "first"
    (path,) = (tmp_path / "masks").iterdir()
    assert path.read_bytes().count(b"image-1") == 1


def test_a_full_disk_ends_the_keeping_and_nothing_else(tmp_path, monkeypatch):
    def full(self, key, line, *, flush=True):
        raise OSError(28, "No space left on device")

    with Store(tmp_path) as store:
        monkeypatch.setattr(RecordLogs, "append", full)
        with pytest.warns(UserWarning, match="no more masks are kept"):
            store.masks.keep("a", {"masks": []})
        store.masks.keep("b", {"masks": []})
        monkeypatch.undo()
        store.save("a", DONE)
    assert Store(tmp_path).load("a")["status"] == "done"


def test_masks_are_taken_over_with_the_record(tmp_path):
    image = image_key(DONE["identity"])
    with Store(tmp_path / "lender") as store:
        store.masks.keep("a", {"masks": ["m"]})
        store.masks.keep(image, {"picture": "p"})
        store.save("a", DONE)
    with Store(tmp_path / "mine", tmp_path / "lender") as store:
        assert store.head("a").status == "done"
    shutil.rmtree(tmp_path / "lender")
    log = Store(tmp_path / "mine").masks
    assert log.load("a")["masks"] == ["m"]
    assert log.load(image)["picture"] == "p"


def test_cells_of_a_scene_share_an_image_unless_it_is_perturbed_at_random():
    scene = {"dataset": {"component": "x", "data_version": "1"}, "scene": "a"}
    first = image_key({**scene, "seed": 0, "component": "one"})
    assert first == image_key({**scene, "seed": 1, "component": "two"})
    assert first != image_key({**scene, "dataset": {"component": "x", "data_version": "2"}})
    noisy = {**scene, "perturbation": {"name": "noise"}}
    assert image_key({**noisy, "seed": 0}) != image_key({**noisy, "seed": 1}) != first
