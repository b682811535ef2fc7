"""`bench`: run components on a dataset by a protocol, and keep every finished cell.

>>> import hsizoo
>>> result = hsizoo.bench(["sa", "pcc"], "indian-pines", clicks=5)        # doctest: +SKIP
>>> result.table[0]["dice@0.5 1c"]                                       # doctest: +SKIP
>>> result = hsizoo.bench(["svm", "lp"], "indian-pines", shots=5)        # doctest: +SKIP
>>> result.table[0]["oa"]                                                # doctest: +SKIP

With ``jobs`` above 1, a script must be guarded by ``if __name__ == "__main__":``, as always with
processes in Python.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from hsizoo.engine.cells import Cell
from hsizoo.engine.executors import Executor, make_executor
from hsizoo.engine.mask_log import FEW, MANY
from hsizoo.engine.run_cells import Overwrite, RunEvents, check_run_options, run_cells
from hsizoo.engine.store import Store
from hsizoo.errors import OptionError
from hsizoo.interfaces import Protocol
from hsizoo.progress import listening
from hsizoo.report.comparison import Comparison, compare
from hsizoo.report.rows import Row, observe_rows
from hsizoo.runs.case import Case
from hsizoo.runs.datasets import Datasets, Selection
from hsizoo.runs.earlier import set_aside
from hsizoo.runs.plan import plan
from hsizoo.runs.records import fault_of
from hsizoo.runs.request import make_request
from hsizoo.runs.results import notes_of, write_results
from hsizoo.runs.verifying import verify_cells
from hsizoo.runs.work import CellWork
from hsizoo.zoo.device import resolve_device

__all__ = ["Overwrite", "RunEvents", "RunResult", "bench", "run_cases"]


@dataclass(frozen=True)
class RunResult:
    """A finished run.

    Parameters
    ----------
    folder : Path
        Where its records are.
    title : str
        Dataset and settings in a few words.
    protocol : type of Protocol
        By which the components were evaluated.
    records : sequence of dict
        One per cell, in the order of the table.  Those of a run of more than 1000 cells are read
        from its folder whenever they are asked for.
    comparison : Comparison
        The table with its intervals, and the rows against each other.
    failures : sequence of dict
        Those records whose ``status`` is "failed".
    files : dict of str to str
        What was written into the folder for people, and a remark on each.
    notes : list of str
        What a reader of the table must know.
    earlier : Path, optional
        Where the tables of another run are now, if the folder had some that this one lacks.
    verified : int
        Number of cells that were computed once more, see `bench`.
    """

    folder: Path
    title: str
    protocol: type[Protocol]
    records: Sequence[dict[str, Any]]
    comparison: Comparison
    failures: Sequence[dict[str, Any]] = ()
    files: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    earlier: Path | None = None
    verified: int = 0

    @property
    def table(self) -> list[Row]:
        """One row per component and set of conditions, in the order given."""
        return self.comparison.rows


def bench(
    components: str | Sequence[str],
    dataset: str,
    *,
    protocol: str | Protocol | None = None,
    seeds: int | Sequence[int] | None = None,
    perturbations: str | Sequence[str] = "none",
    split: str | None = None,
    scenes: str | Sequence[str] | None = None,
    folds: int = 0,
    fold: int = 0,
    split_seed: int = 0,
    limit: int | None = None,
    out: str | os.PathLike[str] | None = None,
    device: str = "auto",
    jobs: int = 1,
    executor: str | Executor = "local",
    overwrite: Overwrite = "failed",
    allow_untrained: bool = False,
    verify: int = 0,
    keep_masks: bool = False,
    events: RunEvents | None = None,
    **options: Any,
) -> RunResult:
    """Run components on a dataset by a protocol.

    Parameters
    ----------
    components : str or sequence of str
        Names, with options if need be: scorers and segmenters, or classifiers (and
        ``labeler+classifier``).
    dataset : str
        Name of a dataset, with options if need be.
    protocol : str or Protocol, optional
        How they are evaluated.  Default: ``interactive`` for scorers and segmenters, ``few-label``
        for classifiers.  `hsizoo list --kind protocol` shows all.
    seeds : int or sequence of int, optional
        A number of seeds, counted from 0, or the seeds themselves.  Default: that of the protocol;
        1 for clicks, 10 for few labels.
    perturbations : str or sequence of str, default "none"
        How the cubes are perturbed: ``noise:strength=0.1``, ``shading``, ``dropped-bands``,
        ``spectral-shift:unit=nm``; each makes its own rows.  ``none`` leaves them as they are.
    split : str, optional
        Only scenes of this split.  Default: ``test`` where the dataset has one, otherwise all.
    scenes : str or sequence of str, optional
        Only the scenes of these names; overrides `split`.
    folds, fold, split_seed : int, default 0
        Only the subjects that a training with the same values holds out: those of the test split,
        else those of the fold, see `hsizoo.training.divide`.  ``weights=auto`` prefers the weights
        of such a training.
    limit : int, optional
        Only the first scenes, that many; every table says so.  Default: all.
    out : path, optional
        The run folder.  Default: ``hsizoo-runs/<dataset>``, with an ending that names the protocol
        (``-few-labels``) unless components answer to clicks, and with the settings that differ
        from their defaults (``phantom-seed=1``); see `hsizoo.runs.folders`.  Any number of runs
        may share a folder: a cell's key covers everything that its result depends on.  The tables
        are those of the last run; what another run has that is not in them moves to ``earlier/``.
    device : str, default "auto"
        See `hsizoo.create`.
    jobs : int, default 1
        Number of processes; 1 computes in this one.  With several GPUs and ``device="auto"`` or
        ``"cuda"`` each process has its own.
    executor : str or Executor, default "local"
        Where cells are computed: ``local``, ``ray`` or ``ray:ADDRESS``, a Ray cluster with `jobs`
        workers (docs/cluster.md); or an executor, which has its own number of workers.
    overwrite : {"failed", "never", "always"}, default "failed"
        Which stored cells are computed anew: those that failed, none, or all.
    allow_untrained : bool, default False
        Run components that `hsizoo train` should have trained first, or whose weights are random,
        marked as such in every table.  Otherwise they are an error.
    verify : int, default 0
        Number of finished cells, drawn at random, that are computed once more, each in a process of
        its own.  One that comes out differently has failed: its component depends on what was
        computed before, or on chance.
    keep_masks : bool, default False
        Keep images and masks of up to 1 GiB in the run folder, for `hsizoo.write_report`.
        Otherwise they are kept up to 16 MiB, enough for a small run.  Cells that are stored already
        keep none; ``overwrite="always"`` computes them anew.
    events : RunEvents, optional
        Callbacks.
    **options
        Options of the protocol: ``clicks``, ``robot``, ``shots``, ``draw``, …; see
        `hsizoo.protocols`.

    Returns
    -------
    RunResult
        A component that fails on a scene does not end the run; see `RunResult.failures`.

    Raises
    ------
    NameLookupError, OptionError, MissingRequirement, ProtocolError, StoreError
        For what can be known before anything is computed; nothing is lost.
    """
    request = make_request(
        components,
        dataset,
        protocol=protocol,
        seeds=seeds,
        perturbations=perturbations,
        split=split,
        scenes=scenes,
        folds=folds,
        fold=fold,
        split_seed=split_seed,
        limit=limit,
        out=out,
        **options,
    )
    return run_cases(
        request.cases,
        request.folder,
        request.title,
        lender=request.lender,
        selection=request.selection,
        device=device,
        jobs=jobs,
        executor=executor,
        overwrite=overwrite,
        allow_untrained=allow_untrained,
        verify=verify,
        keep_masks=keep_masks,
        events=events,
        datasets=request.datasets,
        about=request.about,
    )


def run_cases(
    cases: Sequence[Case],
    folder: Path,
    title: str,
    *,
    selection: Selection | None = None,
    device: str = "auto",
    jobs: int = 1,
    executor: str | Executor = "local",
    overwrite: Overwrite = "failed",
    allow_untrained: bool = False,
    verify: int = 0,
    keep_masks: bool = False,
    events: RunEvents | None = None,
    datasets: Datasets | None = None,
    lender: Path | None = None,
    lost: Sequence[Mapping[str, Any]] = (),
    about: Mapping[str, Any] | None = None,
    protocol: type[Protocol] | None = None,
) -> RunResult:
    """Run any cases of one protocol into one folder; `bench` and experiments use it.

    Parameters
    ----------
    cases : sequence of Case
    folder : Path
        The run folder.
    title : str
        Title of the pictures.
    selection : Selection, optional
        Which scenes are run.  Default: those of the test split, if there is one, else all.
    device, jobs, executor, overwrite, allow_untrained, verify, keep_masks, events
        See `bench`.
    datasets : Datasets, optional
        Those of the run, if some are built already.
    lender : Path, optional
        Another run folder, whose cells are taken over where this one has none.
    lost : sequence of mapping
        Failed records of what could not even be tried, shown with the others.
    about : mapping, optional
        Further plain values to keep in ``results.json``.
    protocol : type of Protocol, optional
        Where there may be no case.  Default: that of the first case.
    """
    check_run_options(jobs, overwrite)
    if verify < 0:
        raise OptionError(f"verify must be a number of cells from 0; got {verify}")
    datasets, selection = datasets or Datasets(), selection or Selection()
    protocol = protocol or type(cases[0].protocol)
    in_this_process = executor == "local" and jobs == 1
    if isinstance(executor, str):
        executor, checked_on = make_executor(executor, jobs, device)
    else:
        checked_on = resolve_device(device)
    events = events or RunEvents()
    with listening(events.reading):
        cells = plan(cases, selection=selection, allow_untrained=allow_untrained, datasets=datasets)
    names = dict.fromkeys(case.dataset for case in cases)
    chosen = {name: datasets.choose(name, selection) for name in names}
    if some := "; ".join(dict.fromkeys(each.remark for each in chosen.values() if each.remark)):
        title = f"{title}, {some}"
    about = {
        **(about or {}),
        "selection": selection.to_json(),
        "scenes": {
            name: {"run": len(each.indices), "of": each.of} for name, each in chosen.items()
        },
    }
    work = CellWork(datasets)

    def build_each(waiting: Sequence[Cell]) -> None:
        # Other processes build their own components: what is built here is for the check alone.
        builder = work if in_this_process else CellWork(datasets)
        builder.build_each((cell.job for cell in waiting), checked_on)

    with Store(folder, lender) as store:
        store.masks.limit = MANY if keep_masks else FEW
        records = run_cells(
            store,
            cells,
            work,
            executor,
            overwrite=overwrite,
            events=events,
            before=build_each,
            fault_of=partial(fault_of, protocol),
        )
        verified = 0
        if verify:
            verified = verify_cells(store, cells, records, work, checked_on, protocol, verify)
        del cells  # of a million cells, a quarter of a gigabyte
        for each in lost:
            records.append(each)
        failed = [place for place, mark in enumerate(records.marks()) if mark.status == "failed"]
        observed = observe_rows(protocol, records)
        comparison = compare(protocol, records, observed)
        earlier = set_aside(store, records)
        notes = notes_of(protocol, records)  # once: it may read all records
        files = write_results(
            store, protocol, records, observed, comparison, title, notes, about or {}
        )
        return RunResult(
            folder=store.folder,
            title=title,
            protocol=protocol,
            records=records,
            comparison=comparison,
            failures=records.select(failed),
            files=files,
            notes=notes,
            earlier=earlier,
            verified=verified,
        )
