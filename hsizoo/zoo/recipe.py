"""`Recipe`: a fully resolved component, not built yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import hsizoo.interfaces as interfaces
from hsizoo.errors import ContractError, HsizooError
from hsizoo.weights.trained import TrainedWeights
from hsizoo.zoo.names import Name
from hsizoo.zoo.options import declared_options, takes_device
from hsizoo.zoo.registry import FIRST_PARTY, Entry
from hsizoo.zoo.spec import Kind

if TYPE_CHECKING:
    from hsizoo.weights.files import WeightFile

__all__ = ["Recipe"]

_WEIGHTS = "weights"


@dataclass(frozen=True)
class Recipe:
    """A fully resolved component: its class and the value of each option.

    ``identity()`` returns what a stored result depends on; ``build()`` creates the object.

    Parameters
    ----------
    label : str
        Name as the user typed it.
    name : Name
        The component's own name with the given options, without the classifier that it feeds.
    entry : Entry
    target : type
        The component's class.
    options : dict
        The value of each option.
    wrapper_options : dict, optional
        Options of `hsizoo.ScorerSegmenter`, if this is a scorer used as a segmenter.
    feeds : Recipe, optional
        The classifier, if this is a pseudo-labeler in front of one.
    weights : TrainedWeights, optional
        Weights to load into a trainable segmenter.
    nested : dict of str to Recipe
        Components named by its options.
    """

    label: str
    name: Name
    entry: Entry
    target: type[interfaces.Component]
    options: dict[str, Any]
    wrapper_options: dict[str, Any] | None = None
    feeds: Recipe | None = None
    weights: TrainedWeights | None = None
    nested: dict[str, Recipe] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """Kind of the component that `build` returns."""
        if self.feeds is not None:
            return "classifier"
        return "segmenter" if self.wrapper_options is not None else self.entry.spec.kind

    def identity(self) -> dict[str, Any]:
        """Return everything about the component that its results depend on, as plain values."""
        about = {
            "component": self.entry.full_name,
            "version": self.entry.spec.version,
            # A component named by an option counts by its identity, not by its spelling.
            "options": {**self._identity_options(), **(self.wrapper_options or {})}
            | {key: part.identity() for key, part in self.nested.items()}
            | self._base_weights(),
            "feeds": self.feeds.identity() if self.feeds else None,
        }
        if self.is_trainable:  # without this key in others, the keys of their cells stay the same
            about["weights"] = self.weights.digest if self.weights else "untrained"
        return about

    def _identity_options(self) -> dict[str, Any]:
        """Options without those at their default that the class declares as `later_options`."""
        later = self.target.later_options
        if not later:
            return self.options
        declared = declared_options(self.target)
        return {
            key: value
            for key, value in self.options.items()
            if key not in later or value != declared[key].default
        }

    def _base_weights(self) -> dict[str, str]:
        """The option ``checkpoint`` as the digest of the file instead of its path."""
        found = self.target.base_weights(**self.options)
        return {"checkpoint": found} if found else {}

    @property
    def starts_at_random(self) -> bool:
        """Whether its initial weights, before any training here, are random."""
        return self._base_weights().get("checkpoint", "").startswith("random")

    @property
    def distributions(self) -> tuple[str, ...]:
        """Distributions whose code it runs."""
        return tuple(dict.fromkeys(each.entry.dist for each in self.walk()))

    def walk(self) -> Iterator[Recipe]:
        """Yield itself and all components it uses: those in its options, and the one it feeds."""
        yield self
        for inner in (*self.nested.values(), *([self.feeds] if self.feeds else [])):
            yield from inner.walk()

    def pinned(self) -> str:
        """Return its name with the resolved weights in place of ``weights=auto``.

        Resolving that name again gives the same `identity`, unless a file has changed; a training
        that finishes in between has no effect.
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
    def name_without_weights(self) -> str:
        """Its own name with the options given, except the one that chooses trained weights."""
        options = {key: value for key, value in self.name.options.items() if key != _WEIGHTS}
        return str(Name(self.name.base, self.name.dist, options))

    def weight_files(self) -> tuple[WeightFile, ...]:
        """Published files that it is built from, and those of the components that it uses."""
        found = (each.target.weight_files(**each.options) for each in self.walk())
        return tuple(dict.fromkeys(file for files in found for file in files))

    @property
    def is_trainable(self) -> bool:
        """Whether `hsizoo train` can train it."""
        return issubclass(self.target, interfaces.TrainableSegmenter)

    @property
    def free_options(self) -> frozenset[str]:
        """Options that the class declares not to affect training, such as the precision."""
        if not issubclass(self.target, interfaces.TrainableSegmenter):
            return frozenset()
        return self.target.free_options

    def is_untrained(self) -> bool:
        """Whether its results would come from untrained weights; builds nothing.

        See `hsizoo.TrainableSegmenter.needs_training`.
        """
        if not issubclass(self.target, interfaces.TrainableSegmenter) or self.weights is not None:
            return False
        return self.target.needs_training(**self.options)

    def trained_elsewhere(self, dataset: Recipe) -> str:
        """Return the dataset its weights were trained on if that is another one, otherwise ""."""
        on = self.weights.trained_on if self.weights else ""
        return "" if on == dataset.entry.full_name else on.removeprefix(f"{FIRST_PARTY}/")

    def build(self, device: str = "cpu") -> Any:
        """Build the component; `device` is passed if its constructor takes one.

        Raises
        ------
        ContractError
            If its constructor fails otherwise than by an error of hsizoo or of the system.
        """
        keywords = dict(self.options)
        if takes_device(self.target):
            keywords["device"] = device
        try:
            component: Any = self.target(**keywords)
        except (HsizooError, OSError, MemoryError):  # told as they are
            raise
        except Exception as error:
            given = ", ".join(f"{key}={value!r}" for key, value in self.options.items())
            raise ContractError(
                f"{self.entry.full_name} cannot be built{given and f' with {given}'}: "
                f"{type(error).__name__}: {error}"
            ) from error
        if self.weights is not None:
            component.load_state_dict(self.weights.load(component.frozen_digest))
        if self.wrapper_options is not None:
            from hsizoo.zoo.scoring import ScorerSegmenter

            return ScorerSegmenter(component, **self.wrapper_options)
        if self.feeds is not None:
            from hsizoo.zoo.composition import LabeledClassifier  # imports NumPy

            return LabeledClassifier(component, self.feeds.build(device))
        return component
