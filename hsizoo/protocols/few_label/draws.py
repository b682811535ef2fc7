"""The ways to draw training pixels, by name.

================== =================================================================================
draw               what it does
================== =================================================================================
``random``         `shots` pixels of each class anywhere in the scene, others for every seed: the
                   papers' way.  Neighbours of a training pixel are tested, and a classifier that
                   looks at patches has seen them.
``fixed``          that of seed 0 for every seed, so that seeds differ only in the method's own
                   random numbers.
``block-disjoint`` the scene is cut into square blocks; a class learns from some of its blocks and
                   is tested on the others, and no pixel is tested whose patch overlaps that of a
                   training pixel.
``official``       drawn from a training map that the dataset comes with; tested outside of it.
================== =================================================================================
"""

from __future__ import annotations

from typing import Final, Literal, get_args

__all__ = ["DRAWS", "Draw"]

Draw = Literal["random", "fixed", "block-disjoint", "official"]
DRAWS: Final[tuple[Draw, ...]] = get_args(Draw)
