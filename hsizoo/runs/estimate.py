"""`estimate`: what a run would compute, read and take, without computing it."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hsizoo.engine.cells import Cell
from hsizoo.engine.embeddings import embedding_cache
from hsizoo.engine.run_cells import Overwrite, check_run_options, is_due
from hsizoo.engine.store import Store
from hsizoo.interfaces import Protocol
from hsizoo.progress import listening
from hsizoo.runs.calibrating import Trial, try_some
from hsizoo.runs.datasets import Datasets
from hsizoo.runs.folders import DEFAULT_FOLDER
from hsizoo.runs.plan import plan
from hsizoo.runs.records import fault_of
from hsizoo.runs.request import Request
from hsizoo.runs.timings import Basis, Timings, earlier_records
from hsizoo.zoo.device import resolve_device, worker_devices
from hsizoo.zoo.factory import resolve

__all__ = ["Estimate", "Part", "estimate"]

_OBJECTS = 5.0  # in a scene, where no record tells; a guess
_ENCODING_BYTES = 88e6  # of SAM 2.1 at 1024 pixels in the cache; a guess for other encoders
_MOST_RECORDS = 3000  # that are read for their times
_RUNNER = 0.015  # seconds per cell, most of them the disk's: benchmarks/results/cells.md
_START = 2.0  # seconds until a process has imported torch and built its components; a guess


@dataclass(frozen=True, kw_only=True)
class Part:
    """The cells of one component that are due.

    Parameters
    ----------
    component : str
        As the table calls it.
    cells : int
    seconds : float
        Per cell.
    basis : {"this data", "other data", "guess"}
        Where that comes from: finished cells of the same dataset, of another one, or a guess.
    records : int
        Number of finished cells behind it.
    """

    component: str
    cells: int
    seconds: float
    basis: Basis
    records: int


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run would do.

    Parameters
    ----------
    title : str
        Dataset and settings in a few words.
    folder : str
        The run folder.
    cells, done : int
        Number of all cells, and of those that are stored and would be reused.
    images : int
        Number of images, perturbed ones included, that the others need.
    encodings : int
        How often an encoder sees an image: once per image and published weights, or as often as in
        the trial.
    decodings : int
        Number of predictions.
    objects : float
        Mean number of objects in a scene.
    objects_basis : {"this data", "guess"}
    bytes_read : int or None
        Bytes of the files of cubes; None if the dataset does not tell.
    seconds : float
        Of one process that computes all.
    hours : float
        Of the run, with `jobs` processes that do not slow each other down.
    jobs : int
    devices : list of str
    cache_bytes : int
        Size that all encodings would have.
    cache_limit : int
        Largest size of the embedding cache as it is set; more is encoded again if it is needed
        again.
    parts : list of Part
    notes : list of str
        What a reader must know.
    """

    title: str
    folder: str
    cells: int
    done: int
    images: int
    encodings: int
    decodings: int
    objects: float
    objects_basis: Basis
    bytes_read: int | None
    seconds: float
    hours: float
    jobs: int
    devices: list[str]
    cache_bytes: int
    cache_limit: int
    parts: list[Part]
    notes: list[str]


def estimate(
    request: Request,
    *,
    device: str = "auto",
    jobs: int = 1,
    overwrite: Overwrite = "failed",
    allow_untrained: bool = False,
    calibrate: bool = False,
    reading: Callable[[int, int], None] = lambda done, total: None,
) -> Estimate:
    """Estimate a run; nothing is computed, and nothing is written.

    The time of a cell is the median of finished cells of the same component, protocol and dataset
    in the run folder and in those beside it; else of another dataset; else a guess, which is said.

    Parameters
    ----------
    request : Request
        See `hsizoo.runs.request.make_request`.
    device, jobs, overwrite, allow_untrained
        See `hsizoo.bench`.
    calibrate : bool, default False
        Compute two images first, in a temporary folder, and go by their times.
    reading : callable, optional
        See `hsizoo.runs.bench.RunEvents`.

    Raises
    ------
    NameLookupError, OptionError, MissingRequirement, ProtocolError
        As `hsizoo.bench`, for what can be known before anything is computed.
    """
    check_run_options(jobs, overwrite)
    devices = [resolve_device(device)] if jobs == 1 else worker_devices(device)
    datasets = request.datasets
    with listening(reading):
        cells = plan(
            request.cases,
            selection=request.selection,
            allow_untrained=allow_untrained,
            datasets=datasets,
        )
    stored = _stored(request)
    due = list({cell.key: cell for cell in cells if is_due(stored(cell.key), overwrite)}.values())
    trial = try_some(due, devices[0], datasets) if calibrate and due else None
    records = list(trial.records if trial else ()) or list(
        itertools.islice(earlier_records(_folders(request)), _MOST_RECORDS)
    )
    protocol = request.cases[0].protocol
    objects = _objects(type(protocol), records, due)
    predictions = protocol.predictions(objects or _OBJECTS)
    parts = _parts(due, Timings(records, devices[0]), predictions)
    encodings = _encodings(due, trial)
    work = sum(part.cells * part.seconds for part in parts)
    work += len(due) * (trial.runner if trial else _RUNNER)
    start = (trial.building if trial else _START) if due else 0.0
    longest = max((part.seconds for part in parts), default=0.0)
    size = (trial.encoding_bytes if trial else None) or _ENCODING_BYTES
    cache = embedding_cache()
    return Estimate(
        title=request.title,
        folder=str(request.folder),
        cells=len(cells),
        done=len(cells) - len(due),
        images=len({cell.affinity for cell in due}),
        encodings=encodings,
        decodings=round(predictions * len(due)),
        objects=objects or _OBJECTS,
        objects_basis="this data" if objects else "guess",
        bytes_read=_bytes_read(due, jobs, datasets),
        seconds=work + start,
        hours=(max(work / jobs, longest) + start) / 3600,
        jobs=jobs,
        devices=devices,
        cache_bytes=round(encodings * size),
        cache_limit=cache.memory_bytes if cache.folder is None else cache.disk_bytes,
        parts=parts,
        notes=_notes(parts, objects, jobs, devices, trial),
    )


