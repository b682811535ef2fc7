"""Trained weights: the run folder of a training, and the published result with its card.

::

    <run folder>/checkpoints/checkpoint.json        which of the files below are valid, and where
    <run folder>/checkpoints/<step>.safetensors     weights after that step
    <run folder>/checkpoints/<step>.pt              optimiser, chance, counters: plain tensors
    <run folder>/checkpoints/best-<step>.safetensors
    <run folder>/log.jsonl                          a line per step and per validation
    <run folder>/weights.safetensors, card.json     the result, once there is one

    <HSIZOO_HOME>/trained/<dist>--<name>/<hash>/weights.safetensors, card.json

A checkpoint is written under new names, and becomes the valid one by the renaming of one small
file; a training that is killed at any moment leaves the one before.  A card is written after its
weights and holds their SHA-256, so that weights without a card, or with a wrong one, are never
used; a lock keeps two writers from mixing theirs.  The card's essentials are also in the weights
file itself, which can so be passed on alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import pickle
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from hsizoo.engine.store import Store
from hsizoo.errors import DataError, StoreError

if TYPE_CHECKING:
    import torch

__all__ = [
    "CARD_FORMAT",
    "Checkpoint",
    "TrainedWeights",
    "TrainingFolder",
    "find_weights",
    "open_weights",
    "publish",
    "trained_folder",
]

CARD_FORMAT = 1
"""Version of the card's layout; cards of another version are not used."""

_WEIGHTS, _CARD = "weights.safetensors", "card.json"
_ESSENTIALS = ("format", "component", "options", "frozen_digest")


@dataclass(frozen=True)
class TrainedWeights:
    """A weights file and what is known of it.

    Parameters
    ----------
    path : Path
        The safetensors file.
    digest : str
        Its SHA-256.
    card : mapping
        At least ``component``, ``options`` and ``frozen_digest``.
    """

    path: Path
    digest: str
    card: Mapping[str, Any]

    def check(
        self,
        component: str,
        options: Mapping[str, Any],
        free: Collection[str] = (),
        version: str | None = None,
    ) -> TrainedWeights:
        """Raise `DataError` unless these weights were trained for this component and options.

        Parameters
        ----------
        component : str
            Full name.
        options : mapping
        free : collection of str
            Options that may differ.
        version : str, optional
            Of the component's results.  Default: any.
        """
        if self.card["component"] != component:
            raise DataError(
                f"{self.path} was trained for {self.card['component']}, not for {component}"
            )
        if not _is_version(self.card, version):
            raise DataError(
                f"{self.path} was trained with version {self.card['version']} of {component}, "
                f"which is now at version {version}: train anew with `hsizoo train`, or say "
                "weights=none"
            )
        if differing := _differing(self.card["options"], options, free):
            told = ", ".join(
                f"{name}={self.card['options'].get(name)} (here {options.get(name)})"
                for name in differing
            )
            raise DataError(f"{self.path} was trained with other options of {component}: {told}")
        return self

    def load(self, frozen_digest: str) -> dict[str, torch.Tensor]:
        """Read the tensors.

        Parameters
        ----------
        frozen_digest : str
            Of the frozen part that the weights are to go with.

        Raises
        ------
        DataError
            If the file is not the one of the card, or was trained with another frozen part.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        if self.card["frozen_digest"] != frozen_digest:
            raise DataError(
                f"{self.path} was trained with another frozen part of {self.card['component']} "
                f"(sha256 {self.card['frozen_digest'][:12]}…, here {frozen_digest[:12]}…): use the "
                "same frozen weights, train anew with `hsizoo train`, or say weights=none"
            )
        try:
            content = self.path.read_bytes()
            if hashlib.sha256(content).hexdigest() != self.digest:
                raise DataError(
                    f"{self.path} has changed or is damaged: its sha256 is not {self.digest}"
                )
            return load(content)
        except (OSError, SafetensorError) as error:
            raise DataError(f"{self.path} cannot be read as weights: {error}") from error


def trained_folder(component: str) -> Path:
    """Where the trained weights of a component, by full name, are kept."""
    from hsizoo.engine.weights import home

    return home() / "trained" / component.replace("/", "--")


def find_weights(
    component: str,
    options: Mapping[str, Any],
    free: Collection[str] = (),
    version: str | None = None,
) -> TrainedWeights | None:
    """The newest weights that were trained here for a component with these options, if any.

    Parameters
    ----------
    component, options, free, version
        See `TrainedWeights.check`.
    """
    found = []
    with contextlib.suppress(OSError):
        for path in trained_folder(component).glob(f"*/{_CARD}"):
            card = _read_card(path)
            if (
                card is not None
                and card["component"] == component
                and _is_version(card, version)
                and not _differing(card["options"], options, free)
                and (path.parent / _WEIGHTS).is_file()
            ):
                found.append((str(card["finished"]), str(path), card))
    if not found:
        return None
    _, path_text, card = max(found, key=lambda each: each[:2])
    return TrainedWeights(Path(path_text).parent / _WEIGHTS, card["digest"], card)


def open_weights(path: Path | str) -> TrainedWeights:
    """Open a folder with a card, a card, or a safetensors file that tells what it was trained for.

    Raises
    ------
    DataError
        If there is nothing of that sort.
    """
    path = Path(path).expanduser()
    if path.name == _CARD:
        path = path.parent
    file = path / _WEIGHTS if path.is_dir() else path
    if not file.is_file():
        raise DataError(
            f"weights={path}: there is no such file or folder; say auto, none, a folder with "
            f"{_CARD} and {_WEIGHTS}, or a .safetensors file"
        )
    card = _read_card(file.parent / _CARD) if file.name == _WEIGHTS else None
    if card is not None:
        return TrainedWeights(file.resolve(), card["digest"], card)
    # A file on its own: what it says of itself will do.
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            essentials = json.loads((opened.metadata() or {})["card"])
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise DataError(
            f"{file} does not say what it was trained for; weights made by `hsizoo train` do"
        ) from error
    if not _is_card(essentials, _ESSENTIALS):
        raise DataError(f"{file} was made by another version of hsizoo")
    return TrainedWeights(file.resolve(), digest, essentials)


def publish(folder: Path, component: str, name: str) -> TrainedWeights:
    """Copy a training's result from its run folder to where components look for it.

    Parameters
    ----------
    folder : Path
        The run folder, with the weights and their card.
    component : str
        Full name.
    name : str
        Of the new folder.

    Raises
    ------
    StoreError
        If it cannot be written there.
    """
    here = TrainingFolder(trained_folder(component) / name)
    try:
        here.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(here.folder / ".lock"):  # several runs may have one name
            (here.folder / _CARD).unlink(missing_ok=True)  # no card while the weights change
            for file in (_WEIGHTS, _CARD):
                here.write(file, (folder / file).read_bytes())
            return open_weights(here.folder)
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(
            f"cannot write {here.folder}: {error.strerror or error}; the result is safe in "
            f"{folder}.  Set HSIZOO_HOME to a folder that can be written, and run the same command "
            "again"
        ) from error


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stood.

    Parameters
    ----------
    weights : dict of str to Tensor
    state : dict
        What the trainer captured.
    about : dict
        Plain values: ``step``, and whatever else was given.
    best : Path or None
        Weights of the best validation so far.
    """

    weights: dict[str, torch.Tensor]
    state: dict[str, Any]
    about: dict[str, Any]
    best: Path | None


