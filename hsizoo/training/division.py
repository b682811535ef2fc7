"""Which subjects are trained on, validated on, and left for the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hsizoo.errors import DataError, ProtocolError
from hsizoo.interfaces import SceneInfo
from hsizoo.training.settings import TrainingSettings
from hsizoo.training.streams import Stream

__all__ = ["Division", "divide"]


@dataclass(frozen=True)
class Division:
    """Which scenes, by index, are trained on, validated on, and left alone.

    Parameters
    ----------
    train, val : tuple of int
    held_out : tuple of int
        For the test; the same whatever `TrainingSettings.limit_subjects` is.
    unused : tuple of int, default ()
        Training scenes of the subjects beyond `TrainingSettings.limit_subjects`.
    """

    train: tuple[int, ...]
    val: tuple[int, ...]
    held_out: tuple[int, ...]
    unused: tuple[int, ...] = ()


def divide(scenes: Sequence[SceneInfo], settings: TrainingSettings) -> Division:
    """Divide the scenes of a dataset by subject.

    Without folds, the dataset's own splits ``train`` and ``val`` are taken.  With folds, the
    subjects, shuffled by `TrainingSettings.split_seed`, are dealt into folds.  Where the dataset
    has a ``test`` split, folds are made of the other subjects and the chosen one validates.  Where
    it has no split, the chosen fold is held out for the test, the one after it validates (given
    three or more), and the others train.

    Raises
    ------
    ProtocolError
        If there is nothing to train on, or there are fewer subjects than asked for.
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
                f"{settings.folds} folds need as many subjects to train on; "
                f"the dataset has {len(pool)}"
            )
        folds = [set(pool[number :: settings.folds]) for number in range(settings.folds)]
        chosen, following = settings.fold, (settings.fold + 1) % settings.folds
        val = folds[chosen]
        if unsplit:
            val = folds[following] if settings.folds > 2 else set()
        train = set(pool) - val - folds[chosen]
    if not train:
        found = ", ".join(sorted({split or "(none)" for split in splits.values()}))
        many = len(splits) > 1 and not any(splits.values())
        raise ProtocolError(
            f"the dataset has no training scenes (splits: {found}; {len(splits)} subject(s)); "
            + (
                "make folds of its subjects with --folds 5 --fold 0"
                if many
                else "choose a dataset with a train split, or one with several subjects"
            )
        )
    held_out = set(splits) - train - val
    unused = set[str]()
    if settings.limit_subjects is not None:
        if settings.limit_subjects > len(train):
            raise ProtocolError(
                f"limit_subjects is {settings.limit_subjects}, but there are only {len(train)} "
                "subjects to train on"
            )
        order = _shuffled(train, settings.split_seed)
        train, unused = set(order[: settings.limit_subjects]), set(order[settings.limit_subjects :])
    of = [info.subject for info in scenes]
    return Division(
        *(
            tuple(i for i, subject in enumerate(of) if subject in chosen)
            for chosen in (train, val, held_out, unused)
        )
    )


def _shuffled(subjects: set[str], seed: int) -> list[str]:
    order = np.random.default_rng([seed, Stream.SUBJECTS]).permutation(len(subjects))
    names = sorted(subjects)
    return [names[position] for position in order]
