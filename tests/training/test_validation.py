"""Validation is the interactive protocol."""

import pytest

from hsizoo.protocols.interactive.robots import PaperRobot
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
