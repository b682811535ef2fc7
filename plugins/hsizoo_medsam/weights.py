"""SAM's weight files, and loading them into a model.

Meta publishes no digests.  Those below, and the sizes, are what many independent projects pin for
the files at these addresses.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from hsizoo import WeightFile, check_state, load_state, locate, state_digest

__all__ = ["SAM_FILES", "SAM_VIT_B", "check_layout", "frozen_digest", "load_checked", "sam_weights"]

_URL = "https://dl.fbaipublicfiles.com/segment_anything/"


def _meta(name: str, size: int, sha256: str) -> WeightFile:
    return WeightFile(name, _URL + name, size, sha256, "Apache-2.0")


SAM_FILES = {
    "vit-b": _meta(
        "sam_vit_b_01ec64.pth",
        375_042_383,
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
    ),
    "vit-l": _meta(
        "sam_vit_l_0b3195.pth",
        1_249_524_607,
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
    ),
    "vit-h": _meta(
        "sam_vit_h_4b8939.pth",
        2_564_550_879,
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
    ),
}
SAM_VIT_B = SAM_FILES["vit-b"]


def sam_weights(checkpoint: str, size: str = "vit-b") -> dict[str, torch.Tensor]:
    """Read SAM's weights in Meta's layout.

    Parameters
    ----------
    checkpoint : str
        ``auto`` for Meta's file, or the path of a file with the same layout.
    size : {"vit-b", "vit-l", "vit-h"}

    Raises
    ------
    MissingRequirement
        If the file is not available.
    DataError
        If the file is not the expected one or cannot be read.
    """
    return load_state(locate(SAM_FILES[size], None if checkpoint == "auto" else checkpoint))


def check_layout(
    expected: Mapping[str, torch.Tensor], weights: Mapping[str, torch.Tensor], who: str
) -> None:
    """Raise `DataError` if names or shapes differ."""
    check_state({name: tuple(value.shape) for name, value in expected.items()}, weights, who)


def load_checked(module: nn.Module, weights: Mapping[str, torch.Tensor], who: str) -> None:
    """Load a complete state dict, or raise `DataError` naming the first differences."""
    check_layout(module.state_dict(), weights, who)
    module.load_state_dict(weights)


def frozen_digest(tensors: Mapping[str, torch.Tensor], image_size: int) -> str:
    """Return the SHA-256 of frozen weights and the image size."""
    return state_digest({**tensors, "image_size": torch.tensor(image_size)})
