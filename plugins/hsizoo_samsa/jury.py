"""Two methods with one answer, weighed by which of them knew each click before it came.

A network that segments one thing, and spectral evidence that finds all of a kind: on some objects
one is right, on others the other, and the clicks tell.  A user clicks where the mask shown so far
is wrong, or may be.  So each click is a test for what either method said of that pixel from the
clicks before it.  The logarithms of the probabilities that a method gave to the truth add up, and
the weights are the posterior probabilities of the two methods, as if one of them were the right
model of the object (prequential evidence: A. P. Dawid, "Present position and potential
developments: some personal views: statistical theory: the prequential approach", Journal of the
Royal Statistical Society A 147 (1984) 278-292, doi:10.2307/2981683).  The answer is the weighted
mean of the two in log odds (logarithmic pooling: C. Genest, J. V. Zidek, "Combining probability
distributions", Statistical Science 1 (1986) 114-135, doi:10.1214/ss/1177013825).

A user who only says yes would be foreseen best by a method that calls everything object.  If the
place of a positive click is drawn from the object, its probability is divided by the object's size:
the size principle (J. B. Tenenbaum, T. L. Griffiths, "Generalization, similarity, and Bayesian
inference", Behavioral and Brain Sciences 24 (2001) 629-640, doi:10.1017/S0140525X01000061).  Robots
and users place clicks partly so, which is why the size enters with an exponent between 0 and 1.

The method is hsizoo's own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

import hsizoo
from hsizoo_samsa.options import JuryOptions
from hsizoo_samsa.similarity import Similarity

__all__ = ["Jury", "JuryState"]

_LEAST = 1e-3
"""Probabilities are kept this far from 0 and 1 where they are pooled; 0 would silence the other."""

_DOUBT = 0.02
"""And this far where a click judges them: nobody is wrong beyond redemption by one click."""

_KEPT = 2**28  # bytes of maps that an opened image keeps for the next click

Key = tuple[bytes, bytes]
Maps = dict[Key, tuple[torch.Tensor, torch.Tensor]]


@dataclass(eq=False)
class JuryState:
    """An opened image: the states of both methods, and their last maps.

    Parameters
    ----------
    states : tuple
        Of the spectral and the spatial method.
    valid : Tensor of bool, shape (H, W)
    maps : OrderedDict
        Maps (2, H, W) of prompts that were answered, and `sizes` of them; only to save time.
    """

    states: tuple[Any, Any]
    valid: torch.Tensor
    maps: OrderedDict[Key, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=OrderedDict)

    def sizes(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the mean probability (N, 2) over the valid pixels of maps (N, 2, H, W)."""
        valid = self.valid.to(maps.device)
        found: torch.Tensor = (maps * valid).flatten(2).sum(dim=2) / valid.sum().clamp_min(1)
        return found.cpu()


