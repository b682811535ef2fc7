"""How many test pixels share pixels with training: a count pixel by pixel, and what tables say."""

import numpy as np
import pytest

from hsizoo import HyperCube, LabelMap, PixelClassifier, PseudoLabels, Scene
from hsizoo.errors import ContractError
from hsizoo.protocols.few_label import FewLabelProtocol
from hsizoo.protocols.few_label.overlap import leaks
from hsizoo.protocols.few_label.splits import Split
from hsizoo.report.rows import summarise

SHAPE = (60, 66)


def scene():
    """Fields of four classes, with unlabelled strips between them."""
    rows, cols = np.indices(SHAPE)
    labels = (rows // 15 + cols // 11) % 4 + 1
    labels[(rows % 15 == 0) | (cols % 11 == 0)] = 0
    names = {label: f"class {label}" for label in range(5)}
    cube = HyperCube(np.random.default_rng(0).random((*SHAPE, 2)))
    return Scene(cube, LabelMap(labels, names, ignore=[0]), name="fields")


class Seeing(PixelClassifier):
    """Sees a square, or whatever it is made to declare, and may make pseudo labels."""

    def __init__(self, field, pseudo=()):
        self.receptive_field = field
        self._pseudo = pseudo

    def fit(self, cube, labels, *, rng):
        if len(self._pseudo):
            made = np.full(SHAPE, -1, dtype=np.int32)
            made.flat[self._pseudo] = 1
            made[labels.evaluated] = labels.labels[labels.evaluated]
            self.pseudo_labels = PseudoLabels(made, (made >= 0).astype(np.float32))
        return self

    def predict_proba(self, cube):
        return np.full((4, *SHAPE), 0.25, dtype=np.float32)


def square(pixel, field):
    """The pixels of a square, as a set; what lies outside of the scene counts as well."""
    row, col = divmod(int(pixel), SHAPE[1])
    reach = range(-(field // 2), field // 2 + 1)
    return {(row + down, col + right) for down in reach for right in reach}


def count(trained, tested, field):
    """Shares of the tested pixels, by the sets of pixels in their squares."""
    seen = set().union(*(square(pixel, field) for pixel in trained))
    overlap = [bool(square(pixel, field) & seen) for pixel in tested]
    within = [divmod(int(pixel), SHAPE[1]) in seen for pixel in tested]
    return np.mean(overlap), np.mean(within)


@pytest.mark.parametrize("draw", ["random", "block-disjoint"])
@pytest.mark.parametrize("field", [1, 9, 17])
def test_shares_are_those_of_a_count_pixel_by_pixel(field, draw):
    pseudo = np.random.default_rng(1).choice(np.prod(SHAPE), 12, replace=False)
    protocol = FewLabelProtocol(shots=2, draw=draw)
    result = protocol.run(Seeing(field, pseudo), scene(), seed=3)
    split = Split.from_record(result["split"])
    overlap, within = count(split.train, split.test, field)
    with_pseudo = count([*split.train, *pseudo], split.test, field)
    assert result["leak"] == pytest.approx(
        {"field": field, "overlap": overlap, "within": within,
         "overlap_pseudo": with_pseudo[0], "within_pseudo": with_pseudo[1]}
    )  # fmt: skip
    if field == 1:
        assert overlap == within == 0
    elif draw == "random":
        assert 0 < within < overlap
    else:
        assert (overlap > 0) == (field == 17)
        assert with_pseudo[0] > overlap


def test_all_classifiers_are_tested_on_the_same_pixels_whatever_they_see():
    protocol = FewLabelProtocol(shots=2, draw="block-disjoint")
    digests = {
        protocol.run(Seeing(field), scene(), seed=3)["split"]["digest"]
        for field in (1, 9, 17, "scene", None)
    }
    assert len(digests) == 1


def test_a_wider_gap_keeps_wider_squares_apart():
    for gap, apart in ((9, False), (16, False), (17, True)):
        protocol = FewLabelProtocol(shots=2, draw="block-disjoint", gap=gap, block=20)
        found = [protocol.run(Seeing(17), scene(), seed=seed)["leak"] for seed in range(3)]
        assert all(each["overlap"] == 0 for each in found) == apart, gap


def test_a_whole_scene_overlaps_and_what_is_unknown_is_not_measured():
    split = Split(SHAPE, np.array([0]), np.array([5, 900]))
    everything = {"field": "scene", "overlap": 1, "within": 1}
    assert leaks(split, "scene") == everything
    assert leaks(split, None) == {"field": None, "overlap": None, "within": None}
    pseudo = np.zeros(SHAPE, dtype=bool)
    pseudo.flat[900] = True
    assert leaks(split, 1, pseudo)["within_pseudo"] == 0.5
    assert leaks(split, None, pseudo)["overlap_pseudo"] is None


@pytest.mark.parametrize("field", [0, 4, -3, True, 9.0, "all"])
def test_a_field_that_cannot_be_is_refused_before_anything_is_fitted(field):
    class Eager(Seeing):
        def fit(self, cube, labels, *, rng):
            raise AssertionError("fitted")

    with pytest.raises(ContractError, match=r"Eager.receptive_field is .*; expected an odd"):
        FewLabelProtocol(shots=2).run(Eager(field), scene())


def test_the_table_shows_each_row_its_own_overlap_and_notes_who_sees_beyond_the_gap(record):
    fields = {"narrow": (9, 0.0, 0.0), "wide": (17, 0.4, 0.1), "graph": ("scene", 1.0, 1.0),
              "foreign": (None, None, None)}  # fmt: skip
    records = []
    for name, (field, overlap, within) in fields.items():
        for seed in range(2):
            leak = {"field": field, "overlap": overlap, "within": within}
            if name == "wide":
                leak["overlap"] += 0.1 * seed
                leak |= {"overlap_pseudo": 0.9, "within_pseudo": 0.8}
            made = record(name, seed, 0.5, leak=leak)
            made["identity"]["protocol"] = {"draw": "block-disjoint"}
            records.append(made)
    rows = {row.component: row for row in summarise(FewLabelProtocol, records)}
    assert rows["wide"]["overlap"] == pytest.approx(0.45)
    assert rows["wide"]["overlap_pseudo"] == pytest.approx(0.9)
    assert rows["narrow"]["overlap"] == rows["narrow"]["within"] == 0
    assert rows["narrow"]["overlap_pseudo"] is rows["foreign"]["overlap"] is None
    beyond, unknown = FewLabelProtocol.notes(records)
    assert beyond.endswith(": wide (17×17, 45.0 %), graph (the whole scene, 100.0 %)")
    assert unknown.endswith(": foreign")
    for each in records:
        each["identity"]["protocol"] = {"draw": "random"}
    assert FewLabelProtocol.notes(records) == []
