"""Which cells are computed, and what is kept of them."""

import pytest

from hsizoo.engine.cells import Cell
from hsizoo.engine.executors import Executor, LocalExecutor, Outcome
from hsizoo.engine.run_cells import RunEvents, check_run_options, made_with, run_cells
from hsizoo.engine.store import Store
from hsizoo.errors import OptionError


def cells(*names):
    return [Cell({"n": name}, {"name": name, "row": {"label": name}}, name) for name in names]


class Work:
    """Fails for what is in `failing`, and remembers what it did."""

    def __init__(self, *failing):
        self.failing = failing
        self.done = []

    def __call__(self, job, progress):
        self.done.append(job["name"])
        if job["name"] in self.failing:
            raise ValueError("no")
        return {"result": {"resolved": {"bands": [1]}}, "provenance": {"git": None}}


class Forgetful(Executor):
    """Leaves out the last cell."""

    def run(self, cells, work, on_progress=None):
        for cell in cells[:-1]:
            yield Outcome(cell, {"result": 1}, None, 0.0)


def run(folder, planned, work, *, overwrite="failed", executor=None, before=lambda due: None):
    heard = []
    events = RunEvents(planned=lambda due, reused: heard.append((len(due), reused)))
    with Store(folder) as store:
        records = run_cells(
            store,
            planned,
            work,
            executor or LocalExecutor(),
            overwrite=overwrite,
            events=events,
            before=before,
        )
    return records, heard[0]


@pytest.mark.parametrize(
    ("overwrite", "again"),
    [("never", []), ("failed", ["b"]), ("always", ["a", "b"])],
)
def test_which_cells_are_computed_again(tmp_path, overwrite, again):
    run(tmp_path, cells("a", "b"), Work("b"))
    work = Work()
    records, planned = run(tmp_path, cells("a", "b", "c"), work, overwrite=overwrite)
    assert work.done == [*again, "c"]
    assert planned == (len(again) + 1, 2 - len(again))
    failed = "failed" if overwrite == "never" else "done"
    assert [(each["label"], each["status"]) for each in records] == [
        ("a", "done"), ("b", failed), ("c", "done")
    ]  # fmt: skip


def test_two_names_of_one_cell_are_computed_once_and_are_two_rows(tmp_path):
    one, two = cells("a", "a")
    two.job["row"]["label"] = "alias"
    work = Work()
    records, planned = run(tmp_path, [one, two], work)
    assert work.done == ["a"]
    assert planned == (1, 0)
    assert [each["label"] for each in records] == ["a", "alias"]


def test_what_is_wrong_is_found_before_anything_is_computed(tmp_path):
    def refuse(due):
        raise OptionError(f"{len(due)} are wrong")

    work = Work()
    with pytest.raises(OptionError, match="2 are wrong"):
        run(tmp_path, cells("a", "b"), work, before=refuse)
    assert work.done == []


def test_a_cell_without_an_outcome_has_failed_and_is_tried_again(tmp_path):
    records, _ = run(tmp_path, cells("a", "b"), Work(), executor=Forgetful())
    assert [each["status"] for each in records] == ["done", "failed"]
    assert records[1]["error"]["message"] == "Forgetful returned no outcome for this cell"
    assert len(list((tmp_path / "cells").iterdir())) == 1
    work = Work()
    run(tmp_path, cells("a", "b"), work)
    assert work.done == ["b"]


def test_results_say_what_a_cell_was_made_with_but_not_its_figures(tmp_path):
    (good, bad), _ = run(tmp_path, cells("a", "b"), Work("b"))
    told = made_with(good)
    assert told["resolved"] == {"bands": [1]}
    assert told["identity"] == {"n": "a"}
    assert "result" not in told
    assert made_with(bad)["error"]["message"] == "no"


@pytest.mark.parametrize(("jobs", "overwrite"), [(0, "failed"), (1, "sometimes")])
def test_options_that_cannot_be(jobs, overwrite):
    with pytest.raises(OptionError):
        check_run_options(jobs, overwrite)
