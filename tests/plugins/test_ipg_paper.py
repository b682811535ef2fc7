"""IPG to the letter: rounds against a naive loop, and which labels the loss uses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hsizoo_ipg.options import IPGOptions, IPGPaperOptions
from hsizoo_ipg.prompts import Labelled
from hsizoo_ipg.resuming import Progress
from hsizoo_ipg.rounds import Runner
from hsizoo_ipg.similarity import unit_vectors
from hsizoo_medsam.sam import Vit

import hsizoo
from hsizoo.errors import DataError
from hsizoo.zoo.factory import resolve

CLASSES, HEIGHT, WIDTH, GROUPS = 3, 6, 7, 5
PIXELS = HEIGHT * WIDTH


class FakeEngine:
    """Draws random masks, other ones in each round; keeps the prompts that it is given."""

    def __init__(self, seed):
        self.cube = hsizoo.HyperCube(np.ones((HEIGHT, WIDTH, 3)))
        self.groups = range(GROUPS)
        self.device = torch.device("cpu")
        self.rng = np.random.default_rng(seed)
        self.masks = []
        self.prompts = []

    def vote(self, prompts, ballot):
        self.prompts.append(prompts)
        self.masks.append(self.rng.random((CLASSES, GROUPS, HEIGHT, WIDTH)).astype(np.float32))
        for number, mask in enumerate(self.masks[-1]):
            ballot.add(number, torch.from_numpy(mask))


class FakeTraining:
    """Keeps what the loss is given."""

    def __init__(self):
        self.gates = []
        self.groups = []

    def step(self, prompts, known, gate, groups):
        self.gates.append(gate.tolist())
        self.groups.append(groups)
        return 0.0

    def state_dict(self):
        return {}


def features(seed):
    image = np.random.default_rng(seed).uniform(0, 1, (4, HEIGHT, WIDTH))
    return unit_vectors(torch.from_numpy(image), np.ones((HEIGHT, WIDTH), bool), centred=False)


def cosine(a, b):
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def naive_round(masks, vectors, labels, tau_h=0.8, kappa_h=0.2):
    """One round as the paper tells it: `labels` is a list of (pixel, class)."""
    gained = {}
    for number in range(CLASSES):
        best = None
        for pixel in range(PIXELS):
            row, col = divmod(pixel, WIDTH)
            votes = [
                sum(float(masks[i, j, row, col]) >= np.float32(tau_h) for j in range(GROUPS))
                for i in range(CLASSES)
            ]
            if max(votes) == 0 or votes.count(max(votes)) > 1 or votes.index(max(votes)) != number:
                continue
            if pixel in [p for p, _ in labels]:
                continue
            similar = [cosine(vectors[pixel], vectors[p]) for p, c in labels if c == number]
            confidence = sum(similar) / len(similar)
            if 1 - confidence <= kappa_h and (best is None or confidence > best[0]):
                best = (confidence, pixel)
        if best is not None:
            gained[number] = best
    return gained


@pytest.mark.parametrize("seed", range(4))
def test_rounds_are_those_of_a_naive_loop(seed):
    engine, vectors = FakeEngine(seed), features(seed)
    seeds = Labelled(np.array([0, 9, 17, 30, 33, 41]), np.array([0, 1, 2, 0, 1, 2]), 6)
    training = FakeTraining()
    options = IPGPaperOptions()
    names = np.arange(1, CLASSES + 1)
    runner = Runner(options, engine, training, vectors, names, np.random.default_rng(0))
    progress = Progress(seeds)
    labels = list(zip(seeds.pixels.tolist(), seeds.classes.tolist(), strict=True))
    for turn in range(5):
        points = [{(*divmod(p, WIDTH), c == number) for p, c in labels} for number in range(3)]
        runner.round(progress)
        assert [set(clicks) for clicks in engine.prompts[turn]] == points  # all labels
        gained = naive_round(engine.masks[turn], vectors.numpy(), labels)
        step = progress.history[turn]
        assert step["pixels"] == [pixel for _, pixel in gained.values()]
        assert step["labels"] == [names[number] for number in gained]
        assert progress.confidence[len(progress.confidence) - len(gained) :] == pytest.approx(
            [confidence for confidence, _ in gained.values()], abs=1e-6
        )
        labels += [(pixel, number) for number, (_, pixel) in gained.items()]
    assert len(labels) > 10
    assert training.groups == [list(range(GROUPS))] * 5


class Script(FakeEngine):
    """Masks that vote for one class everywhere, or for none; another one in each round."""

    def __init__(self, winners):
        super().__init__(0)
        self.winners = iter(winners)

    def vote(self, prompts, ballot):
        winner = next(self.winners)
        for number in range(CLASSES):
            value = 0.9 if number == winner else 0.1
            ballot.add(number, torch.full((GROUPS, HEIGHT, WIDTH), value))


@pytest.mark.parametrize("then", [1, None], ids=["another class wins", "none wins"])
@pytest.mark.parametrize("uncertainty", ["confidence", "similarity-spread", "group-spread"])
def test_the_loss_judges_a_label_by_its_own_class(then, uncertainty):
    """Pixels near class 2 are gained by it; a later vote for another class changes no gate."""
    directions = torch.eye(CLASSES)[:, None].expand(-1, PIXELS // CLASSES, -1).reshape(PIXELS, -1)
    seeds = Labelled(np.array([0, 14, 28]), np.array([0, 1, 2]), 3)
    options = IPGPaperOptions(uncertainty=uncertainty)
    training = FakeTraining()
    engine = Script([2, then])
    runner = Runner(
        options, engine, training, directions, np.arange(CLASSES), np.random.default_rng(0)
    )
    progress = Progress(seeds)
    runner.round(progress)
    assert progress.known.classes[3:].tolist() == [2]
    runner.round(progress)
    assert training.gates[1][:4] == [True] * 4


def test_a_label_that_its_own_class_no_longer_vouches_for_is_left_out():
    """The mean over all labels of a class falls when one joins that is unlike the others."""
    angles = torch.tensor([0.0, 0.6, 1.2] + [1.5] * (PIXELS - 3))
    vectors = torch.stack([angles.cos(), angles.sin()], dim=1)
    # Pixel 1 belongs to class 0 by pixel 0; pixel 2 to class 0 as well: its mean is below 0.8.
    known = Labelled(np.array([0, 41, 40, 1, 2]), np.array([0, 1, 2, 0, 0]), 3)
    training = FakeTraining()
    runner = Runner(
        IPGPaperOptions(), Script([None]), training, vectors, np.arange(3), np.random.default_rng(0)
    )
    runner.round(Progress(known, [0.9, 0.9]))
    means = [np.mean([np.cos(a - b) for b in (0, 0.6, 1.2)]) for a in (0.6, 1.2)]
    assert training.gates == [[True] * 3 + [mean >= 0.8 for mean in means]]
    assert means[0] >= 0.8 > means[1]


def test_the_preset_is_registered_and_says_what_is_inferred():
    paper, own = resolve("ipg-paper:segmenter=sam2.1-nano"), resolve("ipg")
    assert paper.entry.spec.version == own.entry.spec.version == "2"
    expected = {
        "refresh": 1, "support": 0, "positives": 0, "negatives": 0, "pool": "mean",
        "references": "all", "ranking": "confidence", "centred": False, "tally": "round",
    }  # fmt: skip
    assert {name: paper.options[name] for name in expected} == expected
    assert IPGPaperOptions().segmenter == "sam-vit-b"
    for name in ("iterations", "tau_h", "tau_l", "kappa_h", "grouping", "stride"):
        assert getattr(IPGPaperOptions(), name) == getattr(IPGOptions(), name)


def stripes():
    """Three stripes of different spectra, 24 × 20, with two seeds each."""
    rng = np.random.default_rng(0)
    which = np.arange(24)[:, None] * 3 // 24 + np.zeros((1, 20), dtype=int)
    data = rng.uniform(1, 3, (3, 7))[which] + rng.normal(scale=0.05, size=(24, 20, 7))
    seeds = np.zeros((24, 20), dtype=int)
    for number in range(3):
        seeds[number * 8 + 3, [4, 13]] = number + 1
    labels = hsizoo.LabelMap(seeds, {1: "oats", 2: "corn", 3: "woods"}, ignore=[0])
    return hsizoo.HyperCube(data), labels


@pytest.mark.usefixtures("one_thread")
def test_it_labels_a_scene():
    cube, labels = stripes()
    labeler = hsizoo.create("ipg-paper:segmenter=sam2.1-nano,iterations=3,groups=2")
    made = labeler.label(cube, labels, rng=np.random.default_rng(0))
    new = (made.labels != made.unassigned) & (labels.labels == 0)
    assert new.sum() == sum(step["new"] for step in made.history) > 3
    assert all(step["loss"] is not None for step in made.history)


@pytest.mark.usefixtures("one_thread")
def test_it_runs_on_the_first_sam(monkeypatch):
    """Small and with random weights, so that its masks mean nothing: 0.5 decides everywhere."""
    vit = Vit(width=48, depth=2, heads=2, global_blocks=(1,))
    monkeypatch.setattr("hsizoo_medsam.sam_vit.SIZES", {"vit-b": vit})
    monkeypatch.setattr("hsizoo_medsam.sam_vit._IMAGE_SIZE", 256)
    cube, labels = stripes()
    name = "ipg-paper:segmenter=[sam-vit-b:checkpoint=random],groups=2,tau_h=0.5,kappa_h=0.9"
    made = hsizoo.create(name, iterations=3).label(cube, labels, rng=np.random.default_rng(0))
    assert sum(step["new"] for step in made.history) > 0
    assert len({step["loss"] for step in made.history}) == 3  # it is trained
    with pytest.raises(DataError, match="SamVit has no features at stride 4: use features=image"):
        hsizoo.create(name, features="fine").label(cube, labels, rng=np.random.default_rng(0))
