"""The sizes of SAM 2.1: their configurations and Meta's weight files.

Meta publishes no digests.  Those below are the Git LFS object ids of the files at
``facebook/sam2.1-hiera-…`` on Hugging Face, which are SHA-256 by definition, and agree with what
many independent projects pin for the files at the URLs given here.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from hsizoo import WeightFile
from hsizoo.errors import OptionError

__all__ = ["RANDOM_SEED", "SIZES", "Size", "SizeName", "meant", "packaged_weights"]

RANDOM_SEED = 0  # of random weights

SizeName = Literal["nano", "tiny", "small", "base-plus", "large"]

_URL = "https://dl.fbaipublicfiles.com/segment_anything_2/092824/"


@dataclass(frozen=True)
class Size:
    """One size.

    Parameters
    ----------
    config : str
        Name of its YAML file among sam2's; ``nano.yaml`` is our own.
    weights : WeightFile or None
        What Meta publishes for it.
    hugging_face : str
        Where the same file is on Hugging Face.
    """

    config: str
    weights: WeightFile | None = None
    hugging_face: str = ""


def _meta(letter: str, name: str, size: int, sha256: str) -> Size:
    file = f"sam2.1_hiera_{name}.pt"
    hugging_face = f"facebook/sam2.1-hiera-{name.replace('_', '-')}"
    mirror = f"https://huggingface.co/{hugging_face}/resolve/main/{file}"
    return Size(
        f"configs/sam2.1/sam2.1_hiera_{letter}.yaml",
        WeightFile(file, _URL + file, size, sha256, "Apache-2.0", (mirror,)),
        hugging_face,
    )


SIZES = MappingProxyType(
    {
        "nano": Size("nano.yaml"),
        "tiny": _meta(
            "t",
            "tiny",
            156_008_466,
            "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69",
        ),
        "small": _meta(
            "s",
            "small",
            184_416_285,
            "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38",
        ),
        "base-plus": _meta(
            "b+",
            "base_plus",
            323_606_802,
            "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5",
        ),
        "large": _meta(
            "l",
            "large",
            898_083_611,
            "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318",
        ),
    }
)


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
    named = {each.hugging_face: name for name, each in SIZES.items() if each.hugging_face}
    if checkpoint not in named:
        return checkpoint
    if named[checkpoint] != size:
        raise OptionError(
            f"checkpoint={checkpoint} is SAM 2.1 {named[checkpoint]}, and size={size} was asked for"
        )
    return "auto"


def packaged_weights(size: str) -> Path:
    """Where the weights that come with hsizoo are, if they do."""
    return Path(str(files(__package__))) / "weights" / f"{size}.safetensors"
