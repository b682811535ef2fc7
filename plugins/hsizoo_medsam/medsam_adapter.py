"""Medical SAM Adapter: SAM with trained adapters in its image encoder.

J. Wu et al., "Medical SAM Adapter: adapting Segment Anything Model for medical image
segmentation", arXiv:2304.12620.

Written from a description of the method; the released code (GPL) was not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from hsizoo_sam2 import Sam21, file_weights
from torch import nn

import hsizoo
from hsizoo.errors import ClickError
from hsizoo.io import PseudoRgb
from hsizoo_medsam.adapters import Adapter, insert_adapters
from hsizoo_medsam.frame import Frame
from hsizoo_medsam.options import MedSamAdapterOptions
from hsizoo_medsam.recompute import Features, attach
from hsizoo_medsam.sam import VIT_B, Sam
from hsizoo_medsam.sam2 import Sam2, build_sam2
from hsizoo_medsam.weights import SAM_VIT_B, check_layout, frozen_digest, sam_weights

__all__ = ["MedSamAdapter", "OpenedImage"]

_OBJECTS_AT_ONCE = 16  # about 100 MB per object in the decoder, in float32 at 1024 × 1024

# Decoder heads without a gradient: only one mask per object and no quality score is used.
_UNUSED_HEADS = (
    "iou_prediction_head.",
    "pred_obj_score_head.",
    *(f"output_hypernetworks_mlps.{number}." for number in (1, 2, 3)),
)

_FROZEN_SEED = 0  # seed of a backbone with random weights

Version = tuple[int, ...]


@dataclass(eq=False)
class OpenedImage:
    """An opened image: the encoder's input, and the encoding for the current weights.

    Parameters
    ----------
    image : Tensor of uint8
        Pseudo-RGB image in the encoder's input format, on the segmenter's device.
    frame : Frame
        Geometry of the image.
    shown : dict
        Description of the pseudo-RGB image: policy, bands, stretch.
    encoding : tuple of Tensor or None
        Encoding by the weights of `version`, without gradients.
    differentiable : tuple of Tensor or None
        The same values with a gradient to the adapters; no activations are kept.
    version : tuple of int or None
        Version of the encoder's weights that `encoding` was made with.
    """

    image: torch.Tensor
    frame: Frame
    shown: dict[str, Any]
    encoding: Features | None = None
    differentiable: Features | None = None
    version: Version | None = None


class MedSamAdapter(hsizoo.TrainableSegmenter):
    """SAM with a space adapter and an MLP adapter in every block of its image encoder.

    The adapters and the mask decoder are trained; the rest of the image encoder and the prompt
    encoder are frozen.

    Parameters
    ----------
    device : str, default "cpu"
        Torch device.
    **options
        See `hsizoo_medsam.options.MedSamAdapterOptions`.

    Notes
    -----
    INFERRED: one mask per object, SAM's first (``multimask_output=False``), for any number of
    clicks.  The heads for further masks and for SAM's quality score therefore get no gradient and
    stay unchanged.

    With SAM ViT-B, 10,607,232 of 100,836,400 parameters are trained: 7,100,928 in the adapters,
    3,506,304 in the decoder.

    The adapters are inside the encoder, so an encoding is only valid for the weights that made it:
    it is neither shared with other components nor cached on disk.  An image is encoded once per
    set of weights, on the first `predict` or `logits`, for any number of objects and clicks; each
    backward pass encodes once more, see `hsizoo_medsam.recompute`.
    """

    min_bands = 1

    Options: ClassVar = MedSamAdapterOptions
    options: MedSamAdapterOptions
    free_options = frozenset({"precision", "checkpoint"})
    one_backward = True  # each backward pass encodes the image again

    def __init__(self, *, device: str = "cpu", **options: Any) -> None:
        super().__init__(**options)
        chosen = self.options
        precision: str = chosen.precision
        if precision == "auto":
            precision = "bfloat16" if torch.device(device).type == "cuda" else "float32"
        dtype: torch.dtype = getattr(torch, precision)
        adapters_seed = torch.initial_seed() if chosen.seed is None else chosen.seed
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(_FROZEN_SEED)
            model = _build(chosen.backbone, chosen.checkpoint, chosen.image_size, dtype)
            torch.default_generator.manual_seed(adapters_seed)
            insert_adapters(
                model.blocks, chosen.adapter_ratio, chosen.adapter_scale, chosen.adapter_init
            )
        self._pseudo_rgb = PseudoRgb(chosen.rgb, chosen.stretch)
        self._changes = 0
        self._adopt(model.to(torch.device(device)).eval())

    def _adopt(self, model: Sam | Sam2) -> None:
        """Set the model, which has adapters, and select its trainable parameters."""
        adapters = [each for each in model.modules() if isinstance(each, Adapter)]
        self._in_encoder = [each for adapter in adapters for each in adapter.parameters()]
        used = [
            each
            for name, each in model.decoder.named_parameters()
            if not name.startswith(_UNUSED_HEADS)
        ]
        trained = set(map(id, [*self._in_encoder, *used]))
        self._trainable = {}
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(id(parameter) in trained)
            if id(parameter) in trained:
                self._trainable[name] = parameter
        self._model = model
        self._device = self._in_encoder[0].device

    @staticmethod
    def base_weights(**options: Any) -> str:
        """Identify the weights of the backbone; see `hsizoo.Component.base_weights`.

        The adapters always start from random weights.  Only the options `backbone` and
        `checkpoint` matter.

        Raises
        ------
        OptionError
            If the backbone is unknown, or `checkpoint` is Meta's name for another one.
        """
        backbone = options.get("backbone", "sam-vit-b")
        checkpoint = options.get("checkpoint", "auto")
        if backbone != "sam-vit-b":
            size = backbone.removeprefix("sam2.1-")
            return Sam21.base_weights(size=size, checkpoint=checkpoint)
        if checkpoint == "auto":
            return f"sha256:{SAM_VIT_B.sha256}"
        return f"random:{_FROZEN_SEED}" if checkpoint == "random" else file_weights(checkpoint)

    @staticmethod
    def weight_files(**options: Any) -> Sequence[hsizoo.WeightFile]:
        """List Meta's file of the backbone; see `hsizoo.Component.weight_files`."""
        backbone = options.get("backbone", "sam-vit-b")
        checkpoint = options.get("checkpoint", "auto")
        if backbone != "sam-vit-b":
            size = backbone.removeprefix("sam2.1-")
            return Sam21.weight_files(size=size, checkpoint=checkpoint)
        return (SAM_VIT_B,) if checkpoint == "auto" else ()

    def invalidate(self) -> None:
        """Invalidate encodings that open images keep from the previous weights.

        Weight changes are detected by torch's version counters, which a fused optimizer does not
        update: call this after its step, unless `train` or `load_state_dict` follows.
        """
        self._changes += 1

    def _version(self) -> Version:
        return (self._changes, *(parameter._version for parameter in self._in_encoder))

    @cached_property
    def frozen_digest(self) -> str:
        """SHA-256 of the frozen weights and the image size."""
        frozen = {
            name: value
            for name, value in self._model.state_dict().items()
            if name not in self._trainable
        }
        return frozen_digest(frozen, self._model.image_size)

    def trainable(self) -> Mapping[str, nn.Parameter]:
        """Return the parameters of adapters and mask decoder by name."""
        return dict(self._trainable)

    def train(self, mode: bool = True) -> None:
        """Set the mode of adapters and decoder; none of their layers depends on it."""
        self.invalidate()
        self._model.decoder.train(mode)
        for module in self._model.modules():
            if isinstance(module, Adapter):
                module.train(mode)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the trained weights by name, copied to the CPU."""
        return {name: each.detach().cpu().clone() for name, each in self._trainable.items()}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restore what `state_dict` returned.

        Raises
        ------
        DataError
            If a name is missing or unknown, or a shape differs.
        """
        check_layout(self._trainable, state, "medsam-adapter")
        with torch.no_grad():
            for name, parameter in self._trainable.items():
                parameter.copy_(state[name])
        self.invalidate()

    def open(self, cube: hsizoo.HyperCube) -> OpenedImage:
        """Render the pseudo-RGB image; it is encoded later, see the notes of the class.

        Raises
        ------
        DataError
            If the cube lacks the bands or wavelengths that option `rgb` needs.
        """
        height, width, _ = cube.shape
        frame = self._model.frame(height, width)
        with torch.inference_mode(False):  # the image may be used for training later
            image = frame.fit(self._pseudo_rgb.render(cube)).to(self._device)
        return OpenedImage(image, frame, self._pseudo_rgb.describe(cube))

    def describe(self, state: OpenedImage) -> dict[str, Any]:
        """Return how the pseudo-RGB image was made, the precision and the image size."""
        return {
            "pseudo_rgb": state.shown,
            "precision": str(self._model.dtype).removeprefix("torch."),
            "image_size": self._model.image_size,
        }

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

        Objects with the same number of clicks are decoded together.

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
        projection = self._model.project(self._features(state))
        maps: dict[int, torch.Tensor] = {}
        for batch in _batches(prompts):
            logits = self._decode(projection, frame, [prompts[n] for n in batch])
            maps.update(zip(batch, logits, strict=True))
        return torch.stack([maps[n] for n in range(len(prompts))])

    def _decode(
        self, projection: Any, frame: Frame, prompts: Sequence[hsizoo.Clicks]
    ) -> torch.Tensor:
        """Return logits (N, H, W) of objects that have the same number of clicks."""
        points = np.stack([frame.points(clicks) for clicks in prompts])
        labels = np.stack([clicks.positive for clicks in prompts]).astype(np.int32)
        decoded = self._model.decode(
            projection,
            torch.from_numpy(points).to(self._device),
            torch.from_numpy(labels).to(self._device),
        )
        return frame.restore(decoded)

    def _features(self, state: OpenedImage) -> Features:
        """Return the encoding for the current weights, with gradients if enabled."""
        version = self._version()
        if state.encoding is None or state.version != version:
            with torch.inference_mode(False), torch.no_grad():  # as in `open`
                state.encoding = self._model.encode(state.image)
            state.version, state.differentiable = version, None
        if not torch.is_grad_enabled():
            return state.encoding
        if state.differentiable is None:
            image = state.image  # capturing the state itself would create a reference cycle
            state.differentiable = attach(
                state.encoding, lambda: self._model.encode(image), self._in_encoder, self._version
            )
        return state.differentiable


def _build(
    backbone: str, checkpoint: str, image_size: int | None, dtype: torch.dtype
) -> Sam | Sam2:
    """Build a backbone on the CPU, without adapters."""
    if backbone != "sam-vit-b":
        return build_sam2(backbone.removeprefix("sam2.1-"), checkpoint, image_size, dtype)
    sam = Sam(1024 if image_size is None else image_size, VIT_B, dtype)
    if checkpoint != "random":
        sam.load_original(sam_weights(checkpoint))
    return sam


def _batches(prompts: Sequence[hsizoo.Clicks]) -> list[list[int]]:
    """Group object indices by number of clicks, in batches of limited size.

    SAM has a padding token, but padding slightly changes the segmentation of an object.
    """
    by_length: dict[int, list[int]] = {}
    for number, clicks in enumerate(prompts):
        by_length.setdefault(len(clicks), []).append(number)
    return [
        numbers[first : first + _OBJECTS_AT_ONCE]
        for numbers in by_length.values()
        for first in range(0, len(numbers), _OBJECTS_AT_ONCE)
    ]
