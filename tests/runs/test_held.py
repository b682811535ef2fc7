"""The scene that a worker holds is the one that its cells are about, and stays so."""

import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import hsizoo
from hsizoo.engine.embeddings import embedding_cache
from hsizoo.errors import ContractError, DataError
from hsizoo.protocols.interactive.protocol import InteractiveProtocol
from hsizoo.runs import held as held_module
from hsizoo.runs.case import Case
from hsizoo.runs.datasets import Datasets
from hsizoo.runs.held import HeldScene
from hsizoo.runs.plan import plan
from hsizoo.runs.work import CellWork

PROTOCOL = InteractiveProtocol(clicks=1)

# A scorer that writes to the cube that it is lent, past numpy's flag.
WRITER = """
import warnings

import numpy as np
import torch

import hsizoo

class Writer(hsizoo.SpectralScorer):
    range = (0.0, 1.0)

    def prepare(self, cube):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.from_numpy(cube.data).sub_(1.0)
        return cube

    def score(self, prepared, references):
        return np.zeros((len(references), *prepared.shape[:2]), dtype=np.float32)

class Raiser(Writer):
    def prepare(self, cube):
        super().prepare(cube)
        raise ValueError("and it raises")

class Exiter(Writer):
    def prepare(self, cube):
        super().prepare(cube)
        raise SystemExit("and it leaves")

class Encoder(Writer):  # keeps an encoding of the cube under its digest
    def prepare(self, cube):
        key = hsizoo.embedding_key(cube.digest, {}, "none")
        copied = lambda: {"values": torch.from_numpy(cube.data.copy())}
        self.encoding = hsizoo.embedding_cache().get(key, copied)["values"]
        return cube

class Spoiler(Encoder):
    def prepare(self, cube):
        Writer.prepare(self, cube)
        return super().prepare(cube)

@hsizoo.hookimpl
def hsizoo_components():
    for name in ("Writer", "Raiser", "Exiter", "Encoder", "Spoiler"):
        yield hsizoo.ComponentSpec(
            name=name.lower(), kind="scorer", target=f"{__name__}:{name}", summary="x"
        )
"""


def planned(folder, component="sa", **about):
    return plan([Case(component=component, dataset=folder, protocol=PROTOCOL, seeds=(0,), **about)])


def computed(cell, work=None):
    return (work or CellWork())({**cell.job, "device": "cpu"}, lambda done, total: None)


def replace_unseen(path, content):
    """Replace a file by one of equal size, and set its times back."""
    about = path.stat()
    assert len(content) == about.st_size
    path.write_bytes(content)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


@pytest.fixture
def cubes(put_cubes):
    return put_cubes(split=False)


class TestTheSceneOfAJob:
    def test_a_cube_that_is_added_later_changes_nothing(self, cubes):
        cells = planned(cubes)
        assert [cell.job["scene"] for cell in cells] == ["a", "b", "c"]
        before = [computed(cell)["digests"] for cell in cells]
        Path(cubes, "0.npz").write_bytes(Path(cubes, "c.npz").read_bytes())  # before all others
        assert [computed(cell)["digests"] for cell in cells] == before

    def test_a_cube_that_is_removed_fails_its_cell_only(self, cubes):
        cells = planned(cubes)
        Path(cubes, "b.npz").unlink()
        computed(cells[0])
        computed(cells[2])
        with pytest.raises(DataError, match=r"removed after this run was planned: .*scene 'b'"):
            computed(cells[1])

    def test_a_cube_that_is_replaced_fails_its_cell_whatever_its_time_says(self, cubes):
        cells = planned(cubes)
        replace_unseen(Path(cubes, "b.npz"), Path(cubes, "c.npz").read_bytes())
        computed(cells[0])
        with pytest.raises(DataError, match=r"scene b of .* changed after this run was planned"):
            computed(cells[1])

    def test_a_cube_that_changes_while_it_is_read_fails_its_cell(self, cubes, monkeypatch):
        (cell, *_) = planned(cubes)
        datasets = Datasets()
        dataset = datasets.get(cubes)
        read = dataset.scene

        def then_written(index):
            scene = read(index)
            Path(cubes, "a.npz").write_bytes(Path(cubes, "b.npz").read_bytes())
            return scene

        monkeypatch.setattr(dataset, "scene", then_written)
        with pytest.raises(DataError, match=r"files of scene a .* changed while they were read"):
            computed(cell, CellWork(datasets))

    def test_a_cube_that_changes_while_it_is_in_use_fails_its_cell(self, cubes):
        held = HeldScene(Datasets())
        (cell, *_) = planned(cubes)
        held.prepare(cell.job, PROTOCOL)
        changed = r"a\.npz changed while a cell of scene a was"
        with pytest.raises(DataError, match=changed), held.guarded("sa"):
            replace_unseen(Path(cubes, "a.npz"), Path(cubes, "b.npz").read_bytes())
        assert held.is_empty

    def test_other_values_than_those_of_stored_cells_fail_the_cell(self, cubes):
        (cell, *_) = planned(cubes)
        held = HeldScene(Datasets())
        _, digests = held.prepare(cell.job, PROTOCOL)
        held.prepare({**cell.job, "digests": digests}, PROTOCOL)
        other = {**digests, "cube": "0" * 64}
        with pytest.raises(DataError, match="other values than those that stored cells"):
            held.prepare({**cell.job, "digests": other}, PROTOCOL)


