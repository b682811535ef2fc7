"""Division of the subjects into training, validation and test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hsizoo.errors import DataError, ProtocolError
from hsizoo.interfaces import SceneInfo
from hsizoo.training.settings import TrainingSettings
from hsizoo.training.streams import Stream

__all__ = ["Division", "divide", "proposed_folds"]

_FOLDS = 5  # proposed, unless there are fewer subjects


@dataclass(frozen=True)
class Division:
    """Indices of the scenes to train on, to validate on, and not to use.

    Parameters
    ----------
    train, val : tuple of int
    held_out : tuple of int
        Test scenes; independent of `TrainingSettings.limit_subjects`.
    unused : tuple of int, default ()
        Training scenes of the subjects beyond `TrainingSettings.limit_subjects`.
    """

    train: tuple[int, ...]
    val: tuple[int, ...]
    held_out: tuple[int, ...]
    unused: tuple[int, ...] = ()

    @property
    def tested(self) -> tuple[int, ...]:
        """Scenes for evaluation: those held out, or else those of the validation."""
        return self.held_out or self.val


def proposed_folds(scenes: Sequence[SceneInfo]) -> int | None:
    """Return the number of folds that makes a dataset trainable.

    Parameters
    ----------
    scenes : sequence of SceneInfo

    Returns
    -------
    int or None
        0 if it has a split to train on; 5, or the number of subjects if there are fewer; None if
        its subjects cannot be divided, as there is only one.
    """
    splits = {info.subject: info.split for info in scenes}
    if "train" in splits.values():
        return 0
    pool = [each for each in splits.values() if each == "val" or not any(splits.values())]
    return min(_FOLDS, len(pool)) if len(pool) > 1 else None


def divide(scenes: Sequence[SceneInfo], settings: TrainingSettings) -> Division:
    """Divide the scenes of a dataset by subject.

    Without folds, the dataset's own splits ``train`` and ``val`` are used.  With folds, the
    subjects are shuffled by `TrainingSettings.split_seed` and dealt into folds.  If the dataset
    has its own splits, its ``test`` subjects are left out and the chosen fold is for validation.
    If it has none, the chosen fold is held out for the test, the next one is for validation (given
    three or more folds), and the others are for training.

    Raises
    ------
    ProtocolError
        If there is nothing to train on, or fewer subjects than requested.
    DataError
        If a subject has scenes in several splits.
    """
    splits: dict[str, str] = {}
    for info in scenes:
        if splits.setdefault(info.subject, info.split) != info.split:
            raise DataError(
                f"subject {info.subject!r} is in the splits {splits[info.subject]!r} and "
                f"{info.split!r}; scenes of one subject must not be divided"
            )
    train = {subject for subject, split in splits.items() if split == "train"}
    val = {subject for subject, split in splits.items() if split == "val"}
    if settings.folds:
        unsplit = not any(splits.values())
        pool = _shuffled(set(splits) if unsplit else train | val, settings.split_seed)
        if len(pool) < settings.folds:
            raise ProtocolError(
                f"{settings.folds} folds need at least {settings.folds} subjects to train on; "
                f"the dataset has {len(pool)}"
                + (f": use --folds {len(pool)}" if len(pool) > 1 else "")
            )
        folds = [set(pool[number :: settings.folds]) for number in range(settings.folds)]
        chosen, following = settings.fold, (settings.fold + 1) % settings.folds
        val = folds[chosen]
        if unsplit:
            val = folds[following] if settings.folds > 2 else set()
        train = set(pool) - val - folds[chosen]
    if not train:
        found = ", ".join(sorted({split or "(none)" for split in splits.values()}))
        possible = proposed_folds(scenes)
        raise ProtocolError(
            f"the dataset has no training scenes (splits: {found}; {len(splits)} subject(s)); "
            + (
                f"divide its subjects into folds with --folds {possible} --fold 0"
                if possible
                else "choose a dataset with a train split, or one with several subjects"
            )
        )
    held_out = set(splits) - train - val
    unused = set[str]()
    if settings.limit_subjects is not None:
        if settings.limit_subjects > len(train):
            raise ProtocolError(
                f"limit_subjects is {settings.limit_subjects}, but there are only {len(train)} "
                "training subject(s)"
            )
        order = _shuffled(train, settings.split_seed)
        train, unused = set(order[: settings.limit_subjects]), set(order[settings.limit_subjects :])
    subject_of = [info.subject for info in scenes]
    return Division(
        *(
            tuple(i for i, subject in enumerate(subject_of) if subject in chosen)
            for chosen in (train, val, held_out, unused)
        )
    )


def _shuffled(subjects: set[str], seed: int) -> list[str]:
    order = np.random.default_rng([seed, Stream.SUBJECTS]).permutation(len(subjects))
    names = sorted(subjects)
    return [names[position] for position in order]
