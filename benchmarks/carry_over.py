"""Print the table of a click run of ``carry_over.toml``: Dice by scene and number of clicks.

Run after the experiment, with the folder of one of its runs::

    python benchmarks/carry_over.py hsizoo-runs/carry_over/clicks-ritm --baseline verdict

A figure is the mean over the classes of a data set (for ABU: over the classes of its six scenes);
the mean is over the data sets.  The worst click is the largest loss of that mean by one further
click.  Differences are paired by class, and their intervals are bootstrapped over classes within
data sets: classes of one scene are no independent witnesses, so they are somewhat too narrow.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from hsizoo.report.statistics import interval

AFTER = (1, 5, 10, 20)
DRAWS = 2000

Curves = dict[str, dict[str, dict[tuple[str, str], np.ndarray]]]


def read(folder: Path) -> Curves:
    """Read Dice over clicks: by component, data set, and scene and class; mean over seeds."""
    found: dict[str, dict[str, dict[tuple[str, str], dict[int, list[float]]]]] = {}
    with (folder / "samples.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            place = line["scene"], line["class"]
            clicks = (
                found.setdefault(line["component"], {})
                .setdefault(line["dataset"], {})
                .setdefault(place, defaultdict(list))
            )
            clicks[int(line["click"])].append(float(line["dice"]))
    return {
        name: {
            dataset: {
                place: np.array([np.mean(clicks[each]) for each in sorted(clicks)])
                for place, clicks in classes.items()
            }
            for dataset, classes in datasets.items()
        }
        for name, datasets in found.items()
    }


def means(curves: dict[str, dict[tuple[str, str], np.ndarray]]) -> dict[str, np.ndarray]:
    """Mean over classes, by data set."""
    return {name: np.mean([*classes.values()], axis=0) for name, classes in curves.items()}


def difference(
    one: dict[str, dict[tuple[str, str], np.ndarray]],
    two: dict[str, dict[tuple[str, str], np.ndarray]],
    click: int,
) -> str:
    """Paired difference of the means after some clicks, with its interval, times 100."""
    rng = np.random.default_rng(0)
    draws = np.zeros(DRAWS)
    mean = 0.0
    for dataset, classes in one.items():
        apart = np.array([each[click - 1] - two[dataset][place][click - 1]
                          for place, each in classes.items()])  # fmt: skip
        mean += apart.mean() / len(one)
        draws += rng.choice(apart, (DRAWS, len(apart))).mean(axis=1) / len(one)
    low, high = interval(draws)
    return f"{100 * mean:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


def table(curves: Curves) -> list[str]:
    """Format the table."""
    datasets = list(next(iter(curves.values())))
    rows = [
        f"| component | {' | '.join(datasets)} | mean | worst click |",
        "|---|" + "---|" * (len(datasets) + 2),
    ]
    for name, mine in curves.items():
        by_dataset = means(mine)
        whole = np.mean([*by_dataset.values()], axis=0)
        cells = [by_dataset[dataset] for dataset in datasets] + [whole]
        shown = ["/".join(f"{100 * cell[each - 1]:.0f}" for each in AFTER) for cell in cells]
        worst = 100 * float(np.diff(whole).min())
        rows.append(f"| `{name}` | {' | '.join(shown)} | {worst:+.1f} |")
    return rows


def differences(curves: Curves, baseline: str) -> list[str]:
    """Format the differences of a component from all others."""
    rows = [
        f"| `{baseline}` minus | " + " | ".join(f"{each} clicks" for each in AFTER) + " |",
        "|---|" + "---|" * len(AFTER),
    ]
    for name, mine in curves.items():
        if name != baseline:
            cells = [difference(curves[baseline], mine, each) for each in AFTER]
            rows.append(f"| `{name}` | {' | '.join(cells)} |")
    return rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--baseline", help="also its differences from all others")
    options = parser.parse_args()
    curves = read(options.run)
    print("\n".join(table(curves)))
    if options.baseline:
        if options.baseline not in curves:
            parser.error(f"{options.baseline}: expected one of {', '.join(curves)}")
        print("\n" + "\n".join(differences(curves, options.baseline)))


if __name__ == "__main__":
    main()
