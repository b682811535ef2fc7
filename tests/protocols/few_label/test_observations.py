"""What a run with few labels says of each cell, and the table that follows from it."""

import math

import pytest

from hsizoo.protocols.few_label import FewLabelProtocol
from hsizoo.report.rows import summarise


def test_one_observation_per_record(record):
    records = [record("a", 0, 0.5, kappa=None), record("a", 1, 0.75)]
    ((first,), (second,)) = FewLabelProtocol.observe(records)
    assert first.label == second.label
    assert first.category is None
    assert math.isnan(first.values["kappa"])
    assert second.values == {
        "oa": 0.75, "aa": 0.75, "macro_precision": 0.75, "kappa": 0.5,
        "overlap": 0.5, "within": 0.25, "untested": 0,
    }  # fmt: skip


def test_pseudo_labels_are_told_where_there_are_any(record):
    pseudo = [{"right": 0.75}, {"right": None}]
    records = [record("ipg+rf", seed, 0.5, pseudo_labels=pseudo[seed]) for seed in range(2)]
    ((first,), (second,)) = FewLabelProtocol.observe(records)
    assert first.values["pseudo_right"] == 0.75
    assert math.isnan(second.values["pseudo_right"])
    (row,) = summarise(FewLabelProtocol, records)
    assert row["pseudo_right"] == 0.75
    assert summarise(FewLabelProtocol, [record("rf", 0, 0.5)])[0]["pseudo_right"] is None


def test_measures(record):
    assert FewLabelProtocol.measures(record("a", 0, 0.5)) == {
        "fit_seconds": 1.0, "predict_seconds": 0.5, "megabytes": 12.0,
    }  # fmt: skip
    assert FewLabelProtocol.measures(record("a", 1, 0.5))["megabytes"] is None


def test_mean_and_deviation_are_over_seeds_of_means_over_scenes(record):
    records = [
        record("a", seed, oa, scene=scene)
        for seed, scene, oa in ((0, "x", 0.2), (0, "y", 0.4), (1, "x", 0.6), (1, "y", 0.6))
    ]
    (row,) = summarise(FewLabelProtocol, records)
    assert row["oa"] == pytest.approx(0.45)
    assert row.deviations["oa"] == pytest.approx(0.3 / 2**0.5)
    assert (row.seeds, row.scenes, row.failed_cells) == (2, 2, 0)
    assert row["fit_seconds"] == 1.5
    assert row["megabytes"] == 12


def test_one_seed_has_no_deviation_and_a_failure_no_figures(record):
    records = [record("a", 0, 0.5), record("b", 0, 0, status="failed")]
    one, none = summarise(FewLabelProtocol, records)
    assert one.deviations == {}
    assert none["oa"] is None
    assert none.failed_cells == 1
