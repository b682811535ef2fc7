import csv
import io
import statistics

import numpy as np
import pytest

from hsizoo.protocols.interactive.metrics import THRESHOLD_GRID
from hsizoo.protocols.interactive.samples import tuned_scores
from hsizoo.protocols.interactive.tables import mean_curve, samples_csv, summarise, table_csv
from hsizoo.report.columns import (
    COLUMNS,
    COMPARED,
    LEAST_IMPORTANT_FIRST,
    LOWER_IS_BETTER,
    WITH_INTERVAL,
)


def grid(*peaks, rest=0.0):
    """Dice over thresholds: ``(index, value)`` here and there, `rest` elsewhere."""
    values = [rest] * len(THRESHOLD_GRID)
    for index, value in peaks:
        values[index] = value
    return values


def sample(label=1, dice=(0.5, 0.7), dice_grid=None, **about):
    iou = [value / (2 - value) for value in dice]
    return {
        "label": label,
        "class": f"class {label}",
        "pixels": 10 * label,
        "clicks": [[k, k + 1, k % 2 == 0] for k in range(len(dice))],
        "dice": list(dice),
        "iou": iou,
        "dice_max": [min(1, value + 0.1) for value in dice],
        "best_threshold": [0.25] * len(dice),
        "dice_grid": {"1": grid((0, dice[0]))} if dice_grid is None else dice_grid,
        **about,
    }


def done(*samples, label="sa", subject="pig 1", scene="a", seed=0, seconds=None, objects=None):
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
    }


def lost(label="sa"):
    return {
        "status": "failed",
        "label": label,
        "identity": {"scene": "z", "seed": 0},
        "error": {"type": "ValueError", "message": "no", "traceback": ""},
    }


class TestSummarise:
    def test_by_hand(self):
        # Dice and IoU of one sample, over six clicks: IoU = Dice / (2 − Dice).
        records = [
            done(
                sample(1, (0.2, 0.4, 0.6, 0.8, 0.9, 1.0)),
                sample(2, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)),
                seconds={"open": 2.0, "predict": [9.0, 0.2, 0.4, 0.6, 0.8, 1.0]},
            ),
            done(
                sample(1, (0.4, 0.5, 0.5, 0.5, 0.5, 0.5)),
                scene="b",
                seconds={"open": 4.0, "predict": [7.0, 0.3, 0.3, 0.3, 0.0, 0.0]},
                objects=[1, 1, 1, 1, 0, 0],
            ),
            lost(),
            done(sample(dice=(1.0,) * 6), label="other"),
        ]
        row, other = summarise(records)
        assert row["component"] == "sa"
        assert row["samples"] == 3
        assert row["failed_cells"] == 1
        assert row["dice@0.5 1c"] == pytest.approx((0.2 + 0.0 + 0.4) / 3)
        assert row["dice@max 1c"] == pytest.approx((0.3 + 0.1 + 0.5) / 3)
        assert row["dice@0.5 5c"] == pytest.approx((0.9 + 0.0 + 0.5) / 3)
        assert row["iou@0.5 5c"] == pytest.approx((0.9 / 1.1 + 0.0 + 0.5 / 1.5) / 3)
        # Trapezoids over five steps.
        first, third = (0.1 + 0.4 + 0.6 + 0.8 + 0.9 + 0.5) / 5, (0.2 + 0.5 * 4 + 0.25) / 5
        assert row["auc"] == pytest.approx((first + 0 + third) / 3)
        # IoU 0.85 is Dice 0.919: at click 6 in the first, never in the others.
        assert row["noc85"] == pytest.approx((6 + 6 + 6) / 3)
        assert row["nof85"] == pytest.approx(2 / 3)
        assert row["s/open"] == 3.0
        # Per object, without the first click, without clicks that nobody made.
        per_click = [0.1, 0.2, 0.3, 0.4, 0.5, 0.3, 0.3, 0.3]
        assert row["s/click"] == pytest.approx(statistics.median(per_click))
        assert (other["component"], other["dice@0.5 5c"], other["noc85"]) == ("other", 1.0, 1.0)

    def test_rows_come_in_the_order_of_the_records_and_hold_all_columns(self):
        labels = ("pcc", "ace", "pcc", "sa")
        rows = summarise([done(sample(), label=x, scene=f"s{n}") for n, x in enumerate(labels)])
        assert [row["component"] for row in rows] == ["pcc", "ace", "sa"]
        assert [row["samples"] for row in rows] == [2, 1, 1]
        for row in rows:
            assert list(row) == ["component", *COLUMNS, "samples", "failed_cells"]
        assert set(COLUMNS) >= LOWER_IS_BETTER

    def test_what_five_clicks_would_tell_is_none_with_three(self):
        (row,) = summarise([done(sample(dice=(0.1, 0.2, 0.3)))])
        assert row["dice@0.5 5c"] is None
        assert row["iou@0.5 5c"] is None
        assert row["dice@0.5 1c"] == 0.1

    def test_one_click(self):
        record = done(sample(dice=(0.6,)), seconds={"open": 1.0, "predict": [0.25]})
        (row,) = summarise([record])
        assert row["auc"] == 0.6
        assert row["s/click"] == 0.25  # there is no further click to measure

    def test_no_further_click_was_made(self):
        (row,) = summarise([done(sample(dice=(1.0, 1.0)), objects=[1, 0])])
        assert row["s/click"] is None

    def test_a_component_that_failed_everywhere(self):
        (row,) = summarise([lost(), lost()])
        assert row["failed_cells"] == 2
        assert row["samples"] == 0
        assert all(row[column] is None for column in COLUMNS)

    def test_nothing(self):
        assert summarise([]) == []


