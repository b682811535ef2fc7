"""The columns of both protocols' tables; light, as ``hsizoo bench --help`` shows them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "COLUMNS",
    "COMPARED",
    "LEAST_IMPORTANT_FIRST",
    "LOWER_IS_BETTER",
    "OF_CLASSIFIERS",
    "WITH_INTERVAL",
]

COLUMNS: Mapping[str, str] = {  # of the interactive protocol, as is all below but the last
    "dice@0.5 1c": "mean Dice at threshold 0.5 after 1 click",
    "dice@max 1c": "mean over samples of the best Dice over all thresholds after 1 click",
    "dice@0.5 5c": "mean Dice at threshold 0.5 after 5 clicks",
    "dice@max 5c": "mean over samples of the best Dice over all thresholds after 5 clicks",
    "dice@0.5 end": "mean Dice at threshold 0.5 after the last click",
    "dice@tuned 1c": "mean Dice after 1 click at one threshold, tuned on other subjects "
    "(on the other classes where there is one subject only)",
    "iou@0.5 5c": "mean IoU at threshold 0.5 after 5 clicks",
    "auc": "area under Dice@0.5 over clicks, divided by the number of steps",
    "noc85": "mean clicks to IoU 0.85, counting all clicks where it is never reached",
    "nof85": "share of samples that never reach IoU 0.85",
    "s/open": "median seconds to prepare an image",
    "s/click": "median seconds for a further click on one object",
}

WITH_INTERVAL = tuple(column for column in COLUMNS if not column.startswith("s/"))
"""Those that are means over samples, of which a bootstrap makes sense."""

COMPARED = ("dice@0.5 1c", "dice@max 1c", "dice@0.5 5c", "dice@max 5c", "auc")
"""Those that components are compared by, pair by pair and class by class."""

LOWER_IS_BETTER = frozenset({"noc85", "nof85", "s/open", "s/click"})

LEAST_IMPORTANT_FIRST = (
    "s/open", "iou@0.5 5c", "nof85", "dice@tuned 1c", "dice@0.5 end", "dice@max 5c", "noc85", "auc",
    "s/click",
)  # fmt: skip
"""What a narrow terminal leaves out."""

OF_CLASSIFIERS: Mapping[str, str] = {
    "OA %": "share of test pixels that are right",
    "AA (recall) %": "mean over classes of the recall",
    "precision %": "mean over classes of the precision, which several published codes call AA",
    "kappa ×100": "Cohen's kappa, times 100",
    "pseudo %": "share of pseudo labels that are right, of those whose truth is known",
    "leak %": "share of test pixels whose patch overlaps a training patch",
    "s/fit": "median seconds to learn, pseudo labels included",
    "s/image": "median seconds to classify the whole image",
}
"""Columns of the few-label table; of the first four ± is the standard deviation over seeds."""