class Jury(hsizoo.InteractiveSegmenter):
    """Pool a spectral and a spatial method by how well each foresaw the clicks.

    Parameters
    ----------
    device : str, default "cpu"
        Torch device.
    **options
        See `hsizoo_samsa.options.JuryOptions`.

    Notes
    -----
    The first click judges nobody.  A further one costs one prediction of each method; clicks that
    come all at once, one for each click.
    """

    Options: ClassVar = JuryOptions
    options: JuryOptions

    def __init__(self, *, device: str = "cpu", **options: Any) -> None:
        super().__init__(**options)
        spectral, spatial = (
            hsizoo.create(each, kind="segmenter", device=device)
            for each in (self.options.spectral, self.options.spatial)
        )
        self._spectral = _Once(spectral)
        self._methods = self._spectral, spatial
        similarity = getattr(spatial, "similarity", None)
        if isinstance(similarity, Similarity) and similarity.scorer == self.options.spectral:
            similarity.ask(self._spectral)
        self.min_bands = max(each.min_bands for each in self._methods)

    def open(self, cube: hsizoo.HyperCube) -> JuryState:
        """Open the cube with both methods.

        Raises
        ------
        DataError
            If one of them cannot open it.
        """
        with self._spectral.remembering():
            spectral, spatial = (each.open(cube) for each in self._methods)
        return JuryState((spectral, spatial), torch.from_numpy(cube.valid.copy()))

    def predict(self, state: JuryState, prompts: Sequence[hsizoo.Clicks]) -> torch.Tensor:
        """Segment N objects.

        Parameters
        ----------
        state : JuryState
        prompts : sequence of Clicks

        Returns
        -------
        Tensor of float32, shape (N, H, W)
            Pooled probabilities; 0 at invalid pixels.
        """
        wanted = [_first(clicks, count) for clicks in prompts for count in _counts(clicks)]
        maps = self._maps(state, wanted)
        found = []
        for clicks in prompts:
            weight = self._weight(maps, clicks)
            odds = torch.logit(maps[_key(clicks)][0].clamp(_LEAST, 1 - _LEAST))
            found.append(torch.sigmoid(weight * odds[0] + (1 - weight) * odds[1]))
        answer = torch.stack(found) if found else state.valid.new_zeros((0, *state.valid.shape))
        return answer.float() * state.valid.to(answer.device)

    def _weight(self, maps: Maps, clicks: hsizoo.Clicks) -> float:
        """Weight of the spectral method, from 0 to 1."""
        odds = self.options.prior
        steps = [*clicks]
        for count in _counts(clicks)[:-1]:
            row, col, positive = steps[count]
            both, sizes = maps[_key(_first(clicks, count))]
            said = both[:, row, col].cpu().clamp(_DOUBT, 1 - _DOUBT)
            logs = torch.log(said if positive else 1 - said)
            if positive:
                logs -= self.options.size * torch.log(sizes.clamp_min(_LEAST))
            odds += self.options.trust * float(logs[0] - logs[1])
        return float(torch.sigmoid(torch.tensor(odds, dtype=torch.float64)))

    def _maps(self, state: JuryState, wanted: Sequence[hsizoo.Clicks]) -> Maps:
        """Return maps and sizes of prompts; those that are not kept are predicted at once."""
        kept = state.maps
        missing = {_key(each): each for each in wanted if _key(each) not in kept}
        if missing:
            prompts = [*missing.values()]
            with self._spectral.remembering():
                pairs = [
                    torch.as_tensor(method.predict(own, prompts)).float()
                    for method, own in zip(self._methods, state.states, strict=True)
                ]
            both = torch.stack([pairs[0], pairs[1].to(pairs[0].device)], dim=1)
            made = zip(both.unbind(), state.sizes(both).unbind(), strict=True)
            kept.update(zip(missing, made, strict=True))
        found = {key: kept[key] for key in map(_key, wanted)}
        for key in found:
            kept.move_to_end(key)
        most = max(1, _KEPT // (8 * state.valid.numel()))
        while len(kept) > most:
            kept.popitem(last=False)
        return found


class _Once(hsizoo.InteractiveSegmenter):
    """The spectral method, which the spatial one may ask the same: it opens and answers once."""

    def __init__(self, method: hsizoo.InteractiveSegmenter) -> None:
        super().__init__()
        self._method = method
        self.min_bands = method.min_bands
        self._known: dict[Any, Any] | None = None

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """Answer a question that is asked again in this block as before."""
        self._known = {}
        try:
            yield
        finally:
            self._known = None

    def open(self, cube: hsizoo.HyperCube) -> Any:
        known = {} if self._known is None else self._known
        if id(cube) not in known:
            known[id(cube)] = self._method.open(cube)
        return known[id(cube)]

    def predict(self, state: Any, prompts: Sequence[hsizoo.Clicks]) -> torch.Tensor:
        known = {} if self._known is None else self._known
        keys = [(id(state), *_key(clicks)) for clicks in prompts]
        if not keys or not all(key in known for key in keys):
            maps = torch.as_tensor(self._method.predict(state, prompts))
            known.update(zip(keys, maps, strict=True))
            return maps
        return torch.stack([known[key] for key in keys])

    def predict_boxes(self, state: Any, boxes: Any) -> torch.Tensor:
        return torch.as_tensor(self._method.predict_boxes(state, boxes))


def _counts(clicks: hsizoo.Clicks) -> range:
    """Numbers of clicks after which the methods are heard: from the first positive one on."""
    positive = clicks.positive.nonzero()[0]
    return range(int(positive[0]) + 1 if len(positive) else len(clicks), len(clicks) + 1)


def _first(clicks: hsizoo.Clicks, count: int) -> hsizoo.Clicks:
    return hsizoo.Clicks(clicks.points[:count], clicks.positive[:count])


def _key(clicks: hsizoo.Clicks) -> Key:
    return clicks.points.tobytes(), clicks.positive.tobytes()
