"""IPG engine for SAM, SAM 2.1 and models built on them: groups encoded once, decoded in batches."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from hsizoo_sam2 import Decoded, Projection, PromptedSam, Prompts

import hsizoo
from hsizoo.errors import DataError
from hsizoo_ipg.engines import Engine
from hsizoo_ipg.group_cache import GroupCache
from hsizoo_ipg.groups import Groups
from hsizoo_ipg.voting import Ballot

__all__ = ["Bundle", "Decoding", "DenseEngine"]

_MASK_PIXELS = (
    2**21
)  # mask pixels that a GPU decodes at once: 512 masks of SAM 2.1 nano, 32 of small
_CHANNELS = ("tokens", "middle", "fine")
_CHANNELS_AT_ONCE = 16  # of an image of features that is enlarged: 64 MiB at 1024 × 1024


@dataclass(frozen=True, eq=False)
class Bundle:
    """Encoded prompts of classes with the same number of points.

    Padding with empty points would change the masks, as the decoder attends to them.

    Parameters
    ----------
    classes : list of int
        Indices of the classes.
    prompts : Prompts
        See `hsizoo_sam2.PromptedNetwork.encode_prompts`.
    points : int
        Number of points per class.
    """

    classes: list[int]
    prompts: Prompts
    points: int


@dataclass(frozen=True, eq=False)
class _Given:
    """What is encoded for one `Bundle`: clicks in the network's input, signs, mask prompts."""

    classes: list[int]
    places: torch.Tensor
    signs: torch.Tensor
    masks: torch.Tensor | None


@dataclass(frozen=True, eq=False)
class Decoding:
    """Decoder output for one bundle on G groups.

    Parameters
    ----------
    classes : list of int, length n
    logits : Tensor, shape (G, n, side, side) or (G, n, m)
        Everywhere, or at m places.
    features : Tensor, shape (G, n, side side, C) or (G, n, m, C), optional
        Upscaled embedding of the decoder, in the order of `pixel_order`.
    """

    classes: list[int]
    logits: torch.Tensor
    features: torch.Tensor | None


