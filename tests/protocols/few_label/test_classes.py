"""The classes of a run, and what a reader must know of them."""

from hsizoo.protocols.few_label import FewLabelProtocol
from hsizoo.protocols.few_label.classes import classes_of


def test_numbers_are_those_of_all_scenes(record):
    wood = record("a", 0, 0.5, scene="wood", labels=[2, 7], classes=["wheat", "oak"])
    failed = record("b", 0, 0, status="failed")
    assert classes_of([wood, failed, record("a", 0, 0.5)]) == {
        (1, "corn"): 1, (2, "wheat"): 2, (7, "oak"): 3,
    }  # fmt: skip


def test_classes_that_are_small_untested_or_absent_are_named_once(record):
    records = [record("a", seed, 0.5) for seed in range(2)]
    assert FewLabelProtocol.notes(records) == []
    for each in records:
        each["result"]["split"]["short"] = ["oats"]
        each["result"]["split"]["untested"] = ["corn"]
    records[1]["result"]["absent"] = ["rye", "barley"]
    assert [note.partition(": ")[2] for note in FewLabelProtocol.notes(records)] == [
        "oats (2 of 2 draws)",
        "corn (2 of 2 draws)",
        "rye (1 of 2 draws), barley (1 of 2 draws)",
    ]
    again = [record("b", seed, 0.5, split=records[seed]["result"]["split"]) for seed in range(2)]
    assert FewLabelProtocol.notes([*records, *again])[0].endswith("oats (2 of 2 draws)")
    assert FewLabelProtocol.notes(records[:1])[0].endswith(": oats")


def test_classes_are_named_apart_for_each_way_to_draw(record):
    records = []
    for seed, draw in enumerate(("random", "block-disjoint", "block-disjoint")):
        made = record("a", seed, 0.5)
        made["identity"]["protocol"] = {"draw": draw}
        made["result"]["split"]["untested"] = ["oats"] * (draw != "random") + ["corn"] * (seed == 2)
        records.append(made)
        made["result"]["split"]["short"] = ["rye"]
    few = [note for note in FewLabelProtocol.notes(records) if "fewer" in note]
    assert ["training blocks" in note for note in few] == [False, True]
    (note,) = [note for note in FewLabelProtocol.notes(records) if "not tested" in note]
    assert note.endswith("(draw block-disjoint): oats (2 of 2 draws), corn (1 of 2 draws)")
