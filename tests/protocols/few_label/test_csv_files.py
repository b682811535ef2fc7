"""Runs, classes and confusion matrices as CSV."""

import csv
import io

from hsizoo.protocols.few_label.csv_files import classes_csv, confusion_csv, runs_csv


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_confusion(record):
    lines = read(confusion_csv([record("a", seed, 0.85) for seed in range(2)]))
    assert [int(line["pixels"]) for line in lines] == [16, 4, 2, 18]
    assert (lines[1]["true"], lines[1]["called"]) == ("corn", "wheat")


def test_classes(record):
    classes = read(classes_csv([record("a", seed, 0.85) for seed in range(2)]))
    assert len(classes) == 4
    assert (classes[1]["class"], classes[1]["recall"], classes[1]["test"]) == ("wheat", "0.9", "10")


def test_runs(record):
    conditions = {"conditions": {"shots": "3", "k": ""}}
    records = [record("a", 1, 0.85) | conditions, record("b", 0, 0, status="failed")]
    (line,) = read(runs_csv(records))
    assert line == {
        "component": "a | shots=3", "scene": "field", "seed": "1", "split": "0" * 16,
        "oa": "0.85", "aa": "0.85", "macro_precision": "0.85", "kappa": "0.5",
        "field": "9", "overlap": "0.5", "within": "0.25", "overlap_pseudo": "", "within_pseudo": "",
        "train": "2", "test": "20",
        "fit_seconds": "2.0", "predict_seconds": "0.5", "megabytes": "",
    }  # fmt: skip
