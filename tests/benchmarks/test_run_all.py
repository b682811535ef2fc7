"""The record of all speed benchmarks: what is run, kept, told, and flagged."""

import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import hsizoo

FOLDER = Path(hsizoo.__file__).resolve().parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(
    not FOLDER.exists(), reason="hsizoo is installed without its sources"
)

SCORERS = """group,what,median_ms,min_ms,max_ms,ratio_to_first
"sa, 1 reference",hsizoo score,10,9,11,1
"sa, 1 reference",SPy spectral_angles,40,38,44,4
"sa, 1 reference",one read: sum of the prepared cube,5,5,5,0.5
"""


def load(name, monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module(name)


@pytest.fixture
def performance(monkeypatch):
    return load("performance", monkeypatch)


@pytest.fixture
def run_all(monkeypatch, tmp_path):
    """The script, with two benchmarks in a folder of their own."""
    script = load("run_all", monkeypatch)
    folder = tmp_path / "scripts"
    folder.mkdir()
    monkeypatch.setattr(script, "FOLDER", folder)
    monkeypatch.setattr(script, "PARTS", (script.Part("scorers", ()), script.Part("reading", ())))
    (folder / "scorers.py").write_text(
        "import pathlib, sys\n"
        "out = pathlib.Path(sys.argv[sys.argv.index('--out') + 1])\n"
        "with (out / 'calls').open('a') as calls: calls.write('x')\n"
        f"(out / 'scorers.csv').write_text({SCORERS!r})\n"
    )
    (folder / "reading.py").write_text("raise SystemExit('the disk is full')")
    out = tmp_path / "out"
    out.mkdir()

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["run_all.py", "--out", str(out), *words])
        return script.main(), json.loads((out / "performance.json").read_text())

    return run, out, folder


def row(record, work, against):
    (found,) = (r for r in record["rows"] if (r["work"], r["against"]) == (work, against))
    return found


def test_what_is_done_is_kept_and_what_failed_is_a_row(run_all):
    run, out, folder = run_all
    status, record = run()
    assert status == 1
    work = "one spectral angle map, 480×640×100, one reference"
    angle = row(record, work, "SPy `spectral_angles`")
    assert (angle["value"], angle["met"]) == (4, True)
    assert (angle["low"], angle["high"]) == pytest.approx((38 / 11, 44 / 9))
    assert row(record, "the same", "one read of the prepared cube (its sum)")["met"] is False
    load_row = row(record, "load a 123 MB SpecCube", "`numpy.fromfile` and a transpose")
    assert "the disk is full" in load_row["error"]
    page = (out / "performance.md").read_text()
    assert re.search(r"SPy `spectral_angles` \| ≥ 3 \| 4\.00 \(3\.45 to 4\.89\) \| met", page)
    assert "the disk is full" in page
    assert "needs a GPU" in page

    # The same command again measures only what failed; now it succeeds.
    (folder / "reading.py").write_text(
        "import pathlib, sys\n"
        "head = 'what,median_clock_ms,min_clock_ms,max_clock_ms\\n'\n"
        "lines = 'hsizoo: read_cube,30,29,31\\nnumpy: fromfile and transpose,20,20,20\\n'\n"
        "out = pathlib.Path(sys.argv[sys.argv.index('--out') + 1])\n"
        "(out / 'reading.csv').write_text(head + lines)\n"
    )
    status, record = run()
    assert status == 0
    assert (out / "calls").read_text() == "x"
    load_row = row(record, "load a 123 MB SpecCube", "`numpy.fromfile` and a transpose")
    assert (load_row["value"], load_row["met"]) == (1.5, True)
    run("--again", "scorers")
    assert (out / "calls").read_text() == "xx"
    run("--quick")
    assert (out / "calls").read_text() == "xx"  # its words are the same here


def test_a_part_that_hangs_is_stopped(run_all):
    run, _, folder = run_all
    (folder / "reading.py").write_text("import time; time.sleep(60)")
    status, record = run("--only", "reading", "--minutes", "0.01")
    assert status == 1
    assert "not finished after 0.01 minutes" in record["parts"]["reading"]["error"]


def test_a_file_that_is_no_record_is_not_overwritten(run_all):
    run, out, _ = run_all
    for content in ("[]", '{"parts": {"scorers": {}}}', "{"):
        (out / "performance.json").write_text(content)
        with pytest.raises(SystemExit, match=r"is not a record of run_all\.py"):
            run()
        assert (out / "performance.json").read_text() == content


def test_every_row_finds_its_figures_in_the_stored_results(performance):
    """The patterns fit what the benchmarks write; rows of later benchmarks are left out."""
    parts, found = {}, 0
    for each in performance.ROWS:
        folder = FOLDER / "results" / ("" if each.device == "cpu" else each.device)
        try:
            figures = parts.setdefault(
                (folder, each.part), performance.read_figures(each.part, folder)
            )
        except FileNotFoundError:
            assert each.part == "starting"
            continue
        if "another" in each.against:
            continue
        result = performance.evaluate(each, figures, None)
        assert result["low"] <= result["value"] <= result["high"]
        found += 1
    assert found > 15