class DenseEngine(Engine):
    """Engine for SAM, SAM 2.1, SAMSA, SAMSA 2.0 and related models.

    The spectral prompt of SAMSA 2.0 and the late-fusion map of SAMSA use all bands of the cube;
    the pseudo-RGB image is that of the group.  (Exception: the image in the mask prompt of SAMSA
    2.0 with ``injection=concat4`` is that of the cube.)

    Parameters
    ----------
    segmenter : PromptedSam
    cube : HyperCube
    groups : Groups
    budget_gb : float
        Memory budget of `GroupCache`, in GiB.
    """

    def __init__(
        self, segmenter: PromptedSam, cube: hsizoo.HyperCube, groups: Groups, budget_gb: float
    ) -> None:
        super().__init__(segmenter, cube, groups)
        self.network: Any = segmenter.network
        self._state = segmenter.open(cube)
        self._colours = replace(segmenter.pseudo_rgb, rgb="bands")
        self._cache = GroupCache(self._keys(), self._project, budget_gb)
        self._last: tuple[Sequence[hsizoo.Clicks], list[_Given]] | None = None

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        device: torch.device = self.network.device
        return device

    def _keys(self) -> list[hsizoo.EmbeddingKey]:
        network = self.network
        who = network.encoder_digest + hsizoo.state_digest(network.projecting)
        shown = hashlib.sha256(self.groups.source.tobytes()).hexdigest()
        common = {
            "stretch": self._colours.stretch,
            "input": network.image_size,
            "precision": network.precision,
            "device": network.device.type,
            "features": "projection of a group, float16",
        }
        return [
            hsizoo.embedding_key(shown, {**common, "bands": list(bands)}, who)
            for bands in self.groups.bands
        ]

    def _project(self, number: int) -> Projection:
        network = self.network
        pixels = self._colours.render(self.groups.cube(number))
        with torch.inference_mode(False), torch.no_grad():
            features = network.encode(network.preprocess(torch.from_numpy(pixels)))
            projection: Projection = network.project(features)
        return projection

    def features(self, kind: str) -> torch.Tensor:
        """Return features (D, H, W): means over the groups, resized to the cube.

        ``image`` is the encoder's embedding, ``fine`` its features at stride 4 as projected for
        the decoder.

        Raises
        ------
        DataError
            If the segmenter has no features of this kind.
        """
        total: torch.Tensor | None = None
        for number in range(len(self.groups)):
            projection = self._cache.get(number)
            height, width = projection.height, projection.width
            if kind == "fine":
                if len(projection.fine) == 1 < height * width:
                    raise DataError(
                        f"features=fine needs SAM 2.1; {type(self.segmenter).__name__} has no "
                        "features at stride 4: use features=image"
                    )
                parts = projection.fine.view(height, width, 2, 2, 2, 2, -1)
                image = parts.permute(6, 0, 2, 4, 1, 3, 5).reshape(-1, 4 * height, 4 * width)
            else:
                image = projection.tokens[0].T.reshape(-1, height, width)
            total = image if total is None else total + image
        assert total is not None
        mean = total[None] / len(self.groups)
        parts = [self._enlarge(part) for part in mean.split(_CHANNELS_AT_ONCE, dim=1)]
        return torch.cat(parts, dim=1)[0]

    def vote(self, prompts: Sequence[hsizoo.Clicks], ballot: Ballot) -> None:
        """See `Engine.vote`."""
        with torch.no_grad():
            bundles = list(self.bundles(prompts))
            for part in self._parts(len(prompts)):
                for found in self.decode(bundles, part, features=False):
                    self._cast(found, prompts, ballot)

    def _cast(self, found: Decoding, prompts: Sequence[hsizoo.Clicks], ballot: Ballot) -> None:
        for place, number in enumerate(found.classes):
            masks = self._enlarge(found.logits[:, place, None])[:, 0]
            mine = [prompts[number]] * len(masks)
            ballot.add(number, self.segmenter.fuse(self._state, masks, mine), logits=True)

    def _enlarge(self, maps: torch.Tensor) -> torch.Tensor:
        enlarged: torch.Tensor = self.network.restore(maps.float(), *self.cube.shape[:2])
        return enlarged

    def _parts(self, classes: int) -> Iterator[list[int]]:
        """Yield groups to decode together; one at a time on the CPU, where batches do not help."""
        step = 1
        if self.device.type != "cpu":
            step = max(1, _MASK_PIXELS // (classes * self.network.mask_size**2))
        for start in range(0, len(self.groups), step):
            yield list(range(start, min(start + step, len(self.groups))))

    def bundles(self, prompts: Sequence[hsizoo.Clicks]) -> Iterator[Bundle]:
        """Encode the prompts, differentiably if gradients are enabled."""
        if self._last is None or self._last[0] is not prompts:
            self._last = prompts, list(self._given(prompts))
        for given in self._last[1]:
            encoded = self.network.encode_prompts(given.places, given.signs, given.masks)
            yield Bundle(given.classes, encoded, given.signs.shape[1])

    def _given(self, prompts: Sequence[hsizoo.Clicks]) -> Iterator[_Given]:
        """Collect classes with the same number of points; what they give needs no weights."""
        size = self.cube.shape[:2]
        same: defaultdict[int, list[int]] = defaultdict(list)
        for number, clicks in enumerate(prompts):
            same[len(clicks)].append(number)
        for classes in same.values():
            chosen = [prompts[number] for number in classes]
            places = torch.tensor([[(col, row) for row, col, _ in each] for each in chosen])
            signs = torch.tensor([[int(sign) for *_, sign in each] for each in chosen])
            yield _Given(
                classes,
                self.segmenter.placed(places.float(), *size).to(self.device),
                signs.to(device=self.device, dtype=torch.int32),
                self.segmenter.mask_prompts(self._state, chosen),
            )

    def decode(
        self,
        bundles: Sequence[Bundle],
        groups: Sequence[int],
        *,
        features: bool = True,
        at: torch.Tensor | None = None,
    ) -> Iterator[Decoding]:
        """Decode bundles on some groups, differentiably if gradients are enabled.

        With `at`, only at these places, in the order of `Decoding.features`.
        """
        projections = [self._cache.get(number) for number in groups]
        many = len(groups)
        for bundle in bundles:
            count = len(bundle.classes)
            # One group is shared by all objects; several are repeated for each object.
            projection = projections[0] if many == 1 else _stack(projections, count)
            found: Decoded = self.network.decode_prompts(
                projection,
                bundle.prompts.repeat(many),
                masks=self.segmenter.wanted(bundle.points),
                features=features,
                at=at,
            )
            own = found.features
            if own is not None:
                own = own if at is not None else own.flatten(1, 3)
                own = own.unflatten(0, (many, count))
            yield Decoding(bundle.classes, found.logits[:, 0].unflatten(0, (many, count)), own)

    def pixel_order(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Convert flat indices in the cube to indices in a mask and in `Decoding.features`."""
        height, width = self.cube.shape[:2]
        side = self.network.mask_size
        rows, cols = self.network.covered(height, width)
        whole = 2 * self.network.image_size  # twice, as the middle of a pixel is at one half
        row = (2 * (pixels // width) + 1) * rows * side // (height * whole)
        col = (2 * (pixels % width) + 1) * cols * side // (width * whole)
        row, col = row.clamp(max=side - 1), col.clamp(max=side - 1)
        patch = row // 4 * (side // 4) + col // 4
        quarter = row % 4 // 2 * 2 + col % 4 // 2
        return row * side + col, patch * 16 + quarter * 4 + row % 2 * 2 + col % 2


def _stack(projections: Sequence[Projection], count: int) -> Projection:
    """Stack the projections of several groups, each `count` times."""
    own = {name: torch.stack([getattr(each, name) for each in projections]) for name in _CHANNELS}
    own["tokens"] = own["tokens"][:, 0]
    return replace(
        projections[0], **{name: each.repeat_interleave(count, 0) for name, each in own.items()}
    )
