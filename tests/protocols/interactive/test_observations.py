"""The figures of each class of each scene, from records written by hand."""

import statistics

import numpy as np
import pytest

from hsizoo.protocols.interactive import InteractiveProtocol
from hsizoo.protocols.interactive.observations import observe, observe_curves, tuned_scores
from hsizoo.report.rows import summarise


class TestSummarise:
    def test_by_hand(self, stored):
        # Dice and IoU of one sample, over six clicks: IoU = Dice / (2 − Dice).
        records = [
            stored.done(
                stored.sample(1, (0.2, 0.4, 0.6, 0.8, 0.9, 1.0)),
                stored.sample(2, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)),
                seconds={"open": 2.0, "predict": [9.0, 0.2, 0.4, 0.6, 0.8, 1.0]},
            ),
            stored.done(
                stored.sample(1, (0.4, 0.5, 0.5, 0.5, 0.5, 0.5)),
                scene="b",
                seconds={"open": 4.0, "predict": [7.0, 0.7, 0.7, 0.7, 0.0, 0.0]},
                objects=[1, 1, 1, 1, 0, 0],
            ),
            stored.lost(),
            stored.done(stored.sample(dice=(1.0,) * 6), label="other"),
        ]
        row, other = summarise(InteractiveProtocol, records)
        assert row.component == "sa"
        assert row.samples == 3
        assert row.failed_cells == 1
        assert row["dice@0.5 1c"] == pytest.approx((0.2 + 0.0 + 0.4) / 3)
        assert row["dice@max 1c"] == pytest.approx((0.3 + 0.1 + 0.5) / 3)
        assert row["dice@0.5 5c"] == pytest.approx((0.9 + 0.0 + 0.5) / 3)
        assert row["dice@max 5c"] == pytest.approx((1.0 + 0.1 + 0.6) / 3)
        assert row["iou@0.5 5c"] == pytest.approx((0.9 / 1.1 + 0.0 + 0.5 / 1.5) / 3)
        # Trapezoids over five steps.
        first, third = (0.1 + 0.4 + 0.6 + 0.8 + 0.9 + 0.5) / 5, (0.2 + 0.5 * 4 + 0.25) / 5
        assert row["auc"] == pytest.approx((first + 0 + third) / 3)
        # IoU 0.85 is Dice 0.919: at click 6 in the first, never in the others.
        assert row["noc85"] == pytest.approx((6 + 6 + 6) / 3)
        assert row["nof85"] == pytest.approx(2 / 3)
        assert row["s/open"] == 3.0
        # Per object, without the first click, without clicks that nobody made: the median of
        # 0.1, 0.2, 0.3, 0.4, 0.5 in the first cell, of 0.7, 0.7, 0.7 in the second.
        assert row["s/click"] == pytest.approx(0.5)
        assert (other.component, other["dice@0.5 5c"], other["noc85"]) == ("other", 1.0, 1.0)

    def test_rows_come_in_the_order_of_the_records_and_hold_all_columns(self, stored):
        labels = ("pcc", "ace", "pcc", "sa")
        rows = summarise(
            InteractiveProtocol,
            [stored.done(stored.sample(), label=x, scene=f"s{n}") for n, x in enumerate(labels)],
        )
        assert [row.component for row in rows] == ["pcc", "ace", "sa"]
        assert [row.samples for row in rows] == [2, 1, 1]
        for row in rows:
            assert list(row.values) == [column.name for column in InteractiveProtocol.columns]

    def test_what_five_clicks_would_tell_is_none_with_three(self, stored):
        (row,) = summarise(InteractiveProtocol, [stored.done(stored.sample(dice=(0.1, 0.2, 0.3)))])
        assert row["dice@0.5 5c"] is None
        assert row["iou@0.5 5c"] is None
        assert row["dice@0.5 1c"] == 0.1

    def test_one_click(self, stored):
        record = stored.done(stored.sample(dice=(0.6,)), seconds={"open": 1.0, "predict": [0.25]})
        (row,) = summarise(InteractiveProtocol, [record])
        assert row["auc"] == 0.6
        assert row["s/click"] == 0.25  # there is no further click to measure

    def test_no_further_click_was_made(self, stored):
        (row,) = summarise(
            InteractiveProtocol, [stored.done(stored.sample(dice=(1.0, 1.0)), objects=[1, 0])]
        )
        assert row["s/click"] is None

    def test_a_component_that_failed_everywhere(self, stored):
        (row,) = summarise(InteractiveProtocol, [stored.lost(), stored.lost()])
        assert row.failed_cells == 2
        assert row.samples == 0
        assert set(row.values.values()) == {None}

    def test_nothing(self, stored):
        assert summarise(InteractiveProtocol, []) == []


