"""Finding runs, and reading their tables, without computing anything."""

import errno
import json
import os
from pathlib import Path

import pytest

from hsizoo.engine.store import Store
from hsizoo.errors import DataError
from hsizoo.runs.listing import list_cells
from hsizoo.runs.stored import find_runs, made_by, open_results, read_results, results_json

LAYOUT = {
    "columns": [{"name": "y", "meaning": "why"}], "headline": ["y"], "count": "samples",
}  # fmt: skip


def row(component, value=0.5):
    return {"component": component, "values": {"y": value}, "intervals": {}}


def put(folder, *components, failed=0, **about):
    """Results as a run leaves them."""
    cells = [
        {"key": f"{number}", "status": "failed" if number < failed else "done", "identity": {}}
        for number, _ in enumerate(components)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    whole = {
        "protocol": "walk", "title": "t", "layout": LAYOUT, "table": [row(c) for c in components],
        "cells": cells, "datasets": ["moor"], "finished": "2026-01-02T03:04:05+00:00", **about,
    }  # fmt: skip
    (folder / "results.json").write_text(json.dumps(whole))


def test_runs_at_any_depth_by_path(tmp_path):
    put(tmp_path / "b", "sa", "pcc", failed=1)
    put(tmp_path / "a" / "one", "sa")
    put(tmp_path / "a" / "one" / "earlier" / "x", "sid")
    (tmp_path / "a" / "trainings" / "t" / "cells").mkdir(parents=True)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "results.json").write_text("[1, 2]")
    found = find_runs(tmp_path)
    assert [os.path.relpath(each.folder, tmp_path) for each in found] == [
        "a/one", "a/one/earlier/x", "b",
    ]  # fmt: skip
    last = found[-1]
    assert (last.datasets, last.protocol, last.components) == (["moor"], "walk", ["sa", "pcc"])
    assert (last.done, last.failed, last.stored, last.complete) == (1, 1, 0, True)
    assert last.finished == "2026-01-02T03:04:05+00:00"


def cell(name, seed, status="done"):
    return {
        "status": status,
        "finished": f"2026-01-0{seed + 1}T00:00:00+00:00",
        "identity": {
            "component": {"component": "hsizoo/lp", "feeds": {"component": f"zoo/{name}"}},
            "dataset": {"component": "hsizoo/moor"},
            "protocol": {"name": "walk"},
            "seed": seed,
        },
    }


def test_a_stopped_run_is_known_by_its_cells(tmp_path):
    with Store(tmp_path / "run") as store:
        store.save("a", cell("net", 0))
        store.save("b", cell("net", 1, "failed"))
        store.save("c", cell("bet", 0))
    (tmp_path / "run" / "cells" / "d.json").write_text("{ half a rec")
    (tmp_path / "empty" / "cells").mkdir(parents=True)
    (run,) = find_runs(tmp_path)
    assert (run.datasets, run.protocol, run.components) == (
        ["moor"], "walk", ["lp+zoo/net", "lp+zoo/bet"],
    )  # fmt: skip
    assert (run.done, run.failed, run.stored, run.complete) == (2, 1, 4, False)
    assert run.finished == "2026-01-02T00:00:00+00:00"
    with pytest.raises(DataError, match="has cells but no table yet: run its command again"):
        open_results(str(tmp_path / "run"))


def test_a_run_that_cannot_be_read_does_not_hide_the_others(tmp_path, monkeypatch):
    for name in ("mine", "theirs"):
        put(tmp_path / name, "sa")
        with Store(tmp_path / name) as store:
            store.save("k", {"status": "done"})
    real = Path.iterdir

    def iterdir(self):
        if "theirs" in self.parts:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(self)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.warns(UserWarning, match="theirs.*cannot be read: Permission denied; it is left"):
        (found,) = find_runs(tmp_path)
    assert found.folder == str(tmp_path / "mine")


def test_results_of_an_older_version_have_neither_dataset_nor_time(tmp_path):
    put(tmp_path, "sa", cells=[cell("sa", 0)], datasets=None, finished="")
    os.utime(tmp_path / "results.json", (0, 0))
    (run,) = find_runs(tmp_path)
    assert run.datasets == ["moor"]
    assert run.finished == "1970-01-01T00:00:00+00:00"


def test_runs_of_an_experiment_have_their_datasets_in_its_description(tmp_path):
    put(tmp_path, "sa", datasets=None, run={"datasets": ["moor", "fen"]})
    assert find_runs(tmp_path)[0].datasets == ["moor", "fen"]


def test_a_run_is_opened_by_its_path_or_below_the_default_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "hsizoo-runs" / "moor", "sa")
    put(tmp_path / "moor-2", "pcc")
    assert open_results("moor")[1]["table"][0]["component"] == "sa"
    assert open_results("hsizoo-runs/moor")[0] == open_results("moor")[0]
    assert open_results(str(tmp_path / "moor-2"))[1]["table"][0]["component"] == "pcc"


