"""The embedding cache: outputs of frozen encoders, computed once per image.

The key of an entry consists of the digest of the image, the preprocessing (as plain values) and
the digest of the encoder's weights.  All components, classes and clicks with the same key share
the entry.  It holds features from *before* any trainable layer.

::

    <folder>/<digest of the key>.safetensors   tensors; the full key and a checksum as metadata
    <folder>/locks/<two digits>.lock           one process computes, the others wait and read

A file is written under a temporary name, flushed to disk and renamed, so a killed writer never
leaves a partial entry.  An entry that is unreadable or has a wrong checksum or key is recomputed
and overwritten.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import threading
import time
import warnings
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from hsizoo.documents import parse_json
from hsizoo.errors import OptionError
from hsizoo.weights.places import home

__all__ = ["EmbeddingCache", "EmbeddingKey", "embedding_cache", "embedding_key"]

Tensors = dict[str, torch.Tensor]

_GIB = 2**30
_MEMORY_GB = 2.0  # about 23 float32 encodings of a 1024-pixel SAM 2.1
_DISK_GB = 20.0
_LOCKS = 64
_LOCK_SECONDS = 600.0  # longer than an encoding takes: who holds a lock so long is gone, or hangs
_ABANDONED_SECONDS = 3600.0  # a temporary file this old belongs to a killed writer


@dataclass(frozen=True)
class EmbeddingKey:
    """Key of an entry.

    Parameters
    ----------
    description : str
        Everything that the entry depends on, as canonical JSON.
    """

    description: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the description; the entry's file name."""
        return hashlib.sha256(self.description.encode()).hexdigest()


def embedding_key(
    image_digest: str, preprocessing: Mapping[str, Any], encoder_digest: str
) -> EmbeddingKey:
    """Make the key of an encoding.

    Parameters
    ----------
    image_digest : str
        Digest of the cube, or of the part of it that the encoder sees.
    preprocessing : mapping of str to plain values
        Everything else that changes the encoder's output: the processing of the image before the
        encoder, and the encoder's precision and device.
    encoder_digest : str
        Digest of the frozen encoder's weights, see `hsizoo.weights.files.state_digest`.

    Examples
    --------
    >>> one = embedding_key("a", {"rgb": "bands", "size": 256}, "e")
    >>> one == embedding_key("a", {"size": 256, "rgb": "bands"}, "e")
    True
    >>> one == embedding_key("a", {"rgb": "tivita", "size": 256}, "e")
    False
    """
    parts = {"image": image_digest, "preprocessing": dict(preprocessing), "encoder": encoder_digest}
    return EmbeddingKey(
        json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False, default=list)
    )


