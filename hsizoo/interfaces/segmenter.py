"""`InteractiveSegmenter`: from clicks to a mask; `TrainableSegmenter`: one that learns to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from hsizoo.clicks import Clicks
    from hsizoo.cube import HyperCube

__all__ = ["InteractiveSegmenter", "TrainableSegmenter"]


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

    min_bands: int = 1

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

    def predict_boxes(
        self, state: Any, boxes: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32] | torch.Tensor:
        """Segment N objects, each from a box around it.  Optional.

        A class that takes boxes overrides this; `takes_boxes` tells whether it does.

        Parameters
        ----------
        state : object
            What `open` returned.
        boxes : ndarray of int, shape (N, 4)
            First row, first column, last row and last column of each box, all inside the image and
            inclusive.  Each box holds at least one pixel with a usable spectrum.

        Returns
        -------
        array or tensor of float32, shape (N, H, W)
            As `predict`.
        """
        raise NotImplementedError(f"{type(self).__name__} takes no boxes")

    @property
    def takes_boxes(self) -> bool:
        """Whether the class overrides `predict_boxes`."""
        return type(self).predict_boxes is not InteractiveSegmenter.predict_boxes

    def describe(self, state: Any) -> Mapping[str, Any]:
        """Tell what ``auto`` and the like have come to for this image, for the record of a run.

        Parameters
        ----------
        state : object
            What `open` returned.

        Returns
        -------
        mapping of str to plain values
            What JSON can hold: the bands that were shown, the precision that was used.  Nothing
            unless the segmenter has something to tell.
        """
        return {}


class TrainableSegmenter(InteractiveSegmenter):
    """A segmenter of which a part can be trained by `hsizoo train`.

    What is trained and what is frozen is the component's business; the training protocol sees the
    trained part only.  A component that was not trained and whose result would be meaningless says
    so through `trained`, and is then never benchmarked silently.
    """

    @property
    @abstractmethod
    def trained(self) -> bool:
        """Whether the trainable part holds trained weights, not random or untuned ones."""

    @abstractmethod
    def logits(self, state: Any, prompts: Sequence[Clicks]) -> torch.Tensor:
        """Segment N objects, differentiably.

        Parameters
        ----------
        state : object
            What `open` returned; it holds only what the frozen part made, without a graph.
        prompts : sequence of Clicks, length N

        Returns
        -------
        Tensor of float32, shape (N, H, W)
            Foreground logits, with a graph to `trainable`; ``predict`` is their sigmoid, in
            evaluation mode.
        """

    @abstractmethod
    def trainable(self) -> Mapping[str, torch.nn.Parameter]:
        """The parameters to train, by name; all others are frozen and need no gradient."""

    @abstractmethod
    def train(self, mode: bool = True) -> None:
        """Switch the trainable part to training mode, or to evaluation mode."""

    @abstractmethod
    def state_dict(self) -> dict[str, torch.Tensor]:
        """What training changed, parameters and buffers, by name; enough to restore it."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restore what `state_dict` returned.

        Raises
        ------
        DataError
            If a name is missing, unknown or of another shape; the message gives the first ones.
        """

    @property
    @abstractmethod
    def frozen_digest(self) -> str:
        """SHA-256 of the frozen part, on which the trained part depends."""
