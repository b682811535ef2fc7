"""Dice of ``hsizoo apply`` on other images than that of the clicks, by rule for the threshold.

Run from the repository root::

    python benchmarks/apply.py

Writes the tables of ``benchmarks/results/apply.md`` to stdout.  Three clicks at random pixels of
each class make a session with ``sa-rw``; its references are applied to other images.  The
phantom's subjects (seed 1) and the halves of Indian Pines come with hsizoo.  The rules were chosen
on the phantom's seed 0.
"""

from __future__ import annotations

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


def main() -> None:
    """Print a table for each setting."""
    values: dict[tuple[str, str, str, str], list[float]] = {}
    for setting, session, scenes in pairs():
        for scorer in SCORERS:
            for rule in RULES:
                found = hsizoo.apply_references(
                    scorer,
                    [scene.cube for scene in scenes],
                    session,
                    threshold=rule,
                    scores=rule == "otsu",
                    device="cpu",
                )
                for scene, result in zip(scenes, found, strict=True):
                    for number, name in enumerate(session.objects, 1):
                        mask = (result.labels.labels == number) & scene.evaluated
                        truth = scene.target(int(name))
                        kind = "Dice" if truth.any() else "absent"
                        value = dice(mask, truth) if truth.any() else mask.sum() / mask.size
                        values.setdefault((setting, kind, scorer, str(rule)), []).append(value)
                        if result.scores is not None and truth.any():
                            best = best_dice(result.scores[number - 1], truth, scene.evaluated)[0]
                            values.setdefault((setting, kind, scorer, "best"), []).append(best)
    for setting in dict.fromkeys(key[0] for key in values):
        print(f"\n### {setting}\n")
        print("| scorer | " + " | ".join([*map(str, RULES), "best"]) + " | classes |")
        print("|---|" + "---|" * (len(RULES) + 2))
        for scorer in SCORERS:
            cells = []
            for rule in (*map(str, RULES), "best"):
                shown = f"{np.mean(values[setting, 'Dice', scorer, rule]):.3f}"
                absent = values.get((setting, "absent", scorer, rule))
                cells.append(shown + (f" ({np.mean(absent):.3f})" if absent else ""))
            count = len(values[setting, "Dice", scorer, "auto"])
            print(f"| `{scorer}` | " + " | ".join(cells) + f" | {count} |")


if __name__ == "__main__":
    main()
