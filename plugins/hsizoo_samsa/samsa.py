"""SAMSA, late fusion: a small head combines the similarity map with SAM 2.1's output.

SAMSA, arXiv:2507.23673, introduces the spectral features late in the architecture; the layer is
not published.  The head here is **hsizoo's stand-in**, not the authors' layer, and results must
be labelled as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from hsizoo_sam2 import Sam21FineTuned
from torch import nn

import hsizoo
from hsizoo_samsa.options import SamsaOptions
from hsizoo_samsa.similarity import OpenedImage, Similarity

__all__ = ["FusionHead", "Samsa"]

_LOGIT_SCALE = 10.0  # scales SAM's logits to the range of the map


class FusionHead(nn.Module):
    """SAM's logits plus a correction computed from the logits and the similarity map.

    The correction is zero before training, so an untrained head returns SAM's logits.

    Parameters
    ----------
    channels : int
        Number of channels between the two convolutions.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, channels, 3, padding=1), nn.GELU(), nn.Conv2d(channels, 1, 1)
        )
        last = self.layers[2]
        nn.init.zeros_(last.weight)  # type: ignore[arg-type]
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(self, logits: torch.Tensor, similarity: torch.Tensor) -> torch.Tensor:
        """Fuse (N, H, W) logits and (N, H, W) similarity in [0, 1] into (N, H, W) logits."""
        both = torch.stack([logits / _LOGIT_SCALE, 2 * similarity - 1], dim=1)
        correction: torch.Tensor = self.layers(both)[:, 0]
        return logits + _LOGIT_SCALE * correction


class Samsa(Sam21FineTuned):
    """SAM 2.1 prompted by clicks, with late fusion of their similarity map.

    The fusion head is a stand-in for the unpublished layer of SAMSA.  Prompt encoder, mask decoder
    and head are trained (the first two "as in the original SAMSA", SAMSA 2.0, section 3.4).

    Parameters
    ----------
    device : str, default "cpu"
        Torch device.
    **options
        See `hsizoo_samsa.options.SamsaOptions`.
    """

    Options: ClassVar = SamsaOptions
    options: SamsaOptions

    def __init__(self, *, device: str = "cpu", **options: Any) -> None:
        super().__init__(device=device, **options)
        self.similarity = Similarity(self.options.scorer, device)
        self.min_bands = self.similarity.min_bands
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)  # torch.manual_seed would seed GPUs too
            self.fusion = FusionHead(self.options.channels).to(device)

    def _parts(self) -> dict[str, nn.Module]:
        return {**super()._parts(), "fusion": self.fusion}

    def open(self, cube: hsizoo.HyperCube) -> OpenedImage:  # type: ignore[override]
        """Encode the image and prepare the scorer.

        Raises
        ------
        DataError
            If the cube lacks the bands or wavelengths that the scorer or the pseudo-RGB policy
            needs.
        """
        return OpenedImage(super().open(cube), self.similarity.open(cube))

    def describe(self, state: OpenedImage) -> dict[str, Any]:  # type: ignore[override]
        """Return how the pseudo-RGB image was made, and the precision of SAM 2.1."""
        return super().describe(state.sam)

    def _logits(self, state: OpenedImage, prompts: Sequence[hsizoo.Clicks]) -> torch.Tensor:  # type: ignore[override]
        logits = self._upsample(state.sam, self._decode(state.sam, prompts))
        return self.fuse(state, logits, prompts) if prompts else logits

    def _box_logits(self, state: OpenedImage, boxes: npt.NDArray[np.int64]) -> torch.Tensor:
        logits = super()._box_logits(state.sam, boxes)
        fused: torch.Tensor = self.fusion(logits, self.similarity.box_maps(state.spectral, boxes))
        return fused

    def fuse(
        self, state: OpenedImage, logits: torch.Tensor, prompts: Sequence[hsizoo.Clicks]
    ) -> torch.Tensor:
        """Fuse the decoder's logits (N, H, W) with the similarity map."""
        fused: torch.Tensor = self.fusion(logits, self.similarity.maps(state.spectral, prompts))
        return fused
