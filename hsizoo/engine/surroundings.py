"""What the results of an environment depend on, so that machines can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from hsizoo.zoo.registry import registry

__all__ = ["code_digest", "differences", "surroundings"]

_SUFFIXES = {".py", *(suffix[suffix.rindex(".") :] for suffix in EXTENSION_SUFFIXES)}


def surroundings() -> dict[str, str]:
    """Describe the code of hsizoo and of its plugins.

    Returns
    -------
    dict of str to str
        By name (``hsizoo``, ``plugin acme/shapes``): version and digest of the code, or why it
        failed to load.  Another copy of the same code has the same description.
    """
    try:
        own = version("hsizoo")
    except PackageNotFoundError:  # run from its sources
        own = "(not installed)"
    found = {"hsizoo": f"{own}, code {code_digest('hsizoo')}"}
    for plugin in registry().plugins:
        package = plugin.module.partition(":")[0].partition(".")[0]
        about = f"{plugin.version}, code {code_digest(package)}"
        if plugin.status != "ok":
            about += f", {plugin.status}: {plugin.detail}"
        found[f"plugin {plugin.dist}/{plugin.name}"] = about
    return found


def code_digest(package: str) -> str:
    """First 12 hexadecimal digits of the SHA-256 of a package's code: names and contents.

    Parameters
    ----------
    package : str
        Name of a top-level package or module; it is not imported.

    Examples
    --------
    >>> code_digest("hsizoo") == code_digest("json")
    False
    >>> code_digest("no_such_package")
    'not found'
    """
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return "not found"
    sha = hashlib.sha256()
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    files = [(path, root) for root in folders for path in root.rglob("*")]
    if not folders and spec.origin:
        files = [(Path(spec.origin), Path(spec.origin).parent)]
    code = [(path.relative_to(root).as_posix(), path) for path, root in files if _is_code(path)]
    for name, path in sorted(code):
        sha.update(f"{name}:{path.stat().st_size};".encode())
        sha.update(path.read_bytes())
    return sha.hexdigest()[:12]


def _is_code(path: Path) -> bool:
    return path.suffix in _SUFFIXES and path.is_file()


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """Say in which of the things named here another machine differs.

    Parameters
    ----------
    here, there : mapping of str to str
        What `surroundings` returned on either machine.

    Returns
    -------
    list of str
        One line per difference.  What is there only changes no result and is not listed.

    Examples
    --------
    >>> differences({"hsizoo": "1.0", "plugin a/b": "2"}, {"hsizoo": "1.1"})
    ['hsizoo is 1.1 there, 1.0 here', 'plugin a/b is missing there, 2 here']
    """
    return [
        f"{name} is {there.get(name, 'missing')} there, {value} here"
        for name, value in here.items()
        if there.get(name) != value
    ]
