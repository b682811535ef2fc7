"""A panel of experts that the few labels themselves weigh: our own method, ``panel``.

No single method is right everywhere.  On scattered classes a support vector machine on single
spectra beats label spreading by 25 points, and in fields it is the other way round.  The labels can
tell: whoever predicts those that it was not shown is right about the scene.

1. Six simple experts (see `hsizoo_classifiers.experts`); what needs no labels is computed once.
2. Labels are held out in two ways: in random folds, and in two halves that lie apart, since an
   expert that trusts positions looks better than it is among labels that lie close together.
3. Each expert's probabilities are raised to the power at which they fit the labels that were held
   out (temperature): forests doubt too much, discriminants too little.
4. The answer is the product of the experts, each to a power.  The powers maximise the likelihood of
   the labels held out, and stay close to a softmax of the experts' own likelihoods: with few labels
   little can be told.  The power of the whole is found at the same time, so that probabilities are
   calibrated as far as the labels allow.
5. With one label per class nothing can be held out: all experts count the same.  So they do where
   only one class has more, since an expert that knows no other class would win.

See `hsizoo_classifiers.pooling` for the papers.  No network, no GPU.
"""

from __future__ import annotations

from typing import ClassVar, Final, Self

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

import hsizoo
from hsizoo_classifiers.experts import USUAL, Experts
from hsizoo_classifiers.options.panel import NAMES, PanelOptions
from hsizoo_classifiers.pixels import FittedCubeOnly, Seeds, find_seeds
from hsizoo_classifiers.pooling import (
    Hearing,
    apart,
    chosen,
    folds,
    logs,
    pool,
    temperature,
    weigh,
)

__all__ = ["Panel"]

_CAUTION: Final = 0.02  # of temperatures: penalty on the squared logarithm of their ratio to usual

Floats = npt.NDArray[np.float64]


class Panel(FittedCubeOnly):
    """Experts of several kinds, weighed by labels that they were not shown.

    It can only classify the cube that it was fitted on.

    Parameters
    ----------
    **options
        See `hsizoo_classifiers.options.panel.PanelOptions`.

    Attributes
    ----------
    weights : dict of str to float
        Power of each expert in the last `fit`, 0 or more; set by `fit`.
    """

    Options: ClassVar = PanelOptions
    options: PanelOptions
    weights: dict[str, float]

    def fit(
        self, cube: hsizoo.HyperCube, labels: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> Self:
        """Hear the experts, weigh them, and pool their answers.  See `PixelClassifier.fit`."""
        seeds = find_seeds(cube, labels)
        experts = Experts(cube, [name for name in NAMES if name != self.options.without])
        kinds = [folds(seeds, self.options.folds, rng), apart(seeds)]
        held = [each for kind in kinds for each in kind]
        shown = [seeds, *(chosen(seeds, ~each) for each in held)]
        arrived = experts.arrived(shown)
        chance = int(rng.integers(2**31))
        places = seeds.rows * cube.shape[1] + seeds.cols
        heard = []
        for each, given, brought in zip(held, shown[1:], arrived[1:], strict=True):
            hsizoo.tell_progress(len(heard), len(shown))
            heard.append(logs(experts.answers(given, brought, places[each], chance)))
        hsizoo.tell_progress(len(heard), len(shown))
        powers = np.array([USUAL[name] for name in experts.names]) / len(experts.names)
        heard_of = {int(label) for each in held for label in seeds.classes[each]}
        if len(heard_of) > 1:
            hearing = self._hearing(kinds, heard, seeds)
            usual = np.array([USUAL[name] for name in experts.names])
            powers = self._weighed(hearing, usual, len(seeds.classes))
        self.weights = dict(zip(experts.names, powers.tolist(), strict=True))
        everywhere = np.flatnonzero(cube.valid.ravel())
        said = logs(experts.answers(seeds, arrived[0], everywhere, chance))
        self._keep(cube, pool(said, powers))
        hsizoo.tell_progress(len(shown), len(shown))
        return self

    def _weighed(self, hearing: Hearing, usual: Floats, count: int) -> Floats:
        """Return the power of each expert: its temperature times its weight."""
        single = [
            temperature(said, hearing.classes, hearing.importance, each, _CAUTION)
            for said, each in zip(hearing.logs, usual, strict=True)
        ]
        heat = np.array([power for power, _ in single])
        likely = np.array([mean for _, mean in single])
        prior = softmax(self.options.trust * count * likely)
        warm = Hearing(heat[:, None, None] * hearing.logs, hearing.classes, hearing.importance)
        return heat * weigh(warm, prior, self.options.caution / count)

    def _hearing(
        self, kinds: list[list[npt.NDArray[np.bool_]]], heard: list[Floats], seeds: Seeds
    ) -> Hearing:
        """Put together what was heard in the folds and in the halves."""
        classes = [seeds.classes[each] for kind in kinds for each in kind]
        weight = []
        for kind, share in zip(kinds, (1.0, self.options.apart), strict=True):
            count = sum(int(each.sum()) for each in kind)
            weight += [share / count] * count
        importance = np.array(weight) / sum(weight)
        return Hearing(np.concatenate(heard, axis=1), np.concatenate(classes), importance)
