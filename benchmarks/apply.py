"""Dice of ``hsizoo apply`` on other images than that of the clicks, by rule for the threshold.

Run from the repository root::

    python benchmarks/apply.py

Writes the tables of ``benchmarks/results/apply.md`` to stdout.  Three clicks at random pixels of
each class make a session with ``sa-rw``; its references are applied to other images.  The
phantom's subjects (seed 1) and the halves of Indian Pines come with hsizoo.  The rules were chosen
on the phantom's seed 0.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if not any((Path(entry) / "hsizoo_spectral").is_dir() for entry in sys.path):  # not installed
    sys.path[:0] = [str(ROOT), str(ROOT / "plugins")]

import hsizoo  # noqa: E402
from hsizoo.protocols.mask_metrics import best_dice, dice  # noqa: E402

SCORERS = ("sa", "pcc", "sid", "sa-eq", "contest", "ace", "matched-filter")
RULES = (0.5, "otsu", "session", "auto")
CLICKS = 3
FEWEST = 30  # pixels of a class that is clicked on


def halves(scene: hsizoo.Scene) -> list[hsizoo.Scene]:
    """The left and the right half of a scene."""
    middle, found = scene.cube.shape[1] // 2, []
    for name, cols in (("left", slice(middle)), ("right", slice(middle, None))):
        labels = scene.label_map
        part = hsizoo.LabelMap(labels.labels[:, cols], labels.class_names, labels.ignore)
        cube = hsizoo.HyperCube(scene.cube.data[:, cols], scene.cube.wavelengths, name)
        found.append(hsizoo.Scene(cube, part, name))
    return found


def session_on(scene: hsizoo.Scene, rng: np.random.Generator) -> hsizoo.Session:
    """Return a session with a few clicks on each class of a scene; objects are named by label."""
    session = hsizoo.Session(scene.cube, "sa-rw", device="cpu")
    for label in sorted(scene.label_map.targets):
        inside = np.argwhere(scene.target(label))
        if len(inside) >= FEWEST:
            chosen = inside[rng.choice(len(inside), CLICKS, replace=False)]
            session.add(str(label), [(int(row), int(col)) for row, col in chosen])
    return session


def pairs() -> Iterator[tuple[str, hsizoo.Session, list[hsizoo.Scene]]]:
    """Yield the name of a setting, a session, and the scenes that it is applied to."""
    rng = np.random.default_rng(0)
    dataset = hsizoo.load_dataset("phantom", seed=1)
    numbers = [n for n, info in enumerate(dataset.scenes()) if info.split == "test"]
    scenes = [dataset.scene(n) for n in numbers]
    for scene in scenes[::2]:
        others = [each for each in scenes[1::2] if each.subject != scene.subject]
        session = session_on(scene, rng)
        yield "phantom, other subjects", session, others
        same = [each for each in scenes if each.subject == scene.subject and each is not scene]
        yield "phantom, same subject", session, same
    parts = halves(hsizoo.load_scene("indian-pines"))
    for scene, other in (parts, parts[::-1]):
        yield "Indian Pines, other half", session_on(scene, rng), [other]


class Table:
    """Dice of classes that are there, and the share of the image found of those that are not."""

    def __init__(self) -> None:
        self.present: list[float] = []
        self.absent: list[float] = []
        self.pooled = np.zeros(2)

    def add(self, mask: np.ndarray, truth: np.ndarray) -> None:
        """Add the mask of one class in one scene."""
        self.pooled += 2 * (mask & truth).sum(), mask.sum() + truth.sum()
        if truth.any():
            self.present.append(dice(mask, truth))
        else:
            self.absent.append(mask.mean())

    def __str__(self) -> str:
        shown = f"{np.mean(self.present):.3f}, {self.pooled[0] / self.pooled[1]:.3f}"
        return shown + (f" ({np.mean(self.absent):.3f})" if self.absent else "")


def main() -> None:
    """Print two tables for each setting: each class alone, and all classes in one map."""
    tables: dict[tuple[str, str, str, str], Table] = {}
    for setting, session, scenes in pairs():
        for scorer, rule in itertools.product(SCORERS, RULES):
            cubes = [scene.cube for scene in scenes]
            found = hsizoo.apply_references(
                scorer, cubes, session, threshold=rule, scores=True, device="cpu"
            )
            for scene, result in zip(scenes, found, strict=True):
                for number, (name, score) in enumerate(
                    zip(session.objects, result.scores, strict=True), 1
                ):
                    truth, valid = scene.target(int(name)), scene.evaluated
                    masks = {
                        ("alone", str(rule)): score > result.thresholds[name],
                        ("together", str(rule)): result.labels.labels == number,
                    }
                    if rule == "otsu" and truth.any():
                        masks["alone", "best"] = score > best_dice(score, truth, valid)[1]
                    for (kind, which), mask in masks.items():
                        key = setting, kind, scorer, which
                        tables.setdefault(key, Table()).add(mask & valid, truth)
    for setting, kind in dict.fromkeys(key[:2] for key in tables):
        rules = [str(rule) for rule in RULES] + ["best"] * (kind == "alone")
        count = len(tables[setting, kind, SCORERS[0], "auto"].present)
        print(f"\n### {setting}, classes {kind} ({count} masks)\n")
        print("| scorer | " + " | ".join(rules) + " |")
        print("|---|" + "---|" * len(rules))
        for scorer in SCORERS:
            cells = [str(tables[setting, kind, scorer, rule]) for rule in rules]
            print(f"| `{scorer}` | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
