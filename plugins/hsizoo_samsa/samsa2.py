"""SAMSA 2.0: the similarity map enters SAM 2.1's prompt encoder from the start.

SAMSA 2.0, arXiv:2508.00493, section 3.4: the equalised similarity map is "resized to match the
resolution of the pseudo-RGB image and concatenated channel-wise", the result "is passed to the
SAM2.1 prompt encoder", and prompt encoder and mask decoder are trained.  The only image input of
SAM's prompt encoder is the mask prompt, one channel at a quarter of the input's side.  The text
therefore has two faithful readings; both are implemented.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from hsizoo_sam2 import Sam21FineTuned, Sam21Image, resize
from torch import nn
from torch.nn.utils import skip_init

import hsizoo
from hsizoo_samsa.options import Samsa2Options
from hsizoo_samsa.similarity import OpenedImage, Similarity

__all__ = ["Samsa2"]


class Samsa2(Sam21FineTuned):
    """SAM 2.1 prompted by clicks and by their similarity map.

    Parameters
    ----------
    device : str, default "cpu"
        Torch device.
    **options
        See `hsizoo_samsa.options.Samsa2Options`.

    Notes
    -----
    Image encodings are shared with SAM 2.1 and SAMSA of the same size.
    """

    Options: ClassVar = Samsa2Options
    options: Samsa2Options

    def __init__(self, *, device: str = "cpu", **options: Any) -> None:
        super().__init__(device=device, **options)
        self.similarity = Similarity(self.options.scorer, device)
        self.min_bands = self.similarity.min_bands
        if self.options.injection == "concat4":
            layers = self.network.sam_prompt_encoder.mask_downscaling
            layers[0] = _widened(layers[0])

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
        dense = self.mask_prompts(state, prompts) if prompts else None
        return self._upsample(state.sam, self._decode(state.sam, prompts, dense))

    def mask_prompts(self, state: OpenedImage, prompts: Sequence[hsizoo.Clicks]) -> torch.Tensor:
        """Return mask prompts (N, 1 or 4, mask_size, mask_size)."""
        return self._as_prompts(state, self.similarity.maps(state.spectral, prompts))

    def _box_logits(self, state: OpenedImage, boxes: npt.NDArray[np.int64]) -> torch.Tensor:
        dense = self._as_prompts(state, self.similarity.box_maps(state.spectral, boxes))
        return self._upsample(state.sam, self._decode_boxes(state.sam, boxes, dense))

    def _as_prompts(self, state: OpenedImage, maps: torch.Tensor) -> torch.Tensor:
        """Convert similarity maps (N, H, W) to mask prompts."""
        maps = resize(maps[:, None], self.network.mask_size)
        signed = 2 * maps - 1 if self.options.prompt_form == "signed" else maps
        scaled = signed * self.options.prompt_scale
        if self.options.injection == "mask-prompt":
            return scaled
        sam: Sam21Image = state.sam
        return torch.cat([sam.small.expand(len(maps), -1, -1, -1), scaled], dim=1)


def _widened(layer: nn.Conv2d) -> nn.Conv2d:
    """Add zero-weighted RGB input channels before the one channel of a convolution."""
    wide = skip_init(  # initialisation would use random numbers of the training's generator
        nn.Conv2d,
        4,
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        device=layer.weight.device,
    )
    assert isinstance(wide, nn.Conv2d)
    assert wide.bias is not None
    assert layer.bias is not None
    with torch.no_grad():
        wide.weight[:, :3].zero_()
        wide.weight[:, 3:].copy_(layer.weight)
        wide.bias.copy_(layer.bias)
    return wide