def subject(name, *grids, label=1):
    return done(*(sample(label, dice_grid={"1": each}) for each in grids), subject=name)


def tuned_dice(records, click):
    scores = tuned_scores(records, click)
    return None if scores is None else statistics.fmean(value for each in scores for value in each)


class TestTunedDice:
    def test_scores_stay_with_their_samples(self):
        records = [
            subject("a", grid((10, 0.9), (20, 0.4)), grid((10, 0.7), (20, 0.6))),
            subject("b", grid((10, 0.1), (20, 0.8))),
        ]
        assert tuned_scores(records, 1) == [[0.4, 0.6], [0.1]]

    def test_by_hand(self):
        records = [
            subject("a", grid((10, 0.9), (20, 0.4)), grid((10, 0.7), (20, 0.6))),
            subject("b", grid((10, 0.1), (20, 0.8))),
            subject("c", grid((10, 0.2), (20, 0.5))),
        ]
        # Sums at thresholds 10 and 20. Of b and c: 0.3, 1.3 → 20.  Of a and c: 1.8, 1.5 → 10.
        # Of a and b: 1.7, 1.8 → 20.
        assert tuned_dice(records, 1) == pytest.approx((0.4 + 0.6 + 0.1 + 0.5) / 4)

    def test_a_subject_has_no_part_in_its_own_threshold(self):
        """Whatever a subject's own curve looks like, it is scored where the others say."""
        for own_best in (3, 50, 180):
            records = [
                subject("a", grid((own_best, 1.0), (100, 0.25))),
                subject("b", grid((100, 0.5))),
                subject("c", grid((100, 0.5))),
            ]
            # a is scored at 100; b and c where a is best, which does nothing for them.
            assert tuned_dice(records, 1) == pytest.approx((0.25 + 0 + 0) / 3)

    def test_all_scenes_and_seeds_of_a_subject_stay_out_together(self):
        records = [
            subject("a", grid((10, 1.0))),
            subject("a", grid((10, 1.0))),
            subject("b", grid((20, 1.0))),
        ]
        assert tuned_dice(records, 1) == 0.0

    def test_of_thresholds_that_tie_the_lowest(self):
        """Rounding must not let a subject's own samples break a tie of the others."""
        rng = np.random.default_rng(0)
        others = [grid((30, 0.7), (60, 0.7)), grid((30, 0.1), (60, 0.1))]
        for _ in range(50):
            low, high = np.round(rng.random(2), 6).tolist()
            records = [
                subject("a", grid((30, low), (60, high))),
                subject("b", *others),
            ]
            tuned = 30 if low >= high else 60
            of_b = [each[tuned] for each in others]
            assert tuned_dice(records, 1) == pytest.approx((low + sum(of_b)) / 3, abs=1e-9)

    def test_with_one_subject_classes_take_the_place_of_subjects(self):
        records = [
            done(
                sample(1, dice_grid={"1": grid((10, 1.0), (20, 0.3))}),
                sample(2, dice_grid={"1": grid((10, 0.2), (20, 1.0))}),
                scene=scene,
            )
            for scene in "ab"
        ]
        assert tuned_dice(records, 1) == pytest.approx((0.3 + 0.2) / 2)

    def test_with_one_class_of_one_subject_there_is_none(self):
        assert tuned_dice([subject("a", grid((1, 1.0)), grid((2, 1.0)))], 1) is None

    def test_none_for_a_click_whose_curve_was_not_kept(self):
        records = [subject(name, grid((1, 1.0))) for name in "ab"]
        assert tuned_dice(records, 1) == 1.0
        assert tuned_dice(records, 5) is None


