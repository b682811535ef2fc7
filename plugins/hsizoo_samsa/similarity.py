"""Similarity maps for SAMSA, from any registered scorer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import hsizoo

__all__ = ["OpenedImage", "Similarity"]

_CACHE_BYTES = 16 * 2**20  # for combined maps per image, in addition to SAM's features


@dataclass(eq=False)
class OpenedImage:
    """An opened image: the states of SAM and of the scorer."""

    sam: Any
    spectral: Any


class Similarity:
    """Compute similarity maps of objects in [0, 1], combined over their clicks.

    Parameters
    ----------
    scorer : str
        Name of a scorer, optionally with options.
    device : str
    """

    def __init__(self, scorer: str, device: str) -> None:
        self.scorer = scorer
        self._segmenter = hsizoo.create(scorer, kind="segmenter", device=device)
        self._segmenter.cache_bytes = _CACHE_BYTES
        self._device = device

    def ask(self, segmenter: hsizoo.InteractiveSegmenter) -> None:
        """Ask this segmenter from now on; it must answer as the scorer does."""
        self._segmenter = segmenter

    @property
    def min_bands(self) -> int:
        """Minimum number of bands that the scorer needs."""
        scorer = getattr(self._segmenter, "scorer", self._segmenter)
        bands: int = scorer.min_bands
        return bands

    def open(self, cube: hsizoo.HyperCube) -> Any:
        """Prepare the scorer for a cube."""
        with torch.inference_mode(False), torch.no_grad():  # as for SAM's features
            return self._segmenter.open(cube)

    def maps(self, state: Any, prompts: Sequence[hsizoo.Clicks]) -> torch.Tensor:
        """Return the maps (N, H, W), without gradients."""
        with torch.inference_mode(False), torch.no_grad():
            return torch.as_tensor(self._segmenter.predict(state, prompts)).to(self._device)

    def box_maps(self, state: Any, boxes: npt.NDArray[np.int64]) -> torch.Tensor:
        """Return the maps (N, H, W) of the mean spectra in boxes, without gradients."""
        with torch.inference_mode(False), torch.no_grad():
            return torch.as_tensor(self._segmenter.predict_boxes(state, boxes)).to(self._device)
