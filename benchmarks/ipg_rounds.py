"""Tables 3 and 4 of IPG's paper from one run of its rounds for each draw.

Run from the repository root::

    python benchmarks/ipg_rounds.py                     # hours on one CPU core
    python benchmarks/ipg_rounds.py full no-voting --dataset pavia-mini --seeds 3

The labels after ten rounds are the first of those after a hundred, so one run of the rounds serves
every number of rounds: the labels of the first rounds train `cnn2d` and `svm` as
`LABELER+CLASSIFIER` does.  Only the random numbers differ from those of `hsizoo bench`,
where the labeler has drawn from the same generator before.

Each finished draw is a few lines of ``ipg_rounds.csv``, written at once, and is not computed again;
a draw that was stopped goes on after its last round.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from racing import RESULTS, circumstances, commit

import hsizoo
from hsizoo.protocols.few_label import FewLabelProtocol
from hsizoo.report.statistics import interval
from hsizoo.zoo.composition import LabeledClassifier

LITERAL = "ipg-paper:segmenter=sam2.1-nano"
WAYS = {
    "full": f"{LITERAL},stride=16,loss_groups=1",
    "no-consistency": f"{LITERAL},stride=16,consistency=off",
    "no-voting": f"{LITERAL},grouping=pca,groups=1",
    "no-consistency-no-voting": f"{LITERAL},grouping=pca,groups=1,consistency=off",
    "no-sam": "ipg-paper:segmenter=sa-rw,features=components,stride=16",
    "tuned": "ipg:stride=4",
    "tuned-no-consistency": "ipg:stride=4,consistency=off",
    "tuned-no-voting": "ipg:grouping=pca,groups=1",
    "tuned-no-consistency-no-voting": "ipg:grouping=pca,groups=1,consistency=off",
    "tuned-no-sam": "ipg:segmenter=sa-rw,stride=16",
}
ROUNDS = (10, 20, 30, 50, 100)
GROWING = ("full", "tuned")  # after these rounds; the others after their last
CLASSIFIERS = ("cnn2d", "svm")
PROTOCOL = FewLabelProtocol(shots=5)
HEAD = (
    "way", "component", "dataset", "seed", "rounds", "given", "right", "label_seconds",
    *(f"{score}_{name}" for name in CLASSIFIERS for score in ("oa", "aa")), "commit", "device",
)  # fmt: skip
Line = dict[str, Any]


class Given(hsizoo.PseudoLabeler):
    """Labels that are there already.

    Parameters
    ----------
    labels : PseudoLabels
    """

    def __init__(self, labels: hsizoo.PseudoLabels) -> None:
        super().__init__()
        self._labels = labels

    def label(
        self, cube: hsizoo.HyperCube, seeds: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> hsizoo.PseudoLabels:
        """Return them."""
        return self._labels


class Kept(hsizoo.PseudoLabeler):
    """A labeler whose labels are kept.

    Parameters
    ----------
    labeler : PseudoLabeler
    """

    def __init__(self, labeler: hsizoo.PseudoLabeler) -> None:
        super().__init__()
        self._labeler = labeler
        self.made: hsizoo.PseudoLabels | None = None

    def label(
        self, cube: hsizoo.HyperCube, seeds: hsizoo.LabelMap, *, rng: np.random.Generator
    ) -> hsizoo.PseudoLabels:
        """Label, and keep the result."""
        self.made = self._labeler.label(cube, seeds, rng=rng)
        return self.made


def first(made: hsizoo.PseudoLabels, rounds: int) -> hsizoo.PseudoLabels:
    """Return the labels of the first rounds."""
    labels, confidence = made.labels.copy(), made.confidence.copy()
    for step in made.history[rounds:]:
        labels.flat[step["pixels"]] = made.unassigned
        confidence.flat[step["pixels"]] = 0
    return hsizoo.PseudoLabels(labels, confidence, made.history[:rounds], made.unassigned)


def measure(
    way: str, scene: hsizoo.Scene, dataset: str, seed: int, device: str, most: int
) -> Iterator[Line]:
    """Label once, then classify with the labels of the first rounds."""
    component = f"{WAYS[way]},iterations={most}" if way in GROWING else WAYS[way]
    labeler: Any = hsizoo.create(component, "pseudo-labeler", device=device)
    kept = Kept(labeler)
    PROTOCOL.run(LabeledClassifier(kept, _classifier("svm", device)), scene, seed=seed)
    assert kept.made is not None
    done = len(kept.made.history)
    for rounds in [*(each for each in ROUNDS if each < done and way in GROWING), done]:
        made = first(kept.made, rounds)
        line: Line = {
            "way": way,
            "component": component,
            "dataset": dataset,
            "seed": seed,
            "rounds": rounds,
            "label_seconds": f"{sum(step['seconds'] for step in made.history):.1f}",
            "commit": commit(),
            "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else "CPU",
        }
        for name in CLASSIFIERS:
            whole = LabeledClassifier(Given(made), _classifier(name, device))
            result = PROTOCOL.run(whole, scene, seed=seed)
            line |= {f"{score}_{name}": f"{result['scores'][score]:.5f}" for score in ("oa", "aa")}
            line |= {key: result["pseudo_labels"][key] for key in ("given", "right")}
        yield line


def _classifier(name: str, device: str) -> Any:
    return hsizoo.create(name, "classifier", device=device)


def table(lines: Sequence[Line]) -> list[str]:
    """Format the table of all that was measured."""
    rows = [
        "| scene | way | rounds | draws | labels | right, % | OA `cnn2d` | OA `svm` | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str, int], list[Line]] = {}
    for line in lines:
        groups.setdefault((line["dataset"], line["way"], int(line["rounds"])), []).append(line)
    places = {way: number for number, way in enumerate(WAYS)}
    for key in sorted(groups, key=lambda key: (key[0], places[key[1]], key[2])):
        mine = groups[key]
        rows.append(
            f"| {key[0]} | {key[1]} | {key[2]} | {len(mine)} | {_mean(mine, 'given', 1, 0)} "
            f"| {_mean(mine, 'right', 100)} | {_mean(mine, 'oa_cnn2d', 100)} "
            f"| {_mean(mine, 'oa_svm', 100)} | {_mean(mine, 'label_seconds', 1, 0)} |"
        )
    return rows


def differences(lines: Sequence[Line]) -> list[str]:
    """Format the differences from the whole method, paired by draw, with their intervals."""
    rows = [
        "| scene | way | rounds | draws | OA `cnn2d`, points | OA `svm`, points |",
        "|---|---|---|---|---|---|",
    ]
    by_key = {(x["dataset"], x["way"], int(x["rounds"]), int(x["seed"])): x for x in lines}
    names = dict.fromkeys((line["dataset"], line["way"], int(line["rounds"])) for line in lines)
    for dataset, way, rounds in names:
        base = ("tuned" if way.startswith("tuned") else "full", 50)
        if (way, rounds) == base or (rounds != 50 and way != base[0]):
            continue
        seeds = [
            seed
            for seed in range(1000)
            if (dataset, way, rounds, seed) in by_key and (dataset, *base, seed) in by_key
        ]
        if not seeds:
            continue
        cells = []
        for name in CLASSIFIERS:
            apart = [
                100 * float(by_key[dataset, way, rounds, seed][f"oa_{name}"])
                - 100 * float(by_key[dataset, *base, seed][f"oa_{name}"])
                for seed in seeds
            ]
            cells.append(_with_interval(apart))
        rows.append(f"| {dataset} | {way} | {rounds} | {len(seeds)} | {' | '.join(cells)} |")
    return rows


def _with_interval(values: Sequence[float]) -> str:
    mean = float(np.mean(values))
    if len(values) < 3:
        return f"{mean:+.1f}"
    rng = np.random.default_rng(0)
    means = rng.choice(values, (10_000, len(values))).mean(axis=1)
    low, high = interval(means)
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def _mean(lines: Sequence[Line], key: str, scale: float, digits: int = 1) -> str:
    values = np.array([scale * float(line[key] or "nan") for line in lines])
    text = f"{np.nanmean(values):.{digits}f}"
    return text if len(values) == 1 else f"{text} ± {np.nanstd(values, ddof=1):.{digits}f}"


def write(out: Path, lines: Sequence[Line], device: str) -> None:
    """Write the lines and the page."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "ipg_rounds.csv").open("w", newline="") as file:
        rows = csv.DictWriter(file, HEAD, lineterminator="\n")
        rows.writeheader()
        rows.writerows(lines)
    page = [
        "# IPG: its parts and its rounds",
        "",
        "Five labels per class, random draw.  `full` is the paper to the letter (`ipg-paper`) with "
        "`sam2.1-nano` in place of SAM and every sixteenth group of bands; `tuned` is `ipg` as it "
        "comes, on every fourth.  Mean ± standard deviation over the draws; `right` counts pseudo "
        "labels on pixels with a known class.",
        "",
        *circumstances("ipg_rounds", device),
        "",
        "Components: " + "; ".join(f"{way} `{WAYS[way]}`" for way in WAYS) + ".",
        "",
        *table(lines),
        "",
        "Differences from the whole method after 50 rounds, paired by draw, with 95 % bootstrap "
        "intervals:",
        "",
        *differences(lines),
    ]
    (out / "ipg_rounds.md").write_text("\n".join(page) + "\n", encoding="utf-8")


