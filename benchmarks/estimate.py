"""``hsizoo bench --dry-run`` against the run itself, at four sizes of the phantom.

Run from the repository root; writes benchmarks/results/scale.*::

    python benchmarks/estimate.py                     # minutes
    python benchmarks/estimate.py --sides 64 96 --subjects 2 --out /tmp/results

Each size is estimated twice: by a trial of two images (``--calibrate``), and from the records of an
earlier run, of the first three scenes.  Then all of it is run, and timed.  Encodings are exact or
wrong, so they are compared too.  All times are of the processor, with one thread: other work on the
machine would be measured otherwise.  What is waited for, the disk, is not in them.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from racing import RESULTS, circumstances

import hsizoo
from hsizoo.engine.embeddings import embedding_cache
from hsizoo.runs.estimate import estimate
from hsizoo.runs.request import make_request

COMPONENTS = ["sa", "ace", "sam2.1-nano", "samsa2-nano"]
CLICKS = 5


def measure(side: int, subjects: int, folder: Path) -> dict[str, Any]:
    """Estimate a size in two ways, and run it."""
    dataset = f"phantom:height={side},width={side},test_subjects={subjects}"
    whole = make_request(COMPONENTS, dataset, clicks=CLICKS, out=folder / "whole")
    trial = estimate(whole, calibrate=True)
    hsizoo.bench(COMPONENTS, dataset, clicks=CLICKS, limit=3, out=folder / "whole")
    # The records of the same folder; what is stored already is estimated too.
    records = estimate(whole, overwrite="always")
    embedding_cache().clear_memory()
    misses, begun = embedding_cache().misses, time.perf_counter()
    result = hsizoo.bench(COMPONENTS, dataset, clicks=CLICKS, out=folder / "anew")
    spent = time.perf_counter() - begun
    samples = [len(each["result"]["samples"]) for each in result.records]
    return {
        "side": side,
        "cells": len(result.records),
        "trial s": trial.seconds,
        "records s": records.seconds,
        "measured s": spent,
        "cells' own s": sum(each["seconds"] for each in result.records),
        "encodings estimated": trial.encodings,
        "encodings": embedding_cache().misses - misses,
        "decodings estimated": trial.decodings,
        "decodings": CLICKS * sum(samples),
    }


def main() -> None:
    """Measure all sizes and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[64, 96, 128, 192])
    parser.add_argument("--subjects", type=int, default=6, help="with two scenes each")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    time.perf_counter = time.process_time  # also for the runner, which times its cells
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # where no run has left records
        hsizoo.bench(COMPONENTS, "phantom", clicks=1, limit=1, out="warm")
        lines = [
            measure(side, options.subjects, Path(folder) / str(side)) for side in options.sides
        ]
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "scale.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        rows.writeheader()
        rows.writerows(
            {key: round(value, 3) if isinstance(value, float) else value for key, value in
             line.items()} for line in lines
        )  # fmt: skip
    text = [
        "# What a dry run says, and what the run takes",
        "",
        f"Components {', '.join(COMPONENTS)}, {CLICKS} clicks, phantom. Seconds of the "
        "processor, in brackets the ratio to what was measured.",
        "",
        *circumstances("estimate", "cpu"),
        "",
        "| cube | cells | by a trial of two images | by records of three scenes | measured "
        "| decodings: said, made | encodings: said, made |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {line['side']}² × 100 | {line['cells']} "
            f"| {line['trial s']:.1f} ({line['trial s'] / line['measured s']:.2f}) "
            f"| {line['records s']:.1f} ({line['records s'] / line['measured s']:.2f}) "
            f"| {line['measured s']:.1f} "
            f"| {line['decodings estimated']}, {line['decodings']} "
            f"| {line['encodings estimated']}, {line['encodings']} |"
            for line in lines
        ),
    ]
    (options.out / "scale.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    print("\n".join(text))


if __name__ == "__main__":
    main()
