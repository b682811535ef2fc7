"""`PromptedNetwork`: what every SAM here offers, whatever encodes its images.

``encode`` is the frozen part; its output depends on nothing trainable and is stored in the
embedding cache.  ``project`` and ``decode`` are the rest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from hsizoo.errors import OptionError
from hsizoo_sam2.attending import first_projections
from hsizoo_sam2.decoding import (
    Decoded,
    Masks,
    Projection,
    Prompts,
    begin_decoding,
    decode_masks,
)
from hsizoo_sam2.dense_prompt import encode_masks

__all__ = ["PromptedNetwork", "working_precision"]

_BOX_CORNERS = (2, 3)  # sam2's labels for the two corners of a box


class PromptedNetwork(nn.Module, ABC):
    """A SAM split into a frozen encoder, a projection for the decoder, and what prompts need.

    Attributes
    ----------
    image_size : int
        Side of the square input in pixels.
    mask_size : int
        Side of mask prompts and of the decoder's masks, in pixels.
    precision : str
        "float32", "bfloat16" or "float16".
    pretrained : bool
        Whether the weights come from a file.
    encoder_digest : str
        SHA-256 of the encoder's weights.
    sam_prompt_encoder, sam_mask_decoder : Module
        Of sam2, also for the first SAM.
    """

    image_size: int
    mask_size: int
    precision: str
    pretrained: bool
    encoder_digest: str
    sam_prompt_encoder: Any
    sam_mask_decoder: Any

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Device of the weights."""

    @property
    @abstractmethod
    def projecting(self) -> dict[str, torch.Tensor]:
        """Weights and buffers that `project` uses."""

    @abstractmethod
    def covered(self, height: int, width: int) -> tuple[int, int]:
        """Return how many rows and columns of the input an image of this size covers."""

    @abstractmethod
    def preprocess(self, image: torch.Tensor) -> torch.Tensor:
        """Convert an image (H, W, 3), uint8, to the normalised input (1, 3, S, S)."""

    @abstractmethod
    def encode(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Compute the features that depend on nothing trainable, without recording gradients."""

    @abstractmethod
    def project(self, features: dict[str, torch.Tensor]) -> Projection:
        """Project features for the decoder, differentiably if gradients are enabled."""

    def attach(self, kept: Projection, features: dict[str, torch.Tensor]) -> Projection:
        """Return what `project` would, with gradients enabled, given the same without gradients.

        Projects again; a class overrides this where that takes time.
        """
        return self.project(features)

    @abstractmethod
    def restore(self, maps: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Resize maps of the whole input, (N, C, h, w), to the image, (N, C, H, W)."""

    @property
    def first_layer(self) -> dict[str, torch.Tensor]:
        """Weights that `keep` uses."""
        layer = self.sam_mask_decoder.transformer.layers[0]
        parts = {
            "k_proj": layer.cross_attn_token_to_image.k_proj,
            "v_proj": layer.cross_attn_token_to_image.v_proj,
            "q_proj": layer.cross_attn_image_to_token.q_proj,
        }
        return {
            f"{part}.{name}": each
            for part, module in parts.items()
            for name, each in module.named_parameters()
        }

    def keep(self, projection: Projection) -> Projection:
        """Add what the decoder's first layer makes of an image, where that saves time."""
        with self.autocast():
            first = first_projections(
                self.sam_mask_decoder.transformer, projection.tokens, projection.position
            )
        return replace(projection, first=first)

    def decode(
        self,
        projection: Projection,
        points: torch.Tensor,
        labels: torch.Tensor,
        dense: torch.Tensor | None = None,
        *,
        masks: Masks = "all",
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode N objects with the same number P of points.

        Parameters
        ----------
        projection : Projection
        points : Tensor of float32, shape (N, P, 2)
            (x, y) in pixels of the S × S input; the prompt encoder adds half a pixel.
        labels : Tensor, shape (N, P)
            1 positive, 0 negative.
        dense : Tensor of float32, shape (N, C, mask_size, mask_size), optional
            Mask prompts; C is 1 in SAM.
        masks : {"all", "single", "best"}, default "all"
            Masks to return; M is 4 or 1.

        Returns
        -------
        logits : Tensor of float32, shape (N, M, mask_size, mask_size)
            The single mask, then the three of an ambiguous prompt; or the wanted one of them.
        quality : Tensor of float32, shape (N, 4)
            Predicted IoU of each mask.
        """
        prompts = self.encode_prompts(points, labels, dense)
        decoded = self.decode_prompts(projection, prompts, masks=masks)
        return decoded.logits, decoded.quality

    def encode_prompts(
        self, points: torch.Tensor, labels: torch.Tensor, masks: torch.Tensor | None = None
    ) -> Prompts:
        """Encode prompts (see `decode`) for use with any image."""
        # Always in float32: positions in bfloat16 are off by several pixels.
        sparse, _ = self.sam_prompt_encoder(points=(points, labels), boxes=None, masks=None)
        return self._begin(sparse, masks)

    def encode_boxes(self, corners: torch.Tensor, masks: torch.Tensor | None = None) -> Prompts:
        """Encode boxes by their corners (N, 2, 2), (x, y) in pixels of the input; see `decode`."""
        labels = torch.tensor(_BOX_CORNERS, dtype=torch.int32, device=corners.device)
        return self.encode_prompts(corners, labels.expand(len(corners), -1), masks)

    def _begin(self, sparse: torch.Tensor, masks: torch.Tensor | None) -> Prompts:
        """Encode mask prompts, and let the tokens attend to each other."""
        dense = encode_masks(self.sam_prompt_encoder, masks)
        with self.autocast(), _without_cudnn_attention():
            return begin_decoding(self.sam_mask_decoder, sparse, dense)

    def decode_prompts(
        self,
        projection: Projection,
        prompts: Prompts,
        *,
        masks: Masks = "all",
        features: bool = False,
        at: torch.Tensor | None = None,
    ) -> Decoded:
        """Decode N encoded prompts on one image or on N; logits and quality are float32.

        See `hsizoo_sam2.decoding.decode_masks`.
        """
        with self.autocast(), _without_cudnn_attention():
            found = decode_masks(
                self.sam_mask_decoder, projection, prompts, masks=masks, features=features, at=at
            )
        return Decoded(found.logits.float(), found.quality.float(), found.features)

    def autocast(self) -> torch.autocast:
        """Return the autocast context for `precision`."""
        wanted = getattr(torch, self.precision)
        return torch.autocast(
            self.device.type, dtype=wanted if wanted != torch.float32 else torch.bfloat16,
            enabled=wanted != torch.float32,
        )  # fmt: skip


@contextmanager
def _without_cudnn_attention() -> Iterator[None]:
    """Disable cuDNN attention.

    On recent GPUs torch prefers it in half precision, but it spends 0.1 s or more on planning for
    each new shape, and every further click or other number of objects is a new shape.  The switch
    is global to the process: when several threads decode at once it may stay off, which can slow
    down attention elsewhere but never gives wrong results.
    """
    before = torch.backends.cuda.cudnn_sdp_enabled()
    torch.backends.cuda.enable_cudnn_sdp(False)
    try:
        yield
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)


def working_precision(wanted: str, device: str) -> str:
    """Return the precision that an option asks for on a device.

    Raises
    ------
    OptionError
        If the device does not support it.
    """
    kind = torch.device(device).type
    if wanted == "auto":
        return "bfloat16" if kind == "cuda" else "float32"
    if wanted == "float16" and kind == "cpu":
        raise OptionError("precision=float16 is for GPUs; use bfloat16 or float32 on the CPU")
    return wanted
