"""Runs of so many cells that neither their records nor their entries are held in memory."""

import csv
import functools
import json

import pytest

import hsizoo
from hsizoo.engine import records as records_module
from hsizoo.engine.records import Records, marks, select
from hsizoo.engine.store import Store
from hsizoo.errors import StoreError
from hsizoo.runs import listing
from hsizoo.runs.bench import run_cases
from hsizoo.runs.listing import CELLS_FILE, cells_of, digest_of
from hsizoo.runs.request import make_request
from hsizoo.runs.stored import find_runs, read_results

SCENES = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=3,scenes_per_subject=2"
)
bench = functools.partial(hsizoo.bench, ["sa", "pcc"], SCENES, clicks=2, device="cpu")


@pytest.fixture
def large(monkeypatch):
    """Every run is a large one."""
    monkeypatch.setattr(records_module, "_MOST_HELD", 0)
    monkeypatch.setattr(listing, "_MOST_INSIDE", 0)


def files(folder):
    """The files of a run without what is measured."""
    found = {}
    for path in folder.glob("*.csv"):
        with path.open() as file:
            found[path.name] = [
                {key: value for key, value in line.items() if not key.startswith("s/")}
                for line in csv.DictReader(file)
                if not line.get("metric", "").startswith("s/")
            ]
    return found


def test_tables_are_those_of_a_small_run(tmp_path, monkeypatch):
    small = bench(out=tmp_path / "small")
    monkeypatch.setattr(records_module, "_MOST_HELD", 0)
    monkeypatch.setattr(listing, "_MOST_INSIDE", 0)
    for _ in range(2):  # computed, and taken from the store
        found = bench(out=tmp_path / "large")
        assert files(tmp_path / "large") == files(tmp_path / "small")
        assert found.notes == small.notes
        assert [row.intervals.keys() for row in found.table] == [
            row.intervals.keys() for row in small.table
        ]
        assert len(found.records) == 12
        assert [each["identity"] for each in found.records] == [
            each["identity"] for each in small.records
        ]
        assert found.records[-1]["label"] == "pcc"
        assert isinstance(found.records[2:5], Records)
        assert [each["key"] for each in found.records[2:5]] == [
            each["key"] for each in small.records[2:5]
        ]
        assert found.earlier is None
    inside, listed = (read_results(tmp_path / name) for name in ("small", "large"))
    assert isinstance(json.loads((tmp_path / "large" / "results.json").read_text())["cells"], str)
    for name in ("counts", "of_cells", "written", "finished"):
        assert name in inside
    assert inside["counts"] == listed["counts"] == {"done": 12, "failed": 0}
    assert inside["of_cells"] == listed["of_cells"]
    assert listed["provenances"] == [inside["cells"][0]["provenance"]]
    cells = cells_of(listed)
    assert len(cells) == len(list(cells)) == 12
    for one, other in zip(inside["cells"], cells, strict=True):
        assert other.items() <= {**one, "identity": other["identity"]}.items()
        assert other["identity"].items() <= one["identity"].items()
        assert other["label"] == one["label"]
    assert cells[-1] == list(cells)[-1]
    assert cells[3:5] == list(cells)[3:5]
    runs = [find_runs(tmp_path / name)[0] for name in ("small", "large")]
    assert {(each.done, each.failed, each.stored, each.complete) for each in runs} == {
        (12, 0, 12, True)
    }
    assert runs[0].datasets == runs[1].datasets


def test_another_run_in_the_folder_moves_the_list_too(tmp_path, large):
    bench(out=tmp_path)
    content = (tmp_path / CELLS_FILE).read_bytes()
    second = hsizoo.bench("sid", SCENES, clicks=2, device="cpu", out=tmp_path)
    assert (second.earlier / CELLS_FILE).read_bytes() == content
    assert len(cells_of(read_results(second.earlier))) == 12
    assert len(cells_of(read_results(tmp_path))) == 6
    both = hsizoo.bench(["sa", "pcc", "sid"], SCENES, clicks=2, device="cpu", out=tmp_path)
    assert both.earlier is None
    assert len(cells_of(read_results(tmp_path))) == 18


