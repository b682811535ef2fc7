"""Weight files: locate, read and check them.

A file given by the user is used as it is.  Otherwise the file is looked up in
``HSIZOO_HOME/weights`` and downloaded there if it is missing, see `hsizoo.weights.fetching`.  No
pickle is ever executed.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import pickle
import pickletools
import shlex
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, load_file

from hsizoo.documents import shorten, user_path
from hsizoo.errors import DataError, HsizooError, MissingRequirement
from hsizoo.weights.fetching import fetch, how_to_get
from hsizoo.weights.places import home, is_offline
from hsizoo.weights.published import PublishedFile

__all__ = [
    "WeightFile",
    "check_file",
    "check_state",
    "download_command",
    "how_to_fetch",
    "load_state",
    "load_torch",
    "locate",
    "missing",
    "parse_safetensors",
    "place",
    "readable",
    "require",
    "state_digest",
]

_FIRST = 3  # number of names shown for each kind of difference
_MIB = 2**20
_CONTENT = 3  # number of the content's pickle in an old torch file, from 0
_LONGEST_HEADER = 16 * 2**20  # of a safetensors file; SAM 2.1 large has 0.1 MiB
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
        path = user_path(override_path)
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
    if path.suffix == ".safetensors":
        check_file(path, safetensors=True)
        with readable(path):
            return load_file(path)
    content = load_torch(path)
    if isinstance(content, dict) and isinstance(content.get("model"), dict):
        content = content["model"]
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(each, torch.Tensor) for name, each in content.items()
    ):
        raise DataError(f"{path} is not a state dict: expected named tensors")
    for name, each in content.items():
        if not _is_stored(each):
            raise DataError(
                f"{path} is damaged or malicious: {name[:100]!r} is declared as "
                f"{tuple(each.shape)} of {each.dtype}, but these values are not in the file"
            )
    return content


def load_torch(path: Path, *, error: type[HsizooError] = DataError) -> Any:
    """Read a torch file of tensors and plain values, on the CPU; no pickle is executed.

    Parameters
    ----------
    path : Path
    error : type of HsizooError, default DataError
        Class of the error.

    Raises
    ------
    HsizooError
        Of the class `error`, if it cannot be read.
    """
    check_file(path, error=error)
    with readable(path, error=error), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # failures are reported by `readable`
        if zipfile.is_zipfile(path):
            _check_archive(path)
            return torch.load(path, map_location="cpu", weights_only=True)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as old:
            _check_old_layout(old)
            # From the map, since reading more bytes from a file than it has would take memory.
            return torch.load(old, map_location="cpu", weights_only=True)  # type: ignore[arg-type]


def _check_archive(path: Path) -> None:
    """Raise `ValueError` for compressed entries: torch writes none, but would expand them."""
    with zipfile.ZipFile(path) as archive:
        declared = sum(entry.file_size for entry in archive.infolist())
    if declared > path.stat().st_size:
        raise ValueError(f"its entries declare {declared} bytes")


def _check_old_layout(content: mmap.mmap) -> None:
    """Raise `ValueError` for a number of values that cannot be in the file.

    Before version 1.6, torch wrote pickles of a magic number, its version, the system and the
    content, and then the values; on reading it takes memory for as many as the content declares.
    """
    for part in range(_CONTENT + 1):
        for code, number, _ in pickletools.genops(content):  # type: ignore[arg-type]
            if part == 0 and isinstance(number, int) and code.name.startswith("LONG"):
                if number != torch.serialization.MAGIC_NUMBER:
                    raise ValueError("it does not begin as a torch file does")
            elif part == _CONTENT and isinstance(number, int) and number > len(content):
                raise ValueError(f"it declares {number} values in {len(content)} bytes")
    content.seek(0)


def parse_safetensors(
    content: bytes, source: Path, *, error: type[HsizooError] = DataError
) -> dict[str, torch.Tensor]:
    """Return the tensors in the content of a safetensors file.

    Parameters
    ----------
    content : bytes
    source : Path
        The file, for the message.
    error : type of HsizooError, default DataError
        Class of the error.

    Raises
    ------
    HsizooError
        Of the class `error`, if the content is damaged.
    """
    _check_header(content[:8], len(content), source, error)
    with readable(source, error=error):
        tensors: dict[str, torch.Tensor] = load(content)
        return tensors


def check_file(
    path: Path, *, safetensors: bool = False, error: type[HsizooError] = DataError
) -> None:
    """Check what can be checked of a file of weights before a library opens it.

    Parameters
    ----------
    path : Path
    safetensors : bool, default False
        Whether the file must be a safetensors file.
    error : type of HsizooError, default DataError
        Class of the error.

    Raises
    ------
    HsizooError
        Of the class `error`, if there is no such file, it is empty, a folder or a pipe, or its
        header does not fit it.
    """
    if not path.is_file():  # opening a pipe would wait for its writer
        what = "is not a file" if path.exists() else "does not exist"
        raise error(f"{path} cannot be read as weights: it {what}")
    size = path.stat().st_size
    if not size:
        raise error(f"{path} cannot be read as weights: it is empty; get the file again")
    if safetensors:
        with readable(path, error=error), path.open("rb") as file:
            begin = file.read(8)
        _check_header(begin, size, path, error)


def _check_header(begin: bytes, size: int, path: Path, error: type[HsizooError]) -> None:
    length = int.from_bytes(begin, "little")
    if len(begin) < 8 or length > min(size - 8, _LONGEST_HEADER):
        raise error(
            f"{path} is not a safetensors file, or incomplete: it has {size} bytes, and declares a "
            f"header of {length}; get the file again, or name a torch file .pt"
        )


@contextlib.contextmanager
def readable(path: Path, *, error: type[HsizooError] = DataError) -> Iterator[None]:
    """Turn whatever a library raises at a damaged file of weights into one error.

    Parameters
    ----------
    path : Path
        The file, for the message.
    error : type of HsizooError, default DataError
        Class of the error.

    Raises
    ------
    HsizooError
        Of the class `error`.
    """
    try:
        yield
    except HsizooError:
        raise
    except pickle.UnpicklingError as reason:
        raise error(
            f"{path} holds more than tensors, or is not a torch file; hsizoo executes no pickle "
            f"({_first_line(reason)})"
        ) from reason
    except Exception as reason:  # torch's unpickler raises anything
        raise error(
            f"{path} cannot be read as weights; it is damaged, incomplete, or neither a "
            f"safetensors nor a torch file: {_first_line(reason)}.  Get the file again"
        ) from reason


def _first_line(reason: Exception) -> str:
    lines = str(reason).strip().splitlines()
    return shorten(lines[0] if lines else type(reason).__name__).rstrip(".")


def _is_stored(tensor: torch.Tensor) -> bool:
    """Whether all values of a tensor are in memory, rather than repeated by a stride of 0."""
    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        return False
    size = tensor.numel() * tensor.element_size()
    return size <= tensor.untyped_storage().nbytes()


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
