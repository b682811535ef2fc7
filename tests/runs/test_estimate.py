"""What a run would compute and take."""

from pathlib import Path

import numpy as np
import pytest
from hsizoo_datasets.heipor import Heipor

import hsizoo
from hsizoo.engine.embeddings import EmbeddingCache
from hsizoo.engine.store import Store
from hsizoo.errors import OptionError
from hsizoo.runs import calibrating
from hsizoo.runs.estimate import estimate
from hsizoo.runs.request import make_request

SMALL = "phantom:height=32,width=32,bands=8,train_subjects=0,val_subjects=0,test_subjects=2"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def estimated(components, dataset=SMALL, *, clicks=2, how=(), **options):
    return estimate(make_request(components, dataset, clicks=clicks, **options), **dict(how))


def everything(folder):
    return sorted(str(path) for path in Path(folder).rglob("*"))


def change(folder, new):
    """Store the cells of a run again, each with what ``new(record, number)`` returns."""
    with Store(folder) as store:
        for number, key in enumerate(sorted(store.stored())):
            record = store.load(key)
            store.save(key, {**record, **new(record, number)})


def test_a_run_that_was_never_made_is_counted_and_its_time_is_a_guess():
    found = estimated(["sa", "pcc"], perturbations=["none", "noise"])
    assert (found.cells, found.done, found.images) == (16, 0, 8)
    assert (found.encodings, found.cache_bytes) == (0, 0)
    assert (found.objects, found.objects_basis, found.decodings) == (5.0, "guess", 160)
    assert found.bytes_read == 0
    assert [(part.component, part.cells, part.basis) for part in found.parts] == [
        ("sa", 8, "guess"), ("pcc", 8, "guess"),
    ]  # fmt: skip
    assert found.seconds > 0
    assert len(found.notes) == 2
    assert everything(".") == []


def test_done_cells_are_not_counted_and_their_seconds_are_the_measure():
    run = hsizoo.bench("sa", SMALL, clicks=2, limit=3)
    change(run.folder, lambda record, number: {"seconds": (9, 2, 1)[number]})
    before = everything(".")
    found = estimated(["sa", "pcc"])
    assert everything(".") == before
    assert (found.cells, found.done, found.images) == (8, 0, 4)  # the other run has a limit
    sa, pcc = found.parts
    assert (sa.seconds, sa.basis, sa.records) == (2, "this data", 3)
    assert pcc.basis == "guess"
    objects = np.mean([len(each["result"]["samples"]) for each in run.records])
    assert found.objects == pytest.approx(objects)
    assert found.decodings == round(objects * 2 * 8)
    again = estimated(["sa", "pcc"], out=run.folder)
    assert (again.cells, again.done, again.images) == (8, 3, 4)
    assert {part.component: part.cells for part in again.parts} == {"sa": 1, "pcc": 4}
    assert estimated("sa", out=run.folder, how={"overwrite": "always"}).done == 0


def test_other_data_are_better_than_a_guess_but_not_those_of_another_device(monkeypatch):
    hsizoo.bench("sa", SMALL.replace("bands=8", "bands=9"), clicks=2)
    (part,) = estimated("sa").parts
    assert (part.basis, part.records) == ("other data", 4)
    (folder,) = Path("hsizoo-runs").iterdir()
    change(folder, lambda record, number: {"provenance": {"device": "NVIDIA H100"}})
    assert estimated("sa").parts[0].basis == "guess"


def test_records_beside_it_that_cannot_be_read_do_not_count(recwarn):
    run = hsizoo.bench("sa", SMALL, clicks=2, limit=2)
    laid_out_otherwise = {"result": {"dice": [1.0]}, "identity": {"dataset": "x"}}
    with Store(run.folder) as store:
        for key in store.stored():
            store.save(f"{key}-old", {**store.load(key), "result": {"dice": [1.0]}})
            store.save(f"{key}-other", {**store.load(key), **laid_out_otherwise})
            store.save(f"{key}-bare", {"status": "done", "result": {"dice": [1.0]}})
    (log,) = (run.folder / "cells").iterdir()
    last = log.read_bytes().rstrip(b"\n")[-3:]
    log.write_bytes(log.read_bytes().rstrip(b"\n").removesuffix(last) + b"0" + last[1:] + b"\n")
    found = estimated("sa", out="elsewhere")
    assert found.objects == np.mean([len(each["result"]["samples"]) for each in run.records])
    assert [str(each.message) for each in recwarn if "recomputing" in str(each.message)] == []


