"""Validation is the interactive protocol."""

from dataclasses import replace

import pytest

from hsizoo.protocols.interactive import InteractiveProtocol
from hsizoo.protocols.interactive.robots import PaperRobot, RandomRobot
from hsizoo.training import (
    SceneStates,
    TrainingSettings,
    validate,
)

SETTINGS = TrainingSettings(clicks=4, lr=0.01)


def test_validation_is_the_interactive_protocol(tiny, dataset_of, make_scene):
    dataset = dataset_of(make_scene("a"), make_scene("b", 1))
    tiny.train(False)
    found = validate(SceneStates(dataset, tiny), [0, 1], SETTINGS, PaperRobot())
    assert set(found) == {"score", "dice@0.5 1c", "dice@0.5 4c", "iou@0.5 1c", "iou@0.5 4c"}
    assert found["score"] == pytest.approx((found["dice@0.5 1c"] + found["dice@0.5 4c"]) / 2)


def test_a_robot_that_draws_has_the_seed_of_the_training(tiny, dataset_of, make_scene, monkeypatch):
    seeds = []

    def noted(self, *arguments, real=InteractiveProtocol.run, **about):
        seeds.append(about["seed"])
        return real(self, *arguments, **about)

    monkeypatch.setattr(InteractiveProtocol, "run", noted)
    states = SceneStates(dataset_of(make_scene("a")), tiny)
    validate(states, [0], replace(SETTINGS, seed=7), RandomRobot())
    assert seeds == [7]
