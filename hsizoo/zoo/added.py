"""The options that hsizoo adds to components beyond those that their classes declare."""

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
    "Trained weights to load, of this component with the same options.  auto: those trained on the "
    "dataset that is benched, else on others; of equals those that `hsizoo train` made here, the "
    "newest first, before those that come with the plugin; none if there are none.  packaged: "
    "those that come with the plugin, the same on every machine.  none: those that the component "
    "starts with.  Otherwise a .safetensors file of `hsizoo train`, or the folder of its card.",
)
"""The option that hsizoo adds to every trainable segmenter."""


@dataclass(frozen=True, kw_only=True)
class ScorerSegmenterOptions:
    """Options of `hsizoo.ScorerSegmenter`, which every scorer has where it stands for a segmenter.

    Parameters
    ----------
    aggregate : {"max", "mean"}, default "max"
        How the maps of one object's clicks are combined: the paper's pixel-wise maximum, or their
        mean.  A scorer that combines clicks itself takes the default only.
    negatives : {"veto", "ignore"}, default "veto"
        What a negative click does.  ``veto``: where a pixel is more similar to the negative than
        to the positive clicks its probability becomes 0.  INFERRED: the paper's simulated user
        makes positive clicks only, so both settings reproduce it; a real user's right click, or
        the ``ritm`` robot's, should do something.  A scorer that combines clicks itself decides
        what that is; ``ignore`` keeps negative clicks from it.
    """

    aggregate: Literal["max", "mean"] = "max"
    negatives: Literal["veto", "ignore"] = "veto"