def _stored(request: Request) -> Callable[[str], Any]:
    """A function that tells the status of a stored cell, or None; it writes nothing."""
    store = Store(request.folder, request.lender)

    def status(key: str) -> Any:
        head = store.head(key)
        return head and head.status

    return status


def _folders(request: Request) -> list[Path]:
    """Run folders with cells that may be alike: its own, and those beside it."""
    beside = {request.folder.parent, Path(DEFAULT_FOLDER)}
    own = [request.folder, *([request.lender] if request.lender else [])]
    return [*own, *(each.parent for place in sorted(beside) for each in place.glob("*/cells"))]


def _objects(
    protocol: type[Protocol], records: Sequence[Mapping[str, Any]], due: Sequence[Cell]
) -> float | None:
    """Mean number of objects per scene of the datasets that are due; None if nobody knows."""
    wanted = [dict(each) for each in _distinct(cell.identity["dataset"] for cell in due)]
    name = {cell.identity["protocol"].get("protocol") for cell in due[:1]}
    counts = [
        len(observed)
        for record in records
        if record["identity"].get("dataset") in wanted
        and (record["identity"].get("protocol") or {}).get("protocol") in name
        and not fault_of(protocol, record)  # as another version may have written it
        for observed in protocol.observe([record])
    ]
    return sum(counts) / len(counts) if counts else None


def _distinct(values: Iterator[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for value in values:
        if not found or (value is not found[-1] and value not in found):
            found.append(value)
    return found


def _parts(due: Sequence[Cell], timings: Timings, predictions: float) -> list[Part]:
    groups: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for cell in due:
        groups[cell.job["row"]["label"], cell.job["component"]].append(cell)
    parts = []
    for (label, component), mine in groups.items():
        encodes = bool(_encoders(component, mine[0].job["kind"]))
        time = timings.of(mine[0], predictions, encodes=encodes)
        parts.append(
            Part(
                component=label,
                cells=len(mine),
                seconds=time.seconds,
                basis=time.basis,
                records=time.cells,
            )
        )
    return parts


def _encoders(component: str, kind: Any) -> frozenset[str]:
    """The published weights that a component and its parts start from."""
    recipe = resolve(component, kind)
    found = (part.target.base_weights(**part.options) for part in recipe.walk())
    return frozenset(each for each in found if each)


def _encodings(due: Sequence[Cell], trial: Trial | None) -> int:
    """How often an encoder sees an image."""
    images = len({cell.affinity for cell in due})
    if trial is not None:
        return round(trial.encodings * images)
    known: dict[str, frozenset[str]] = {}
    pairs: set[tuple[str, str]] = set()
    for cell in due:
        component = cell.job["component"]
        if component not in known:
            known[component] = _encoders(component, cell.job["kind"])
        pairs.update((cell.affinity, weights) for weights in known[component])
    return len(pairs)


def _bytes_read(due: Sequence[Cell], jobs: int, datasets: Datasets) -> int | None:
    """Bytes of the scenes, each as often as it is loaded."""
    scenes = [(cell.job["dataset"], cell.job["scene"]) for cell in due]
    if jobs == 1:  # one scene is kept, and cells come in this order
        loaded = [scene for scene, _ in itertools.groupby(scenes)]
    else:  # one worker has an image
        loaded = list({cell.affinity: scene for cell, scene in zip(due, scenes, strict=True)}
                      .values())  # fmt: skip
    sizes = {
        (name, scene): datasets.get(name).bytes_read(datasets.find(name, scene))
        for name, scene in set(loaded)
    }
    found = [sizes[scene] for scene in loaded]
    return None if any(size is None for size in found) else sum(size or 0 for size in found)


def _notes(
    parts: Sequence[Part],
    objects: float | None,
    jobs: int,
    devices: Sequence[str],
    trial: Trial | None,
) -> list[str]:
    notes = []
    guessed = [part.component for part in parts if part.basis == "guess"]
    if guessed:
        notes.append(
            f"the time of {', '.join(guessed)} is a guess for cubes of 480 × 640 × 100; "
            "--calibrate measures it on two images"
        )
    elsewhere = [part.component for part in parts if part.basis == "other data"]
    if elsewhere:
        notes.append(
            f"the time of {', '.join(elsewhere)} is that of other data, whose cubes may be of "
            "another size; --calibrate measures it"
        )
    if objects is None and parts:
        notes.append(f"{_OBJECTS:g} objects in a scene are a guess")
    if jobs > 1 and devices[0] == "cpu":
        notes.append(
            f"{jobs} processes share the cores of this machine: the time holds if a cell alone "
            "leaves them idle"
        )
    if trial is not None and trial.failed:
        notes.append(f"{trial.failed} cell(s) of the trial failed; their time is not known")
    return notes
