"""Checks of datasets."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from hsizoo.cube import Scene
from hsizoo.errors import ContractError, MissingRequirement
from hsizoo.interfaces import DatasetCard, SceneDataset, SceneInfo
from hsizoo.testing.contract import Check, NotApplicable, check, does_not_apply, fail
from hsizoo.testing.subject import Subject
from hsizoo.zoo.scenes import load_listed, scene_infos

__all__ = ["DATASET"]

DATASET: list[Check] = []

_SCENES = 3  # that are loaded, unless asked for more


def _made(subject: Subject) -> SceneDataset:
    """The dataset, if its files are here."""
    dataset: SceneDataset = subject.make()
    try:
        dataset.place()
    except MissingRequirement as error:
        raise NotApplicable(str(error)) from error
    return dataset


def _indices(subject: Subject, dataset: SceneDataset) -> list[int]:
    count = len(dataset.scenes())
    if subject.slow:
        return list(range(count))
    return sorted({*range(min(_SCENES, count)), count - 1} if count else ())


@check(DATASET, "answers", after=["builds"])
def check_answers(subject: Subject) -> None:
    """It lists scenes and loads them."""
    dataset = _made(subject)
    infos = dataset.scenes()
    if not infos:
        does_not_apply("it has no scene here")
    if not all(isinstance(info, SceneInfo) for info in infos):
        fail(f"scenes() returned {infos[0]!r}", "Return a list of hsizoo.SceneInfo.")
    if len(dataset) != len(infos):
        fail(f"len() is {len(dataset)}, for {len(infos)} scenes", "Do not override __len__.")
    scene = dataset.scene(0)
    if not isinstance(scene, Scene):
        fail(f"scene(0) returned {type(scene).__name__}", "Return a hsizoo.Scene.")


@check(DATASET, "card", after=["builds"])
def check_card(subject: Subject) -> None:
    """It has a card with title, source, licence, citation, size and how to get it."""
    card = getattr(_made(subject), "card", None)
    if not isinstance(card, DatasetCard):
        fail(f"card is {card!r}", "Set card = hsizoo.DatasetCard(…) on the class.")
    empty = [
        each.name for each in fields(card) if each.name != "notes" and not getattr(card, each.name)
    ]
    if empty:
        fail(f"its card says nothing about {', '.join(empty)}", "Fill it in; users need it.")


@check(DATASET, "names", after=["answers"])
def check_names(subject: Subject) -> None:
    """Names of scenes are unique."""
    try:
        scene_infos(_made(subject))
    except ContractError as error:
        fail(str(error), "Put the subject, or a number, into the name.")


@check(DATASET, "splits", after=["answers"])
def check_splits(subject: Subject) -> None:
    """All scenes of a subject are in one split."""
    splits: dict[str, str] = {}
    for info in _made(subject).scenes():
        if splits.setdefault(info.subject, info.split) != info.split:
            fail(
                f"subject {info.subject!r} is in the splits {splits[info.subject]!r} and "
                f"{info.split!r}",
                "Divide subjects, not scenes: what is learnt on a subject must not be tested on "
                "it.",
            )


@check(DATASET, "order", after=["answers"])
def check_order(subject: Subject) -> None:
    """The order of the scenes is the same at each call and in each instance."""
    one, other = _made(subject), _made(subject)
    first = one.scenes()
    if not first == one.scenes() == other.scenes():
        fail(
            "scenes() differs from call to call", "Sort the names; sets and folders have no order."
        )


@check(DATASET, "agreement", after=["answers", "names", "order"])
def check_agreement(subject: Subject) -> None:
    """A scene has the name, subject and split that it is listed with."""
    dataset = _made(subject)
    infos = dataset.scenes()
    for index in _indices(subject, dataset):
        try:
            load_listed(dataset, index, infos)
        except ContractError as error:
            fail(str(error), "Make the scene from its SceneInfo: name, subject, split.")


@check(DATASET, "labels", after=["answers"])
def check_labels(subject: Subject) -> None:
    """Each scene has an evaluated pixel of a target class."""
    dataset = _made(subject)
    for index in _indices(subject, dataset):
        scene = dataset.scene(index)
        if not any(scene.target(label).any() for label in scene.label_map.targets):
            fail(
                f"scene {scene.name!r} has no evaluated pixel of a target class",
                "Name the classes, and ignore only what must not count.",
            )
        training = dataset.training_map(index)
        if training is not None and (
            training.shape != scene.label_map.labels.shape or training.dtype != np.bool_
        ):
            fail(
                f"training_map({index}) is {training.dtype} of shape {training.shape}",
                f"Return bool of shape {scene.label_map.labels.shape}, or None.",
            )


@check(DATASET, "earlier-scenes", after=["deterministic"])
def check_earlier_scenes(subject: Subject) -> None:
    """A scene that was loaded stays as it is when others are loaded."""
    dataset = _made(subject)
    held = [dataset.scene(index) for index in _indices(subject, dataset)[:1]]
    before = [(scene.cube.data.copy(), scene.label_map.labels.copy()) for scene in held]
    for index in _indices(subject, dataset)[1:]:
        dataset.scene(index)
    for scene, (data, labels) in zip(held, before, strict=True):
        if not (
            np.array_equal(scene.cube.data, data, equal_nan=True)
            and np.array_equal(scene.label_map.labels, labels)
        ):
            fail(
                f"scene {scene.name!r} changed while others were loaded",
                "Give each scene its own array; do not reuse a buffer.",
            )


@check(DATASET, "digests", after=["deterministic"])
def check_digests(subject: Subject) -> None:
    """Two instances load the same cubes, wavelengths and labels."""
    one, other = _made(subject), _made(subject)
    for index in _indices(subject, one):
        here, there = one.scene(index), other.scene(index)
        for what in ("cube", "label_map"):
            if getattr(here, what).digest != getattr(there, what).digest:
                fail(
                    f"scene {here.name!r}: the {what.replace('_', ' ')} has another digest in "
                    "another instance",
                    "Results are kept by version and name: the same name must mean the same "
                    "values.",
                )
