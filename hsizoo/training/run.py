"""`train`: train a segmenter on a dataset by the paper's protocol, and save the weights.

>>> import hsizoo
>>> result = hsizoo.train("samsa2-nano", "phantom", epochs=10, lr=3e-4)  # doctest: +SKIP
>>> hsizoo.bench(["samsa2-nano"], "phantom")                             # doctest: +SKIP

Repeating a call resumes a training that was stopped.  On the CPU of one machine, with the same
number of threads, a resumed training ends with bit-identical weights to an uninterrupted one, and
so do two trainings with the same seed; on a GPU some of torch's backward passes sum in varying
order.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from hsizoo.engine.provenance import provenance
from hsizoo.engine.scene_versions import UnchangedFiles
from hsizoo.errors import (
    DataError,
    MissingRequirement,
    OptionError,
    ProtocolError,
    StoreError,
    listed,
)
from hsizoo.interfaces import SceneDataset, SceneInfo, TrainableSegmenter
from hsizoo.progress import listening
from hsizoo.protocols.interactive.robots import Robot, make_robot
from hsizoo.training import (
    Division,
    SceneStates,
    Step,
    Trainer,
    TrainingSettings,
    divide,
    present_labels,
)
from hsizoo.training.data_version import data_version
from hsizoo.training.folder import Checkpoint, TrainingFolder
from hsizoo.training.folder import publish as publish_result
from hsizoo.training.interrupts import Interrupts
from hsizoo.training.picture import training_png
from hsizoo.training.verifying import verify_step
from hsizoo.weights.files import (
    download_command,
    how_to_fetch,
    load_state,
    missing,
    require,
)
from hsizoo.weights.trained import WEIGHTS_FILE, TrainedWeights, open_weights, trained_folder
from hsizoo.zoo.device import resolve_device
from hsizoo.zoo.factory import WEIGHTS, auto_weights, resolve
from hsizoo.zoo.names import parse_composition
from hsizoo.zoo.options import declared_options, resolve_options
from hsizoo.zoo.recipe import Recipe
from hsizoo.zoo.scenes import load_listed, scene_infos

__all__ = ["TrainEvents", "TrainResult", "default_folder", "train"]

DEFAULT_FOLDER = "hsizoo-runs"

_MIB = 2**20


@dataclass
class TrainEvents:
    """Callbacks that report the progress of a training.

    ``prepared`` is called with the number of scenes read and their total while labels are read;
    ``planned`` with the number of steps already done and their total; ``stepped`` with each step;
    ``validated`` with the epoch and its metrics; ``saved`` with the step that a checkpoint covers.
    ``warned`` is called, at most once, with advice if the scenes exceed the memory for them;
    ``stopping`` when Ctrl-C was pressed and the step under way is finished first; ``reading`` while
    files that are not known yet are read for their digests, with the MiB read and their total.
    """

    prepared: Callable[[int, int], None] = lambda done, total: None
    planned: Callable[[int, int], None] = lambda done, total: None
    stepped: Callable[[Step], None] = lambda step: None
    validated: Callable[[int, Mapping[str, float]], None] = lambda epoch, metrics: None
    saved: Callable[[int], None] = lambda step: None
    warned: Callable[[str], None] = lambda text: None
    stopping: Callable[[], None] = lambda: None
    reading: Callable[[int, int], None] = lambda done, total: None


@dataclass(frozen=True)
class TrainResult:
    """A finished training.

    Parameters
    ----------
    folder : Path
        Run folder with log, curve, checkpoint and result.
    weights : Path
        The published weights, or those in the run folder; their card is in the same folder.
    card : dict
        Provenance and metrics of the weights.
    trained_before : bool
        Whether an earlier call had already finished this training.
    is_newest : bool
        Whether ``weights=auto`` now selects these weights on the dataset they were trained on.
    """

    folder: Path
    weights: Path
    card: dict[str, Any]
    trained_before: bool
    is_newest: bool

    @property
    def card_path(self) -> Path:
        """Path of the card in the folder of the weights."""
        return self.weights.with_name("card.json")

    @property
    def bench_command(self) -> str | None:
        """Command that evaluates the weights on scenes that they were not trained on.

        It uses the test split, else the held-out scenes, else the validation scenes; None if the
        dataset has none of these.
        """
        name = self.card["name"]
        if not self.is_newest:
            joint = "," if ":" in name else ":"
            name = f"{name}{joint}{WEIGHTS.name}={self.weights.parent}"
        command = ["hsizoo", "bench", name, "--dataset", self.card["dataset"]["name"]]
        if not self.card["dataset"]["has_test_split"]:
            scenes, settings = self.card["scenes"], self.card["settings"]
            folds = settings["folds"]
            if not scenes["held_out"] and not scenes["val"]:
                return None
            if folds:
                command += ["--folds", str(folds), "--fold", str(settings["fold"])]
                if settings["split_seed"]:
                    command += ["--split-seed", str(settings["split_seed"])]
            elif scenes["held_out"]:  # in a split of another name
                for scene in scenes["held_out"]:
                    command += ["--scene", scene]
            else:
                command += ["--split", "val"]
        return shlex.join(command)


def train(
    component: str,
    dataset: str = "phantom",
    *,
    out: str | os.PathLike[str] | None = None,
    device: str = "auto",
    fresh: bool = False,
    checkpoint_steps: int = 100,
    state_memory: int = 2048,
    publish: bool = True,
    events: TrainEvents | None = None,
    **settings: Any,
) -> TrainResult:
    """Train a segmenter, or resume a training that was stopped.

    Parameters
    ----------
    component : str
        Name of a trainable segmenter, optionally with options.  It starts from its own initial
        weights, unless the name contains ``weights=…``.
    dataset : str, default "phantom"
        Name of a dataset, optionally with options.  Scenes of its test split are never read.
    out : path, optional
        The run folder.  Default: ``hsizoo-runs/train/<component>-<dataset>-<hash>``, where the hash
        covers everything that the result depends on.
    device : str, default "auto"
        See `hsizoo.create`.
    fresh : bool, default False
        Start over even if there is a checkpoint or a result.
    checkpoint_steps : int, default 100
        Number of steps between checkpoints; one is also written after each epoch.
    state_memory : int, default 2048
        Memory in MiB for scenes and their opened states; scenes that do not fit are opened again.
    publish : bool, default True
        Copy the result to ``HSIZOO_HOME/trained``, where ``weights=auto`` looks for it.  Otherwise
        it stays in the run folder; use it with ``weights=FOLDER``.
    events : TrainEvents, optional
        Callbacks that report progress.
    **settings
        See `hsizoo.training.TrainingSettings`: ``epochs``, ``lr``, ``clicks``, ``seed``,
        ``limit_subjects``, ``folds``, ``fold``, ``precision`` and more.

    Returns
    -------
    TrainResult

    Raises
    ------
    ProtocolError
        If the component is not trainable, the dataset has nothing to train on, or the loss is not
        finite.  The last checkpoint is kept.
    NameLookupError, OptionError, MissingRequirement, ContractError, DataError, StoreError
    """
    events = events or TrainEvents()
    if checkpoint_steps < 1 or state_memory < 0:
        raise OptionError(
            "checkpoint_steps must be at least 1 and state_memory at least 0; "
            f"got {checkpoint_steps} and {state_memory}"
        )
    with listening(events.reading):
        plan = _TrainingPlan.of(component, dataset, settings)
    device = resolve_device(device)
    folder = TrainingFolder(out or plan.default_folder)
    with folder:
        if fresh:
            folder.clear()
        card = folder.result()
        trained_before = card is not None
        if card is None:
            cuda = [torch.device(device)] if device.startswith("cuda") else []
            with torch.random.fork_rng(cuda):  # leave the caller's rng state unchanged
                _train(plan, folder, device, checkpoint_steps, state_memory * _MIB, events)
            card = folder.result()
            assert card is not None
        plan.check_key(folder, card["key"])
        weights = _published(folder, plan, card) if publish else open_weights(folder.folder)
    try:
        auto = auto_weights(plan.component, plan.source, plan.by_fold(card))
    except DataError:  # a card of other weights is damaged: whoever uses weights=auto is told
        auto = None
    return TrainResult(
        folder.folder,
        weights.path,
        card,
        trained_before,
        auto is not None and auto.digest == weights.digest,
    )


def default_folder(component: str, dataset: str, settings: Mapping[str, Any]) -> Path:
    """Return the run folder that a training has by default, and check all that can be checked.

    Parameters
    ----------
    component, dataset : str
    settings : mapping
        As `train` takes them.

    Raises
    ------
    HsizooError
        As `train` does before it begins.
    """
    return _TrainingPlan.of(component, dataset, settings).default_folder


@dataclass(frozen=True)
class _TrainingPlan:
    """A fully resolved training: component, dataset, division and settings."""

    component: Recipe
    source: Recipe
    dataset: SceneDataset
    infos: Sequence[SceneInfo]
    division: Division
    settings: TrainingSettings
    robots: Sequence[Robot]
    files: UnchangedFiles

    @classmethod
    def of(cls, component: str, dataset: str, given: Mapping[str, Any]) -> _TrainingPlan:
        """Work out what is trained, with the content of all files that will be read."""
        options = resolve_options("training", declared_options(TrainingSettings), {}, given)
        plan = cls._resolve(component, dataset, TrainingSettings(**options))
        _ = plan.key  # as the files are now
        return plan

    @classmethod
    def _resolve(cls, component: str, dataset: str, settings: TrainingSettings) -> _TrainingPlan:
        parts = parse_composition(component)
        chooses = WEIGHTS.name in parts[0].options
        try:
            resolved = resolve(component, "segmenter")
        except DataError:
            if chooses:
                raise
            # A card of other weights is damaged; this training may be what puts it right.
            resolved = resolve(component, "segmenter", weights="none")
        if not resolved.is_trainable:
            raise ProtocolError(
                f"{component} has nothing to train: {resolved.entry.full_name} is a "
                f"{resolved.entry.spec.kind} without trainable parameters.  `hsizoo list` shows "
                "all components"
            )
        # Not "auto": a second training must not start where the first one ended.
        if not chooses and resolved.weights is not None:
            resolved = resolve(component, "segmenter", weights="none")
        source = resolve(dataset, "dataset")
        scenes: SceneDataset = source.build()
        try:
            infos = scene_infos(scenes)
            division = divide(infos, settings)
        except (MissingRequirement, DataError, ProtocolError) as error:  # all that is missing
            lines = [
                f"{how_to_fetch(each)}\n    {download_command(each)}"
                for each in missing(resolved.weight_files())
            ]
            raise type(error)("\n".join([str(error), *lines])) from error
        read = [scenes.scene_files(index) for index in (*division.train, *division.val)]
        files = UnchangedFiles(path for paths in read for path in paths)
        robots = [make_robot(each) for each in settings.robots]
        return cls(resolved, source, scenes, infos, division, settings, robots, files)

    @property
    def default_folder(self) -> Path:
        name = f"{self.component.entry.spec.name}-{self.source.entry.spec.name}-{self.key}"
        return Path(DEFAULT_FOLDER) / "train" / name

    def by_fold(self, card: Mapping[str, Any]) -> dict[str, int] | None:
        """Division of the subjects, if the weights are evaluated on a fold of them."""
        if not self.settings.folds or card["dataset"]["has_test_split"]:
            return None
        settings = asdict(self.settings)
        return {key: settings[key] for key in ("folds", "fold", "split_seed")}

    @cached_property
    def data_version(self) -> str:
        """Version of the scenes that are read."""
        return data_version(self.dataset, self.division)

    @cached_property
    def key(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of everything that the result depends on."""
        robots = [
            {"name": each.name, "version": each.version, **asdict(each)} for each in self.robots
        ]
        about = {
            "component": self.component.identity(),
            "dataset": {**self.source.identity(), "data_version": self.data_version},
            "scenes": {
                name: [self.infos[index].name for index in getattr(self.division, name)]
                for name in ("train", "val")
            },
            "protocol": {"name": self.settings.name, "version": self.settings.version},
            "robot": robots[0] if len(robots) == 1 else robots,
            "settings": self.settings.identity(),
        }
        text = json.dumps(about, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def check_key(self, folder: TrainingFolder, key: str) -> None:
        """Raise `StoreError` if the folder holds a training with other settings."""
        if key != self.key:
            raise StoreError(
                f"{folder.folder} holds a training with another component, dataset or settings "
                f"(key {key}; this training has {self.key}).  Choose another folder with --out, or "
                "delete this one; `hsizoo train --fresh` replaces it"
            )

    def check_files(self) -> None:
        """Raise `DataError` if the scenes are not what they were when this was planned."""
        if changed := self.files.changed():
            raise DataError(
                f"{listed(changed)} changed during the training, whose weights would come of the "
                "old and the new files.  Only checkpoints from before are kept; run the same "
                "command again"
            )

    def command(self) -> str:
        """Return the shell command that repeats this training."""
        words = ["hsizoo", "train", self.component.label, "--dataset", self.source.label]
        defaults = TrainingSettings()
        for key, value in asdict(self.settings).items():
            if value != getattr(defaults, key):
                words += ["--set", f"{key}={value}"]
        return shlex.join(words)

    def card(
        self,
        segmenter: TrainableSegmenter,
        history: Sequence[Mapping[str, Any]],
        kept: int,
        seconds: float,
        device: str,
    ) -> dict[str, Any]:
        """Return the card of the weights, without their digest."""
        trainable = sum(each.numel() for each in segmenter.trainable().values())
        return {
            "component": self.component.entry.full_name,
            "name": self.component.name_without_weights,
            "version": self.component.entry.spec.version,
            "options": self.component.identity()["options"],
            "starts_from": self.component.identity()["weights"],
            "frozen_digest": segmenter.frozen_digest,
            "trainable_parameters": trainable,
            "dataset": {
                "name": self.source.label,
                **self.source.identity(),
                "data_version": self.data_version,
                "licence": self.dataset.card.licence,
                "has_test_split": any(info.split == "test" for info in self.infos),
            },
            "subjects": self._used("subject"),
            "scenes": self._used("name"),
            "settings": asdict(self.settings),
            "seed": self.settings.seed,
            "key": self.key,
            "command": self.command(),
            "kept_epoch": kept,
            "metrics": next((dict(each) for each in history if each["epoch"] == kept), {}),
            "validations": [dict(each) for each in history],
            "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds"),
            "hours": seconds / 3600,
            "provenance": provenance(device, (self.component.entry.dist,)),
        }

    def _used(self, field: str) -> dict[str, list[str]]:
        """Subjects or scenes, grouped by use."""
        return {
            use: list(dict.fromkeys(getattr(self.infos[index], field) for index in indices))
            for use, indices in asdict(self.division).items()
        }


