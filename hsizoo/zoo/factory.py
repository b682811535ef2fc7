"""Build components from names.

>>> from hsizoo import create
>>> create("sa-rw:scorer=ace,beta=50", device="cuda")                    # doctest: +SKIP
>>> create("hsizoo/sa", kind="segmenter")                                # doctest: +SKIP

Trainable segmenters have one option beyond those they declare: `WEIGHTS`, the trained weights to
load.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hsizoo.interfaces as interfaces
from hsizoo.documents import user_path
from hsizoo.errors import (
    ContractError,
    DataError,
    MissingRequirement,
    NameLookupError,
    OptionError,
    did_you_mean,
)
from hsizoo.weights.trained import TrainedWeights, find_weights, open_weights
from hsizoo.zoo.added import WEIGHTS, ScorerSegmenterOptions
from hsizoo.zoo.checking import check_same_options, check_values
from hsizoo.zoo.lookup import find_dataset, is_path
from hsizoo.zoo.names import Name, parse_composition, parse_name
from hsizoo.zoo.options import Option, declared_options, resolve_options
from hsizoo.zoo.recipe import Recipe
from hsizoo.zoo.registry import FIRST_PARTY, Entry, normalise, registry
from hsizoo.zoo.scenes import load_listed, scene_infos
from hsizoo.zoo.spec import KINDS, Kind
from hsizoo.zoo.texts import one_line

if TYPE_CHECKING:
    from hsizoo.cube import Scene

__all__ = [
    "WEIGHTS",
    "auto_weights",
    "create",
    "import_target",
    "load_dataset",
    "load_scene",
    "options_of",
    "resolve",
    "with_data_dir",
]

_DATA_DIR = "data_dir"

_INTERFACE: dict[Kind, type[interfaces.Component]] = {
    "scorer": interfaces.SpectralScorer,
    "segmenter": interfaces.InteractiveSegmenter,
    "pseudo-labeler": interfaces.PseudoLabeler,
    "classifier": interfaces.PixelClassifier,
    "dataset": interfaces.SceneDataset,
    "protocol": interfaces.Protocol,
}


def resolve(
    text: str,
    kind: Kind | None = None,
    *,
    on_dataset: Recipe | None = None,
    fold: Mapping[str, int] | None = None,
    **options: Any,
) -> Recipe:
    """Resolve a name to a component and its options, without building it.

    Parameters
    ----------
    text : str
        ``name``, ``dist/name``, ``name:key=value,…`` or ``labeler+classifier``.  For a dataset,
        also the path of a folder of cubes, which begins with ``/``, ``./``, ``../`` or ``~``, or
        ends with ``/`` and has no colon.
    kind : str, optional
        Requested kind.  A scorer is wrapped if a segmenter is requested.
    on_dataset : Recipe, optional
        Dataset that the component will be run on; ``weights=auto`` depends on it.
    fold : mapping, optional
        ``folds``, ``fold`` and ``split_seed`` of the subjects that it will be run on;
        ``weights=auto`` prefers weights that were trained on the others.
    **options
        Further options; they override those in the name.

    Raises
    ------
    NameLookupError, OptionError, MissingRequirement, ContractError, DataError
    """
    if kind == "dataset":
        dataset = _resolve_one(find_dataset(text), ("dataset",), options)
        return replace(dataset, label=text) if is_path(text) else dataset
    parts = parse_composition(text)
    if len(parts) == 2:
        if kind not in (None, "classifier"):
            raise NameLookupError(f"{text!r} is a classifier, not a {kind}.")
        classifier = _resolve_one(parts[1], ("classifier",), options)
        labeler = _resolve_one(parts[0], ("pseudo-labeler",), {})
        return replace(labeler, label=text, feeds=classifier)
    kinds: tuple[Kind, ...]
    if kind is None:
        kinds = _only_kind(parts[0])
    elif kind == "segmenter":
        kinds = ("segmenter", "scorer")
    else:
        kinds = (kind,)
    return _resolve_one(parts[0], kinds, options, kind == "segmenter", on_dataset, fold)


def with_data_dir(dataset: str, folder: str) -> str:
    """Add the option ``data_dir`` to the name of a dataset.

    Parameters
    ----------
    dataset : str
        Name of a dataset, optionally with options.
    folder : str
        Folder with its files.

    Raises
    ------
    OptionError
        If the dataset has no such option, or the name already sets it.
    NameLookupError, MissingRequirement, ContractError, DataError
        As `resolve`.
    """
    resolved = resolve(dataset, "dataset")
    if _DATA_DIR not in resolved.options:
        raise OptionError(
            f"--data-dir: {resolved.entry.full_name} has no option {_DATA_DIR}; it reads "
            f"{'the folder of its path' if 'path' in resolved.options else 'no files of yours'}"
        )
    name = parse_name(dataset)
    if _DATA_DIR in name.options:
        raise OptionError(f"--data-dir={folder}: {dataset} already sets {_DATA_DIR}")
    return str(replace(name, options={**name.options, _DATA_DIR: folder}))


def _resolve_one(
    name: Name,
    kinds: tuple[Kind, ...],
    options: dict[str, Any],
    wrap: bool = False,
    on_dataset: Recipe | None = None,
    fold: Mapping[str, int] | None = None,
) -> Recipe:
    entry = registry().find(name, kinds)
    target = import_target(entry)
    declared = declared_options(target)
    given = {**name.options, **options}
    known = options_of(target, wrapped=wrap and entry.spec.kind == "scorer")
    both = resolve_options(entry.full_name, known, entry.spec.options, given)
    own = {key: value for key, value in both.items() if key in declared}
    rest = {key: value for key, value in both.items() if key not in declared}
    check_values(entry, target.Options, own)
    nested = {
        key: _resolve_part(entry, known[key], value)
        for key, value in own.items()
        if known[key].component and value is not None
    }
    as_text = {key: "none" if value is None else str(value) for key, value in given.items()}
    plain = Recipe(
        str(name), Name(name.base, name.dist, as_text), entry, target, own, nested=nested
    )
    if issubclass(target, interfaces.TrainableSegmenter):
        chosen = _choose_weights(rest[WEIGHTS.name], plain, on_dataset, fold)
        return replace(plain, weights=chosen)
    if wrap and entry.spec.kind == "scorer":
        return replace(plain, wrapper_options=rest)
    return plain


def _resolve_part(owner: Entry, option: Option, value: str) -> Recipe:
    """Resolve the component named by an option; a scorer may have options of its wrapper."""
    wanted: Any = "segmenter" if option.component == "scorer" else option.component
    part = resolve(value, wanted)
    if option.component == "scorer" and part.entry.spec.kind != "scorer":
        raise OptionError(
            f"{owner.full_name}: option {option.name}={value!r} must name a scorer; "
            f"{part.entry.full_name} is a {part.entry.spec.kind}"
        )
    return part


def options_of(target: type[interfaces.Component], *, wrapped: bool = False) -> dict[str, Option]:
    """Return all options of a component: its own, and those that hsizoo adds.

    Parameters
    ----------
    target : type
        The component's class.
    wrapped : bool, default False
        Whether it is a scorer used as a segmenter.
    """
    declared = declared_options(target)
    if wrapped:
        wrapper = declared_options(ScorerSegmenterOptions)
        if taken := sorted(set(declared) & set(wrapper)):
            raise ContractError(
                f"{target.__qualname__} declares the option {taken[0]!r}, which hsizoo adds to "
                "every scorer used as a segmenter; give it another name"
            )
        return {**declared, **wrapper}
    if issubclass(target, interfaces.TrainableSegmenter):
        if WEIGHTS.name in declared:
            raise ContractError(
                f"{target.__qualname__} declares the option {WEIGHTS.name!r}, which hsizoo adds to "
                "every trainable segmenter; give it another name, such as 'checkpoint'"
            )
        return {**declared, WEIGHTS.name: WEIGHTS}
    return declared


def auto_weights(
    component: Recipe, dataset: Recipe | None = None, fold: Mapping[str, int] | None = None
) -> TrainedWeights | None:
    """Return the trained weights selected by ``weights=auto``, for a dataset if one is given.

    With a `fold` (see `resolve`), those that were trained with it come before others.  See
    `hsizoo.weights.trained.find_weights` for the order of preference.
    """
    return find_weights(
        component.entry.full_name,
        component.identity()["options"],
        # Weights trained on another checkpoint do not fit; with a path, `frozen_digest` decides.
        component.free_options - {"checkpoint"},
        component.entry.spec.version,
        dataset=dataset.identity() if dataset else None,
        fold=fold,
        packaged=component.entry.packaged,
    )


def _choose_weights(
    text: str, component: Recipe, dataset: Recipe | None, fold: Mapping[str, int] | None
) -> TrainedWeights | None:
    """Return the weights that a value of the option `WEIGHTS` selects for a component."""
    if text == "none":
        return None
    if text == "auto":
        return auto_weights(component, dataset, fold)
    name, packaged = component.entry.full_name, component.entry.packaged
    if text == "packaged" and packaged is None:
        raise DataError(
            f"weights=packaged: {name} ships no trained weights; use weights=auto, or train it "
            f"with `hsizoo train {component.entry.spec.name}`"
        )
    where = packaged if text == "packaged" and packaged else Path(text)
    return open_weights(where).check(
        name,
        component.identity()["options"],
        component.free_options,
        version=component.entry.spec.version,
    )


def _only_kind(name: Name) -> tuple[Kind, ...]:
    """Kind of a name given without one, or all kinds; raise if the name is ambiguous."""
    dist = normalise(name.dist)
    same = [
        entry
        for entry in registry().entries()
        if entry.spec.name == name.base and dist in ("", entry.dist)
    ]
    own = [entry for entry in same if entry.dist == FIRST_PARTY]
    found = {entry.spec.kind for entry in own or same}
    if len(found) > 1:
        raise NameLookupError(
            f"{name.base!r} is a {' and a '.join(sorted(found))}: pass kind= to choose one."
        )
    return tuple(found) or KINDS


def import_target(entry: Entry) -> type[interfaces.Component]:
    """Import the class of a component and check that it implements its interface."""
    spec = entry.spec
    if entry.missing:
        how = f" Install it with: {spec.install}" if spec.install else ""
        raise MissingRequirement(
            f"{entry.full_name} needs {', '.join(entry.missing)}, which is not installed.{how}"
        )
    module, _, attribute = spec.target.partition(":")
    try:
        target = getattr(import_module(module), attribute)
    except KeyboardInterrupt:  # the user's, more likely than the module's
        raise
    except BaseException as error:
        raise ContractError(
            f"{entry.full_name} of {entry.dist} {entry.dist_version}: importing {spec.target} "
            f"failed: {one_line(error)}"
        ) from error
    base = _INTERFACE[spec.kind]
    if not (isinstance(target, type) and issubclass(target, base)):
        raise ContractError(
            f"{entry.full_name}: {spec.target} is a {spec.kind} and must be a subclass of "
            f"hsizoo.{base.__name__}"
        )
    check_same_options(entry, target)
    return target


def create(name: str, kind: Kind | None = None, *, device: str = "auto", **options: Any) -> Any:
    """Build a component from its name.

    Parameters
    ----------
    name : str
        ``name``, ``dist/name``, ``name:key=value,key=value``, or ``labeler+classifier``.
    kind : {"scorer", "segmenter", "pseudo-labeler", "classifier", "dataset"}, optional
        Requested kind; needed only if several kinds share the name.  With ``kind="segmenter"`` a
        scorer is wrapped in `hsizoo.ScorerSegmenter`.
    device : str, default "auto"
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    **options
        Options of the component; they override those in the name.

    Raises
    ------
    NameLookupError
        If there is no such component, or several.
    OptionError
        For an unknown option or an invalid value.
    MissingRequirement
        If a package that the component needs is not installed; the message gives the command that
        installs it.

    Examples
    --------
    >>> create("sa", kind="segmenter", aggregate="mean")                 # doctest: +SKIP
    """
    resolved = resolve(name, kind, **options)
    if resolved.kind in ("dataset", "protocol"):
        return resolved.build()
    from hsizoo.zoo.device import resolve_device

    return resolved.build(resolve_device(device))


def load_dataset(name: str, **options: Any) -> interfaces.SceneDataset:
    """Build a dataset from its name; see `create`."""
    dataset: interfaces.SceneDataset = create(name, "dataset", **options)
    return dataset


def load_scene(name: str | os.PathLike[str], scene: int | str = 0, **options: Any) -> Scene:
    """Load one scene: of a dataset, of a folder of cubes, or a single file.

    Parameters
    ----------
    name : str or path
        Dataset, optionally with options (``phantom:height=256,width=256``), or the path of a
        folder of cubes (``./cubes/``), or that of one cube with its mask in the same file or beside
        it.
    scene : int or str, default 0
        Index of the scene, from 0, or its name; not for a single file.

    Raises
    ------
    NameLookupError, OptionError, MissingRequirement
        As for `create`; also if there is no such scene.
    DataError
        If a file cannot be read, or has no mask.
    """
    from hsizoo.io.formats import is_store

    path = user_path(name)
    # A dataset's name has no ending, so a file of the same name in the working folder is not meant.
    if path.suffix and (path.is_file() or is_store(path)):
        if options or scene != 0:
            raise OptionError(f"{path} is a single file: it has one scene and takes no options")
        from hsizoo.io.scenes import read_scene

        return read_scene(path)
    name = os.fspath(name)
    dataset = load_dataset(name, **options)
    infos = scene_infos(dataset)
    names = [info.name for info in infos]
    if isinstance(scene, str):
        if scene not in names:
            raise NameLookupError(f"{name} has no scene {scene!r}.{did_you_mean(scene, names)}")
        scene = names.index(scene)
    if not 0 <= scene < len(names):
        raise NameLookupError(
            f"{name} has {len(names)} scene(s), numbered from 0; there is no scene {scene}"
        )
    return load_listed(dataset, scene, infos)