class TrainingFolder(Store):
    """The run folder of one training; entered, it is locked as a `Store` is."""

    @property
    def cells(self) -> Path:
        """The folder of the checkpoints."""
        return self.folder / "checkpoints"

    @property
    def log(self) -> Path:
        """One JSON object per line."""
        return self.folder / "log.jsonl"

    def clear(self) -> None:
        """Delete checkpoints, log and result."""
        for path in [
            *self.cells.glob("*"), self.log, self.folder / _CARD, self.folder / _WEIGHTS
        ]:  # fmt: skip
            path.unlink(missing_ok=True)

    def save_checkpoint(
        self,
        weights: Mapping[str, torch.Tensor],
        state: Mapping[str, Any],
        about: Mapping[str, Any],
        *,
        is_best: bool = False,
    ) -> None:
        """Replace the checkpoint; ``about["step"]`` names its files.

        Raises
        ------
        StoreError
            If it cannot be written; the one before stays.
        """
        import torch

        old = self._valid() or {}
        files = {
            "weights": f"{about['step']}.safetensors",
            "state": f"{about['step']}.pt",
            "best": f"best-{about['step']}.safetensors" if is_best else old.get("best"),
        }
        content = _tensor_bytes(weights, {})
        plain = io.BytesIO()
        torch.save(dict(state), plain)
        self.write(f"checkpoints/{files['weights']}", content)
        self.write(f"checkpoints/{files['state']}", plain.getvalue())
        if is_best:
            self.write(f"checkpoints/{files['best']}", content)
        text = json.dumps({"format": CARD_FORMAT, **files, "about": dict(about)}, allow_nan=False)
        self.write("checkpoints/checkpoint.json", text.encode())
        keep = {"checkpoint.json", *files.values()}
        for path in self.cells.iterdir():
            if path.name not in keep:
                with contextlib.suppress(OSError):
                    path.unlink()

    def load_checkpoint(self) -> Checkpoint | None:
        """The checkpoint, or None if there is none.

        Raises
        ------
        StoreError
            If it is damaged.
        """
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load

        valid = self._valid()
        if valid is None:
            return None
        try:
            weights = load((self.cells / valid["weights"]).read_bytes())
            state = torch.load(self.cells / valid["state"], map_location="cpu", weights_only=True)
        except (OSError, SafetensorError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise StoreError(
                f"the checkpoint in {self.cells} cannot be read ({error}); begin anew with --fresh"
            ) from error
        best = self.cells / valid["best"] if valid["best"] else None
        return Checkpoint(weights, state, valid["about"], best)

    def _valid(self) -> dict[str, Any] | None:
        try:
            valid = json.loads((self.cells / "checkpoint.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StoreError(
                f"the checkpoint in {self.cells} cannot be read ({error}); begin anew with --fresh"
            ) from error
        return valid if isinstance(valid, dict) and valid.get("format") == CARD_FORMAT else None

    def append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Add lines to the log; numbers that are not finite become null.

        Raises
        ------
        StoreError
            If it cannot be written.
        """
        text = "".join(map(_line, lines))
        try:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise StoreError(self._trouble("write", self.log, error)) from error

    def lines(self) -> Iterator[dict[str, Any]]:
        """The log's lines; a last one that was cut off is left out."""
        with contextlib.suppress(FileNotFoundError), self.log.open(encoding="utf-8") as file:
            for text in file:
                with contextlib.suppress(ValueError):
                    line = json.loads(text)
                    if isinstance(line, dict):
                        yield line

    def trim_log(self, step: int) -> None:
        """Drop what was logged after a step, because it will be done again."""
        kept = [_line(line) for line in self.lines() if line["step"] <= step]
        self.write(self.log.name, "".join(kept).encode())

    def result(self) -> dict[str, Any] | None:
        """The card of the finished training, or None."""
        card = _read_card(self.folder / _CARD)
        return card if (self.folder / _WEIGHTS).is_file() else None

    def save_result(self, weights: Mapping[str, torch.Tensor], card: Mapping[str, Any]) -> None:
        """Write the result; ``format`` and ``digest`` are added to the card."""
        card = {"format": CARD_FORMAT, **card}
        essentials = {key: card[key] for key in (*_ESSENTIALS, "version") if key in card}
        content = _tensor_bytes(weights, {"card": json.dumps(essentials, sort_keys=True)})
        (self.folder / _CARD).unlink(missing_ok=True)
        self.write(_WEIGHTS, content)
        full = {**card, "digest": hashlib.sha256(content).hexdigest()}
        self.write(_CARD, json.dumps(full, indent=1, allow_nan=False).encode())

    def _trouble(self, verb: str, path: Path, error: OSError) -> str:
        return (
            f"cannot {verb} {path}: {error.strerror or error}. The last checkpoint in "
            f"{self.folder} is safe: make room or give write access and run the same command "
            "again, or choose another folder with --out"
        )


def _tensor_bytes(tensors: Mapping[str, torch.Tensor], metadata: dict[str, str]) -> bytes:
    from safetensors.torch import save

    # Copies, because safetensors refuses tensors that share memory.
    plain = {
        name: tensors[name].detach().to("cpu", copy=True).contiguous() for name in sorted(tensors)
    }
    content: bytes = save(plain, metadata)
    return content


def _line(content: Mapping[str, Any]) -> str:
    return json.dumps(_finite(content), allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """The same with None for each number that JSON has no word for."""
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _read_card(path: Path) -> dict[str, Any] | None:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return card if _is_card(card, (*_ESSENTIALS, "digest", "finished")) else None


def _is_card(card: Any, keys: Iterable[str]) -> bool:
    return (
        isinstance(card, dict)
        and all(key in card for key in keys)
        and card["format"] == CARD_FORMAT
        and isinstance(card["options"], dict)
    )


def _is_version(card: Mapping[str, Any], version: str | None) -> bool:
    """Whether the card is of that version, or either side does not say."""
    return version is None or card.get("version", version) == version


def _differing(
    theirs: Mapping[str, Any], ours: Mapping[str, Any], free: Collection[str]
) -> list[str]:
    """Names of the options that differ or that only one side has."""
    return [
        name
        for name in sorted({*theirs, *ours} - set(free))
        if name not in theirs or name not in ours or theirs[name] != ours[name]
    ]
