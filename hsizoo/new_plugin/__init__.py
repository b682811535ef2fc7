"""A new plugin package from a template: what `hsizoo new-plugin` writes."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from hsizoo.errors import DataError, NameLookupError, StoreError
from hsizoo.zoo.spec import NAME_PATTERN, PLUGIN_API

__all__ = ["PLUGIN_KINDS", "NewPlugin", "make_plugin", "write_plugin"]


@dataclass(frozen=True)
class _Kind:
    kind: str  # of the spec
    what: str  # one line for the spec and the README
    try_out: str  # command in the README; {} is the component


PLUGIN_KINDS: Mapping[str, _Kind] = {
    "scorer": _Kind(
        "scorer",
        "similarity of spectra by their relative distance",
        "hsizoo bench sa {} --dataset phantom",
    ),
    "segmenter": _Kind(
        "segmenter",
        "nearest clicked spectrum",
        "hsizoo bench sa-rw {} --dataset phantom --robot ritm  # a user with negative clicks, too",
    ),
    "trainable": _Kind(
        "segmenter",
        "a small network on the clicked spectra",
        "hsizoo train {} --dataset phantom --epochs 4 --lr 0.01 --set robot=ritm\n"
        "hsizoo bench sa-rw {} --dataset phantom --robot ritm",
    ),
    "pseudo-labeler": _Kind(
        "pseudo-labeler",
        "labels for pixels that resemble a labelled one",
        "hsizoo bench svm {}+svm --dataset indian-pines --shots 5",
    ),
    "classifier": _Kind(
        "classifier", "nearest class mean", "hsizoo bench svm {} --dataset indian-pines --shots 5"
    ),
    "dataset": _Kind(
        "dataset", "the files of a folder, or two computed scenes", "hsizoo bench sa --dataset {}"
    ),
    "protocol": _Kind(
        "protocol",
        "one click in the middle of each class",
        "hsizoo bench sa --dataset phantom --protocol {}",
    ),
}
"""What a package can be made of, by the word that users type."""


@dataclass(frozen=True)
class NewPlugin:
    """A package that is not yet written.

    Parameters
    ----------
    dist, package : str
        Name of the distribution, and of the package to import.
    components : mapping of str to str
        Kind, as the user typed it, by name of the component.
    texts : mapping of str to str
        Content by path below the package's folder.
    """

    dist: str
    package: str
    components: Mapping[str, str]
    texts: Mapping[str, str]


def make_plugin(
    name: str, kinds: Iterable[str], version: str, *, taken: Collection[str] = ()
) -> NewPlugin:
    """Fill in the template.

    Parameters
    ----------
    name : str
        Name of the method: lower-case letters, digits and single ``-``.  The distribution becomes
        ``hsizoo-<name>``.  The component has this name if there is one, else ``<name>-<kind>``.
    kinds : iterable of str
        Of `PLUGIN_KINDS`, each at most once.
    version : str
        Version of hsizoo that the package is for.
    taken : collection of str, optional
        Names that no component can have, as hsizoo's own have them.

    Raises
    ------
    NameLookupError
        If the name cannot be one or is taken, or a kind is unknown.
    """
    name = name.strip().removeprefix("hsizoo-")
    package = "hsizoo_" + re.sub(r"[-.]", "_", name)
    if not re.fullmatch(NAME_PATTERN, name) or not package.isidentifier():
        raise NameLookupError(
            f"{name!r} cannot be the name of a component: use lower-case letters, digits and "
            "single '-' or '_' between them, starting with a letter; such as hsizoo new-plugin "
            "my-method"
        )
    wanted = list(dict.fromkeys(kinds))
    for kind in wanted:
        if kind not in PLUGIN_KINDS:
            raise NameLookupError(f"--kind {kind}: expected one of {', '.join(PLUGIN_KINDS)}")
    if not wanted:
        raise NameLookupError(f"name what it holds: --kind {' or --kind '.join(PLUGIN_KINDS)}")
    named = {(name if len(wanted) == 1 else f"{name}-{kind}"): kind for kind in wanted}
    if both := [each for each in named if each in taken]:
        raise NameLookupError(
            f"{both[0]!r} is a component of hsizoo itself, and `hsizoo bench {both[0]}` would run "
            f"that one; choose another name, such as hsizoo new-plugin my-{name}"
        )
    major, minor = (int(part) for part in version.split(".")[:2])
    title = name.replace("-", " ").replace("_", " ").replace(".", " ")
    common = {
        "name": name,
        "dist": f"hsizoo-{name.replace('_', '-').replace('.', '-')}",
        "package": package,
        "title": title,
        "entry": package.removeprefix("hsizoo_"),
        "summary": f"{title[:1].upper()}{title[1:]}: {_listed(wanted)}",
        "lowest": f"{major}.{minor}",
        "next": f"{major}.{minor + 1}",
        "api": str(PLUGIN_API),
        "bench": "\n".join(
            PLUGIN_KINDS[kind].try_out.replace("{}", each) for each, kind in named.items()
        ),
        "listing": "\n".join(
            f"- `{each}`, a {PLUGIN_KINDS[kind].kind}: {PLUGIN_KINDS[kind].what} "
            f"(`src/{package}/{_module(kind)}.py`)"
            for each, kind in named.items()
        ),
        "specs": "\n".join(_spec(each, kind, package, name) for each, kind in named.items()),
    }
    trained = next((each for each, kind in named.items() if kind == "trainable"), "")
    common["weights"] = _filled("weights.md", {**common, "trained": trained}) if trained else ""
    source = f"src/{package}"
    texts = {
        "pyproject.toml": _filled("pyproject.toml", common),
        "README.md": _filled("README.md", common),
        "LICENSE": (files(__name__) / "files" / "LICENSE").read_text("utf-8"),
        ".gitignore": _filled("gitignore", common),
        ".github/workflows/test.yml": _filled("workflow.yml", common),
        f"{source}/__init__.py": "",
        f"{source}/plugin.py": _filled("plugin.py", common),
        "tests/test_contract.py": _filled("test_contract.py", common),
    }
    for each, kind in named.items():
        about = {**common, "name": each, "class": _class_name(name, kind)}
        texts[f"{source}/{_module(kind)}.py"] = _filled(f"kinds/{_module(kind)}.py", about)
    return NewPlugin(common["dist"], package, named, texts)


def write_plugin(plugin: NewPlugin, folder: Path) -> Path:
    """Write a package into a folder of its own, ``<folder>/<dist>``, and return that.

    Raises
    ------
    DataError
        If it is there already; nothing is overwritten.
    StoreError
        If it cannot be written.
    """
    place = folder / plugin.dist
    if place.exists():
        raise DataError(
            f"{place} is there already; choose another name, or another folder with --out"
        )
    try:
        for name, text in plugin.texts.items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {place}: {error.strerror or error}") from error
    return place


def _filled(name: str, values: Mapping[str, str]) -> str:
    text = (files(__name__) / "files" / f"{name}.tmpl").read_text("utf-8")
    return Template(text).substitute(values)


def _module(kind: str) -> str:
    return kind.replace("-", "_")


def _class_name(name: str, kind: str) -> str:
    words = re.split(r"[-_.]", f"{name}-{kind}")
    made = "".join(word[:1].upper() + word[1:] for word in words)
    return f"{made}_" if keyword.iskeyword(made) else made


def _spec(name: str, kind: str, package: str, method: str) -> str:
    about = PLUGIN_KINDS[kind]
    lines = [
        "yield hsizoo.ComponentSpec(",
        f'    name="{name}",',
        f'    kind="{about.kind}",',
        f'    target="{package}.{_module(kind)}:{_class_name(method, kind)}",',
        f'    summary="{about.what}",',
        '    paper="",  # citation or DOI',
    ]
    if kind == "trainable":
        lines.append(f'    packaged="{package}:weights/{name}",  # need not exist yet')
    return "\n".join(f"    {line}" for line in [*lines, ")"])


def _listed(kinds: list[str]) -> str:
    words = [f"a {kind}" if kind != "trainable" else "a trainable segmenter" for kind in kinds]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
