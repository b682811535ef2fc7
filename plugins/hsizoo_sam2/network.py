"""`Sam2Network`: the single-image parts of SAM 2.1, split into frozen and trainable.

``encode`` is the frozen part (trunk and neck); its output depends on nothing trainable and is
stored in the embedding cache.  ``project`` and ``decode`` are the rest.  Meta's ``forward_image``
runs the decoder's ``conv_s0`` and ``conv_s1`` as part of the encoding.  With that output in the
cache, the two would never be trained, and a fine-tuned model would get another model's features.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import torch
from torch import nn
from torch.nn import functional

from hsizoo import state_digest
from hsizoo_sam2.building import build_sam21
from hsizoo_sam2.decoding import Projection, project_features
from hsizoo_sam2.kept import kept_convolution
from hsizoo_sam2.options import Precision
from hsizoo_sam2.prompted import PromptedNetwork, working_precision
from hsizoo_sam2.resizing import resize

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base  # type: ignore[import-untyped]

__all__ = ["Projection", "Sam2Network", "build_network"]


_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as in sam2
_LEVELS = ("stride4", "stride8", "stride16")

# Components with the same encoder weights share one copy per process.
_ENCODERS: WeakValueDictionary[tuple[object, ...], nn.Module] = WeakValueDictionary()


class Sam2Network(PromptedNetwork):
    """The single-image parts of SAM 2.1.

    Parameters
    ----------
    model : sam2.modeling.sam2_base.SAM2Base
        Model on the CPU.  Its memory modules are dropped.
    pretrained : bool
        Whether the weights come from a file.
    device, precision, channels_last, compile
        See `hsizoo_sam2.Sam21`.

    The attributes are those of `PromptedNetwork`; ``encoder_digest`` is that of trunk and neck.
    """

    def __init__(
        self,
        model: SAM2Base,
        *,
        pretrained: bool,
        device: str = "cpu",
        precision: Precision = "auto",
        channels_last: bool = False,
        compile: bool = False,  # noqa: A002  (torch's name for it)
    ) -> None:
        super().__init__()
        self.pretrained = pretrained
        self.image_size = int(model.image_size)
        self.mask_size = int(model.sam_prompt_encoder.mask_input_size[0])
        self.precision = working_precision(precision, device)
        self.channels_last = channels_last
        self.compiled = compile
        self.encoder_digest = state_digest(model.image_encoder.state_dict())
        self.no_mem_embed = nn.Parameter(model.no_mem_embed.detach(), requires_grad=False)
        self.sam_prompt_encoder = model.sam_prompt_encoder
        self.sam_mask_decoder = model.sam_mask_decoder
        to = torch.device(device)
        place = str(torch.empty(0, device=to).device)  # "cuda" is the current device
        key = (self.encoder_digest, place, channels_last, compile)
        encoder = _ENCODERS.get(key)
        if encoder is None:
            encoder = model.image_encoder
            if channels_last:
                encoder.to(memory_format=torch.channels_last)
            if compile:
                encoder.compile()
            _ENCODERS[key] = encoder
        self.image_encoder = encoder
        self.to(to)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.no_mem_embed.device

    @property
    def projecting(self) -> dict[str, torch.Tensor]:
        """Weights and buffers that `project` uses."""
        parts = {
            "s0": self.sam_mask_decoder.conv_s0,
            "s1": self.sam_mask_decoder.conv_s1,
            "position": self.sam_prompt_encoder.pe_layer,
        }
        own = {"no_mem_embed": self.no_mem_embed}
        for part, module in parts.items():
            own |= {
                f"{part}.{name}": each for name, each in module.state_dict(keep_vars=True).items()
            }
        return own

    def covered(self, height: int, width: int) -> tuple[int, int]:
        """Return the whole input: the aspect ratio is not preserved."""
        return self.image_size, self.image_size

    def restore(self, maps: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Resize maps (N, C, h, w) directly to the image, (N, C, H, W)."""
        size = (height, width)
        return functional.interpolate(maps, size, mode="bilinear", align_corners=False)

    def preprocess(self, image: torch.Tensor) -> torch.Tensor:
        """Scale, resize and normalise as ``SAM2ImagePredictor`` does.

        Parameters
        ----------
        image : Tensor of uint8, shape (H, W, 3)

        Returns
        -------
        Tensor of float32, shape (1, 3, S, S)
            On the network's device.  The aspect ratio is not preserved.
        """
        scaled = image.to(self.device).permute(2, 0, 1)[None].contiguous().to(torch.float32) / 255
        if scaled.shape[-2:] != (self.image_size, self.image_size):
            scaled = resize(scaled, self.image_size)
        mean, std = (scaled.new_tensor(each)[:, None, None] for each in (_MEAN, _STD))
        return (scaled - mean) / std

    def encode(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Run trunk and neck without recording gradients.

        Parameters
        ----------
        inputs : Tensor of float32, shape (1, 3, S, S)

        Returns
        -------
        dict of str to Tensor
            Features of the neck at strides 4, 8 and 16, before any layer that may be trained.
        """
        inputs = inputs.to(self.device)
        if self.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        # Features made in inference mode could not be used for training later.
        with torch.inference_mode(False), torch.no_grad(), self.autocast():
            inputs = inputs.clone() if inputs.is_inference() else inputs
            levels = self.image_encoder(inputs)["backbone_fpn"]
        return dict(zip(_LEVELS, levels, strict=True))

    def project(self, features: dict[str, torch.Tensor]) -> Projection:
        """Project features for the decoder, differentiably if gradients are enabled."""
        fine, middle, coarse = (features[level].to(self.device) for level in _LEVELS)
        with torch.autocast(self.device.type, enabled=False):
            position = self.sam_prompt_encoder.get_dense_pe()  # float32, as in `decode`
        with self.autocast():
            return project_features(
                self.sam_mask_decoder,
                coarse + self.no_mem_embed.view(1, -1, 1, 1),
                middle,
                fine,
                position,
            )

    def attach(self, kept: Projection, features: dict[str, torch.Tensor]) -> Projection:
        """See `PromptedNetwork.attach`; all but two convolutions is frozen."""
        decoder = self.sam_mask_decoder
        fine, middle = (features[level].to(self.device) for level in _LEVELS[:2])
        return replace(
            kept,
            middle=kept_convolution(decoder.conv_s1, middle, kept.middle),
            fine=kept_convolution(decoder.conv_s0, fine, kept.fine),
            first=None,
        )


def build_network(
    size: str,
    checkpoint: str = "auto",
    *,
    device: str = "cpu",
    precision: Precision = "auto",
    channels_last: bool = False,
    compile: bool = False,  # noqa: A002
) -> Sam2Network:
    """Build the network of a given size; see `hsizoo_sam2.Sam21` for the parameters."""
    model, pretrained = build_sam21(size, checkpoint)
    return Sam2Network(
        model,
        pretrained=pretrained,
        device=device,
        precision=precision,
        channels_last=channels_last,
        compile=compile,
    )
