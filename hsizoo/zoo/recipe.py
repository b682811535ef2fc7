"""`Recipe`: a name with everything decided, before anything is built."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import hsizoo.interfaces as interfaces
from hsizoo.weights.trained import TrainedWeights
from hsizoo.zoo.names import Name
from hsizoo.zoo.options import declared_options, takes_device
from hsizoo.zoo.registry import FIRST_PARTY, Entry
from hsizoo.zoo.spec import Kind

__all__ = ["Recipe"]

_WEIGHTS = "weights"


@dataclass(frozen=True)
class Recipe:
    """A name with everything decided: which component, and the value of each option.

    ``identity()`` is what a stored result depends on; ``build()`` makes the object.

    Parameters
    ----------
    label : str
        What the user typed.
    name : Name
        The component's own name with the options that were given, without what it feeds.
    entry : Entry
    target : type
        The component's class.
    options : dict
        The value of each of its options.
    wrapper_options : dict, optional
        Options of `hsizoo.ScorerSegmenter`, where this is a scorer that stands for a segmenter.
    feeds : Recipe, optional
        The classifier, where this is a pseudo-labeler in front of it.
    weights : TrainedWeights, optional
        What to load into a trainable segmenter.
    nested : dict of str to Recipe
        The components that its options name.
    """

    label: str
    name: Name
    entry: Entry
    target: type
    options: dict[str, Any]
    wrapper_options: dict[str, Any] | None = None
    feeds: Recipe | None = None
    weights: TrainedWeights | None = None
    nested: dict[str, Recipe] = field(default_factory=dict)

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
            | {key: part.identity() for key, part in self.nested.items()}
            | self._base_weights(),
            "feeds": self.feeds.identity() if self.feeds else None,
        }
        if self.is_trainable:  # other components have no such key: their cells keep their names
            about["weights"] = self.weights.digest if self.weights else "untrained"
        return about

    def _lasting_options(self) -> dict[str, Any]:
        """Its options without those that came later, by its own account, and have their default."""
        later: frozenset[str] = getattr(self.target, "later_options", frozenset())
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
        of_options = getattr(self.target, "base_weights", None)
        return {"checkpoint": of_options(**self.options)} if of_options else {}

    @property
    def starts_at_random(self) -> bool:
        """Whether the weights that it starts from, before any training here, are random."""
        return self._base_weights().get("checkpoint", "").startswith("random")

    @property
    def distributions(self) -> tuple[str, ...]:
        """The distributions whose code it runs."""
        return tuple(dict.fromkeys(each.entry.dist for each in self.walk()))

    def walk(self) -> Iterator[Recipe]:
        """Itself and all components that it builds on: those of its options, and what it feeds."""
        yield self
        for inner in (*self.nested.values(), *([self.feeds] if self.feeds else [])):
            yield from inner.walk()

    def pinned(self) -> str:
        """Its name with the very weights that were chosen in place of ``weights=auto``.

        Wherever it is resolved again it has the same `identity`, unless a file has changed since:
        a training that ends in between changes nothing.
        """
        options = dict(self.name.options)
        for key, inner in self.nested.items():
            if (text := inner.pinned()) != self.options[key]:
                options[key] = text
        if self.is_trainable:
            options[_WEIGHTS] = str(self.weights.path) if self.weights else "none"
        own = str(Name(self.name.base, self.name.dist, options))
        return f"{own}+{self.feeds.pinned()}" if self.feeds else own

    @property
    def is_trainable(self) -> bool:
        """Whether `hsizoo train` can train it."""
        return issubclass(self.target, interfaces.TrainableSegmenter)

    @property
    def free_options(self) -> frozenset[str]:
        """Options that do not change what is trained, such as the precision, by its own account."""
        return frozenset(getattr(self.target, "free_options", ()))

    def is_untrained(self) -> bool:
        """Whether its results would come from weights that nobody trained.

        A class whose results mean something without training says so by ``needs_training = False``,
        or by a static method of that name that takes the options: nothing is built to find out.
        """
        if not self.is_trainable or self.weights is not None:
            return False
        needs = getattr(self.target, "needs_training", True)
        return bool(needs(**self.options) if callable(needs) else needs)

    def trained_elsewhere(self, dataset: Recipe) -> str:
        """The dataset that its weights were trained on, if that is another one; otherwise ""."""
        on = self.weights.trained_on if self.weights else ""
        return "" if on == dataset.entry.full_name else on.removeprefix(f"{FIRST_PARTY}/")

    def build(self, device: str = "cpu") -> Any:
        """Make the component; `device` goes to those that take one."""
        keywords = dict(self.options)
        if takes_device(self.target):
            keywords["device"] = device
        component = self.target(**keywords)
        if self.weights is not None:
            component.load_state_dict(self.weights.load(component.frozen_digest))
        if self.wrapper_options is not None:
            from hsizoo.zoo.scoring import ScorerSegmenter

            return ScorerSegmenter(component, **self.wrapper_options)
        if self.feeds is not None:
            from hsizoo.zoo.composition import LabeledClassifier  # NumPy, with what it imports

            return LabeledClassifier(component, self.feeds.build(device))
        return component
