"""Smoothing of feature maps that keeps edges.

C. Tomasi, R. Manduchi, "Bilateral filtering for gray and color images", Proc. IEEE International
Conference on Computer Vision (1998) 839-846, here with distances between feature vectors, in units
of the scene's own: the median squared distance of neighbouring pixels.
"""

from __future__ import annotations

import math

import torch

__all__ = ["partners", "smooth_within_edges"]

_TINY = 1e-9


def smooth_within_edges(
    maps: torch.Tensor, valid: torch.Tensor, radius: int, tolerance: float, rounds: int
) -> torch.Tensor:
    """Average each pixel with similar ones around it.

    Parameters
    ----------
    maps : torch.Tensor of float32, shape (F, H, W)
        Features, 0 at invalid pixels.
    valid : torch.Tensor of bool, shape (H, W)
    radius : int
        Pixels up to this number of rows and columns away are averaged; 0 for none.
    tolerance : float
        The weight of a pixel falls to 1 / e at this squared distance of features, in units of the
        median between neighbours.
    rounds : int
        How often; each round compares the smoothed features.

    Returns
    -------
    torch.Tensor of float32, shape (F, H, W)
        0 at invalid pixels.
    """
    weight = valid.to(maps)
    reach = 2 * (radius / 1.5) ** 2
    for _ in range(rounds if radius else 0):
        scale = tolerance * _neighbour_distance(maps, valid).clamp_min(_TINY)
        total, weights = maps.clone(), weight.clone()
        for down in range(radius + 1):
            for right in range(-radius if down else 1, radius + 1):
                one, other = partners(maps.shape[1:], down, right)
                squared = (maps[one] - maps[other]).square().sum(dim=0)
                near = math.exp(-(down**2 + right**2) / reach)
                shared = near * torch.exp(-squared / scale) * weight[one[1:]] * weight[other[1:]]
                total[one] += shared * maps[other]
                total[other] += shared * maps[one]
                weights[one[1:]] += shared
                weights[other[1:]] += shared
        maps = total / weights.clamp_min(_TINY)
    return maps


Window = tuple[slice, slice, slice]


def partners(shape: torch.Size, down: int, right: int) -> tuple[Window, Window]:
    """Return the windows of all pixels with a partner so far down and right, and of the partners.

    `right` may be negative.
    """
    height, width = shape
    rows = slice(0, max(0, height - down)), slice(min(down, height), height)
    cols = slice(0, max(0, width - abs(right))), slice(min(abs(right), width), width)
    left, far = cols if right >= 0 else cols[::-1]
    every = slice(None)
    return (every, rows[0], left), (every, rows[1], far)


def _neighbour_distance(maps: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Return the median squared distance of valid neighbours; 0 if there are none."""
    found = []
    for down, right in ((0, 1), (1, 0)):
        one, other = partners(maps.shape[1:], down, right)
        both = valid[one[1:]] & valid[other[1:]]
        found.append((maps[one] - maps[other]).square().sum(dim=0)[both])
    distances = torch.cat(found)
    return distances.median() if len(distances) else distances.new_zeros(())
