"""SAM 2.1 as a backbone for the adapters, a design of hsizoo.

Medical SAM Adapter was designed for the first SAM.  Here its adapters are inserted into SAM 2.1 in
the corresponding places: a space adapter after the attention of each Hiera block, before windows
are merged (and, between stages, before the pooling of queries is undone); an MLP adapter in
parallel to the MLP.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from hsizoo_sam2 import Sam2Network, build_network
from torch import nn

from hsizoo.errors import OptionError
from hsizoo_medsam.frame import StretchedFrame
from hsizoo_medsam.recompute import Features
from hsizoo_medsam.sam import autocast

__all__ = ["Sam2", "build_sam2"]

_LEVELS = ("stride4", "stride8", "stride16")


class Sam2(nn.Module):
    """The image model of SAM 2.1 with the interface of `hsizoo_medsam.sam.Sam`.

    Parameters
    ----------
    network : Sam2Network
        The encoder is copied, as other components share it and must not get the adapters.
    dtype : torch.dtype
        Precision of encoder and decoder.
    """

    def __init__(self, network: Sam2Network, dtype: torch.dtype) -> None:
        super().__init__()
        network.image_encoder = copy.deepcopy(network.image_encoder)
        network.precision = str(dtype).removeprefix("torch.")
        self.network = network
        self.dtype = dtype
        self.image_size = network.image_size

    @property
    def blocks(self) -> Iterator[nn.Module]:
        """Blocks of the image encoder, where adapters are inserted."""
        return iter(self.network.get_submodule("image_encoder.trunk.blocks").children())

    @property
    def decoder(self) -> nn.Module:
        """The mask decoder, including its convolutions of fine features."""
        return self.network.get_submodule("sam_mask_decoder")

    def frame(self, height: int, width: int) -> StretchedFrame:
        """Return the geometry of an image of this size."""
        return StretchedFrame(height, width, self.image_size)

    def encode(self, image: torch.Tensor) -> Features:
        """Encode an (H, W, 3) uint8 image, up to the first layer of the decoder."""
        inputs = self.network.preprocess(image)
        with autocast(image.device, self.dtype):
            levels = self.network.image_encoder(inputs)["backbone_fpn"]
        return tuple(levels)

    def project(self, features: Features) -> Any:
        """Compute the decoder inputs that objects share."""
        return self.network.project(dict(zip(_LEVELS, features, strict=True)))

    def decode(self, projection: Any, points: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Decode N objects; return logits (N, image_size / 4, image_size / 4)."""
        with autocast(points.device, torch.float32):  # the network sets its own for the decoder
            logits, _ = self.network.decode(projection, points, labels, masks="single")
        return logits[:, 0]


def build_sam2(size: str, checkpoint: str, image_size: int | None, dtype: torch.dtype) -> Sam2:
    """Build a backbone on the CPU.

    Raises
    ------
    OptionError
        If `image_size` is not that of this size of SAM 2.1.
    """
    model = Sam2(build_network(size, checkpoint, precision="float32"), dtype)
    if image_size not in (None, model.image_size):
        raise OptionError(
            f"image_size={image_size}: SAM 2.1 {size} needs {model.image_size}; or omit image_size"
        )
    return model
