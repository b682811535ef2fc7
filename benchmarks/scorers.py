"""Speed of the spectral scorers, side by side with SPy and numpy.

Run from the repository root, on an otherwise idle machine::

    python benchmarks/scorers.py                   # all cores, writes benchmarks/results/scorers.*
    python benchmarks/scorers.py --threads 1 --repeats 5 --out /tmp/results

Rivals take turns (A B A B ...), so that a slow spell of the machine hits both; each figure is a
median with the least and the greatest.  SPy computes from the cube each time, as its interface
has it; for ACE and the matched filter it is also timed with its background statistics given.
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
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[1]
if not any((Path(entry) / "hsizoo_spectral").is_dir() for entry in sys.path):  # not installed
    sys.path[:0] = [str(ROOT), str(ROOT / "plugins")]

import spectral  # noqa: E402
import torch  # noqa: E402
from hsizoo_spectral.ace import AdaptiveCosineEstimator  # noqa: E402
from hsizoo_spectral.matched_filter import MatchedFilter  # noqa: E402
from hsizoo_spectral.pcc import PearsonCorrelation  # noqa: E402
from hsizoo_spectral.sa import SpectralAngle  # noqa: E402
from hsizoo_spectral.sa_eq import EqualizedSpectralAngle  # noqa: E402
from hsizoo_spectral.sid import SpectralInformationDivergence  # noqa: E402

import hsizoo  # noqa: E402

SHAPE = (480, 640, 100)  # a HeiPorSPECTRAL image
CLICKS = 20

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
    """Reflectance of six smooth materials, mixed, shaded and with camera noise."""
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
    """Time jobs in turns, after one untimed round; ratios are to the first."""
    times: dict[str, list[float]] = {what: [] for what in jobs}
    for turn in range(repeats + 1):
        for what, job in jobs.items():
            start = time.perf_counter()
            job()
            if turn:
                times[what].append(1000 * (time.perf_counter() - start))
    medians = {what: statistics.median(spent) for what, spent in times.items()}
    first = next(iter(medians.values()))
    return [
        Timing(group, what, medians[what], min(spent), max(spent), medians[what] / first)
        for what, spent in times.items()
    ]


def numpy_correlation(data: Cube, references: Cube) -> npt.NDArray[np.float64]:
    """Pearson correlation as one writes it with numpy, in float64 like SPy's angles."""
    centred = data - data.mean(axis=2, keepdims=True, dtype=np.float64)
    wanted = references - references.mean(axis=1, keepdims=True, dtype=np.float64)
    dots = centred.reshape(-1, data.shape[2]) @ wanted.T
    norms = np.sqrt(np.einsum("ijk,ijk->ij", centred, centred)).reshape(-1, 1)
    correlation: npt.NDArray[np.float64] = dots / norms / np.linalg.norm(wanted, axis=1)
    return correlation


def each(function: Callable[..., object], data: Cube, references: Cube, **given: Any) -> Job:
    """Call a SPy detector once per reference: it has one target at a time."""
    return lambda: [function(data, reference, **given) for reference in references]


def time_scorers(data: Cube, repeats: int) -> list[Timing]:
    """Time `prepare`, and `score` with 1 and 5 references against its rival."""
    cube = hsizoo.HyperCube(data)
    background = spectral.calc_stats(data)
    _ = background.inv_cov, background.sqrt_inv_cov, cube.valid  # neither side pays for these
    places = np.random.default_rng(1).integers(0, SHAPE[:2], (5, 2))
    clicked = data[places[:, 0], places[:, 1]]

    def rivals(name: str, wanted: Cube) -> dict[str, Job]:
        if name == "sa":
            return {"SPy spectral_angles": lambda: spectral.spectral_angles(data, wanted)}
        if name == "pcc":
            return {"numpy": lambda: numpy_correlation(data, wanted)}
        if name in ("ace", "matched-filter"):
            function = getattr(spectral, name.replace("-", "_"))
            return {
                f"SPy {function.__name__}, background given": each(
                    function, data, wanted, background=background
                ),
                f"SPy {function.__name__}": each(function, data, wanted),
            }
        return {}

    timings = []
    scorers: dict[str, hsizoo.SpectralScorer] = {
        "sa": SpectralAngle(),
        "sa-eq": EqualizedSpectralAngle(),
        "pcc": PearsonCorrelation(),
        "sid": SpectralInformationDivergence(),
        "ace": AdaptiveCosineEstimator(),
        "matched-filter": MatchedFilter(),
    }
    for name, scorer in scorers.items():
        prepared = scorer.prepare(cube)

        def prepare(scorer: hsizoo.SpectralScorer = scorer) -> object:
            return scorer.prepare(cube)

        timings += race(f"{name}, once per image", {"prepare": prepare}, min(repeats, 5))
        for count in (1, 5):
            wanted = clicked[:count]

            def score(
                scorer: hsizoo.SpectralScorer = scorer,
                prepared: Any = prepared,
                wanted: Cube = wanted,
            ) -> object:
                return scorer.score(prepared, wanted)

            jobs: dict[str, Job] = {"hsizoo score": score, **rivals(name, wanted)}
            if name == "sa" and count == 1:
                rows, vector = prepared.rows, prepared.rows[0].clone()
                jobs["one read: sum of the prepared cube"] = rows.sum
                jobs["one read: prepared cube times a vector"] = partial(torch.mv, rows, vector)
            timings += race(f"{name}, {count} reference{'s' * (count > 1)}", jobs, repeats)
    return timings


