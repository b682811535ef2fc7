"""Speed of the SAM 2.1 encoder, side by side with ``SAM2ImagePredictor.set_image``.

Run from the repository root, on an otherwise idle machine::

    python benchmarks/encoder.py                     # writes benchmarks/results/encoder.*
    python benchmarks/encoder.py --size tiny --repeats 3 --compile --out /tmp/results

Weights are random: speed does not depend on them.  Rivals take turns, as in ``scorers.py``; each
figure is a median with the least and the greatest.  The image is a pseudo-RGB of 480 × 640.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import os
import platform
import shlex
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hsizoo_sam2 import Sam21
from hsizoo_sam2.building import build_sam21
from scorers import ROOT, Job, Timing, commit, installed, processor, race, synthetic_cube

import hsizoo


def meta_predictor(size: str, device: str = "cpu") -> Any:
    """Meta's predictor with the random weights that hsizoo's components have, too."""
    model, _ = build_sam21(size, "random")
    from sam2.modeling.position_encoding import PositionEmbeddingSine

    width = model.image_encoder.neck.d_model  # what hsizoo leaves out; Meta computes it
    model.image_encoder.neck.position_encoding = PositionEmbeddingSine(width)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch.jit.script, which sam2 uses
        from sam2.sam2_image_predictor import SAM2ImagePredictor

        predictor = SAM2ImagePredictor(model.to(device))
    side = model.image_size
    predictor._bb_feat_sizes = [(side // stride, side // stride) for stride in (4, 8, 16)]
    return predictor


def synchronised(job: Job, device: str) -> Job:
    """A job that has ended when it returns, also on a GPU."""

    def run() -> object:
        result = job()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        return result

    return run


def write(name: str, title: str, notes: list[str], timings: list[Timing], out: Path) -> None:
    """Write ``<name>.csv`` and ``<name>.md``, and print the table."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / f"{name}.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["group", "what", "median_ms", "min_ms", "max_ms", "ratio_to_first"])
        for t in timings:
            numbers = (t.median, t.least, t.greatest, t.ratio)
            rows.writerow([t.group, t.what, *(f"{number:.3f}" for number in numbers)])
    load = (
        f", load average {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    )
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    versions = ("hsizoo", "torch", "sam2", "numpy", "spectral", "scikit-image")
    lines = [
        f"# {title}",
        "",
        "Milliseconds: median (least to greatest). Ratio: time over that of the group's first row.",
        "",
        *(f"- {note}" for note in notes),
        f"- machine: {processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} torch "
        f"threads{gpu}{load}",
        f"- versions: Python {platform.python_version()}, " + ", ".join(map(installed, versions)),
        f"- commit: {commit()}; date: {datetime.date.today().isoformat()}",
        f"- command: `{shlex.join(['python', f'benchmarks/{name}.py', *sys.argv[1:]])}`",
        "",
        "| | what | ms | ratio |",
        "|---|---|---|---|",
        *(
            f"| {t.group} | {t.what} | {t.median:.1f} ({t.least:.1f} to {t.greatest:.1f}) "
            f"| {t.ratio:.2f} |"
            for t in timings
        ),
    ]
    (out / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def arguments(doc: str | None, repeats: int) -> argparse.ArgumentParser:
    """The options that the benchmarks of the SAM family have in common."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0] if doc else None)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--size", default="small", help="nano, tiny, small, base-plus or large")
    parser.add_argument("--repeats", type=int, default=repeats)
    parser.add_argument("--threads", type=int, default=None, help="of torch; default: its own")
    parser.add_argument("--device", default="cpu")
    return parser


def main() -> None:
    """Time both encoders, and say how far reduced precision moves the masks."""
    parser = arguments(__doc__, 5)
    parser.add_argument("--compile", action="store_true", help="also a compiled encoder")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    cube = hsizoo.HyperCube(synthetic_cube()[:, :, ::10])
    predictor = meta_predictor(options.size, options.device)
    variants: dict[str, dict[str, Any]] = {
        "hsizoo float32": {"precision": "float32"},
        "hsizoo float32, channels last": {"precision": "float32", "channels_last": True},
        "hsizoo bfloat16": {"precision": "bfloat16"},
        "hsizoo bfloat16, channels last": {"precision": "bfloat16", "channels_last": True},
    }
    if options.compile:
        variants["hsizoo bfloat16, channels last, compiled"] = {
            "precision": "bfloat16", "channels_last": True, "compile": True,
        }  # fmt: skip
    models = {
        what: Sam21(size=options.size, checkpoint="random", device=options.device, **more)
        for what, more in variants.items()
    }
    image = models["hsizoo float32"].pseudo_rgb.render(cube)
    pixels = torch.from_numpy(image)
    jobs: dict[str, Job] = {
        "SAM2ImagePredictor.set_image, float32": lambda: predictor.set_image(image)
    }
    for what, model in models.items():
        network = model.network
        jobs[what] = lambda network=network: network.encode(network.preprocess(pixels))  # type: ignore[misc]
    jobs = {what: synchronised(job, options.device) for what, job in jobs.items()}
    timings = race(f"SAM 2.1 {options.size}, one image", jobs, options.repeats)
    clicks = [hsizoo.Clicks([place]) for place in np.random.default_rng(0).integers(0, 480, (8, 2))]
    maps = {what: model.predict(model.open(cube), clicks).cpu() for what, model in models.items()}
    exact = maps["hsizoo float32"]
    notes = [
        f"{what}: probability differs from float32 by {(found - exact).abs().mean():.1e} on "
        "average (random weights; Dice needs trained ones)"
        for what, found in maps.items()
        if what != "hsizoo float32"
    ]
    write("encoder", "Speed of the SAM 2.1 encoder", notes, timings, options.out)


if __name__ == "__main__":
    main()