def flat(array):
    """The memory of an array that numpy does not let us write to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.from_numpy(np.asarray(array)).numpy()


def _flip(axis):
    def write(scene):
        data = flat(scene.cube.data)
        data[:] = np.flip(data, axis).copy()

    return write


def _one_bit(scene):
    flat(scene.cube.data)[3, 4, 2:3].view(np.uint32)[0] ^= 1


def _swap(scene):
    data = flat(scene.cube.data)
    data[[1, 2], 3] = data[[2, 1], 3]


def _labels(scene):
    flat(scene.label_map.labels)[0, 0] = 2


def _valid(scene):
    flat(scene.cube.valid)[5, 5] = False


@pytest.mark.parametrize("strip", [False, True])
@pytest.mark.parametrize(
    ("write", "what"),
    [
        (_flip(0), "cube"), (_flip(1), "cube"), (_flip(2), "cube"), (_one_bit, "cube"),
        (_swap, "cube"), (_labels, "label map"), (_valid, "mask of valid pixels"),
    ],
)  # fmt: skip
def test_whatever_is_written_to_is_noticed_and_loaded_anew(cubes, write, what, strip, monkeypatch):
    if strip:
        monkeypatch.setattr("hsizoo.arrays._STRIP_BYTES", 100)
    (cell, *_) = planned(cubes)
    held = HeldScene(Datasets())
    scene, before = held.prepare(cell.job, PROTOCOL)
    for _ in range(2):
        with held.guarded("sa"):
            pass
    changed = f"sa changed the {what} of scene a, which other"
    with pytest.raises(ContractError, match=changed), held.guarded("sa"):
        write(scene)
    assert held.is_empty
    again, digests = held.prepare(cell.job, PROTOCOL)
    assert digests == before
    assert again.cube.data is not scene.cube.data
    with held.guarded("sa"):
        pass


@pytest.mark.parametrize("layout", [(0, 1, 2), (2, 0, 1), (0, 2, 1)])
@pytest.mark.parametrize("write", [_flip(0), _flip(1), _flip(2), _one_bit, _swap])
def test_a_cube_in_any_order_of_memory_is_watched(cubes, layout, write, monkeypatch):
    (cell, *_) = planned(cubes)
    datasets = Datasets()
    scene = datasets.get(cubes).scene(0)
    back = np.argsort(layout)
    turned = scene.cube.data.transpose(layout).copy().transpose(back)
    assert turned.flags.c_contiguous == (layout == (0, 1, 2))
    scene = replace(scene, cube=hsizoo.HyperCube(turned))
    monkeypatch.setattr(datasets.get(cubes), "scene", lambda index: scene)
    held = HeldScene(datasets)
    held.prepare(cell.job, PROTOCOL)
    with held.guarded("sa"):
        pass
    with pytest.raises(ContractError, match="sa changed the cube"), held.guarded("sa"):
        write(scene)


def test_a_map_that_nobody_can_write_to_is_not_read_again(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "a.npy", rng.random((12, 12, 4), dtype=np.float32))
    np.save(tmp_path / "a.mask.npy", np.repeat([[1, 2]], 12, axis=0).repeat(6, axis=1))
    (cell,) = planned(f"{tmp_path}/")
    held = HeldScene(Datasets())
    scene, _ = held.prepare(cell.job, PROTOCOL)
    read = []
    real = held_module._sums
    monkeypatch.setattr(held_module, "_sums", lambda array: read.append(array) or real(array))
    with held.guarded("sa"):
        pass
    assert read
    assert not any(array is scene.cube.data for array in read)


@pytest.mark.parametrize("name", ["writer", "raiser"])
def test_a_component_that_writes_fails_by_name_and_spoils_no_other(
    cubes, fake_dist, tmp_path, name
):
    fake_dist("writing-zoo", "1.0", {"writing_zoo": WRITER}, {"writing": "writing_zoo"})
    alone = hsizoo.bench(["sa", "pcc"], cubes, clicks=1, out=tmp_path / "alone", device="cpu")
    mixed = hsizoo.bench(["sa", name, "pcc"], cubes, clicks=1, out=tmp_path / "mixed", device="cpu")
    assert {each["label"] for each in mixed.failures} == {name}
    assert len(mixed.failures) == 3
    assert {each["error"]["type"] for each in mixed.failures} == {"ContractError"}
    assert f"{name} changed the cube of scene a" in mixed.failures[0]["error"]["message"]

    def figures(result):
        return [
            (each["label"], each["digests"], [one["dice"] for one in each["result"]["samples"]])
            for each in result.records
            if each["status"] == "done"
        ]

    assert sorted(figures(mixed), key=str) == sorted(figures(alone), key=str)


def test_an_encoding_of_a_cube_that_was_changed_never_reaches_the_disk(
    cubes, fake_dist, tmp_path, monkeypatch
):
    fake_dist("writing-zoo", "1.0", {"writing_zoo": WRITER}, {"writing": "writing_zoo"})
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HSIZOO_EMBEDDINGS", "disk")
    embedding_cache.cache_clear()
    try:
        (spoiling, *_), (encoding, *_) = planned(cubes, "spoiler"), planned(cubes, "encoder")
        work = CellWork()
        with pytest.raises(ContractError, match="spoiler changed the cube"):
            computed(spoiling, work)
        assert not [*Path(tmp_path, "home").rglob("*.safetensors")]
        digests = computed(encoding, work)["digests"]
        assert len([*Path(tmp_path, "home").rglob("*.safetensors")]) == 1
        embedding_cache.cache_clear()  # as another process has it
        key = hsizoo.embedding_key(digests["cube"], {}, "none")
        stored = embedding_cache().get(key, dict)["values"]
    finally:
        embedding_cache.cache_clear()
    assert np.array_equal(stored.numpy(), Datasets().get(cubes).scene(0).cube.data)


def test_an_encoding_made_while_the_files_change_never_reaches_the_disk(cubes):
    held = HeldScene(Datasets())
    assert not held.is_unchanged()
    (cell, *_) = planned(cubes)
    held.prepare(cell.job, PROTOCOL)
    assert held.is_unchanged()
    replace_unseen(Path(cubes, "a.npz"), Path(cubes, "b.npz").read_bytes())
    assert not held.is_unchanged()


def test_a_component_that_leaves_in_the_middle_leaves_no_scene_behind(cubes, fake_dist):
    fake_dist("writing-zoo", "1.0", {"writing_zoo": WRITER}, {"writing": "writing_zoo"})
    work = CellWork()
    (one, *_), (other, *_) = planned(cubes), planned(cubes, "exiter")
    before = computed(one, work)["digests"]
    with pytest.raises(SystemExit):
        computed(other, work)
    assert computed(one, work)["digests"] == before