def time_clicks(data: Cube, repeats: int) -> list[Timing]:
    """Time the 1st to 20th click through `ScorerSegmenter`, and scoring all clicks anew."""
    places = np.random.default_rng(2).integers(0, SHAPE[:2], (CLICKS, 2))
    scorer = SpectralAngle()
    segmenter = hsizoo.ScorerSegmenter(scorer)
    cube = hsizoo.HyperCube(data)
    prepared = scorer.prepare(cube)
    further: list[list[float]] = [[] for _ in range(CLICKS)]
    anew: list[list[float]] = [[] for _ in range(CLICKS)]
    for turn in range(repeats + 1):
        state = segmenter.open(cube)
        for k in range(CLICKS):
            start = time.perf_counter()
            segmenter.predict(state, [hsizoo.Clicks(places[: k + 1])])
            middle = time.perf_counter()
            references = data[places[: k + 1, 0], places[: k + 1, 1]]
            torch.as_tensor(scorer.score(prepared, references)).amax(dim=0)
            if turn:
                further[k].append(1000 * (middle - start))
                anew[k].append(1000 * (time.perf_counter() - middle))
    timings = []
    for k in range(CLICKS):
        first = statistics.median(further[k])
        for what, spent in (
            ("hsizoo, one click more", further[k]),
            ("all references anew", anew[k]),
        ):
            median = statistics.median(spent)
            timings.append(
                Timing(f"sa, click {k + 1}", what, median, min(spent), max(spent), median / first)
            )
    return timings


def processor() -> str:
    """Model name of the processor, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def commit() -> str:
    """Git commit of the repository, with ``+`` if there are changes on top."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    return (git("rev-parse", "--short", "HEAD") or "unknown") + (
        "+" if git("status", "--porcelain") else ""
    )


def installed(package: str) -> str:
    """Name and version of a package."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} (not installed)"


def write(timings: list[Timing], out: Path, arguments: list[str]) -> None:
    """Write ``scorers.csv`` and ``scorers.md``."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "scorers.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["group", "what", "median_ms", "min_ms", "max_ms", "ratio_to_hsizoo"])
        for t in timings:
            numbers = (t.median, t.least, t.greatest, t.ratio)
            rows.writerow([t.group, t.what, *(f"{number:.3f}" for number in numbers)])
    load = (
        f", load average {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    )
    lines = [
        "# Speed of the spectral scorers",
        "",
        f"{' × '.join(map(str, SHAPE))} float32 synthetic reflectance. Milliseconds: median "
        "(least to greatest). Ratio: time over hsizoo's, so above 1 "
        "hsizoo is faster.",
        "",
        f"- machine: {processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} torch "
        f"threads{load}",
        f"- versions: Python {platform.python_version()}, "
        + ", ".join(map(installed, ("hsizoo", "torch", "numpy", "spectral"))),
        f"- commit: {commit()}; date: {datetime.date.today().isoformat()}",
        f"- command: `{shlex.join(['python', 'benchmarks/scorers.py', *arguments])}`",
        "",
        "| | what | ms | ratio |",
        "|---|---|---|---|",
        *(
            f"| {t.group} | {t.what} | {t.median:.1f} ({t.least:.1f} to {t.greatest:.1f}) "
            f"| {t.ratio:.2f} |"
            for t in timings
        ),
    ]
    (out / "scorers.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Run all timings and write them down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=None, help="of torch; default: its own")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    data = synthetic_cube()
    timings = time_scorers(data, options.repeats) + time_clicks(data, options.repeats)
    write(timings, options.out, sys.argv[1:])
    for t in timings:
        print(f"{t.group:26} {t.what:42} {t.median:9.1f} ms  {t.ratio:6.2f}")


if __name__ == "__main__":
    main()
