"""Sizes of SAM 2.1: configurations and Meta's weight files.

Meta publishes no digests.  Those below are the Git LFS object ids of the files at
``facebook/sam2.1-hiera-…`` on Hugging Face, which are SHA-256 by definition.  They match the
digests that many independent projects pin for the files at these URLs.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from hsizoo import WeightFile
from hsizoo_sam2.options import hugging_face

__all__ = ["RANDOM_SEED", "SIZES", "Size", "packaged_weights"]

RANDOM_SEED = 0  # seed of random weights

_URL = "https://dl.fbaipublicfiles.com/segment_anything_2/092824/"


@dataclass(frozen=True)
class Size:
    """One size of SAM 2.1.

    Parameters
    ----------
    config : str
        Name of the YAML file in sam2; ``nano.yaml`` is part of this package.
    weights : WeightFile or None
        Weights that Meta publishes, if any.
    """

    config: str
    weights: WeightFile | None = None


def _meta(letter: str, name: str, size: int, sha256: str) -> Size:
    file = f"sam2.1_hiera_{name}.pt"
    mirror = f"https://huggingface.co/{hugging_face(name.replace('_', '-'))}/resolve/main/{file}"
    return Size(
        f"configs/sam2.1/sam2.1_hiera_{letter}.yaml",
        WeightFile(file, _URL + file, size, sha256, "Apache-2.0", (mirror,)),
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


def packaged_weights(size: str, checkpoint: str = "auto") -> Path:
    """Return the path of the weights packaged with hsizoo; the file may not exist."""
    name = size if checkpoint == "auto" else f"{size}-{checkpoint}"
    return Path(str(files(__package__))) / "weights" / f"{name}.safetensors"
