"""`hsizoo.bench_few_labels`: which protocol, planning, reuse, faults, and what is written."""

import csv
import functools
import json
import os
import sys

import numpy as np
import pytest
from hsizoo.engine.running import RunEvents
from hsizoo.runs.fewlabel import FewLabelCase, are_classifiers, run_few_label_cases
from PIL import Image

import hsizoo
from hsizoo.errors import DataError, NameLookupError, OptionError, ProtocolError
from hsizoo.io import read_labels
from hsizoo.protocols.few_label import FewLabelProtocol

TINY = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=1,scenes_per_subject=1"
)
bench = functools.partial(hsizoo.bench_few_labels, device="cpu")


def lines(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("components", "classify"),
    [
        (["svm", "lp"], True),
        (["lp+cnn2d:epochs=3"], True),
        (["hsizoo/rf"], True),
        (["sa", "sa-rw"], False),
    ],
)
def test_classifiers_and_segmenters_are_told_apart(components, classify):
    assert are_classifiers(components) is classify


def test_the_two_protocols_do_not_mix():
    with pytest.raises(NameLookupError, match=r"'svm' is a classifier.*'sa' answers to clicks"):
        are_classifiers(["sa", "svm"])


@pytest.mark.parametrize("others", [[], ["rf"], ["sa"]])
def test_an_unknown_name_is_looked_for_among_all_that_can_be_benched(others):
    with pytest.raises(NameLookupError, match=r"scorer, classifier .* named 'svn'.*'svm'"):
        are_classifiers([*others, "svn"])


def test_a_pseudo_labeler_alone_classifies_nothing(fake_dist):
    plugin = """
        import hsizoo

        @hsizoo.hookimpl
        def hsizoo_components():
            yield hsizoo.ComponentSpec(
                name="guess", kind="pseudo-labeler", target="hsizoo_guess:Guess", summary="Guess"
            )
    """
    fake_dist("hsizoo-guess", "1.0", {"hsizoo_guess": plugin}, {"guess": "hsizoo_guess"})
    with pytest.raises(NameLookupError, match=r"guess\+cnn2d"):
        are_classifiers(["guess"])


def test_a_run(tmp_path):
    result = bench(["rf:trees=10", "lp+rf:trees=10"], TINY, shots=3, seeds=3, out=tmp_path)
    assert not result.failures
    assert [row["component"] for row in result.table] == ["rf:trees=10", "lp+rf:trees=10"]
    runs = lines(tmp_path / "runs.csv")
    assert len(runs) == 6
    for row in result.table:
        mine = [float(run["oa"]) for run in runs if run["component"] == row["component"]]
        assert row["oa"] == pytest.approx(np.mean(mine))
        assert row["oa_sd"] == pytest.approx(np.std(mine, ddof=1))
        assert row["seeds"] == 3
    assert result.table[0]["pseudo_right"] is None
    assert 0 < result.table[1]["pseudo_right"] <= 1
    # The same seed draws the same pixels for both.
    digests = {(run["seed"], run["split"]) for run in runs}
    assert len(digests) == 3
    (oa,) = [each for each in result.differences if each["metric"] == "oa"]
    assert oa["difference"] == pytest.approx(result.table[0]["oa"] - result.table[1]["oa"])
    assert oa["low"] <= oa["difference"] <= oa["high"]
    record = result.records[0]
    used = record["result"]["megabytes"]["host"]
    assert used is None or used >= 0
    assert record["provenance"]["versions"]["scikit-learn"]
    total = sum(int(line["pixels"]) for line in lines(tmp_path / "confusion.csv"))
    assert total == sum(int(run["test"]) for run in runs)
    assert len(json.loads((tmp_path / "results.json").read_text())["cells"]) == 6


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


def test_a_picture_that_the_last_command_did_not_draw_is_gone(tmp_path, monkeypatch):
    protocol = FewLabelProtocol(shots=2)
    cases = [
        FewLabelCase(
            component=f"rf:trees={trees}", dataset=TINY, protocol=protocol, seeds=[0], name="rf",
            conditions={"trees": trees},
        )
        for trees in ("2", "3")
    ]  # fmt: skip
    own = tmp_path / "mine.png"
    own.write_bytes(b"")
    for those, without in ((cases, False), (cases[:1], False), (cases, False), (cases, True)):
        if without:
            monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        run_few_label_cases(those, tmp_path, "trees", device="cpu")
        drawn = those == cases and not without
        assert (tmp_path / "trees.png").exists() is drawn
    assert own.exists()


