"""Several runs in one folder: no table is replaced in silence."""

import functools
import json
from pathlib import Path

import pytest

import hsizoo
from hsizoo.engine.store import Store
from hsizoo.errors import StoreError
from hsizoo.runs.earlier import set_aside
from hsizoo.runs.stored import read_results

ONE = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=1,scenes_per_subject=1"
)
bench = functools.partial(hsizoo.bench, device="cpu")


def labels(folder):
    return [row["component"] for row in read_results(folder)["table"]]


def test_more_components_more_seeds_and_the_same_again_replace_the_tables(tmp_path):
    run = functools.partial(bench, dataset=ONE, shots=2, out=tmp_path)
    for components, seeds in ((["rf:trees=2"], 1), (["rf:trees=2"], 2), (["rf:trees=2", "lp"], 2)):
        assert run(components, seeds=seeds).earlier is None
        assert run(components, seeds=seeds).earlier is None
    assert not (tmp_path / "earlier").exists()


def test_tables_of_another_run_are_kept(tmp_path):
    first = bench(["sa", "pcc"], ONE, clicks=1, out=tmp_path)
    assert first.earlier is None
    files = {name: (tmp_path / name).read_bytes() for name in first.files}
    second = bench(["sa", "sid"], ONE, clicks=1, out=tmp_path)
    assert second.earlier.parent == tmp_path / "earlier"
    assert {name: (second.earlier / name).read_bytes() for name in files} == files
    assert labels(tmp_path) == ["sa", "sid"]
    # They come and go; each is in one place.
    third = bench(["sa", "pcc"], ONE, clicks=1, out=tmp_path)
    assert labels(tmp_path) == ["sa", "pcc"]
    assert labels(third.earlier) == ["sa", "sid"]
    assert [each.name for each in (tmp_path / "earlier").iterdir()] == [third.earlier.name]
    # A run that has all of it makes that one needless, and only replaces the other.
    assert bench(["sa", "pcc", "sid"], ONE, clicks=1, out=tmp_path).earlier is None


def test_maps_move_too_and_leave_no_empty_folder(tmp_path):
    first = bench("rf:trees=2", ONE, shots=2, seeds=1, out=tmp_path)
    assert (tmp_path / "maps").is_dir()
    second = bench("sa", ONE, clicks=1, out=tmp_path)
    assert not (tmp_path / "maps").exists()
    moved = set(read_results(second.earlier)["written"])
    assert {each for each in moved if (second.earlier / each).is_file()} == moved
    assert any(each.startswith("maps/") for each in moved)
    assert "maps" in first.files


def test_a_run_that_is_killed_while_it_makes_room_loses_nothing(tmp_path, run_killed):
    bench("sa", ONE, clicks=1, out=tmp_path)
    written = read_results(tmp_path)["written"]
    code = (
        "import hsizoo\n"
        f"hsizoo.bench('pcc', {ONE!r}, clicks=1, device='cpu', out={str(tmp_path)!r})"
    )
    # The lock file, the record, each has its own replace: kill among the files that move.
    run_killed(code, "pathlib", "Path", "replace", 4)
    (place,) = (tmp_path / "earlier").iterdir()
    here = {each for each in written if (tmp_path / each).exists()}
    there = {each for each in written if (place / each).exists()}
    assert here
    assert there
    assert here | there == set(written)
    result = bench("pcc", ONE, clicks=1, out=tmp_path)
    assert result.earlier == place
    assert {each for each in written if (place / each).exists()} == set(written)
    assert labels(place) == ["sa"]


@pytest.mark.parametrize("content", [{}, {"cells": 3}, {"cells": [], "written": ["a.csv"]}])
def test_results_without_cells_are_no_run(tmp_path, content):
    (tmp_path / "results.json").write_text(json.dumps(content))
    with Store(tmp_path) as store:
        assert set_aside(store, [{"key": "x"}]) is None


def test_nothing_outside_the_folder_is_moved(tmp_path):
    (tmp_path / "mine.csv").write_text("mine")
    folder = tmp_path / "run"
    folder.mkdir()
    about = {"cells": [{"key": "a"}], "written": ["../mine.csv", str(tmp_path / "mine.csv"), 3]}
    (folder / "results.json").write_text(json.dumps(about))
    with Store(folder) as store:
        place = set_aside(store, [])
    assert (tmp_path / "mine.csv").read_text() == "mine"
    assert [each.name for each in place.iterdir()] == ["results.json"]


def test_a_file_in_the_way_is_told_and_the_tables_stay(tmp_path):
    bench("sa", ONE, clicks=1, out=tmp_path)
    (tmp_path / "earlier").write_text("in the way")
    with pytest.raises(StoreError, match="cannot move"):
        bench("pcc", ONE, clicks=1, out=tmp_path)
    assert labels(tmp_path) == ["sa"]
    assert Path(tmp_path, "table.csv").exists()
