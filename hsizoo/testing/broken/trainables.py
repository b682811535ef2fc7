"""Trainable segmenters that are wrong in one way each; they need torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from hsizoo.clicks import Clicks
from hsizoo.cube import HyperCube
from hsizoo.errors import DataError
from hsizoo.interfaces import TrainableSegmenter
from hsizoo.testing.broken import marks
from hsizoo.testing.plain import finite, units

__all__: list[str] = []

breaks = partial(marks.breaks, kind="segmenter")
good = marks.good("segmenter")


@good
class Net(TrainableSegmenter):
    """A network for each pixel, of its similarity and distance to the clicks."""

    def __init__(self, *, device: str = "cpu") -> None:
        self.net = self.built().to(device)
        self.train(False)

    def built(self) -> torch.nn.Module:
        """Build the network."""
        return torch.nn.Sequential(
            torch.nn.Linear(3, 6), torch.nn.Tanh(), torch.nn.Dropout(0.3), torch.nn.Linear(6, 1)
        )

    def open(self, cube: HyperCube) -> Any:
        """Return unit spectra."""
        return torch.from_numpy(units(finite(cube)).astype(np.float32))

    def features(self, state: Any, clicks: Clicks) -> torch.Tensor:
        """Return similarity to both signs and distance, (H, W, 3)."""
        height, width, _ = state.shape
        maps = torch.zeros(height, width, 3)
        maps[..., 2] = 1
        rows, cols = torch.arange(height)[:, None], torch.arange(width)
        for row, col, positive in clicks:
            sign = 0 if positive else 1
            maps[..., sign] = torch.maximum(maps[..., sign], state @ state[row, col])
            if positive:
                away = ((rows - row) ** 2 + (cols - col) ** 2).sqrt() / (height + width)
                maps[..., 2] = torch.minimum(maps[..., 2], away)
        return maps

    def logits(self, state: Any, prompts: Sequence[Clicks]) -> torch.Tensor:
        """Return the network's output."""
        given = torch.stack([self.features(state, clicks) for clicks in prompts])
        found: torch.Tensor = self.net(given.to(next(self.net.parameters()).device))
        return found.squeeze(-1)

    def predict(self, state: Any, prompts: Sequence[Clicks]) -> torch.Tensor:
        """Return the sigmoid of the logits."""
        with torch.no_grad():
            return self.logits(state, prompts).sigmoid()

    def trainable(self) -> Mapping[str, torch.nn.Parameter]:
        """Return all parameters."""
        return dict(self.net.named_parameters())

    def train(self, mode: bool = True) -> None:
        """Switch dropout."""
        self.net.train(mode)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the network's state."""
        return dict(self.net.state_dict())

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Load it."""
        try:
            self.net.load_state_dict(state)
        except RuntimeError as error:
            raise DataError(str(error)) from error

    @property
    def frozen_digest(self) -> str:
        """Nothing is frozen."""
        return hashlib.sha256(b"").hexdigest()


@breaks("trainable")
class NothingToTrain(Net):
    """Has no trainable parameter."""

    def trainable(self) -> Any:
        return {}


@breaks("trainable")
class NoGraph(Net):
    """Computes its logits without a graph."""

    def logits(self, state: Any, prompts: Any) -> Any:
        with torch.no_grad():
            return super().logits(state, prompts)


@breaks("trainable")
class FrozenOfChance(Net):
    """Tells another digest of the frozen part in each instance."""

    @property
    def frozen_digest(self) -> str:
        return hashlib.sha256(str(id(self)).encode()).hexdigest()


@breaks("seeded")
class WeightsOfChance(Net):
    """Draws initial weights from a generator without a seed."""

    def built(self) -> Any:
        net = super().built()
        rng = np.random.default_rng()
        for each in net.parameters():
            each.data = torch.from_numpy(rng.standard_normal(each.shape).astype(np.float32))
        return net


@breaks("evaluation")
class DropoutLeftOn(Net):
    """Is built in training mode."""

    def __init__(self, *, device: str = "cpu") -> None:
        super().__init__(device=device)
        self.train(True)


@breaks("evaluation")
class NeverEvaluates(Net):
    """Stays in training mode once it was in it."""

    def train(self, mode: bool = True) -> None:
        self.was = getattr(self, "was", False) or mode
        super().train(self.was)


@breaks("sigmoid")
class Sharpened(Net):
    """Predicts something else than it is trained for."""

    def predict(self, state: Any, prompts: Any) -> Any:
        with torch.no_grad():
            return (self.logits(state, prompts) * 4).sigmoid()


@breaks("sigmoid")
class Thresholded(Net):
    """Predicts a mask."""

    def predict(self, state: Any, prompts: Any) -> Any:
        return (super().predict(state, prompts) > 0.5).float()


@breaks("learns")
class TrainsCopies(Net):
    """Returns copies of its parameters."""

    def trainable(self) -> Any:
        return {name: torch.nn.Parameter(each.detach().clone())
                for name, each in self.net.named_parameters()}  # fmt: skip


@breaks("gradients")
class HalfDetached(Net):
    """Cuts the graph in the middle of the network."""

    def logits(self, state: Any, prompts: Any) -> Any:
        given = torch.stack([self.features(state, clicks) for clicks in prompts])
        first, *rest = list(self.net)  # type: ignore[call-overload]
        found = first(given).detach()
        for each in rest:
            found = each(found)
        return found.squeeze(-1)


@breaks("learns")
class StateOfTheStart(Net):
    """Always returns the weights that it was built with."""

    def __init__(self, *, device: str = "cpu") -> None:
        super().__init__(device=device)
        self.first = {name: each.clone() for name, each in self.net.state_dict().items()}

    def state_dict(self) -> Any:
        return self.first


@breaks("state")
class IgnoresWeights(Net):
    """Loads nothing."""

    def load_state_dict(self, state: Any) -> Any:
        if state.keys() != self.net.state_dict().keys():
            raise DataError("other names")


@breaks("state")
class HalfAState(Net):
    """Forgets the biases in its state."""

    def state_dict(self) -> Any:
        return {name: each for name, each in super().state_dict().items() if "bias" not in name}

    def load_state_dict(self, state: Any) -> Any:
        self.net.load_state_dict(state, strict=False)


@breaks("bad-state")
class TakesAnyState(Net):
    """Loads what fits, and says nothing of the rest."""

    def load_state_dict(self, state: Any) -> Any:
        own = self.net.state_dict()
        fits = {name: each for name, each in state.items()
                if name in own and own[name].shape == each.shape}  # fmt: skip
        self.net.load_state_dict(fits, strict=False)


@breaks("bad-state")
class RaisesTorchErrors(Net):
    """Lets torch's errors through."""

    def load_state_dict(self, state: Any) -> Any:
        self.net.load_state_dict(state)


class _Held(dict[str, Any]):
    """A state with room for more."""


@breaks("graph")
class KeepsTheGraph(Net):
    """Keeps features with their graph in the state of the image, for the next step."""

    def open(self, cube: HyperCube) -> Any:
        return _Held(spectra=super().open(cube))

    def features(self, state: Any, clicks: Clicks) -> Any:
        return super().features(state["spectra"], clicks)

    def logits(self, state: Any, prompts: Any) -> Any:
        found = super().logits(state, prompts)
        if not torch.is_grad_enabled():
            return found
        kept = state.setdefault("kept", found)
        return found + 0 * kept if kept.shape == found.shape else found
