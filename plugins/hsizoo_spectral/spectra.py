"""Shared by all scorers of this package: conversion of a cube to rows of spectra on a device.

Computations done once per image (norms, means, covariances) use float64, block by block, so that no
second copy of the cube is held in memory; the data kept for scoring is float32.  Apple's MPS has no
float64: there the once-per-image computations run on the CPU, and only the float32 result is moved
to the device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

import hsizoo
from hsizoo.arrays import release
from hsizoo.errors import DataError, OptionError

__all__ = [
    "SpectralMatrix",
    "block_length",
    "blocks",
    "has_float64",
    "reference_matrix",
    "require_valid",
    "rounding",
    "torch_device",
    "transform",
    "working_device",
]

_CPU_BLOCK = 2**21
"""Values per block on a CPU: 16 MiB of float64, the fastest from 2 to 256 MiB.  Larger blocks
exceed the last-level cache; smaller ones start threads so often that a busy machine stalls them."""

_ACCELERATOR_BLOCK = 2**25
"""Values per block on other devices: 256 MiB of float64, enough to keep a GPU busy."""

rounding = 1e-12
"""Relative size below which a float64 difference of float32 values is a rounding error."""


@dataclass(frozen=True, eq=False)
class SpectralMatrix:
    """One row of float32 numbers per pixel, derived from its spectrum.

    Parameters
    ----------
    rows : torch.Tensor of float32, shape (H * W, B)
        On the scorer's device; finite, 0 at invalid pixels.
    height, width : int
        Size of the image in pixels.
    """

    rows: torch.Tensor
    height: int
    width: int

    @property
    def bands(self) -> int:
        """Number of bands, B."""
        return self.rows.shape[1]

    def image(self, scores: torch.Tensor) -> torch.Tensor:
        """View scores of shape (N, H * W) as (N, H, W)."""
        return scores.reshape(-1, self.height, self.width)


def torch_device(name: str) -> torch.device:
    """Parse a torch device string such as ``"cpu"``, ``"cuda:0"`` or ``"mps"``.

    Raises
    ------
    OptionError
        If torch does not support such a device.
    """
    try:
        return torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise OptionError(
            f"device={name!r} is not a torch device; use 'cpu', 'cuda', 'cuda:<number>' or 'mps'"
        ) from error


def has_float64(device: torch.device) -> bool:
    """Whether a device supports float64."""
    return device.type != "mps"


def working_device(device: torch.device) -> torch.device:
    """Return the device for float64 computations: `device`, or the CPU if it has no float64."""
    return device if has_float64(device) else torch.device("cpu")


def block_length(values: int, device: torch.device) -> int:
    """Return the number of items per block, with `values` float64 values each; at least 1."""
    return max(1, (_CPU_BLOCK if device.type == "cpu" else _ACCELERATOR_BLOCK) // max(1, values))


def require_valid(cube: hsizoo.HyperCube) -> None:
    """Raise `DataError` if no pixel of a cube has a finite spectrum."""
    if not cube.valid.any():
        raise DataError(
            f"{cube.name}: none of the {cube.shape[0]} × {cube.shape[1]} pixels has a finite "
            "spectrum; remove the bands that are NaN or infinite everywhere"
        )


def blocks(
    cube: hsizoo.HyperCube, device: torch.device
) -> Iterator[tuple[slice, torch.Tensor, torch.Tensor]]:
    """Iterate over the spectra of a cube in row-major order.

    Parameters
    ----------
    cube : HyperCube
        May be a memory map, in any memory order: it is never fully loaded.
    device : torch.device
        Device of the blocks; must support float64.

    Yields
    ------
    pixels : slice
        Range of pixels in the flattened image.
    spectra : torch.Tensor of float64, shape (n, B)
        Copy of their spectra; 0 at invalid pixels.
    valid : torch.Tensor of bool, shape (n,)
    """
    height, width, bands = cube.shape
    length = block_length(bands, device)
    rows, columns = max(1, length // width), min(width, length)
    for top in range(0, height, rows):
        release(cube.data)
        for left in range(0, width, columns):  # more than one step only if rows == 1
            window = (slice(top, top + rows), slice(left, left + columns))
            spectra = np.array(cube.data[window], dtype=np.float32, order="C").reshape(-1, bands)
            valid = np.array(cube.valid[window]).reshape(-1)
            spectra[~valid] = 0
            start = top * width + left
            yield (
                slice(start, start + len(spectra)),
                torch.from_numpy(spectra).to(device).double(),
                torch.from_numpy(valid).to(device),
            )


def transform(
    cube: hsizoo.HyperCube,
    device: torch.device,
    function: Callable[[torch.Tensor], torch.Tensor],
    columns: int | None = None,
) -> SpectralMatrix:
    """Apply a function to the spectra of a cube, block by block.

    Parameters
    ----------
    cube : HyperCube
    device : torch.device
        Device of the result.
    function : callable
        Maps (n, B) float64 spectra, 0 at invalid pixels, to (n, `columns`) float64 rows.  It may
        modify its argument.
    columns : int, optional
        Length of a row.  Default: the number of bands.

    Returns
    -------
    SpectralMatrix
    """
    height, width, bands = cube.shape
    size = (height * width, bands if columns is None else columns)
    rows = torch.empty(size, dtype=torch.float32, device=device)
    for pixels, spectra, _ in blocks(cube, working_device(device)):
        rows[pixels] = function(spectra).to(device=device, dtype=torch.float32)
    return SpectralMatrix(rows, height, width)


def reference_matrix(
    references: npt.NDArray[np.float32], bands: int, device: torch.device
) -> torch.Tensor:
    """Convert reference spectra to a float64 matrix on a device.

    Parameters
    ----------
    references : ndarray, shape (N, B)
    bands : int
        Number of bands of the prepared cube.
    device : torch.device
        Device of the result; must support float64.

    Returns
    -------
    torch.Tensor of float64, shape (N, B)

    Raises
    ------
    DataError
        If the shape is not (N, `bands`).
    """
    array = np.array(references, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != bands:
        given = f"{array.shape[1]} bands" if array.ndim == 2 else f"shape {array.shape}"
        raise DataError(
            f"references must be (N, {bands}) as the cube has {bands} bands; got {given}"
        )
    return torch.from_numpy(array).to(device)
