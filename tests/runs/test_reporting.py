"""Reports of real runs: read by other means than those that wrote them."""

import base64
import csv
import functools
import html.parser
import io
import itertools
import json
import math
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import bootstrap
from typer.testing import CliRunner

import hsizoo
from hsizoo.cli import app
from hsizoo.engine.cells import key_of
from hsizoo.engine.logs import RecordLogs, seal
from hsizoo.engine.store import Store
from hsizoo.errors import DataError, NameLookupError, OptionError, ProtocolError
from hsizoo.report.page import drill

TINY = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=3,scenes_per_subject=1"
)
FIELD = "phantom:height=40,width=40,bands=8,test_subjects=1,scenes_per_subject=1"
bench = functools.partial(hsizoo.bench, device="cpu")


class Page(html.parser.HTMLParser):
    """The tables, the elements and the data of a page, read by the standard library."""

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.tables = {}
        self.tags = []
        self.texts = []
        self.data = ""
        self._table = self._row = self._cell = self._kind = None
        self.text = Path(path).read_text(encoding="utf-8")
        self.feed(self.text)
        self.island = json.loads(self.data)

    def handle_starttag(self, tag, attrs):
        about = dict(attrs)
        self.tags.append((tag, about))
        self._kind = tag, about
        if tag == "table":
            self._table = self.tables.setdefault(about.get("id", ""), [])
        elif tag == "tr":
            self._row = []
            self._table.append(self._row)
        elif tag in ("td", "th"):
            self._cell = {"text": "", "value": None}
            self._row.append(self._cell)
        elif tag == "data":
            self._cell["value"] = about["value"]

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._cell = None
        self._kind = None

    def handle_data(self, data):
        self.texts.append(data)
        if self._cell is not None:
            self._cell["text"] += data
        if self._kind and self._kind[0] == "script" and self._kind[1].get("id") == "hsizoo-data":
            self.data += data


