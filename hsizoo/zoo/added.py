"""Options that hsizoo adds to those a component class declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hsizoo.zoo.options import Option

__all__ = ["WEIGHTS", "ScorerSegmenterOptions"]

WEIGHTS = Option(
    "weights",
    (str,),
    (),
    False,
    "auto",
    "Trained weights to load; they must belong to this component with the same options.  auto: "
    "weights trained on the benchmarked dataset (with --folds, in the same fold), else on another "
    "one; among equals, weights that "
    "`hsizoo train` wrote here (newest first) before those shipped with the plugin; none if "
    "nothing matches.  packaged: the weights shipped with the plugin, the same on every machine.  "
    "none: the component's initial weights.  Otherwise a .safetensors file of `hsizoo train`, or "
    "the folder of its card.",
)
"""The option that hsizoo adds to every trainable segmenter."""


@dataclass(frozen=True, kw_only=True)
class ScorerSegmenterOptions:
    """Options of `hsizoo.ScorerSegmenter`, available for every scorer used as a segmenter.

    Parameters
    ----------
    aggregate : {"max", "mean"}, default "max"
        How the maps of one object's clicks are combined: by their pixel-wise maximum, as in the
        paper, or by their mean.  A scorer that combines clicks itself accepts only the default.
    negatives : {"veto", "ignore"}, default "veto"
        Effect of a negative click.  ``veto``: the probability of a pixel that is more similar to
        the negative than to the positive clicks becomes 0.  INFERRED: the paper's simulated user
        makes positive clicks only, so both settings reproduce it; a negative click of a real user
        or of the ``ritm`` robot should have an effect.  The maps are compared before a scorer
        equalises them, and the pixels are taken out after: ranks in two maps cannot be compared,
        and a negative click should change no pixel but those that it takes.  A scorer that
        combines clicks itself decides on the effect; ``ignore`` hides negative clicks from it.
    """

    aggregate: Literal["max", "mean"] = "max"
    negatives: Literal["veto", "ignore"] = "veto"