class EmbeddingCache:
    """LRU cache of tensors in memory and, optionally, on disk.

    Several threads, and with a folder several processes, may use it concurrently: one of them
    computes an entry while the others wait for it.

    Parameters
    ----------
    memory_bytes : int, default 2 GiB
        Maximum size in memory; 0 keeps nothing.
    folder : path, optional
        Folder for entries on disk; created when the first one is written.
    disk_bytes : int, default 20 GiB
        Maximum size of the folder.  A single entry larger than that is not written.

    Attributes
    ----------
    hits, misses : int
        Number of entries found (in memory or on disk), and computed.

    Examples
    --------
    >>> cache = EmbeddingCache(memory_bytes=1000)
    >>> key = embedding_key("image", {}, "encoder")
    >>> for _ in range(3):
    ...     tensors = cache.get(key, lambda: {"x": torch.ones(4)})
    >>> cache.hits, cache.misses
    (2, 1)
    """

    def __init__(
        self,
        memory_bytes: int = int(_MEMORY_GB * _GIB),
        folder: str | os.PathLike[str] | None = None,
        disk_bytes: int = int(_DISK_GB * _GIB),
    ) -> None:
        self.memory_bytes = memory_bytes
        self.folder = None if folder is None else Path(folder)
        self.disk_bytes = disk_bytes
        self.hits = 0
        self.misses = 0
        self._entries: OrderedDict[str, Tensors] = OrderedDict()
        self._conditions: list[Callable[[], bool]] = []
        self._guard = threading.Lock()
        self._computing = [threading.RLock() for _ in range(_LOCKS)]

    def get(self, key: EmbeddingKey, compute: Callable[[], Tensors]) -> Tensors:
        """Return the tensors of a key, computing them if they are not cached.

        Parameters
        ----------
        key : EmbeddingKey
        compute : callable
            Returns the tensors by name; called at most once.

        Returns
        -------
        dict of str to Tensor
            On the device chosen by `compute` if they come from memory, on the CPU if they come
            from disk.  They are shared: do not modify them in place.
        """
        slot = int(key.digest[:8], 16) % _LOCKS
        # Cached tensors must be usable for training, even if the caller is in inference mode.
        with self._computing[slot], torch.inference_mode(False), torch.no_grad():
            found = self._recall(key.digest)
            if found is None and self.folder is not None:
                with self._process_lock(slot):
                    found = self._read(key)
                    if found is None:
                        return self._computed(key, compute)
                self._remember(key.digest, found)
            if found is None:
                return self._computed(key, compute)
            with self._guard:
                self.hits += 1
            return dict(found)

    @contextlib.contextmanager
    def written_if(self, condition: Callable[[], bool]) -> Iterator[None]:
        """Within this, write an entry to disk only if a condition holds when it is computed.

        A key may be of an image that was changed before it was encoded; other processes would take
        the entry for that of the image.

        Parameters
        ----------
        condition : callable
            Returns whether the images in use are what their digests say.
        """
        self._conditions.append(condition)
        try:
            yield
        finally:
            self._conditions.remove(condition)

    @property
    def mean_bytes(self) -> float | None:
        """Mean size of the entries in memory, in bytes; None if there is none."""
        with self._guard:
            sizes = [_size(tensors) for tensors in self._entries.values()]
        return sum(sizes) / len(sizes) if sizes else None

    def clear_memory(self) -> None:
        """Clear the entries in memory; files are kept."""
        with self._guard:
            self._entries.clear()

    def _computed(self, key: EmbeddingKey, compute: Callable[[], Tensors]) -> Tensors:
        tensors = compute()
        with self._guard:
            self.misses += 1
        self._remember(key.digest, tensors)
        if self.folder is not None and all(holds() for holds in list(self._conditions)):
            self._write(key, tensors)
        return dict(tensors)

    def _recall(self, digest: str) -> Tensors | None:
        with self._guard:
            found = self._entries.get(digest)
            if found is not None:
                self._entries.move_to_end(digest)
            return found

    def _remember(self, digest: str, tensors: Tensors) -> None:
        with self._guard:
            self._entries[digest] = dict(tensors)
            self._entries.move_to_end(digest)
            held = sum(map(_size, self._entries.values()))
            while self._entries and held > self.memory_bytes:
                held -= _size(self._entries.popitem(last=False)[1])

    @contextlib.contextmanager
    def _process_lock(self, slot: int) -> Iterator[None]:
        """Hold the lock shared between processes; no lock if the folder is read-only.

        Nor if another process does not release it in time, perhaps on another machine: the entry
        is computed twice then.
        """
        assert self.folder is not None
        lock = None
        try:
            (self.folder / "locks").mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / "locks" / f"{slot:02d}.lock")
            lock.acquire(timeout=_LOCK_SECONDS)
        except OSError:  # filelock's Timeout is one
            lock = None
        try:
            yield
        finally:
            if lock is not None:
                lock.release()

    def _path(self, key: EmbeddingKey) -> Path:
        assert self.folder is not None
        return self.folder / f"{key.digest}.safetensors"

    def _read(self, key: EmbeddingKey) -> Tensors | None:
        path = self._path(key)
        if not path.is_file():  # opening a pipe would wait for its writer
            return None
        try:
            with safe_open(path, framework="pt", device="cpu") as file:
                about = file.metadata() or {}
                if about.get("key") != key.description:
                    return None
                stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            layout = parse_json(about["layout"], path)
            if about.get("crc32") != _checksum(stored, layout):
                return None
            if any(sorted(layout[n]) != list(range(each.ndim)) for n, each in stored.items()):
                return None
            tensors = {name: _permuted_back(each, layout[name]) for name, each in stored.items()}
            os.utime(path)  # marks the entry as recently used
        except (OSError, SafetensorError, ValueError, LookupError, TypeError, RuntimeError):
            return None
        return tensors

    def _write(self, key: EmbeddingKey, tensors: Tensors) -> None:
        size = _size(tensors)
        if size > self.disk_bytes:
            return
        path = self._path(key)
        temporary = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Keep the memory order of dimensions: it affects rounding in later layers.
            layout = {name: _order(each) for name, each in tensors.items()}
            stored = {
                name: each.detach().cpu().permute(layout[name]).contiguous()
                for name, each in tensors.items()
            }
            about = {
                "key": key.description,
                "crc32": _checksum(stored, layout),
                "layout": json.dumps(layout),
            }
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
            os.close(handle)
            save_file(stored, temporary, metadata=about)
            with Path(temporary).open("rb+") as file:
                os.fsync(file.fileno())
                size = os.fstat(file.fileno()).st_size
            self._make_room(size, keep=path)
            Path(temporary).replace(path)
        except (OSError, SafetensorError) as error:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()
            warnings.warn(
                f"cannot write an encoding to {path.parent}: {error}; it will be recomputed. "
                "Free disk space, or set HSIZOO_EMBEDDINGS=memory",
                stacklevel=4,
            )

    def _make_room(self, size: int, keep: Path) -> None:
        """Delete the least recently used files until `size` more bytes fit."""
        assert self.folder is not None
        files = []
        for path in self.folder.iterdir():
            with contextlib.suppress(OSError):  # another process may have deleted it
                about = path.stat()
                if path.suffix == ".part" and time.time() - about.st_mtime > _ABANDONED_SECONDS:
                    path.unlink()
                elif path.suffix == ".safetensors" and path != keep:
                    files.append((about.st_mtime_ns, about.st_size, path))
        held = sum(length for _, length, _ in files)
        for _, length, path in sorted(files):
            if held + size <= self.disk_bytes:
                break
            with contextlib.suppress(OSError):
                path.unlink()
                held -= length