def _train(
    plan: _TrainingPlan,
    folder: TrainingFolder,
    device: str,
    checkpoint_steps: int,
    memory: int,
    events: TrainEvents,
) -> None:
    """Train to the end, resuming from a checkpoint if there is one, and write the result."""
    began = time.monotonic()
    checkpoint = folder.load_checkpoint()
    if checkpoint is not None:
        plan.check_key(folder, checkpoint.about["key"])
    torch.manual_seed(plan.settings.seed)  # for initial weights and dropout, on every device
    component, precision = plan.component, plan.settings.precision
    sets_precision = precision != "own" and "precision" in component.options
    if sets_precision:  # during training only; the card and the bench keep the component's option
        component = replace(component, options={**component.options, "precision": precision})
    require(component.weight_files())
    segmenter: TrainableSegmenter = component.build(device)
    if not segmenter.trainable():
        raise ProtocolError(f"{plan.component.label} has no trainable parameter")
    frozen_digest = segmenter.frozen_digest
    if checkpoint is not None and checkpoint.about["frozen_digest"] != frozen_digest:
        raise StoreError(
            f"the frozen part of {plan.component.label} has changed since this training started in "
            f"{folder.folder}; delete it to start over, as `hsizoo train` does with --fresh"
        )
    samples = _samples(plan, checkpoint, events)

    def overflow(size: float) -> None:
        if os.environ.get("HSIZOO_EMBEDDINGS") != "disk":
            events.warned(_overflow_text(size, len(samples) + len(plan.division.val), memory))

    scenes = SceneStates(plan.dataset, segmenter, memory, overflow, infos=plan.infos)
    if checkpoint is None and (with_classes := [i for i, labels in samples.items() if labels]):
        verify_step(segmenter, *scenes.get(with_classes[0]))
    # Seed again, so that random numbers drawn until here have no effect.
    torch.manual_seed(plan.settings.seed)
    trainer = Trainer(
        segmenter, scenes, samples, plan.settings, *plan.robots, sets_precision=sets_precision
    )
    history: list[dict[str, Any]] = []
    spent = 0.0
    if checkpoint is not None:
        try:
            segmenter.load_state_dict(checkpoint.weights)
            trainer.restore(checkpoint.state)
            history, spent = checkpoint.about["history"], checkpoint.about["seconds"]
        except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise StoreError(folder.start_over(repr(error))) from error
    folder.trim_log(trainer.done, [each["epoch"] for each in history])
    events.planned(trainer.done, trainer.total)

    def save(*, is_best: bool, state: Mapping[str, Any] | None = None) -> None:
        plan.check_files()
        about = {
            "step": trainer.done,
            "key": plan.key,
            "frozen_digest": frozen_digest,
            "samples": {plan.infos[index].name: labels for index, labels in samples.items()},
            "history": history,
            "seconds": spent + time.monotonic() - began,
        }
        state = trainer.capture() if state is None else state
        folder.save_checkpoint(segmenter.state_dict(), state, about, is_best=is_best)
        events.saved(trainer.done)

    def end_epoch(interrupts: Interrupts) -> None:
        before = trainer.capture()
        try:
            with interrupts.at_once():
                metrics = _validate(plan, trainer, history)
        except KeyboardInterrupt:
            save(is_best=False, state=before)
            raise
        if metrics:
            folder.append([{"kind": "validation", **history[-1]}])
            events.validated(history[-1]["epoch"], metrics)
        best = bool(metrics) and plan.settings.keep == "best"
        save(is_best=best and _best(history) is history[-1])

    with Interrupts(events.stopping) as interrupts:
        if checkpoint is not None and trainer.done % trainer.per_epoch == 0:
            end_epoch(interrupts)  # it may have been stopped in the validation
        for step in trainer.steps():
            folder.append([{"kind": "step", **asdict(step)}])
            events.stepped(step)
            if trainer.done % trainer.per_epoch == 0:
                end_epoch(interrupts)
            elif interrupts.wanted or trainer.done % checkpoint_steps == 0:
                save(is_best=False)
            if interrupts.wanted:
                raise KeyboardInterrupt
    final = folder.load_checkpoint()
    assert final is not None
    kept = _best(history)["epoch"] if final.best is not None else plan.settings.epochs
    weights = final.weights if final.best is None else load_state(final.best)
    seconds = spent + time.monotonic() - began
    _draw(plan, folder)
    folder.save_result(weights, plan.card(segmenter, history, kept, seconds, device))