def test_of_a_whole_run_nothing_is_left():
    hsizoo.bench("sa", SMALL, clicks=2)
    found = estimated("sa")
    assert (found.cells, found.done, found.images, found.seconds) == (4, 4, 0, 0.0)
    assert (found.parts, found.notes, found.hours) == ([], [], 0.0)


def test_processes_share_the_work_and_none_is_faster_than_its_longest_cell():
    one, four, many = (estimated("sa", how={"jobs": jobs}) for jobs in (1, 4, 1000))
    assert one.seconds == four.seconds == many.seconds
    start = 3600 * one.hours - (one.seconds - 2.0)
    assert 3600 * four.hours - start == pytest.approx((one.seconds - start) / 4)
    assert 3600 * many.hours - start == pytest.approx(one.parts[0].seconds)
    with pytest.raises(OptionError, match="jobs must be at least 1"):
        estimated("sa", how={"jobs": 0})


def test_components_with_the_same_weights_share_an_encoding(monkeypatch):
    names = ["samsa2-nano:weights=none", "sam2.1-nano", "sa"]
    found = estimated(names, how={"allow_untrained": True})
    assert found.encodings == found.images == 4
    assert found.cache_bytes == 4 * 88e6


def test_a_trial_measures_time_objects_and_encodings_and_leaves_nothing(monkeypatch):
    cache = EmbeddingCache()
    monkeypatch.setattr(calibrating, "embedding_cache", lambda: cache)
    monkeypatch.setattr("hsizoo_sam2.sam21.embedding_cache", lambda: cache)
    names = ["sam2.1-nano", "samsa2-nano:weights=none", "sa"]
    found = estimated(names, how={"calibrate": True, "allow_untrained": True})
    assert everything(".") == []
    assert [(part.basis, part.records) for part in found.parts] == [("this data", 1)] * 3
    assert found.encodings == 4
    assert cache.misses == 2
    assert found.cache_bytes == round(4 * cache.mean_bytes)
    assert found.objects_basis == "this data"
    assert found.notes == []
    # The run itself, within what a busy machine does to it.
    run = hsizoo.bench(names, SMALL, clicks=2, allow_untrained=True)
    spent = sum(record["seconds"] for record in run.records)
    assert found.seconds == pytest.approx(spent, rel=0.9, abs=5)


def test_a_trial_that_fails_says_so(monkeypatch):
    def fail(self, state, prompts):
        raise RuntimeError("no")

    monkeypatch.setattr("hsizoo.zoo.scoring.ScorerSegmenter.predict", fail)
    found = estimated("sa", how={"calibrate": True})
    assert found.parts[0].basis == "guess"
    assert found.notes[-1].startswith("2 cell(s) of the trial failed")


def test_bytes_are_those_of_the_files_each_as_often_as_it_is_loaded(tmp_path):
    root = Heipor.write_fixture(tmp_path / "data")
    dataset = f"heipor:data_dir={root}"
    sizes = []
    for cube in sorted(root.rglob("*_SpecCube.dat")):
        masks = list(cube.parent.glob("annotations/*#binary.png"))
        sizes.append(sum(path.stat().st_size for path in [cube, *masks]))
    heipor = Heipor(data_dir=str(root))
    assert [heipor.bytes_read(index) for index in range(len(heipor))] == sizes
    assert estimated(["sa", "pcc"], dataset).bytes_read == sum(sizes)
    twice = {"perturbations": ["none", "noise"], "how": {"jobs": 2}}
    assert estimated("sa", dataset, **twice).bytes_read == 2 * sum(sizes)


def test_a_folder_tells_its_bytes(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    np.save(folder / "a.npy", np.ones((6, 5, 4), dtype=np.float32))
    np.save(folder / "a_mask.npy", np.eye(6, 5, dtype=np.uint8))
    dataset = hsizoo.create(f"folder:path={folder}", kind="dataset")
    expected = sum(path.stat().st_size for path in folder.iterdir())
    assert dataset.bytes_read(0) == expected


def test_a_dataset_of_one_file_tells_its_size_and_another_does_not(tmp_path):
    class Some(hsizoo.SceneDataset):
        def scenes(self):
            return [hsizoo.SceneInfo("a", "a")]

        def scene(self, index):
            raise NotImplementedError

        def place(self):
            return self.where

    dataset = Some()
    (tmp_path / "file").write_bytes(b"12345")
    for where, expected in ((None, 0), (tmp_path / "file", 5), (tmp_path, None)):
        dataset.where = where
        assert dataset.bytes_read(0) == expected
