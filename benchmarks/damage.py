"""Damage everything that a run reads back, and see whether any figure becomes another.

Run from the repository root::

    python benchmarks/damage.py --count 40 --seed 0
    python benchmarks/damage.py --kinds checkpoint --only 17      # one trial again

Each trial copies what a finished or a stopped run has left, damages one file of it (flipped bits
and digits, cut, emptied, zeros, noise, doubled, the content of a namesake or half of it, a folder
in its place), and repeats what reads it.

====== =============================================================================
same   the figures are those of the undamaged run
mended an error named the file; what it advises was done, and gave the same figures
told   an error named the file; where the advice needs a person, it ends there
wrong  anything else: other figures, another error, one that names no file
====== =============================================================================

The exit status is 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

import hsizoo
import hsizoo.zoo.registry
from hsizoo.engine.embeddings import embedding_cache
from hsizoo.engine.store import Store
from hsizoo.errors import HsizooError
from hsizoo.runs.bench import RunEvents, RunResult
from hsizoo.runs.stored import RESULTS_FILE, open_results
from hsizoo.runs.timings import Timings, earlier_records
from hsizoo.training.run import TrainEvents
from hsizoo.weights.files import WeightFile, locate

OUTCOMES = ("same", "mended", "told", "wrong")
DATA = (
    "phantom:height=32,width=32,bands=12,train_subjects=1,val_subjects=1,test_subjects=2,"
    "scenes_per_subject=1"
)
_MEASURED = ("seconds", "hours", "megabytes")


def _flip(content: bytes, rng: random.Random, other: bytes) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]


def _digit(content: bytes, rng: random.Random, other: bytes) -> bytes:
    """Another digit in the place of one: what parses as before, and says something else."""
    places = [at for at, each in enumerate(content) if each in b"0123456789"]
    if not places:
        return _flip(content, rng, other)
    at = rng.choice(places)
    new = rng.choice([each for each in b"0123456789" if each != content[at]])
    return content[:at] + bytes([new]) + content[at + 1 :]


def _cut(content: bytes, rng: random.Random, other: bytes) -> bytes:
    return content[: rng.randrange(1, len(content))]


def _empty(content: bytes, rng: random.Random, other: bytes) -> bytes:
    return b""


def _zeros(content: bytes, rng: random.Random, other: bytes) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + bytes(len(content) - at)


def _noise(content: bytes, rng: random.Random, other: bytes) -> bytes:
    return rng.randbytes(len(content))


def _page(content: bytes, rng: random.Random, other: bytes) -> bytes:
    """Noise in one block of a disk."""
    at = rng.randrange(len(content)) // 512 * 512
    return content[:at] + rng.randbytes(len(content[at : at + 512])) + content[at + 512 :]


def _double(content: bytes, rng: random.Random, other: bytes) -> bytes:
    return content + content


def _namesake(content: bytes, rng: random.Random, other: bytes) -> bytes:
    return other


def _mixed(content: bytes, rng: random.Random, other: bytes) -> bytes:
    return content[: len(content) // 2] + other[len(other) // 2 :]


def _folder(content: bytes, rng: random.Random, other: bytes) -> None:
    """A folder takes the place of the file."""


DAMAGES: Sequence[Callable[[bytes, random.Random, bytes], bytes | None]] = (
    _flip, _digit, _digit, _cut, _empty, _zeros, _noise, _page, _double, _namesake, _mixed,
    _folder,
)  # fmt: skip


def damage(paths: Sequence[Path], rng: random.Random, number: int) -> tuple[Path, str]:
    """Damage one of the files; return which, and how."""
    path, how = rng.choice(paths), DAMAGES[number % len(DAMAGES)]
    content = path.read_bytes()
    others = [each for each in paths if each.suffix == path.suffix and each != path] or [path]
    new = how(content, rng, rng.choice(others).read_bytes())
    path.unlink()
    if new is None:
        path.mkdir()
    else:
        path.write_bytes(new)
    return path, how.__name__.removeprefix("_")


class Kind(ABC):
    """Something that a run has left, and what reads it."""

    @abstractmethod
    def prepare(self, place: Path) -> None:
        """Make it, in an empty folder that is HSIZOO_HOME too."""

    @abstractmethod
    def paths(self, place: Path) -> Sequence[Path]:
        """Return the files that are damaged."""

    @abstractmethod
    def read(self, place: Path) -> Any:
        """Repeat what reads it; return what must be the same."""

    def mend(self, place: Path, damaged: Path) -> bool:
        """Do what the error advises; return whether that can be done here."""
        return False


class _Records(Kind):
    """Stored cells, which the same command takes."""

    def prepare(self, place: Path) -> None:
        self.read(place)

    def paths(self, place: Path) -> Sequence[Path]:
        return files_below(Store(place / "run").cells)

    def read(self, place: Path) -> Any:
        return figures(bench(["sa", "pcc"], DATA, place))


class _Results(_Records):
    """The table of a run, which ``hsizoo table`` shows."""

    def paths(self, place: Path) -> Sequence[Path]:
        return [place / "run" / RESULTS_FILE]

    def read(self, place: Path) -> Any:
        if not (place / "run").exists():
            bench(["sa", "pcc"], DATA, place)
        return plain(open_results(str(place / "run"))[1])

    def mend(self, place: Path, damaged: Path) -> bool:
        if damaged.is_dir():
            remove(damaged)
        bench(["sa", "pcc"], DATA, place)
        return True


class _Times(_Records):
    """Stored cells, whose times ``hsizoo bench --dry-run`` uses; any time will do."""

    def read(self, place: Path) -> Any:
        if not (place / "run").exists():
            bench(["sa", "pcc"], DATA, place)
        Timings(earlier_records([place / "run"]), "cpu")
        return None


class _Embeddings(Kind):
    """Outputs of an encoder on disk."""

    def prepare(self, place: Path) -> None:
        self.read(place)
        shutil.rmtree(place / "run")

    def paths(self, place: Path) -> Sequence[Path]:
        return sorted((place / "embeddings").glob("*.safetensors"))

    def read(self, place: Path) -> Any:
        os.environ["HSIZOO_EMBEDDINGS"] = "disk"
        embedding_cache.cache_clear()
        try:
            return figures(bench(["sam2.1-nano"], DATA, place))
        finally:
            del os.environ["HSIZOO_EMBEDDINGS"]
            embedding_cache.cache_clear()


class _Trained(Kind):
    """Weights that were trained here, and their cards; the newer of two is taken."""

    def prepare(self, place: Path) -> None:
        for seed in (0, 1):
            train(place / f"training {seed}", seed)

    def paths(self, place: Path) -> Sequence[Path]:
        return files_below(place / "trained")

    def read(self, place: Path) -> Any:
        return figures(bench(["samsa2-nano"], DATA, place))

    def mend(self, place: Path, damaged: Path) -> bool:
        if damaged.is_dir():
            remove(damaged)
        for seed in (0, 1):
            train(place / f"training {seed}", seed)
        return True


class _Checkpoint(Kind):
    """Where a training goes on that was stopped."""

    def prepare(self, place: Path) -> None:
        def stop(step: Any) -> None:
            if step.step == _STOPPED_AFTER:
                raise KeyboardInterrupt

        try:
            train(place / "training", 0, events=TrainEvents(stepped=stop))
        except KeyboardInterrupt:
            return
        raise AssertionError("it was over too early")

    def paths(self, place: Path) -> Sequence[Path]:
        return files_below(place / "training" / "checkpoints")

    def read(self, place: Path) -> Any:
        return train(place / "training", 0)

    def mend(self, place: Path, damaged: Path) -> bool:
        if damaged.is_dir():
            remove(damaged)
        train(place / "training", 0, fresh=True)
        return True


class _TrainingResult(Kind):
    """The result of a training in its run folder, which the same command publishes."""

    def prepare(self, place: Path) -> None:
        train(place / "training", 0)
        shutil.rmtree(place / "trained")

    def paths(self, place: Path) -> Sequence[Path]:
        return [place / "training" / name for name in ("card.json", "weights.safetensors")]

    def read(self, place: Path) -> Any:
        return train(place / "training", 0)

    def mend(self, place: Path, damaged: Path) -> bool:
        remove(damaged)
        return True


class _Digests(Kind):
    """Digests of the files of a folder: if one changes, its cells are computed anew."""

    def prepare(self, place: Path) -> None:
        self._data = place.parent / "cubes"  # in the same place for all trials
        self._data.mkdir()
        rng = np.random.default_rng(0)
        labels = np.repeat([[1, 2]], 12, axis=0).repeat(6, axis=1)
        for name in "abcdef":
            cube = labels[:, :, None] + rng.random((12, 12, 4))
            np.savez(self._data / f"{name}.npz", cube=cube.astype(np.float32), gt=labels)
        time.sleep(2.5)  # digests of files that may still change are not remembered
        self.read(place)

    def paths(self, place: Path) -> Sequence[Path]:
        return [place / "file-digests.sqlite"]

    def read(self, place: Path) -> Any:
        computed: list[str] = []
        events = RunEvents(finished=lambda cell, record: computed.append(cell.key))
        is_first = not (place / "run").exists()
        result = bench(["sa"], f"folder:path={self._data}", place, events=events)
        return figures(result), [] if is_first else computed


class _Answers(Kind):
    """What a plugin said that it offers."""

    CODE: ClassVar[str] = """
