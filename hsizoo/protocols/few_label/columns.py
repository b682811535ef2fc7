"""Columns of the few-label protocol's table."""

from __future__ import annotations

from hsizoo.interfaces import Column

__all__ = ["COLUMNS", "SCORES"]

COLUMNS: tuple[Column, ...] = (
    Column(
        name="oa",
        meaning="overall accuracy: share of test pixels classified correctly",
        title="OA %",
        unit="%",
        digits=2,
        compared=True,
        deviation=True,
        low=0,
        high=1,
    ),
    Column(
        name="aa",
        meaning="average accuracy: mean recall over classes",
        title="AA (recall) %",
        unit="%",
        digits=2,
        compared=True,
        deviation=True,
        low=0,
        high=1,
    ),
    Column(
        name="macro_precision",
        meaning="mean precision over classes, which several published codes call AA",
        title="precision %",
        unit="%",
        digits=2,
        compared=True,
        deviation=True,
        leave_out=6,
        low=0,
        high=1,
    ),
    Column(
        name="kappa",
        meaning="Cohen's kappa: agreement beyond chance",
        title="kappa ×100",
        unit="×100",
        digits=2,
        compared=True,
        deviation=True,
        leave_out=3,
        low=-1,
        high=1,
    ),
    Column(
        name="pseudo_right",
        meaning="share of correct pseudo labels among those with known truth",
        title="pseudo %",
        unit="%",
        digits=1,
        optional=True,
        leave_out=4,
        low=0,
        high=1,
    ),
    Column(
        name="leak",
        meaning="share of test pixels whose patch overlaps a training patch",
        title="leak %",
        unit="%",
        digits=1,
        better="",
        leave_out=2,
        low=0,
        high=1,
    ),
    Column(
        name="untested",
        meaning="classes without a test pixel, mean over runs",
        better="",
        shown=False,
        low=0,
    ),
    Column(
        name="fit_seconds",
        meaning="median seconds to train, including pseudo labels",
        title="s/fit",
        unit="s",
        better="lower",
        average="median",
        leave_out=5,
        low=0,
    ),
    Column(
        name="predict_seconds",
        meaning="median seconds to classify the whole image",
        title="s/image",
        unit="s",
        better="lower",
        average="median",
        leave_out=1,
        low=0,
    ),
    Column(
        name="megabytes",
        meaning="peak memory beyond what the process held before",
        unit="MB",
        better="lower",
        average="largest",
        shown=False,
    ),
)

SCORES: tuple[str, ...] = tuple(column.name for column in COLUMNS if column.compared)
"""Columns computed from a confusion matrix; see `hsizoo.protocols.few_label.scores.scores`."""
