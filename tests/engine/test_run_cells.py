"""Which cells are computed, and what is kept of them."""

import json
import warnings
from dataclasses import replace

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
            yield Outcome(cell, {"result": {"n": 1}}, None, 0.0)


def run(
    folder, planned, work, *, overwrite="failed", executor=None, before=lambda due: None, **about
):
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
            **about,
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
    assert len(Store(tmp_path).stored()) == 1
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


@pytest.fixture
def rewritten(in_old_layout):
    """Write a record as an early version did, without digest; None leaves an entry out."""

    def rewrite(folder, cell, **changes):
        path = in_old_layout(folder)[cell.key]
        record = json.loads(path.read_text()) | changes
        del record["digest"]
        kept = {key: value for key, value in record.items() if value is not None}
        path.write_text(json.dumps(kept))

    return rewrite


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"result": {}}, "has no result"),
        ({"result": None}, "has no result"),
        ({"result": [1]}, "has no result"),
        ({"identity": None}, "does not say what it is about"),
        ({"status": None}, "is neither done nor failed"),
        ({"status": "failed"}, "does not say why its cell failed"),
        ({"status": "failed", "error": "no"}, "does not say why its cell failed"),
        ({"key": "0" * 32}, "is the record of another cell"),
    ],
)
@pytest.mark.parametrize("overwrite", ["never", "failed"])
def test_an_old_record_that_is_no_record_is_computed_anew(
    tmp_path, rewritten, changes, why, overwrite
):
    planned = cells("a", "b")
    first, _ = run(tmp_path, planned, Work())
    rewritten(tmp_path, planned[0], **changes)
    work = Work()
    with pytest.warns(UserWarning, match=f"{planned[0].key}.* {why}; recomputing this cell"):
        records, _ = run(tmp_path, planned, work, overwrite=overwrite)
    assert work.done == ["a"]
    assert [each["result"] for each in records] == [each["result"] for each in first]


def test_an_old_record_that_is_sound_is_used(tmp_path, rewritten):
    planned = cells("a", "b")
    run(tmp_path, planned, Work("b"))
    for cell in planned:
        rewritten(tmp_path, cell)
    work = Work()
    run(tmp_path, planned, work, overwrite="never")
    assert work.done == []


def fault_of(record):
    assert record["label"]  # the row is known
    return "has a Dice of 17" if record["result"].get("dice") == 17 else ""


class Scorer(Work):
    def __init__(self, dice, **about):
        super().__init__()
        self.dice, self.about = dice, about

    def __call__(self, job, progress):
        super().__call__(job, progress)
        return {"result": {"dice": self.dice}, **self.about}


def test_a_fault_is_a_failure_and_never_in_a_table(tmp_path):
    (record,), _ = run(tmp_path, cells("a"), Scorer(17), fault_of=fault_of)
    assert record["status"] == "failed"
    assert record["error"]["message"] == "the record of this cell has a Dice of 17"
    (record,), _ = run(tmp_path, cells("a"), Scorer(0.5), fault_of=fault_of)
    assert record["result"] == {"dice": 0.5}


def test_a_fault_in_an_old_record_is_computed_anew_and_others_are_not_looked_at_again(
    tmp_path, rewritten
):
    planned = cells("a", "b")
    run(tmp_path, planned, Scorer(0.5), fault_of=fault_of)
    rewritten(tmp_path, planned[0], result={"dice": 17})
    work, asked = Scorer(0.25), []

    def asking(record):
        asked.append(record["label"])
        return fault_of(record)

    with pytest.warns(UserWarning, match="has a Dice of 17; recomputing"):
        records, _ = run(tmp_path, planned, work, fault_of=asking)
    assert [each["result"]["dice"] for each in records] == [0.25, 0.5]
    assert work.done == ["a"]
    assert asked == ["a", "a"]  # the old one, and the new one


def test_an_empty_result_is_a_failure(tmp_path):
    class Empty(Work):
        def __call__(self, job, progress):
            return {"result": {}}

    (record,), _ = run(tmp_path, cells("a"), Empty())
    assert record["error"]["message"] == "the record of this cell has no result"


class TestOneSceneOneContent:
    """Cells with equal `Cell.values` must tell equal digests."""

    def planned(self, *names):
        return [replace(cell, values="scene") for cell in cells(*names)]

    def test_a_cell_of_other_values_than_stored_ones_fails(self, tmp_path):
        run(tmp_path, self.planned("a"), Scorer(1, digests={"cube": "x"}))
        (one, other), _ = run(tmp_path, self.planned("a", "b"), Scorer(1, digests={"cube": "y"}))
        assert (one["status"], other["status"]) == ("done", "failed")
        assert other["error"]["type"] == "DataError"
        assert "--overwrite always" in other["error"]["message"]
        both, _ = run(
            tmp_path, self.planned("a", "b"), Scorer(1, digests={"cube": "y"}), overwrite="always"
        )
        assert {each["status"] for each in both} == {"done"}

    def test_its_job_says_what_is_expected_where_that_is_known(self, tmp_path):
        run(tmp_path, self.planned("a"), Scorer(1, digests={"cube": "x"}))
        due = []
        run(
            tmp_path, [*self.planned("a", "b"), *cells("c")], Scorer(1, digests={"cube": "x"}),
            before=due.extend,
        )  # fmt: skip
        assert [cell.job.get("digests") for cell in due] == [{"cube": "x"}, None]

    def test_stored_cells_that_do_not_fit_together_are_all_computed_anew(self, tmp_path):
        apart = self.planned("a", "b")
        for cell, digest in zip(apart, "xy", strict=True):
            run(tmp_path, [cell], Scorer(1, digests={"cube": digest}))
        run(tmp_path, cells("c"), Scorer(1, digests={"cube": "z"}))
        work = Scorer(2, digests={"cube": "z"})
        with pytest.warns(UserWarning, match="is of other values than other cells of its scene"):
            records, _ = run(tmp_path, [*apart, *cells("c")], work)
        assert work.done == ["a", "b"]
        assert [each["result"]["dice"] for each in records] == [2, 2, 1]

    def test_cells_without_values_are_not_compared(self, tmp_path):
        run(tmp_path, cells("a"), Scorer(1, digests={"cube": "x"}))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            records, _ = run(tmp_path, cells("a", "b"), Scorer(1, digests={"cube": "y"}))
        assert {each["status"] for each in records} == {"done"}
