"""Stored records of the interactive protocol, written by hand."""

from types import SimpleNamespace

import pytest

from hsizoo.protocols.mask_metrics import THRESHOLD_GRID


def grid(*peaks, rest=0.0):
    """Dice over thresholds: ``(index, value)`` here and there, `rest` elsewhere."""
    values = [rest] * len(THRESHOLD_GRID)
    for index, value in peaks:
        values[index] = value
    return values


def sample(label=1, dice=(0.5, 0.7), dice_grid=None, **about):
    iou = [value / (2 - value) for value in dice]
    return {
        "label": label,
        "class": f"class {label}",
        "pixels": 10 * label,
        "clicks": [[k, k + 1, k % 2 == 0] for k in range(len(dice))],
        "dice": list(dice),
        "iou": iou,
        "dice_max": [min(1, value + 0.1) for value in dice],
        "best_threshold": [0.25] * len(dice),
        "dice_grid": {"1": grid((0, dice[0]))} if dice_grid is None else dice_grid,
        **about,
    }


def done(*samples, label="sa", subject="pig 1", scene="a", seed=0, seconds=None, objects=None):
    clicks = len(samples[0]["dice"])
    return {
        "status": "done",
        "label": label,
        "subject": subject,
        "identity": {"scene": scene, "seed": seed},
        "result": {
            "samples": list(samples),
            "seconds": seconds or {"open": 1.0, "predict": [0.5] * clicks},
            "objects": objects or [len(samples)] * clicks,
        },
    }


def lost(label="sa"):
    return {
        "status": "failed",
        "label": label,
        "identity": {"scene": "z", "seed": 0},
        "error": {"type": "ValueError", "message": "no", "traceback": ""},
    }


@pytest.fixture(scope="session")
def stored():
    """``stored.done(stored.sample(), …)`` and the like."""
    return SimpleNamespace(grid=grid, sample=sample, done=done, lost=lost)
