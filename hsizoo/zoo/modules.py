"""Find a module without importing it, nor the packages that it is in."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec

__all__ = ["find_module"]


def find_module(name: str) -> ModuleSpec | None:
    """Find where a module is.

    `importlib.util.find_spec` imports the packages of a dotted name, which may do anything.

    Parameters
    ----------
    name : str
        Absolute name, ``package.module``.

    Returns
    -------
    ModuleSpec or None
        None if it is not there.

    Examples
    --------
    >>> find_module("json.decoder").name
    'json.decoder'
    >>> find_module("json.nowhere") is None
    True
    """
    top, *others = name.split(".")
    try:
        found = find_spec(top)
        for other in others:
            if found is None or found.submodule_search_locations is None:
                return _imported(name)
            found = _find_inside(f"{found.name}.{other}", list(found.submodule_search_locations))
    except Exception:  # noqa: BLE001 (a finder of somebody else, or a module without a spec)
        found = None
    return found or _imported(name)


def _find_inside(name: str, folders: list[str]) -> ModuleSpec | None:
    for finder in sys.meta_path:
        found = finder.find_spec(name, folders)
        if found is not None:
            return found
    return None


def _imported(name: str) -> ModuleSpec | None:
    """Modules that are no files, as ``os.path``."""
    module = sys.modules.get(name)
    return None if module is None else getattr(module, "__spec__", None)
