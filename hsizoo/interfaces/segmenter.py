"""`InteractiveSegmenter`: from clicks to a mask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from hsizoo.clicks import Clicks
    from hsizoo.cube import HyperCube

__all__ = ["InteractiveSegmenter"]


class InteractiveSegmenter(ABC):
    """Segments objects in a cube from clicks.

    The state is explicit: there is no hidden current image, so one segmenter serves several
    images and objects at once, and the same clicks always give the same mask.

    Attributes
    ----------
    min_bands : int
        Fewest bands that the method needs.

    Examples
    --------
    >>> import numpy as np
    >>> class Disc(InteractiveSegmenter):
    ...     '''Everything within `radius` pixels of a positive click.'''
    ...     def __init__(self, *, radius: float = 5.0):
    ...         self.radius = radius
    ...     def open(self, cube):
    ...         return np.indices(cube.shape[:2])
    ...     def predict(self, state, prompts):
    ...         maps = np.zeros((len(prompts), *state.shape[1:]), dtype=np.float32)
    ...         for out, clicks in zip(maps, prompts):
    ...             for row, col, positive in clicks:
    ...                 if positive:
    ...                     out[np.hypot(state[0] - row, state[1] - col) <= self.radius] = 1
    ...         return maps
    """

    min_bands: ClassVar[int] = 1

    @abstractmethod
    def open(self, cube: HyperCube) -> Any:
        """Do everything that does not depend on clicks, once per image.

        Parameters
        ----------
        cube : HyperCube
            With (H, W, B) float32 data; pixels outside ``cube.valid`` hold NaN or infinity.

        Returns
        -------
        object
            The image state that `predict` needs.  It may hold caches that `predict` fills, as
            long as they never change a result.
        """

    @abstractmethod
    def predict(
        self, state: Any, prompts: Sequence[Clicks]
    ) -> npt.NDArray[np.float32] | torch.Tensor:
        """Segment N objects.

        Parameters
        ----------
        state : object
            What `open` returned.
        prompts : sequence of Clicks, length N
            All clicks of each object so far, in order; each has at least one click, all of them
            inside the image and on valid pixels.  An object may have negative clicks only.

        Returns
        -------
        array or tensor of float32, shape (N, H, W)
            Foreground probability in [0, 1], finite everywhere.  Object ``n`` depends on
            ``prompts[n]`` only.
        """