def test_the_distance_to_the_limit_is_that_of_the_narrower_one(performance):
    limits = {
        "bytes per ms": 2e6, "float32 operations per ms": 1e8, "bfloat16 operations per ms": 2e8,
        "operations of one encoding": 1e10, "operations of one decoding": 1e9,
    }  # fmt: skip
    figures = [performance.Figure("g", "ours", 300, 290, 310)]
    make = {"work": "", "against": "", "part": "", "group": "g", "above": "ours", "below": ""}
    both = performance.Row(**make, aim=None, ours="ours", moved=2e7, encodings=1, decodings=5)
    found = performance.evaluate(both, figures, limits)["distance"]
    assert found == {"times": 2, "of": "arithmetic", "least_ms": 150, "ms": 300}
    memory = performance.Row(**make, aim=None, ours="ours", moved=2e8)
    assert performance.evaluate(memory, figures, limits)["distance"]["times"] == 3


def test_what_the_cells_compute_is_not_the_runners(performance, tmp_path):
    (tmp_path / "cells.csv").write_text(
        "cells,run,part,processor_s,clock_s\n"
        "10,first,plan,0.01,1\n10,first,work,5,5\n10,first,rest,0.02,1\n"
        "1000,resumed,rest,3,1\n100,first,plan,0.1,1\n100,first,work,9,9\n"
    )
    first, resumed = performance.read_figures("cells", tmp_path)
    assert (first.group, first.median) == ("100 cells, first", 1.0)
    assert resumed.median == 3.0


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_exponents_of_growth(power, monkeypatch):
    growth = load("growth", monkeypatch)
    points = [{"value": n, "seconds": 3 * n**power, "megabytes": 40.0 * n} for n in (1, 2, 4, 8)]
    found = growth.exponents(points)
    assert found["time"] == pytest.approx((power, 0), abs=1e-9)
    assert found["memory"] == pytest.approx((1, 0), abs=1e-9)
    small = [{**point, "megabytes": 0.1} for point in points]
    assert set(growth.exponents(small)) == {"time"}
    rng = np.random.default_rng(0)
    noisy = [each["seconds"] * (1 + 0.1 * rng.random()) for each in points]
    exponent, error = growth.slope([1, 2, 4, 8], noisy)
    assert abs(exponent - power) < 4 * error
    assert error > 0
    with pytest.raises(ValueError, match="two values"):
        growth.slope([1], [1])


def record(**changes):
    base = {"id": "a", "work": "map", "against": "SPy", "better": "higher",
            "value": 4.0, "low": 3.5, "high": 4.5}  # fmt: skip
    rows = [base, {**base, "id": "b", "work": "read", "better": "lower"}]
    for each in rows:
        each.update(changes.get(each["id"], {}))
        if "error" in each:
            del each["value"], each["low"], each["high"]
    return {"rows": rows, "quick": False, "device": "cpu", "machine": {"processor": "x"}}


@pytest.mark.parametrize(
    ("changes", "verdicts", "status"),
    [
        ({}, ["alike", "alike"], 0),
        ({"a": {"value": 3.4, "low": 3.2, "high": 3.6}}, ["alike", "alike"], 0),
        ({"a": {"value": 3.0, "low": 2.8, "high": 3.4}}, ["slower", "alike"], 1),
        ({"a": {"value": 6.0, "low": 5.0, "high": 7.0}}, ["faster", "alike"], 0),
        ({"b": {"value": 6.0, "low": 5.0, "high": 7.0}}, ["alike", "slower"], 1),
        ({"b": {"error": "reading: no disk"}}, ["alike", "lost"], 1),
    ],
)
def test_what_became_slower_is_flagged(changes, verdicts, status, tmp_path, monkeypatch, capsys):
    compare = load("compare", monkeypatch)
    paths = [tmp_path / "old.json", tmp_path / "new.json"]
    for path, each in zip(paths, (record(), record(**changes)), strict=True):
        path.write_text(json.dumps(each))
    monkeypatch.setattr(sys, "argv", ["compare.py", *map(str, paths)])
    assert compare.main() == status
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed[:2]] == verdicts


def test_only_two_records_of_one_kind_are_compared(tmp_path, monkeypatch, capsys):
    compare = load("compare", monkeypatch)
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(record()))
    monkeypatch.setattr(sys, "argv", ["compare.py", str(old), str(new)])
    for content in ("", "{}", '{"rows": [{"id": "a"}]}', json.dumps({**record(), "quick": True})):
        new.write_text(content)
        assert compare.main() == 2
        assert "run_all.py" in (said := capsys.readouterr().err) or "--quick" in said