import hsizoo

@hsizoo.hookimpl
def hsizoo_components():
    for name, low in (("damage-one", 0.25), ("damage-two", 0.5)):
        yield hsizoo.ComponentSpec(
            name=name, kind="scorer", target="no:Where", summary="s", options={"low": low, "n": 17}
        )
"""

    def prepare(self, place: Path) -> None:
        site = place.parent / "site"
        site.mkdir()
        (site / "damage_plugin.py").write_text(self.CODE)
        info = site / "damage_zoo-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: damage-zoo\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[hsizoo.plugins]\ndamage = damage_plugin\n")
        sys.path.insert(0, str(site))
        self.read(place)

    def paths(self, place: Path) -> Sequence[Path]:
        return files_below(place / "plugins")

    def read(self, place: Path) -> Any:
        hsizoo.zoo.registry.reset()
        found = hsizoo.zoo.registry.list_components()
        return [repr(each.spec) for each in found if each.dist == "damage-zoo"]


class _Pins(Kind):
    """A published file without a published digest, and its digest at the first use."""

    FILE: ClassVar[WeightFile] = WeightFile(
        "w.pt", "https://example.invalid/w.pt", 1000, None, "CC0"
    )

    def prepare(self, place: Path) -> None:
        (place / "weights").mkdir()
        (place / "weights" / self.FILE.name).write_bytes(random.Random(0).randbytes(1000))
        self.read(place)

    def paths(self, place: Path) -> Sequence[Path]:
        return files_below(place / "weights")

    def read(self, place: Path) -> Any:
        return hashlib.sha256(locate(self.FILE).read_bytes()).hexdigest()


class _Rounds(Kind):
    """Where IPG goes on that was stopped; it may start over, which gives the same."""

    def prepare(self, place: Path) -> None:
        from hsizoo_ipg.prompts import Labelled
        from hsizoo_ipg.resuming import Progress, RunFile

        for number in range(2):
            rng = np.random.default_rng(number)
            pixels, classes = rng.integers(9, size=(6, 2)), rng.integers(1, 4, size=6)
            tally = {"votes": torch.from_numpy(rng.random((3, 9, 9)))}
            rows = [{"round": number, "labels": 6}]
            RunFile(f"run {number}").save(
                Progress(Labelled(pixels, classes, 4), [0.5, 0.75], rows, tally=tally), rng
            )

    def paths(self, place: Path) -> Sequence[Path]:
        return files_below(place / "ipg")

    def read(self, place: Path) -> Any:
        from hsizoo_ipg.resuming import RunFile

        seen = []
        for number in range(2):
            rng = np.random.default_rng(100)
            found = RunFile(f"run {number}").load(rng, torch.device("cpu"))
            if found is not None:
                known = found.known.pixels.tolist(), found.known.classes.tolist()
                digest = hsizoo.state_digest(found.tally)
                seen.append(json.dumps([number, known, found.confidence, found.history, digest]))
            elif rng.bit_generator.state != np.random.default_rng(100).bit_generator.state:
                seen.append("the state of the random numbers has changed")
        return _Subset(seen)


class _Subset(list[str]):
    """Equal to a list that has all of it."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, list) and set(self) <= set(other)

    __hash__ = None  # type: ignore[assignment]


