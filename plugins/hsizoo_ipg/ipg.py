"""IPG: Iterative Pseudo Label Generation.

Z. Zhao, G. Zhou, Q. Wang, J. Feng, H. Jiang, G. Zhang, Y. Zhang, "An Iterative Pseudo Label
Generation framework for semi-supervised hyperspectral image classification using the Segment
Anything Model", Frontiers in Plant Science 15 (2024), doi:10.3389/fpls.2024.1515403.

The paper's formulas are not in the text that is available, and its code is not public: each is
reconstructed from the words around it, in `hsizoo_ipg.voting`, `similarity` and `consistency`.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from hsizoo_sam2 import Sam21

import hsizoo
from hsizoo.errors import OptionError
from hsizoo_ipg.consistency import Consistency, ConsistencyForm, Trained
from hsizoo_ipg.dense import DenseEngine
from hsizoo_ipg.engines import Engine, GenericEngine
from hsizoo_ipg.groups import Grouping, band_groups
from hsizoo_ipg.prompts import Choice, Points, read_seeds
from hsizoo_ipg.resuming import Progress, RunFile, run_key
from hsizoo_ipg.rounds import Rounds, Runner, Tally
from hsizoo_ipg.similarity import (
    Certainty,
    Features,
    Pool,
    Ranking,
    References,
    Scale,
    Uncertainty,
    pixel_features,
)
from hsizoo_ipg.voting import Thresholds

__all__ = ["IPG"]


class IPG(hsizoo.PseudoLabeler):
    """Pseudo labels from masks that are voted over groups of bands, one per class and round.

    A round segments every class on every group with the class's own labelled pixels as positive
    points and all others as negative ones, lets the masks vote, adds to each class one reliable
    pixel of those it won, and trains the prompt encoder on all labels so far.

    Parameters
    ----------
    segmenter : str, default "samsa2-nano"
        Any registered segmenter or scorer, with options if need be.  Those built on SAM 2.1 are
        trained and see all groups in batches; of others each group is a cube of three bands.
        INFERRED: the paper says SAM, of no size; this one comes with hsizoo.
    iterations : int, default 50
        Rounds, as in the paper.
    tau_h : float, default 0.8
        A mask votes for its class from this probability on.
    tau_l : float, default 0.5
        Below, it decides against it; between the two it is undecided.  Both as in the paper.
    kappa_h : float, default 0.2
        Most uncertainty of a new label, as in the paper.
    strict : bool, default false
        Above `tau_h` foreground, all else background, none undecided.  INFERRED: the text has
        this reading too, but two thresholds only make sense with something between them.
    support : float, default 0.5
        Least share of foreground among the groups that decided about a class at a pixel; 0 for
        none.  INFERRED: the paper has no such limit, and lets a class win a pixel that most of
        its own groups deny.  With half of them more labels of the first vote are right in each of
        seven draws of a small Pavia University, Salinas-A and block-disjoint Indian Pines (88 to
        100 percent, without 82 to 99), and at most 8 percent fewer are gained.
    tally : {"all", "round"}, default "all"
        Votes are added up over the rounds, or each vote is counted alone.  INFERRED: the paper
        takes the class of most votes "after k rounds of processing".  The first masks come from
        true labels alone; added up, they are not outvoted as soon as a wrong label is a prompt.
    grouping : {"adjacent", "uncorrelated", "pca"}, default "adjacent"
        Groups of three adjacent bands, as in the paper; of bands that are correlated least; or of
        principal components.
    stride : int, default 1
        Step from group to group, as in the paper; more for fewer groups.
    groups : int, default 0
        Most groups, evenly spaced; 0 for all.
    refresh : int, default 5
        Masks are voted anew in every so many rounds; in the others the last vote stands.  The
        paper votes in each (1), which takes five times as long.
    positives : int, default 8
        Most positive points of a class: its seeds, then its last labels; 0 for all.  INFERRED (as
        are `negatives` and `negative_choice`): the paper gives all labels, 880 in the last round
        on Indian Pines.  SAM has learnt from up to eight points, and time grows with each.
    negatives : int, default 8
        Most negative points of a class; 0 for all.
    negative_choice : {"nearest", "recent", "random"}, default "nearest"
        Which are kept: those nearest to a positive point, the last labels, others in each round.
    features : {"components", "spectrum", "image", "fine"}, default "components"
        What pixels are compared by, each channel centred and scaled: principal components or all
        bands, both smoothed; or the mean over the groups of SAM's embedding, or of its features at
        stride 4.  INFERRED (as are `components` and `smoothing`): the paper says "feature".
    components : int, default 12
        How many of them.  Chosen, like `smoothing`, on Salinas-A, a small Pavia University and the
        block-disjoint split of Indian Pines.
    smoothing : float, default 2
        Standard deviation in pixels of the Gaussian that smooths them; 0 for none.
    pool : {"mean", "max", "both"}, default "both"
        How similarities to the labels of a class become one: the mean, as in the paper; the
        greatest; or whichever of the two gives the lower confidence.  With both, no fewer labels
        of the first vote are right than with the mean in any of the seven draws of `support`.
    references : {"seeds", "all"}, default "seeds"
        Which labels those are: the true ones, or those gained as well.  INFERRED: the paper says
        "all labels" and means either.  A wrong label among them makes its like look right.
    scale : {"half", "clip", "own", "rival"}, default "rival"
        How the similarity S becomes a confidence in [0, 1]: (1 + S) / 2; max(S, 0); max(S, 0)
        in units of that of the pixel most similar to the class; or in units of that in the class
        the pixel is most similar to.  INFERRED: the paper does not say.  With the first two, a
        class whose own labels differ may pass `kappa_h` nowhere and gain no label, and a
        classifier then sees five pixels of it and 55 of the others.
    ranking : {"chance", "confidence", "margin"}, default "chance"
        Which of the reliable pixels that a class has won it gains: one drawn by chance; the one of
        most confidence; or the one whose confidence exceeds that in any other class by most.
        INFERRED: the paper takes "high-confidence" labels, which the gate sees to, and finds that
        later ones "converge too closely to the labeled data": the surest pixels are the class's
        most typical ones, of which a CNN learns little.  Chosen on four draws of a small Pavia
        University, by the CNN that learns from them.
    apart : int, default 1
        Least distance in pixels, along rows and along columns, of a new label from all others of
        its class; 1 for none.  INFERRED: the paper has no such rule.
    uncertainty : str, default "confidence"
        What `kappa_h` limits: ``confidence``, 1 - confidence; ``similarity-spread``, the standard
        deviation of the similarities; ``vote``, of the vote; ``entropy``, of the confidence;
        ``group-spread``, the standard deviation of the mask's probability over the groups.
        INFERRED: equation 8 is not available; with the first, kappa_h = 1 - tau_h.
    consistency : {"features", "mask", "off"}, default "features"
        What the loss sees: the decoder's embeddings of the labelled pixels, or the masks there.
        INFERRED: equation 6 is not available.
    trained : {"prompt-encoder", "prompt-encoder+layer", "layer"}, default "prompt-encoder"
        What it trains; the layer is the decoder's first.  INFERRED: the paper's figure 2 freezes
        the decoder, its section 2.3 trains "the first-layer decoder" and "the Prompt Encoder".
    rate : float, default 1e-4
        Learning rate of Adam.  INFERRED (as is `loss_groups`): the paper gives none.
    loss_groups : int, default 4
        Groups, drawn anew in each round, that the loss is taken on; 0 for all.
    group_cache_gb : float, default 2
        Memory in GiB for what SAM's encoder makes of the groups; more is kept on disk.
    device : str, default "cpu"
        Torch device that computes.

    Notes
    -----
    Pseudo labels may fall on pixels that have no truth.  INFERRED: nothing else is possible, as
    a labeler does not know which these are.  Classes that are sure of no pixel get none in that
    round.
    """

    def __init__(
        self,
        *,
        segmenter: Annotated[str, "segmenter"] = "samsa2-nano",
        iterations: int = 50,
        tau_h: float = 0.8,
        tau_l: float = 0.5,
        kappa_h: float = 0.2,
        strict: bool = False,
        support: float = 0.5,
        tally: Tally = "all",
        grouping: Grouping = "adjacent",
        stride: int = 1,
        groups: int = 0,
        refresh: int = 5,
        positives: int = 8,
        negatives: int = 8,
        negative_choice: Choice = "nearest",
        features: Features = "components",
        components: int = 12,
        smoothing: float = 2.0,
        pool: Pool = "both",
        references: References = "seeds",
        scale: Scale = "rival",
        ranking: Ranking = "chance",
        apart: int = 1,
        uncertainty: Uncertainty = "confidence",
        consistency: ConsistencyForm = "features",
        trained: Trained = "prompt-encoder",
        rate: float = 1e-4,
        loss_groups: int = 4,
        group_cache_gb: float = 2.0,
        device: str = "cpu",
    ) -> None:
        _check(1, iterations=iterations, stride=stride, refresh=refresh, components=components)
        _check(
            0,
            apart=apart,
            groups=groups,
            positives=positives,
            negatives=negatives,
            smoothing=smoothing,
        )
        _check(
            0, kappa_h=kappa_h, rate=rate, loss_groups=loss_groups, group_cache_gb=group_cache_gb
        )
        if not 0 <= tau_l <= tau_h <= 1:
            raise OptionError(
                f"tau_l={tau_l} and tau_h={tau_h}: must be from 0 to 1, the first not "
                "above the second"
            )
        if not 0 <= support <= 1:
            raise OptionError(f"support={support}: must be from 0 to 1")
        self._segmenter = hsizoo.create(segmenter, kind="segmenter", device=device)
        self._name = segmenter
        self._features: dict[str, Any] = {
            "kind": features,
            "number": components,
            "deviation": smoothing,
        }
        self._budget = group_cache_gb
        self._groups: dict[str, Any] = {"grouping": grouping, "stride": stride, "most": groups}
        self._rounds = Rounds(
            iterations=iterations,
            refresh=refresh,
            thresholds=Thresholds(tau_h, tau_l, strict),
            support=support,
            tally=tally,
            certainty=Certainty(pool, references, scale, uncertainty, kappa_h, ranking),
            points=Points(positives, negatives, negative_choice),
            loss_groups=loss_groups,
            apart=apart,
        )
        self._loss: dict[str, Any] = {"form": consistency, "trained": trained, "rate": rate}

    def label(
        self, cube: hsizoo.HyperCube, seeds: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> hsizoo.PseudoLabels:
        """Give pseudo labels; see `PseudoLabeler.label`.

        A run that was killed goes on after its last finished round.  One row of the history per
        round: ``iteration``; ``new``, how many labels; their ``pixels`` (flat indices) and
        ``labels``; their mean ``confidence``; ``total`` of pseudo labels so far; ``coverage``,
        share of usable pixels that a class has won; ``reliable``, share that also passes the gate;
        ``loss``; ``seconds``.

        Raises
        ------
        DataError
            If the seeds or the bands do not do.
        """
        groups = band_groups(cube, **self._groups)  # first: it says which bands have no values
        known, names = read_seeds(cube, seeds)
        engine: Engine
        if isinstance(self._segmenter, Sam21):
            engine = DenseEngine(self._segmenter, cube, groups, self._budget)
        else:
            engine = GenericEngine(self._segmenter, cube, groups)
        training = None
        if isinstance(engine, DenseEngine) and self._loss["form"] != "off":
            training = Consistency(engine, thresholds=self._rounds.thresholds, **self._loss)
        features = pixel_features(engine, **self._features)
        file = RunFile(run_key(self._about(cube, seeds), rng))
        progress = file.load(rng, engine.device) or Progress(known)
        runner = Runner(self._rounds, engine, training, features, names, rng)
        with training.borrowed() if training else contextlib.nullcontext():
            if training and progress.trained:
                training.load_state_dict(progress.trained)
            hsizoo.tell_progress(len(progress.history), self._rounds.iterations)
            while len(progress.history) < self._rounds.iterations:
                runner.round(progress)
                file.save(progress, rng)
                hsizoo.tell_progress(len(progress.history), self._rounds.iterations)
        file.forget()
        return _result(cube, progress, names)

    def _about(self, cube: hsizoo.HyperCube, seeds: hsizoo.LabelMap) -> dict[str, Any]:
        """All that a run depends on, apart from its chance."""
        segmenter = self._segmenter
        weights = ""
        if isinstance(segmenter, Sam21):
            parts = {f"network.{n}": each for n, each in segmenter.network.state_dict().items()}
            if isinstance(segmenter, hsizoo.TrainableSegmenter):
                parts |= segmenter.state_dict()
            weights = hsizoo.state_digest(parts)
        elif isinstance(segmenter, hsizoo.TrainableSegmenter):
            weights = segmenter.frozen_digest + hsizoo.state_digest(segmenter.state_dict())
        return {
            "cube": cube.digest,
            "seeds": seeds.digest,
            "segmenter": [self._name, weights],
            "device": str(getattr(getattr(segmenter, "network", None), "device", "")),
            "groups": self._groups,
            "rounds": asdict(self._rounds),
            "features": self._features,
            "loss": self._loss,
        }


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


def _check(least: float, **options: float) -> None:
    for name, value in options.items():
        if not value >= least:
            raise OptionError(f"{name}={value}: must be at least {least:g}")
