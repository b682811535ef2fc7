"""SAMSA, late fusion: similarity map and SAM 2.1's output through a small head.

SAMSA, arXiv:2507.23673, introduces the spectral features late in the architecture; how is not
published.  The head here is **our own stand-in**, not the authors' layer, and results must be
labelled so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from hsizoo_sam2 import Multimask, Precision, Rgb, Sam21FineTuned, SizeName, Stretch
from torch import nn

import hsizoo
from hsizoo_samsa.similarity import OpenedImage, Similarity

__all__ = ["FusionHead", "Samsa"]

_LOGIT_SCALE = 10.0  # brings SAM's logits to the range of the map


class FusionHead(nn.Module):
    """SAM's logits plus a correction made of them and the similarity map.

    The correction begins at zero: untrained, the head passes SAM's logits on.

    Parameters
    ----------
    channels : int
        Between its two convolutions.
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
    """SAM 2.1 on clicks, fused with their similarity map at the end.

    Stand-in for the unpublished layer of SAMSA.  Prompt encoder, mask decoder and head are
    trained ("as in the original SAMSA", says SAMSA 2.0 in section 3.4 of the first two).

    Parameters
    ----------
    size : {"nano", "tiny", "small", "base-plus", "large"}, default "tiny"
        Of SAM 2.1.
    scorer : str, default "sa-eq"
        Any registered scorer.  INFERRED: SAMSA's own is a spectral angle; the equalised one makes
        it comparable with SAMSA 2.0.
    channels : int, default 8
        Width of the head.  INFERRED: the layer is not published.
    rgb : {"auto", "bands", "wavelength", "tivita", "even"}, default "auto"
        Which bands make the pseudo-RGB image, as of ``sam2.1``.  INFERRED: the paper names none.
    stretch : {"percentile", "range", "reflectance"}, default "percentile"
        How the bands become 8 bits.  INFERRED: the paper does not say.
    red_nm, green_nm, blue_nm : float, default 640, 550, 460
        Wavelengths of ``rgb=wavelength``.  INFERRED: middles of the colours.
    multimask : {"auto", "single", "best"}, default "single"
        Which of the decoder's masks is taken.  INFERRED: the paper does not say.
    precision : {"auto", "float32", "bfloat16", "float16"}, default "auto"
        Of SAM 2.1; the head computes in float32.  INFERRED: the paper does not say.
    channels_last : bool, default False
        Memory layout of the encoder's convolutions.
    compile : bool, default False
        Whether the encoder is compiled.
    checkpoint : str, default "auto"
        Weights of SAM 2.1 to start from.
    device : str, default "cpu"
        Torch device that computes.
    """

    def __init__(
        self,
        *,
        size: SizeName = "tiny",
        scorer: Annotated[str, "scorer"] = "sa-eq",
        channels: int = 8,
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
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)  # torch.manual_seed is also the GPUs'
            self.fusion = FusionHead(channels).to(device)
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

    def _parts(self) -> dict[str, nn.Module]:
        return {**super()._parts(), "fusion": self.fusion}

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
        logits = self._upsample(state.sam, self._decode(state.sam, prompts))
        return self.fuse(state, logits, prompts) if prompts else logits

    def fuse(
        self, state: OpenedImage, logits: torch.Tensor, prompts: Sequence[hsizoo.Clicks]
    ) -> torch.Tensor:
        """Fuse logits (N, H, W) of the decoder with the similarity map."""
        fused: torch.Tensor = self.fusion(logits, self.similarity.maps(state.spectral, prompts))
        return fused