def test_what_is_no_run_is_told_with_those_that_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"no run 'moor'\.  `hsizoo runs FOLDER` lists"):
        open_results("moor")
    put(tmp_path / "hsizoo-runs" / "try" / "moor", "sa")
    with pytest.raises(DataError, match=r"no run 'try/mor'\. Did you mean 'hsizoo-runs/try/moor'"):
        open_results("try/mor")
    with pytest.raises(DataError, match=r"try is no run folder\.  Runs: hsizoo-runs/try/moor"):
        open_results("try")
    (tmp_path / "cubes").mkdir()  # the data, not the run on them
    put(tmp_path / "hsizoo-runs" / "cubes-clicks=2-0123abcd", "sa")
    with pytest.raises(DataError, match=r"cubes is no run folder\..* mean '.*/cubes-clicks=2-0123"):
        open_results("cubes")
    with pytest.raises(DataError, match="gone is no folder"):
        find_runs(tmp_path / "gone")


@pytest.mark.parametrize(
    "about",
    [
        {"layout": {"columns": [{"name": "y", "meaning": "", "colour": 1}]}},
        {"table": [{"component": "sa", "values": {}, "intervals": {}}]},
        {"table": [{"component": "sa", "values": {"y": 1}, "intervals": {"y": 3}}]},
        {"table": [3]},
        {"layout": 3},
    ],
)
def test_a_table_of_another_version_is_told(tmp_path, about):
    put(tmp_path, "sa", **about)
    with pytest.raises(DataError, match="by another version of hsizoo; run its command again"):
        open_results(str(tmp_path))


def test_a_figure_that_was_changed_is_not_shown(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(results_json({"dice": 0.85, **list_cells([])[0]}))
    assert read_results(tmp_path)["dice"] == 0.85
    path.write_text(path.read_text().replace("0.85", "0.95"))
    assert read_results(tmp_path) is None
    with pytest.raises(DataError, match=rf"{path} has changed .*Run the command of this run again"):
        open_results(str(tmp_path))


def test_equal_provenance_is_written_once_and_read_for_every_cell(tmp_path):
    made = [{"device": "cpu", "git": None}, {"device": "gpu"}]
    about = {"status": "done", "identity": {"scene": "a"}}
    cells = [{"key": f"{n}", **about, "provenance": made[n % 2]} for n in range(5)]
    cells.append({"key": "failed", **about, "status": "failed"})
    entries, content = list_cells(cells)
    assert content is None
    text = results_json({"title": "x", "table": [], **entries})
    assert text.count('"device"') == 2
    assert text.count('\n  {"key"') == 6  # a line for each cell
    (tmp_path / "results.json").write_text(text)
    found = read_results(tmp_path)
    assert (found["title"], found["table"], found["cells"]) == ("x", [], cells)
    assert found["counts"] == {"done": 5, "failed": 1}
    nothing = json.loads(results_json({"title": "x", **list_cells([])[0]}))
    assert (nothing["provenances"], nothing["cells"]) == ([], [])


def test_provenance_of_older_results_and_numbers_without_meaning_are_left(tmp_path):
    cells = [{"provenance": {"device": "cpu"}}, {"provenance": 7}, {"provenance": -1}, "odd"]
    whole = {"cells": cells, "provenances": [{"device": "gpu"}]}
    (tmp_path / "results.json").write_text(json.dumps(whole))
    assert read_results(tmp_path) == {"cells": cells}
    (tmp_path / "results.json").write_text(json.dumps({"cells": 3, "provenances": "odd"}))
    assert read_results(tmp_path) == {"cells": 3}


def test_a_component_that_is_gone_is_known_by_what_it_left(tmp_path):
    cells = [
        {"key": "a", "status": "done", "identity": {"component": {"component": "hsizoo/sa"}},
         "provenance": {"versions": {"hsizoo": "0.1"}}},
        {"key": "b", "status": "done",
         "identity": {"component": {"component": "zoo/ask", "feeds": {"component": "zoo/net"}}},
         "provenance": {"versions": {"zoo": "2.5"}}},
    ]  # fmt: skip
    run = tmp_path / "runs" / "one"
    run.mkdir(parents=True)
    (run / "results.json").write_text(results_json({"title": "x", **list_cells(cells)[0]}))
    for name in ("ask", "zoo/net"):
        assert made_by(name, tmp_path / "runs") == (
            f"Results of it in {run} were made with zoo 2.5, which is not installed or failed to "
            "load: pip install zoo"
        )
    assert made_by("other", tmp_path / "runs") == made_by("ask", tmp_path / "none") == ""
