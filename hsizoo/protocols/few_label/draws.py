"""The ways to draw training pixels, by name.

================== =================================================================================
draw               description
================== =================================================================================
``random``         `shots` pixels per class anywhere in the scene, different for every seed, as in
                   the papers.  Neighbours of training pixels are tested, and a classifier that
                   uses patches has seen them.
``fixed``          the draw of seed 0 for every seed, so that seeds differ only in the method's own
                   random numbers.
``block-disjoint`` the scene is cut into square blocks; a class is trained on some of its blocks and
                   tested on the others, excluding test pixels closer than `gap` to a training
                   pixel, whatever the classifier.
``official``       drawn from the dataset's own training map; tested outside of it.
================== =================================================================================
"""

from __future__ import annotations

from typing import Final, Literal, get_args

__all__ = ["DRAWS", "Draw"]

Draw = Literal["random", "fixed", "block-disjoint", "official"]
DRAWS: Final[tuple[Draw, ...]] = get_args(Draw)