def lines(path):
    with Path(path).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Runs of all three protocols, and a report of each."""
    folder = tmp_path_factory.mktemp("made")
    bench(["sa", "pcc"], TINY, clicks=3, seeds=2, out=folder / "clicks")
    bench(["sa", "pcc"], TINY, protocol="box", out=folder / "boxes",
          perturbations=["none", "noise:strength=0.1", "noise:strength=0.3"])  # fmt: skip
    bench(["svm", "rf"], FIELD, seeds=3, shots=3, out=folder / "labels")
    for name in ("clicks", "boxes", "labels"):
        hsizoo.write_report(folder / name, folder / f"{name}.html")
    return folder


NAMES = ["clicks", "boxes", "labels"]


@pytest.mark.parametrize("name", NAMES)
def test_the_figures_of_the_page_are_those_of_the_table(made, name):
    page = Page(made / f"{name}.html")
    head, *rows = page.tables["main-table"]
    stored = lines(made / name / "table.csv")
    assert stored == lines(made / f"{name}.csv")
    layout = json.loads((made / name / "results.json").read_text())["layout"]
    names = {column["title"] or column["name"]: column for column in layout["columns"]}
    assert len(rows) == len(stored)
    compared = 0
    for row, line in zip(rows, stored, strict=True):
        assert row[0]["text"] == line["component"]
        for heading, cell in zip(head, row, strict=True):
            column = names.get(heading["text"])
            if column is None:
                continue
            if cell["value"] is None:
                assert (cell["text"], line[column["name"]]) == ("—", "")
                continue
            compared += 1
            assert float(cell["value"]) == float(line[column["name"]])
            shown = float(re.match(r"[-+.\de]+", cell["text"])[0])
            factor = 100 if column["unit"] in ("%", "×100") else 1
            assert math.isclose(shown, factor * float(cell["value"]), rel_tol=0.06, abs_tol=6e-3)
            if low := line.get(f"{column['name']} low"):
                ends = re.search(r"\[(.+), (.+)\]", cell["text"])
                assert float(ends[1]) == pytest.approx(float(low), abs=6e-4)
    assert compared >= 8


@pytest.mark.parametrize("name", NAMES)
def test_the_page_needs_nothing_else(made, name):
    page = Page(made / f"{name}.html")
    for tag, about in page.tags:
        assert tag not in ("iframe", "object", "embed", "base", "form")
        for key in ("src", "href", "xlink:href", "action", "poster", "srcset"):
            assert (about.get(key) or "#").startswith(("#", "data:")), (tag, about)
        assert "://" not in about.get("style", "")
        assert not [key for key in about if key.startswith("on")]
    code = page.text.replace("".join(page.texts), "")
    assert not re.search(r"(url\(|@import|src=|href=)\s*[\"']?\s*(https?:)?//", code)
    (policy,) = (
        about["content"] for tag, about in page.tags
        if tag == "meta" and about.get("http-equiv") == "Content-Security-Policy"
    )  # fmt: skip
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "http" not in policy


@pytest.mark.parametrize("name", NAMES)
def test_rows_open_to_samples_and_samples_to_overlays(made, name):
    page = Page(made / f"{name}.html")
    stored = lines(made / name / "table.csv")
    for number, (about, line) in enumerate(zip(page.island["rows"], stored, strict=True)):
        parts = [page.island["parts"][f"{number}-{part}"] for part in range(about["parts"])]
        samples = [sample for part in parts for sample in part]
        assert len(samples) == about["shown"] == about["total"]
        assert len(samples) == int(line["samples"]) * int(line["seeds"])
        values = [float(sample["values"][0]) for sample in samples]
        assert values == sorted(values, reverse=True)
        for sample in samples:
            overlay = sample["overlay"]
            for panel in overlay["panels"]:
                for layer in panel["layers"]:
                    assert page.island["images"].get(layer, layer).startswith("data:image/")
    names = [panel["name"] for panel in overlay["panels"]]
    assert (
        names
        == {
            "clicks": ["image and clicks", "after 1 click", "after 3 clicks"],
            "boxes": ["image and box", "mask"],
            "labels": ["image", "map", "truth"],
        }[name]
    )


def test_the_overlay_has_the_clicks_in_order_and_the_mask_of_the_record(made):
    """Dice of the picture, pixel by pixel, is that of the record."""
    page = Page(made / "clicks.html")
    records = [Store(made / "clicks").load(key) for key in Store(made / "clicks").stored()]
    checked = 0
    for sample in page.island["parts"]["0-0"]:
        (record,) = (
            each for each in records
            if each["identity"]["component"]["component"] == "hsizoo/sa"
            and each["identity"]["scene"] == sample["scene"]
            and str(each["identity"]["seed"]) in sample["about"]
        )  # fmt: skip
        (mine,) = (s for s in record["result"]["samples"] if s["class"] == sample["name"])
        assert sample["overlay"]["clicks"] == mine["clicks"]
        layer = sample["overlay"]["panels"][-1]["layers"][1].partition(",")[2]
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(layer))).convert("RGBA"))
        shown = [tuple(each) for each in pixels.reshape(-1, 4).tolist() if each[3]]
        found, wrong, missed = (
            sum(np.abs(np.array(each[:3]) - colour).max() < 12 for each in shown)
            for colour in ((0, 114, 178), (213, 94, 0), (240, 228, 66))
        )
        assert found + wrong + missed == len(shown)
        assert 2 * found / (2 * found + wrong + missed) == pytest.approx(mine["dice"][-1])
        checked += 1
    assert checked > 6


def test_intervals_are_those_of_scipy(made):
    """Percentile bootstrap over subjects; scipy draws other random numbers."""
    page = Page(made / "clicks.html")
    head, row, *_ = page.tables["main-table"]
    place = [cell["text"] for cell in head].index("auc")
    ends = re.search(r"\[(.+), (.+)\]", row[place]["text"])
    line = lines(made / "clicks" / "table.csv")[0]
    low, high = float(line["auc low"]), float(line["auc high"])
    assert float(ends[1]) == pytest.approx(low, abs=6e-4)
    assert float(ends[2]) == pytest.approx(high, abs=6e-4)
    curves = {}
    for each in lines(made / "clicks" / "samples.csv"):
        if each["component"] == "sa":
            key = each["subject"], each["class"], each["seed"]
            curves.setdefault(key, []).append(float(each["dice"]))
    subjects = {}
    for (subject, name, _), dice in curves.items():
        area = sum((a + b) / 2 for a, b in itertools.pairwise(dice)) / (len(dice) - 1)
        subjects.setdefault(subject, {}).setdefault(name, []).append(area)
    sums = np.array([sum(np.mean(v) for v in each.values()) for each in subjects.values()])
    counts = np.array([len(each) for each in subjects.values()])

    def ratio(places, axis=-1):
        places = places.astype(int)
        return sums[places].sum(axis=axis) / counts[places].sum(axis=axis)

    exact = bootstrap((np.arange(len(sums)),), ratio, n_resamples=9999, method="percentile",
                      rng=np.random.default_rng(1)).confidence_interval  # fmt: skip
    assert (low, high) == pytest.approx(tuple(exact), abs=2e-3)


def test_marks_follow_the_baseline(made, tmp_path):
    hsizoo.write_report(made / "clicks", tmp_path / "r.html", baseline="pcc")
    page = Page(tmp_path / "r.html")
    head, *rows = page.tables["main-table"]
    texts = [cell["text"] for cell in head]
    for line in lines(tmp_path / "r-differences.csv"):
        if "" in (line["low"], line["high"]):
            continue
        (row,) = (row for row in rows if row[0]["text"] == "sa")
        significant = float(line["low"]) > 0 or float(line["high"]) < 0
        assert ("▲" in row[texts.index(line["metric"])]["text"]
                or "▼" in row[texts.index(line["metric"])]["text"]) == significant  # fmt: skip
    (told,) = re.findall(r"Compared are (.+?); other columns have no marks", page.text)
    compared = list(dict.fromkeys(line["metric"] for line in lines(tmp_path / "r-differences.csv")))
    assert told.replace(" and ", ", ").split(", ") == compared
    markdown = (tmp_path / "r.md").read_text()
    assert ("*" in markdown.replace("**", "")) == (r"\*: better or worse than pcc" in markdown)
    assert told in markdown
    (row,) = (row for row in rows if row[0]["text"] == "pcc")
    assert not any("▲" in cell["text"] or "▼" in cell["text"] for cell in row)
    assert {row[1]["text"] for row in page.tables["table-differences"][1:]} == {"pcc"}
    with pytest.raises(NameLookupError, match=r"'pc', the baseline.*Did you mean 'pcc'\?"):
        hsizoo.write_report(made / "clicks", tmp_path / "x.html", baseline="pc")


def test_all_that_the_page_promises_is_on_it(made):
    text = (made / "boxes.html").read_text()
    assert 'id="figure-perturbation-noise-strength"' in text
    assert "hsizoo bench sa pcc --dataset" in text
    assert "--perturb noise:strength=0.3" in text
    assert "@article{kruse1993sips," in text
    assert "@software{hsizoo," in text
    assert "INFERRED" in text
    text = (made / "labels.html").read_text()
    for name in ("confusion-svm", "confusion-rf", "recall-by-class", "differences"):
        assert f'id="figure-{name}"' in text
    assert text.count("<figcaption>truth</figcaption>") == 1
    text = (made / "clicks.html").read_text()
    for name in ("dice-over-clicks", "clicks-to-iou", "speed-s-open", "differences"):
        assert f'id="figure-{name}"' in text
    assert 'alt="Image, clicks and masks of' in text


def test_tables_beside_the_page(made):
    markdown = (made / "clicks.md").read_text()
    assert markdown.startswith("# phantom")
    assert "| component | dice@0.5 1c |" in markdown
    assert "## By class" in markdown
    latex = (made / "clicks.tex").read_text()
    assert latex.count(r"\\") == 3
    assert r"\textbf{" in latex
    assert lines(made / "clicks-classes.csv") == lines(made / "clicks" / "classes.csv")
    assert lines(made / "clicks-differences.csv") == lines(made / "clicks" / "differences.csv")


def test_figures_for_paper(made, tmp_path):
    hsizoo.write_report(made / "labels", tmp_path / "r.html", figures=tmp_path / "figures")
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert {"confusion-svm", "recall-by-class", "differences"} < names
    assert sum(name.startswith("maps-") for name in names) == 1
    for name in names:
        svg = (tmp_path / "figures" / f"{name}.svg").read_text()
        assert 'width="252pt"' in svg  # a column of 3.5 inches
        assert (tmp_path / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    counts = lines(tmp_path / "figures" / "confusion-svm.csv")
    stored = lines(made / "labels" / "confusion.csv")
    total = sum(int(value) for line in counts for key, value in line.items() if "true" not in key)
    assert total == sum(
        int(line[key]) for line in stored if line["component"] == "svm" for key in line
        if line[key].isdigit() and key not in ("seeds", "scenes", "seed")
    )  # fmt: skip


def test_a_folder_for_a_server_has_every_sample(made, tmp_path):
    hsizoo.write_report(made / "clicks", bundle=tmp_path / "site")
    page = Page(tmp_path / "site" / "index.html")
    assert page.island["parts"] == page.island["images"] == {}
    found = {}
    for path in (tmp_path / "site" / "samples").glob("*.js"):
        name, samples = re.fullmatch(r'hsizooPart\((".+?"),(\[.*\])\)', path.read_text()).groups()
        assert json.loads(name) == path.stem
        found[path.stem] = json.loads(samples)
    whole = Page(made / "clicks.html")
    for number, about in enumerate(page.island["rows"]):
        mine = [s for part in range(about["parts"]) for s in found[f"{number}-{part}"]]
        assert len(mine) == about["total"] == whole.island["rows"][number]["total"]
        for sample in mine:
            for panel in sample["overlay"]["panels"]:
                for layer in panel["layers"]:
                    place = tmp_path / "site" / layer
                    assert layer.startswith("data:image/png") or place.stat().st_size
    assert lines(tmp_path / "site" / "table.csv") == lines(made / "clicks" / "table.csv")
    hsizoo.write_report(made / "clicks", bundle=tmp_path / "site")  # its own is replaced
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="has files and no report"):
        hsizoo.write_report(made / "clicks", bundle=tmp_path / "other")


def test_runs_make_one_table_if_they_are_equal(made, tmp_path):
    bench("sid", TINY, clicks=3, seeds=2, out=tmp_path / "sid")
    hsizoo.write_report([made / "clicks", tmp_path / "sid"], tmp_path / "r.html")
    rows = lines(tmp_path / "r.csv")
    assert [line["component"] for line in rows] == ["sa", "pcc", "sid"]
    for line in rows[:2]:
        (before,) = (
            each for each in lines(made / "clicks" / "table.csv")
            if each["component"] == line["component"]
        )  # fmt: skip
        assert line == before
    same = bench(["sa", "pcc", "sid"], TINY, clicks=3, seeds=2, out=tmp_path / "all")
    together = lines(tmp_path / "r-differences.csv")
    assert len(together) == len(same.comparison.differences) == 9
    for one, other in zip(together, same.comparison.differences, strict=True):
        assert float(one["difference"]) == pytest.approx(other["difference"])


def test_the_same_cell_of_two_runs_counts_once(made, tmp_path):
    bench(["pcc"], TINY, clicks=3, seeds=2, out=tmp_path / "pcc")
    hsizoo.write_report([made / "clicks", tmp_path / "pcc"], tmp_path / "r.html")
    assert lines(tmp_path / "r.csv") == lines(made / "clicks" / "table.csv")


def test_runs_of_several_data_sets_have_a_condition(made, tmp_path):
    other = TINY.replace("test_subjects=3", "test_subjects=3,seed=1")
    bench(["sa", "pcc"], other, clicks=3, seeds=2, out=tmp_path / "other")
    hsizoo.write_report([made / "clicks", tmp_path / "other"], tmp_path / "r.html")
    rows = lines(tmp_path / "r.csv")
    assert [(line["component"], line["dataset"]) for line in rows] == [
        (name, where) for where in (TINY, other) for name in ("sa", "pcc")
    ]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"clicks": 2}, "clicks is 3 in the first and 2 in the second"),
        ({"robot": "random"}, r"robot is .*name=paper.* in the first and .*name=random"),
        ({"threshold": 0.4}, "threshold is 0.5 in the first and 0.4 in the second"),
        ({"seeds": 1}, "different seeds of phantom.*: 2 and 1"),
        ({"limit": 2}, "different scenes of phantom.*: 3 and 2, only one has"),
        ({"protocol": "box"}, "different protocols have no table in common"),
    ],
)
def test_unequal_runs_are_refused(made, tmp_path, changed, told):
    settings = {"clicks": 3, "seeds": 2, **changed}
    if "protocol" in changed:
        del settings["clicks"]
    bench("sid", TINY, out=tmp_path / "sid", **settings)
    with pytest.raises(ProtocolError, match=told):
        hsizoo.write_report([made / "clicks", tmp_path / "sid"], tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_damaged_masks_and_records_cost_what_they_are_of(made, tmp_path):
    bench(["sa", "pcc"], TINY, clicks=3, out=tmp_path / "run")
    masks = next((tmp_path / "run" / "masks").iterdir())
    raw = masks.read_bytes()
    store = Store(tmp_path / "run")
    first, second, *_ = store.stored()
    start = raw.index(f'"key": "{first}"'.encode())
    place = raw.index(b"after 1 click", start)
    masks.write_bytes(raw[:place] + b"AFTER" + raw[place + 5 :])
    hsizoo.write_report(tmp_path / "run", tmp_path / "r.html")
    page = Page(tmp_path / "r.html")
    first_scene = store.load(first)["identity"]["scene"]
    for sample in page.island["parts"]["0-0"]:
        panels = [panel["name"] for panel in sample["overlay"]["panels"]]
        damaged = sample["scene"] == first_scene
        assert (panels == ["image and clicks (its mask was not kept)"]) == damaged
    assert lines(tmp_path / "r.csv") == lines(tmp_path / "run" / "table.csv")
    log = next((tmp_path / "run" / "cells").iterdir())
    raw = log.read_bytes()
    place = raw.index(b'"dice"', raw.index(f'"key": "{second}"'.encode()))
    log.write_bytes(raw[:place] + b'"DICE"' + raw[place + 6 :])
    hsizoo.write_report(tmp_path / "run", tmp_path / "r.html")
    assert (
        "the records of 1 cell(s) are damaged or were removed" in (tmp_path / "r.html").read_text()
    )
    log.unlink()
    masks.unlink()
    hsizoo.write_report(tmp_path / "run", tmp_path / "r.html")
    assert "The run has no row: nothing was computed." in (tmp_path / "r.html").read_text()


def test_without_masks_the_page_says_how_to_keep_them(tmp_path):
    bench("sa", TINY, clicks=1, out=tmp_path / "run")
    next((tmp_path / "run" / "masks").iterdir()).unlink()
    hsizoo.write_report(tmp_path / "run", tmp_path / "r.html")
    page = Page(tmp_path / "r.html")
    assert page.island["rows"][0]["overlays"] == 0
    assert "--keep-masks --overwrite always" in page.island["how"]


def test_keep_masks_raises_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["hsizoo.runs.bench"], "FEW", 0)
    bench("sa", TINY, clicks=1, out=tmp_path / "run")
    assert not (tmp_path / "run" / "masks").exists()
    result = bench("sa", TINY, clicks=1, out=tmp_path / "run", keep_masks=True, overwrite="always")
    assert all(each["key"] in Store(tmp_path / "run").masks for each in result.records)
    assert all("kept" not in each for each in result.records)


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> $x_{ & \"'`{{7*7}}"


def hostile(folder):
    """A run whose names try to be markup."""
    bench(["sa", "pcc"], TINY, clicks=1, out=folder / "plain")
    results = json.loads((folder / "plain" / "results.json").read_text())
    with Store(folder / "run") as store:
        for cell in results["cells"]:
            record = Store(folder / "plain").load(cell["key"])
            for sample in record["result"]["samples"]:
                sample["class"] = HOSTILE
            if cell["label"] == "pcc":
                record = {**record, "status": "failed", "error": {"type": "X", "message": HOSTILE}}
            store.save(cell["key"], {k: v for k, v in record.items() if k != "digest"})
    for cell in results["cells"]:
        cell["label"] = f"{cell['label']} {HOSTILE}"
    results["title"] = HOSTILE
    del results["seal"]
    (folder / "run" / "results.json").write_text(json.dumps(results))
    return folder / "run"


def test_hostile_names_are_texts(tmp_path):
    run = hostile(tmp_path)
    hsizoo.write_report(run, tmp_path / "r.html", figures=tmp_path / "figures")
    page = Page(tmp_path / "r.html")
    scripts = [about for tag, about in page.tags if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "hsizoo-data"}, {}]
    assert not [about for tag, about in page.tags if tag == "img" and "onerror" in about]
    assert page.tables["main-table"][1][0]["text"] == f"sa {HOSTILE}"
    assert page.tables["table-failures"][1][3]["text"] == f"X: {HOSTILE}"
    assert page.island["parts"]["0-0"][0]["name"] == HOSTILE
    assert page.tables["main-table"][2][-1]["text"] == "3"


def test_what_is_in_the_way_is_not_replaced(made, tmp_path):
    mine = tmp_path / "mine.html"
    mine.write_text("<p>a thesis</p>")
    with pytest.raises(DataError, match="is no report; replace it with --force"):
        hsizoo.write_report(made / "boxes", mine)
    (tmp_path / "new.csv").write_text("mine")
    with pytest.raises(DataError, match=r"new\.csv exists beside no report"):
        hsizoo.write_report(made / "boxes", tmp_path / "new.html")
    for out, told in (("x.pdf", "written as .html, not .pdf"), ("mine.html/r.html", "no folder")):
        with pytest.raises(DataError, match=told):
            hsizoo.write_report(made / "boxes", tmp_path / out)
    with pytest.raises(OptionError, match="name --out or --bundle"):
        hsizoo.write_report(made / "boxes", tmp_path / "r.html", bundle=tmp_path / "site")
    hsizoo.write_report(made / "boxes", tmp_path / "new" / "folder" / "r.html")
    assert (tmp_path / "new" / "folder" / "r.csv").is_file()
    with pytest.raises(OptionError, match="at least one run"):
        hsizoo.write_report([], tmp_path / "r.html")
    assert mine.read_text() == "<p>a thesis</p>"
    hsizoo.write_report(made / "boxes", mine, force=True)
    hsizoo.write_report(made / "boxes", mine)
    with pytest.raises(DataError, match="there is no run 'nothing'"):
        hsizoo.write_report("nothing", tmp_path / "r.html")
    assert sorted(path.name for path in tmp_path.glob("*.part")) == []


def test_the_command_writes_the_page(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["report", str(made / "clicks"), "--baseline", "sa", "--out", "r.html"]
    found = CliRunner().invoke(app, words)
    assert found.exit_code == 0, found.output
    assert "r.html  the page; it needs nothing else" in found.output
    assert Page(tmp_path / "r.html").tables["main-table"]


def large(folder, count):
    """A run of many cells, written without computing them."""
    small = bench("sa", TINY, clicks=2, out=folder / "small")
    pattern = dict(Store(small.folder).load(small.records[0]["key"]))
    del pattern["digest"]
    results = json.loads((small.folder / "results.json").read_text())
    cells, logs = [], RecordLogs(folder / "large" / "cells")
    for number in range(count):
        identity = {**pattern["identity"], "scene": f"scene-{number}"}
        record = {**pattern, "identity": identity, "subject": f"subject-{number % 50}"}
        record["key"] = key = key_of(identity)
        logs.append(key, seal(json.dumps(record).encode()), flush=False)
        cells.append({**results["cells"][0], "key": key, "identity": identity})
    logs.stop_writing()
    results |= {"cells": cells, "counts": {"done": count, "failed": 0}}
    del results["seal"]
    (folder / "large" / "results.json").write_text(json.dumps(results))
    return folder / "large", count * len(pattern["result"]["samples"])


def check_bounds(page, samples, most):
    (about,) = page.island["rows"]
    assert (about["total"], about["shown"]) == (samples, most)
    ranks = [sample["rank"] for part in page.island["parts"].values() for sample in part]
    assert len(ranks) == len(set(ranks)) == most
    assert ranks == sorted(ranks)
    assert (ranks[0], ranks[-1]) == (0, samples - 1)
    assert max(np.diff(ranks)) <= 2 * samples / most + 1


def test_a_page_has_some_of_many_samples(tmp_path, monkeypatch):
    run, samples = large(tmp_path, 60)
    monkeypatch.setattr(drill, "SAMPLES", 70)
    hsizoo.write_report(run, tmp_path / "r.html")
    check_bounds(Page(tmp_path / "r.html"), samples, 70)


@pytest.mark.slow
def test_a_page_of_10_000_cells_is_bounded(tmp_path):
    run, samples = large(tmp_path, 10_000)
    began = time.process_time()
    hsizoo.write_report(run, tmp_path / "r.html")
    assert time.process_time() - began < 60  # of the processor; 8 where this was written
    assert (tmp_path / "r.html").stat().st_size < 2 * 2**20
    check_bounds(Page(tmp_path / "r.html"), samples, 2000)


def test_overlays_have_bounded_room(made, tmp_path, monkeypatch):
    monkeypatch.setattr(drill, "ROOM", 8000)
    hsizoo.write_report(made / "clicks", tmp_path / "r.html")
    page = Page(tmp_path / "r.html")
    shown = [
        [sample["rank"] for part in range(about["parts"])
         for sample in page.island["parts"][f"{number}-{part}"] if "overlay" in sample]
        for number, about in enumerate(page.island["rows"])
    ]  # fmt: skip
    assert 2 <= sum(map(len, shown)) < 20
    for number, about in enumerate(page.island["rows"]):
        assert shown[number][0] == 0  # the best of each row comes first
        assert about["overlays"] == len(shown[number])


def test_what_a_protocol_cannot_show_costs_no_more_than_that(made, tmp_path, monkeypatch):
    protocol = sys.modules["hsizoo.protocols.box"].BoxProtocol

    def fails(cls, records):
        raise KeyError("an entry that old records lack")

    monkeypatch.setattr(protocol, "figures", classmethod(fails))
    monkeypatch.setattr(protocol, "overlays", classmethod(fails))
    hsizoo.write_report(made / "boxes", tmp_path / "r.html")
    page = Page(tmp_path / "r.html")
    assert "figures of protocol box are left out" in page.text
    assert lines(tmp_path / "r.csv") == lines(made / "boxes" / "table.csv")
    assert page.island["parts"]["0-0"][0]["overlay"]["panels"][0]["name"] == "image"