class TestMeanCurve:
    def test_by_hand(self):
        records = [
            done(sample(1, (0.2, 0.6)), sample(2, (0.4, 0.6))),
            lost(),
            done(sample(1, (0.9, 0.6)), scene="b"),
        ]
        mean, low, high, band = mean_curve(records)
        assert mean == pytest.approx([0.5, 0.6])
        # Variance (0.09 + 0.01 + 0.16) / 2 = 0.13, over three samples.
        error = (0.13 / 3) ** 0.5
        assert low == pytest.approx([0.5 - error, 0.6])
        assert high == pytest.approx([0.5 + error, 0.6])
        assert band == "one standard error over samples"

    def test_of_three_subjects_the_band_is_their_bootstrap(self):
        records = [
            done(sample(1, (value, 0.6)), subject=name, scene=name)
            for name, value in (("a", 0.2), ("b", 0.5), ("c", 0.8))
        ]
        mean, low, high, band = mean_curve(records)
        assert band == "95 % bootstrap over subjects"
        # Of 27 draws one is all a: more than 2.5 %, so the lowest value is the low end.
        assert (low[0], mean[0], high[0]) == pytest.approx((0.2, 0.5, 0.8))
        assert (low[1], high[1]) == pytest.approx((0.6, 0.6))

    def test_of_another_metric(self):
        mean, low, high, _ = mean_curve([done(sample(dice=(0.2, 0.6)))], "dice_max")
        assert mean == pytest.approx([0.3, 0.7])
        assert low == high == mean  # of a single sample nothing is known about the spread

    def test_of_nothing(self):
        assert mean_curve([lost()]) == ([], [], [], "")


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


class TestCsv:
    def test_table(self):
        records = [done(sample(dice=(1 / 3,))), lost("a,b")]
        first, second = read(table_csv(summarise(records)))
        ends = [f"{column} {end}" for column in WITH_INTERVAL for end in ("low", "high")]
        head = ["component", *COLUMNS, "samples", "failed_cells", "unit", "units", *ends]
        assert list(first) == head
        assert float(first["dice@0.5 1c"]) == 1 / 3  # full precision
        assert first["dice@0.5 5c"] == ""
        assert (second["component"], second["failed_cells"], second["auc"]) == ("a,b", "1", "")

    def test_samples(self):
        exhausted = sample(2, (0.5, 0.75, 0.75), clicks=[[7, 8, True], [9, 0, False]])
        records = [lost(), done(exhausted, label="x:y=[1,2]", subject="pig", scene="s", seed=3)]
        lines = read(samples_csv(records))
        assert [list(line.values()) for line in lines] == [
            ["x:y=[1,2]", "s", "pig", "3", "class 2", "20", *rest]
            for rest in (
                ["1", "7", "8", "True", "0.5", str(0.5 / 1.5), "0.6", "0.25"],
                ["2", "9", "0", "False", "0.75", str(0.75 / 1.25), "0.85", "0.25"],
                ["3", "", "", "", "0.75", str(0.75 / 1.25), "0.85", "0.25"],
            )
        ]
        assert list(lines[0]) == [
            "component", "scene", "subject", "seed", "class", "pixels", "click", "row", "col",
            "positive", "dice", "iou", "dice_max", "best_threshold",
        ]  # fmt: skip

    def test_nothing(self):
        assert read(samples_csv([lost()])) == []
        assert samples_csv([]).startswith("component,scene,")
        assert samples_csv([]).count("\n") == 1


def test_seeds_are_no_further_samples():
    runs = [done(sample(1, (0.2, 0.4)), sample(2, (0.6, 0.8)), seed=seed) for seed in range(4)]
    assert summarise(runs)[0]["samples"] == 2
    assert mean_curve(runs)[0] == mean_curve(runs[:1])[0]
    mean, *_ = mean_curve([done(sample(1, (0.2, 0.4))), done(sample(1, (0.4, 0.4)), seed=1)])
    assert mean == pytest.approx([0.3, 0.4])


def test_a_narrow_terminal_leaves_out_only_what_there_is():
    assert set(LEAST_IMPORTANT_FIRST) <= set(COLUMNS)
    assert set(COLUMNS) >= LOWER_IS_BETTER


def test_columns_are_told_apart():
    assert set(COMPARED) <= set(WITH_INTERVAL) <= set(COLUMNS)


class TestConditions:
    RECORDS = (
        done(sample(dice=(0.2, 0.4)), label="x") | {"conditions": {"noise": "0"}},
        done(sample(dice=(0.1, 0.3)), label="x") | {"conditions": {"noise": "1"}},
        done(sample(dice=(0.7, 0.9)), label="y"),
    )

    def test_each_makes_a_row_and_what_it_does_not_touch_is_empty(self):
        rows = summarise(self.RECORDS)
        assert [(row["component"], row["noise"]) for row in rows] == [
            ("x", "0"), ("x", "1"), ("y", ""),
        ]  # fmt: skip
        assert [row["dice@0.5 1c"] for row in rows] == [0.2, 0.1, 0.7]

    def test_they_stand_in_both_tables(self):
        assert [line["noise"] for line in read(table_csv(summarise(self.RECORDS)))] == [
            "0",
            "1",
            "",
        ]
        assert [line["noise"] for line in read(samples_csv(self.RECORDS))][::2] == ["0", "1", ""]

    def test_training_seeds_share_a_row(self):
        records = [
            done(sample(dice=(value, 0.5))) | {"training_seed": seed}
            for seed, value in ((0, 0.2), (1, 0.4))
        ]
        (row,) = summarise(records)
        assert (row["dice@0.5 1c"], row["samples"]) == (pytest.approx(0.3), 1)
        assert [line["training_seed"] for line in read(samples_csv(records))] == [
            "0",
            "0",
            "1",
            "1",
        ]