def test_tables_whose_list_is_gone_are_kept_all_the_same(tmp_path, large):
    bench(out=tmp_path)
    table = (tmp_path / "table.csv").read_bytes()
    (tmp_path / CELLS_FILE).unlink()
    second = hsizoo.bench("sid", SCENES, clicks=2, device="cpu", out=tmp_path)
    assert (second.earlier / "table.csv").read_bytes() == table


def test_what_could_not_be_tried_has_no_key_to_tell_runs_apart(tmp_path, large):
    lost = {
        "label": "sa", "conditions": {}, "status": "failed", "identity": {},
        "error": {"type": "DataError", "message": "no"},
    }  # fmt: skip

    def run(components):
        request = make_request(components, SCENES, clicks=2, out=tmp_path)
        return run_cases(request.cases, request.folder, "", lost=[lost], device="cpu")

    run(["pcc"])
    assert run(["pcc", "sid"]).earlier is None  # it has all of the first


def test_failures_are_listed_with_their_errors(tmp_path, large, monkeypatch):
    from hsizoo.runs.work import CellWork

    plain = CellWork.__call__

    def fails(self, job, progress):
        if job["seed"] == 1:
            raise ValueError("no")
        return plain(self, job, progress)

    monkeypatch.setattr(CellWork, "__call__", fails)
    result = bench(out=tmp_path, seeds=2)
    assert len(result.failures) == 12
    assert {each["error"]["message"] for each in result.failures} == {"no"}
    cells = cells_of(read_results(tmp_path))
    failed = [each for each in cells if each["status"] == "failed"]
    assert {(each["error"]["type"], each["identity"]["seed"]) for each in failed} == {
        ("ValueError", 1)
    }
    assert [row.failed_cells for row in result.table] == [6, 6]


@pytest.mark.parametrize("content", [None, b"{", b'{"key": "a"}\n', b"\xff\n"])
def test_a_list_that_is_damaged_ends_there(tmp_path, large, content):
    bench(out=tmp_path)
    if content is None:
        (tmp_path / CELLS_FILE).unlink()
    else:
        (tmp_path / CELLS_FILE).write_bytes(content)
    assert list(cells_of(read_results(tmp_path))) == []
    assert find_runs(tmp_path)[0].done == 12  # which results.json tells
    assert bench(out=tmp_path).earlier is None
    assert len(list(cells_of(read_results(tmp_path)))) == 12


def test_a_record_that_goes_while_its_run_is_read_is_told(tmp_path, large):
    result = bench(out=tmp_path)
    (log,) = (tmp_path / "cells").iterdir()
    log.write_bytes(b"")
    told = pytest.raises(StoreError, match="was removed or damaged while its run went on")
    with pytest.warns(UserWarning, match="is not there any more"), told:
        list(result.records)


def test_records_of_a_small_run_outlive_their_folder(tmp_path):
    result = bench(out=tmp_path)
    (log,) = (tmp_path / "cells").iterdir()
    log.unlink()
    assert len(list(result.records)) == 12


def test_marks_and_selections_are_those_of_plain_records(tmp_path, large):
    result = bench(out=tmp_path)
    plain = list(result.records)
    assert list(marks(result.records)) == list(marks(plain))
    places = [5, 0, 7]
    assert list(select(result.records, places)) == select(plain, places)
    part = select(result.records, places)
    assert [mark.key for mark in marks(select(part, [2, 0]))] == [plain[7]["key"], plain[5]["key"]]


def test_the_digest_of_cells_does_not_depend_on_their_order():
    assert digest_of("abc") == digest_of(["c", "a", "b", "a"]) != digest_of("ab")


def test_a_stopped_run_is_summed_up_without_its_figures(tmp_path, large):
    bench(out=tmp_path)
    (tmp_path / "results.json").unlink()
    (run,) = find_runs(tmp_path)
    assert (run.done, run.failed, run.stored, run.complete) == (12, 0, 12, False)
    assert (run.components, run.protocol) == (["sa", "pcc"], "interactive")
    keys = Store(tmp_path).stored()
    assert run.finished == max(Store(tmp_path).load(key)["finished"] for key in keys)
