"""Fine-tuned SAM 2.1: prompt encoder and mask decoder trained on pseudo-RGB images.

SAMSA 2.0, arXiv:2508.00493, sections 3.3 and 3.4: the image encoder stays frozen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import nn

import hsizoo
from hsizoo import check_state, state_digest
from hsizoo_sam2.options import FineTunedOptions
from hsizoo_sam2.sam21 import Sam21, Sam21Image

__all__ = ["Sam21FineTuned"]


class Sam21FineTuned(Sam21, hsizoo.TrainableSegmenter):
    """SAM 2.1 with trainable prompt encoder and mask decoder.

    In Meta's sizes, 6,220 + 4,215,109 parameters are trained, including the decoder's ``conv_s0``
    and ``conv_s1``.  Everything else is frozen.

    Parameters
    ----------
    device : str, default "cpu"
        Torch device.
    **options
        See `hsizoo_sam2.options.FineTunedOptions`.
    """

    Options: ClassVar = FineTunedOptions
    options: FineTunedOptions
    free_options = frozenset({"precision", "channels_last", "compile", "checkpoint"})

    def __init__(self, *, device: str = "cpu", **options: Any) -> None:
        super().__init__(device=device, **options)
        self.network.sam_prompt_encoder.requires_grad_(True)
        self.network.sam_mask_decoder.requires_grad_(True)

    def _parts(self) -> dict[str, nn.Module]:
        """Return the trained modules by the prefix of their parameter names."""
        return {
            "sam_prompt_encoder": self.network.sam_prompt_encoder,
            "sam_mask_decoder": self.network.sam_mask_decoder,
        }

    def logits(self, state: Sam21Image, prompts: Sequence[hsizoo.Clicks]) -> torch.Tensor:
        """Segment N objects, differentiably; see `hsizoo.TrainableSegmenter.logits`."""
        return self._logits(state, prompts)

    def trainable(self) -> Mapping[str, nn.Parameter]:
        """Return the parameters of prompt encoder and mask decoder by name.

        They include parameters that get no gradient: those of prompts that are not used in
        training (boxes; masks, except in SAMSA 2.0) and of outputs without a loss (predicted
        quality).
        """
        return {
            f"{prefix}.{name}": parameter
            for prefix, part in self._parts().items()
            for name, parameter in part.named_parameters()
        }

    def train(self, mode: bool = True) -> None:
        """Set the trained modules to training or evaluation mode."""
        self.invalidate()
        for part in self._parts().values():
            part.train(mode)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return parameters and buffers of the trained modules, copied to the CPU."""
        return {name: each.detach().cpu().clone() for name, each in self._state().items()}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restore what `state_dict` returned; see `hsizoo.TrainableSegmenter.load_state_dict`."""
        own = self._state()
        who = f"{type(self).__name__} of size {self.options.size}"
        check_state({name: tuple(each.shape) for name, each in own.items()}, state, who)
        with torch.no_grad():
            for name, each in own.items():
                each.copy_(state[name])
        self.invalidate()

    def _state(self) -> dict[str, torch.Tensor]:
        return {
            f"{prefix}.{name}": each
            for prefix, part in self._parts().items()
            for name, each in part.state_dict().items()
        }

    @property
    def frozen_digest(self) -> str:
        """SHA-256 of trunk, neck and the embedding that is added to their output."""
        added = state_digest({"no_mem_embed": self.network.no_mem_embed})
        return hashlib.sha256((self.network.encoder_digest + added).encode()).hexdigest()
