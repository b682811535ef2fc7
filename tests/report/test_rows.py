import json
import math
import statistics
from dataclasses import asdict

import numpy as np
import pytest

from hsizoo.interfaces import Observation
from hsizoo.protocols.few_label.protocol import FewLabelProtocol
from hsizoo.protocols.interactive.protocol import InteractiveProtocol
from hsizoo.protocols.mask_metrics import THRESHOLD_GRID
from hsizoo.report.rows import (
    Row,
    by_row,
    choose_unit,
    covers,
    observations,
    row_name,
    settings_of,
    summarise,
)

NAMES = [column.name for column in InteractiveProtocol.columns]


def grid(*peaks):
    """Dice over thresholds: ``(index, value)`` here and there, 0 elsewhere."""
    values = [0.0] * len(THRESHOLD_GRID)
    for index, value in peaks:
        values[index] = value
    return values


def sample(label=1, dice=(0.5, 0.7), dice_grid=None):
    return {
        "label": label,
        "class": f"class {label}",
        "dice": list(dice),
        "iou": [value / (2 - value) for value in dice],
        "dice_max": [min(1, value + 0.1) for value in dice],
        "dice_grid": {"1": grid((0, dice[0])) if dice_grid is None else dice_grid},
    }


def clicked(*samples, label="sa", subject="pig 1", scene="a", seed=0, seconds=None, objects=None,
            **about):  # fmt: skip
    clicks = len(samples[0]["dice"])
    return {
        "status": "done",
        "label": label,
        "subject": subject,
        "identity": {"scene": scene, "seed": seed},
        "result": {
            "samples": list(samples),
            "seconds": seconds or {"open": 1.0, "predict": [0.5] * clicks},
            "objects": objects or [len(samples)] * clicks,
        },
        **about,
    }


class TestClicks:
    def test_by_hand(self, lost):
        # Dice and IoU of one sample, over six clicks: IoU = Dice / (2 − Dice).
        records = [
            clicked(
                sample(1, (0.2, 0.4, 0.6, 0.8, 0.9, 1.0)),
                sample(2, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)),
                seconds={"open": 2.0, "predict": [9.0, 0.2, 0.4, 0.6, 0.8, 1.0]},
            ),
            clicked(
                sample(1, (0.4, 0.5, 0.5, 0.5, 0.5, 0.5)),
                scene="b",
                seconds={"open": 4.0, "predict": [7.0, 0.3, 0.3, 0.5, 0.0, 0.0]},
                objects=[1, 1, 1, 1, 0, 0],
            ),
            lost(),
            clicked(sample(dice=(1.0,) * 6), label="other"),
        ]
        row, other = summarise(InteractiveProtocol, records)
        assert (row.component, row.name, row.conditions) == ("sa", "sa", {})
        assert (row.samples, row.scenes, row.seeds, row.failed_cells) == (3, 2, 1, 1)
        assert row["dice@0.5 1c"] == pytest.approx((0.2 + 0.0 + 0.4) / 3)
        assert row["dice@max 1c"] == pytest.approx((0.3 + 0.1 + 0.5) / 3)
        assert row["dice@0.5 5c"] == pytest.approx((0.9 + 0.0 + 0.5) / 3)
        assert row["dice@0.5 end"] == pytest.approx((1.0 + 0.0 + 0.5) / 3)
        assert row["iou@0.5 5c"] == pytest.approx((0.9 / 1.1 + 0.0 + 0.5 / 1.5) / 3)
        # Trapezoids over five steps.
        first, third = (0.1 + 0.4 + 0.6 + 0.8 + 0.9 + 0.5) / 5, (0.2 + 0.5 * 4 + 0.25) / 5
        assert row["auc"] == pytest.approx((first + 0 + third) / 3)
        # IoU 0.85 is Dice 0.919: at click 6 in the first, never in the others.
        assert row["noc85"] == pytest.approx((6 + 6 + 6) / 3)
        assert row["nof85"] == pytest.approx(2 / 3)
        assert row["s/open"] == 3.0
        # Per object, without the first click, without clicks that nobody made; then over cells.
        cells = [statistics.median([0.1, 0.2, 0.3, 0.4, 0.5]), statistics.median([0.3, 0.3, 0.5])]
        assert row["s/click"] == pytest.approx(statistics.median(cells))
        assert (other.component, other["dice@0.5 5c"], other["noc85"]) == ("other", 1.0, 1.0)

    def test_rows_come_in_the_order_of_the_records_and_hold_all_columns(self):
        labels = ("pcc", "ace", "pcc", "sa")
        records = [clicked(sample(), label=x, scene=f"s{n}") for n, x in enumerate(labels)]
        rows = summarise(InteractiveProtocol, records)
        assert [row.component for row in rows] == ["pcc", "ace", "sa"]
        assert [row.samples for row in rows] == [2, 1, 1]
        for row in rows:
            assert list(row.values) == NAMES

    def test_what_five_clicks_would_tell_is_none_with_three(self):
        (row,) = summarise(InteractiveProtocol, [clicked(sample(dice=(0.1, 0.2, 0.3)))])
        assert row["dice@0.5 5c"] is None
        assert row["iou@0.5 5c"] is None
        assert row["dice@0.5 1c"] == 0.1

    def test_one_click(self):
        record = clicked(sample(dice=(0.6,)), seconds={"open": 1.0, "predict": [0.25]})
        (row,) = summarise(InteractiveProtocol, [record])
        assert row["auc"] == 0.6
        assert row["s/click"] == 0.25  # there is no further click to measure

    def test_no_further_click_was_made(self):
        (row,) = summarise(InteractiveProtocol, [clicked(sample(dice=(1.0, 1.0)), objects=[1, 0])])
        assert row["s/click"] is None

    def test_seeds_are_no_further_samples(self):
        runs = [
            clicked(sample(1, (value, 0.4)), sample(2, (0.6, 0.8)), seed=seed)
            for seed, value in enumerate((0.1, 0.2, 0.6))
        ]
        (row,) = summarise(InteractiveProtocol, runs)
        assert (row.samples, row.seeds, row.training_seeds) == (2, 3, 0)
        assert row["dice@0.5 1c"] == pytest.approx((0.3 + 0.6) / 2)
        assert row.deviations["dice@0.5 1c"] == pytest.approx(np.std([0.05, 0.1, 0.3], ddof=1))

    def test_training_seeds_share_a_row_and_their_spread_is_that_of_the_tables_of_each(self):
        def net(subject, seed, *peaks):
            return clicked(
                sample(dice_grid=grid(*peaks)), subject=subject, scene=subject, training_seed=seed
            )

        # Tuned on the other subject, and only on what this training made of it.
        records = [
            net("a", 0, (10, 0.9), (20, 0.4)), net("b", 0, (10, 0.1), (20, 0.8)),
            net("a", 1, (10, 0.2), (20, 0.3)), net("b", 1, (10, 0.5), (20, 0.6)),
        ]  # fmt: skip
        (row,) = summarise(InteractiveProtocol, records)
        assert (row.samples, row.seeds, row.training_seeds) == (2, 1, 2)
        tables = [(0.4 + 0.1) / 2, (0.3 + 0.6) / 2]
        assert row.deviations["dice@tuned 1c"] == pytest.approx(np.std(tables, ddof=1))
        for seed, mean in enumerate(tables):
            alone = [record for record in records if record["training_seed"] == seed]
            (one,) = summarise(InteractiveProtocol, alone)
            assert one["dice@tuned 1c"] == pytest.approx(mean)
            assert one.deviations == {}


