"""`SpectralScorer`: similarity of each pixel's spectrum to a reference."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from hsizoo.interfaces.component import Component

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt
    import torch

    from hsizoo.clicks import Clicks
    from hsizoo.cube import HyperCube

__all__ = ["SpectralScorer"]


class SpectralScorer(Component):
    """Scores every pixel of a cube against reference spectra.

    A scorer need not handle clicks: hsizoo takes the references from the clicked pixels,
    combines the maps of several clicks, and makes an interactive segmenter of any scorer
    (`hsizoo.ScorerSegmenter`).  A scorer that benefits from all clicks of an object at once, with
    their positions and signs, overrides `score_clicks` as well; one that processes the combined
    map overrides `finish`.

    Attributes
    ----------
    score_range : (float, float)
        Lowest and highest possible score; infinite if unbounded.
    threshold : float
        Score from which a pixel is taken for the reference's material.  It is mapped to
        probability 0.5, the lowest score to 0, the highest to 1.
    min_bands : int
        Minimum number of bands for a meaningful score.

    Examples
    --------
    >>> import numpy as np
    >>> class NegativeDistance(SpectralScorer):
    ...     score_range = (-float("inf"), 0.0)
    ...     threshold = -1.0
    ...     def prepare(self, cube):
    ...         return cube.data
    ...     def score(self, prepared, references):
    ...         return -np.linalg.norm(prepared[None] - references[:, None, None], axis=-1)
    """

    score_range: tuple[float, float] = (0.0, 1.0)
    threshold: float = 0.5
    min_bands: int = 1

    @abstractmethod
    def prepare(self, cube: HyperCube) -> Any:
        """Compute everything that does not depend on the references, once per image.

        Parameters
        ----------
        cube : HyperCube
            Its data are (H, W, B) float32.  Pixels outside ``cube.valid`` hold NaN or infinity;
            exclude them from any statistics.

        Returns
        -------
        object
            Passed on to `score`: norms, means, whitened spectra, background statistics.
        """

    @abstractmethod
    def score(
        self, prepared: Any, references: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32] | torch.Tensor:
        """Score all pixels against each reference.

        Parameters
        ----------
        prepared : object
            Output of `prepare`.
        references : ndarray of float32, shape (N, B)
            Finite reference spectra, in the units of the cube.

        Returns
        -------
        array or tensor of float32, shape (N, H, W)
            Similarity within `score_range`, higher is more similar; finite at every valid pixel
            (the others are not used).  Row ``n`` depends on reference ``n`` only.
        """

    def score_clicks(
        self, prepared: Any, prompts: Sequence[Clicks]
    ) -> npt.NDArray[np.float32] | torch.Tensor:
        """Score all pixels for each object from all its clicks at once.  Optional.

        A class that overrides this combines the clicks itself.  Otherwise this is never called, and
        `hsizoo.ScorerSegmenter` combines the maps of `score`.

        Parameters
        ----------
        prepared : object
            Output of `prepare`.
        prompts : sequence of Clicks, length N
            All clicks of each object so far, in order, inside the image and on valid pixels; each
            has at least one positive click, and may have negative ones.

        Returns
        -------
        array or tensor of float32, shape (N, H, W)
            As for `score`; row ``n`` depends on ``prompts[n]`` only.
        """
        raise NotImplementedError(f"{type(self).__name__} leaves combining clicks to hsizoo")

    def finish(
        self, prepared: Any, combined: torch.Tensor
    ) -> npt.NDArray[np.float32] | torch.Tensor:
        """Process the combined map of each object, as in an equalisation.  Optional.

        `hsizoo.ScorerSegmenter` calls this once for all objects after each click, and not at all
        unless a class overrides it.  A scorer that overrides `score_clicks` does the same there.

        Parameters
        ----------
        prepared : object
            Output of `prepare`.
        combined : torch.Tensor of float32, shape (N, H, W)
            One map per object, combined from the maps of `score`; `threshold` at invalid pixels.
            Not to be modified: it is kept for the next click.

        Returns
        -------
        array or tensor of float32, shape (N, H, W)
            As for `score`; row ``n`` depends on ``combined[n]`` only.
        """
        return combined
