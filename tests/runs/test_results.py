"""What a run writes for people: tables, the protocol's files, results.json."""

import csv
import functools
import json
import math
import sys

import numpy as np
import pytest
from PIL import Image

import hsizoo
from hsizoo.engine import provenance
from hsizoo.engine.store import Store
from hsizoo.interfaces import View
from hsizoo.io import read_labels
from hsizoo.protocols.few_label.protocol import FewLabelProtocol
from hsizoo.protocols.interactive.protocol import InteractiveProtocol
from hsizoo.report.comparison import compare
from hsizoo.runs.bench import run_cases
from hsizoo.runs.case import Case
from hsizoo.runs.results import write_results
from hsizoo.runs.stored import read_results

TINY = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=1,scenes_per_subject=1"
)
bench = functools.partial(hsizoo.bench, device="cpu")


def lines(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_files_of_a_run_of_segmenters(tmp_path):
    three = TINY.replace("test_subjects=1", "test_subjects=3")
    result = bench(["sa", "sa-rw"], three, clicks=5, out=tmp_path)
    row = result.table[1]
    low, high = row.intervals["dice@0.5 5c"]
    assert low <= row["dice@0.5 5c"] <= high
    assert (row.unit, row.units) == ("subject", 3)
    for name in ("table.csv", "differences.csv", "classes.csv", "samples.csv", "curve.png"):
        assert result.files[name]
        assert (tmp_path / name).stat().st_size > 100
    table = lines(tmp_path / "table.csv")
    assert [line["component"] for line in table] == ["sa", "sa-rw"]
    assert float(table[1]["dice@0.5 5c"]) == row["dice@0.5 5c"]
    assert float(table[1]["dice@0.5 5c low"]) == low
    stored = read_results(tmp_path)
    assert stored["table"][1]["intervals"]["dice@0.5 5c"] == [low, high]
    assert stored["table"][1]["values"] == row.values
    assert {line["component"] for line in stored["ranks"]} == {"sa", "sa-rw"}
    assert stored["protocol"] == "interactive"
    assert stored["settings"]["clicks"] == 5
    assert stored["pictures"] == ["curve.png", "examples.png"]
    assert all((tmp_path / name).is_file() for name in stored["written"])
    assert len(stored["cells"]) == 6
    assert "result" not in stored["cells"][0]


def test_files_of_a_run_of_classifiers(tmp_path):
    result = bench(["rf:trees=10", "lp+rf:trees=10"], TINY, shots=3, seeds=3, out=tmp_path)
    assert not result.failures
    assert [row.component for row in result.table] == ["rf:trees=10", "lp+rf:trees=10"]
    runs = lines(tmp_path / "runs.csv")
    assert len(runs) == 6
    for row in result.table:
        mine = [float(run["oa"]) for run in runs if run["component"] == row.component]
        assert row["oa"] == pytest.approx(np.mean(mine))
        assert row.deviations["oa"] == pytest.approx(np.std(mine, ddof=1))
        assert row.seeds == 3
    assert result.table[0]["pseudo_right"] is None
    assert 0 < result.table[1]["pseudo_right"] <= 1
    # The same seed draws the same pixels for both.
    digests = {(run["seed"], run["split"]) for run in runs}
    assert len(digests) == 3
    (oa,) = [each for each in result.comparison.differences if each["metric"] == "oa"]
    assert oa["difference"] == pytest.approx(result.table[0]["oa"] - result.table[1]["oa"])
    assert oa["low"] <= oa["difference"] <= oa["high"]
    assert result.records[0]["provenance"]["versions"]["scikit-learn"]
    total = sum(int(line["pixels"]) for line in lines(tmp_path / "confusion.csv"))
    assert total == sum(int(run["test"]) for run in runs)
    stored = read_results(tmp_path)
    assert len(stored["cells"]) == 6
    assert stored["notes"] == result.notes
    assert (stored["protocol"], stored["settings"]["shots"]) == ("few-label", 3)


def test_maps_are_of_the_whole_image(tmp_path):
    result = bench(["rf:trees=10"], TINY, shots=3, seeds=2, out=tmp_path)
    sheet, picture = sorted((tmp_path / "maps").glob("*.png"))
    assert (sheet.name[:4], picture.name[:2]) == ("all-", "rf")
    with Image.open(picture) as image:
        png = np.asarray(image)
    envi, _ = read_labels(picture.with_suffix(".hdr"))
    assert png.shape == (32, 32)
    np.testing.assert_array_equal(png, envi)
    record = result.records[0]["result"]
    scene = hsizoo.load_dataset(TINY).scene(2)
    names = dict(enumerate(record["classes"], start=1))
    truth = scene.label_map.labels
    tested = np.zeros((32, 32), dtype=bool)
    for first, length in record["split"]["test_runs"]:
        tested.flat[first : first + length] = True
    right = sum(
        names[int(called)] == scene.label_map.class_names[int(true)]
        for called, true in zip(png[tested], truth[tested], strict=True)
    )
    assert right / tested.sum() == pytest.approx(record["scores"]["oa"])


def test_pictures_of_confusions_lie_beside_the_maps(tmp_path):
    result = bench(["rf:trees=5", "lp"], TINY, shots=2, seeds=1, out=tmp_path)
    names = {path.name for path in (tmp_path / "confusion").iterdir()}
    assert names == {"rf_trees=5.png", "lp.png"}
    assert {"maps", "confusion"} <= set(result.files)


def swept(component, protocol, **about):
    return Case(component=component, dataset=TINY, protocol=protocol, name="c", **about)


FORESTS = [
    swept(f"rf:trees={n}", FewLabelProtocol(shots=2), conditions={"trees": str(n)}) for n in (2, 3)
]
WALKS = [
    swept(f"sa-rw:beta={n}", InteractiveProtocol(clicks=1), conditions={"beta": str(n)})
    for n in (2, 3)
]


@pytest.mark.parametrize(("cases", "picture"), [(FORESTS, "trees.png"), (WALKS, "beta.png")])
def test_a_picture_that_the_last_command_did_not_draw_is_gone(
    tmp_path, monkeypatch, cases, picture
):
    own = tmp_path / "mine.png"
    own.write_bytes(b"")
    for those, without in ((cases, False), (cases[:1], False), (cases, False), (cases, True)):
        if without:
            monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        result = run_cases(those, tmp_path, "a title", device="cpu")
        drawn = those == cases and not without
        assert (tmp_path / picture).exists() is drawn
        assert (picture in result.files) is (those == cases)
        assert (picture in read_results(tmp_path)["pictures"]) is drawn
    assert own.exists()
    assert "hsizoo[report]" in result.files[picture]


def test_a_swept_option_may_be_called_like_another_picture(tmp_path):
    cases = [
        swept(f"sa-rw:beta={n}", InteractiveProtocol(clicks=1), conditions={"curve": str(n)})
        for n in (2, 3)
    ]
    result = run_cases(cases, tmp_path, "a title", device="cpu")
    contents = [(tmp_path / name).read_bytes() for name in ("curve.png", "swept-curve.png")]
    assert contents[0] != contents[1]
    assert result.files["curve.png"] == "Dice over clicks"
    assert result.files["swept-curve.png"] == "the figures against curve"


@pytest.mark.parametrize(
    ("component", "options", "pictures", "tables"),
    [
        ("sa", {"clicks": 1}, ["curve.png"], ["samples.csv"]),
        ("rf:trees=5", {"shots": 2, "seeds": 1}, ["confusion"], ["runs.csv", "maps"]),
    ],
)
def test_without_matplotlib_there_are_no_pictures(
    tmp_path, monkeypatch, component, options, pictures, tables
):
    bench([component], TINY, **options, out=tmp_path)  # whose pictures must not stay
    assert all((tmp_path / each).exists() for each in pictures)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = bench([component], TINY, **options, out=tmp_path)
    for each in pictures:
        assert result.files[each].startswith("not drawn: ")
        assert "hsizoo[report]" in result.files[each]
    assert not list(tmp_path.glob("curve.png")) + list(tmp_path.glob("confusion/*.png"))
    assert all((tmp_path / each).exists() for each in tables)


def test_results_that_cannot_be_read_are_none(tmp_path):
    assert read_results(tmp_path) is None
    for content in ("{", "[1]"):
        (tmp_path / "results.json").write_text(content)
        assert read_results(tmp_path) is None


class Views(InteractiveProtocol):
    """Writes what a test says."""

    made = ()

    @classmethod
    def views(cls, records, title):
        return [
            View(name=name, remark="x", files=lambda name=name: [(name, b"x")]) for name in cls.made
        ]


def test_a_view_writes_below_its_folder_and_what_is_old_is_removed_there_only(tmp_path):
    def write(*names):
        Views.made = names
        with Store(tmp_path / "run") as store:
            return write_results(store, Views, [], [], compare(Views, []), "title", [], {})

    outside = tmp_path / "precious.txt"
    outside.write_text("precious")
    assert write("one.txt")["one.txt"] == "x"
    assert (tmp_path / "run" / "one.txt").exists()
    for name in ("../precious.txt", str(outside), "a/../../precious.txt"):
        with pytest.raises(ValueError, match="a view writes below its run folder"):
            write(name)
    # Not even if an earlier results.json says so.
    path = tmp_path / "run" / "results.json"
    about = json.loads(path.read_text())
    about["written"] += ["../precious.txt", str(outside)]
    del about["seal"]
    path.write_text(json.dumps(about))
    assert "two.txt" in write("two.txt")
    assert not (tmp_path / "run" / "one.txt").exists()
    assert outside.read_text() == "precious"


def test_results_are_plain_json(tmp_path):
    bench(["sa"], TINY, clicks=1, out=tmp_path)
    text = (tmp_path / "results.json").read_text()

    def refuse(constant):
        raise AssertionError(constant)

    stored = json.loads(text, parse_constant=refuse)
    assert all(v is None or math.isfinite(v) for v in stored["table"][0]["values"].values())
    assert str(tmp_path) not in text


def test_cells_of_another_release_are_used_with_a_note(tmp_path, monkeypatch):
    words = {"out": tmp_path / "run", "clicks": 1, "device": "cpu"}
    tiny = "phantom:height=32,width=32,bands=8,train_subjects=1,val_subjects=1,test_subjects=1"
    with monkeypatch.context() as patch:
        real = provenance.version
        patch.setattr(
            provenance, "version", lambda name: "0.0.9" if name == "hsizoo" else real(name)
        )
        assert not hsizoo.bench("sa", tiny, **words).notes
    (note,) = hsizoo.bench("sa", tiny, **words).notes
    assert f"hsizoo 0.0.9 (now {real('hsizoo')})" in note
    assert "--overwrite always" in note
    assert note in read_results(tmp_path / "run")["notes"]
    assert not hsizoo.bench("sa", tiny, overwrite="always", **words).notes
