"""The original Segment Anything.

A. Kirillov et al., "Segment Anything", arXiv:2304.02643.

The image encoder is timm's ``samvit_base_patch16``; prompt encoder and mask decoder are those of
sam2, which equal those of the first SAM if no SAM 2 feature is enabled.  Only names differ
(`sam_name`).  timm's normalisation layers default to ``eps=1e-5``, Meta's SAM uses 1e-6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import cast

import timm
import torch
from timm.models.vision_transformer_sam import VisionTransformerSAM
from torch import nn
from torch.nn import functional

from hsizoo.errors import OptionError
from hsizoo_medsam.frame import PaddedFrame
from hsizoo_medsam.modules import MaskDecoder, PromptEncoder, TwoWayTransformer
from hsizoo_medsam.recompute import Features
from hsizoo_medsam.weights import load_checked

__all__ = ["SIZES", "VIT_B", "Sam", "Vit", "autocast", "prepare", "sam_name"]

_MEAN = (123.675, 116.28, 103.53)
_STD = (58.395, 57.12, 57.375)
_PATCH = 16
_CHANNELS = 256  # in the image embedding, the prompts and the decoder


@dataclass(frozen=True)
class Vit:
    """Size of a ViT image encoder."""

    width: int = 768
    depth: int = 12
    heads: int = 12
    global_blocks: tuple[int, ...] = (2, 5, 8, 11)  # the others use windows of 14 × 14


VIT_B = Vit()

SIZES = {
    "vit-b": VIT_B,
    "vit-l": Vit(1024, 24, 16, (5, 11, 17, 23)),
    "vit-h": Vit(1280, 32, 16, (7, 15, 23, 31)),
}


class Sam(nn.Module):
    """SAM reduced to what Medical SAM Adapter uses: no boxes, and one mask per object.

    Parameters
    ----------
    image_size : int, default 1024
        Side of the square input in pixels; a multiple of 16.
    vit : Vit, optional
        Size of the image encoder.  Default: ViT-B.
    dtype : torch.dtype, default float32
        Precision of encoder and decoder.
    """

    def __init__(
        self, image_size: int = 1024, vit: Vit = VIT_B, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        if image_size < _PATCH or image_size % _PATCH:
            raise OptionError(f"image_size={image_size}: must be a positive multiple of {_PATCH}")
        self.image_size = image_size
        self.dtype = dtype
        grid = (image_size // _PATCH, image_size // _PATCH)
        encoder = timm.create_model(
            "samvit_base_patch16",
            img_size=image_size,
            num_classes=0,
            embed_dim=vit.width,
            depth=vit.depth,
            num_heads=vit.heads,
            global_attn_indexes=vit.global_blocks,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
        )
        self.image_encoder = cast(VisionTransformerSAM, encoder)
        self.prompt_encoder = PromptEncoder(
            embed_dim=_CHANNELS,
            image_embedding_size=grid,
            input_image_size=(image_size, image_size),
            mask_in_chans=16,
        )
        self.mask_decoder: nn.Module = MaskDecoder(
            transformer_dim=_CHANNELS,
            transformer=TwoWayTransformer(
                depth=2, embedding_dim=_CHANNELS, num_heads=8, mlp_dim=2048
            ),
            num_multimask_outputs=3,
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        )

    @property
    def blocks(self) -> Iterator[nn.Module]:
        """Blocks of the image encoder, where adapters are inserted."""
        return iter(self.image_encoder.blocks)

    @property
    def decoder(self) -> nn.Module:
        """The mask decoder."""
        return self.mask_decoder

    def frame(self, height: int, width: int) -> PaddedFrame:
        """Return the geometry of an image of this size."""
        return PaddedFrame(height, width, self.image_size)

    def load_original(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Load weights in the layout of ``sam_vit_b_01ec64.pth``, before inserting adapters.

        Position tables for another image size are interpolated linearly.

        Parameters
        ----------
        weights : mapping of str to Tensor

        Raises
        ------
        DataError
            If a name is missing or unknown, or a shape differs.
        """
        named = {sam_name(name): value for name, value in weights.items()}
        own = self.state_dict()
        for name, value in named.items():
            if name in own and own[name].shape != value.shape:
                named[name] = _resize_positions(name, value, own[name].shape)
        load_checked(self, named, f"SAM at image size {self.image_size}")

    def encode(self, image: torch.Tensor) -> Features:
        """Encode an image.

        Parameters
        ----------
        image : Tensor of uint8, shape (3, h, w)
            Scaled so that its longer side is `image_size`.

        Returns
        -------
        (Tensor of float32, shape (1, 256, image_size / 16, image_size / 16),)
        """
        padded = prepare(image, self.image_size)
        with autocast(image.device, self.dtype):
            embedding = self.image_encoder.forward_features(padded)  # type: ignore[no-untyped-call]
        return (embedding.float(),)

    def project(self, features: Features) -> torch.Tensor:
        """Compute the decoder inputs that objects share; here the features themselves."""
        return features[0]

    def decode(
        self,
        projection: torch.Tensor,
        points: torch.Tensor,
        labels: torch.Tensor,
        masks: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Decode N objects that have the same number n of clicks.

        Parameters
        ----------
        projection : Tensor
            Output of `project`.
        points : Tensor of float32, shape (N, n, 2)
            Positions (x, y) in pixels of the input.
        labels : Tensor, shape (N, n)
            1 for a positive click, 0 for a negative one.
        masks : Tensor of float32, shape (N, 1, image_size / 4, image_size / 4), optional
            Logits of an earlier prediction.

        Returns
        -------
        Tensor of float32, shape (N, image_size / 4, image_size / 4)
            Logits.
        """
        # Positions are encoded by sines of large arguments, for which half precision is too coarse.
        with autocast(points.device, torch.float32):
            sparse, dense = self.prompt_encoder((points, labels), None, masks)
            positions = self.prompt_encoder.get_dense_pe()
        with autocast(points.device, self.dtype):
            logits, *_ = self.mask_decoder(
                image_embeddings=projection,
                image_pe=positions,
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=False,
                repeat_image=True,
            )
        single: torch.Tensor = logits[:, 0]
        return single.float()


def prepare(image: torch.Tensor, size: int) -> torch.Tensor:
    """Normalise a scaled image (3, h, w) as SAM does, and pad it to (1, 3, size, size)."""
    mean, std = (torch.tensor(each, device=image.device)[:, None, None] for each in (_MEAN, _STD))
    missing_rows, missing_cols = (size - side for side in image.shape[-2:])
    return functional.pad((image - mean) / std, (0, missing_cols, 0, missing_rows))[None]


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Return an autocast context for `dtype` that overrides the caller's autocast."""
    half = dtype if dtype != torch.float32 else None
    return torch.autocast(device.type, half, enabled=half is not None)


def sam_name(name: str) -> str:
    """Convert a parameter name of Meta's checkpoint to that of `Sam`.

    Examples
    --------
    >>> sam_name("image_encoder.blocks.0.mlp.lin1.weight")
    'image_encoder.blocks.0.mlp.fc1.weight'
    >>> sam_name("mask_decoder.transformer.layers.1.mlp.lin2.bias")
    'mask_decoder.transformer.layers.1.mlp.layers.1.bias'
    """
    if name.startswith("image_encoder."):
        return name.replace(".mlp.lin", ".mlp.fc")
    if name.startswith("mask_decoder."):
        name = name.replace(".mlp.lin1.", ".mlp.layers.0.")
        return name.replace(".mlp.lin2.", ".mlp.layers.1.")
    return name


def _resize_positions(name: str, table: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Interpolate a position table to another image size; return other tensors unchanged."""
    if name.endswith("pos_embed") and table.ndim == len(shape) == 4:
        grid = functional.interpolate(
            table.permute(0, 3, 1, 2), tuple(shape[1:3]), mode="bilinear", align_corners=False
        )
        return grid.permute(0, 2, 3, 1)
    if name.endswith(("rel_pos_h", "rel_pos_w")) and table.ndim == len(shape) == 2:
        rows = functional.interpolate(table.T[None], shape[0], mode="linear", align_corners=False)
        return rows[0].T
    return table
