"""Versions of scenes, by the content of their files, and whether the files stay as they were."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from hsizoo.engine.file_digests import file_digests, signature
from hsizoo.errors import DataError
from hsizoo.interfaces import SceneDataset

__all__ = ["UnchangedFiles", "scene_versions"]


def scene_versions(dataset: SceneDataset, indices: Sequence[int]) -> list[str]:
    """Return the versions of some scenes, which tell the content of their files.

    Parameters
    ----------
    dataset : SceneDataset
    indices : sequence of int

    Raises
    ------
    DataError
        If a file cannot be read.
    """
    files = [dataset.scene_files(index) for index in indices]
    digests = iter(file_digests([path for each in files for path in each]))
    return [
        _with_content(dataset.scene_version(index), [next(digests) for _ in paths])
        for index, paths in zip(indices, files, strict=True)
    ]


def _with_content(version: str, digests: Sequence[str]) -> str:
    if not digests:
        return version
    return hashlib.sha256("\n".join((version, *digests)).encode()).hexdigest()[:16]


class UnchangedFiles:
    """Notices that a file has been written to or replaced, whatever its size and its time say.

    Parameters
    ----------
    paths : iterable of Path
        The files as they are now.

    Raises
    ------
    DataError
        If one is not there.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._signatures = {path: signature(path) for path in paths}

    def changed(self) -> list[str]:
        """Return the names of those files that changed since, or are gone."""
        return [path.name for path, seen in self._signatures.items() if _signature(path) != seen]


def _signature(path: Path) -> str:
    try:
        return signature(path)
    except DataError:  # it is gone
        return ""
