import csv
import io

import numpy as np
import pytest

from hsizoo.interfaces import Column, Observation
from hsizoo.protocols.few_label.protocol import FewLabelProtocol
from hsizoo.protocols.interactive.protocol import InteractiveProtocol
from hsizoo.protocols.mask_metrics import THRESHOLD_GRID
from hsizoo.report.comparison import classes_csv, differences_csv, table_csv
from hsizoo.report.comparison import compare as compare_by

COMPARED = [column.name for column in InteractiveProtocol.columns if column.compared]


def compare(records):
    return compare_by(InteractiveProtocol, records)


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
    low, high = comparison.rows[0].intervals["dice@0.5 1c"]
    assert high - low > 0.1


def test_intervals_are_of_what_the_table_shows():
    comparison = compare(run())
    (row,) = comparison.rows
    low, high = row.intervals["dice@0.5 1c"]
    assert low < row["dice@0.5 1c"] < high
    assert row.intervals["dice@tuned 1c"][0] < row["dice@tuned 1c"]
    assert "dice@0.5 5c" not in row.intervals
    (line,) = read(table_csv(comparison))
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
    assert comparison.rows[0].intervals == {}
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
    assert [row.units for row in comparison.rows] == [4, 3]
    assert line_of(comparison.ranks, component="x", metric="auc")["shares"] == [1.0, 0.0]


class TestUnits:
    def test_scenes_where_there_is_one_subject(self):
        records = [
            record("x", "a", {"liver": value}, scene=f"a{value}") for value in (0.2, 0.4, 0.9)
        ]
        (row,) = compare(records).rows
        assert (row.unit, row.units, row.samples) == ("scene", 3, 3)
        assert row.intervals["dice@0.5 1c"] == pytest.approx([0.2, 0.9])

    def test_seeds_where_there_is_one_scene(self):
        values = (0.2, 0.4, 0.9)
        records = [record("x", "a", {"liver": v}, seed=s) for s, v in enumerate(values)]
        records += [record("y", "a", {"liver": v - 0.1}, seed=s) for s, v in enumerate(values)]
        comparison = compare(records)
        row = comparison.rows[0]
        assert (row.unit, row.units, row.samples) == ("seed", 3, 1)
        assert row.intervals["dice@0.5 1c"] == pytest.approx([0.2, 0.9])
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
        assert [row.samples for row in comparison.rows] == [1, 1]


def test_training_seeds_are_averaged_before_and_their_spread_is_told():
    records = [
        each
        for seed, add in enumerate((-0.04, 0.0, 0.04))
        for each in run("net", add, training_seed=seed)
    ]
    comparison = compare([*run("sa"), *records])
    sa, net = comparison.rows
    assert net.intervals["dice@0.5 1c"] == pytest.approx(sa.intervals["dice@0.5 1c"])
    assert (sa.training_seeds, net.training_seeds) == (0, 3)
    assert sa.deviations == {}
    assert net.deviations["dice@0.5 1c"] == pytest.approx(np.std([-0.02, 0, 0.02], ddof=1))
    first, second = read(table_csv(comparison))
    assert first["dice@0.5 1c sd"] == ""
    assert float(second["dice@0.5 1c sd"]) == pytest.approx(0.02)
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

    def test_ranks_are_within_a_setting(self):
        ranks = compare(self.RECORDS).ranks
        assert len(ranks) == 2 * 2 * sum(column in COMPARED for column in ranks_of(ranks))
        first = line_of(
            ranks, component="y", conditions={"noise": "0", "data": "1"}, metric="dice@0.5 1c"
        )
        assert first["shares"] == [1.0, 0.0]

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
    assert [row.failed_cells for row in comparison.rows] == [1, 1]
    assert comparison.differences == comparison.classes == comparison.ranks == []
    assert read(classes_csv(comparison)) == []


def by_few_labels(records):
    return compare_by(FewLabelProtocol, records)


def oa_of(comparison):
    return [line for line in comparison.differences if line["metric"] == "oa"]


