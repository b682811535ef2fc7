"""SAMSA 2.0: the similarity map enters SAM 2.1's prompt encoder from the start.

SAMSA 2.0, arXiv:2508.00493, section 3.4: the equalised similarity map is "resized to match the
resolution of the pseudo-RGB image and concatenated channel-wise", the result "is passed to the
SAM2.1 prompt encoder", and prompt encoder and mask decoder are trained.  SAM's way for an image
into its prompt encoder is the mask prompt, one channel at a quarter of the input's side, so there
are two faithful readings, and both are here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from hsizoo_sam2 import (
    Multimask,
    Precision,
    Rgb,
    Sam21FineTuned,
    Sam21Image,
    SizeName,
    Stretch,
    resize,
)
from torch import nn
from torch.nn.utils import skip_init

import hsizoo
from hsizoo_samsa.similarity import OpenedImage, Similarity

__all__ = ["Injection", "PromptForm", "Samsa2"]

Injection = Literal["mask-prompt", "concat4"]
PromptForm = Literal["signed", "plain"]


class Samsa2(Sam21FineTuned):
    """SAM 2.1 prompted by clicks and by the similarity map of those clicks.

    Parameters
    ----------
    size : {"nano", "tiny", "small", "base-plus", "large"}, default "tiny"
        Of SAM 2.1.
    scorer : str, default "sa-eq"
        Any registered scorer, with options if need be (``scorer=[ace:shrinkage=0.1]``).
    injection : {"mask-prompt", "concat4"}, default "mask-prompt"
        ``mask-prompt``: the map is the mask prompt.  ``concat4``: pseudo-RGB image and map go
        together through a first convolution widened from one to four channels (48 weights more),
        whose pseudo-RGB kernels begin at zero, so that both are equal before training.  INFERRED:
        the paper's words fit both; the one without a new layer is the default.
    prompt_form : {"signed", "plain"}, default "signed"
        What is made of the map S: ``(2 S - 1) k`` or ``S k``.  INFERRED: the paper does not say.
        SAM's mask prompts are logits, 0 where undecided; so is the signed form at S = 0.5.
    prompt_scale : float, default 10
        The k above.  INFERRED: the paper does not say; sam2 itself turns a given mask into logits
        of -10 and +10.
    rgb : {"auto", "bands", "wavelength", "tivita", "even"}, default "auto"
        Which bands make the pseudo-RGB image, as of ``sam2.1``.  INFERRED: the paper names none.
    stretch : {"percentile", "range", "reflectance"}, default "percentile"
        How the bands become 8 bits.  INFERRED: the paper does not say.
    red_nm, green_nm, blue_nm : float, default 640, 550, 460
        Wavelengths of ``rgb=wavelength``.  INFERRED: middles of the colours.
    multimask : {"auto", "single", "best"}, default "single"
        Which of the decoder's masks is taken.  INFERRED: the paper does not say; one that is
        trained at every click.
    precision : {"auto", "float32", "bfloat16", "float16"}, default "auto"
        Of SAM 2.1; the map is always float32.  INFERRED: the paper does not say.
    channels_last : bool, default False
        Memory layout of the encoder's convolutions.
    compile : bool, default False
        Whether the encoder is compiled.
    checkpoint : str, default "auto"
        Weights of SAM 2.1 to start from.
    device : str, default "cpu"
        Torch device that computes.

    Notes
    -----
    The encoding of an image is shared with SAM 2.1 and SAMSA of the same size.
    """

    def __init__(
        self,
        *,
        size: SizeName = "tiny",
        scorer: Annotated[str, "scorer"] = "sa-eq",
        injection: Injection = "mask-prompt",
        prompt_form: PromptForm = "signed",
        prompt_scale: float = 10.0,
        rgb: Rgb = "auto",
        stretch: Stretch = "percentile",
        red_nm: float = 640.0,
        green_nm: float = 550.0,
        blue_nm: float = 460.0,
        multimask: Multimask = "single",
        precision: Precision = "auto",
        channels_last: bool = False,
        compile: bool = False,  # noqa: A002
        checkpoint: str = "auto",
        device: str = "cpu",
    ) -> None:
        self.similarity = Similarity(scorer, device)
        self.min_bands = self.similarity.min_bands  # type: ignore[misc]
        self.injection = injection
        self.prompt_form = prompt_form
        self.prompt_scale = prompt_scale
        super().__init__(
            size=size,
            rgb=rgb,
            stretch=stretch,
            red_nm=red_nm,
            green_nm=green_nm,
            blue_nm=blue_nm,
            multimask=multimask,
            precision=precision,
            channels_last=channels_last,
            compile=compile,
            checkpoint=checkpoint,
            device=device,
        )
        if injection == "concat4":
            layers = self.network.sam_prompt_encoder.mask_downscaling
            layers[0] = _widened(layers[0])

    def open(self, cube: hsizoo.HyperCube) -> OpenedImage:  # type: ignore[override]
        """Encode the image and prepare the scorer.

        Raises
        ------
        DataError
            If the cube lacks what the scorer or the pseudo-RGB policy needs.
        """
        return OpenedImage(super().open(cube), self.similarity.open(cube))

    def describe(self, state: OpenedImage) -> dict[str, Any]:  # type: ignore[override]
        """Tell which bands were shown, and how SAM 2.1 computes."""
        return super().describe(state.sam)

    def _logits(self, state: OpenedImage, prompts: Sequence[hsizoo.Clicks]) -> torch.Tensor:  # type: ignore[override]
        dense = self.mask_prompts(state, prompts) if prompts else None
        return self._upsample(state.sam, self._decode(state.sam, prompts, dense))

    def mask_prompts(self, state: OpenedImage, prompts: Sequence[hsizoo.Clicks]) -> torch.Tensor:
        """Mask prompts (N, 1 or 4, mask_size, mask_size)."""
        maps = self.similarity.maps(state.spectral, prompts)[:, None]
        maps = resize(maps, self.network.mask_size)
        signed = 2 * maps - 1 if self.prompt_form == "signed" else maps
        scaled = signed * self.prompt_scale
        if self.injection == "mask-prompt":
            return scaled
        sam: Sam21Image = state.sam
        return torch.cat([sam.small.expand(len(prompts), -1, -1, -1), scaled], dim=1)


def _widened(layer: nn.Conv2d) -> nn.Conv2d:
    """Let a one-channel convolution take red, green and blue before its channel, unnoticed."""
    wide = skip_init(  # it would draw from the generator that the training has seeded
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
