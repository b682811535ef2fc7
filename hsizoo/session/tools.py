"""`Tool`: a component as a session uses it, built once and held to its contract."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from hsizoo.errors import ContractError, DataError, OptionError
from hsizoo.interfaces import InteractiveSegmenter, SpectralScorer, TrainableSegmenter

if TYPE_CHECKING:
    from hsizoo.clicks import Clicks
    from hsizoo.cube import HyperCube

__all__ = ["Component", "Tool", "make_tool"]

Component = str | InteractiveSegmenter | SpectralScorer
"""What a session takes for a component: its name, or an object."""


@dataclass(eq=False)
class Tool:
    """A component as a session uses it: built and shown the cube on first use, and then kept."""

    key: str
    label: str
    digest: str  # of everything its results depend on; empty if it was given as an object
    build: Callable[[], InteractiveSegmenter]
    untrained: bool = False
    opened: tuple[InteractiveSegmenter, Any] | None = None

    def open(self, cube: HyperCube) -> tuple[InteractiveSegmenter, Any]:
        """The segmenter and its image state."""
        if self.opened is None:
            segmenter = self.build()
            if cube.bands < segmenter.min_bands:
                raise DataError(
                    f"{self.label} needs at least {segmenter.min_bands} bands; {cube.name} has "
                    f"{cube.bands}"
                )
            self.opened = segmenter, segmenter.open(cube)
        return self.opened

    def predict(self, cube: HyperCube, prompts: Sequence[Clicks]) -> npt.NDArray[np.float32]:
        """Probability (N, H, W), held to the contract of `InteractiveSegmenter.predict`."""
        segmenter, state = self.open(cube)
        returned: Any = segmenter.predict(state, prompts)
        if hasattr(returned, "detach"):  # a torch tensor, which need not be imported here
            returned = returned.detach().float().cpu().numpy()
        maps = np.asarray(returned, dtype=np.float32)
        expected = (len(prompts), *cube.shape[:2])
        if maps.shape != expected:
            raise ContractError(
                f"{self.label}: predict returned shape {maps.shape}; expected {expected}: one map "
                "per object, of the cube's height and width"
            )
        # One comparison catches NaN as well.
        if not (maps.min() >= 0 and maps.max() <= 1):
            raise ContractError(
                f"{self.label}: predict returned values from {maps.min()} to {maps.max()}; "
                "probabilities must be finite and within 0 and 1"
            )
        return maps


def make_tool(component: Component, device: str, only: Literal["scorer"] | None) -> Tool:
    """What a component is for a session; nothing is built."""
    if isinstance(component, str):
        from hsizoo.zoo.factory import resolve

        resolved = resolve(component, "segmenter")
        if only and resolved.entry.spec.kind != only:
            raise OptionError(
                f"{component!r} is a {resolved.entry.spec.kind}; similarity takes a scorer"
            )
        about = json.dumps(resolved.identity(), sort_keys=True, default=str)
        digest = hashlib.sha256(about.encode()).hexdigest()
        untrained = resolved.is_untrained() or resolved.starts_at_random
        return Tool(digest, component, digest, lambda: resolved.build(device), untrained)
    wanted = (SpectralScorer,) if only else (SpectralScorer, InteractiveSegmenter)
    if not isinstance(component, wanted):
        names = " or ".join(f"hsizoo.{each.__name__}" for each in wanted)
        raise OptionError(f"a component is a name or a {names}; got {type(component).__name__}")
    # The tool holds the object, so that no other one gets its id.
    key, label = f"object {id(component)}", type(component).__name__
    if isinstance(component, InteractiveSegmenter):
        return Tool(key, label, "", lambda: component, _is_untrained(component))

    def wrap() -> InteractiveSegmenter:
        from hsizoo.zoo.scoring import ScorerSegmenter

        return ScorerSegmenter(component)

    return Tool(key, label, "", wrap)


def _is_untrained(component: object) -> bool:
    """Whether an object's masks would come from weights that nobody trained."""
    if not isinstance(component, TrainableSegmenter) or component.trained:
        return False
    return getattr(component, "needs_training", True) is not False
