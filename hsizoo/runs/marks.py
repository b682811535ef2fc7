"""Marks that tables show after a component's name, such as "untrained" or "seen"."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from typing import Any

from hsizoo.errors import HsizooError, ProtocolError
from hsizoo.zoo.factory import resolve
from hsizoo.zoo.recipe import Recipe

__all__ = ["mark"]


def mark(component: Recipe, dataset: Recipe, subjects: Collection[str], *, allowed: bool) -> str:
    """Return what a reader must know about the weights of a component and of its parts.

    Parameters
    ----------
    component : Recipe
    dataset : Recipe
        What it is evaluated on.
    subjects : collection of str
        The subjects that are tested.
    allowed : bool
        Whether components that nobody trained may run, marked as such.

    Returns
    -------
    str
        Suffix of the name: `` (untrained)``, `` (trained on phantom, seen)``, or nothing.

    Raises
    ------
    ProtocolError
        If nobody trained it, or one of the components that its options name, and that is not
        allowed.
    """
    words: dict[str, None] = {}
    for each in component.walk():
        words |= dict.fromkeys(_words(each, component, dataset, allowed))
        if elsewhere := each.trained_elsewhere(dataset):
            words[f"trained on {elsewhere}"] = None
        if each.weights and _saw(each.weights.card, dataset, subjects):
            words["seen"] = None  # some of these subjects were trained or chosen on
    return f" ({', '.join(words)})" if words else ""


def _words(part: Recipe, whole: Recipe, dataset: Recipe, allowed: bool) -> list[str]:
    words = []
    if part.is_untrained():
        words.append("untrained")
        how = (
            f"Train it with: hsizoo train {shlex.quote(part.label)} --dataset "
            f"{shlex.quote(dataset.label)}   (or run"
        )
    elif part.starts_at_random:
        words.append("random encoder" if part.weights else "random weights")
        how = "No weights for it are published yet   (run"
    if words and part.weights is None and not allowed:
        who = part.label if part is whole else f"{part.label}, which {whole.label} builds on,"
        raise ProtocolError(
            f"{who} has not been trained, so its result would mean nothing. "
            f"{how} it as it is with --allow-untrained)"
        )
    return words


def _saw(card: Mapping[str, Any], dataset: Recipe, subjects: Collection[str]) -> bool:
    """Whether weights were trained, or chosen, on subjects that are now tested.

    `hsizoo.SceneDataset.origins` identifies subjects across datasets; a subject that it does not
    name belongs to one dataset only.
    """
    name = str((card.get("dataset") or {}).get("component", ""))
    used = card.get("subjects") or {}
    trained = {*used.get("train", ()), *used.get("val", ())}
    theirs = dataset.target if name == dataset.entry.full_name else _dataset_class(name)
    tested = _origins(dataset.entry.full_name, dataset.target, subjects)
    return bool(_origins(name, theirs, trained) & tested)


def _origins(name: str, dataset: Any, subjects: Collection[str]) -> set[tuple[str, str]]:
    """What subjects are called among all datasets."""
    shared: Mapping[str, str] = dataset.origins if dataset else {}
    return {("", shared[each]) if each in shared else (name, each) for each in subjects}


def _dataset_class(name: str) -> type | None:
    """The class of a dataset by its full name, if it is installed here."""
    try:
        return resolve(name, "dataset").target
    except HsizooError:
        return None