def _overflow_text(size: float, scenes: int, memory: int) -> str:
    return (
        f"the {scenes} opened scenes for training and validation take about {size / _MIB:.1f} MiB "
        f"each, {scenes * size / _MIB:.0f} MiB in total; state_memory is {memory / _MIB:.0f} MiB, "
        "so scenes that do not fit are encoded again in each epoch.  Set HSIZOO_EMBEDDINGS=disk to "
        "keep their encodings in files (HSIZOO_EMBEDDINGS_GB, default 20), or raise --state-memory"
    )


def _samples(
    plan: _TrainingPlan, checkpoint: Checkpoint | None, events: TrainEvents
) -> dict[int, list[int]]:
    """Classes present in each training scene; reads every scene once, without opening it."""
    if checkpoint is not None:  # stored there
        index_of = {info.name: index for index, info in enumerate(plan.infos)}
        return {index_of[name]: labels for name, labels in checkpoint.about["samples"].items()}
    samples = {}
    for done, index in enumerate(plan.division.train, start=1):
        samples[index] = present_labels(load_listed(plan.dataset, index, plan.infos))
        events.prepared(done, len(plan.division.train))
    return samples


def _validate(
    plan: _TrainingPlan, trainer: Trainer, history: list[dict[str, Any]]
) -> Mapping[str, float]:
    """Validate if that is due and not done, and add the metrics to the history; else none."""
    epoch, every = trainer.done // trainer.per_epoch, plan.settings.validate_every
    is_due = every and (epoch % every == 0 or epoch == plan.settings.epochs)
    is_done = bool(history) and history[-1]["epoch"] == epoch
    if not is_due or is_done or not plan.division.val:
        return {}
    metrics = trainer.validate(plan.division.val)
    if metrics:
        history.append({"epoch": epoch, "step": trainer.done, **metrics})
    return metrics


def _best(history: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the best validation; the last one if several are equal."""
    return max(history, key=lambda each: (each["score"], each["epoch"]))


def _draw(plan: _TrainingPlan, folder: TrainingFolder) -> None:
    try:
        title = f"{plan.component.label} on {plan.source.label}"
        folder.write("curve.png", training_png(list(folder.lines()), title))
    except MissingRequirement:  # the log is kept and can be plotted later
        (folder.folder / "curve.png").unlink(missing_ok=True)


def _published(
    folder: TrainingFolder, plan: _TrainingPlan, card: Mapping[str, Any]
) -> TrainedWeights:
    """Return the published result; publish it first if needed."""
    component = plan.component.entry.full_name
    there = TrainingFolder(trained_folder(component) / plan.key)
    found = there.result()
    if found is None or found["digest"] != card["digest"]:
        return publish_result(folder.folder, component, plan.key)
    return TrainedWeights(there.folder / WEIGHTS_FILE, found["digest"], found)
