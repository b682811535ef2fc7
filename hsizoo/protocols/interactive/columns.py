"""Columns of the interactive protocol's table."""

from __future__ import annotations

from hsizoo.interfaces import Column

__all__ = ["COLUMNS"]

COLUMNS: tuple[Column, ...] = (
    Column(
        name="dice@0.5 1c",
        meaning="mean Dice at threshold 0.5 after 1 click",
        interval=True,
        compared=True,
        low=0,
        high=1,
    ),
    Column(
        name="dice@max 1c",
        meaning="mean over samples of the best Dice at any threshold after 1 click",
        interval=True,
        compared=True,
        low=0,
        high=1,
    ),
    Column(
        name="dice@0.5 5c",
        meaning="mean Dice at threshold 0.5 after 5 clicks",
        interval=True,
        compared=True,
        low=0,
        high=1,
    ),
    Column(
        name="dice@max 5c",
        meaning="mean over samples of the best Dice at any threshold after 5 clicks",
        interval=True,
        compared=True,
        leave_out=6,
        low=0,
        high=1,
    ),
    Column(
        name="dice@0.5 end",
        meaning="mean Dice at threshold 0.5 after the last click",
        interval=True,
        leave_out=5,
        low=0,
        high=1,
    ),
    Column(
        name="dice@tuned 1c",
        meaning="mean Dice after 1 click at one threshold, tuned on other subjects "
        "(on other classes if there is only one subject)",
        interval=True,
        leave_out=4,
        low=0,
        high=1,
    ),
    Column(
        name="iou@0.5 5c",
        meaning="mean IoU at threshold 0.5 after 5 clicks",
        interval=True,
        brief=True,
        leave_out=2,
        low=0,
        high=1,
    ),
    Column(
        name="auc",
        meaning="area under Dice@0.5 over clicks, divided by the number of steps",
        interval=True,
        brief=True,
        compared=True,
        leave_out=8,
        low=0,
        high=1,
    ),
    Column(
        name="noc85",
        meaning="mean number of clicks to IoU 0.85; all clicks if it is never reached",
        digits=2,
        better="lower",
        interval=True,
        brief=True,
        leave_out=7,
        low=1,
    ),
    Column(
        name="nof85",
        meaning="share of samples that never reach IoU 0.85",
        better="lower",
        interval=True,
        brief=True,
        leave_out=3,
        low=0,
        high=1,
    ),
    Column(
        name="s/open",
        meaning="median seconds to prepare an image",
        unit="s",
        better="lower",
        average="median",
        leave_out=1,
        low=0,
    ),
    Column(
        name="s/click",
        meaning="median seconds per further click on one object",
        unit="s",
        better="lower",
        average="median",
        leave_out=9,
        low=0,
    ),
)
