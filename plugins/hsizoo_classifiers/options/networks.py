"""Options of the patch networks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from hsizoo.errors import OptionError
from hsizoo_classifiers.checks import at_least, at_most_one, below_one, odd, share

__all__ = [
    "SHARED",
    "A2s2kOptions",
    "AllBandsOptions",
    "CdcnnOptions",
    "Cnn2dOptions",
    "DbmaOptions",
    "DualManifoldOptions",
    "NetworkOptions",
    "SmallCnnOptions",
    "SpatialSelfTrainingOptions",
    "SsrnOptions",
    "Training",
]


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the weights of a network are updated.

    Parameters
    ----------
    optimiser : {"adam", "rmsprop", "sgd"}
        ``rmsprop`` averages squared slopes with a factor of 0.9, the default of Keras.
    rate : float
        Learning rate at the start.
    decay : float, default 0
        Weight decay, added to the slope.
    momentum : float, default 0
        Momentum of ``sgd``.
    course : {"cosine", "constant"}, default "cosine"
        Course of the rate: down to zero along a cosine, or none.
    """

    optimiser: Literal["adam", "rmsprop", "sgd"]
    rate: float
    decay: float = 0.0
    momentum: float = 0.0
    course: Literal["cosine", "constant"] = "cosine"


SHARED = Training(optimiser="sgd", rate=0.05, decay=1e-4, momentum=0.7)
"""Training in IPG, section 3.2, the same for all its networks; the course is INFERRED."""


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """Training options of all patch networks.

    Parameters
    ----------
    training : {"published", "shared"}, default "published"
        ``published``: as in the network's own paper or code.  ``shared``: SGD with rate 0.05,
        momentum 0.7 and decay 1e-4, as IPG trains all its networks; IPG also gives them all
        ``patch=9``.
    patch : int, default 9
        Side of the square patch around a pixel; odd.
    flips : bool, default true
        Mirror patches at random in training, up and down and left and right.  The published
        trainings do not; it is one default for all networks, since five labels are few.
    epochs : int, default 60
        Passes over the labelled pixels.
    max_steps : int or none, default 1000
        Maximum number of steps, regardless of `epochs`; none for no limit.
    batch : int, default 16
        Pixels per step, 2 or more.
    rate : float or none, default none
        Learning rate at the start; none for that of `training`.
    decay : float or none, default none
        Weight decay; none for that of `training`.
    course : {"cosine", "constant"} or none, default none
        Course of the rate: down to zero along a cosine, or none; none for that of `training`.

    Attributes
    ----------
    least_patch : int
        Smallest `patch` that the network supports.
    published : Training
        The published training.

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    least_patch: ClassVar[int] = 1
    published: ClassVar[Training] = Training(optimiser="adam", rate=1e-3, decay=1e-4)

    training: Literal["published", "shared"] = "published"
    patch: int = 9
    flips: bool = True
    epochs: int = 60
    max_steps: int | None = 1000
    batch: int = 16
    rate: float | None = None
    decay: float | None = None
    course: Literal["cosine", "constant"] | None = None

    def __post_init__(self) -> None:
        odd(self.least_patch, patch=self.patch)
        at_least(1, epochs=self.epochs, **_given(max_steps=self.max_steps))
        at_least(2, batch=self.batch)
        at_least(0, **_given(rate=self.rate, decay=self.decay))

    @property
    def resolved(self) -> Training:
        """The training, with the options that replace parts of it."""
        whole = SHARED if self.training == "shared" else self.published
        return replace(whole, **self._own())

    def _own(self) -> dict[str, Any]:
        return _given(rate=self.rate, decay=self.decay, course=self.course)


def _given(**options: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in options.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class AllBandsOptions(NetworkOptions):
    """Options of a network on all bands, trained as in the code of R. Li et al.

    That code, doi:10.3390/rs12030582, is the one that most later tables train these networks with.

    Parameters
    ----------
    patch : int, default 7
        Side of the square patch around a pixel; odd.
    epochs : int, default 200
        Passes over the labelled pixels.
    max_steps : int or none, default none
        Maximum number of steps; none for no limit.  Five labels per class of Indian Pines make
        1000 steps; with thousands of pseudo labels, set a limit.
    rate : float or none, default none
        Learning rate of Adam at the start; none for that of `training`, 5e-4 if published.
    decay : float or none, default none
        Weight decay; none for that of `training`, 0 if published.
    course : {"cosine", "constant"} or none, default none
        Course of the rate: down to zero along a cosine, or none; none for that of `training`,
        ``cosine`` if published.  INFERRED: that code makes a new cosine schedule in every epoch,
        so that its course depends on the version of PyTorch.  It stops early by validation loss;
        here there are no labels for validation, and the last weights are kept.
    """

    published: ClassVar[Training] = Training(optimiser="adam", rate=5e-4)

    patch: int = 7
    epochs: int = 200
    max_steps: int | None = None


@dataclass(frozen=True, kw_only=True)
class DbmaOptions(AllBandsOptions):
    """Options of `hsizoo_classifiers.dbma.Dbma`.

    Parameters
    ----------
    patch : int, default 7
        Side of the square patch around a pixel; odd.  INFERRED: the full paper was not available.
        The code of R. Li et al., doi:10.3390/rs12030582, which most later tables use to train it,
        has 9.
    epochs : int, default 200
        Passes over the labelled pixels.  INFERRED (as are `batch` and `training`): from that code.
    """


@dataclass(frozen=True, kw_only=True)
class SsrnOptions(AllBandsOptions):
    """Options of `hsizoo_classifiers.ssrn.Ssrn`.

    Parameters
    ----------
    patch : int, default 7
        Side of the square patch around a pixel, as in the paper; odd.
    epochs : int, default 200
        Passes over the labelled pixels, as in the paper.
    batch : int, default 16
        Pixels per step, as in the paper.
    rate : float or none, default none
        Learning rate; none for that of `training`: if published, 3e-4 with RMSprop, as in the
        paper's own code for Indian Pines.  The code of R. Li et al. has Adam with 5e-4.
    course : {"cosine", "constant"} or none, default none
        Course of the rate: down to zero along a cosine, or none; none for that of `training`,
        ``constant`` if published.  INFERRED: the last weights are kept.  The paper's code keeps
        those of the least validation loss; here there are no labels for validation.
    """

    least_patch: ClassVar[int] = 3
    published: ClassVar[Training] = Training(optimiser="rmsprop", rate=3e-4, course="constant")


@dataclass(frozen=True, kw_only=True)
class A2s2kOptions(AllBandsOptions):
    """Options of `hsizoo_classifiers.a2s2k.A2s2k`.

    Parameters
    ----------
    selection : {"each", "shared"}, default "each"
        Attention over the two kernel sizes: ``each`` has its own layer, as in the selective kernel
        networks that the paper builds on; ``shared``, as in the paper's own code, uses one layer
        for both, so that the softmax over them is always one half.
    components : int, default 0
        Number of whitened principal components used instead of the bands, at least 7; 0 for the
        bands.  The paper's code has 200 for Indian Pines, which is all of them, and 15 for Salinas.
    patch : int, default 7
        Side of the square patch around a pixel; odd.  As in the command that the authors give for
        the paper; with their code's default of 9, the mean over 5 × 5 is off centre.
    epochs : int, default 200
        Passes over the labelled pixels, as in the paper's code.
    batch : int, default 16
        Pixels per step, as that code uses in effect (it defines 32 and passes 16).
    rate : float or none, default none
        Learning rate of Adam at the start; none for that of `training`, 1e-3 if published, as in
        that code.
    """

    least_patch: ClassVar[int] = 3
    least_components: ClassVar[int] = 7  # span of the first kernels
    published: ClassVar[Training] = Training(optimiser="adam", rate=1e-3)

    selection: Literal["each", "shared"] = "each"
    components: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(0, components=self.components)
        if 0 < self.components < self.least_components:
            raise OptionError(
                f"components={self.components}: must be 0 or at least {self.least_components}"
            )


@dataclass(frozen=True, kw_only=True)
class CdcnnOptions(AllBandsOptions):
    """Options of `hsizoo_classifiers.cdcnn.Cdcnn`.

    Parameters
    ----------
    norm : {"local", "batch"}, default "local"
        Normalisation after the first two convolutions: ``local`` response normalisation as in the
        paper, or ``batch`` normalisation as in the code that later papers compare with.
    patch : int, default 5
        Side of the square patch around a pixel, as in the paper; odd.
    epochs : int, default 200
        Passes over the labelled pixels.  INFERRED (as are `batch` and `training`): the paper's
        100 000 steps of SGD on 200 pixels per class do not suit a handful of pixels.  These are the
        settings that R. Li et al., doi:10.3390/rs12030582, and most later tables use to train it.
    dropout : float, default 0.5
        Dropout after the last two hidden layers, as in the paper.
    """

    least_patch: ClassVar[int] = 5

    norm: Literal["local", "batch"] = "local"
    patch: int = 5
    dropout: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        below_one(dropout=self.dropout)


@dataclass(frozen=True, kw_only=True)
class SmallCnnOptions(NetworkOptions):
    """Options of a small CNN on principal components, trained by SGD with the settings of IPG.

    Parameters
    ----------
    training : {"published", "shared"}, default "published"
        Both are IPG's: SGD with rate 0.05, momentum 0.7 and decay 1e-4.
    components : int, default 30
        Number of principal components of the scaled bands.
    rate : float or none, default none
        Learning rate at the start; none for 0.05, as in IPG.
    momentum : float or none, default none
        Momentum of SGD; none for 0.7, as in IPG.
    decay : float or none, default none
        Weight decay; none for 1e-4, as in IPG.
    dropout : float, default 0.3
        Dropout before the last layer.
    """

    least_patch: ClassVar[int] = 5
    published: ClassVar[Training] = SHARED

    components: int = 30
    momentum: float | None = None
    dropout: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, components=self.components)
        below_one(dropout=self.dropout, **_given(momentum=self.momentum))

    def _own(self) -> dict[str, Any]:
        return super()._own() | _given(momentum=self.momentum)


@dataclass(frozen=True, kw_only=True)
class Cnn2dOptions(SmallCnnOptions):
    """Options of `hsizoo_classifiers.cnn2d.Cnn2d`.

    Parameters
    ----------
    net : {"mean", "valid", "plain", "paoletti"}, default "mean"
        ``mean``: 1×1 and two 3×3 convolutions, then the mean over the patch; ``valid``: the same
        without padding; both run over the whole image at once.  ``plain``: a pyramid.
        ``paoletti``: the network of Paoletti et al.  For layers and parameters see
        `hsizoo_classifiers.nets`.
        INFERRED (as are `components`, `whiten`, `batch`, `epochs`, `max_steps` and `dropout`): the
        paper only says "2D CNN", and the choice is worth ten points of accuracy.
    whiten : bool, default true
        Scale every component to unit variance, as is customary; otherwise only the first has unit
        variance.  There was no clear difference on a small Pavia University, nor on block-disjoint
        draws of Salinas-A and Indian Pines.
    patch : int, default 9
        Side of the square patch around a pixel, as in the paper; odd.
    epochs : int, default 100
        Passes over the labelled pixels.
    max_steps : int or none, default 1000
        Maximum number of steps, since training on many pseudo labels would take long; none for no
        limit.
    """

    net: Literal["mean", "valid", "plain", "paoletti"] = "mean"
    whiten: bool = True
    epochs: int = 100


@dataclass(frozen=True, kw_only=True)
class SpatialSelfTrainingOptions(SmallCnnOptions):
    """Options of `hsizoo_classifiers.sln_sni.SpatialSelfTraining`.

    Parameters
    ----------
    rounds : int, default 2
        Number of rounds of making pseudo labels and training a network on them, after a first
        network trained on the labelled pixels only.  INFERRED (as are all options except `patch`):
        the abstract gives no layers and no constants.  `window`, `agreement` and `sure` were chosen
        by the number of correct pseudo labels on Salinas-A and a small Pavia University; the rest
        was not tuned.
    window : int, default 5
        Side of the square neighbourhood of a pixel; odd.
    agreement : float, default 0.9
        Share of the neighbours needed to confirm or change a pixel's class; above one half.
    sure : float, default 0.99
        Minimum probability to keep a class where the neighbours are divided.
    per_class : int, default 150
        Number of pseudo labels of the largest class; drawn at random from the judged pixels.
    tail : float, default 0.5
        Boost of smaller classes: 0 keeps the proportions; 1 gives every class `per_class` labels,
        where that many are available.
    components : int, default 30
        Number of whitened principal components of the scaled bands.
    patch : int, default 9
        Side of the square patch around a pixel, as in IPG; odd.
    max_steps : int or none, default 300
        Maximum number of steps for the network of each round; none for no limit.
    refit_steps : int, default 100
        Extra steps for the last layer alone, per network; 0 for none.
    """

    rounds: int = 2
    window: int = 5
    agreement: float = 0.9
    sure: float = 0.99
    per_class: int = 150
    tail: float = 0.5
    max_steps: int | None = 300
    refit_steps: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, rounds=self.rounds, per_class=self.per_class)
        at_least(0, refit_steps=self.refit_steps)
        at_most_one(agreement=self.agreement, sure=self.sure)
        odd(3, window=self.window)
        if self.agreement <= 0.5:
            raise OptionError(
                f"agreement={self.agreement}: must be above 0.5, else two classes can reach it"
            )
        share(tail=self.tail)


@dataclass(frozen=True, kw_only=True)
class DualManifoldOptions(NetworkOptions):
    """Options of `hsizoo_classifiers.smr_eg.DualManifold`.

    Parameters
    ----------
    width : int, default 64
        Number of features per pixel; even.  INFERRED (as are all options except `patch`): the
        abstract gives no layers and no constants.  The learning rate, 1e-3 with Adam, and
        `information` were each compared with one other value on a small Pavia University; the rest
        was not tuned.
    components : int, default 30
        Number of whitened principal components of the scaled bands.
    patch : int, default 9
        Side of the square whose pixels are the graph's nodes, as in IPG; odd.
    flips : bool, default true
        Without effect: the network takes a mirrored patch for the same.
    information : float, default 0.1
        Weight of the information loss on unlabelled pixels.  INFERRED: the abstract does not
        specify the information; we use the mutual information of pixels and classes.
    unlabelled : int, default 64
        Unlabelled pixels per step, drawn at random from all pixels.
    batch : int, default 16
        Labelled pixels per step, 2 or more.
    dropout : float, default 0.3
        Dropout before the class scores.
    """

    least_patch: ClassVar[int] = 3

    width: int = 64
    components: int = 30
    information: float = 0.1
    unlabelled: int = 64
    dropout: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(2, width=self.width)
        at_least(1, components=self.components, unlabelled=self.unlabelled)
        at_least(0, information=self.information)
        if self.width % 2:
            raise OptionError(f"width={self.width}: must be even")
        below_one(dropout=self.dropout)