class TestFewLabels:
    def test_mean_and_deviation_are_over_seeds_of_means_over_scenes(self, classified):
        records = [
            classified("a", seed, oa, scene=scene)
            for seed, scene, oa in ((0, "x", 0.2), (0, "y", 0.4), (1, "x", 0.6), (1, "y", 0.6))
        ]
        (row,) = summarise(FewLabelProtocol, records)
        assert row["oa"] == pytest.approx(0.45)
        assert row.deviations["oa"] == pytest.approx(0.3 / 2**0.5)
        assert (row.seeds, row.scenes, row.samples, row.failed_cells) == (2, 2, 2, 0)
        assert row["fit_seconds"] == 1.5
        assert row["megabytes"] == 12
        assert row["untested"] == 0.5
        assert row["pseudo_right"] is None

    def test_one_seed_has_no_deviation_and_a_failure_no_figures(self, classified, lost):
        one, none = summarise(FewLabelProtocol, [classified("a", 0, 0.5), lost("b")])
        assert one.deviations == {}
        assert one["oa"] == 0.5
        assert set(none.values.values()) == {None}
        assert (none.failed_cells, none.seeds, none.samples) == (1, 0, 0)

    def test_a_kappa_that_says_nothing_is_left_out(self, classified):
        kappas = (0.2, None, 0.6)
        records = [classified("a", seed, 0.5, kappa=each) for seed, each in enumerate(kappas)]
        (row,) = summarise(FewLabelProtocol, records)
        assert row["kappa"] == pytest.approx(0.4)
        assert row.deviations["kappa"] == pytest.approx(np.std([0.2, 0.6], ddof=1))
        (row,) = summarise(FewLabelProtocol, records[1:2])
        assert row["kappa"] is None

    def test_scenes_of_one_name_in_two_datasets_are_two(self, classified):
        records = [classified("a", 0, 0.5), classified("a", 0, 0.6)]
        records[1]["identity"]["dataset"] = {"component": "hsizoo/y"}
        (row,) = summarise(FewLabelProtocol, records)
        assert (row.scenes, row.samples) == (2, 2)

    def test_values_are_plain(self, classified):
        records = [classified("a", seed, 0.5, kappa=None, pseudo=0.5) for seed in range(3)]
        (row,) = summarise(FewLabelProtocol, records)
        row.intervals = {"oa": (0.25, 0.75)}
        stored = json.loads(json.dumps(asdict(row), allow_nan=False))
        assert Row.from_json(stored) == row


