"""Speed of the SAM 2.1 encoder, compared with ``SAM2ImagePredictor.set_image``.

Run from the repository root, on an otherwise idle machine::

    python benchmarks/encoder.py                     # writes benchmarks/results/encoder.*
    python benchmarks/encoder.py --size tiny --repeats 3 --compile --out /tmp/results
    python benchmarks/encoder.py --device cuda       # writes benchmarks/results/cuda/encoder.*

Weights are random: speed does not depend on them.  Rivals take turns; each figure is a median with
minimum and maximum.  The image is a pseudo-RGB image of 480 × 640.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hsizoo_sam2 import Sam21
from racing import (
    Job,
    arguments,
    meta_predictor,
    parse,
    race,
    reduced,
    synchronised,
    synthetic_cube,
    write,
)

import hsizoo


def main() -> None:
    """Time both encoders, and report how much reduced precision changes the masks."""
    parser = arguments(__doc__, 5)
    parser.add_argument("--compile", action="store_true", help="also time a compiled encoder")
    options = parse(parser)
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

    def autocast() -> None:
        with reduced(options.device):
            predictor.set_image(image)

    jobs: dict[str, Job] = {
        "SAM2ImagePredictor.set_image, float32": lambda: predictor.set_image(image),
        "SAM2ImagePredictor.set_image, autocast to bfloat16": autocast,
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
    write("encoder", "Speed of the SAM 2.1 encoder", notes, timings, options)


if __name__ == "__main__":
    main()