class TestFewLabels:
    def test_only_runs_that_both_have_are_paired(self, classified, lost):
        records = [classified("a", seed, 0.5 + 0.1 * (seed % 2)) for seed in range(6)]
        records += [classified("b", seed, 0.45 + 0.1 * (seed % 2)) for seed in range(5)]
        comparison = by_few_labels([*records, lost("b", "field", 5)])
        (oa,) = oa_of(comparison)
        # The draws differ by 0.1, the components by 0.05 on every one of them.
        assert [oa[key] for key in ("difference", "low", "high")] == pytest.approx([0.05] * 3)
        assert (oa["wins"], oa["losses"]) == (1, 0)
        assert (oa["unit"], oa["units"], oa["samples"]) == ("seed", 5, 5)
        assert "by_class_difference" not in oa
        assert comparison.classes == []
        assert "by_class" not in differences_csv(comparison)

    def test_of_several_scenes_the_same_seeds_are_paired(self, classified):
        records = [
            classified(label, seed, 0.1 * seed + add, scene=scene)
            for label, add in (("a", 0.05), ("b", 0.0))
            for seed in range(3)
            for scene in "wxyz"
            if (label, seed, scene) not in (("a", 0, "w"), ("b", 2, "x"))
        ]
        (oa,) = oa_of(by_few_labels(records))
        assert [oa[key] for key in ("difference", "low", "high")] == pytest.approx([0.05] * 3)
        assert (oa["unit"], oa["units"], oa["samples"], oa["wins"]) == ("subject", 4, 4, 1)

    def test_wins_count_every_seed(self, classified):
        records = [
            classified(label, seed, oa, scene=scene)
            for scene in "xyz"
            for label, values in (("a", (0.5, 0.5, 0.9)), ("b", (0.6, 0.5, 0.2)))
            for seed, oa in enumerate(values)
        ]
        (oa,) = oa_of(by_few_labels(records))
        assert (oa["wins"], oa["losses"]) == pytest.approx((1 / 3, 1 / 3))

    def test_a_figure_that_one_of_a_pair_lacks_is_left_out_on_both_sides(self, classified):
        kappas = {"a": (0.1, 0.2, None, 0.5, 0.7), "b": (0.0, None, 0.9, 0.4, 0.6)}
        records = [
            classified(label, seed, 0.5, kappa=kappa)
            for label, values in kappas.items()
            for seed, kappa in enumerate(values)
        ]
        comparison = by_few_labels(records)
        kappa = line_of(comparison.differences, metric="kappa")
        assert [kappa[key] for key in ("difference", "low", "high")] == pytest.approx([0.1] * 3)
        assert (kappa["units"], kappa["samples"], kappa["wins"]) == (3, 3, 1)
        assert line_of(comparison.differences, metric="oa")["units"] == 5
        first = line_of(comparison.ranks, component="a", metric="kappa")
        assert first["shares"] == [1.0, 0.0]

    def test_too_few_seeds_have_no_interval_and_an_open_kappa_no_difference(self, classified):
        records = [classified(x, seed, 0.5, kappa=None) for x in "ab" for seed in range(2)]
        comparison = by_few_labels(records)
        found = comparison.differences
        assert {each["metric"] for each in found} == {"oa", "aa", "macro_precision"}
        assert not any("low" in each for each in found)
        assert comparison.ranks == []

    def test_settings_make_rows_and_are_compared_one_at_a_time(self, classified):
        comparison = by_few_labels(
            [
                classified(label, seed, oa + 0.01 * seed, conditions={"shots": shots, "k": k})
                for label, shots, k, oa in (
                    ("lp", "3", "5", 0.5), ("lp", "5", "5", 0.6), ("lp", "5", "9", 0.7),
                    ("rf", "3", "", 0.4),
                )
                for seed in range(5)
            ]
        )  # fmt: skip
        lines = read(table_csv(comparison))
        assert list(lines[0])[:4] == ["component", "shots", "k", "oa"]
        assert [line["k"] for line in lines] == ["5", "5", "9", ""]
        assert float(lines[0]["oa sd"]) == pytest.approx(np.std(0.01 * np.arange(5), ddof=1))
        assert "oa low" not in lines[0]
        oa = [line for line in read(differences_csv(comparison)) if line["metric"] == "oa"]
        assert [(line["a"], line["b"], line["differ_in"]) for line in oa] == [
            ("lp | shots=3, k=5", "lp | shots=5, k=5", "shots"),
            ("lp | shots=3, k=5", "rf | shots=3", "component"),
            ("lp | shots=5, k=5", "lp | shots=5, k=9", "k"),
        ]
        assert [round(float(line["difference"]), 6) for line in oa] == [-0.1, 0.1, -0.1]
        assert (oa[0]["wins"], oa[0]["losses"]) == ("0.0", "1.0")

    def test_scenes_of_one_name_in_two_datasets_are_two(self, classified):
        records = [classified("a", 0, 0.5), classified("b", 0, 0.6)]
        records[1]["identity"]["dataset"] = {"component": "hsizoo/y"}
        assert by_few_labels(records).differences == []


def test_runs_of_other_numbers_of_clicks_are_compared_by_what_both_tell():
    records = run("x", conditions={"clicks": "1"})
    for each in run("x", 0.1, conditions={"clicks": "5"}):
        for sample in each["result"]["samples"]:
            for key in ("dice", "dice_max", "iou"):
                sample[key] = sample[key] * 5
        records.append(each)
    comparison = compare(records)
    assert [row["dice@0.5 5c"] is None for row in comparison.rows] == [True, False]
    assert "dice@0.5 5c" not in comparison.rows[0].intervals
    assert "dice@0.5 5c" in comparison.rows[1].intervals
    metrics = [line["metric"] for line in comparison.differences]
    assert metrics == ["dice@0.5 1c", "dice@max 1c", "auc"]


def test_lower_is_better_where_a_column_says_so():
    class Errors(InteractiveProtocol):
        columns = (Column(name="error", meaning="", better="lower", compared=True),)

        @classmethod
        def observe(cls, records):
            return [
                [Observation(label=1, values={"error": each["result"]["error"]})]
                for each in records
            ]

        @classmethod
        def measures(cls, record):
            return {}

    records = [
        {**record(label, subject, {}), "result": {"error": error}}
        for label, error in (("x", 0.2), ("y", 0.3))
        for subject in SUBJECTS
    ]
    comparison = compare_by(Errors, records)
    (line,) = comparison.differences
    assert line["difference"] == pytest.approx(-0.1)
    assert (line["above_0"], line["wins"], line["losses"]) == (0, 1, 0)
    assert line_of(comparison.ranks, component="x")["shares"] == [1.0, 0.0]


def test_the_order_of_cells_says_nothing():
    forwards = [*run("x", 0.05), *run("y")]
    one, other = compare(forwards), compare([*run("x", 0.05)[::-1], *run("y")])
    for first, second in zip(one.differences, other.differences, strict=True):
        assert (first["wins"], first["samples"]) == (second["wins"], second["samples"])
        assert first["difference"] == pytest.approx(second["difference"])