def test_without_matplotlib_there_are_no_pictures(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = bench(["rf:trees=5"], TINY, shots=2, seeds=1, out=tmp_path)
    assert "hsizoo[report]" in result.files["pictures"]
    assert "confusion" not in result.files


TELLER = """
    import hsizoo
    import numpy as np

    class Teller(hsizoo.PixelClassifier):
        \"""Tells how far it is.\"""

        def fit(self, cube, labels, *, rng):
            for step in range(1, 4):
                hsizoo.tell_progress(step, 3)
            self.classes = len(labels.targets)
            return self

        def predict_proba(self, cube):
            hsizoo.tell_progress(1, 1)
            return np.full((self.classes, *cube.shape[:2]), 1 / self.classes, dtype=np.float32)

    @hsizoo.hookimpl
    def hsizoo_components():
        yield hsizoo.ComponentSpec(
            name="teller", kind="classifier", target="hsizoo_teller:Teller", summary="Tells"
        )
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_component_tells_is_heard(tmp_path, fake_dist, jobs):
    fake_dist("hsizoo-teller", "1.0", {"hsizoo_teller": TELLER}, {"teller": "hsizoo_teller"})
    heard = []
    events = RunEvents(progress=lambda cell, *steps: heard.append((cell.identity["seed"], *steps)))
    result = bench(["teller"], TINY, shots=2, seeds=2, jobs=jobs, out=tmp_path, events=events)
    assert not result.failures
    for seed in range(2):
        assert [steps[1:] for steps in heard if steps[0] == seed] == [(1, 3), (3, 3), (1, 1)]


def test_finished_cells_are_used_again(tmp_path):
    first = bench(["rf:trees=5"], TINY, shots=2, seeds=2, out=tmp_path)
    planned = []
    events = RunEvents(planned=lambda cells, reused: planned.append((len(cells), reused)))
    second = bench(["hsizoo/rf:trees=5"], TINY, shots=2, seeds=3, out=tmp_path, events=events)
    assert planned == [(1, 2)]
    assert [r["result"] for r in second.records[:2]] == [r["result"] for r in first.records]
    for change in ({"shots": 3}, {"draw": "fixed"}, {"patch": 5}):
        bench(["rf:trees=5"], TINY, **{"shots": 2, "seeds": 1, "out": tmp_path, **change})
    assert len(list((tmp_path / "cells").iterdir())) == 6


def test_processes_give_the_same(tmp_path):
    here = bench(["rf:trees=5"], TINY, shots=2, seeds=2, out=tmp_path / "one")
    there = bench(["rf:trees=5"], TINY, shots=2, seeds=2, jobs=2, out=tmp_path / "two")
    for one, two in zip(here.records, there.records, strict=True):
        assert one["result"]["confusion"] == two["result"]["confusion"]
        assert one["result"]["map"] == two["result"]["map"]


def test_a_cell_that_fails_does_not_end_the_run(tmp_path):
    result = bench(["cnn2d:patch=99,epochs=1", "rf:trees=5"], TINY, shots=2, seeds=1, out=tmp_path)
    assert [row["failed_cells"] for row in result.table] == [1, 0]
    assert result.failures[0]["error"]["type"] == DataError.__name__
    assert "patch=63 or less" in result.failures[0]["error"]["message"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"components": []}, NameLookupError, "at least one classifier"),
        ({"components": ["sa"]}, NameLookupError, "'sa' is a scorer, not a classifier"),
        ({"components": ["rf", "svm:folds=1"]}, OptionError, "folds=1"),
        ({"draw": "blocks"}, ProtocolError, "block-disjoint"),
        ({"shots": 0}, ProtocolError, "shots"),
        ({"seeds": 0}, OptionError, "seeds"),
        ({"jobs": 0}, OptionError, "jobs"),
        ({"overwrite": "perhaps"}, OptionError, "overwrite"),
        ({"draw": "official"}, ProtocolError, "has no official training map; use another"),
    ],
)
def test_what_is_known_to_fail_is_said_first(tmp_path, change, error, message):
    with pytest.raises(error, match=message):
        bench(**{"components": ["rf"], "dataset": TINY, "out": tmp_path, **change})
    assert not list(tmp_path.glob("cells/*"))


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_killed_run_goes_on(tmp_path, run_killed):
    code = (
        "import hsizoo; hsizoo.bench_few_labels(['rf:trees=20'], "
        f"{TINY!r}, shots=2, seeds=6, device='cpu', out={str(tmp_path)!r})"
    )
    run_killed(code, "hsizoo.engine.store", "Store", "save", 2)
    assert len(list(tmp_path.glob("cells/*.json"))) == 2
    planned = []
    events = RunEvents(planned=lambda cells, reused: planned.append((len(cells), reused)))
    result = bench(["rf:trees=20"], TINY, shots=2, seeds=6, out=tmp_path, events=events)
    assert planned == [(4, 2)]
    assert not result.failures
