"""Shared by the benchmarks: alternating rivals, the synthetic cube, Meta's predictor, tables.

Rivals take turns (A B A B ...), so that a slow phase of the machine affects all of them; each
figure is a median with minimum and maximum.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from hsizoo_sam2.building import build_sam21

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SHAPE = (480, 640, 100)  # a HeiPorSPECTRAL image
VERSIONS = ("hsizoo", "torch", "sam2", "numpy", "spectral", "scikit-image")

Cube = npt.NDArray[np.float32]
Job = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one job over its repeats, and its ratio to the first job of its group."""

    group: str
    what: str
    median: float
    least: float
    greatest: float
    ratio: float


def synthetic_cube(seed: int = 0) -> Cube:
    """Simulate reflectance of six smooth materials, mixed, shaded and with camera noise."""
    rng = np.random.default_rng(seed)
    height, width, bands = SHAPE
    x = np.linspace(0, 1, bands)
    waves = [np.sin(np.outer(rng.uniform(1, 9, 6), x) + rng.uniform(0, 6, (6, 1))) for _ in "abc"]
    materials = 0.4 + 0.1 * np.sum(waves, axis=0)
    mixture = rng.dirichlet(np.full(6, 0.5), size=(height, width))
    cube = mixture @ materials * rng.uniform(0.5, 1.5, (height, width, 1))
    cube += rng.normal(scale=0.005, size=SHAPE)
    return np.maximum(cube, 1e-3).astype(np.float32)


def race(group: str, jobs: dict[str, Job], repeats: int) -> list[Timing]:
    """Time jobs alternately, after one untimed round; ratios are relative to the first."""
    times: dict[str, list[float]] = {what: [] for what in jobs}
    for turn in range(repeats + 1):
        for what, job in jobs.items():
            start = time.perf_counter()
            job()
            if turn:
                times[what].append(1000 * (time.perf_counter() - start))
    return timings(group, times)


def timings(group: str, times: dict[str, list[float]]) -> list[Timing]:
    """Summarise the milliseconds of a group of jobs; ratios are relative to the first."""
    medians = {what: statistics.median(spent) for what, spent in times.items()}
    first = next(iter(medians.values()))
    return [
        Timing(group, what, medians[what], min(spent), max(spent), medians[what] / first)
        for what, spent in times.items()
    ]


def wait(device: str) -> None:
    """Wait until a GPU has finished; no-op on a CPU."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def synchronised(job: Job, device: str) -> Job:
    """Wrap a job so that it returns only when finished, also on a GPU."""

    def run() -> object:
        result = job()
        wait(device)
        return result

    return run


def reduced(device: str, precision: str = "bfloat16") -> torch.autocast:
    """Autocast as in Meta's examples around the predictor; disabled for float32."""
    kind = torch.device(device).type
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def meta_predictor(size: str, device: str = "cpu", checkpoint: str = "random") -> Any:
    """Build Meta's predictor with the same weights as the components of hsizoo."""
    model, _ = build_sam21(size, checkpoint)
    from sam2.modeling.position_encoding import PositionEmbeddingSine

    width = model.image_encoder.neck.d_model  # omitted in hsizoo, computed by Meta
    model.image_encoder.neck.position_encoding = PositionEmbeddingSine(width)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warning of torch.jit.script, which sam2 uses
        from sam2.sam2_image_predictor import SAM2ImagePredictor

        predictor = SAM2ImagePredictor(model.to(device))
    side = model.image_size
    predictor._bb_feat_sizes = [(side // stride, side // stride) for stride in (4, 8, 16)]
    return predictor


def arguments(doc: str | None, repeats: int, size: str | None = "small") -> argparse.ArgumentParser:
    """Make a parser with the common options; `size` only for the SAM family."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0] if doc else None)
    parser.add_argument(
        "--out", type=Path, help="default: benchmarks/results, or results/cuda for a GPU"
    )
    if size is not None:
        parser.add_argument("--size", default=size, help="nano, tiny, small, base-plus or large")
    parser.add_argument("--repeats", type=int, default=repeats)
    parser.add_argument("--threads", type=int, default=None, help="torch threads")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:<number>")
    return parser


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line; GPU results go to a separate folder."""
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.out is None:
        kind = torch.device(options.device).type
        options.out = RESULTS if kind == "cpu" else RESULTS / kind
    return options


def processor() -> str:
    """Model name of the processor, if available."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def commit() -> str:
    """Git commit of the repository, with ``+`` if there are uncommitted changes."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    with suppress(OSError):  # no git
        return (git("rev-parse", "--short", "HEAD") or "unknown") + (
            "+" if git("status", "--porcelain") else ""
        )
    return "unknown"


def installed(package: str) -> str:
    """Name and version of a package."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} (not installed)"


def circumstances(name: str, device: str) -> list[str]:
    """Machine, versions, commit and command, as Markdown list items."""
    load = (
        f", load average {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    )
    gpu = f", {torch.cuda.get_device_name(device)}" if device.startswith("cuda") else ""
    return [
        f"- machine: {processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} torch "
        f"threads{gpu}{load}",
        f"- versions: Python {platform.python_version()}, " + ", ".join(map(installed, VERSIONS)),
        f"- commit: {commit()}; date: {datetime.date.today().isoformat()}",
        f"- command: `{shlex.join(['python', f'benchmarks/{name}.py', *sys.argv[1:]])}`",
    ]


def _ms(number: float) -> str:
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def write(
    name: str,
    title: str,
    notes: list[str],
    timings: list[Timing],
    options: argparse.Namespace,
    more: Sequence[str] = (),
) -> None:
    """Write ``<name>.csv`` and ``<name>.md`` to the folder ``--out``, and print the latter.

    Lines in `more` are added below the table.
    """
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    with (out / f"{name}.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["group", "what", "median_ms", "min_ms", "max_ms", "ratio_to_first"])
        for t in timings:
            numbers = (t.median, t.least, t.greatest, t.ratio)
            rows.writerow([t.group, t.what, *(f"{number:.3f}" for number in numbers)])
    lines = [
        f"# {title}",
        "",
        "Milliseconds: median (min to max). Ratio: time relative to the first row of the group.",
        "",
        *(f"- {note}" for note in notes),
        *circumstances(name, options.device),
        "",
        "| | what | ms | ratio |",
        "|---|---|---|---|",
        *(
            f"| {t.group} | {t.what} | {_ms(t.median)} ({_ms(t.least)} to {_ms(t.greatest)}) "
            f"| {t.ratio:.2f} |"
            for t in timings
        ),
        *more,
    ]
    (out / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
