"""Speed of the spectral scorers, compared with SPy and numpy.

Run from the repository root, on an otherwise idle machine::

    python benchmarks/scorers.py                   # all cores, writes benchmarks/results/scorers.*
    python benchmarks/scorers.py --threads 1 --repeats 5 --out /tmp/results
    python benchmarks/scorers.py --device cuda     # writes benchmarks/results/cuda/scorers.*

Rivals take turns (A B A B ...), so that a slow phase of the machine affects both; each figure is a
median with minimum and maximum.  SPy computes from the cube each time, as its interface requires;
for ACE and the matched filter it is also timed with precomputed background statistics.  On a GPU,
another rival is a plain torch implementation of the angle, on a cube already on the device, and the
SPy detectors, which take one target at a time, are timed with one target only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import spectral
import torch
from hsizoo_spectral.ace import AdaptiveCosineEstimator
from hsizoo_spectral.matched_filter import MatchedFilter
from hsizoo_spectral.pcc import PearsonCorrelation
from hsizoo_spectral.sa import SpectralAngle
from hsizoo_spectral.sa_eq import EqualizedSpectralAngle
from hsizoo_spectral.sid import SpectralInformationDivergence
from racing import (
    SHAPE,
    Cube,
    Job,
    Timing,
    arguments,
    parse,
    race,
    synchronised,
    synthetic_cube,
    timings,
    wait,
    write,
)

import hsizoo

CLICKS = 20


def numpy_correlation(data: Cube, references: Cube) -> npt.NDArray[np.float64]:
    """Plain numpy implementation of the Pearson correlation, in float64 like SPy's angles."""
    centred = data - data.mean(axis=2, keepdims=True, dtype=np.float64)
    wanted = references - references.mean(axis=1, keepdims=True, dtype=np.float64)
    dots = centred.reshape(-1, data.shape[2]) @ wanted.T
    norms = np.sqrt(np.einsum("ijk,ijk->ij", centred, centred)).reshape(-1, 1)
    correlation: npt.NDArray[np.float64] = dots / norms / np.linalg.norm(wanted, axis=1)
    return correlation


def torch_angle(data: torch.Tensor, references: Cube) -> torch.Tensor:
    """Plain torch implementation of the spectral angle; float32 misses angles below 4e-4."""
    wanted = torch.as_tensor(references).to(data)
    cosine = torch.nn.functional.cosine_similarity(data[None], wanted[:, None, None], dim=-1)
    return cosine.clamp(-1, 1).acos()


def each(function: Callable[..., object], data: Cube, references: Cube, **given: Any) -> Job:
    """Call a SPy detector once per reference, since it takes one target at a time."""
    return lambda: [function(data, reference, **given) for reference in references]


def each_alone(scorer: hsizoo.SpectralScorer, prepared: Any, references: Cube) -> Job:
    """Score references one by one."""
    return lambda: [scorer.score(prepared, reference[None]) for reference in references]


