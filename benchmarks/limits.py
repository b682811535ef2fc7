"""What this machine can do at most: memory bandwidth and arithmetic; and what the models need.

Run from the repository root; writes benchmarks/results/limits.*::

    python benchmarks/limits.py
    python benchmarks/limits.py --size nano --repeats 3 --out /tmp/results

Bandwidth is that of a copy and of ``a = b + s c``, on arrays far larger than any cache; arithmetic
that of a large matrix product.  Both use torch and its threads, as hsizoo does.  Operations of the
networks are counted, not estimated.
"""

from __future__ import annotations

import os

os.environ["HSIZOO_EMBEDDINGS"] = "off"  # or no encoding is counted

import csv
from pathlib import Path

import numpy as np
import torch
from hsizoo_samsa.samsa2 import Samsa2
from racing import Job, Timing, arguments, parse, race, synchronised, synthetic_cube, write
from torch.utils.flop_counter import FlopCounterMode

import hsizoo

VALUES = 2**26  # 256 MiB of float32
SIDE = 2048
BANDWIDTH = {"copy": 2 * 4 * VALUES, "triad": 3 * 4 * VALUES}
PRODUCT = 2 * SIDE**3
KINDS = ("float32", "bfloat16")


def bandwidth_jobs(device: str) -> dict[str, Job]:
    """Return jobs that move the bytes in `BANDWIDTH`."""
    first, second, third = (torch.ones(VALUES, device=device) for _ in range(3))
    return {
        "copy": lambda: first.copy_(second),
        "triad": lambda: torch.add(second, third, alpha=0.5, out=first),
    }


def product_jobs(device: str) -> dict[str, Job]:
    """Return jobs of `PRODUCT` operations each."""

    def job(kind: str) -> Job:
        some = torch.rand(SIDE, SIDE, device=device).to(getattr(torch, kind))
        other, out = some.T.contiguous(), torch.empty_like(some)
        return lambda: torch.mm(some, other, out=out)

    return {kind: job(kind) for kind in KINDS}


def operations(size: str) -> dict[str, float]:
    """Count the operations of one encoding, and of one decoding of one object."""
    segmenter = Samsa2(size=size, checkpoint="random")
    segmenter.network.requires_grad_(False)  # the counter would look for gradients
    cube = hsizoo.HyperCube(synthetic_cube()[:, :, ::10])
    counts = {}
    with FlopCounterMode(display=False) as counter:
        state = segmenter.open(cube)
    counts["encoding"] = float(counter.get_total_flops())
    clicks = hsizoo.Clicks(np.array([[9, 9], [40, 50], [60, 20]]))
    segmenter.predict(state, [clicks])  # projects the features, once per image
    with FlopCounterMode(display=False) as counter:
        segmenter.predict(state, [clicks])
    counts["decoding"] = float(counter.get_total_flops())
    return counts


def save(path: Path, found: list[Timing], counts: dict[str, float]) -> None:
    """Write bytes and operations per millisecond at most, and counts, as ``what,number``."""
    best = {(each.group, each.what): each.least for each in found}
    moved = max(BANDWIDTH[what] / best["bandwidth", what] for what in BANDWIDTH)
    numbers = {"bytes per ms": moved}
    numbers |= {f"{kind} operations per ms": PRODUCT / best["arithmetic", kind] for kind in KINDS}
    numbers |= {f"operations of one {what}": count for what, count in counts.items()}
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["what", "number"])
        rows.writerows((what, f"{number:.6g}") for what, number in numbers.items())


def main() -> None:
    """Measure and count."""
    options = parse(arguments(__doc__, 7))
    found = []
    for group, jobs in {
        "bandwidth": bandwidth_jobs(options.device),
        "arithmetic": product_jobs(options.device),
    }.items():
        jobs = {what: synchronised(job, options.device) for what, job in jobs.items()}
        found += race(group, jobs, options.repeats)
    counts = operations(options.size)
    notes = [f"operations of one {what}, {options.size}: {n:.3g}" for what, n in counts.items()]
    write("limits", "What this machine can do at most", notes, found, options)
    save(options.out / "limits_numbers.csv", found, counts)


if __name__ == "__main__":
    main()
