"""`InteractiveSegmenter`: clicks to masks; `TrainableSegmenter`: one that can be trained."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from hsizoo.interfaces.component import Component

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from hsizoo.clicks import Clicks
    from hsizoo.cube import HyperCube

__all__ = ["InteractiveSegmenter", "TrainableSegmenter"]


class InteractiveSegmenter(Component):
    """Segments objects in a cube from clicks.

    The state is explicit: there is no hidden current image, so one segmenter serves several
    images and objects at once, and the same clicks always give the same mask.

    Attributes
    ----------
    min_bands : int
        Minimum number of bands.

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
        """Compute everything that does not depend on clicks, once per image.

        Parameters
        ----------
        cube : HyperCube
            Its data are (H, W, B) float32; pixels outside ``cube.valid`` hold NaN or infinity.

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
            Output of `open`.
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

        A class that takes boxes overrides this; see `takes_boxes`.

        Parameters
        ----------
        state : object
            Output of `open`.
        boxes : ndarray of int, shape (N, 4)
            First row, first column, last row and last column of each box, all inside the image and
            inclusive.  Each box holds at least one pixel with a usable spectrum.

        Returns
        -------
        array or tensor of float32, shape (N, H, W)
            As for `predict`.
        """
        raise NotImplementedError(f"{type(self).__name__} takes no boxes")

    @property
    def takes_boxes(self) -> bool:
        """Whether the class overrides `predict_boxes`."""
        return type(self).predict_boxes is not InteractiveSegmenter.predict_boxes

    def describe(self, state: Any) -> Mapping[str, Any]:
        """Return the resolved values of settings such as ``auto``, for the record of a run.

        Parameters
        ----------
        state : object
            Output of `open`.

        Returns
        -------
        mapping of str to plain values
            Values that JSON can hold, such as the bands shown and the precision used.  Empty, as
            here, unless the segmenter overrides it.
        """
        return {}


class TrainableSegmenter(InteractiveSegmenter):
    """A segmenter with a part that can be trained by `hsizoo train`.

    The component decides what is trained and what is frozen; training sees the trained part only.

    Attributes
    ----------
    free_options : frozenset of str
        Options that do not affect training, such as the precision: trained weights fit any of
        their values.  Used by ``weights=`` to choose weights for a component.
    one_backward : bool
        Whether a backward pass is so expensive that training should make one per object, over all
        its clicks, rather than one per click.  Used by `hsizoo train` for ``backward=auto``.
    """

    free_options: ClassVar[frozenset[str]] = frozenset()
    one_backward: bool = False

    @staticmethod
    def needs_training(**options: Any) -> bool:
        """Whether results without trained weights would be meaningless.

        Nothing is built.  If so, a component without weights is marked as untrained in tables and
        is never benchmarked silently.

        Parameters
        ----------
        **options
            All options of the component.

        Returns
        -------
        bool
            True by default; a class may override it.
        """
        return True

    @abstractmethod
    def logits(self, state: Any, prompts: Sequence[Clicks]) -> torch.Tensor:
        """Segment N objects with gradients.

        Parameters
        ----------
        state : object
            Output of `open`, which holds only results of the frozen part, without a graph.
        prompts : sequence of Clicks, length N

        Returns
        -------
        Tensor of float32, shape (N, H, W)
            Foreground logits, with a graph to `trainable`; in evaluation mode, ``predict`` is
            their sigmoid.
        """

    @abstractmethod
    def trainable(self) -> Mapping[str, torch.nn.Parameter]:
        """Return the parameters to train, by name; all others are frozen and need no gradient."""

    @abstractmethod
    def train(self, mode: bool = True) -> None:
        """Switch the trainable part to training mode, or to evaluation mode."""

    @abstractmethod
    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the parameters and buffers that training changes, by name."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restore the output of `state_dict`.

        Raises
        ------
        DataError
            If a name is missing, unknown or of another shape; the message gives the first ones.
        """

    @property
    @abstractmethod
    def frozen_digest(self) -> str:
        """SHA-256 of the frozen part, on which the trained part depends."""
