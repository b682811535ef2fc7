"""Building components from names.

>>> from hsizoo import create
>>> create("sa-rw:scorer=ace,beta=50", device="cuda")                    # doctest: +SKIP
>>> create("hsizoo/sa", kind="segmenter")                                # doctest: +SKIP
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import hsizoo.interfaces as interfaces
from hsizoo.components import KINDS, Kind
from hsizoo.engine.composition import LabeledClassifier
from hsizoo.errors import ContractError, MissingRequirement, NameLookupError
from hsizoo.names import Name, parse_composition
from hsizoo.options import declared_options, resolve_options, takes_device
from hsizoo.registry import Entry, normalise, one_line, registry

if TYPE_CHECKING:
    from hsizoo.cube import Scene

__all__ = ["Resolved", "create", "import_target", "load_dataset", "load_scene", "resolve"]

_INTERFACE: dict[Kind, type] = {
    "scorer": interfaces.SpectralScorer,
    "segmenter": interfaces.InteractiveSegmenter,
    "pseudo-labeler": interfaces.PseudoLabeler,
    "classifier": interfaces.PixelClassifier,
    "dataset": interfaces.SceneDataset,
}


@dataclass(frozen=True)
class Resolved:
    """A name with everything decided: which component, and the value of each option.

    ``identity()`` is what a stored result depends on; ``build()`` makes the object.
    """

    label: str
    entry: Entry
    target: type
    options: dict[str, Any]
    wrapper_options: dict[str, Any] | None = None
    feeds: Resolved | None = None  # the classifier, where this is a pseudo-labeler in front of it

    @property
    def kind(self) -> Kind:
        """The kind of what `build` returns."""
        if self.feeds is not None:
            return "classifier"
        return "segmenter" if self.wrapper_options is not None else self.entry.spec.kind

    def identity(self) -> dict[str, Any]:
        """Everything about the component that its results depend on, as plain values."""
        return {
            "component": self.entry.full_name,
            "version": self.entry.spec.version,
            "options": {**self.options, **(self.wrapper_options or {})},
            "feeds": self.feeds.identity() if self.feeds else None,
        }

    def build(self, device: str = "cpu") -> Any:
        """Make the component; `device` goes to those that take one."""
        keywords = dict(self.options)
        if takes_device(self.target):
            keywords["device"] = device
        component = self.target(**keywords)
        if self.wrapper_options is not None:
            from hsizoo.engine.scoring import ScorerSegmenter

            return ScorerSegmenter(component, **self.wrapper_options)
        if self.feeds is not None:
            return LabeledClassifier(component, self.feeds.build(device))
        return component


def resolve(text: str, kind: Kind | None = None, **options: Any) -> Resolved:
    """Find what a name means and settle its options, without building it.

    Parameters
    ----------
    text : str
        ``name``, ``dist/name``, ``name:key=value,…`` or ``labeler+classifier``.
    kind : str, optional
        What is wanted.  A scorer is wrapped where a segmenter is wanted.
    **options
        Further options; they override those in the name.

    Raises
    ------
    NameLookupError, OptionError, MissingRequirement, ContractError
    """
    parts = parse_composition(text)
    if len(parts) == 2:
        if kind not in (None, "classifier"):
            raise NameLookupError(f"{text!r} is a classifier, not a {kind}.")
        classifier = _resolve_one(parts[1], ("classifier",), options)
        labeler = _resolve_one(parts[0], ("pseudo-labeler",), {})
        return Resolved(text, labeler.entry, labeler.target, labeler.options, feeds=classifier)
    kinds: tuple[Kind, ...]
    if kind is None:
        kinds = _only_kind(parts[0])
    elif kind == "segmenter":
        kinds = ("segmenter", "scorer")
    else:
        kinds = (kind,)
    return _resolve_one(parts[0], kinds, options, wrap=kind == "segmenter")


def _resolve_one(
    name: Name, kinds: tuple[Kind, ...], options: dict[str, Any], wrap: bool = False
) -> Resolved:
    entry = registry().find(name, kinds)
    target = import_target(entry)
    declared = declared_options(target)
    given = {**name.options, **options}
    if not (wrap and entry.spec.kind == "scorer"):
        resolved = resolve_options(entry.full_name, declared, entry.spec.options, given)
        return Resolved(str(name), entry, target, resolved)
    from hsizoo.engine.scoring import ScorerSegmenter

    around = declared_options(ScorerSegmenter)
    both = resolve_options(entry.full_name, {**around, **declared}, entry.spec.options, given)
    own = {key: value for key, value in both.items() if key in declared}
    rest = {key: value for key, value in both.items() if key not in declared}
    return Resolved(str(name), entry, target, own, wrapper_options=rest)


def _only_kind(name: Name) -> tuple[Kind, ...]:
    """The kind of a name that is asked for without one, if there is no doubt."""
    dist = normalise(name.dist)
    found = {
        entry.spec.kind
        for entry in registry().entries()
        if entry.spec.name == name.base and dist in ("", entry.dist)
    }
    if len(found) > 1:
        raise NameLookupError(
            f"{name.base!r} is a {' and a '.join(sorted(found))}: pass kind= to say which."
        )
    return tuple(found) or KINDS


def import_target(entry: Entry) -> type:
    """Import the class of a component and check that it implements its interface."""
    spec = entry.spec
    if entry.missing:
        how = f" Install it with: {spec.install}" if spec.install else ""
        raise MissingRequirement(
            f"{entry.full_name} needs {', '.join(entry.missing)}, not installed here.{how}"
        )
    module, _, attribute = spec.target.partition(":")
    try:
        target = getattr(import_module(module), attribute)
    except (Exception, SystemExit) as error:
        raise ContractError(
            f"{entry.full_name} of {entry.dist} {entry.dist_version}: importing {spec.target} "
            f"failed: {one_line(error)}"
        ) from error
    base = _INTERFACE[spec.kind]
    if not (isinstance(target, type) and issubclass(target, base)):
        raise ContractError(
            f"{entry.full_name}: {spec.target} is not a subclass of hsizoo.{base.__name__}, "
            f"which a {spec.kind} must be"
        )
    return target


def create(name: str, kind: Kind | None = None, *, device: str = "auto", **options: Any) -> Any:
    """Build a component from its name.

    Parameters
    ----------
    name : str
        ``name``, ``dist/name``, ``name:key=value,key=value``, or ``labeler+classifier``.
    kind : {"scorer", "segmenter", "pseudo-labeler", "classifier", "dataset"}, optional
        What is wanted; needed only where one name has several kinds.  With ``kind="segmenter"``
        a scorer is wrapped in `hsizoo.ScorerSegmenter`.
    device : str, default "auto"
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    **options
        Options of the component; they override those in the name.

    Raises
    ------
    NameLookupError
        No such component, or several.
    OptionError
        An option that the component does not have, or a value that it cannot take.
    MissingRequirement
        A package that the component needs is not installed; the message says what to type.

    Examples
    --------
    >>> create("sa", kind="segmenter", aggregate="mean")                 # doctest: +SKIP
    """
    resolved = resolve(name, kind, **options)
    if resolved.kind == "dataset":
        return resolved.build()
    from hsizoo.engine.device import resolve_device

    return resolved.build(resolve_device(device))


def load_dataset(name: str, **options: Any) -> interfaces.SceneDataset:
    """Build a dataset from its name; see `create`."""
    dataset: interfaces.SceneDataset = create(name, "dataset", **options)
    return dataset


def load_scene(name: str, index: int = 0, **options: Any) -> Scene:
    """Load one scene of a dataset.

    Parameters
    ----------
    name : str
        The dataset, with options if need be (``phantom:height=256,width=256``).
    index : int, default 0
        Number of the scene, from 0.
    """
    dataset = load_dataset(name, **options)
    if not 0 <= index < len(dataset):
        raise NameLookupError(
            f"{name} has {len(dataset)} scene(s), numbered from 0; there is no scene {index}"
        )
    return dataset.scene(index)
