"""Where a map of scores is best cut in two: little weight across the border for its two sides.

The cut of a graph of neighbouring pixels divided by the product of the sizes of both sides is the
ratio cut of Y.-C. Wei, C.-K. Cheng, "Ratio cut partitioning for hierarchical designs", IEEE
Transactions on Computer-Aided Design 10 (1991) 911-921, doi:10.1109/43.87601.  Here only the level
sets of a map are compared (a sweep cut, as after a spectral partition), so that all of them cost
one pass over the pairs.  The levels are averaged, not the best one taken: a small change of the map
then moves the border a little.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hsizoo_spectral.edges import partners
from hsizoo_spectral.spectra import working_device

__all__ = ["Neighbours", "border_moved", "neighbours"]

_LEVELS = 80
_FARTHEST = 0.9
"""Levels are compared from minus this to this; INFERRED as the options of `verdict` are."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Pairs of valid pixels that share a side.

    Parameters
    ----------
    first, second : torch.Tensor of int64, shape (N,)
        Indices of pixels.
    weights : torch.Tensor of float64, shape (N,)
        How alike the two are, in [0, 1].
    valid : torch.Tensor of bool, shape (P,)
    """

    first: torch.Tensor
    second: torch.Tensor
    weights: torch.Tensor
    valid: torch.Tensor


def neighbours(rows: torch.Tensor, valid: torch.Tensor) -> Neighbours:
    """Pair the pixels of an image.

    Parameters
    ----------
    rows : torch.Tensor of float32, shape (H * W, F)
        Features; a pair's weight falls as a Gaussian of their distance, whose variance is the
        median squared distance of all pairs.
    valid : torch.Tensor of bool, shape (H, W)

    Returns
    -------
    Neighbours
    """
    height, width = valid.shape
    numbers = torch.arange(height * width, device=rows.device).view(height, width)
    pairs = []
    for down, right in ((0, 1), (1, 0)):
        (_, *one), (_, *other) = partners(valid.shape, down, right)
        inside = valid[*one] & valid[*other]
        pairs.append((numbers[*one][inside], numbers[*other][inside]))
    first, second = (torch.cat(side) for side in zip(*pairs, strict=True))
    apart = (rows[first] - rows[second]).square().sum(dim=1)
    usual = apart.median().clamp_min(1e-9) if len(apart) else apart.new_ones(())
    weights = torch.exp(apart / (-2 * usual)).to(working_device(rows.device)).double()
    return Neighbours(first, second, weights, valid.flatten())


def border_moved(total: torch.Tensor, pairs: Neighbours, spread: float) -> torch.Tensor:
    """Bend a map so that its best border lies at 0.

    Parameters
    ----------
    total : torch.Tensor of float32, shape (P,)
        From -1 to 1.
    pairs : Neighbours
    spread : float
        Standard deviation of the border's place before the map is seen, around 0.  Positive.

    Returns
    -------
    torch.Tensor of float32, shape (P,)
        In the same order, from -1 to 1; -1 and 1 stay where they are.
    """
    levels = torch.linspace(-_FARTHEST, _FARTHEST, _LEVELS, device=total.device)
    below = torch.bucketize(total, levels)  # number of levels below each pixel
    place = pairs.weights.device
    one, other = below[pairs.first], below[pairs.second]
    changes = torch.zeros(_LEVELS + 1, dtype=torch.float64, device=place)
    changes.index_add_(0, torch.minimum(one, other).to(place), pairs.weights)
    changes.index_add_(0, torch.maximum(one, other).to(place), -pairs.weights)
    cut = changes.cumsum(dim=0)[:-1]
    counted = torch.zeros(_LEVELS + 1, dtype=torch.float64, device=place)
    counted.index_add_(0, below.to(place), pairs.valid.to(place).double())
    under = counted.cumsum(dim=0)[:-1]
    over = counted.sum() - under
    sides = over * under / counted.sum().clamp_min(1)
    quality = (sides + 1) / (cut + 1)  # the ones: a level without pixels on a side says little
    where = levels.to(place).double()
    quality *= torch.exp(-0.5 * (where / spread).square()) * (sides > 0)
    # A map that no level divides keeps its border.
    centre = ((quality * where).sum() / quality.sum().clamp_min(1e-300)).to(total)
    moved = total - centre
    return moved / torch.where(total < centre, 1 + centre, 1 - centre)
