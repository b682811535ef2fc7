"""The loss of an object, its clicks and its gradient."""

import math
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from hsizoo import HyperCube, LabelMap, Scene
from hsizoo.clicks import Clicks
from hsizoo.errors import ContractError
from hsizoo.protocols.interactive.robots import PaperRobot, RandomRobot, RitmRobot
from hsizoo.training import (
    TrainingSettings,
    accumulate,
    click_losses,
)

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


def test_settings_weigh_the_losses_and_smooth_dice(tiny, scene):
    settings = replace(SETTINGS, clicks=1, dice_weight=0.8, dice_smooth=0.25)
    state = tiny.open(scene.cube)
    losses = accumulate(tiny, scene, state, [2], settings, PaperRobot())
    target, evaluated = scene.target(2), scene.evaluated
    first = PaperRobot().first_click(target, evaluated, np.random.default_rng())
    with torch.no_grad():
        dice, bce = click_losses(
            tiny.logits(state, [Clicks().add(*first)]),
            torch.from_numpy(target)[None],
            torch.from_numpy(evaluated.copy()),
            smooth=0.25,
        )
    expected = {"dice_loss": dice.item(), "bce": bce.item()}
    expected["loss"] = 0.8 * dice.item() + 0.2 * bce.item()
    assert losses == pytest.approx(expected, rel=1e-6)


def test_chance_is_that_of_seed_epoch_scene_and_class_and_unusable_pixels_are_not_clicked(
    tiny, make_scene
):
    drawn, clickable = [], []

    class Telling(PaperRobot):
        def first_click(self, target, evaluated, rng, **about):
            drawn.append(rng.random())
            clickable.append(about["clickable"])
            return super().first_click(target, evaluated, rng, **about)

        def next_click(self, *arguments, **about):
            clickable.append(about["clickable"])
            return super().next_click(*arguments, **about)

    scene = make_scene("field")
    settings = replace(SETTINGS, clicks=2, seed=3)
    accumulate(tiny, scene, tiny.open(scene.cube), [1, 3], settings, Telling(), epoch=5)
    streams = [[3, 2, 5, zlib.crc32(b"field"), label] for label in (1, 3)]
    assert drawn == [np.random.default_rng(stream).random() for stream in streams]
    assert len(clickable) == 4
    assert not scene.cube.valid.all()
    assert all((each == scene.cube.valid).all() for each in clickable)


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


def _recorded(tiny, monkeypatch):
    """Whether each call of the network recorded gradients, and the last clicks of its objects."""
    seen = []
    own = tiny.logits

    def logits(state, prompts):
        seen.append((torch.is_grad_enabled(), prompts))
        return own(state, prompts)

    monkeypatch.setattr(tiny, "logits", logits)
    return seen


def test_only_the_drawn_clicks_have_a_loss_and_the_others_no_gradient(tiny, scene, monkeypatch):
    state = tiny.open(scene.cube)
    settings = replace(SETTINGS, clicks=8, losses=3)
    seen = _recorded(tiny, monkeypatch)
    losses = accumulate(tiny, scene, state, [2], settings, RitmRobot())
    assert sum(recorded for recorded, _ in seen) == 3
    assert seen[-1][0]  # nothing is predicted after the last loss
    gradient = [each.grad.clone() for each in tiny.trainable().values()]

    # The same clicks, one loss at a time.
    tiny.net.zero_grad()
    expected = 0.0
    target = torch.from_numpy(scene.target(2))[None]
    for _, prompts in [each for each in seen if each[0]]:
        logits = tiny.logits(state, prompts)
        dice, bce = click_losses(logits, target, torch.from_numpy(scene.evaluated.copy()))
        loss = (0.5 * dice + 0.5 * bce).sum() / 3
        loss.backward()
        expected += loss.item()
    assert losses["loss"] == pytest.approx(expected, rel=1e-5)
    for a, b in zip(gradient, tiny.trainable().values(), strict=True):
        torch.testing.assert_close(a, b.grad, rtol=1e-4, atol=1e-7)


def test_the_clicks_with_a_loss_are_drawn_anew_in_each_epoch(tiny, scene, monkeypatch):
    state = tiny.open(scene.cube)
    settings = replace(SETTINGS, clicks=8, losses=2)
    seen = _recorded(tiny, monkeypatch)
    drawn = set()
    for epoch in range(6):
        seen.clear()
        accumulate(tiny, scene, state, [2], settings, RitmRobot(), epoch=epoch)
        drawn.add(tuple(n for n, (recorded, _) in enumerate(seen) if recorded))
    assert len(drawn) > 1


def test_each_object_is_clicked_by_one_of_the_users(tiny, scene, monkeypatch):
    state = tiny.open(scene.cube)
    seen = _recorded(tiny, monkeypatch)
    users = [PaperRobot(), RitmRobot()]
    alone = []
    for user in users:
        seen.clear()
        accumulate(tiny, scene, state, [2], SETTINGS, user, epoch=0)
        alone.append(seen[-1][1][0])
    assert alone[0] != alone[1]
    chosen = []
    for epoch in range(12):
        seen.clear()
        accumulate(tiny, scene, state, [2], SETTINGS, *users, epoch=epoch)
        chosen.append(alone.index(seen[-1][1][0]))  # neither of them draws anything
    assert set(chosen) == {0, 1}
