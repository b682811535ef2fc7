"""Unit vectors of spectra, and comparisons of them that resolve small differences.

A float32 dot product does not resolve cosines nearer to 1 than 1e-7, and neighbouring pixels of one
material are often closer than that.  A single vector is therefore compared by chords, which are
exact to float32 rounding and take one pass over the spectra; several by a float64 matrix product in
cache-sized blocks, whose cost grows much more slowly with their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

import hsizoo
from hsizoo_spectral.spectra import SpectralMatrix, block_length, has_float64, transform

__all__ = ["UnitSpectra", "chords", "cosines", "unit_spectra"]

_FAR_CHORD = 1.9
"""Chord above which the distance to the antipode is the more precise one."""


@dataclass(frozen=True, eq=False)
class UnitSpectra(SpectralMatrix):
    """Unit vectors.

    Parameters
    ----------
    rows : torch.Tensor of float32, shape (H * W, B)
        Vectors of norm 1; 0 where the spectrum has none or is invalid.
    height, width : int
        Size of the image in pixels.
    norms : torch.Tensor of float64 (float32 on MPS), shape (H * W,)
        Norms of `rows` after rounding to float32, close to 1; exactly 0 where the row is 0.
    """

    norms: torch.Tensor


def unit_spectra(
    cube: hsizoo.HyperCube,
    device: torch.device,
    function: Callable[[torch.Tensor], torch.Tensor],
) -> UnitSpectra:
    """Convert spectra to unit vectors; see `hsizoo_spectral.spectra.transform`."""
    units = transform(cube, device, function)
    precision = torch.float64 if has_float64(device) else torch.float32
    norms = torch.linalg.vector_norm(units.rows, dim=1, dtype=precision)
    return UnitSpectra(units.rows, units.height, units.width, norms)


def chords(
    vector: torch.Tensor, rows: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the distances of a unit vector (B,) to others (n, B).

    Returns
    -------
    chord : Tensor, shape (n,)
    far : Tensor of int64, shape (m,)
        Indices of the nearly opposite vectors.
    opposite : Tensor, shape (m,)
        Distances of those to the antipode.
    """
    # This mode sums squared differences; the default matrix product suffers from cancellation.
    mode = "donot_use_mm_for_euclid_dist"
    chord = torch.cdist(vector[None], rows, compute_mode=mode)[0]
    # No branch for these pixels, which are rare.
    (far,) = torch.nonzero(chord > _FAR_CHORD, as_tuple=True)
    return chord, far, torch.linalg.vector_norm(rows[far] + vector, dim=1)


def cosines(prepared: UnitSpectra, units: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yield the float64 cosines (N, n) of unit vectors (N, B) with blocks of an image's."""
    pixels, bands = prepared.rows.shape
    norms = prepared.norms.masked_fill(prepared.norms == 0, 1)
    length = min(pixels, block_length(bands, prepared.rows.device))
    buffer = units.new_empty((length, bands))
    for start in range(0, pixels, length):
        part = slice(start, min(start + length, pixels))
        spectra = buffer[: part.stop - start].copy_(prepared.rows[part])
        yield part, torch.mm(units, spectra.T).div_(norms[part]).clamp_(-1, 1)
