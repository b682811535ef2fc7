"""`HeldScene`: the scene that a worker holds, with a check that it is the one a cell is about."""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hsizoo.arrays import strips
from hsizoo.cube import Scene
from hsizoo.engine.scene_versions import UnchangedFiles
from hsizoo.errors import ContractError, DataError, NameLookupError
from hsizoo.interfaces import Protocol
from hsizoo.protocols.perturbations import perturbation_from_config
from hsizoo.runs.datasets import Datasets

__all__ = ["HeldScene"]


@dataclass(frozen=True)
class _Loaded:
    """A scene as its files told it, and whether they still are what they were then."""

    key: tuple[str, str, str]
    index: int
    scene: Scene
    files: UnchangedFiles


@dataclass(frozen=True)
class _Given:
    """A scene as components get it, and what it was before the first one got it."""

    key: str
    scene: Scene
    digests: Mapping[str, str]
    marks: Mapping[str, bytes]


class HeldScene:
    """Holds one scene, as the cells of a scene come one after the other.

    Parameters
    ----------
    datasets : Datasets
    """

    def __init__(self, datasets: Datasets) -> None:
        self._datasets = datasets
        self._loaded: _Loaded | None = None
        self._given: _Given | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no scene is held: none was loaded yet, or the last one was changed."""
        return self._loaded is None

    def prepare(self, job: Mapping[str, Any], protocol: Protocol) -> tuple[Scene, dict[str, str]]:
        """Return the scene of a job, perturbed and with all that its protocol needs.

        Returns
        -------
        scene : Scene
        digests : dict of str to str
            Those of its cube and its label map, taken before any component saw them.

        Raises
        ------
        DataError
            If it is not the scene that the run was planned with, or that other cells were computed
            on.
        """
        loaded = self._load(job)
        seed = job["seed"] if job["perturbation"] is not None else None
        key = json.dumps([loaded.key, job["perturbation"], seed])
        if self._given is None or self._given.key != key:
            scene = loaded.scene
            if job["perturbation"] is not None:
                self._given = None  # before the next one takes as much memory
                scene = perturbation_from_config(job["perturbation"]).apply(scene, job["seed"])
            digests = {"cube": scene.cube.digest, "labels": scene.label_map.digest}
            self._given = _Given(key, scene, digests, _marks(scene))
        given = self._given
        if job.get("digests", given.digests) != given.digests:
            raise DataError(
                f"the files of scene {job['scene']} of {job['dataset']} hold other values than "
                "those that stored cells were computed on: restore the files, or compute all cells "
                "of the scene anew with --overwrite always"
            )
        dataset = self._datasets.get(job["dataset"])
        return protocol.complete(given.scene, dataset, loaded.index), dict(given.digests)

    @contextlib.contextmanager
    def guarded(self, component: str) -> Iterator[None]:
        """Notice if the scene is not the same after a component had it.

        Parameters
        ----------
        component : str
            What the user calls it.

        Raises
        ------
        ContractError
            If the component changed the scene, which is loaded anew for the next cell.
        DataError
            If its files changed.
        """
        try:
            yield
        except Exception:
            self._check(component)
            raise
        except BaseException:  # the process ends, or the component wanted it to
            self._forget()
            raise
        self._check(component)

    def is_unchanged(self) -> bool:
        """Whether the scene, and its files, still are what the components were given."""
        loaded, given = self._loaded, self._given
        if loaded is None or given is None or loaded.files.changed():
            return False
        return _marks(given.scene) == dict(given.marks)

    def _check(self, component: str) -> None:
        loaded, given = self._loaded, self._given
        assert loaded is not None
        assert given is not None
        if changed := loaded.files.changed():
            self._forget()
            raise DataError(
                f"{', '.join(changed)} changed while a cell of scene {given.scene.name} was "
                "computed; run the same command again"
            )
        marks = _marks(given.scene)
        if wrong := [what for what, mark in given.marks.items() if marks[what] != mark]:
            self._forget()
            raise ContractError(
                f"{component} changed the {' and the '.join(wrong)} of scene {given.scene.name}, "
                "which other components share; it must copy an array before it writes to it "
                "(torch.from_numpy shares memory).  The scene is loaded anew for the next cell"
            )

    def _forget(self) -> None:
        self._loaded = self._given = None

    def _load(self, job: Mapping[str, Any]) -> _Loaded:
        key = job["dataset"], job["scene"], job["data_version"]
        if self._loaded is None or self._loaded.key != key:
            self._forget()
            try:
                index = self._datasets.find(job["dataset"], job["scene"])
            except NameLookupError as error:
                raise DataError(
                    f"a scene was removed after this run was planned: {error}"
                ) from None
            dataset = self._datasets.get(job["dataset"])
            files = UnchangedFiles(dataset.scene_files(index))
            self._check_version(job, index)
            scene = self._datasets.load(job["dataset"], index)
            if files.changed():
                raise DataError(
                    f"the files of scene {job['scene']} of {job['dataset']} changed while they "
                    "were read; run the same command again"
                )
            self._loaded = _Loaded(key, index, scene, files)
        return self._loaded

    def _check_version(self, job: Mapping[str, Any], index: int) -> None:
        (version,) = self._datasets.versions(job["dataset"], [index])
        if version != job["data_version"]:
            raise DataError(
                f"scene {job['scene']} of {job['dataset']} changed after this run was planned "
                f"(version {job['data_version']}, now {version}); run the same command again"
            )


def _marks(scene: Scene) -> dict[str, bytes]:
    """What tells whether arrays were written to, at the speed of reading them.

    SHA-256 would take ten times as long.  The bits of the values are summed along the rows and
    across them: whatever is written in place, or moved, changes one of the sums.
    """
    cube, labels = scene.cube, scene.label_map.labels
    found = {"label map": _sums(labels), "mask of valid pixels": _sums(cube.valid)}
    if cube.wavelengths is not None:
        found["wavelengths"] = cube.wavelengths.tobytes()
    if not _is_read_only_map(cube.data):
        found["cube"] = _sums(cube.data)
    return found


def _sums(values: npt.NDArray[Any]) -> bytes:
    bits = values.view({1: np.uint8, 4: np.uint32}[values.itemsize])
    # In the order of the memory, whatever the order of the axes.
    bits = bits.transpose(sorted(range(bits.ndim), key=lambda axis: -abs(bits.strides[axis])))
    along, across = [], np.zeros(bits.shape[1:], dtype=np.uint64)
    for rows in strips(bits):
        along.append(bits[rows].sum(axis=tuple(range(1, bits.ndim)), dtype=np.uint32))
        across += bits[rows].sum(axis=0, dtype=np.uint32)
    sha = hashlib.sha256(np.concatenate(along).tobytes())
    sha.update(across.tobytes())
    return sha.digest()


def _is_read_only_map(values: npt.NDArray[Any]) -> bool:
    """Whether the system forbids to write to these values, and reading them may mean the disk."""
    base: Any = values
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and base.mode == "r":
            return True
        base = base.base
    return isinstance(base, mmap.mmap) and not _is_writable(base)


def _is_writable(mapped: mmap.mmap) -> bool:
    with memoryview(mapped) as view:
        return not view.readonly