KINDS: dict[str, type[Kind]] = {
    "records": _Records,
    "results": _Results,
    "times": _Times,
    "digests": _Digests,
    "answers": _Answers,
    "pins": _Pins,
    "rounds": _Rounds,
    "embeddings": _Embeddings,
    "trained": _Trained,
    "checkpoint": _Checkpoint,
    "training": _TrainingResult,
}

_STOPPED_AFTER = 3  # steps


def bench(components: Sequence[str], dataset: str, place: Path, **about: Any) -> RunResult:
    """Run components into ``run``."""
    return hsizoo.bench(
        components, dataset, out=place / "run", clicks=2, device="cpu", allow_untrained=True,
        **about,
    )  # fmt: skip


def train(out: Path, seed: int, **about: Any) -> str:
    """Train a little; return the digest of the weights."""
    result = hsizoo.train(
        "samsa2-nano", DATA, out=out, device="cpu", epochs=1, clicks=1, seed=seed, lr=0.001,
        checkpoint_steps=1, **about,
    )  # fmt: skip
    return str(result.card["digest"])


def figures(result: RunResult) -> Any:
    """What must be the same in every run: the records and the table, without what is measured."""
    kept = ("status", "key", "identity", "subject", "digests", "result", "error")
    records = [{key: each[key] for key in kept if key in each} for each in result.records]
    return plain([records, [row.values for row in result.table]])


