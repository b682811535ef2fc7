"""Resuming of killed runs: one file per run, replaced after each round.

The file holds everything that the next round depends on, so a resumed run gives the same result as
an uninterrupted one.  It is written to a temporary file, flushed to disk and renamed: a killed run
leaves the last complete round or the one before, never a partial one.  A digest tells a damaged
file, or that of another run, from the right one: such a run starts over.  Two processes with the
same run write the same content.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

import hsizoo
from hsizoo_ipg.prompts import Labelled
from hsizoo_ipg.voting import Verdict

__all__ = ["Progress", "RunFile", "run_key"]

FORMAT = "3"  # increment when the same settings give a different result


@dataclass(eq=False)
class Progress:
    """Progress of a run.

    Parameters
    ----------
    known : Labelled
        Seeds and pseudo labels so far.
    confidence : list of float
        Confidence of each pseudo label, in order.
    history : list of dict
        One row per finished round.
    verdict : Verdict, optional
        Result of the last vote.
    trained : dict of str to Tensor
        See `Consistency.state_dict`; empty if nothing is trained.
    tally : dict of str to Tensor
        Votes of all rounds so far, see `Ballot.tally`; empty before the first.
    """

    known: Labelled
    confidence: list[float] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    verdict: Verdict | None = None
    trained: dict[str, torch.Tensor] = field(default_factory=dict)
    tally: dict[str, torch.Tensor] = field(default_factory=dict)


def run_key(about: Mapping[str, Any], rng: np.random.Generator) -> str:
    """Return a digest of all that a run depends on: plain values and the state of its rng."""
    parts = {"format": FORMAT, "rng": _state_of(rng), **about}
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


class RunFile:
    """The file of one run in ``HSIZOO_HOME/ipg/runs``.

    Parameters
    ----------
    key : str
        See `run_key`.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._path: Path = hsizoo.home() / "ipg" / "runs" / f"{key}.safetensors"

    def save(self, progress: Progress, rng: np.random.Generator) -> None:
        """Save a round; if the folder is not writable, only warn that resuming is impossible."""
        verdict = {} if progress.verdict is None else vars(progress.verdict)
        parts = {"trained": progress.trained, "tally": progress.tally, "verdict": verdict}
        tensors = {
            f"{part}.{name}": each.cpu().contiguous()
            for part, found in parts.items()
            for name, each in found.items()
        }
        tensors["pixels"] = torch.from_numpy(progress.known.pixels)
        tensors["classes"] = torch.from_numpy(progress.known.classes)
        tensors["confidence"] = torch.tensor(progress.confidence, dtype=torch.float64)
        about = {
            "seeds": str(progress.known.seeds),
            "history": json.dumps(progress.history),
            "rng": json.dumps(_state_of(rng)),
        }
        about["digest"] = self._digest(tensors, about)
        temporary = None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Another process may be writing the same round.
            handle, temporary = tempfile.mkstemp(
                dir=self._path.parent, prefix=f".{self._path.stem}.", suffix=".part"
            )
            os.close(handle)
            save_file(tensors, temporary, metadata=about)
            with Path(temporary).open("rb+") as file:
                os.fsync(file.fileno())
            Path(temporary).replace(self._path)
        except (OSError, SafetensorError) as error:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()
            warnings.warn(
                f"cannot save IPG's rounds in {self._path.parent}: {error}; if this run is "
                "stopped, it will start over. Free space, grant write access or set HSIZOO_HOME",
                stacklevel=3,
            )

    def load(self, rng: np.random.Generator, device: torch.device) -> Progress | None:
        """Read the last round and restore the state of `rng`; None if there is none."""
        try:
            if not self._path.is_file():  # opening a pipe would wait for its writer
                return None
            with safe_open(self._path, framework="pt", device="cpu") as file:
                about = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if about.pop("digest") != self._digest(tensors, about):
                return None
            known = Labelled(
                tensors["pixels"].numpy(), tensors["classes"].numpy(), int(about["seeds"])
            )
            history, state = json.loads(about["history"]), json.loads(about["rng"])
            confidence = tensors["confidence"].tolist()
            verdict, tally = (
                {name: each.to(device) for name, each in _part(tensors, prefix).items()}
                for prefix in ("verdict.", "tally.")
            )
            trained = _part(tensors, "trained.")
            progress = Progress(known, confidence, history, Verdict(**verdict), trained, tally)
            rng.bit_generator.state = state  # last, so that a damaged file changes nothing
        except (OSError, SafetensorError, LookupError, ValueError, TypeError, RuntimeError):
            return None
        return progress

    def _digest(self, tensors: Mapping[str, torch.Tensor], about: Mapping[str, str]) -> str:
        whole = [self._key, hsizoo.state_digest(tensors), dict(sorted(about.items()))]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()

    def forget(self) -> None:
        """Delete the file."""
        with contextlib.suppress(OSError):
            self._path.unlink()


def _part(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): each for name, each in tensors.items() if name.startswith(prefix)
    }


def _state_of(rng: np.random.Generator) -> Any:
    """Return the state of the bit generator as plain values."""
    return json.loads(json.dumps(rng.bit_generator.state, default=lambda each: each.tolist()))
