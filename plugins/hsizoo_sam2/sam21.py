"""Frozen SAM 2.1, prompted by clicks on a pseudo-RGB image, and what it shares with other SAMs.

N. Ravi et al., "SAM 2: Segment Anything in Images and Videos", arXiv:2408.00714; as a baseline on
hyperspectral images: SAMSA 2.0, arXiv:2508.00493, section 3.3.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

import hsizoo
from hsizoo import embedding_cache, embedding_key
from hsizoo.errors import ClickError
from hsizoo.io import PseudoRgb
from hsizoo_sam2.building import describe_encoder
from hsizoo_sam2.decoding import Masks
from hsizoo_sam2.identity import base_weights, weight_files
from hsizoo_sam2.network import Projection, build_network
from hsizoo_sam2.options import PromptedOptions, Sam21Options
from hsizoo_sam2.prompted import PromptedNetwork
from hsizoo_sam2.resizing import resize

__all__ = ["PromptedSam", "Sam21", "Sam21Image"]

_OBJECTS_AT_ONCE = 16  # limits the decoder's memory: about 60 MB per object at 1024 pixels


@dataclass(eq=False)
class Sam21Image:
    """An opened image.

    Parameters
    ----------
    height, width : int
        Size of the image in pixels.
    features : dict of str to Tensor
        Output of the frozen encoder; shared with other components and never modified.
    small : Tensor of float32, shape (1, 3, mask_size, mask_size)
        Normalised pseudo-RGB image at the size of mask prompts.
    shown : dict
        Description of the pseudo-RGB image: policy, bands, stretch.
    projection : Projection, optional
        Features projected for the decoder.
    projected_by : tuple
        State of the decoder's weights when `projection` was computed.
    """

    height: int
    width: int
    features: dict[str, torch.Tensor]
    small: torch.Tensor
    shown: dict[str, Any]
    projection: Projection | None = None
    projected_by: tuple[object, ...] = ()


class PromptedSam(hsizoo.InteractiveSegmenter):
    """A SAM of any version, prompted by clicks or boxes.

    The image is encoded once, through the embedding cache; objects are decoded in batches.  A
    subclass sets `network` and `encoding`.

    Parameters
    ----------
    **options
        See `hsizoo_sam2.options.PromptedOptions`.

    Attributes
    ----------
    network : PromptedNetwork
    encoding : dict
        Plain values that, with the picture and the encoder's weights, determine an encoding.

    Notes
    -----
    Masks are not fed back: a prediction depends on the clicks alone.  INFERRED: the paper's loop
    passes clicks only.  sam2's fallback from an unstable single mask is disabled.
    """

    Options: ClassVar[Any] = PromptedOptions
    options: PromptedOptions
    network: PromptedNetwork
    encoding: dict[str, Any]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        chosen = self.options
        nm = (chosen.red_nm, chosen.green_nm, chosen.blue_nm)
        self.pseudo_rgb = PseudoRgb(chosen.rgb, chosen.stretch, nm)
        self._changes = 0

    @property
    def pretrained(self) -> bool:
        """Whether the weights come from a file; random weights are for tests and timing."""
        return self.network.pretrained

    def invalidate(self) -> None:
        """Invalidate results that open images keep from the decoder's previous weights.

        Weight changes are detected by torch's version counters, which a fused optimizer does not
        update: call this after its step, unless `train` or `load_state_dict` follows.
        """
        self._changes += 1

    def open(self, cube: hsizoo.HyperCube) -> Sam21Image:
        """Render the pseudo-RGB image and encode it, unless its encoding is cached.

        Raises
        ------
        DataError
            If the cube lacks the bands or wavelengths that the pseudo-RGB policy needs.
        """
        with torch.inference_mode(False), torch.no_grad():  # regardless of the caller's mode
            return self._open(cube)

    def _open(self, cube: hsizoo.HyperCube) -> Sam21Image:
        network = self.network
        pixels = self.pseudo_rgb.render(cube)
        inputs = network.preprocess(torch.from_numpy(pixels))
        shown = self.pseudo_rgb.describe(cube)
        key = embedding_key(
            hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest(),
            {
                **shown,
                **self.encoding,
                "input": network.image_size,
                "device": network.device.type,
                "precision": network.precision,
            },
            network.encoder_digest,
        )
        features = embedding_cache().get(key, lambda: network.encode(inputs))
        features = {name: each.to(network.device) for name, each in features.items()}
        small = resize(inputs, network.mask_size)
        return Sam21Image(*cube.shape[:2], features, small, shown)

    def describe(self, state: Sam21Image) -> dict[str, Any]:
        """Return how the pseudo-RGB image was made, and the precision."""
        return {"pseudo_rgb": state.shown, "precision": self.network.precision}

    def predict(self, state: Sam21Image, prompts: Sequence[hsizoo.Clicks]) -> torch.Tensor:
        """Segment N objects; see `hsizoo.InteractiveSegmenter.predict`.

        Raises
        ------
        ClickError
            If an object has no click, or a click outside the image.
        """
        with torch.no_grad():
            return self._logits(state, prompts).sigmoid_()

    def predict_boxes(self, state: Sam21Image, boxes: npt.NDArray[np.int64]) -> torch.Tensor:
        """Segment N objects by SAM 2.1's box prompt; see `hsizoo.InteractiveSegmenter`.

        Raises
        ------
        ClickError
            If a box extends beyond the image.
        """
        with torch.no_grad():
            return self._box_logits(state, _checked_boxes(state, boxes)).sigmoid_()

    def _box_logits(self, state: Any, boxes: npt.NDArray[np.int64]) -> torch.Tensor:
        """Return logits (N, H, W) of the objects in the boxes."""
        return self._upsample(state, self._decode_boxes(state, boxes))

    def _decode_boxes(
        self, state: Sam21Image, boxes: npt.NDArray[np.int64], dense: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return logits (N, mask_size, mask_size); see `_decode` for `dense`."""
        device, side = self.network.device, self.network.mask_size
        projection = self._projection(state)
        corners = torch.as_tensor(boxes)[:, [1, 0, 3, 2]].reshape(-1, 2, 2).float()  # (x, y)
        points = self.placed(corners, state.height, state.width).to(device)
        parts = [torch.zeros((0, side, side), device=device)]
        for start in range(0, len(boxes), _OBJECTS_AT_ONCE):
            batch = slice(start, start + _OBJECTS_AT_ONCE)
            prompts = self.network.encode_boxes(
                points[batch], None if dense is None else dense[batch]
            )
            found = self.network.decode_prompts(projection, prompts, masks=self.wanted(2))
            parts.append(found.logits[:, 0])
        return torch.cat(parts)

    def _logits(self, state: Sam21Image, prompts: Sequence[hsizoo.Clicks]) -> torch.Tensor:
        """Return logits (N, H, W), differentiable if gradients are enabled."""
        return self._upsample(state, self._decode(state, prompts))

    def _upsample(self, state: Sam21Image, masks: torch.Tensor) -> torch.Tensor:
        return self.network.restore(masks[:, None], state.height, state.width)[:, 0]

    def _decode(
        self,
        state: Sam21Image,
        prompts: Sequence[hsizoo.Clicks],
        dense: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return logits (N, mask_size, mask_size) of the chosen mask of each object.

        `dense` holds mask prompts (N, C, mask_size, mask_size); SAM 2.1 itself uses none.
        """
        side = self.network.mask_size
        if not prompts:
            return torch.zeros((0, side, side), device=self.network.device)
        # Objects with the same number of clicks are decoded together.  Padding with empty points,
        # as sam2 supports, would change the result: the decoder attends to padding.
        groups = defaultdict(list)
        for n, clicks in enumerate(prompts):
            if not len(clicks):
                raise ClickError("an object needs at least one click")
            clicks.check_inside(state.height, state.width)
            groups[len(clicks)].append(n)
        projection = self._projection(state)
        order: list[int] = []
        parts = []
        for group in groups.values():
            for start in range(0, len(group), _OBJECTS_AT_ONCE):
                batch = group[start : start + _OBJECTS_AT_ONCE]
                points, labels = self._points(state, [prompts[n] for n in batch])
                logits, _ = self.network.decode(
                    projection,
                    points,
                    labels,
                    None if dense is None else dense[batch],
                    masks=self.wanted(labels.shape[1]),
                )
                parts.append(logits[:, 0])
                order.extend(batch)
        decoded = torch.cat(parts)
        if order == sorted(order):
            return decoded
        return decoded[sorted(range(len(order)), key=order.__getitem__)]

    def mask_prompts(self, state: Any, prompts: Sequence[hsizoo.Clicks]) -> torch.Tensor | None:
        """Return mask prompts (N, C, mask_size, mask_size), or None if the model uses none."""
        return None

    def fuse(
        self, state: Any, logits: torch.Tensor, prompts: Sequence[hsizoo.Clicks]
    ) -> torch.Tensor:
        """Apply the model's late fusion to logits (N, H, W); SAM 2.1 has none."""
        return logits

    def _points(
        self, state: Sam21Image, prompts: Sequence[hsizoo.Clicks]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return click positions (x, y) in the network's input, and their labels."""
        device = self.network.device
        points = torch.tensor(
            [[(col, row) for row, col, _ in clicks] for clicks in prompts], dtype=torch.float32
        )
        labels = torch.tensor([[int(sign) for *_, sign in clicks] for clicks in prompts])
        scaled = self.placed(points, state.height, state.width)
        return scaled.to(device), labels.to(device=device, dtype=torch.int32)

    def placed(self, points: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Convert positions (x, y) in an image of this size to positions in the input."""
        rows, cols = self.network.covered(height, width)
        return points / points.new_tensor((width, height)) * points.new_tensor((cols, rows))

    def wanted(self, clicks: int) -> Masks:
        """Return which mask of an object with this number of clicks is used."""
        multimask = self.options.multimask
        single = multimask == "single" or (multimask == "auto" and clicks > 1)
        return "single" if single else "best"

    def _projection(self, state: Sam21Image) -> Projection:
        """Project the features; what needs no gradient is kept until the weights change."""
        network = self.network
        used = (*network.projecting.values(), *network.first_layer.values())
        now = (self._changes, *(item for each in used for item in (id(each), each._version)))
        if state.projection is None or state.projected_by != now:
            with torch.inference_mode(False), torch.no_grad():  # it may be trained on later
                state.projection, state.projected_by = network.project(state.features), now
        if torch.is_grad_enabled():
            return network.attach(state.projection, state.features)
        if state.projection.first is None:
            with torch.inference_mode(False), torch.no_grad():
                state.projection = network.keep(state.projection)
        return state.projection


class Sam21(PromptedSam):
    """SAM 2.1 with Meta's weights, without further training.

    Parameters
    ----------
    device : str, default "cpu"
        Torch device.
    **options
        See `hsizoo_sam2.options.Sam21Options`.
    """

    Options: ClassVar[Any] = Sam21Options
    options: Sam21Options

    def __init__(self, *, device: str = "cpu", **options: Any) -> None:
        super().__init__(**options)
        chosen = self.options
        self.network = build_network(
            chosen.size,
            chosen.checkpoint,
            device=device,
            precision=chosen.precision,
            channels_last=chosen.channels_last,
            compile=chosen.compile,
        )
        self.encoding = {
            **describe_encoder(chosen.size),
            "resize": "bilinear, antialias",
            "normalise": "imagenet",
            "features": "neck, before conv_s0, conv_s1 and no_mem_embed",
            "channels_last": chosen.channels_last,
            "compile": chosen.compile,
        }

    @staticmethod
    def base_weights(**options: Any) -> str:
        """Identify the weights of SAM 2.1; see `hsizoo.Component.base_weights`.

        Only the options `size` and `checkpoint` matter.

        Raises
        ------
        OptionError
            If the size is unknown, or `checkpoint` is Meta's name for another size.
        """
        return base_weights(options.get("size", "tiny"), options.get("checkpoint", "auto"))

    @staticmethod
    def weight_files(**options: Any) -> Sequence[hsizoo.WeightFile]:
        """List Meta's file of this size; see `hsizoo.Component.weight_files`.

        Raises
        ------
        OptionError
            As `base_weights`.
        """
        return weight_files(options.get("size", "tiny"), options.get("checkpoint", "auto"))


def _checked_boxes(state: Any, boxes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    sam = getattr(state, "sam", state)  # models built on SAM 2.1 wrap its state
    for top, left, bottom, right in np.asarray(boxes).tolist():
        if not (0 <= top <= bottom < sam.height and 0 <= left <= right < sam.width):
            raise ClickError(
                f"box {(top, left, bottom, right)} (first row, first column, last row, last "
                f"column) is not inside the image of {sam.height} rows × {sam.width} columns"
            )
    return boxes
