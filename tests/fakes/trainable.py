"""A plugin with a segmenter small enough to train in a test: a tiny network for each pixel."""

import hashlib
import math
from typing import Annotated, ClassVar

import torch

import hsizoo
from hsizoo.errors import DataError


@hsizoo.hookimpl
def hsizoo_components():
    for name, target, options in (
        ("tiny", "Tiny", {}),
        ("tiny-dropout", "Tiny", {"dropout": 0.3}),
        ("tiny-frozen", "Frozen", {}),
        ("tiny-shipped", "Shipped", {}),
        ("tiny-exploding", "Exploding", {}),
        ("tiny-greedy", "Greedy", {}),
        ("tiny-precise", "Precise", {}),
    ):
        yield hsizoo.ComponentSpec(
            name=name,
            kind="segmenter",
            target=f"{__name__}:{target}",
            summary="a fake",
            options=options,
            weights="made in a test",
            packaged=f"tiny_weights:weights/{name}",  # a package that most tests do not have
        )


class Tiny(hsizoo.TrainableSegmenter):
    """Similarity and distance to the clicks, through a frozen scale and a trained network.

    Parameters
    ----------
    hidden : int, default 8
        Hidden units.
    dropout : float, default 0
        Share of the hidden units that are dropped at random in training.
    speed : int, default 1
        An option that does not change what is trained.
    """

    free_options = frozenset({"speed"})

    def __init__(self, *, hidden: int = 8, dropout: float = 0.0, speed: int = 1, device="cpu"):
        self.scale = torch.nn.Parameter(torch.tensor([4.0, 4.0, 2.0]), requires_grad=False)
        self.net = torch.nn.Sequential(
            torch.nn.Linear(3, hidden),
            torch.nn.Tanh(),
            torch.nn.Dropout(dropout),
            torch.nn.Linear(hidden, 1),
        ).to(device)
        self.net.eval()
        self.opened = []

    def open(self, cube):
        self.opened.append(cube.name)
        data = torch.from_numpy(cube.data.copy()).nan_to_num(0)
        data = data - data.mean(dim=2, keepdim=True)
        return data / data.norm(dim=2, keepdim=True).clamp_min(1e-6)

    def _features(self, state, clicks):
        height, width, _ = state.shape
        maps = torch.zeros(3, height, width)
        rows = torch.arange(height)[:, None]
        cols = torch.arange(width)
        maps[2] = 1
        for row, col, positive in clicks:
            similar = state @ state[row, col]
            maps[0 if positive else 1] = torch.maximum(maps[0 if positive else 1], similar)
            away = ((rows - row) ** 2 + (cols - col) ** 2).sqrt() / math.hypot(height, width)
            if positive:
                maps[2] = torch.minimum(maps[2], away)
        return maps

    def logits(self, state, prompts):
        features = torch.stack([self._features(state, clicks) for clicks in prompts])
        features = features * self.scale[:, None, None]
        return self.net(features.permute(0, 2, 3, 1)).squeeze(-1)

    def predict(self, state, prompts):
        with torch.no_grad():
            return self.logits(state, prompts).sigmoid()

    def trainable(self):
        return dict(self.net.named_parameters())

    def train(self, mode=True):
        self.net.train(mode)

    def state_dict(self):
        return self.net.state_dict()

    def load_state_dict(self, state):
        try:
            self.net.load_state_dict(state)
        except RuntimeError as error:
            raise DataError(str(error)) from error

    @property
    def frozen_digest(self):
        return hashlib.sha256(self.scale.numpy().tobytes()).hexdigest()


class Frozen(Tiny):
    """Means something without training."""

    @staticmethod
    def needs_training(**_):
        return False


class Shipped(Tiny):
    """Comes with weights of its own for one size."""

    @staticmethod
    def needs_training(*, hidden, **_):
        return hidden != 8


class Exploding(Tiny):
    """Gives NaN from its thirtieth answer on."""

    answers = 0

    def logits(self, state, prompts):
        type(self).answers += self.net.training
        return super().logits(state, prompts) * (math.nan if self.answers >= 30 else 1)


class Greedy(Tiny):
    """Claims an option that is hsizoo's."""

    def __init__(self, *, weights: str = ""):
        super().__init__()


class Precise(Tiny):
    """Has a precision and a scorer of its own."""

    free_options = frozenset({"precision"})
    built: ClassVar[list[str]] = []

    def __init__(self, *, precision: str = "auto", scorer: Annotated[str, "scorer"] = "sa"):
        super().__init__()
        self.built.append(precision)
