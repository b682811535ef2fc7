"""`Resolved`: a name with everything decided, before anything is built."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import hsizoo.interfaces as interfaces
from hsizoo.weights.trained import TrainedWeights
from hsizoo.zoo.composition import LabeledClassifier
from hsizoo.zoo.options import declared_options, takes_device
from hsizoo.zoo.registry import FIRST_PARTY, Entry
from hsizoo.zoo.spec import Kind

__all__ = ["Resolved"]


@dataclass(frozen=True)
class Resolved:
    """A name with everything decided: which component, and the value of each option.

    ``identity()`` is what a stored result depends on; ``build()`` makes the object.
    """

    label: str
    entry: Entry
    target: type[interfaces.Component]
    options: dict[str, Any]
    wrapper_options: dict[str, Any] | None = None
    feeds: Resolved | None = None  # the classifier, where this is a pseudo-labeler in front of it
    weights: TrainedWeights | None = None  # what to load into a trainable segmenter
    parts: dict[str, Resolved] = field(default_factory=dict)  # options that name components

    @property
    def kind(self) -> Kind:
        """The kind of what `build` returns."""
        if self.feeds is not None:
            return "classifier"
        return "segmenter" if self.wrapper_options is not None else self.entry.spec.kind

    def identity(self) -> dict[str, Any]:
        """Everything about the component that its results depend on, as plain values."""
        about = {
            "component": self.entry.full_name,
            "version": self.entry.spec.version,
            # What an option names counts as what it is, not as how it was spelled.
            "options": {**self._lasting_options(), **(self.wrapper_options or {})}
            | {key: part.identity() for key, part in self.parts.items()}
            | self._base_weights(),
            "feeds": self.feeds.identity() if self.feeds else None,
        }
        if self.is_trainable:  # other components have no such key: their cells keep their names
            about["weights"] = self.weights.digest if self.weights else "untrained"
        return about

    def _lasting_options(self) -> dict[str, Any]:
        """Its options without those that came later, by its own account, and have their default."""
        later = self.target.later_options
        if not later:
            return self.options
        usual = declared_options(self.target)
        return {
            key: value
            for key, value in self.options.items()
            if key not in later or value != usual[key].default
        }

    def _base_weights(self) -> dict[str, str]:
        """What its option ``checkpoint`` stands for: the file's digest, not where the file is."""
        found = self.target.base_weights(**self.options)
        return {"checkpoint": found} if found else {}

    @property
    def starts_at_random(self) -> bool:
        """Whether the weights that it starts from, before any training here, are random."""
        return self._base_weights().get("checkpoint", "").startswith("random")

    @property
    def distributions(self) -> tuple[str, ...]:
        """The distributions whose code it runs."""
        inner = [*self.parts.values(), *([self.feeds] if self.feeds else [])]
        found = [self.entry.dist, *(dist for part in inner for dist in part.distributions)]
        return tuple(dict.fromkeys(found))

    @property
    def is_trainable(self) -> bool:
        """Whether `hsizoo train` can train it."""
        return issubclass(self.target, interfaces.TrainableSegmenter)

    @property
    def free_options(self) -> frozenset[str]:
        """Options that do not change what is trained, such as the precision, by its own account."""
        if not issubclass(self.target, interfaces.TrainableSegmenter):
            return frozenset()
        return self.target.free_options

    def is_untrained(self) -> bool:
        """Whether its results would come from weights that nobody trained.

        See `hsizoo.TrainableSegmenter.needs_training`: nothing is built to find out.
        """
        if not issubclass(self.target, interfaces.TrainableSegmenter) or self.weights is not None:
            return False
        return self.target.needs_training(**self.options)

    def trained_elsewhere(self, dataset: Resolved) -> str:
        """The dataset that its weights were trained on, if that is another one; otherwise ""."""
        on = self.weights.trained_on if self.weights else ""
        return "" if on == dataset.entry.full_name else on.removeprefix(f"{FIRST_PARTY}/")

    def build(self, device: str = "cpu") -> Any:
        """Make the component; `device` goes to those that take one."""
        keywords = dict(self.options)
        if takes_device(self.target):
            keywords["device"] = device
        component: Any = self.target(**keywords)
        if self.weights is not None:
            component.load_state_dict(self.weights.load(component.frozen_digest))
        if self.wrapper_options is not None:
            from hsizoo.zoo.scoring import ScorerSegmenter

            return ScorerSegmenter(component, **self.wrapper_options)
        if self.feeds is not None:
            return LabeledClassifier(component, self.feeds.build(device))
        return component
