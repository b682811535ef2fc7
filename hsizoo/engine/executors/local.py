"""Compute cells on this machine, in this process or in worker processes that may die.

A worker process computes one cell at a time and receives the next one when it is done, so the
driver always knows which cell a dead worker was computing.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from multiprocessing.connection import Connection, wait

from hsizoo.engine.cells import Cell
from hsizoo.engine.executors.affinity import ImageQueue
from hsizoo.engine.executors.attempt import attempt
from hsizoo.engine.executors.base import Executor, OnProgress, Outcome, Work, ignore_progress
from hsizoo.engine.executors.orphans import end_with_parent
from hsizoo.engine.provenance import available_cores
from hsizoo.errors import OptionError

__all__ = ["FreshProcesses", "LocalExecutor"]


class LocalExecutor(Executor):
    """Compute cells in this process, or in several processes of this machine.

    Parameters
    ----------
    jobs : int, default 1
        Number of worker processes, which share the cores; 1 computes in this process.
    devices : sequence of str
        Process ``i`` computes on ``devices[i % len(devices)]``, passed as ``job["device"]``.

    Raises
    ------
    OptionError
        If `jobs` is below 1, or there is no device.
    """

    def __init__(self, jobs: int = 1, devices: Sequence[str] = ("cpu",)) -> None:
        if jobs < 1:
            raise OptionError(f"jobs must be at least 1; got {jobs}")
        if not devices:
            raise OptionError("devices is empty; pass at least one device")
        self.jobs = jobs
        self.devices = tuple(devices)

    def run(
        self, cells: Sequence[Cell], work: Work, on_progress: OnProgress = ignore_progress
    ) -> Iterator[Outcome]:
        """Compute cells; see `Executor.run`.

        `KeyboardInterrupt` ends the run and its processes.

        Raises
        ------
        OptionError
            If a worker process imports a script without the guard ``if __name__ == '__main__':``.
        """
        if self.jobs > 1:
            _check_guard("jobs above 1")
        if self.jobs == 1:
            for cell in cells:
                yield attempt(cell, work, self.devices[0], partial(on_progress, cell))
            return
        jobs = min(self.jobs, len(cells))
        yield from _execute_in_processes(cells, work, jobs, self.devices, on_progress)


class FreshProcesses(Executor):
    """Compute each cell in a process that has computed nothing before.

    Parameters
    ----------
    device : str
        Passed as ``job["device"]``.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.device = device

    def run(
        self, cells: Sequence[Cell], work: Work, on_progress: OnProgress = ignore_progress
    ) -> Iterator[Outcome]:
        """Compute cells, one after the other; see `Executor.run`.

        Raises
        ------
        OptionError
            As `LocalExecutor.run`.
        """
        _check_guard("verifying cells")
        for cell in cells:
            yield from _execute_in_processes([cell], work, 1, [self.device], on_progress)


def _check_guard(what: str) -> None:
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise OptionError(
            f"{what} in a script needs the guard  if __name__ == '__main__':  around the "
            "call, because worker processes import the script"
        )


def _execute_in_processes(
    cells: Sequence[Cell],
    work: Work,
    jobs: int,
    devices: Sequence[str],
    on_progress: OnProgress,
) -> Iterator[Outcome]:
    queue = ImageQueue(cells)
    threads = max(
        1, available_cores() // max(1, jobs)
    )  # there are no workers if there are no cells
    workers = [_Worker(work, devices[i % len(devices)], threads) for i in range(jobs)]
    try:
        for worker in workers:
            if (cell := queue.take(worker)) is not None:
                worker.give(cell)
        while busy := [worker for worker in workers if worker.cell is not None]:
            ready = wait([worker.pipe for worker in busy])
            for worker in busy:
                if worker.pipe not in ready:
                    continue
                assert worker.cell is not None
                try:
                    kind, *message = worker.pipe.recv()
                except (EOFError, OSError):  # it died; `give` starts a new process if needed
                    outcome = worker.death_outcome()
                else:
                    if kind == "progress":
                        on_progress(worker.cell, *message)
                        continue
                    outcome = Outcome(worker.cell, *message)
                worker.cell = None
                if (cell := queue.take(worker)) is not None:
                    worker.give(cell)
                yield outcome
    finally:
        for worker in workers:
            worker.stop()


class _Worker:
    """A worker process and the driver's end of the pipe to it."""

    def __init__(self, work: Work, device: str, threads: int) -> None:
        # To load it may import for seconds, which a worker does when it knows how to end.
        self._arguments = (pickle.dumps(work), device, threads)
        self.cell: Cell | None = None
        self._began = 0.0
        self._start()

    def _start(self) -> None:
        # A forked child would inherit torch's threads and the GPU context in a broken state.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        in_main_thread = threading.current_thread() is threading.main_thread()
        self._process = context.Process(
            target=_run_worker, args=(theirs, in_main_thread, *self._arguments), daemon=True
        )
        # Children ignore Ctrl-C from the start; the driver handles it and stops them.
        handler = signal.getsignal(signal.SIGINT)
        if in_main_thread:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._process.start()
        finally:
            if in_main_thread:
                signal.signal(signal.SIGINT, handler)
        theirs.close()  # otherwise the pipe would stay open when the process ends

    def give(self, cell: Cell) -> None:
        self.cell, self._began = cell, time.perf_counter()
        try:
            self.pipe.send(cell)
        except OSError:  # the worker died while idle, which is not the cell's fault
            self.restart()
            self.pipe.send(cell)

    def death_outcome(self) -> Outcome:
        """Outcome of the cell that the process was computing when it died."""
        assert self.cell is not None
        self._process.join(timeout=10)
        code = self._process.exitcode
        how = f"signal {_signal_name(-code)}" if code and code < 0 else f"exit code {code}"
        message = f"the worker process ended with {how} while computing this cell"
        if code == -signal.SIGKILL:
            message += "; often this means that memory ran out: use fewer --jobs"
        error = {"type": "WorkerDied", "message": message, "where": "", "traceback": ""}
        return Outcome(self.cell, None, error, time.perf_counter() - self._began)

    def restart(self) -> None:
        self.stop()
        self._start()

    def stop(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has no name
        return str(number)


def _run_worker(
    pipe: Connection, from_main_thread: bool, pickled: bytes, device: str, threads: int
) -> None:
    """Compute cells until the driver closes the pipe, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(by_signal=from_main_thread)
    work: Work = pickle.loads(pickled)
    import torch

    torch.set_num_threads(threads)
    while True:
        try:
            cell = pipe.recv()
            outcome = attempt(cell, work, device, lambda *steps: pipe.send(("progress", *steps)))
            pipe.send(("done", outcome.result, outcome.error, outcome.seconds))
        except (EOFError, OSError):  # the driver is gone
            return
