"""`Tool`: a component in a session, built once and with its output checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from hsizoo.errors import ContractError, DataError, OptionError
from hsizoo.interfaces import InteractiveSegmenter, SpectralScorer

if TYPE_CHECKING:
    from hsizoo.clicks import Clicks
    from hsizoo.cube import HyperCube

__all__ = ["Component", "Tool", "make_tool"]

Component = str | InteractiveSegmenter | SpectralScorer
"""A component as given to a session: its name, or an object."""


@dataclass(eq=False)
class Tool:
    """A component in a session: built and opened on the cube at first use, then kept."""

    key: str
    label: str
    digest: str  # of everything that affects results; empty if given as an object
    build: Callable[[], InteractiveSegmenter]
    untrained: bool = False
    opened: tuple[InteractiveSegmenter, Any] | None = None

    def open(self, cube: HyperCube) -> tuple[InteractiveSegmenter, Any]:
        """Return the segmenter and its image state."""
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
        """Return probabilities (N, H, W), checked as `InteractiveSegmenter.predict` requires."""
        segmenter, state = self.open(cube)
        returned: Any = segmenter.predict(state, prompts)
        if hasattr(returned, "detach"):  # a torch tensor; avoids importing torch here
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
    """Make the tool of a component; nothing is built."""
    if isinstance(component, str):
        from hsizoo.zoo.factory import resolve

        resolved = resolve(component, "segmenter")
        if only and resolved.entry.spec.kind != only:
            raise OptionError(
                f"{component!r} is a {resolved.entry.spec.kind}; similarity takes a scorer"
            )
        about = json.dumps(resolved.identity(), sort_keys=True, default=str)
        digest = hashlib.sha256(about.encode()).hexdigest()
        # Components named in its options count as well.
        untrained = any(each.is_untrained() or each.starts_at_random for each in resolved.walk())
        return Tool(digest, component, digest, lambda: resolved.build(device), untrained)
    wanted = (SpectralScorer,) if only else (SpectralScorer, InteractiveSegmenter)
    if not isinstance(component, wanted):
        names = " or ".join(f"hsizoo.{each.__name__}" for each in wanted)
        raise OptionError(f"a component is a name or a {names}; got {type(component).__name__}")
    # The tool keeps the object alive, so that its id stays unique.
    key, label = f"object {id(component)}", type(component).__name__
    if isinstance(component, InteractiveSegmenter):
        return Tool(key, label, "", lambda: component)

    def wrap() -> InteractiveSegmenter:
        from hsizoo.zoo.scoring import ScorerSegmenter

        return ScorerSegmenter(component)

    return Tool(key, label, "", wrap)
