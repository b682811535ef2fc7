"""Cache of frozen SAM encodings of groups for all rounds; in memory, else on disk."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from typing import Any

import torch
from hsizoo_sam2 import Projection

import hsizoo

__all__ = ["GroupCache"]

_GIB = 2**30
_TENSORS = ("tokens", "middle", "fine")


class GroupCache:
    """Cache of group projections by index, in half precision.

    Parameters
    ----------
    keys : sequence of EmbeddingKey
        Cache keys of the groups.
    encode : callable
        Computes the projection of a group, given its index.
    budget_gb : float
        Maximum memory in GiB, shared by all cubes open in this process.

    Notes
    -----
    If the groups exceed the budget or memory runs out, they are stored in
    ``HSIZOO_HOME/ipg/groups``, with a warning.
    """

    def __init__(
        self,
        keys: list[hsizoo.EmbeddingKey],
        encode: Callable[[int], Projection],
        budget_gb: float,
    ) -> None:
        self._keys = keys
        self._encode = encode
        self._budget = int(budget_gb * _GIB)
        self._store = _in_memory(self._budget)
        self._shared: dict[str, Any] = {}  # position and size are the same for all groups

    def get(self, number: int) -> Projection:
        """Return the projection of a group, in float32 on the network's device."""
        try:
            return self._get(number)
        except (MemoryError, torch.OutOfMemoryError) as error:
            self._to_disk(f"memory ran out ({error})")
        except RuntimeError as error:
            if "alloc" not in str(error):  # torch's CPU allocator raises a plain RuntimeError
                raise
            self._to_disk(f"memory ran out ({error})")
        return self._get(number)

    def _get(self, number: int) -> Projection:
        first = None
        if not self._shared:
            first = self._encode(number)
            names = (field.name for field in fields(Projection))
            self._shared = {name: getattr(first, name) for name in names if name not in _TENSORS}
            size = sum(getattr(first, name).numel() * 2 for name in _TENSORS) * len(self._keys)
            if size > self._budget:
                self._to_disk(
                    f"they need {size / _GIB:.2g} GiB, group_cache_gb={self._budget / _GIB:.2g}"
                )

        def halves() -> dict[str, torch.Tensor]:
            projection = self._encode(number) if first is None else first
            return {name: getattr(projection, name).half() for name in _TENSORS}

        stored = self._store.get(self._keys[number], halves)
        device = self._shared["position"].device
        own = {name: stored[name].to(device=device, dtype=torch.float32) for name in _TENSORS}
        return Projection(**self._shared, **own)

    def _to_disk(self, why: str) -> None:
        folder = hsizoo.home() / "ipg" / "groups"
        if self._store.folder == folder:
            return
        warnings.warn(
            f"IPG stores the encodings of its {len(self._keys)} groups in {folder}, as {why}; "
            "rounds take longer. Raise group_cache_gb, or set stride or groups for fewer groups",
            stacklevel=5,
        )
        self._store.clear_memory()
        self._store = hsizoo.EmbeddingCache(memory_bytes=0, folder=folder)


@cache
def _in_memory(budget: int) -> hsizoo.EmbeddingCache:
    """Return the cache shared by all seeds and cubes of the process."""
    return hsizoo.EmbeddingCache(memory_bytes=budget)
