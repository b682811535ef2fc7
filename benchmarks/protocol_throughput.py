"""K classes × C clicks × M models on one image, compared with a ``SAM2ImagePredictor`` loop.

Run from the repository root, on an otherwise idle machine::

    python benchmarks/protocol_throughput.py         # 16 classes, 5 clicks, 4 models; minutes
    python benchmarks/protocol_throughput.py --size tiny --classes 4 --clicks 2 --out /tmp/results
    python benchmarks/protocol_throughput.py --device cuda --precision bfloat16 --repeats 3

The four models (SAM 2.1 frozen and fine-tuned, SAMSA, SAMSA 2.0) share their encoder.  The rival
loads each model, sets the image once per model and predicts object by object; it does no spectral
work.  The floor is the unavoidable cost: one encoding and the decoder arithmetic, batched.  Clicks
are random, since the simulated user costs both sides the same.  Weights are random.
"""

from __future__ import annotations

import time
from unittest.mock import patch

import numpy as np
import torch
from hsizoo_sam2 import Sam21, Sam21FineTuned
from hsizoo_samsa.samsa import Samsa
from hsizoo_samsa.samsa2 import Samsa2
from racing import (
    Timing,
    arguments,
    meta_predictor,
    parse,
    reduced,
    synthetic_cube,
    wait,
    write,
)

import hsizoo
from hsizoo.engine.embeddings import EmbeddingCache


def main() -> None:
    """Time the whole protocol on both sides."""
    parser = arguments(__doc__, 1)
    parser.add_argument("--classes", type=int, default=16)
    parser.add_argument("--clicks", type=int, default=5)
    parser.add_argument("--precision", default="float32", help="float32 or bfloat16 (both sides)")
    options = parse(parser)
    data = synthetic_cube()
    shape = (options.clicks, options.classes, 2)
    places = np.random.default_rng(0).integers(0, data.shape[:2], shape)
    rounds = [
        [hsizoo.Clicks(places[: k + 1, n]) for n in range(options.classes)]
        for k in range(options.clicks)
    ]
    common = {
        "size": options.size, "checkpoint": "random", "device": options.device,
        "precision": options.precision,
    }  # fmt: skip
    models = [make(**common) for make in (Sam21, Sam21FineTuned, Samsa, Samsa2)]
    predictor = meta_predictor(options.size, options.device)
    image = models[0].pseudo_rgb.render(hsizoo.HyperCube(data))
    spent: dict[str, list[float]] = {}

    def clock(what: str, begin: float) -> None:
        wait(options.device)
        spent.setdefault(what, []).append(1000 * (time.perf_counter() - begin))

    warming = int(options.device != "cpu")  # a GPU loads each kernel on first use
    for turn in range(options.repeats + warming):
        if turn == warming:
            spent.clear()
        cube = hsizoo.HyperCube(data)  # a new cube, without a cached pseudo-RGB image
        _ = cube.valid
        fresh = EmbeddingCache()
        with patch("hsizoo_sam2.sam21.embedding_cache", lambda fresh=fresh: fresh):
            begin = time.perf_counter()
            for model in models:
                state = model.open(cube)
                for prompts in rounds:
                    model.predict(state, prompts)
            clock("hsizoo, 4 models", begin)
            assert fresh.misses == 1, "more than one encoding"
            begin = time.perf_counter()
            state = models[0].open(cube)
            for prompts in rounds:
                models[0].predict(state, prompts)
            clock("of which SAM 2.1, its image in the cache", begin)
        network = models[0].network
        begin = time.perf_counter()
        with torch.no_grad():
            features = network.encode(network.preprocess(torch.from_numpy(image)))
            clock("floor: one encoding", begin)
            begin = time.perf_counter()
            projection = network.project(features)
            for _ in models:
                for prompts in rounds:
                    for start in range(0, len(prompts), 16):
                        points = models[0]._points(state, prompts[start : start + 16])
                        network.decode(projection, *points)
            clock("floor: decoder's own arithmetic, 4 models", begin)
        begin = time.perf_counter()
        with reduced(options.device, options.precision):
            for _ in models:
                predictor.set_image(image)
                for prompts in rounds:
                    for clicks in prompts:
                        predictor.predict(
                            clicks.points[:, ::-1].copy(), clicks.positive.astype(int),
                            multimask_output=False,
                        )  # fmt: skip
        clock("SAM2ImagePredictor loop, 4 models, RGB only", begin)
    median = {what: float(np.median(times)) for what, times in spent.items()}
    ours = median["hsizoo, 4 models"]
    timings = [
        Timing(f"{options.size}", what, median[what], min(times), max(times), median[what] / ours)
        for what, times in spent.items()
    ]
    floor = sum(value for what, value in median.items() if what.startswith("floor"))
    notes = [
        f"{options.classes} classes, {options.clicks} clicks, 4 models, {options.precision}; "
        f"hsizoo takes {ours / floor:.2f} × the floor (aim: at most 1.3), the spectral maps of two "
        "included",
    ]
    title = "The interactive protocol on one image"
    write("protocol_throughput", title, notes, timings, options)


if __name__ == "__main__":
    main()
