"""IPG: Iterative Pseudo Label Generation.

Z. Zhao, G. Zhou, Q. Wang, J. Feng, H. Jiang, G. Zhang, Y. Zhang, "An Iterative Pseudo Label
Generation framework for semi-supervised hyperspectral image classification using the Segment
Anything Model", Frontiers in Plant Science 15 (2024), doi:10.3389/fpls.2024.1515403.

The available text of the paper lacks the formulas, and its code is not public.  They are
reconstructed from the surrounding text in `hsizoo_ipg.voting`, `similarity` and `consistency`.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np
from hsizoo_sam2 import PromptedSam

import hsizoo
from hsizoo_ipg.consistency import Consistency
from hsizoo_ipg.dense import DenseEngine
from hsizoo_ipg.engines import Engine, GenericEngine
from hsizoo_ipg.groups import band_groups
from hsizoo_ipg.options import IPGOptions, IPGPaperOptions
from hsizoo_ipg.prompts import read_seeds
from hsizoo_ipg.resuming import Progress, RunFile, run_key
from hsizoo_ipg.rounds import Runner
from hsizoo_ipg.similarity import pixel_features
from hsizoo_ipg.voting import Thresholds

__all__ = ["IPG", "IPGPaper"]


class IPG(hsizoo.PseudoLabeler):
    """Iterative pseudo labels by voting over groups of bands, one per class and round.

    A round segments every class on every group, with the class's labelled pixels as positive
    points and all others as negative points.  The masks vote; each class gains one of the reliable
    pixels it won; and the prompt encoder is trained on all labels so far.

    Parameters
    ----------
    device : str, default "cpu"
        Torch device.
    **options
        See `hsizoo_ipg.options.IPGOptions`.

    Notes
    -----
    Pseudo labels may be on pixels without ground truth.  INFERRED: this is unavoidable, as a
    labeler does not know these pixels.  Classes without a reliable pixel gain none in that round.
    """

    Options: ClassVar = IPGOptions
    options: IPGOptions

    def __init__(self, *, device: str = "cpu", **options: Any) -> None:
        super().__init__(**options)
        self._segmenter = hsizoo.create(self.options.segmenter, kind="segmenter", device=device)

    def label(
        self, cube: hsizoo.HyperCube, seeds: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> hsizoo.PseudoLabels:
        """Generate pseudo labels; see `PseudoLabeler.label`.

        A killed run resumes after its last finished round.  The history has one row per round:
        ``iteration``; ``new``, the number of new labels; their ``pixels`` (flat indices) and
        ``labels``; their mean ``confidence``; ``total``, the number of pseudo labels so far;
        ``coverage``, the fraction of usable pixels won by a class; ``reliable``, the fraction that
        also passes the gate; ``loss``; ``seconds``.

        Raises
        ------
        DataError
            If the seeds or the bands are not suitable.
        """
        chosen = self.options
        # First, for its error message about bands without values.
        groups = band_groups(cube, chosen.grouping, chosen.stride, chosen.groups)
        known, names = read_seeds(cube, seeds)
        engine: Engine
        if isinstance(self._segmenter, PromptedSam):
            engine = DenseEngine(self._segmenter, cube, groups, chosen.group_cache_gb)
        else:
            engine = GenericEngine(self._segmenter, cube, groups)
        training = None
        if isinstance(engine, DenseEngine) and chosen.consistency != "off":
            training = Consistency(
                engine,
                form=chosen.consistency,
                trained=chosen.trained,
                rate=chosen.rate,
                thresholds=Thresholds.of(chosen),
            )
        features = pixel_features(
            engine, chosen.features, chosen.components, chosen.smoothing, centred=chosen.centred
        )
        file = RunFile(run_key(self._about(cube, seeds), rng))
        progress = file.load(rng, engine.device) or Progress(known)
        runner = Runner(chosen, engine, training, features, names, rng)
        with training.borrowed() if training else contextlib.nullcontext():
            if training and progress.trained:
                training.load_state_dict(progress.trained)
            hsizoo.tell_progress(len(progress.history), chosen.iterations)
            while len(progress.history) < chosen.iterations:
                runner.round(progress)
                file.save(progress, rng)
                hsizoo.tell_progress(len(progress.history), chosen.iterations)
        file.forget()
        return _result(cube, progress, names)

    def _about(self, cube: hsizoo.HyperCube, seeds: hsizoo.LabelMap) -> dict[str, Any]:
        """Return everything that a run depends on, except its random numbers."""
        segmenter = self._segmenter
        weights = ""
        if isinstance(segmenter, PromptedSam):
            parts = {f"network.{n}": each for n, each in segmenter.network.state_dict().items()}
            if isinstance(segmenter, hsizoo.TrainableSegmenter):
                parts |= segmenter.state_dict()
            weights = hsizoo.state_digest(parts)
        elif isinstance(segmenter, hsizoo.TrainableSegmenter):
            weights = segmenter.frozen_digest + hsizoo.state_digest(segmenter.state_dict())
        options = asdict(self.options)
        del options["group_cache_gb"]  # where encodings are stored does not affect the labels
        return {
            "cube": cube.digest,
            "seeds": seeds.digest,
            "options": options,
            "weights": weights,
            "device": str(getattr(getattr(segmenter, "network", None), "device", "")),
        }


class IPGPaper(IPG):
    """IPG with every option as the paper says, and the plainest choice where it says nothing.

    Parameters
    ----------
    device : str, default "cpu"
        Torch device.
    **options
        See `hsizoo_ipg.options.IPGPaperOptions`.
    """

    Options: ClassVar = IPGPaperOptions
    options: IPGPaperOptions


def _result(cube: hsizoo.HyperCube, progress: Progress, names: np.ndarray) -> hsizoo.PseudoLabels:
    known = progress.known
    unassigned = min(0, int(names.min())) - 1
    labels = np.full(cube.shape[0] * cube.shape[1], unassigned, dtype=np.int32)
    confidence = np.zeros(labels.shape, dtype=np.float32)
    labels[known.pixels] = names[known.classes]
    confidence[known.pixels] = [1.0] * known.seeds + progress.confidence
    shape = cube.shape[:2]
    return hsizoo.PseudoLabels(
        labels.reshape(shape), confidence.reshape(shape), progress.history, unassigned
    )
