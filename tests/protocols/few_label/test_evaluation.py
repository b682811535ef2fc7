"""One evaluation: what the classifier is shown, what is made of its answer."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from hsizoo import HyperCube, LabelMap, PixelClassifier, PseudoLabels, Scene
from hsizoo.errors import ContractError
from hsizoo.progress import tell_progress
from hsizoo.protocols.few_label import FewLabelProtocol
from hsizoo.protocols.few_label.splits import Split, draw_split
from hsizoo.protocols.few_label.stored_map import decode_map

NAMES = {0: "none", 3: "corn", 5: "wheat", 8: "oats"}


def field():
    rng = np.random.default_rng(0)
    labels = np.repeat([3, 5, 8, 0], 5)[:, None].repeat(12, axis=1)
    data = rng.random((20, 12, 3)) + labels[..., None]
    data[7, 4] = np.nan
    return Scene(HyperCube(data), LabelMap(labels, NAMES, ignore=[0]), name="field")


class Told(PixelClassifier):
    """Gives back the probabilities that it was made with."""

    def __init__(self, answer=None):
        self.answer = answer

    def fit(self, cube, labels, *, rng):
        self.seen, self.drawn = labels, rng.random()
        return self

    def predict_proba(self, cube):
        return perfect(cube.shape[:2]) if self.answer is None else self.answer


def perfect(shape=(20, 12)):
    answer = np.zeros((3, *shape), dtype=np.float32)
    for place in range(3):
        answer[place, 5 * place : 5 * place + 5] = 1
    answer[0, 15:] = 1
    return answer


def test_a_classifier_sees_the_training_labels_and_no_others():
    told = Told()
    result = FewLabelProtocol(shots=4).run(told, field(), seed=2)
    split = Split.from_record(result["split"])
    shown = told.seen
    assert np.flatnonzero(shown.evaluated).tolist() == split.train.tolist()
    assert shown.targets == {3, 5, 8}
    truth = field().label_map.labels
    assert (shown.labels[shown.evaluated] == truth[shown.evaluated]).all()
    hidden = np.unique(shown.labels[~shown.evaluated])
    assert len(hidden) == 1
    assert hidden[0] not in truth


def test_a_perfect_answer():
    result = FewLabelProtocol(shots=4).run(Told(), field())
    json.dumps(result, allow_nan=False)
    assert result["scores"]["oa"] == result["scores"]["aa"] == result["scores"]["kappa"] == 1
    assert result["classes"] == ["corn", "wheat", "oats"]
    assert result["labels"] == [3, 5, 8]
    # 3 classes of 60 pixels, one unusable, 4 learnt from in each.
    assert np.sum(result["confusion"]) == 3 * 60 - 1 - 12
    found = decode_map(result["map"], (20, 12))
    expected = perfect().argmax(axis=0) + 1
    expected[7, 4] = 0
    np.testing.assert_array_equal(found, expected)


def test_a_wrong_answer_is_counted_where_it_is_wrong():
    answer = perfect()[[1, 0, 2]]  # corn and wheat exchanged
    result = FewLabelProtocol(shots=4).run(Told(torch.from_numpy(answer)), field())
    confusion = np.array(result["confusion"])
    assert confusion[0, 1] == 56
    assert confusion[1, 0] == 55
    assert confusion[2, 2] == 56
    assert result["scores"]["recall"] == [0, 0, 1]


def test_all_components_share_the_draw_and_the_random_numbers_of_a_seed():
    one, two, other = Told(), Told(), Told()
    results = [
        FewLabelProtocol().run(told, field(), seed=seed)
        for told, seed in ((one, 1), (two, 1), (other, 2))
    ]
    digests = [result["split"]["digest"] for result in results]
    assert digests[0] == digests[1] != digests[2]
    assert one.drawn == two.drawn != other.drawn


@pytest.mark.parametrize("changed", [{"gap": 5}, {"block": 4}, {"shots": 2}, {"draw": "random"}])
def test_the_split_is_that_of_the_settings(changed):
    usual = {"shots": 3, "draw": "block-disjoint", "gap": 3, "block": 5}
    found = []
    for settings in (usual, {**usual, **changed}):
        result = FewLabelProtocol(**settings).run(Told(), field(), seed=2)
        split = draw_split(field(), **settings, seed=2)
        assert result["split"] == split.record()
        found.append(split.digest)
    assert found[0] != found[1]


def test_pseudo_labels_are_checked_where_the_truth_is_known():
    told = Told()
    truth = field().label_map.labels
    given = np.where(truth == 0, 3, truth).astype(np.int32)  # 60 pixels of unknown truth
    given[0] = 5  # 12 wrong ones, but for those that are seeds
    given[10:15] = -1
    told.pseudo_labels = PseudoLabels(given, np.ones_like(given, np.float32), ({"step": 1},))
    found = FewLabelProtocol(shots=4).run(told, field())
    seeds = Split.from_record(found["split"])
    learnt = np.isin(np.arange(12), seeds.train).sum()  # in the first row
    pseudo = found["pseudo_labels"]
    assert pseudo["given"] == 240 - 60 - 8
    assert pseudo["checked"] == 120 - 1 - 8
    assert pseudo["right"] == pytest.approx(1 - (12 - learnt) / (120 - 1 - 8))
    assert pseudo["history"] == [{"step": 1}]


def test_rounds_that_tell_their_new_labels_are_judged():
    told = Told()
    given = np.full((20, 12), -1, dtype=np.int32)
    history = ({"pixels": [0, 13, 5], "labels": [1, 2, 1]}, {"pixels": [], "labels": []})
    told.pseudo_labels = PseudoLabels(given, np.ones_like(given, np.float32), history)
    for step in history:
        given.flat[step["pixels"]] = step["labels"]
    scene = field()
    found = FewLabelProtocol(shots=4).run(told, scene)
    truth, seeds = scene.label_map.labels.flat, Split.from_record(found["split"]).train
    judged = [(pixel, label) for pixel, label in ((0, 1), (13, 2), (5, 1))
              if truth[pixel] != 0 and pixel not in seeds]  # fmt: skip
    first, second = found["pseudo_labels"]["history"]
    assert judged
    assert first["new_checked"] == len(judged)
    assert first["new_right"] == sum(truth[pixel] == label for pixel, label in judged)
    assert (second["new_checked"], second["new_right"]) == (0, 0)
    assert first["pixels"] == [0, 13, 5]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (perfect()[:2], r"shape \(2, 20, 12\); expected \(3, 20, 12\)"),
        (perfect() * 2, "in \\[0, 1\\]"),
        (perfect() * np.nan, "finite"),
        (perfect() * 0.5, "sum to 0.5"),
    ],
)
def test_what_breaks_the_contract(answer, message):
    with pytest.raises(ContractError, match=message):
        FewLabelProtocol(shots=4).run(Told(answer), field())


def test_classes_without_a_usable_pixel_are_absent():
    assert FewLabelProtocol(shots=4).run(Told(), field())["absent"] == []
    whole = field()
    data = np.array(whole.cube.data)
    data[:5] = np.nan  # all of corn
    names = {**NAMES, 1: "rye"}
    scene = Scene(HyperCube(data), LabelMap(whole.label_map.labels, names, ignore=[0]), "field")
    result = FewLabelProtocol(shots=4).run(Told(np.full((2, 20, 12), 0.5)), scene)
    assert result["absent"] == ["rye", "corn"]
    assert result["classes"] == ["wheat", "oats"]


def test_the_official_draw_learns_inside_the_map_of_the_scene():
    allowed = np.zeros((20, 12), dtype=bool)
    allowed[:, :4] = True
    scene = replace(field(), training_map=allowed)
    split = Split.from_record(FewLabelProtocol(draw="official").run(Told(), scene)["split"])
    assert allowed.flat[split.train].all()
    assert not allowed.flat[split.test].any()


def test_progress_is_what_the_classifier_tells():
    class Telling(Told):
        def fit(self, cube, labels, *, rng):
            tell_progress(1, 2)
            tell_progress(2, 2)
            return super().fit(cube, labels, rng=rng)

    told = []
    FewLabelProtocol(shots=4).run(Telling(), field(), progress=lambda *step: told.append(step))
    assert told == [(1, 2), (2, 2)]
    FewLabelProtocol(shots=4).run(Telling(), field())
    assert told == [(1, 2), (2, 2)]  # nobody listened
