"""The run folder of a training, and the publication of its result.

::

    <run folder>/checkpoints/checkpoint.json        names the valid files among those below
    <run folder>/checkpoints/<step>.safetensors     weights after that step
    <run folder>/checkpoints/<step>.pt              optimiser, rng, counters: plain tensors
    <run folder>/checkpoints/best-<step>.safetensors
    <run folder>/log.jsonl                          a line per step and per validation
    <run folder>/weights.safetensors, card.json     the result, once there is one

A checkpoint is written under new names and becomes valid when one small file is renamed, so a
training killed at any moment leaves the previous checkpoint.  That file has the SHA-256 of the
others and a seal, so that no training goes on from damaged ones.  The result is published in
``<HSIZOO_HOME>/trained/<dist>--<name>/<hash>``, where a lock prevents concurrent writes.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from hsizoo.documents import read_sealed, sealed
from hsizoo.engine.store import Store
from hsizoo.errors import DataError, StoreError
from hsizoo.weights.trained import (
    CARD_FILE,
    CARD_FORMAT,
    WEIGHTS_FILE,
    TrainedWeights,
    metadata,
    open_weights,
    read_card,
    trained_folder,
)

if TYPE_CHECKING:
    import torch

__all__ = ["Checkpoint", "TrainingFolder", "package", "publish"]


@dataclass(frozen=True)
class Checkpoint:
    """Saved progress of a training.

    Parameters
    ----------
    weights : dict of str to Tensor
    state : dict
        State captured by the trainer.
    about : dict
        Plain values: ``step``, and any others passed to `TrainingFolder.save_checkpoint`.
    best : Path or None
        Weights of the best validation so far.
    """

    weights: dict[str, torch.Tensor]
    state: dict[str, Any]
    about: dict[str, Any]
    best: Path | None


class TrainingFolder(Store):
    """The run folder of a training; as a context manager it holds a lock, like `Store`."""

    @property
    def cells(self) -> Path:
        """The folder of the checkpoints."""
        return self.folder / "checkpoints"

    @property
    def log(self) -> Path:
        """The log file, with one JSON object per line."""
        return self.folder / "log.jsonl"

    def clear(self) -> None:
        """Delete checkpoints, log and result.

        Raises
        ------
        StoreError
            If one cannot be deleted.
        """
        for path in [
            *self.cells.glob("*"), self.log, self.folder / CARD_FILE, self.folder / WEIGHTS_FILE
        ]:  # fmt: skip
            self._delete(path)

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
            If it cannot be written; the previous one is kept.
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
        parts = {"weights": content, "state": plain.getvalue()}
        if is_best:
            parts["best"] = content
        digests = dict(old.get("digests") or {})
        for part, each in parts.items():
            self.write(f"checkpoints/{files[part]}", each)
            digests[part] = hashlib.sha256(each).hexdigest()
        valid = {"format": CARD_FORMAT, **files, "digests": digests, "about": dict(about)}
        text = sealed(json.dumps(valid, allow_nan=False))
        self.write("checkpoints/checkpoint.json", text.encode())
        keep = {"checkpoint.json", *files.values()}
        for path in self.cells.iterdir():
            if path.name not in keep:
                with contextlib.suppress(OSError):
                    path.unlink()

    def load_checkpoint(self) -> Checkpoint | None:
        """Load the checkpoint; None if there is none.

        Raises
        ------
        StoreError
            If it is damaged.
        """
        from hsizoo.weights.files import load_state, load_torch

        valid = self._valid()
        if valid is None:
            return None
        for part, digest in (valid.get("digests") or {}).items():
            path = self.cells / valid[part]
            if _digest_of(path) != digest:
                raise StoreError(self.start_over(f"{path} is missing, or has changed"))
        try:
            weights = load_state(self.cells / valid["weights"])
            state = load_torch(self.cells / valid["state"])
        except DataError as error:
            raise StoreError(self.start_over(error)) from error
        best = self.cells / valid["best"] if valid["best"] else None
        return Checkpoint(weights, state, valid["about"], best)

    def _valid(self) -> dict[str, Any] | None:
        path = self.cells / "checkpoint.json"
        if not path.exists():
            return None
        try:
            valid = read_sealed(path)
        except DataError as error:
            raise StoreError(self.start_over(error)) from error
        if not isinstance(valid, dict) or valid.get("format") != CARD_FORMAT:
            return None
        names = [valid.get(key) for key in ("weights", "state", "best")]
        beside = [isinstance(name, str) and Path(name).name == name for name in names]
        if not all(beside[:2]) or (names[2] and not beside[2]):
            raise StoreError(self.start_over(f"{path} names no files beside it"))
        return valid

    def start_over(self, reason: object) -> str:
        """Return the message about a checkpoint that cannot be used."""
        return (
            f"the checkpoint in {self.cells} cannot be read ({reason}); delete {self.folder} to "
            "start over, as `hsizoo train` does with --fresh"
        )

    def append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Append lines to the log; non-finite numbers become null.

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
        """Yield the log's lines, without those that are truncated or damaged."""
        if not self.log.is_file():
            return
        with self.log.open(encoding="utf-8", errors="replace") as file:
            for text in file:
                with contextlib.suppress(ValueError, RecursionError):
                    line = json.loads(text)  # NaN is allowed: older logs have it
                    if isinstance(line, dict):
                        yield line

    def trim_log(self, step: int, validated: Collection[int]) -> None:
        """Remove the lines that will be repeated.

        Parameters
        ----------
        step : int
            Number of steps that are not repeated.
        validated : collection of int
            Epochs whose validation is not repeated.
        """
        kept = [
            _line(line)
            for line in self.lines()
            if _step(line) <= step
            and (line.get("kind") != "validation" or line.get("epoch") in validated)
        ]
        self.write(self.log.name, "".join(kept).encode())

    def result(self) -> dict[str, Any] | None:
        """Return the card of the finished training; None if there is none that is whole."""
        try:
            card = read_card(self.folder / CARD_FILE)
        except DataError:
            return None
        if card is None or _digest_of(self.folder / WEIGHTS_FILE) != card["digest"]:
            return None
        return card

    def _delete(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(self._trouble("delete", path, error)) from error

    def save_result(self, weights: Mapping[str, torch.Tensor], card: Mapping[str, Any]) -> None:
        """Write the result; ``format`` and ``digest`` are added to the card."""
        card = {"format": CARD_FORMAT, **card}
        content = _tensor_bytes(weights, metadata(card))
        self._delete(self.folder / CARD_FILE)
        self.write(WEIGHTS_FILE, content)
        full = {**card, "digest": hashlib.sha256(content).hexdigest()}
        self.write(CARD_FILE, sealed(json.dumps(full, indent=1, allow_nan=False)).encode())

    def _trouble(self, verb: str, path: Path, error: OSError) -> str:
        return (
            f"cannot {verb} {path}: {error.strerror or error}. The last checkpoint in "
            f"{self.folder} is intact: free disk space or grant write access and run the same "
            "command again, or choose another folder with --out"
        )


def publish(folder: Path, component: str, name: str) -> TrainedWeights:
    """Copy a training's result from its run folder to the folder where components look for it.

    Parameters
    ----------
    folder : Path
        The run folder, with the weights and their card.
    component : str
        Full name of the component.
    name : str
        Name of the new folder.

    Raises
    ------
    StoreError
        If it cannot be written there.
    """
    here = TrainingFolder(trained_folder(component) / name)
    try:
        here.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(here.folder / ".lock"):  # several runs may share a name
            (here.folder / CARD_FILE).unlink(missing_ok=True)  # no card while the weights change
            for file in (WEIGHTS_FILE, CARD_FILE):
                here.write(file, (folder / file).read_bytes())
            return open_weights(here.folder)
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(
            f"cannot write {here.folder}: {error.strerror or error}; the result is kept in "
            f"{folder}.  Set HSIZOO_HOME to a writable folder, and run the same command again"
        ) from error


def package(folder: Path, destination: Path, limits: str = "") -> TrainedWeights:
    """Write a training's result for shipping in a plugin: half the size, in its own folder.

    float32 tensors are rounded to bfloat16; `TrainedWeights.load` converts them back to float32.
    The card gets a new digest and ``"stored": "bfloat16"``; its metrics are those before rounding,
    and the digest before rounding is kept as ``"rounded_from"``.

    Parameters
    ----------
    folder : Path
        Run folder or published folder, with the weights and their card.
    destination : Path
        Created if it does not exist; existing files are replaced.
    limits : str, optional
        Limitations of the weights, in words, for the card.

    Raises
    ------
    DataError
        If the folder has no result, or the result is damaged or already rounded.
    StoreError
        If it cannot be written.
    """
    import torch

    result = open_weights(folder)
    if read_card(result.path.with_name(CARD_FILE)) is None:
        raise DataError(f"{folder} has no {CARD_FILE} of a finished training")
    if "stored" in result.card:
        raise DataError(f"{folder} is already packaged: its weights are {result.card['stored']}")
    tensors = result.load(result.card["frozen_digest"])
    rounded = {
        name: each.to(torch.bfloat16) if each.dtype == torch.float32 else each
        for name, each in tensors.items()
    }
    try:
        destination.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot write {destination}: {error.strerror or error}") from error
    about = {**result.card, "stored": "bfloat16", "rounded_from": result.digest}
    if limits:
        about["limits"] = limits
    TrainingFolder(destination).save_result(rounded, about)
    return open_weights(destination)


def _digest_of(path: Path) -> str | None:
    """SHA-256 of a file; None if there is none that can be read."""
    if not path.is_file():  # opening a pipe would wait for its writer
        return None
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _tensor_bytes(tensors: Mapping[str, torch.Tensor], metadata: dict[str, str]) -> bytes:
    from safetensors.torch import save

    # Copies, because safetensors rejects tensors that share memory.
    plain = {
        name: tensors[name].detach().to("cpu", copy=True).contiguous() for name in sorted(tensors)
    }
    content: bytes = save(plain, metadata)
    return content


def _step(line: Mapping[str, Any]) -> float:
    """Step of a line of the log; infinite if it has none."""
    step = line.get("step")
    return step if isinstance(step, int | float) else math.inf


def _line(content: Mapping[str, Any]) -> str:
    return json.dumps(_finite(content), allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """Replace each number that JSON cannot represent by None."""
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