@cache
def embedding_cache() -> EmbeddingCache:
    """Return the cache that all components of this process share.

    ``HSIZOO_EMBEDDINGS`` is ``memory`` (the default), ``disk`` (memory, and files in
    ``HSIZOO_HOME/embeddings``) or ``off``; ``HSIZOO_EMBEDDINGS_GB`` is its maximum size in GiB: by
    default 2 in memory, 20 on disk.

    Raises
    ------
    OptionError
        If one of the variables has an invalid value.
    """
    where = os.environ.get("HSIZOO_EMBEDDINGS", "memory")
    given = os.environ.get("HSIZOO_EMBEDDINGS_GB")
    if where not in ("memory", "disk", "off"):
        raise OptionError(f"HSIZOO_EMBEDDINGS={where!r}: expected 'memory', 'disk' or 'off'")
    try:
        limit = None if given is None else float(given)
    except ValueError:
        limit = -1.0
    if limit is not None and not 0 <= limit < float("inf"):
        raise OptionError(f"HSIZOO_EMBEDDINGS_GB={given!r}: expected a number of GiB, 0 or more")
    if where == "off":
        return EmbeddingCache(memory_bytes=0)
    if where == "memory":
        return EmbeddingCache(int(_GIB * (_MEMORY_GB if limit is None else limit)))
    disk = _DISK_GB if limit is None else limit
    return EmbeddingCache(
        int(_GIB * min(_MEMORY_GB, disk)), home() / "embeddings", int(_GIB * disk)
    )


def _size(tensors: Tensors) -> int:
    return sum(each.numel() * each.element_size() for each in tensors.values())


def _order(tensor: torch.Tensor) -> list[int]:
    """Dimensions in memory order, from the slowest to the fastest varying."""
    strides = tensor.stride()
    return sorted(range(tensor.ndim), key=lambda n: -strides[n])


def _permuted_back(tensor: torch.Tensor, order: list[int]) -> torch.Tensor:
    return tensor.permute(sorted(range(len(order)), key=order.__getitem__))


def _checksum(tensors: Tensors, layout: Mapping[str, list[int]]) -> str:
    """CRC-32 of CPU tensors in the order of their names: what they are, their layout and bytes."""
    value = 0
    for name in sorted(tensors):
        each = tensors[name]
        about = f"{name}:{each.dtype}:{tuple(each.shape)}:{layout[name]};"
        flat = each.contiguous().flatten().view(torch.uint8)
        value = zlib.crc32(flat.numpy().data, zlib.crc32(about.encode(), value))
    return f"{value:08x}"
