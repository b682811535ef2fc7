"""The training protocol: its loss, its clicks, its gradient, its division of subjects."""

import importlib.util
import itertools
import math
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hsizoo import HyperCube, LabelMap, Scene, SceneInfo
from hsizoo.clicks import Clicks
from hsizoo.errors import ContractError, DataError, OptionError, ProtocolError
from hsizoo.protocol.robots import PaperRobot, RandomRobot, RitmRobot
from hsizoo.protocol.training import (
    SceneStates,
    Trainer,
    TrainingSettings,
    _bytes_of,
    accumulate,
    click_losses,
    divide,
    validate,
)


def _load_fake():
    path = Path(__file__).parents[1] / "fakes" / "trainable.py"
    spec = importlib.util.spec_from_file_location("trainable_fake", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Tiny = _load_fake().Tiny


@pytest.fixture
def scene():
    return make_scene()


def make_scene(name="scene", seed=0):
    """Three classes in stripes, a fourth label ignored, some pixels without a spectrum."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([[0, 1, 2, 3]], 12, axis=0).repeat(4, axis=1)
    spectra = rng.random((4, 6))
    data = spectra[labels] + 0.05 * rng.standard_normal((12, 16, 6))
    data[0, 5] = np.nan
    label_map = LabelMap(labels, {1: "one", 2: "two", 3: "three"}, ignore=[0])
    return Scene(HyperCube(data), label_map, name)


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    made = Tiny()
    made.train(True)
    return made


class Scenes:
    """A dataset of scenes that are there."""

    def __init__(self, *scenes):
        self.held = scenes
        self.loaded = []

    def scene(self, index):
        self.loaded.append(index)
        return self.held[index]


SETTINGS = TrainingSettings(clicks=4, lr=0.01)


def test_losses_are_those_of_the_paper_on_evaluated_pixels():
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(size=(2, 5, 6)).astype(np.float32))
    targets = torch.from_numpy(rng.random((2, 5, 6)) < 0.4)
    evaluated = torch.from_numpy(rng.random((5, 6)) < 0.7)
    dice, bce = click_losses(logits, targets, evaluated, smooth=0.5)
    for n in range(2):
        p = 1 / (1 + np.exp(-logits[n].double().numpy()))
        t, on = targets[n].numpy(), evaluated.numpy()
        expected = 1 - (2 * p[t & on].sum() + 0.5) / (p[on].sum() + (t & on).sum() + 0.5)
        assert dice[n].item() == pytest.approx(expected, abs=1e-6)
        crosses = np.where(t, np.log(p), np.log(1 - p))[on]
        assert bce[n].item() == pytest.approx(-crosses.mean(), abs=1e-6)


def test_pixels_that_are_not_evaluated_change_neither_loss_nor_gradient():
    evaluated = torch.ones(4, 4, dtype=torch.bool)
    evaluated[0] = False
    targets = torch.eye(4, dtype=torch.bool)[None]
    results = []
    for beyond in (0.0, math.nan):
        logits = torch.linspace(-2, 2, 16).reshape(1, 4, 4)
        logits[0, 0] = beyond
        logits.requires_grad_(True)
        dice, bce = click_losses(logits, targets, evaluated)
        (dice + bce).sum().backward()
        results.append((dice.item(), bce.item(), logits.grad))
        assert (logits.grad[0, 0] == 0).all()
    assert results[0][:2] == results[1][:2]
    assert torch.equal(results[0][2], results[1][2])


@pytest.mark.parametrize("robot", [PaperRobot(), RitmRobot(), RandomRobot()])
@pytest.mark.parametrize("labels", [[2], [1, 3]])
@pytest.mark.parametrize("backward", ["click", "object"])
def test_gradient_is_that_of_the_papers_one_backward_pass(tiny, scene, robot, labels, backward):
    state = tiny.open(scene.cube)
    losses = accumulate(tiny, scene, state, labels, replace(SETTINGS, backward=backward), robot)
    found = {name: each.grad.clone() for name, each in tiny.trainable().items()}
    tiny.net.zero_grad()

    # The paper's loop: all graphs kept, one backward pass through the mean.
    evaluated = torch.from_numpy(scene.evaluated.copy())
    total = 0
    for label in labels:
        target = scene.target(label)
        rng = np.random.default_rng([0, 2, 0, zlib.crc32(scene.name.encode()), label])
        valid = scene.cube.valid
        clicks = Clicks().add(*robot.first_click(target, scene.evaluated, rng, clickable=valid))
        for k in range(SETTINGS.clicks):
            logits = tiny.logits(state, [clicks])
            dice, bce = click_losses(logits, torch.from_numpy(target)[None], evaluated)
            total = total + 0.5 * dice.sum() + 0.5 * bce.sum()
            if k < SETTINGS.clicks - 1:
                probability = logits.detach().sigmoid().numpy()[0]
                clicks = clicks.add(
                    *robot.next_click(
                        target, scene.evaluated, probability, clicks, rng, clickable=valid
                    )
                )
    average = total / SETTINGS.clicks / len(labels)
    average.backward()
    assert losses["loss"] == pytest.approx(average.item(), rel=1e-5)
    for name, each in tiny.trainable().items():
        torch.testing.assert_close(found[name], each.grad, rtol=1e-4, atol=1e-7)


def test_gradients_reach_exactly_the_trainable_parameters(tiny, scene):
    accumulate(tiny, scene, tiny.open(scene.cube), [1], SETTINGS, PaperRobot())
    assert all(each.grad.abs().sum() > 0 for each in tiny.trainable().values())
    assert tiny.scale.grad is None
    before = tiny.scale.clone()
    trainer = Trainer(tiny, SceneStates(Scenes(scene), tiny), {0: [1]}, SETTINGS, PaperRobot())
    weights = {name: each.detach().clone() for name, each in tiny.trainable().items()}
    next(iter(trainer.steps()))
    assert torch.equal(tiny.scale, before)
    assert all(not torch.equal(weights[name], each) for name, each in tiny.trainable().items())


def test_an_exhausted_robot_counts_its_last_loss_for_the_remaining_clicks(tiny):
    labels = np.ones((6, 6), dtype=int)
    labels[3, 3] = 2  # one pixel: nothing is left to click after the first
    cube = HyperCube(np.random.default_rng(0).random((6, 6, 4)))
    scene = Scene(cube, LabelMap(labels, {1: "rest", 2: "dot"}), "dots")
    state = tiny.open(cube)
    many = accumulate(tiny, scene, state, [2], replace(SETTINGS, clicks=9), PaperRobot())
    gradient = [each.grad.clone() for each in tiny.trainable().values()]
    tiny.net.zero_grad()
    once = accumulate(tiny, scene, state, [2], replace(SETTINGS, clicks=1), PaperRobot())
    assert many == pytest.approx(once, rel=1e-5)
    for a, b in zip(gradient, tiny.trainable().values(), strict=True):
        torch.testing.assert_close(a, b.grad)


def test_a_component_may_ask_for_one_backward_pass(tiny, scene, monkeypatch):
    counted = []
    backward = torch.Tensor.backward

    def count(self, *arguments, **keywords):
        counted.append(self)
        return backward(self, *arguments, **keywords)

    monkeypatch.setattr(torch.Tensor, "backward", count)
    state = tiny.open(scene.cube)
    accumulate(tiny, scene, state, [1], SETTINGS, PaperRobot())
    assert len(counted) == SETTINGS.clicks
    counted.clear()
    tiny.one_backward = True
    accumulate(tiny, scene, state, [1], SETTINGS, PaperRobot())
    assert len(counted) == 1


def test_several_objects_in_a_step_give_the_mean_of_their_gradients(tiny, scene):
    state = tiny.open(scene.cube)
    alone = []
    for label in (1, 2):
        tiny.net.zero_grad()
        accumulate(tiny, scene, state, [label], SETTINGS, PaperRobot())
        alone.append(tiny.net[0].weight.grad.clone())
    tiny.net.zero_grad()
    accumulate(tiny, scene, state, [1, 2], SETTINGS, PaperRobot())
    torch.testing.assert_close(tiny.net[0].weight.grad, sum(alone) / 2)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda logits: logits[0], "expected a tensor of shape"),
        (lambda logits: logits.detach(), "has no graph"),
        (lambda logits: logits.detach().numpy(), "expected a tensor of shape"),
        (lambda logits: logits.where(logits.new_tensor(range(16)) > 0, math.nan), "is NaN in"),
    ],
)
def test_logits_are_held_to_their_contract(tiny, scene, broken, message):
    real = tiny.logits
    tiny.logits = lambda state, prompts: broken(real(state, prompts))
    with pytest.raises(ContractError, match=message):
        accumulate(tiny, scene, tiny.open(scene.cube), [1], SETTINGS, PaperRobot())


def test_a_trainer_refuses_what_cannot_be_trained(tiny, scene):
    scenes = SceneStates(Scenes(scene), tiny)
    with pytest.raises(ProtocolError, match="no training scene has a pixel"):
        Trainer(tiny, scenes, {0: []}, SETTINGS, PaperRobot())
    tiny.trainable = lambda: {"scale": tiny.scale}
    with pytest.raises(ContractError, match=r"\['scale'\] need no gradient"):
        Trainer(tiny, scenes, {0: [1]}, SETTINGS, PaperRobot())
    tiny.trainable = dict
    with pytest.raises(ContractError, match="no trainable parameter"):
        Trainer(tiny, scenes, {0: [1]}, SETTINGS, PaperRobot())


@pytest.mark.parametrize("order", ["scene", "mixed"])
@pytest.mark.parametrize("objects", [1, 2])
def test_an_epoch_takes_every_class_of_every_scene_once(tiny, order, objects):
    samples = {0: [1, 2, 3], 4: [2], 7: [1, 3, 5, 6, 8]}
    chosen = replace(SETTINGS, order=order, objects=objects, seed=5)
    trainer = Trainer(tiny, SceneStates(Scenes(), tiny), samples, chosen, PaperRobot())
    epochs = [trainer._plan(epoch) for epoch in range(3)]
    for plan in epochs:
        assert len(plan) == trainer.per_epoch
        assert all(1 <= len(labels) <= objects for _, labels in plan)
        taken = sorted((index, label) for index, labels in plan for label in labels)
        assert taken == sorted((i, label) for i, labels in samples.items() for label in labels)
        if order == "scene":
            runs = [i for n, (i, _) in enumerate(plan) if n == 0 or plan[n - 1][0] != i]
            assert len(runs) == len(samples)
    assert epochs[0] != epochs[1]
    assert trainer._plan(1) == epochs[1]
    few = replace(chosen, classes_per_scene=2)
    trainer = Trainer(tiny, SceneStates(Scenes(), tiny), samples, few, PaperRobot())
    assert sum(len(labels) for _, labels in trainer._plan(0)) == 5


def test_scenes_are_opened_once_if_memory_allows(tiny):
    made = [make_scene(f"s{i}", i) for i in range(3)]
    dataset = Scenes(*made)
    states = SceneStates(dataset, tiny)
    for _ in range(3):
        for index in range(3):
            scene, state = states.get(index)
            assert scene is made[index]
            assert state.shape == scene.cube.shape
    assert dataset.loaded == [0, 1, 2]
    # One cube with its state takes 12·16·6·4·2 bytes, and its label map 12·16·4.
    dataset = Scenes(*made)
    states = SceneStates(dataset, tiny, budget=25_000)
    for _ in range(2):
        for index in (0, 0, 1, 1, 2, 2):
            states.get(index)
    assert dataset.loaded == [0, 1, 2, 2]
    assert states.opened == 4


def test_the_first_scene_that_does_not_fit_is_told_of_once(tiny):
    told = []
    states = SceneStates(Scenes(*(make_scene(f"s{i}", i) for i in range(3))), tiny, 25_000)
    states._overflow = told.append
    for index in (0, 1, 2, 1, 0, 2):
        states.get(index)
    assert told == [12 * 16 * (6 * 4 * 2 + 4)]


def test_memory_that_several_things_share_is_counted_once():
    @dataclass
    class State:
        first: torch.Tensor
        second: torch.Tensor

    batch = torch.zeros(4, 100)
    assert _bytes_of({"batch": batch, "views": list(batch)}, set()) == 1600
    assert _bytes_of([State(*torch.zeros(2, 10)) for _ in range(5)], set()) == 5 * 80


def test_validation_is_the_interactive_protocol(tiny):
    dataset = Scenes(make_scene("a"), make_scene("b", 1))
    tiny.train(False)
    found = validate(SceneStates(dataset, tiny), [0, 1], SETTINGS, PaperRobot())
    assert set(found) == {"score", "dice@0.5 1c", "dice@0.5 4c", "iou@0.5 1c", "iou@0.5 4c"}
    assert found["score"] == pytest.approx((found["dice@0.5 1c"] + found["dice@0.5 4c"]) / 2)


def test_learning_rate_rises_then_falls_to_its_floor():
    chosen = TrainingSettings(lr=2.0, warmup=0.1, floor=0.25)
    rates = [chosen.learning_rate(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[9] == rates[10] == 2.0
    assert rates[-1] == pytest.approx(0.5)
    assert all(a >= b for a, b in itertools.pairwise(rates[9:]))
    constant = TrainingSettings(lr=1.0, warmup=0.0, floor=1.0)
    assert {constant.learning_rate(step, 7) for step in range(7)} == {1.0}
    assert TrainingSettings(lr=1.0).learning_rate(0, 1) == 1.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"clicks": 0}, {"epochs": 0}, {"lr": 0.0}, {"beta2": 1.0}, {"clip": -1.0}, {"folds": 1},
        {"folds": 3, "fold": 3}, {"fold": 1}, {"limit_subjects": 0}, {"dice_weight": 1.5},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        TrainingSettings(**wrong)


def split(**counts):
    return [
        SceneInfo(f"{which}{i}-{view}", f"{which}{i}", which if which != "none" else "")
        for which, count in counts.items()
        for i in range(count)
        for view in range(2)
    ]


def subjects(infos, indices):
    return {infos[index].subject for index in indices}


@given(st.integers(1, 8), st.integers(0, 4), st.integers(0, 4), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_fewer_subjects_are_among_more_and_never_among_val_and_test(train, val, test, seed):
    infos = split(train=train, val=val, test=test)
    before = set()
    for n in range(1, train + 1):
        division = divide(infos, TrainingSettings(limit_subjects=n, split_seed=seed))
        now = subjects(infos, division.train)
        assert len(now) == n
        assert before < now
        assert {infos[i].split for i in division.train} == {"train"}
        assert {infos[i].split for i in division.val} == ({"val"} if val else set())
        assert len(division.train) == 2 * n  # all scenes of a subject
        before = now
    with pytest.raises(ProtocolError, match=f"only {train} subjects"):
        divide(infos, TrainingSettings(limit_subjects=train + 1))


@given(
    st.fixed_dictionaries({name: st.integers(0, 4) for name in ("train", "val", "test", "none")}),
    st.integers(0, 3),
    st.integers(0, 99),
)
@settings(deadline=None, max_examples=60)
def test_fewer_subjects_change_neither_validation_nor_test(counts, folds, seed):
    infos = split(**counts)
    chosen = TrainingSettings(folds=0 if folds == 1 else folds, split_seed=seed)
    try:
        whole = divide(infos, chosen)
    except ProtocolError:
        return
    assert whole.unused == ()
    for n in range(1, len(subjects(infos, whole.train)) + 1):
        limited = divide(infos, replace(chosen, limit_subjects=n))
        assert (limited.val, limited.held_out) == (whole.val, whole.held_out)
        assert sorted(limited.train + limited.unused) == list(whole.train)
        assert subjects(infos, limited.train).isdisjoint(subjects(infos, limited.unused))


@given(st.integers(2, 12), st.integers(2, 6), st.integers(0, 99), st.booleans(), st.integers(0, 3))
@settings(deadline=None, max_examples=60)
def test_folds_never_divide_a_subject(count, folds, seed, has_split, test):
    infos = split(train=count, val=1, test=test) if has_split else split(none=count)
    pool = {info.subject for info in infos if info.split != "test"}
    if len(pool) < folds:
        with pytest.raises(ProtocolError, match="folds need as many subjects"):
            divide(infos, TrainingSettings(folds=folds))
        return
    chosen = []
    for fold in range(folds):
        d = divide(infos, TrainingSettings(folds=folds, fold=fold, split_seed=seed))
        parts = [subjects(infos, part) for part in (d.train, d.val, d.held_out)]
        assert all(a.isdisjoint(b) for n, a in enumerate(parts) for b in parts[:n])
        assert sorted(d.train + d.val + d.held_out) == list(range(len(infos)))
        assert "test" not in {infos[i].split for i in d.train + d.val}
        chosen.append(parts[1] if has_split else parts[2])
    # Each subject is evaluated in exactly one fold.
    assert sum(map(len, chosen)) == len(pool)
    assert set.union(*chosen) == pool


def test_a_subject_in_two_splits_is_an_error():
    infos = [SceneInfo("a", "eve", "train"), SceneInfo("b", "eve", "test")]
    with pytest.raises(DataError, match="subject 'eve' is in the splits 'train' and 'test'"):
        divide(infos, TrainingSettings())