@pytest.mark.parametrize("protocol", [InteractiveProtocol, FewLabelProtocol])
def test_nothing_and_nothing_done(protocol, lost):
    assert summarise(protocol, []) == []
    (row,) = summarise(protocol, [lost(), lost()])
    assert (row.failed_cells, row.samples) == (2, 0)
    assert row.values == dict.fromkeys(column.name for column in protocol.columns)


class TestConditions:
    RECORDS = (
        {"label": "x", "conditions": {"noise": "0", "data": "1"}},
        {"label": "x", "conditions": {"noise": "1", "data": "1"}},
        {"label": "y", "conditions": {"noise": "0"}},
        {"label": "y"},
        {"label": "x", "conditions": {"noise": "0", "data": "1"}},
    )

    def test_each_makes_a_row_and_what_it_does_not_concern_is_empty(self):
        rows = by_row(self.RECORDS)
        assert [(label, dict(pairs)) for label, pairs in rows] == [
            ("x", {"noise": "0", "data": "1"}),
            ("x", {"noise": "1", "data": "1"}),
            ("y", {"noise": "0", "data": ""}),
            ("y", {"noise": "", "data": ""}),
        ]
        assert [len(records) for records in rows.values()] == [2, 1, 1, 1]

    def test_one_that_does_not_concern_a_row_agrees_with_all(self):
        settings = settings_of(dict(pairs) for _, pairs in by_row(self.RECORDS))
        assert settings == [{"noise": "0", "data": "1"}, {"noise": "1", "data": "1"}]
        assert covers({"noise": "0", "data": ""}, {"noise": "0", "data": "1"})
        assert not covers({"noise": "1", "data": ""}, {"noise": "0", "data": "1"})

    def test_names(self):
        assert row_name("x", {"noise": "", "data": ""}) == "x"
        assert row_name("x", {"noise": "0", "data": "1"}) == "x | noise=0, data=1"


def of(dataset, subject, scene, seed=0, status="done"):
    return {
        "status": status,
        "subject": subject,
        "identity": {"dataset": dataset, "scene": scene, "seed": seed},
    }


def test_the_unit_is_the_largest_thing_that_there_are_several_of():
    assert choose_unit([of("d", "a", "1"), of("d", "b", "1")]) == "subject"
    assert choose_unit([of("d", "a", "1"), of("e", "a", "1")]) == "subject"
    assert choose_unit([of("d", "a", "1"), of("d", "a", "2")]) == "scene"
    assert choose_unit([of("d", "a", "1", 0), of("d", "a", "1", 1)]) == "seed"
    assert choose_unit([of("d", "a", "1"), of("d", "b", "1", status="failed")]) == "seed"
    assert choose_unit([]) == "seed"


@pytest.mark.parametrize(("unit", "whose"), [("subject", "a"), ("scene", "1")])
def test_subjects_and_scenes_of_one_name_in_two_datasets_are_two_units(unit, whose):
    records = [of("d", "a", "1"), of("e", "a", "1")]
    observed = [[Observation(label=1, values={"x": 1.0})] for _ in records]
    found = observations(records, observed, ["x"], unit)
    assert found.units == [('"d"', whose), ('"e"', whose)]


def test_observations_average_seeds_and_leave_out_what_is_not_known():
    records = [of("d", "a", "1", seed) for seed in range(3)]
    observed = [
        [Observation(label=1, category="c", values={"x": 0.25, "y": value})]
        for value in (0.5, math.nan, 1.0)
    ]
    observed[1].append(Observation(label=2, values={"x": 1.0}))
    found = observations(records, observed, ["x", "y"], "subject")
    assert found.values[0].tolist() == [0.25, 0.75]
    assert found.values[1].tolist()[0] == 1.0
    assert np.isnan(found.values[1, 1])
    assert [key[1:] for key in found.keys] == [("1", 1), ("1", 2)]
    assert [category for _, category in found.classes] == ["c", None]
    by_seed = observations(records, observed, ["x", "y"], "seed")
    assert by_seed.units == [(0, None), (1, None), (1, None), (2, None)]
    assert np.isnan(by_seed.values[1, 1])
    assert observations([], [], ["x", "y"], "seed").values.shape == (0, 2)


def test_scenes_with_versions_of_their_own_are_of_one_dataset():
    """As in a folder of files: two scenes of a subject are one unit, and have the same classes."""
    records = []
    for number, subject in enumerate("aabb"):
        record = clicked(sample(), scene=f"{number}", subject=subject)
        about = {"component": "folder", "data_version": f"{number}"}
        record["identity"] = {**record["identity"], "dataset": about}
        records.append(record)
    assert choose_unit(records) == "subject"
    found = observations(records, InteractiveProtocol.observe(records), ["auc"], "subject")
    assert len(set(found.units)) == 2
    assert len(set(found.classes)) == 1
