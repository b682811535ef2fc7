"""`Subject`: the component that is checked, built anew as often as checks need it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any

from hsizoo.errors import DataError, MissingRequirement
from hsizoo.interfaces import SceneDataset, TrainableSegmenter
from hsizoo.testing.contract import NotApplicable
from hsizoo.testing.examples import BANDS, Example, example
from hsizoo.testing.using import Answer, use
from hsizoo.zoo.factory import import_target, resolve
from hsizoo.zoo.names import parse_name
from hsizoo.zoo.options import takes_device
from hsizoo.zoo.recipe import Recipe
from hsizoo.zoo.registry import Entry, registry
from hsizoo.zoo.spec import KINDS, Kind

__all__ = ["Subject"]

_SEED = 20_260_101


class Subject:
    """A component that is checked.

    Parameters
    ----------
    name : str
        ``name``, ``dist/name``, with options if need be.
    kind : str, optional
        Needed if several kinds share the name.
    slow : bool, default False
        Whether long checks are made, and short ones look at more.
    device : str, default "cpu"
        Device that components are built for.

    Raises
    ------
    NameLookupError
        If there is no such component.
    OptionError
        If the device is not available.
    """

    def __init__(
        self, name: str, kind: Kind | None = None, *, slow: bool = False, device: str = "cpu"
    ) -> None:
        if device != "cpu":
            from hsizoo.zoo.device import resolve_device  # imports torch

            device = resolve_device(device)
        self.name, self.slow, self.device = name, slow, device
        kinds = KINDS if kind is None else (kind,)
        self.entry: Entry = registry().find(parse_name(name), kinds)
        self.kind: Kind = self.entry.spec.kind

    @cached_property
    def target(self) -> type[Any]:
        """The component's class."""
        try:
            return import_target(self.entry)
        except MissingRequirement as error:
            raise NotApplicable(str(error)) from error

    @cached_property
    def recipe(self) -> Recipe:
        """The component with its options; a trainable one with its published weights, if any."""
        _ = self.target
        return resolve(self.name, self.kind)

    @property
    def is_trainable(self) -> bool:
        """Whether `hsizoo train` can train it."""
        return issubclass(self.target, TrainableSegmenter)

    @property
    def is_meaningful(self) -> bool:
        """Whether its answers mean something: it is trained, or need not be."""
        return not self.recipe.is_untrained() and not self._starts_at_random

    @property
    def _starts_at_random(self) -> bool:
        return self.recipe.target.base_weights(**self.recipe.options).startswith("random:")

    @property
    def bands(self) -> int:
        """Number of bands of the examples."""
        return max(BANDS, int(getattr(self.target, "min_bands", 1)))

    def example(self, seed: int = 0, **about: Any) -> Example:
        """Make an example anew, so that nothing that a component did to another is in it."""
        return example(seed, **{"bands": self.bands, **about})

    def make(self, *, untrained: bool = False, seed: int = _SEED, **options: Any) -> Any:
        """Build a component anew.

        Parameters
        ----------
        untrained : bool, default False
            Without trained weights.
        seed : int, optional
            Of torch's random numbers, for initial weights.
        **options
            Options, in place of those of the name.

        Raises
        ------
        NotApplicable
            If its weights or its data are not here.
        """
        recipe = self.recipe
        if untrained and recipe.weights is not None:
            recipe = replace(recipe, weights=None)
        if options:
            recipe = replace(recipe, options={**recipe.options, **options})
        needs_torch = self.kind not in ("dataset", "protocol") and takes_device(recipe.target)
        if needs_torch or self.is_trainable:
            import torch  # its first import draws and seeds as it likes

            torch.manual_seed(seed)
        try:
            return recipe.build(self.device)
        except MissingRequirement as error:
            raise NotApplicable(str(error)) from error
        except DataError as error:
            if self.kind == "dataset":
                raise NotApplicable(str(error)) from error
            raise

    def use(self, component: Any, given: Example, seed: int = 0) -> Answer:
        """Use a component as hsizoo does; its answers by name.

        Raises
        ------
        NotApplicable
            If the files of a dataset are not here.
        """
        with _no_warnings():
            if isinstance(component, SceneDataset):
                try:
                    component.place()
                    return use(self.kind, component, given, seed)
                except MissingRequirement as error:
                    raise NotApplicable(str(error)) from error
            return use(self.kind, component, given, seed)


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Warnings are no fault, even where a test suite turns them into errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
