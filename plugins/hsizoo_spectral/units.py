"""Unit vectors of spectra, and comparisons of them that resolve small differences.

A float32 dot product does not resolve cosines nearer to 1 than 1e-7, and neighbouring pixels of one
material are often closer than that.  Vectors are therefore compared by chords.

On a CPU a float32 product finds them for all vectors: ``|u|^2 + |v|^2 - 2 u v`` is the squared
chord.  A shift of both vectors does not change it, so all are stored relative to the
image's mean, which makes these terms small, and with them the rounding errors.  Chords too short
for the rest of the error are computed again, from differences, which are exact to float32 rounding.

On a GPU, where to select pixels makes the host wait, a single vector is compared by differences,
and several by cosines, from a float64 product in blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch

import hsizoo
from hsizoo_spectral.products import product
from hsizoo_spectral.spectra import SpectralMatrix, block_length, has_float64, transform

__all__ = ["UnitSpectra", "by_chords", "chords", "cosines", "unit_spectra"]

_FAR_CHORD = 1.9
"""Chord above which the distance to the antipode is the more precise one."""

_VECTORS_AT_ONCE = 16
"""More take more memory than they save time."""

_BANDS_AT_ONCE = 128
"""Terms per float32 product: shorter sums have smaller rounding errors."""

_TOO_SHORT = 0.5
"""Chords shorter than this times ``|u|^2 + |v|^2`` are computed again.  The product's error, in the
squared chord, is below 1e-6 times the same sum: all other chords are exact to 1e-6."""


@dataclass(frozen=True, eq=False)
class UnitSpectra(SpectralMatrix):
    """Unit vectors.

    Parameters
    ----------
    rows : torch.Tensor of float32, shape (H * W, B)
        Vectors of norm 1, minus `centre`.
    height, width : int
        Size of the image in pixels.
    centre : torch.Tensor of float32, shape (B,)
        Mean of the vectors.
    norms : torch.Tensor of float64 (float32 on MPS), shape (H * W,)
        Norms of the vectors after rounding to float32, close to 1; exactly 0 where the spectrum has
        no unit vector or is invalid.
    sizes : torch.Tensor of float32, shape (H * W,)
        Squared norms of `rows`.
    """

    centre: torch.Tensor
    norms: torch.Tensor
    sizes: torch.Tensor

    @cached_property
    def without(self) -> torch.Tensor | None:
        """Where there is no unit vector, bool of shape (H * W,); on a CPU None if nowhere."""
        nowhere = self.norms == 0
        return None if nowhere.device.type == "cpu" and not nowhere.any() else nowhere

    def shifted(self, units: torch.Tensor) -> torch.Tensor:
        """Convert unit vectors (N, B) to the form of `rows`."""
        vectors = units.to(device=self.rows.device, dtype=torch.float32)
        return vectors - self.centre


def unit_spectra(
    cube: hsizoo.HyperCube,
    device: torch.device,
    function: Callable[[torch.Tensor], torch.Tensor],
) -> UnitSpectra:
    """Convert spectra to unit vectors, 0 where there is none.

    See `hsizoo_spectral.spectra.transform`.
    """
    units = transform(cube, device, function)
    precision = torch.float64 if has_float64(device) else torch.float32
    norms = torch.linalg.vector_norm(units.rows, dim=1, dtype=precision)
    centre = units.rows.sum(dim=0) / norms.count_nonzero().clamp_(min=1)
    rows = units.rows.sub_(centre)
    sizes = torch.linalg.vector_norm(rows, dim=1, dtype=precision).square_().float()
    return UnitSpectra(rows, units.height, units.width, centre, norms, sizes)


def by_chords(count: int, device: torch.device) -> bool:
    """Whether to compare `count` vectors by `chords`, rather than by `cosines`."""
    return count == 1 or device.type == "cpu" or not has_float64(device)


def chords(
    prepared: UnitSpectra, units: torch.Tensor
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Yield the distances of each unit vector (N, B) to all of an image's.

    Yields
    ------
    chord : Tensor, shape (H * W,)
    far : Tensor of int64, shape (m,)
        Indices of the nearly opposite vectors.
    opposite : Tensor, shape (m,)
        Distances of those to the antipode.
    """
    vectors = prepared.shifted(units)
    # Other settings of this precision, for the whole of torch, make products of bfloat16 or TF32.
    exact = torch.get_float32_matmul_precision() == "highest"
    fast = exact and vectors.device.type == "cpu"
    found = (_products if fast else _exact)(prepared, vectors)
    for vector, chord in zip(vectors, found, strict=True):
        # No branch for these pixels, which are rare.
        (far,) = torch.nonzero(chord > _FAR_CHORD, as_tuple=True)
        antipode = -vector - 2 * prepared.centre
        yield chord, far, torch.linalg.vector_norm(prepared.rows[far] - antipode, dim=1)


def _exact(prepared: UnitSpectra, vectors: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the distances of each of the vectors (N, B) to an image's, one after another."""
    for vector in vectors:
        yield _distances(vector, prepared.rows)


def _distances(vector: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return the distances of a vector (B,) to others (n, B)."""
    # This mode sums squared differences; the default matrix product suffers from cancellation.
    return torch.cdist(vector[None], rows, compute_mode="donot_use_mm_for_euclid_dist")[0]


def _products(prepared: UnitSpectra, vectors: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the distances of each of the vectors (N, B) to an image's, by matrix products."""
    first, *others = (
        slice(n, n + _BANDS_AT_ONCE) for n in range(0, prepared.bands, _BANDS_AT_ONCE)
    )
    for batch in vectors.split(_VECTORS_AT_ONCE):
        wanted = (-2 * batch).T
        if len(batch) == 1:
            products = product(prepared.rows, wanted[:, 0])[:, None]
        else:
            with torch.autocast(batch.device.type, enabled=False):
                products = prepared.rows[:, first] @ wanted[first]  # (n, N) is the fastest order
                for bands in others:
                    products.addmm_(prepared.rows[:, bands], wanted[bands])
        for vector, squares in zip(batch, products.T.contiguous(), strict=True):
            scale = prepared.sizes + vector.square().sum()
            chord = squares.add_(scale).clamp_(min=0).sqrt_()
            (short,) = torch.nonzero(chord < scale.mul_(_TOO_SHORT), as_tuple=True)
            if 4 * len(short) > len(chord):  # to gather so many rows would take more time
                chord = _distances(vector, prepared.rows)
            else:
                chord[short] = _distances(vector, prepared.rows[short])
            yield chord


def cosines(prepared: UnitSpectra, units: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yield the float64 cosines (N, n) of unit vectors (N, B) with blocks of an image's."""
    pixels, bands = prepared.rows.shape
    norms = prepared.norms.masked_fill(prepared.norms == 0, 1)
    shift = (units @ prepared.centre.to(units))[:, None]
    length = min(pixels, block_length(bands, prepared.rows.device))
    buffer = units.new_empty((length, bands))
    for start in range(0, pixels, length):
        part = slice(start, min(start + length, pixels))
        spectra = buffer[: part.stop - start].copy_(prepared.rows[part])
        yield part, torch.addmm(shift, units, spectra.T).div_(norms[part]).clamp_(-1, 1)