def plain(value: Any) -> Any:
    """The same without what is measured."""
    if isinstance(value, dict):
        return {
            key: plain(each)
            for key, each in value.items()
            if not any(word in key for word in _MEASURED) and not key.startswith("s/")
        }
    return [plain(each) for each in value] if isinstance(value, list) else value


def files_below(place: Path) -> list[Path]:
    """Files of a folder, without locks."""
    return sorted(
        path for path in place.rglob("*") if path.is_file() and not path.name.endswith(".lock")
    )


def remove(path: Path) -> None:
    """Delete a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def attempt(kind: Kind, place: Path, right: Any, damaged: Path) -> tuple[str, str]:
    """Read what was damaged; return the outcome, and what is wrong with it."""
    try:
        found = kind.read(place)
    except HsizooError as error:
        if str(damaged) not in str(error) and str(damaged.parent) not in str(error):
            return "wrong", f"names no file: {error!r}"
        if not kind.mend(place, damaged):
            return "told", ""
        found = kind.read(place)
        return ("mended", "") if found == right else ("wrong", f"the advice fails: {error}")
    return ("same", "") if found == right else ("wrong", "other figures")


def try_kind(name: str, numbers: Sequence[int], seed: int) -> collections.Counter[str]:
    """Make the trials of a kind; print what is wrong."""
    counts: collections.Counter[str] = collections.Counter()
    kind = KINDS[name]()
    with tempfile.TemporaryDirectory() as whole, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        template = Path(whole, "template")
        template.mkdir()
        os.environ["HSIZOO_HOME"] = str(template)
        kind.prepare(template)
        right = None
        for number in (None, *numbers):
            place = Path(whole, f"{number}")
            shutil.copytree(template, place)
            os.environ["HSIZOO_HOME"] = str(place)
            if number is None:
                right = kind.read(place)
            else:
                rng = random.Random(f"{seed} {name} {number}")
                damaged, how = damage(kind.paths(place), rng, number)
                try:
                    outcome, why = attempt(kind, place, right, damaged)
                except Exception:  # noqa: BLE001 (what is looked for)
                    outcome, why = "wrong", traceback.format_exc()
                counts[outcome] += 1
                if outcome == "wrong":
                    print(f"{name} {number}: {how} of {damaged.relative_to(place)}: {why}")
            shutil.rmtree(place)
    return counts


def main() -> int:
    """Damage so many files of each kind, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=40, help="trials of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--only", type=int, help="number of one trial")
    arguments = parser.parse_args()
    numbers = [arguments.only] if arguments.only is not None else range(arguments.count)
    os.environ["HSIZOO_OFFLINE"] = "1"
    torch.set_num_threads(1)  # sums of floats depend on it, in the last digit
    wrong = 0
    print(f"{'kind':12}" + "".join(f"{each:>8}" for each in ("trials", *OUTCOMES)) + "  seconds")
    for name in arguments.kinds:
        began = time.monotonic()
        counts = try_kind(name, numbers, arguments.seed)
        wrong += counts["wrong"]
        row = "".join(f"{each:8}" for each in (len(numbers), *(counts[each] for each in OUTCOMES)))
        print(f"{name:12}{row}{time.monotonic() - began:9.1f}", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
