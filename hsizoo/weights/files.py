"""Weight files: find, download and verify them.

A file given by the user is used as it is.  Otherwise the file is looked up in
``HSIZOO_HOME/weights`` and downloaded there if it is missing, unless ``HSIZOO_OFFLINE=1``; its
SHA-256 is checked each time it is used.  No pickle is ever executed.
"""

from __future__ import annotations

import contextlib
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
from hsizoo.interfaces import WeightFile

__all__ = [
    "check_state",
    "download_command",
    "home",
    "how_to_fetch",
    "is_offline",
    "load_state",
    "locate",
    "missing",
    "place",
    "require",
    "state_digest",
]

_FIRST = 3  # number of names shown for each kind of difference
_MIB = 2**20


def home() -> Path:
    """Return the folder of weights and cached encodings: ``HSIZOO_HOME``, or the user's cache."""
    if given := os.environ.get("HSIZOO_HOME"):
        return Path(given).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("hsizoo", appauthor=False)


def is_offline() -> bool:
    """Whether ``HSIZOO_OFFLINE`` forbids downloads."""
    return os.environ.get("HSIZOO_OFFLINE", "0") not in ("", "0")


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
        raise MissingRequirement(
            "\n".join(_how_to_get(each, place(each), "HSIZOO_OFFLINE is set") for each in lacking)
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
    path = place(weight_file)
    if not path.is_file():
        _download(weight_file, path)
    _verify(weight_file, path)
    return path


def _download(weight_file: WeightFile, path: Path) -> None:
    if is_offline():
        raise MissingRequirement(_how_to_get(weight_file, path, "HSIZOO_OFFLINE is set"))
    from filelock import FileLock

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            if not path.is_file():  # another process may just have downloaded it
                _retrieve(weight_file, path)
    except (OSError, ValueError) as error:
        reason = f"the download failed: {str(error).splitlines()[0] if str(error) else error!r}"
        raise MissingRequirement(_how_to_get(weight_file, path, reason)) from error


def _retrieve(weight_file: WeightFile, path: Path) -> None:
    """Download from the first address that works; if all fail, raise the first error."""
    import pooch

    digest = weight_file.sha256 and f"sha256:{weight_file.sha256}"
    first: Exception | None = None
    for url in (weight_file.url, *weight_file.mirrors):
        try:
            pooch.retrieve(url, digest, path.name, path.parent)
        except (OSError, ValueError) as error:  # from requests, or a wrong digest
            first = first or error
            response = getattr(error, "response", None)
            if response is not None:
                response.close()  # pooch leaves it open
        else:
            return
    assert first is not None
    raise first


def _how_to_get(weight_file: WeightFile, path: Path, reason: str) -> str:
    digest = weight_file.sha256 or "not published; recorded at the first use"
    size = f"{weight_file.size:,} bytes ({weight_file.size / _MIB:.0f} MiB)"
    return (
        f"the weights {weight_file.name} are missing, and {reason}. Download them on a machine "
        "with network access and put them at the path below, or pass your own copy with "
        "checkpoint=PATH; to try commands without them, checkpoint=random takes random weights, "
        "whose results mean nothing.\n"
        f"  file:    {weight_file.name}\n"
        f"  sha256:  {digest}\n"
        f"  size:    {size if weight_file.size else 'unknown'}\n"
        f"  licence: {weight_file.licence}\n"
        + "".join(f"  url:     {url}\n" for url in (weight_file.url, *weight_file.mirrors))
        + f"  path:    {path}"
    )


def _verify(weight_file: WeightFile, path: Path) -> None:
    """Compare the digest with the published one, or with that of the first use."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    sidecar = path.with_name(f"{path.name}.sha256")
    expected, source = weight_file.sha256, "the published one is"
    if expected is None:
        with contextlib.suppress(OSError):
            expected, source = sidecar.read_text().split()[0], f"the one in {sidecar.name} is"
    if expected is None:
        with contextlib.suppress(OSError):  # in a read-only folder the file stays unchecked
            sidecar.write_text(f"{found}  {path.name}\n")
    elif found != expected:
        raise DataError(
            f"{path} is not the expected file: its sha256 is {found}, {source} {expected}. "
            f"Delete it to download it again from {weight_file.url}"
        )


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
