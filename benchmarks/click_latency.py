"""Latency of one more click with SAMSA 2.0, against SPy, scikit-image and ``SAM2ImagePredictor``.

Run from the repository root, on an otherwise idle machine::

    python benchmarks/click_latency.py               # writes benchmarks/results/click_latency.*
    python benchmarks/click_latency.py --size tiny --repeats 3 --out /tmp/results

Both sides have encoded the image and processed some clicks; the time from the next click to the
mask is measured.  The rival is what a user would write with existing packages: the SPy angle of the
new click, the maximum with the maps so far, its equalisation by scikit-image, and
``SAM2ImagePredictor.predict`` with the map as mask prompt.  Weights are random.
"""

from __future__ import annotations

import numpy as np
import spectral
import torch
from hsizoo_samsa.samsa2 import Samsa2
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
from skimage.exposure import equalize_hist

import hsizoo

BEFORE = 2  # clicks processed before timing
RIVAL = "SPy angle + equalize_hist + SAM2ImagePredictor.predict"


def main() -> None:
    """Time both sides and compare their masks."""
    options = parse(arguments(__doc__, 9))
    data = synthetic_cube()
    height, width, _ = data.shape
    cube = hsizoo.HyperCube(data)
    places = np.random.default_rng(0).integers(
        0, (height, width), (BEFORE + options.repeats + 1, 2)
    )
    ours = {
        "hsizoo samsa2": Samsa2(
            size=options.size, checkpoint="random", precision="float32", device=options.device
        ),
        "hsizoo samsa2, bfloat16": Samsa2(
            size=options.size, checkpoint="random", precision="bfloat16", device=options.device
        ),
    }
    first = ours["hsizoo samsa2"]
    image = first.pseudo_rgb.render(cube)
    side = first.network.mask_size
    last: dict[str, np.ndarray] = {}

    def clicker(what: str, model: Samsa2) -> Job:
        state = model.open(cube)
        count = BEFORE
        model.predict(state, [hsizoo.Clicks(places[:count])])

        def click() -> None:
            nonlocal count
            count += 1
            found = model.predict(state, [hsizoo.Clicks(places[:count])])
            last[what] = found[0].cpu().numpy() > 0.5

        return click

    def similar(place: np.ndarray) -> np.ndarray:
        angles = spectral.spectral_angles(data, data[place[0], place[1]][None])[:, :, 0]
        return 1 - angles / np.pi

    def rival(what: str, precision: str) -> Job:
        predictor = meta_predictor(options.size, options.device)
        with reduced(options.device, precision):
            predictor.set_image(image)
        count = BEFORE
        total = np.max([similar(place) for place in places[:count]], axis=0)

        def click() -> None:
            nonlocal count, total
            total = np.maximum(total, similar(places[count]))
            count += 1
            prompt = torch.from_numpy(equalize_hist(total))[None, None].float()
            prompt = torch.nn.functional.interpolate(
                prompt, (side, side), mode="bilinear", antialias=True
            )
            with reduced(options.device, precision):
                masks, _, _ = predictor.predict(
                    places[:count, ::-1].copy(),
                    np.ones(count, dtype=int),
                    mask_input=((2 * prompt[0] - 1) * 10).numpy(),
                    multimask_output=False,
                )
            last[what] = masks[0] > 0

        return click

    jobs: dict[str, Job] = {what: clicker(what, model) for what, model in ours.items()}
    jobs[RIVAL] = rival(RIVAL, "float32")
    jobs[f"{RIVAL}, bfloat16"] = rival(f"{RIVAL}, bfloat16", "bfloat16")
    jobs = {what: synchronised(job, options.device) for what, job in jobs.items()}
    timings = race(f"samsa2-{options.size}, one more click", jobs, options.repeats)
    state = first.open(cube)
    projection = first._projection(state.sam)
    prompts = [hsizoo.Clicks(places[: BEFORE + 1])]
    points, labels = first._points(state.sam, prompts)
    dense = first.mask_prompts(state, prompts)
    turn = iter(places[1:].tolist())

    def similarity() -> torch.Tensor:
        return first.similarity.maps(state.spectral, [hsizoo.Clicks([next(turn)])])

    @torch.no_grad()
    def decoder() -> object:
        return first.network.decode(projection, points, labels, dense)

    for what, job in {
        "its similarity map alone, a new click": similarity,
        "the decoder alone": decoder,
    }.items():
        timings += race(
            f"samsa2-{options.size}, parts",
            {what: synchronised(job, options.device)},
            options.repeats,
        )
    notes = [
        f"{what}: {100 * (found == last[RIVAL]).mean():.3f} % of the pixels of the last mask equal "
        f"the rival's in float32 ({100 * last[RIVAL].mean():.1f} % of them object)"
        for what, found in last.items()
        if what != RIVAL
    ]
    title = "One more click with SAMSA 2.0"
    write("click_latency", title, notes, timings, options)


if __name__ == "__main__":
    main()
