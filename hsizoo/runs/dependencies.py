"""What the cells of a run need on the machine that computes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hsizoo.runs.datasets import Datasets
from hsizoo.weights.files import require
from hsizoo.weights.sent import SentWeights
from hsizoo.zoo.factory import WEIGHTS, resolve
from hsizoo.zoo.spec import Kind
from hsizoo.zoo.texts import one_line

__all__ = ["Dependencies", "weights_of"]


@dataclass(frozen=True)
class Dependencies:
    """Looks, on the machine where it is called, for what cells need.

    Parameters
    ----------
    components : tuple of (str, kind)
        As the jobs name them.
    datasets : tuple of str
    """

    components: tuple[tuple[str, Kind], ...]
    datasets: tuple[str, ...]

    @classmethod
    def of(cls, jobs: Iterable[Mapping[str, Any]]) -> Dependencies:
        """Those of the jobs of a run."""
        jobs = list(jobs)
        return cls(
            tuple(dict.fromkeys((job["component"], job["kind"]) for job in jobs)),
            tuple(dict.fromkeys(job["dataset"] for job in jobs)),
        )

    def __call__(self) -> dict[str, str]:
        """Return an identity, or what is missing, by name."""
        found = {}
        for text, kind in self.components:
            found[f"component {text}"] = _component(text, kind)
        for text in self.datasets:
            found[f"dataset {text}"] = _dataset(text)
        return found


def weights_of(jobs: Iterable[Mapping[str, Any]]) -> list[SentWeights]:
    """Return the trained weights that the jobs of a run name by a path of this machine."""
    found = {}
    for text, kind in dict.fromkeys((job["component"], job["kind"]) for job in jobs):
        for part in resolve(text, kind).walk():
            name = part.name.options.get(WEIGHTS.name, "auto")
            if part.weights is not None and name not in ("auto", "packaged"):
                found[name] = SentWeights(name, part.weights.digest)
    return list(found.values())


def _component(text: str, kind: Kind) -> str:
    """Digest of its identity, which covers its weights; or why it cannot be built."""
    try:
        recipe = resolve(text, kind)
        require(recipe.weight_files())
        identity = json.dumps(recipe.identity(), sort_keys=True)
    except (Exception, SystemExit) as error:  # noqa: BLE001 (plugins raise anything)
        return f"missing ({one_line(error)})"
    return f"{hashlib.sha256(identity.encode()).hexdigest()[:12]} (options and weights)"


def _dataset(text: str) -> str:
    try:
        dataset = Datasets().get(text)
        dataset.place()
        return f"version {dataset.version}"
    except (Exception, SystemExit) as error:  # noqa: BLE001 (plugins raise anything)
        return f"missing ({one_line(error)})"
