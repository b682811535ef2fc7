"""A trial of a run: its first two images, computed into a temporary folder."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hsizoo.engine.cells import Cell
from hsizoo.engine.embeddings import embedding_cache
from hsizoo.engine.executors import LocalExecutor
from hsizoo.engine.run_cells import RunEvents, run_cells
from hsizoo.engine.store import Store
from hsizoo.runs.datasets import Datasets
from hsizoo.runs.work import CellWork

__all__ = ["Trial", "try_some"]

_IMAGES = 2  # the first of them also waits for components to be built


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What was measured.

    Parameters
    ----------
    records : list of dict
        Finished cells of the last image, or of the only one.
    building : float
        Seconds that the cells of the first image took longer than these.
    runner : float
        Seconds per cell that the runner adds: writing records, above all.
    encodings : float
        Encodings per image.
    encoding_bytes : float or None
        Mean size of one in the cache; None if there was none.
    failed : int
        Number of cells that failed.
    """

    records: list[dict[str, Any]]
    building: float
    runner: float
    encodings: float
    encoding_bytes: float | None
    failed: int


def try_some(cells: Sequence[Cell], device: str, datasets: Datasets) -> Trial:
    """Compute the cells of the first images, in this process; the run folder is not touched.

    Parameters
    ----------
    cells : sequence of Cell
        Those that are due, in order.
    device : str
    datasets : Datasets
        Those of the run.
    """
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.affinity not in groups and len(groups) == _IMAGES:
            continue
        groups.setdefault(cell.affinity, []).append(cell)
    chosen = list(itertools.chain.from_iterable(groups.values()))
    cache = embedding_cache()
    misses = cache.misses
    work = CellWork(datasets)
    begun = last = time.perf_counter()
    around = 0.0

    def finished(cell: Cell, record: Mapping[str, Any]) -> None:
        nonlocal last, around
        now = time.perf_counter()
        around += now - last - record["seconds"]
        last = now

    def build_each(waiting: Sequence[Cell]) -> None:
        nonlocal last
        work.build_each((cell.job for cell in waiting), device)
        last = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder, Store(folder) as store:
        records = run_cells(
            store,
            chosen,
            work,
            LocalExecutor(1, [device]),
            overwrite="always",
            events=RunEvents(finished=finished),
            before=build_each,
        )
    whole = time.perf_counter() - begun
    by_image = dict(zip((cell.key for cell in chosen), records, strict=True))
    *_, final = groups.values()
    kept = [by_image[cell.key] for cell in final]
    # As many cells of the last image as of each, so what exceeds it was spent once.
    steady = sum(record["seconds"] for record in kept) * len(chosen) / len(final)
    return Trial(
        records=[record for record in kept if record["status"] == "done"],
        building=max(0.0, whole - around - steady),
        runner=max(0.0, around / len(chosen)),
        encodings=(cache.misses - misses) / len(groups),
        encoding_bytes=cache.mean_bytes,
        failed=sum(record["status"] == "failed" for record in records),
    )
