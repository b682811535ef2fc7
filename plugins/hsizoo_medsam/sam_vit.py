"""The first SAM, frozen, prompted by clicks on a pseudo-RGB image.

A. Kirillov et al., "Segment Anything", arXiv:2304.02643.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, ClassVar

import torch
from hsizoo_sam2 import (
    Projection,
    PromptedNetwork,
    PromptedSam,
    Prompts,
    file_weights,
    working_precision,
)

import hsizoo
from hsizoo_medsam.frame import PaddedFrame
from hsizoo_medsam.options import SamOptions
from hsizoo_medsam.sam import SIZES, Sam, prepare
from hsizoo_medsam.weights import SAM_FILES, sam_weights

__all__ = ["SamNetwork", "SamVit"]

_IMAGE_SIZE = 1024
_RANDOM_SEED = 0


class SamNetwork(PromptedNetwork):
    """SAM split as `hsizoo_sam2.PromptedNetwork` is; see there.

    Parameters
    ----------
    sam : Sam
        On the CPU.
    pretrained : bool
        Whether the weights come from a file.
    device : str
        Torch device.
    precision : str
        "auto", "float32", "bfloat16" or "float16".
    """

    def __init__(self, sam: Sam, *, pretrained: bool, device: str, precision: str) -> None:
        super().__init__()
        self.pretrained = pretrained
        self.image_size = sam.image_size
        self.mask_size = sam.image_size // 4
        self.precision = working_precision(precision, device)
        self.encoder_digest = hsizoo.state_digest(sam.image_encoder.state_dict())
        self.image_encoder = sam.image_encoder
        self.sam_prompt_encoder = sam.prompt_encoder
        self.sam_mask_decoder = sam.mask_decoder
        self.to(torch.device(device))

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self.image_encoder.parameters()).device

    @property
    def projecting(self) -> dict[str, torch.Tensor]:
        """The buffer of position encodings."""
        positions: dict[str, torch.Tensor] = self.sam_prompt_encoder.pe_layer.state_dict(
            keep_vars=True
        )
        return positions

    def covered(self, height: int, width: int) -> tuple[int, int]:
        """Return the rows and columns of the input that are not padding."""
        return PaddedFrame(height, width, self.image_size).inner

    def preprocess(self, image: torch.Tensor) -> torch.Tensor:
        """Scale the longer side to S, normalise and pad, as Meta's ``SamPredictor`` does."""
        frame = PaddedFrame(*image.shape[:2], self.image_size)
        return prepare(frame.fit(image.cpu().numpy()).to(self.device), self.image_size)

    def encode(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Run the image encoder without recording gradients.

        Parameters
        ----------
        inputs : Tensor of float32, shape (1, 3, S, S)
        """
        # Features made in inference mode could not be used for training later.
        with torch.inference_mode(False), torch.no_grad(), self.autocast():
            inputs = inputs.clone() if inputs.is_inference() else inputs
            embedding: torch.Tensor = self.image_encoder.forward_features(inputs)  # type: ignore[no-untyped-call]
        return {"stride16": embedding.float()}

    def project(self, features: dict[str, torch.Tensor]) -> Projection:
        """Arrange features for the decoder; SAM has none of finer resolution to add."""
        embedding = features["stride16"].to(self.device)
        with torch.autocast(self.device.type, enabled=False):
            position = self.sam_prompt_encoder.get_dense_pe()
        height, width = embedding.shape[-2:]
        return Projection(
            *(each.flatten(2).transpose(1, 2).contiguous() for each in (embedding, position)),
            embedding.new_zeros((1, 1, 1)),
            embedding.new_zeros((1, 1, 1, 1)),
            height,
            width,
        )

    def encode_boxes(self, corners: torch.Tensor, masks: torch.Tensor | None = None) -> Prompts:
        """Encode boxes; unlike SAM 2, without the padding point that follows clicks."""
        boxes = corners.flatten(1)
        sparse, _ = self.sam_prompt_encoder(points=None, boxes=boxes, masks=None)
        return self._begin(sparse, masks)

    def restore(self, maps: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Resize maps (N, C, h, w) to the input, crop the padding, resize to the image."""
        restored = PaddedFrame(height, width, self.image_size).restore(maps.flatten(0, 1))
        return restored.unflatten(0, maps.shape[:2])


class SamVit(PromptedSam):
    """SAM with Meta's weights, without further training.

    Parameters
    ----------
    device : str, default "cpu"
        Torch device.
    **options
        See `hsizoo_medsam.options.SamOptions`.
    """

    Options: ClassVar = SamOptions
    options: SamOptions

    def __init__(self, *, device: str = "cpu", **options: Any) -> None:
        super().__init__(**options)
        size, checkpoint = self.options.size, self.options.checkpoint
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(_RANDOM_SEED)  # torch.manual_seed would seed GPUs
            sam = Sam(_IMAGE_SIZE, SIZES[size])
        if checkpoint != "random":
            sam.load_original(sam_weights(checkpoint, size))
        self.network = SamNetwork(
            sam.eval().requires_grad_(False),
            pretrained=checkpoint != "random",
            device=device,
            precision=self.options.precision,
        )
        self.encoding = {
            "encoding": "1",
            "encoder": f"timm {version('timm')}, {SIZES[size]}",
            "resize": "longest side, Pillow",
            "normalise": "sam",
            "features": "image embedding",
        }

    @staticmethod
    def base_weights(**options: Any) -> str:
        """Identify the weights by `size` and `checkpoint`; see `hsizoo.Component.base_weights`."""
        checkpoint = options.get("checkpoint", "auto")
        if checkpoint == "auto":
            return f"sha256:{SAM_FILES[options.get('size', 'vit-b')].sha256}"
        return f"random:{_RANDOM_SEED}" if checkpoint == "random" else file_weights(checkpoint)

    @staticmethod
    def weight_files(**options: Any) -> Sequence[hsizoo.WeightFile]:
        """List Meta's file of this size; see `hsizoo.Component.weight_files`."""
        wanted = options.get("checkpoint", "auto") == "auto"
        return (SAM_FILES[options.get("size", "vit-b")],) if wanted else ()
