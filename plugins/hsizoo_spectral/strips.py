"""Scorers that process cubes too large for memory strip by strip.

A prepared cube is as large as the cube itself.  If that exceeds
`hsizoo.io.limits.memory_limit` (``HSIZOO_MEMORY_GB``), only the statistics of the scene are kept,
and each call of `score` reads the cube again, some rows at a time; a memory map is never fully
loaded.  A click then costs a pass over the cube.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

import hsizoo
from hsizoo.arrays import strips
from hsizoo.errors import DataError
from hsizoo.io.limits import memory_limit, size_text
from hsizoo_spectral.spectra import reference_matrix, require_valid

__all__ = ["LargeImage", "StripScorer", "require_memory"]


@dataclass(frozen=True, eq=False)
class LargeImage:
    """A cube for which only the statistics are prepared.

    Parameters
    ----------
    cube : HyperCube
    statistics : object
        Result of `StripScorer.statistics`.
    """

    cube: hsizoo.HyperCube
    statistics: Any

    def parts(self) -> Iterator[tuple[slice, hsizoo.HyperCube]]:
        """Yield the rows of each strip of the cube, and the strip as a cube in memory."""
        for rows in strips(self.cube.data):
            values = np.array(self.cube.data[rows], dtype=np.float32, order="C")
            yield rows, hsizoo.HyperCube(values, name=self.cube.name)


class StripScorer(hsizoo.SpectralScorer):
    """A scorer that uses only a pixel's spectrum and statistics of the scene.

    Attributes
    ----------
    copies : int
        Size of the prepared data, in multiples of the cube.
    """

    copies: ClassVar[int] = 1
    _device: torch.device

    def statistics(self, cube: hsizoo.HyperCube) -> Any:
        """Compute, in blocks, scene statistics that all scores depend on; None if not needed."""
        return None

    @abstractmethod
    def prepare_part(self, cube: hsizoo.HyperCube, statistics: Any) -> Any:
        """Prepare a cube or a strip of one, possibly without valid pixels."""

    @abstractmethod
    def score_part(self, prepared: Any, references: npt.NDArray[np.float32]) -> torch.Tensor:
        """Score the pixels of a result of `prepare_part`; see `score`."""

    def prepare(self, cube: hsizoo.HyperCube) -> Any:
        """Prepare a cube, or only its statistics if the whole would take too much memory.

        Parameters
        ----------
        cube : HyperCube

        Returns
        -------
        object
            Result of `prepare_part`, or a `LargeImage`.

        Raises
        ------
        DataError
            If no pixel is valid.
        """
        require_valid(cube)
        statistics = self.statistics(cube)
        if self.copies * cube.data.nbytes > memory_limit():
            return LargeImage(cube, statistics)
        return self.prepare_part(cube, statistics)

    def score(self, prepared: Any, references: npt.NDArray[np.float32]) -> torch.Tensor:
        """Score all pixels against each reference.

        Parameters
        ----------
        prepared : object
            Result of `prepare`.
        references : ndarray of float32, shape (N, B)

        Returns
        -------
        torch.Tensor of float32, shape (N, H, W)
            See `score_part`.

        Raises
        ------
        DataError
            If the number of bands of the references differs from that of the cube.
        """
        if not isinstance(prepared, LargeImage):
            return self.score_part(prepared, references)
        height, width, bands = prepared.cube.shape
        number = len(reference_matrix(references, bands, torch.device("cpu")))
        maps = torch.empty((number, height, width), device=self._device)
        for rows, strip in prepared.parts():
            part = self.prepare_part(strip, prepared.statistics)
            maps[:, rows] = self.score_part(part, references)
        return maps


def require_memory(cube: hsizoo.HyperCube, per_pixel: int, who: str) -> None:
    """Raise `DataError` if a method would need too much memory for this cube.

    Parameters
    ----------
    cube : HyperCube
    per_pixel : int
        Bytes that the method needs per pixel.
    who : str
        Name of the method in the message.
    """
    height, width, _ = cube.shape
    needed, limit = height * width * per_pixel, memory_limit()
    if needed > limit:
        raise DataError(
            f"{cube.name}: {who} takes about {size_text(needed)} for {height} × {width} pixels; at "
            f"most {size_text(limit)} are allowed.  sa, sa-eq, pcc, sid, ace and matched-filter "
            "score a cube of any size; or raise the limit: HSIZOO_MEMORY_GB"
        )
