"""Weight files: locate, read and check them.

A file given by the user is used as it is.  Otherwise the file is looked up in
``HSIZOO_HOME/weights`` and downloaded there if it is missing, see `hsizoo.weights.fetching`.  No
pickle is ever executed.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import shlex
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from hsizoo.errors import DataError, MissingRequirement
from hsizoo.weights.fetching import fetch, how_to_get
from hsizoo.weights.places import home, is_offline
from hsizoo.weights.published import PublishedFile

__all__ = [
    "WeightFile",
    "check_state",
    "download_command",
    "how_to_fetch",
    "load_state",
    "locate",
    "missing",
    "place",
    "require",
    "state_digest",
]

_FIRST = 3  # number of names shown for each kind of difference
_MIB = 2**20
_OWN = (
    "pass your own copy with checkpoint=PATH; to try commands offline, checkpoint=random takes "
    "random weights, whose results mean nothing"
)


class WeightFile(PublishedFile):
    """A weight file published by its authors; the parameters are those of `PublishedFile`."""


def locate(weight_file: WeightFile, override_path: str | os.PathLike[str] | None = None) -> Path:
    """Return the path of a weight file, downloading it if necessary.

    Parameters
    ----------
    weight_file : WeightFile
    override_path : path, optional
        The user's own file, used as it is; its digest is not checked.

    Raises
    ------
    MissingRequirement
        If the file is missing and cannot be downloaded; the message says what to put where.
    DataError
        If the file has another digest than expected.
    """
    if override_path is not None:
        path = Path(override_path).expanduser()
        if not path.is_file():
            raise MissingRequirement(f"there is no weight file {path}")
        return path
    return fetch(weight_file, place(weight_file), what="weights", own=_OWN)


def place(weight_file: WeightFile) -> Path:
    """Return the path at which a weight file is looked up, and to which it is downloaded."""
    return home() / "weights" / weight_file.name


def missing(weight_files: Iterable[WeightFile]) -> list[WeightFile]:
    """Return those weight files that are not in their place."""
    return [each for each in weight_files if not place(each).is_file()]


def require(weight_files: Iterable[WeightFile]) -> None:
    """Raise `MissingRequirement`, for all files at once, if some can only be put there by hand."""
    lacking = missing(weight_files)
    if lacking and is_offline():
        reason = "HSIZOO_OFFLINE is set"
        raise MissingRequirement(
            "\n".join(how_to_get(each, place(each), reason, "weights", _OWN) for each in lacking)
        )


def how_to_fetch(weight_file: WeightFile) -> str:
    """Say that a weight file is missing, and when `download_command` is needed."""
    size = f" ({weight_file.size / _MIB:.0f} MiB)" if weight_file.size else ""
    if is_offline():
        how = "HSIZOO_OFFLINE is set: fetch it on a machine with network access"
    else:
        how = "It is downloaded when it is first needed; without network access, fetch it elsewhere"
    return f"{weight_file.name}{size} is not here.  {how} and put it at this path:"


def download_command(weight_file: WeightFile) -> str:
    """Return the shell command that downloads a weight file to its place."""
    words = ["curl", "-fL", "--create-dirs", "-o", str(place(weight_file)), weight_file.url]
    return shlex.join(words)


def load_state(path: str | os.PathLike[str]) -> dict[str, torch.Tensor]:
    """Read a state dict: safetensors, or a torch file of plain tensors.

    A torch file may hold the state dict itself or, as Meta's do, nest it under ``"model"``.

    Parameters
    ----------
    path : path
        ``*.safetensors`` is read as such, everything else by ``torch.load(weights_only=True)``.

    Raises
    ------
    DataError
        If the file cannot be read as named tensors.
    """
    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # failures are reported below
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{path} holds more than tensors, or is not a torch file; hsizoo executes no pickle "
            f"({str(error).splitlines()[0]})"
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, SafetensorError) as error:
        raise DataError(f"{path} cannot be read as weights: {error}") from error
    if isinstance(content, dict) and isinstance(content.get("model"), dict):
        content = content["model"]
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(each, torch.Tensor) for name, each in content.items()
    ):
        raise DataError(f"{path} is not a state dict: expected named tensors")
    return content


def check_state(
    expected: Mapping[str, Sequence[int]], given: Mapping[str, torch.Tensor], who: str
) -> None:
    """Check names and shapes of a state dict.

    Parameters
    ----------
    expected : mapping of str to shape
    given : mapping of str to Tensor
    who : str
        Name of the model that the state belongs to, for the message.

    Raises
    ------
    DataError
        With the number of missing, unknown and misshapen names, and the first of each.

    Examples
    --------
    >>> check_state({"a": (2, 3)}, {"a": torch.zeros(3, 2)}, "net")
    Traceback (most recent call last):
        ...
    hsizoo.errors.DataError: weights do not fit net: 1 of another shape: a (3, 2) instead of (2, 3)
    """
    missing = [name for name in expected if name not in given]
    unknown = [name for name in given if name not in expected]
    misshapen = [
        f"{name} {tuple(given[name].shape)} instead of {tuple(shape)}"
        for name, shape in expected.items()
        if name in given and tuple(given[name].shape) != tuple(shape)
    ]
    found = {"missing": missing, "unknown": unknown, "of another shape": misshapen}
    parts = [
        f"{len(names)} {what}: {', '.join(names[:_FIRST])}{', …' if len(names) > _FIRST else ''}"
        for what, names in found.items()
        if names
    ]
    if parts:
        raise DataError(f"weights do not fit {who}: {'; '.join(parts)}")


def state_digest(state: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over the names, types, shapes and bytes of tensors, as 64 hexadecimal digits.

    Examples
    --------
    >>> state_digest({"a": torch.zeros(2)}) == state_digest({"a": torch.zeros(1, 2)})
    False
    """
    sha = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        sha.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)};".encode())
        sha.update(tensor.flatten().view(torch.uint8).numpy().data)
    return sha.hexdigest()
