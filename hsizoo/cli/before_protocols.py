"""What ``hsizoo bench`` needs as long as its two protocols are not registered; to be deleted.

The classes below only describe the protocols; `old_bench` runs them by the functions that there
are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import typer

from hsizoo.cli.protocol_options import Offer, refuse_foreign
from hsizoo.errors import NameLookupError, did_you_mean
from hsizoo.interfaces import Column
from hsizoo.report.columns import COLUMNS, OF_CLASSIFIERS
from hsizoo.zoo.lookup import EVALUATED
from hsizoo.zoo.names import parse_composition
from hsizoo.zoo.options import declared_options, resolve_options
from hsizoo.zoo.registry import registry

__all__ = ["ROBOTS", "choose", "old_bench", "refuse", "settings", "stand_ins", "title"]

ROBOTS = {
    "paper": "first=edt|centroid, connectivity=8|4",
    "ritm": "threshold=0.49",
    "largest-component": "threshold=0.5, connectivity=8|4",
    "random": "threshold=0.5",
}


@dataclass(frozen=True, kw_only=True)
class Interactive:
    """Simulated clicks.

    Parameters
    ----------
    clicks : int, default 5
        Clicks per sample.
    robot : str, default "paper"
        Simulated user: paper, ritm, largest-component or random, with options if need be:
        ritm:jitter=2.
    """

    name: ClassVar[str] = "interactive"
    kinds: ClassVar[tuple[str, ...]] = ("scorer", "segmenter")
    default_for: ClassVar[tuple[str, ...]] = kinds
    columns: ClassVar[tuple[Column, ...]] = tuple(
        Column(name=name, meaning=meaning) for name, meaning in COLUMNS.items()
    )
    default_seeds: ClassVar[int] = 1
    folder_suffix: ClassVar[str] = ""
    short_options: ClassVar[Mapping[str, str]] = {"clicks": "-k"}

    clicks: int = 5
    robot: str = "paper"


@dataclass(frozen=True, kw_only=True)
class FewLabel:
    """A few labels per class.

    Parameters
    ----------
    shots : int, default 5
        Labels per class to learn from.
    draw : {"random", "fixed", "block-disjoint", "official"}, default "random"
        How these are drawn; fixed is the same for all seeds, the last two keep test and training
        apart.
    """

    name: ClassVar[str] = "few-label"
    kinds: ClassVar[tuple[str, ...]] = ("classifier",)
    default_for: ClassVar[tuple[str, ...]] = kinds
    columns: ClassVar[tuple[Column, ...]] = tuple(
        Column(name=name, meaning=meaning, deviation=number < 4)
        for number, (name, meaning) in enumerate(OF_CLASSIFIERS.items())
    )
    default_seeds: ClassVar[int] = 10
    folder_suffix: ClassVar[str] = "-few-labels"
    short_options: ClassVar[Mapping[str, str]] = {}

    shots: int = 5
    draw: Literal["random", "fixed", "block-disjoint", "official"] = "random"


_SUMMARIES = {
    "interactive": "Segment one class after the other by simulated clicks",
    "few-label": "Learn from a few labels per class, and classify all other labelled pixels",
}
_BOTH: dict[str, Any] = {"interactive": Interactive, "few-label": FewLabel}


def stand_ins(offers: Sequence[Offer]) -> list[Offer]:
    """The two, unless they are registered."""
    there = {offer.name for offer in offers}
    return [
        Offer(name=name, target=target, summary=_SUMMARIES[name])
        for name, target in _BOTH.items()
        if name not in there
    ]


def choose(components: Sequence[str], name: str | None) -> str:
    """The protocol of the components."""
    if name is not None and name not in _BOTH:
        raise NameLookupError(
            f"no protocol is named {name!r}.{did_you_mean(name, _BOTH)} "
            f"There are: {', '.join(_BOTH)}."
        )
    first = parse_composition(components[0])
    classify = len(first) == 2 or registry().find(first[0], EVALUATED).spec.kind == "classifier"
    found = "few-label" if classify else "interactive"
    if name not in (None, found):
        raise NameLookupError(f"{components[0]} is benched by the protocol {found}, not {name}")
    return found


def refuse(context: typer.Context, protocol: str, perturb: bool, allow_untrained: bool) -> None:
    """Refuse options that only the other protocol has."""
    refuse_foreign(context, declared_options(_BOTH[protocol]))
    for flag, given in (("--perturb", perturb), ("--allow-untrained", allow_untrained)):
        if given and protocol == "few-label":
            context.fail(f"{flag} is for scorers and segmenters; leave it out")


def settings(protocol: str, given: Mapping[str, str]) -> dict[str, Any]:
    """All settings of the protocol, as values."""
    return resolve_options(f"protocol {protocol}", declared_options(_BOTH[protocol]), {}, given)


def title(protocol: str, dataset: str, chosen: Mapping[str, Any]) -> str:
    """The head of the table."""
    if protocol == "few-label":
        return f"{dataset}, {chosen['shots']} label(s) per class, draw {chosen['draw']}"
    return f"{dataset}, robot {chosen['robot']}, {chosen['clicks']} click(s)"


def old_bench(protocol: str, components: Sequence[str], **options: Any) -> Any:
    """Run the protocol by the function of its own."""
    from hsizoo.runs import bench, fewlabel

    classify = fewlabel.are_classifiers(components)
    for name in ("seeds", "perturbations"):
        if options[name] is None:
            options.pop(name)
    if not classify:
        return bench.bench(components, **options)
    for name in ("perturbations", "allow_untrained"):
        options.pop(name, None)
    return fewlabel.bench_few_labels(components, **options)