class TestObserve:
    def test_each_class_of_each_record_is_one(self, stored):
        records = [
            stored.done(stored.sample(3, (0.2, 0.4)), stored.sample(7, (0.6, 0.8)), subject="a"),
            stored.done(stored.sample(3, (0.5, 0.5)), subject="b"),
        ]
        observed = observe(records)
        assert [[(each.label, each.category) for each in mine] for mine in observed] == [
            [(3, "class 3"), (7, "class 7")], [(3, "class 3")],
        ]  # fmt: skip
        assert [[each.values["dice@0.5 end"] for each in mine] for mine in observed] == [
            [0.4, 0.8], [0.5],
        ]  # fmt: skip
        # The threshold of a is that of b, and the other way round.
        assert [[each.values["dice@tuned 1c"] for each in mine] for mine in observed] == [
            [0.2, 0.6], [0.5],
        ]  # fmt: skip
        names = {column.name for column in InteractiveProtocol.columns}
        values = set(observed[0][0].values)
        assert values == {name for name in names if not name.startswith("s/")}

    def test_without_an_honest_threshold_nothing_is_said_of_it(self, stored):
        ((one,),) = observe([stored.done(stored.sample(1))])
        assert "dice@tuned 1c" not in one.values

    def test_after_every_click(self, stored):
        (((one,),),) = observe_curves([stored.done(stored.sample(1, (0.2, 0.4)))], "dice")
        assert one.values == {"1": 0.2, "2": 0.4}
        assert list(observe([])) == list(*observe_curves([], "dice")) == []


@pytest.fixture
def subject(stored):
    """Make the record of a subject from one grid per sample."""

    def make(name, *grids, label=1):
        samples = [stored.sample(label, dice_grid={"1": each}) for each in grids]
        return stored.done(*samples, subject=name)

    return make


def tuned_dice(records, click):
    scores = tuned_scores(records, click)
    return None if scores is None else statistics.fmean(value for each in scores for value in each)


class TestTunedDice:
    def test_scores_stay_with_their_samples(self, stored, subject):
        records = [
            subject("a", stored.grid((10, 0.9), (20, 0.4)), stored.grid((10, 0.7), (20, 0.6))),
            subject("b", stored.grid((10, 0.1), (20, 0.8))),
        ]
        assert tuned_scores(records, 1) == [[0.4, 0.6], [0.1]]

    def test_by_hand(self, stored, subject):
        records = [
            subject("a", stored.grid((10, 0.9), (20, 0.4)), stored.grid((10, 0.7), (20, 0.6))),
            subject("b", stored.grid((10, 0.1), (20, 0.8))),
            subject("c", stored.grid((10, 0.2), (20, 0.5))),
        ]
        # Sums at thresholds 10 and 20. Of b and c: 0.3, 1.3 → 20.  Of a and c: 1.8, 1.5 → 10.
        # Of a and b: 1.7, 1.8 → 20.
        assert tuned_dice(records, 1) == pytest.approx((0.4 + 0.6 + 0.1 + 0.5) / 4)

    def test_a_subject_has_no_part_in_its_own_threshold(self, stored, subject):
        """Whatever a subject's own curve looks like, it is scored where the others say."""
        for own_best in (3, 50, 180):
            records = [
                subject("a", stored.grid((own_best, 1.0), (100, 0.25))),
                subject("b", stored.grid((100, 0.5))),
                subject("c", stored.grid((100, 0.5))),
            ]
            # a is scored at 100; b and c where a is best, which does nothing for them.
            assert tuned_dice(records, 1) == pytest.approx((0.25 + 0 + 0) / 3)

    def test_all_scenes_and_seeds_of_a_subject_stay_out_together(self, stored, subject):
        records = [
            subject("a", stored.grid((10, 1.0))),
            subject("a", stored.grid((10, 1.0))),
            subject("b", stored.grid((20, 1.0))),
        ]
        assert tuned_dice(records, 1) == 0.0

    def test_of_thresholds_that_tie_the_lowest(self, stored, subject):
        """Rounding must not let a subject's own samples break a tie of the others."""
        rng = np.random.default_rng(0)
        others = [stored.grid((30, 0.7), (60, 0.7)), stored.grid((30, 0.1), (60, 0.1))]
        for _ in range(50):
            low, high = np.round(rng.random(2), 6).tolist()
            records = [
                subject("a", stored.grid((30, low), (60, high))),
                subject("b", *others),
            ]
            tuned = 30 if low >= high else 60
            of_b = [each[tuned] for each in others]
            assert tuned_dice(records, 1) == pytest.approx((low + sum(of_b)) / 3, abs=1e-9)

    def test_with_one_subject_classes_take_the_place_of_subjects(self, stored):
        records = [
            stored.done(
                stored.sample(1, dice_grid={"1": stored.grid((10, 1.0), (20, 0.3))}),
                stored.sample(2, dice_grid={"1": stored.grid((10, 0.2), (20, 1.0))}),
                scene=scene,
            )
            for scene in "ab"
        ]
        assert tuned_dice(records, 1) == pytest.approx((0.3 + 0.2) / 2)

    def test_with_one_class_of_one_subject_there_is_none(self, stored, subject):
        assert tuned_dice([subject("a", stored.grid((1, 1.0)), stored.grid((2, 1.0)))], 1) is None

    def test_none_for_a_click_whose_curve_was_not_kept(self, stored, subject):
        records = [subject(name, stored.grid((1, 1.0))) for name in "ab"]
        assert tuned_dice(records, 1) == 1.0
        assert tuned_dice(records, 5) is None


def test_seeds_are_no_further_samples(stored):
    runs = [
        stored.done(stored.sample(1, (0.2, 0.4)), stored.sample(2, (0.6, 0.8)), seed=seed)
        for seed in range(4)
    ]
    assert summarise(InteractiveProtocol, runs)[0].samples == 2
