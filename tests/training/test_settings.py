"""The settings of a training."""

import itertools

import pytest

from hsizoo.errors import OptionError
from hsizoo.training import (
    TrainingSettings,
)


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
        {"losses": 6},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        TrainingSettings(**wrong)


def test_the_identity_is_that_of_before_unless_a_later_setting_is_used():
    assert "losses" not in TrainingSettings(clicks=9).identity()
    assert TrainingSettings(clicks=9).identity()["clicks"] == 9
    assert TrainingSettings(losses=2).identity()["losses"] == 2


def test_several_users_are_joined_by_a_plus():
    assert TrainingSettings(robot="ritm:jitter=1+paper").robots == ["ritm:jitter=1", "paper"]
