import csv
import io

import numpy as np
import pytest
from hsizoo.protocols.interactive.tables import table_csv
from hsizoo.report.columns import COMPARED

from hsizoo.protocols.mask_metrics import THRESHOLD_GRID
from hsizoo.report.comparison import (
    classes_csv,
    compare,
    covers,
    differences_csv,
    row_name,
    settings_of,
)


def record(label, subject, values, scene=None, seed=0, dataset="d", **about):
    """A record whose samples (by class) have one Dice at their one click."""
    samples = [
        {
            "label": number,
            "class": name,
            "dice": [value],
            "dice_max": [min(1.0, value + 0.1)],
            "iou": [value / (2 - value)],
            "dice_grid": {"1": [value] * len(THRESHOLD_GRID)},
        }
        for number, (name, value) in enumerate(values.items())
    ]
    return {
        "status": "done",
        "label": label,
        "subject": subject,
        "identity": {"dataset": dataset, "scene": scene or subject, "seed": seed},
        "result": {
            "samples": samples,
            "seconds": {"open": 1.0, "predict": [0.5]},
            "objects": [len(samples)],
        },
        **about,
    }


LIVER = (0.2, 0.3, 0.5, 0.8)
SUBJECTS = ("a", "b", "c", "d")


def run(label="x", add=0.0, **about):
    return [
        record(label, name, {"liver": value + add, "spleen": 0.1}, **about)
        for name, value in zip(SUBJECTS, LIVER, strict=True)
    ]


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def line_of(lines, **about):
    (found,) = [line for line in lines if all(line[key] == value for key, value in about.items())]
    return found


def test_a_constant_gain_has_an_interval_of_no_width():
    comparison = compare([*run("x", 0.05), *run("y")])
    line = line_of(comparison.differences, metric="dice@0.5 1c")
    assert (line["a"], line["b"], line["differ_in"]) == ("x", "y", "component")
    # Half of the samples gain 0.05; every subject as much.
    assert [line[key] for key in ("difference", "low", "high")] == pytest.approx([0.025] * 3)
    assert line["by_class_difference"] == pytest.approx(0.025)
    assert (line["above_0"], line["unit"], line["units"], line["samples"]) == (1.0, "subject", 4, 8)
    # Each row by itself is far less sure.
    low, high = comparison.rows[0]["intervals"]["dice@0.5 1c"]
    assert high - low > 0.1


def test_intervals_are_of_what_the_table_shows():
    (row,) = compare(run()).rows
    low, high = row["intervals"]["dice@0.5 1c"]
    assert low < row["dice@0.5 1c"] < high
    assert row["intervals"]["dice@tuned 1c"][0] < row["dice@tuned 1c"]
    assert "dice@0.5 5c" not in row["intervals"]
    (line,) = read(table_csv([row]))
    assert (float(line["dice@0.5 1c low"]), line["unit"], line["units"]) == (low, "subject", "4")


def test_classes_by_hand():
    # Two images of subject a: averaged before b is added.
    records = [
        record("x", "a", {"liver": 0.2}, scene="a1"),
        record("x", "a", {"liver": 0.4, "spleen": 0.9}, scene="a2"),
        record("x", "b", {"liver": 0.7}),
        record("x", "c", {"spleen": 0.1}),
    ]
    lines = [line for line in compare(records).classes if line["metric"] == "dice@0.5 1c"]
    found = {line["class"]: (line["mean"], line["units"], line["samples"]) for line in lines}
    assert found == {
        "liver": (pytest.approx(0.5), 2, 3),
        "spleen": (pytest.approx(0.5), 2, 2),
        "all classes": (pytest.approx(0.5), 3, 5),
    }
    assert "low" not in lines[0]  # two subjects tell nothing
    assert lines[2]["low"] <= 0.5 <= lines[2]["high"]


def test_pooled_datasets_do_not_mix_their_classes():
    records = [
        record("x", name, {"tree": value}, dataset=name)
        for name, value in (("samson", 0.2), ("pavia", 0.8))
    ]
    lines = [line for line in compare(records).classes if line["metric"] == "dice@0.5 1c"]
    assert [line["class"] for line in lines] == ["tree (samson)", "tree (pavia)", "all classes"]
    assert lines[2]["mean"] == pytest.approx(0.5)


def test_few_units_have_differences_without_intervals():
    comparison = compare([*run("x", 0.05)[:2], *run("y")[:2]])
    assert comparison.rows[0]["intervals"] == {}
    line = line_of(comparison.differences, metric="dice@0.5 1c")
    assert line["difference"] == pytest.approx(0.025)
    assert "low" not in line
    assert comparison.ranks == []
    assert read(differences_csv(comparison))[0]["low"] == ""


def test_a_failed_cell_is_left_out_on_both_sides():
    failed = {"status": "failed", "label": "y", "identity": {"scene": "d", "seed": 0}, "error": {}}
    comparison = compare([*run("x", 0.05), *run("y")[:3], failed])
    line = line_of(comparison.differences, metric="dice@0.5 1c")
    assert (line["units"], line["samples"]) == (3, 6)
    assert [line[key] for key in ("difference", "low", "high")] == pytest.approx([0.025] * 3)
    assert [row["units"] for row in comparison.rows] == [4, 3]
    assert line_of(comparison.ranks, component="x", metric="auc")["shares"] == [1.0, 0.0]


