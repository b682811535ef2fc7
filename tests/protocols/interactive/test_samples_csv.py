"""Every click as CSV, from records written by hand."""

import csv
import io

from hsizoo.protocols.interactive.samples_csv import samples_csv


def read(pieces):
    return list(csv.DictReader(io.StringIO(b"".join(pieces).decode())))


def test_samples(stored):
    exhausted = stored.sample(2, (0.5, 0.75, 0.75), clicks=[[7, 8, True], [9, 0, False]])
    records = [
        stored.lost(),
        stored.done(exhausted, label="x:y=[1,2]", subject="pig", scene="s", seed=3),
    ]
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


def test_nothing(stored):
    assert read(samples_csv([stored.lost()])) == []
    (head,) = samples_csv([])
    assert head.startswith(b"component,scene,")
    assert head.count(b"\n") == 1


def test_conditions_stand_in_columns(stored):
    records = [
        stored.done(stored.sample(dice=(0.2,)), label="x") | {"conditions": {"noise": "0"}},
        stored.done(stored.sample(dice=(0.1,)), label="x") | {"conditions": {"noise": "1"}},
        stored.done(stored.sample(dice=(0.7,)), label="y"),
    ]
    lines = read(samples_csv(records))
    assert [line["noise"] for line in lines] == ["0", "1", ""]
    assert list(lines[0])[:3] == ["component", "noise", "scene"]


def test_training_seeds_have_a_column_if_there_are_any(stored):
    records = [
        stored.done(stored.sample(dice=(value, 0.5))) | {"training_seed": seed}
        for seed, value in ((0, 0.2), (1, 0.4))
    ]
    lines = read(samples_csv(records))
    assert [line["training_seed"] for line in lines] == ["0", "0", "1", "1"]
    assert list(lines[0])[:5] == ["component", "scene", "subject", "training_seed", "seed"]