def main() -> None:
    """Measure draw by draw, each way in turn."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("ways", nargs="*", default=[*WAYS], metavar="WAY", help=", ".join(WAYS))
    parser.add_argument("--dataset", action="append", help="default: indian-pines and pavia-mini")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--most", type=int, default=100, help="rounds of the whole method")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="torch threads")
    parser.add_argument("--out", type=Path, default=RESULTS / "few_label")
    options = parser.parse_args()
    if unknown := set(options.ways) - set(WAYS):
        parser.error(f"{', '.join(sorted(unknown))}: expected some of {', '.join(WAYS)}")
    if options.threads:
        torch.set_num_threads(options.threads)
    earlier = options.out / "ipg_rounds.csv"
    kept = earlier.read_text(encoding="utf-8").splitlines() if earlier.exists() else []
    lines: list[Line] = list(csv.DictReader(kept))
    done = {(line["way"], line["dataset"], int(line["seed"])) for line in lines}
    for seed in range(options.seeds):
        for dataset in options.dataset or ["indian-pines", "pavia-mini"]:
            scene = hsizoo.load_scene(dataset)
            for way in options.ways:
                if (way, dataset, seed) in done:
                    continue
                began = time.perf_counter()
                lines += measure(way, scene, dataset, seed, options.device, options.most)
                write(options.out, lines, options.device)
                spent = time.perf_counter() - began
                print(f"{way} {dataset} {seed}: {spent:.0f} s", flush=True)


if __name__ == "__main__":
    main()