class TestUnits:
    def test_scenes_where_there_is_one_subject(self):
        records = [
            record("x", "a", {"liver": value}, scene=f"a{value}") for value in (0.2, 0.4, 0.9)
        ]
        (row,) = compare(records).rows
        assert (row["unit"], row["units"], row["samples"]) == ("scene", 3, 3)
        assert row["intervals"]["dice@0.5 1c"] == pytest.approx([0.2, 0.9])

    def test_seeds_where_there_is_one_scene(self):
        values = (0.2, 0.4, 0.9)
        records = [record("x", "a", {"liver": v}, seed=s) for s, v in enumerate(values)]
        records += [record("y", "a", {"liver": v - 0.1}, seed=s) for s, v in enumerate(values)]
        comparison = compare(records)
        row = comparison.rows[0]
        assert (row["unit"], row["units"], row["samples"]) == ("seed", 3, 1)
        assert row["intervals"]["dice@0.5 1c"] == pytest.approx([0.2, 0.9])
        line = line_of(comparison.differences, metric="auc")
        assert [line[key] for key in ("low", "high")] == pytest.approx([0.1, 0.1])

    def test_what_nobody_trained_pairs_with_every_training_seed(self):
        records = [
            record("net", "a", {"liver": value}, training_seed=seed)
            for seed, value in enumerate((0.2, 0.4, 0.9))
        ]
        comparison = compare([record("sa", "a", {"liver": 0.1}), *records])
        line = line_of(comparison.differences, metric="dice@0.5 1c")
        assert line["difference"] == pytest.approx(-0.4)
        assert [line["low"], line["high"]] == pytest.approx([-0.8, -0.1])
        assert [row["samples"] for row in comparison.rows] == [1, 1]


def test_training_seeds_are_averaged_before_and_their_spread_is_told():
    records = [
        each
        for seed, add in enumerate((-0.04, 0.0, 0.04))
        for each in run("net", add, training_seed=seed)
    ]
    comparison = compare([*run("sa"), *records])
    sa, net = comparison.rows
    assert net["intervals"]["dice@0.5 1c"] == pytest.approx(sa["intervals"]["dice@0.5 1c"])
    assert (sa["training_seeds"], net["training_seeds"]) == (0, 3)
    assert sa["seed_sd"] == {}
    assert net["seed_sd"]["dice@0.5 1c"] == pytest.approx(np.std([-0.02, 0, 0.02], ddof=1))
    first, second = read(table_csv(comparison.rows))
    assert first["dice@0.5 1c seed sd"] == ""
    assert float(second["dice@0.5 1c seed sd"]) == pytest.approx(0.02)
    line = line_of(comparison.differences, metric="dice@0.5 1c")
    assert [line[key] for key in ("difference", "low", "high")] == pytest.approx([0, 0, 0])


class TestConditions:
    RECORDS = (
        *run("x", 0.1, conditions={"noise": "0", "data": "1"}),
        *run("x", 0.0, conditions={"noise": "1", "data": "1"}),
        *run("y", 0.2, conditions={"noise": "0", "data": ""}),
        *run("y", 0.05, conditions={"noise": "1", "data": ""}),
    )

    def test_rows_that_differ_in_one_respect_are_compared(self):
        lines = [x for x in compare(self.RECORDS).differences if x["metric"] == "dice@0.5 1c"]
        found = {(line["a"], line["b"]): line["differ_in"] for line in lines}
        assert found == {
            ("x | noise=0, data=1", "x | noise=1, data=1"): "noise",
            ("x | noise=0, data=1", "y | noise=0"): "component",
            ("x | noise=1, data=1", "y | noise=1"): "component",
            ("y | noise=0", "y | noise=1"): "noise",
        }

    def test_a_condition_that_does_not_touch_a_row_agrees_with_all(self):
        rows = compare(self.RECORDS).rows
        assert settings_of(rows) == [{"noise": "0", "data": "1"}, {"noise": "1", "data": "1"}]
        assert covers({"noise": "0", "data": ""}, {"noise": "0", "data": "1"})
        assert not covers({"noise": "1", "data": ""}, {"noise": "0", "data": "1"})
        assert row_name(rows[2]) == "y | noise=0"

    def test_ranks_are_within_a_setting(self):
        ranks = compare(self.RECORDS).ranks
        assert len(ranks) == 2 * 2 * sum(column in COMPARED for column in ranks_of(ranks))
        first = line_of(ranks, component="y", noise="0", metric="dice@0.5 1c")
        assert first["shares"] == [1.0, 0.0]
        assert first["data"] == "1"

    def test_files_name_them(self):
        comparison = compare(self.RECORDS)
        assert {line["noise"] for line in read(classes_csv(comparison))} == {"0", "1"}
        assert read(differences_csv(comparison))[0]["differ_in"] in ("noise", "component")


def ranks_of(lines):
    return {line["metric"] for line in lines}


def test_nothing_and_nothing_done():
    assert compare([]).rows == []
    lost = {"status": "failed", "label": "x", "identity": {"scene": "a", "seed": 0}, "error": {}}
    comparison = compare([lost, {**lost, "label": "y"}])
    assert [row["failed_cells"] for row in comparison.rows] == [1, 1]
    assert comparison.differences == comparison.classes == comparison.ranks == []
    assert read(classes_csv(comparison)) == []
