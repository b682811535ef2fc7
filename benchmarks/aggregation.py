"""Dice over clicks of training-free methods on real scenes: whether another click helps.

Run from the repository root, with a folder of scenes as ``.npz`` files (``cube`` (H, W, B), ``gt``
(H, W) with 0 for unlabeled)::

    python benchmarks/aggregation.py --data ../shared/data

Writes ``benchmarks/results/aggregation.*``.  Indian Pines and the phantom come with hsizoo.
Robots: ``paper`` clicks the least probable pixel of the object, positive only; ``ritm`` corrects
with positive and negative clicks; ``paper, jitter 2`` displaces clicks by a standard deviation of
two pixels.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[1]
if not any((Path(entry) / "hsizoo_spectral").is_dir() for entry in sys.path):  # not installed
    sys.path[:0] = [str(ROOT), str(ROOT / "plugins")]

import torch  # noqa: E402

import hsizoo  # noqa: E402
from hsizoo.protocols.interactive import InteractiveProtocol  # noqa: E402
from hsizoo.protocols.interactive.robots import PaperRobot, RitmRobot, Robot  # noqa: E402

CLICKS = 20
SHOWN = (1, 2, 3, 5, 10, 20)
PHANTOM_SCENES = 4  # first scenes of the test split, one per subject
COMPONENTS = (
    "sa",
    "sa:aggregate=mean",
    "sa-eq",
    "pcc",
    "ace",
    "ace:signed=true,aggregate=mean",
    "matched-filter",
    "sa-rw",
    "contest",
    "contest:further=everywhere",
)
ROBOTS: dict[str, tuple[Robot, tuple[int, ...]]] = {
    "paper": (PaperRobot(), (0,)),
    "paper, jitter 2": (PaperRobot(jitter=2.0), (0, 1, 2)),
    "ritm": (RitmRobot(), (0,)),
}

Curves = dict[str, npt.NDArray[np.float64]]


def scenes(folder: Path) -> Iterator[tuple[str, list[hsizoo.Scene]]]:
    """Yield the groups over which Dice is averaged: each real scene, and the phantom."""
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as archive:
            if not {"cube", "gt"} <= set(archive.files):
                continue  # a split file, not a scene
            cube, labels = archive["cube"].astype(np.float32), archive["gt"]
        names = {int(label): f"class {label}" for label in np.unique(labels)}
        scene = hsizoo.Scene(
            hsizoo.HyperCube(cube, name=file.stem),
            hsizoo.LabelMap(labels, names, ignore=[0]),
            file.stem,
            subject=file.stem,
        )
        yield file.stem, [scene]
    phantom = hsizoo.load_dataset("phantom")
    chosen: dict[str, int] = {}
    for index, info in enumerate(phantom.scenes()):
        if info.split == "test" and len(chosen) < PHANTOM_SCENES:
            chosen.setdefault(info.subject, index)
    yield "phantom", [phantom.scene(index) for index in chosen.values()]
    yield "indian-pines", [hsizoo.load_scene("indian-pines")]


def measure(component: str, group: list[hsizoo.Scene], robot: Robot, seeds: tuple[int, ...]) -> Any:
    """Return the mean curves over samples, the seconds to open, and those per object and click."""
    curves: dict[str, list[list[float]]] = {"dice_max": [], "dice": []}
    opened, spent, objects = [], 0.0, 0
    for scene in group:
        for seed in seeds:
            segmenter = hsizoo.create(component, kind="segmenter")
            protocol = InteractiveProtocol(robot=str(robot), clicks=CLICKS)
            result = protocol.run(segmenter, scene, seed=seed)
            for sample in result["samples"]:
                for key, values in curves.items():
                    values.append(sample[key])
            opened.append(result["seconds"]["open"])
            spent += sum(result["seconds"]["predict"])
            objects += sum(result["objects"])
    means: Curves = {key: np.mean(values, axis=0) for key, values in curves.items()}
    return means, float(np.median(opened)), spent / objects


def fall(curve: npt.NDArray[np.float64]) -> float:
    """Return the largest drop of a curve below its previous maximum."""
    return float((np.maximum.accumulate(curve) - curve).max())


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write one line per scene, robot, component and click."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["scene", "robot", "component", "click", "dice_max", "dice@0.5"])
        for row in rows:
            pairs = zip(row["curves"]["dice_max"], row["curves"]["dice"], strict=True)
            for click, (best, half) in enumerate(pairs, start=1):
                where = (row["scene"], row["robot"], row["component"])
                writer.writerow([*where, click, f"{best:.4f}", f"{half:.4f}"])


def tables(rows: list[dict[str, Any]]) -> str:
    """Format one table per robot and scene, and one per robot of means over the real scenes."""
    text = []
    for robot in ROBOTS:
        for scene in dict.fromkeys(row["scene"] for row in rows):
            text += [f"\n### Robot `{robot}`, {scene}\n", *_header("open, s", "click, ms")]
            for row in rows:
                if (row["robot"], row["scene"]) == (robot, scene):
                    speed = [f"{row['open']:.2f}", f"{1000 * row['click']:.1f}"]
                    text.append(_line(row["component"], row["curves"], speed))
        text += [f"\n### Robot `{robot}`, mean over the real scenes\n", *_header()]
        for component in COMPONENTS:
            real = [
                row["curves"]
                for row in rows
                if (row["robot"], row["component"]) == (robot, component)
                and row["scene"] != "phantom"
            ]
            mean = {key: np.mean([curves[key] for curves in real], axis=0) for key in real[0]}
            text.append(_line(component, mean, []))
    return "\n".join(text) + "\n"


def _header(*more: str) -> list[str]:
    names = [f"max {k}c" for k in SHOWN] + ["falls"] + [f"@0.5 {k}c" for k in SHOWN] + ["falls"]
    cells = ["component", *names, *more]
    return ["| " + " | ".join(cells) + " |", "|---" * len(cells) + "|"]


def _line(component: str, curves: Curves, more: list[str]) -> str:
    cells = [f"`{component}`"]
    for key in ("dice_max", "dice"):
        cells += [f"{curves[key][k - 1]:.3f}" for k in SHOWN] + [f"{fall(curves[key]):.3f}"]
    return "| " + " | ".join([*cells, *more]) + " |"


def draw(path: Path, rows: list[dict[str, Any]]) -> None:
    """Draw the curves of the robot `paper`."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    shown = ("sa", "sa-eq", "ace", "sa-rw", "contest")
    names = list(dict.fromkeys(row["scene"] for row in rows))
    figure, axes = pyplot.subplots(
        2, len(names), figsize=(3 * len(names), 5.5), sharex=True, sharey=True, squeeze=False
    )
    for column, scene in zip(axes.T, names, strict=True):
        column[0].set_title(scene)
        for axis, key in zip(column, ("dice_max", "dice"), strict=True):
            for row in rows:
                wanted = row["component"] in shown
                if wanted and (row["scene"], row["robot"]) == (scene, "paper"):
                    axis.plot(range(1, CLICKS + 1), row["curves"][key], label=row["component"])
            axis.grid(alpha=0.3)
        column[1].set_xlabel("clicks")
    axes[0, 0].set_ylabel("Dice, best threshold")
    axes[1, 0].set_ylabel("Dice at 0.5")
    axes[0, 0].set_ylim(0, 1)
    axes[0, -1].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def head() -> str:
    """Describe how the tables were made."""
    described = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    revision = described.stdout.strip() or "unknown"
    command = shlex.join(["python", "benchmarks/aggregation.py", "--data", "<folder>"])
    return (
        f"Command `{command}`, commit {revision}, Python {platform.python_version()}, torch "
        f"{torch.__version__}, NumPy {np.__version__}, {torch.get_num_threads()} of "
        f"{os.cpu_count()} cores.  `max`: Dice at each sample's best threshold, `@0.5`: at 0.5, "
        "mean over classes; `falls`: the largest drop of the curve of 20 clicks below an earlier "
        "point.  The phantom is the mean over the classes of "
        f"{PHANTOM_SCENES} test subjects.  Jitter: three seeds; nothing else is random.\n"
    )


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of .npz scenes")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        parser.error(f"--data: folder {arguments.data} does not exist")
    rows: list[dict[str, Any]] = []
    for scene, group in scenes(arguments.data):
        for robot, (user, seeds) in ROBOTS.items():
            for component in COMPONENTS:
                curves, opened, click = measure(component, group, user, seeds)
                rows.append(
                    {
                        "scene": scene,
                        "robot": robot,
                        "component": component,
                        "curves": curves,
                        "open": opened,
                        "click": click,
                    }
                )
                print(f"{scene} · {robot}", _line(component, curves, []), flush=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_csv(arguments.out / "aggregation.csv", rows)
    (arguments.out / "aggregation_tables.md").write_text(head() + tables(rows))
    draw(arguments.out / "aggregation.png", rows)


if __name__ == "__main__":
    main()
