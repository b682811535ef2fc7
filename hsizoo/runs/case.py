"""`Case`: one component on one dataset under one set of conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hsizoo.errors import OptionError
from hsizoo.interfaces import Protocol
from hsizoo.protocols.perturbations import Perturbation

__all__ = ["Case", "seeds_of"]

_MOST_SEEDS = 100_000


@dataclass(frozen=True, kw_only=True)
class Case:
    """One component on one dataset under one set of conditions: a row of the table, or a part.

    Parameters
    ----------
    component, dataset : str
        Names, with options if need be.
    protocol : Protocol
    seeds : sequence of int, default (0,)
    perturbation : Perturbation, optional
        How every cube is perturbed.
    name : str, optional
        What tables call the component.  Default: `component`.
    conditions : mapping of str to str
        What distinguishes this case from others of the same name: condition to value.
    training_seed : int, optional
        Seed of the training that made the weights; cases that differ by it share a row.
    """

    component: str
    dataset: str
    protocol: Protocol
    seeds: Sequence[int] = (0,)
    perturbation: Perturbation | None = None
    name: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)
    training_seed: int | None = None

    @property
    def label(self) -> str:
        """What tables call the component."""
        return self.name or self.component


def seeds_of(seeds: int | Sequence[int]) -> list[int]:
    """Seeds from their number, or from a list.

    Raises
    ------
    OptionError
        If there is none, a negative one, or more than 100 000.
    """
    count = seeds if isinstance(seeds, int) else len(seeds)
    if count > _MOST_SEEDS:
        raise OptionError(f"at most {_MOST_SEEDS} seeds are possible; got {count}")
    chosen = list(range(seeds)) if isinstance(seeds, int) else [int(seed) for seed in seeds]
    if not chosen or min(chosen) < 0:
        raise OptionError(f"seeds must be at least one number from 0; got {seeds!r}")
    return list(dict.fromkeys(chosen))
