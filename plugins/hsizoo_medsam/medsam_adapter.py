"""Medical SAM Adapter: SAM with trained adapters in its image encoder.

J. Wu et al., "Medical SAM Adapter: adapting Segment Anything Model for medical image
segmentation", Medical Image Analysis 102 (2025) 103547, arXiv:2304.12620.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import nn

import hsizoo
from hsizoo.errors import ClickError, OptionError
from hsizoo_medsam._rgb import pseudo_rgb
from hsizoo_medsam.adapters import Adapter, AdapterInit, insert_adapters
from hsizoo_medsam.frame import Frame
from hsizoo_medsam.recompute import Features, attach
from hsizoo_medsam.sam import VIT_B, Sam
from hsizoo_medsam.weights import check_layout, frozen_digest, sam_weights

__all__ = ["MedSamAdapter", "OpenedImage"]

_OBJECTS_AT_ONCE = 16  # about 100 MB each in the decoder, in float32 at 1024 × 1024

# Heads of the decoder that one mask per object, without a quality score, leaves without gradient.
_UNUSED_HEADS = (
    "mask_decoder.iou_prediction_head.",
    *(f"mask_decoder.output_hypernetworks_mlps.{number}." for number in (1, 2, 3)),
)

Version = tuple[int, ...]


@dataclass(eq=False)
class OpenedImage:
    """One image: its input to the encoder, and the encoding by the weights of the moment.

    Parameters
    ----------
    image : Tensor of uint8, shape (3, h, w)
        The pseudo-RGB picture at the encoder's scale, on the segmenter's device.
    frame : Frame
        Its geometry.
    encoding : tuple of Tensor or None
        Made without a graph, by the weights of `version`.
    differentiable : tuple of Tensor or None
        The same values with a gradient to the adapters; they keep no activations.
    version : tuple of int or None
    """

    image: torch.Tensor
    frame: Frame
    encoding: Features | None = None
    differentiable: Features | None = None
    version: Version | None = None


class MedSamAdapter(hsizoo.TrainableSegmenter):
    """SAM ViT-B with a space adapter and an MLP adapter in every block of its image encoder.

    Trained are the adapters and the mask decoder; the rest of the image encoder and the prompt
    encoder stay as SAM has them.

    Parameters
    ----------
    checkpoint : str, default "auto"
        SAM's weights: ``auto``, Meta's ``sam_vit_b_01ec64.pth`` in ``HSIZOO_HOME/weights``; the
        path of a file in the same layout; or ``random``, for tests and timings.
    image_size : int, default 1024
        Side of the encoder's square input, a multiple of 16; the longest side of the image is
        scaled to it.  INFERRED: the original's instructions train at 1024, its code defaults to
        256.  SAM's position tables are interpolated where it is not 1024.
    adapter_ratio : float, default 0.25
        Width of an adapter's bottleneck, relative to the width of its tokens.
    adapter_scale : float, default 0.5
        Factor of the MLP adapter.
    adapter_init : {"default", "zero"}, default "default"
        Initial values of the adapters.  INFERRED: the original initialises nothing specially,
        which is ``default``; with ``zero`` training starts from SAM's own output.
    seed : int, default 0
        Of the initial values.
    precision : {"auto", "float32", "bfloat16", "float16"}, default "auto"
        Of encoder and decoder; prompts are always embedded in float32.  ``auto``: bfloat16 on a
        CUDA device, else float32.
    device : str, default "cpu"
        Torch device that computes.

    Notes
    -----
    INFERRED: the row "MedSAM-Adapter" of SAMSA 2.0's table names no backbone; SAM ViT-B is the one
    that the original was published with.  INFERRED: one mask per object, SAM's first
    (``multimask_output=False``), whatever the number of clicks; so the heads for further masks and
    for SAM's quality score get no gradient, and stay frozen.

    The adapters are inside the encoder, so an encoding is good for the weights it was made by: no
    other component can use it, and no cache on disk keeps it.  An image is encoded once per set of
    weights, on the first `predict` or `logits`, whatever the number of objects and clicks; each
    backward pass encodes once more, see `hsizoo_medsam.recompute`.
    """

    min_bands = 1

    def __init__(
        self,
        *,
        checkpoint: str = "auto",
        image_size: int = 1024,
        adapter_ratio: float = 0.25,
        adapter_scale: float = 0.5,
        adapter_init: AdapterInit = "default",
        seed: int = 0,
        precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto",
        device: str = "cpu",
    ) -> None:
        if not 0 < adapter_ratio < float("inf"):
            raise OptionError(f"adapter_ratio={adapter_ratio}: must be positive and finite")
        self._device = torch.device(device)
        if precision == "auto":
            precision = "bfloat16" if self._device.type == "cuda" else "float32"
        self._dtype: torch.dtype = getattr(torch, precision)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._model = Sam(image_size, VIT_B)
            if checkpoint != "random":
                self._model.load_original(sam_weights(checkpoint))
            insert_adapters(self._model.blocks, adapter_ratio, adapter_scale, adapter_init)
        self._trained = False
        self._model.to(self._device).eval()
        names = _trained_names(self._model)
        for name, parameter in self._model.named_parameters():
            parameter.requires_grad_(name in names)
        self._trainable = {
            name: parameter for name, parameter in self._model.named_parameters() if name in names
        }
        self._in_encoder = [
            parameter
            for name, parameter in self._trainable.items()
            if name.startswith("image_encoder.")
        ]

    @property
    def trained(self) -> bool:
        """Whether trained weights were loaded; SAM's own are not."""
        return self._trained

    @cached_property
    def frozen_digest(self) -> str:
        """SHA-256 of the frozen weights and of the image size."""
        frozen = {
            name: value
            for name, value in self._model.state_dict().items()
            if name not in self._trainable
        }
        return frozen_digest(frozen, self._model.image_size)

    def trainable(self) -> Mapping[str, nn.Parameter]:
        """Adapters and mask decoder, by name."""
        return dict(self._trainable)

    def train(self, mode: bool = True) -> None:
        """Switch adapters and decoder to training mode; no layer of theirs depends on it."""
        self._model.mask_decoder.train(mode)
        for module in self._model.image_encoder.modules():
            if isinstance(module, Adapter):
                module.train(mode)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The trained weights, by name; they share memory with the parameters."""
        return {name: parameter.detach() for name, parameter in self._trainable.items()}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restore what `state_dict` returned.

        Raises
        ------
        DataError
            If a name is missing, unknown or of another shape.
        """
        check_layout(self._trainable, state, "medsam-adapter")
        with torch.no_grad():
            for name, parameter in self._trainable.items():
                parameter.copy_(state[name])
        self._trained = True

    def open(self, cube: hsizoo.HyperCube) -> OpenedImage:
        """Make the picture that the encoder will see; see the notes of the class."""
        height, width, _ = cube.shape
        frame = Frame(height, width, self._model.image_size)
        return OpenedImage(frame.resize(pseudo_rgb(cube)).to(self._device), frame)

    def predict(self, state: OpenedImage, prompts: Sequence[hsizoo.Clicks]) -> torch.Tensor:
        """Segment N objects; see `InteractiveSegmenter.predict`.

        Raises
        ------
        ClickError
            If an object has no click, or a click is outside the image.
        """
        with torch.no_grad():
            return self.logits(state, prompts).sigmoid_()

    def logits(self, state: OpenedImage, prompts: Sequence[hsizoo.Clicks]) -> torch.Tensor:
        """Segment N objects, differentiably where gradients are enabled.

        Objects with as many clicks are decoded together.

        Returns
        -------
        Tensor of float32, shape (N, H, W)
        """
        frame = state.frame
        for clicks in prompts:
            if not len(clicks):
                raise ClickError("an object needs at least one click")
            clicks.check_inside(frame.height, frame.width)
        if not prompts:
            return torch.zeros((0, frame.height, frame.width), device=self._device)
        features = self._features(state)
        maps: dict[int, torch.Tensor] = {}
        for batch in _batches(prompts):
            logits = self._decode(features, frame, [prompts[n] for n in batch])
            maps.update(zip(batch, logits, strict=True))
        return torch.stack([maps[n] for n in range(len(prompts))])

    def _decode(
        self, features: Features, frame: Frame, prompts: Sequence[hsizoo.Clicks]
    ) -> torch.Tensor:
        """Logits (N, H, W) of objects that all have as many clicks."""
        points = np.stack([frame.points(clicks) for clicks in prompts])
        labels = np.stack([clicks.positive for clicks in prompts]).astype(np.float32)
        embedded = self._model.embed_prompts(
            torch.from_numpy(points).to(self._device), torch.from_numpy(labels).to(self._device)
        )
        with self._autocast():
            logits = self._model.decode(features, embedded)
        return frame.restore(logits.float())

    def _features(self, state: OpenedImage) -> Features:
        """The image's encoding by the present weights, with a gradient where one is wanted."""
        version = tuple(parameter._version for parameter in self._in_encoder)
        if state.encoding is None or state.version != version:
            with torch.no_grad():
                state.encoding = self._encode(state.image)
            state.version, state.differentiable = version, None
        if not torch.is_grad_enabled():
            return state.encoding
        if state.differentiable is None:
            image = state.image  # not the state: the graph would keep the state that keeps it
            state.differentiable = attach(
                state.encoding, lambda: self._encode(image), self._in_encoder
            )
        return state.differentiable

    def _encode(self, image: torch.Tensor) -> Features:
        with self._autocast():
            return tuple(feature.float() for feature in self._model.encode(image))

    def _autocast(self) -> torch.autocast:
        """The component's own precision, whatever the caller's is."""
        enabled = self._dtype != torch.float32
        return torch.autocast(self._device.type, self._dtype if enabled else None, enabled=enabled)


def _trained_names(model: nn.Module) -> set[str]:
    """Names of the adapters' parameters, and of those of the decoder that are used."""
    adapters = tuple(
        f"{name}." for name, module in model.named_modules() if isinstance(module, Adapter)
    )
    return {
        name
        for name, _ in model.named_parameters()
        if name.startswith(("mask_decoder.", *adapters)) and not name.startswith(_UNUSED_HEADS)
    }


def _batches(prompts: Sequence[hsizoo.Clicks]) -> list[list[int]]:
    """Numbers of objects with as many clicks, in bounded batches.

    SAM has a token for padding, but a padded object is not segmented quite as it is alone.
    """
    by_length: dict[int, list[int]] = {}
    for number, clicks in enumerate(prompts):
        by_length.setdefault(len(clicks), []).append(number)
    return [
        numbers[first : first + _OBJECTS_AT_ONCE]
        for numbers in by_length.values()
        for first in range(0, len(numbers), _OBJECTS_AT_ONCE)
    ]
