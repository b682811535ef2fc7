"""Options of SAM 2.1 and of what is built on it; nothing here imports NumPy or torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from hsizoo.errors import OptionError

__all__ = [
    "FineTunedOptions",
    "Multimask",
    "PictureOptions",
    "Precision",
    "Rgb",
    "Sam21Options",
    "SizeName",
    "Stretch",
    "hugging_face",
    "meant",
]

SizeName = Literal["nano", "tiny", "small", "base-plus", "large"]
Rgb = Literal["auto", "bands", "wavelength", "tivita", "even"]
Stretch = Literal["percentile", "range", "reflectance"]
Multimask = Literal["auto", "single", "best"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True, kw_only=True)
class PictureOptions:
    """How a cube becomes the picture that a SAM of any kind sees, and how that SAM computes.

    Parameters
    ----------
    rgb : {"auto", "bands", "wavelength", "tivita", "even"}, default "auto"
        Which bands make the pseudo-RGB image: those that the dataset names, those nearest to the
        wavelengths of red, green and blue, the Tivita camera's formula, or evenly spaced ones;
        ``auto`` takes the first of ``bands``, ``wavelength``, ``even`` that the cube allows.
        INFERRED: the papers say "fixed band selection" and name no bands.
    stretch : {"percentile", "range", "reflectance"}, default "percentile"
        How the bands become 8 bits: each from its 1st to its 99th percentile, from its lowest to
        its highest value, or from 0 to 1.  INFERRED: the papers do not say; percentiles are not
        moved by a few glaring pixels.
    precision : {"auto", "float32", "bfloat16", "float16"}, default "auto"
        Of SAM's encoder and decoder.  ``auto`` is bfloat16 on CUDA and float32 elsewhere.
        INFERRED: the papers do not say.
    """

    rgb: Rgb = "auto"
    stretch: Stretch = "percentile"
    precision: Precision = "auto"


@dataclass(frozen=True, kw_only=True)
class Sam21Options(PictureOptions):
    """Options of `hsizoo_sam2.Sam21`.

    Parameters
    ----------
    size : {"nano", "tiny", "small", "base-plus", "large"}, default "tiny"
        Size of SAM 2.1.  ``nano`` is hsizoo's own: the same modules with a small Hiera, half the
        feature width and a 256-pixel input.
    red_nm, green_nm, blue_nm : float, default 640, 550, 460
        Wavelength in nanometres, for ``rgb=wavelength``.  INFERRED: the middle of the colour.
    multimask : {"auto", "single", "best"}, default "auto"
        Which of the decoder's four masks is taken: its single mask, the best of its other three by
        their predicted quality, or, ``auto``, the best at one click and the single one from two
        clicks on.  INFERRED: the paper does not say; ``auto`` is what sam2 was trained with.
    channels_last : bool, default False
        Whether the encoder's convolutions use the channels-last memory layout; only a matter of
        speed.
    compile : bool, default False
        Whether the encoder is compiled by ``torch.compile`` at the first image.
    checkpoint : str, default "auto"
        Weights of SAM 2.1 to start from.  ``auto``: Meta's file in HSIZOO_HOME, downloaded if need
        be; for ``nano`` the weights packaged with hsizoo, and random ones if there are none.  A
        path: that file.  ``random``: random weights, the same each time, for tests and timing.
        Meta's name of the size on Hugging Face (``facebook/sam2.1-hiera-small``) is the same as
        ``auto``.

    Raises
    ------
    OptionError
        If there is no such size, or `checkpoint` is Meta's name of another one.
    """

    size: SizeName = "tiny"
    red_nm: float = 640.0
    green_nm: float = 550.0
    blue_nm: float = 460.0
    multimask: Multimask = "auto"
    channels_last: bool = False
    compile: bool = False
    checkpoint: str = "auto"

    def __post_init__(self) -> None:
        if self.size not in get_args(SizeName):
            raise OptionError(
                f"size={self.size!r}: expected one of {', '.join(get_args(SizeName))}"
            )
        meant(self.size, self.checkpoint)


@dataclass(frozen=True, kw_only=True)
class FineTunedOptions(Sam21Options):
    """Options of `hsizoo_sam2.Sam21FineTuned`: those of SAM 2.1, with another default.

    Parameters
    ----------
    multimask : {"auto", "single", "best"}, default "single"
        Which of the decoder's four masks is taken.  INFERRED: the paper does not say.  ``single``
        trains one mask at every click; ``auto`` and ``best`` train whichever of the other three is
        predicted to be the best (``auto`` at one click only).
    """

    multimask: Multimask = "single"


def hugging_face(size: str) -> str:
    """Meta's name of a size on Hugging Face, except of ``nano``, which is not Meta's."""
    return f"facebook/sam2.1-hiera-{size}"


def meant(size: str, checkpoint: str) -> str:
    """Return ``auto`` for the Hugging Face name of this size, any other `checkpoint` as it is.

    Raises
    ------
    OptionError
        If it is the name of another size.

    Examples
    --------
    >>> meant("small", "facebook/sam2.1-hiera-small")
    'auto'
    """
    named = {hugging_face(name): name for name in get_args(SizeName) if name != "nano"}
    if checkpoint not in named:
        return checkpoint
    if named[checkpoint] != size:
        raise OptionError(
            f"checkpoint={checkpoint} is SAM 2.1 {named[checkpoint]}, and size={size} was asked for"
        )
    return "auto"
