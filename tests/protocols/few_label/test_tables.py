"""The few-label tables, from records written by hand."""

import csv
import io

import pytest

from hsizoo.protocols.few_label.tables import (
    classes_csv,
    confusion_csv,
    differences,
    differences_csv,
    notes,
    runs_csv,
    summarise,
    table_csv,
)


def record(label, seed, oa, *, scene="field", kappa=0.5, status="done"):
    about = {
        "label": label,
        "status": status,
        "subject": scene,
        "identity": {"scene": scene, "seed": seed, "dataset": {"component": "hsizoo/x"}},
    }
    if status == "failed":
        return about
    result = {
        "labels": [1, 2],
        "classes": ["corn", "wheat"],
        "confusion": [[8, 2], [1, 9]],
        "scores": {
            "oa": oa,
            "aa": oa,
            "macro_precision": oa,
            "kappa": kappa,
            "recall": [0.8, 0.9],
            "precision": [8 / 9, 9 / 11],
        },
        "split": {"train": [1, 2], "untested": [], "short": [], "digest": f"{seed:064d}"},
        "leak": {"patch": 9, "overlap": 0.5, "contains": 0.25},
        "seconds": {"fit": 1.0 + seed, "predict": 0.5},
        "megabytes": {"host": None if seed else 12.0},
    }
    return {**about, "result": result}


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_mean_and_deviation_are_over_seeds_of_means_over_scenes():
    records = [
        record("a", seed, oa, scene=scene)
        for seed, scene, oa in ((0, "x", 0.2), (0, "y", 0.4), (1, "x", 0.6), (1, "y", 0.6))
    ]
    (row,) = summarise(records)
    assert row["oa"] == pytest.approx(0.45)
    assert row["oa_sd"] == pytest.approx(0.3 / 2**0.5)
    assert (row["seeds"], row["scenes"], row["failed_cells"]) == (2, 2, 0)
    assert row["fit_seconds"] == 1.5
    assert row["megabytes"] == 12


def test_one_seed_has_no_deviation_and_a_failure_no_figures():
    one, none = summarise([record("a", 0, 0.5), record("b", 0, 0, status="failed")])
    assert one["oa_sd"] is None
    assert none["oa"] is None
    assert none["failed_cells"] == 1
    assert [line["oa"] for line in read(table_csv([one, none]))] == ["0.5", ""]


def test_differences_are_paired_and_only_of_runs_that_both_have():
    records = [record("a", seed, 0.5 + 0.1 * (seed % 2)) for seed in range(6)]
    records += [record("b", seed, 0.45 + 0.1 * (seed % 2)) for seed in range(5)]
    records += [record("b", 5, 0, status="failed")]
    oa = next(each for each in differences(records) if each["metric"] == "oa")
    # The draws differ by 0.1, the components by 0.05 on every one of them.
    assert oa["difference"] == pytest.approx(0.05)
    assert oa["low"] == pytest.approx(0.05)
    assert oa["high"] == pytest.approx(0.05)
    assert oa["wins"] == 1
    assert (oa["unit"], oa["units"]) == ("seed", 5)


def test_too_few_seeds_have_no_interval_and_an_open_kappa_no_difference():
    records = [record(name, seed, 0.5, kappa=None) for name in "ab" for seed in range(2)]
    found = differences(records)
    assert {each["metric"] for each in found} == {"oa", "aa", "macro_precision"}
    assert all(each["low"] is None for each in found)


def test_classes_confusion_and_runs():
    records = [record("a", seed, 0.85) for seed in range(2)]
    lines = read(confusion_csv(records))
    assert [int(line["pixels"]) for line in lines] == [16, 4, 2, 18]
    assert (lines[1]["true"], lines[1]["called"]) == ("corn", "wheat")
    classes = read(classes_csv(records))
    assert len(classes) == 4
    assert (classes[1]["class"], classes[1]["recall"], classes[1]["test"]) == ("wheat", "0.9", "10")
    assert [line["test"] for line in read(runs_csv(records))] == ["20", "20"]


def test_settings_make_rows_and_are_compared_one_at_a_time():
    records = [
        {**record(label, seed, oa + 0.01 * seed), "conditions": {"shots": shots, "k": k}}
        for label, shots, k, oa in (
            ("lp", "3", "5", 0.5), ("lp", "5", "5", 0.6), ("lp", "5", "9", 0.7),
            ("rf", "3", "", 0.4),
        )
        for seed in range(5)
    ]  # fmt: skip
    rows = summarise(records)
    assert [tuple(row["conditions"].values()) for row in rows] == [
        ("3", "5"), ("5", "5"), ("5", "9"), ("3", ""),
    ]  # fmt: skip
    lines = read(table_csv(rows))
    assert list(lines[0])[:4] == ["component", "shots", "k", "oa"]
    assert [line["k"] for line in lines] == ["5", "5", "9", ""]
    oa = [line for line in read(differences_csv(differences(records))) if line["metric"] == "oa"]
    assert [(line["a"], line["b"], line["differ_in"]) for line in oa] == [
        ("lp | shots=3, k=5", "lp | shots=5, k=5", "shots"),
        ("lp | shots=3, k=5", "rf | shots=3", "component"),
        ("lp | shots=5, k=5", "lp | shots=5, k=9", "k"),
    ]
    assert [round(float(line["difference"]), 6) for line in oa] == [-0.1, 0.1, -0.1]
    assert (oa[0]["wins"], oa[0]["losses"]) == ("0.0", "1.0")


def test_scenes_of_the_same_name_in_two_datasets_are_two():
    records = [record("a", 0, 0.5), record("b", 0, 0.6)]
    records[1]["identity"]["dataset"] = {"component": "hsizoo/y"}
    assert differences(records) == []


def test_classes_that_are_small_untested_or_absent_are_named_once():
    records = [record("a", seed, 0.5) for seed in range(2)]
    assert notes(records) == []
    for each in records:
        each["result"]["split"]["short"] = ["oats"]
        each["result"]["split"]["untested"] = ["corn"]
    records[1]["result"]["absent"] = ["rye", "barley"]
    assert [note.partition(": ")[2] for note in notes(records)] == ["oats", "corn", "rye, barley"]
    assert all("(in some runs)" in note for note in notes(records))
    assert "some" not in notes(records[:1])[0]
