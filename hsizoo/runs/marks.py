"""Marks that tables show after a component's name, such as "untrained" or "seen"."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from hsizoo.errors import HsizooError
from hsizoo.zoo.factory import resolve
from hsizoo.zoo.recipe import Recipe

__all__ = ["footnotes", "mark"]

_ABSTRACT = "abstract only"


def mark(component: Recipe, dataset: Recipe, subjects: Collection[str], remark: str = "") -> str:
    """Return what a reader must know about a component and its parts: origin and weights.

    Parameters
    ----------
    component : Recipe
    dataset : Recipe
        What it is evaluated on.
    subjects : collection of str
        The subjects that are tested.
    remark : str, optional
        A further mark, on the choice of the scenes.

    Returns
    -------
    str
        Suffix of the name: `` (untrained)``, `` (trained on phantom, seen)``, or nothing.
    """
    words: dict[str, None] = {}
    for each in component.walk():
        if each.entry.spec.from_abstract:
            words[_ABSTRACT] = None
        if each.is_untrained():
            words["untrained"] = None
        elif each.starts_at_random:
            words["random encoder" if each.weights else "random weights"] = None
        if elsewhere := each.trained_elsewhere(dataset):
            words[f"trained on {elsewhere}"] = None
        if each.weights and _saw(each.weights.card, dataset, subjects):
            words["seen"] = None  # some of these subjects were trained or chosen on
    if remark:
        words[remark] = None
    return f" ({', '.join(words)})" if words else ""


def footnotes(labels: Iterable[str]) -> list[str]:
    """Explain the marks of a table that do not explain themselves.

    Parameters
    ----------
    labels : iterable of str
        Names of the rows, with their marks.
    """
    if not any(_ABSTRACT in label for label in labels):
        return []
    return [
        f"{_ABSTRACT}: built from the abstract of the paper, with layers and constants of our own; "
        "its figures say little about the paper's method"
    ]


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
