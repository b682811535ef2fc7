"""Default run folders: one per dataset, protocol and settings, named in words where these do.

The plain run of a dataset is in ``hsizoo-runs/<dataset><suffix of the protocol>``.  Whatever
differs from the defaults is added: ``phantom-seed=1``, ``indian-pines-few-labels-shots=3``,
``phantom-split=train``.  A short digest ends the name where words do not suffice: for a folder of
the user's own, which may have namesakes elsewhere, and for long or awkward values.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hsizoo.documents import user_path
from hsizoo.errors import NameLookupError
from hsizoo.interfaces import Protocol
from hsizoo.zoo.names import Name
from hsizoo.zoo.options import declared_options
from hsizoo.zoo.recipe import Recipe
from hsizoo.zoo.registry import registry

__all__ = ["DEFAULT_FOLDER", "plain_folder", "run_folder"]

DEFAULT_FOLDER = "hsizoo-runs"

_LONGEST = 50  # characters of a dataset's options in a name, and of all other settings
_OWN = ("folder", "path")  # the dataset that is any folder, and its option
_PLACES = ("path", "data_dir")  # options that are paths

_Setting = tuple[str, str, str]
"""What a setting is called, its value in words, and what identifies the value."""


def plain_folder(dataset: Recipe, protocol: Protocol) -> Path:
    """Return the folder that the dataset would have with all settings at their defaults."""
    return Path(DEFAULT_FOLDER) / f"{_short_name(dataset)}{protocol.folder_suffix}"


def run_folder(
    dataset: Recipe,
    protocol: Protocol,
    *,
    split: str | None = None,
    scenes: Sequence[str] | None = None,
    perturbations: Sequence[str] = ("none",),
    fold: Mapping[str, int] | None = None,
    limit: int | None = None,
) -> Path:
    """Return the default folder of a run; runs whose settings differ have different ones.

    Components and seeds do not count: they add rows to a table, or cells to its rows.

    Parameters
    ----------
    dataset : Recipe
    protocol : Protocol
    split : str, optional
        None for the default.
    scenes : sequence of str, optional
        None for all scenes of the split.
    perturbations : sequence of str, default ("none",)
    fold : mapping, optional
        ``folds``, ``fold`` and ``split_seed``, if a fold is tested.
    limit : int, optional
        Largest number of scenes.
    """
    name = _short_name(dataset)
    before = list(_options(dataset))
    exact = [f"{key}={identity}" for key, _, identity in before]
    own = dataset.options.get(_OWN[1]) if dataset.entry.spec.name == _OWN[0] else None
    if own:
        before = [each for each in before if each[0] != _OWN[1]]
        name = _plain(_absolute(own).name) or "root"
    after = list(_changed(protocol))
    for key, given in (("split", split and [split]), ("scene", scenes), ("perturb", perturbations)):
        if given is not None and [*given] != ["none"]:
            whole = json.dumps([*given])
            joins = any("+" in each for each in given)  # so that + would not tell them apart
            after.append((key, whole if joins else "+".join(given), whole))
    for key, number in {**(fold or {}), "limit": limit}.items():
        if number is not None and (key, number) != ("split_seed", 0):
            after.append((key, str(number), str(number)))
    exact += ["", *(f"{key}={identity}" for key, _, identity in after)]
    is_exact, parts = not own, ["", ""]
    for place, settings in enumerate((before, after)):
        for key, value, _ in settings:
            word = f"-{key}={_plain(value)}"
            fits = len(parts[place] + word) <= _LONGEST
            # Some file systems do not tell capitals from small letters.
            is_exact = is_exact and _plain(value) == value.lower() and fits
            parts[place] += word if fits else ""
    digest = hashlib.sha256("\n".join(exact).encode()).hexdigest()[:8]
    end = "" if is_exact else f"-{digest}"
    return Path(DEFAULT_FOLDER) / f"{name}{parts[0]}{protocol.folder_suffix}{parts[1]}{end}"


def _short_name(dataset: Recipe) -> str:
    """The name of a dataset; with its distribution if that is needed to tell it from others."""
    entry = dataset.entry
    try:
        if registry().find(Name(entry.spec.name), ("dataset",)) == entry:
            return entry.spec.name
    except NameLookupError:  # several distributions have one
        pass
    return f"{entry.dist}+{entry.spec.name}"


def _options(dataset: Recipe) -> Iterator[_Setting]:
    """The options that differ from those of the bare name."""
    presets = dataset.entry.spec.options
    for name, option in declared_options(dataset.target).items():
        value = dataset.options[name]
        if value == presets.get(name, option.default):
            continue
        if name in _PLACES and isinstance(value, str):
            # The same name may stand for another folder in another place.
            yield name, f"{_absolute(value).name}/", str(_absolute(value))
        else:
            yield name, _in_words(value), _in_words(value)


def _changed(protocol: Protocol) -> Iterator[_Setting]:
    """The settings that differ from the defaults of the protocol's class."""
    for name, option in declared_options(type(protocol)).items():
        value = getattr(protocol, name, option.default)
        if value != option.default:
            yield name, _in_words(value), _in_words(value)


def _absolute(path: str) -> Path:
    return user_path(path).resolve()


def _in_words(value: Any) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _plain(text: str) -> str:
    """A text as part of the name of a folder."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", text).strip("_")