def time_scorers(data: Cube, repeats: int, device: str) -> list[Timing]:
    """Time `prepare`, and `score` with 1 and 5 references against its rival."""
    on_gpu = torch.device(device).type != "cpu"
    there = torch.from_numpy(data).to(device)
    cube = hsizoo.HyperCube(data)
    background = spectral.calc_stats(data)
    _ = background.inv_cov, background.sqrt_inv_cov, cube.valid  # excluded from both timings
    places = np.random.default_rng(1).integers(0, SHAPE[:2], (5, 2))
    clicked = data[places[:, 0], places[:, 1]]

    def rivals(name: str, wanted: Cube) -> dict[str, Job]:
        if name == "sa":
            jobs: dict[str, Job] = {
                "SPy spectral_angles": lambda: spectral.spectral_angles(data, wanted)
            }
            if on_gpu:
                jobs["torch on the GPU, cosine_similarity and acos"] = lambda: torch_angle(
                    there, wanted
                )
            return jobs
        if name == "pcc":
            return {"numpy": lambda: numpy_correlation(data, wanted)}
        if name in ("ace", "matched-filter") and (len(wanted) == 1 or not on_gpu):
            function = getattr(spectral, name.replace("-", "_"))
            return {
                f"SPy {function.__name__}, background given": each(
                    function, data, wanted, background=background
                ),
                f"SPy {function.__name__}": each(function, data, wanted),
            }
        return {}

    found = []
    scorers: dict[str, hsizoo.SpectralScorer] = {
        "sa": SpectralAngle(device=device),
        "sa-eq": EqualizedSpectralAngle(device=device),
        "pcc": PearsonCorrelation(device=device),
        "sid": SpectralInformationDivergence(device=device),
        "ace": AdaptiveCosineEstimator(device=device),
        "matched-filter": MatchedFilter(device=device),
    }
    for name, scorer in scorers.items():
        prepared = scorer.prepare(cube)
        prepare = synchronised(partial(scorer.prepare, cube), device)
        found += race(f"{name}, once per image", {"prepare": prepare}, min(repeats, 5))
        for count in (1, 5):
            wanted = clicked[:count]
            score = partial(scorer.score, prepared, wanted)
            jobs: dict[str, Job] = {"hsizoo score": score}
            if on_gpu:
                jobs["hsizoo score, copied to the host"] = lambda score=score: score().cpu()  # type: ignore[misc]
            jobs |= rivals(name, wanted)
            if name == "sa" and count == 1:
                rows, vector = prepared.rows, prepared.rows[0].clone()
                jobs["one read: sum of the prepared cube"] = rows.sum
                jobs["one read: prepared cube times a vector"] = partial(torch.mv, rows, vector)
            if count > 1:
                jobs["hsizoo score, one reference"] = partial(scorer.score, prepared, wanted[:1])
                jobs["hsizoo score, one reference after another"] = each_alone(
                    scorer, prepared, wanted
                )
            jobs = {what: synchronised(job, device) for what, job in jobs.items()}
            found += race(f"{name}, {count} reference{'s' * (count > 1)}", jobs, repeats)
    return found


def time_clicks(data: Cube, repeats: int, device: str) -> list[Timing]:
    """Time the 1st to 20th click with `ScorerSegmenter`, and rescoring all clicks."""
    places = np.random.default_rng(2).integers(0, SHAPE[:2], (CLICKS, 2))
    scorer = SpectralAngle(device=device)
    segmenter = hsizoo.ScorerSegmenter(scorer)
    cube = hsizoo.HyperCube(data)
    prepared = scorer.prepare(cube)
    further: list[list[float]] = [[] for _ in range(CLICKS)]
    anew: list[list[float]] = [[] for _ in range(CLICKS)]
    for turn in range(repeats + 1):
        state = segmenter.open(cube)
        wait(device)
        for k in range(CLICKS):
            start = time.perf_counter()
            segmenter.predict(state, [hsizoo.Clicks(places[: k + 1])])
            wait(device)
            middle = time.perf_counter()
            references = data[places[: k + 1, 0], places[: k + 1, 1]]
            torch.as_tensor(scorer.score(prepared, references)).amax(dim=0)
            wait(device)
            if turn:
                further[k].append(1000 * (middle - start))
                anew[k].append(1000 * (time.perf_counter() - middle))
    return [
        timing
        for k in range(CLICKS)
        for timing in timings(
            f"sa, click {k + 1}",
            {"hsizoo, one click more": further[k], "all references anew": anew[k]},
        )
    ]


def main() -> None:
    """Run all timings and write the results."""
    options = parse(arguments(__doc__, 9, size=None))
    data = synthetic_cube()
    found = time_scorers(data, options.repeats, options.device)
    found += time_clicks(data, options.repeats, options.device)
    notes = [f"{' × '.join(map(str, SHAPE))} float32 synthetic reflectance"]
    write("scorers", "Speed of the spectral scorers", notes, found, options)


if __name__ == "__main__":
    main()
