"""SAM's weight file, and loading it into a model."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from hsizoo import WeightFile, check_state, load_state, locate, state_digest

__all__ = ["SAM_VIT_B", "check_layout", "frozen_digest", "load_checked", "sam_weights"]

SAM_VIT_B = WeightFile(
    name="sam_vit_b_01ec64.pth",
    url="https://dl.fbaipublicfiles.com/segment_anything/sam_vit_b_01ec64.pth",
    size=375_042_383,
    sha256="ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
    licence="Apache-2.0",
)


def sam_weights(checkpoint: str) -> dict[str, torch.Tensor]:
    """Read SAM ViT-B's weights in Meta's layout.

    Parameters
    ----------
    checkpoint : str
        ``auto`` for Meta's file, or the path of a file with the same layout.

    Raises
    ------
    MissingRequirement
        If the file is not available.
    DataError
        If the file is not the expected one or cannot be read.
    """
    return load_state(locate(SAM_VIT_B, None if checkpoint == "auto" else checkpoint))


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
