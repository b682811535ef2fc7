"""Pages that say what the code says: components, commands, Python names, options and columns.

Written before Sphinx reads any page, into folders that git ignores.  `docs/components.toml` and
`hsizoo/report/references.bib` add what the code does not know: equations, how a component was
verified, and citations.
"""

from __future__ import annotations

import inspect
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Any

import hsizoo
from hsizoo.zoo.factory import import_target, options_of
from hsizoo.zoo.options import Option, declared_options
from hsizoo.zoo.registry import Entry, registry

__all__ = [
    "FOLDERS",
    "Family",
    "anchors_of_commands",
    "families",
    "known_texts",
    "pages_of_components",
    "pages_of_names",
    "references",
    "setup",
    "write_all",
]

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
FOLDERS = ("components", "reference/python", "_parts")
"""Folders below ``docs`` that hold generated files only."""

WIDTH = 78
"""Columns of the help of commands, which fit into a page."""

HEADINGS = {
    "scorer": ("Spectral scorers", "How like a clicked spectrum is each pixel's?"),
    "segmenter": ("Segmenters", "Masks from clicks."),
    "classifier": ("Classifiers", "A map of all classes from a few labelled pixels."),
    "pseudo-labeler": ("Pseudo-labelers", "More labels from a few, for any classifier."),
    "dataset": ("Data sets", "Scenes with their truth."),
    "protocol": ("Protocols", "Ways to evaluate components."),
}

PYTHON = {
    "everyday": (
        "Everyday work",
        "Read a cube, click, classify, run a benchmark, train.",
        ["read_cube", "load_scene", "load_dataset", "list_components", "create", "classify",
         "Session", "apply_references", "bench", "reproduce", "write_report", "train",
         "train_several"],
    ),
    "types": (
        "Cubes, clicks and results",
        "What functions take and return.",
        ["HyperCube", "LabelMap", "Scene", "Clicks", "ClassMap", "Reproduction", "RunResult",
         "TrainResult"],
    ),
    "interfaces": (
        "Interfaces",
        "The abstract classes that components implement.  All that hsizoo reads of a component is "
        "here.",
        ["Component", "SpectralScorer", "InteractiveSegmenter", "TrainableSegmenter",
         "PixelClassifier", "PseudoLabeler", "PseudoLabels", "SceneDataset", "SceneInfo",
         "DatasetCard", "Protocol", "Column", "Observation", "View", "Chart", "Series", "Matrix",
         "ClassMaps", "Overlay"],
    ),
    "plugins": (
        "Helpers for components",
        "What a plugin may use besides the interfaces.",
        ["ComponentSpec", "hookimpl", "PublishedFile", "WeightFile", "locate", "locate_data",
         "home", "data_folders", "load_state", "check_state", "state_digest", "embedding_cache",
         "embedding_key", "EmbeddingCache", "EmbeddingKey", "ScorerSegmenter", "tell_progress",
         "keep_mask", "HsizooError"],
    ),
}  # fmt: skip
"""Title, introduction and names of the pages about ``hsizoo.__all__``."""


class Family:
    """Components of one kind with the same class, such as the sizes of a network.

    Parameters
    ----------
    entries : sequence of Entry
        At least one.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = sorted(entries, key=lambda entry: entry.spec.name)
        self.kind = entries[0].spec.kind
        self.target = import_target(entries[0])
        names = [entry.spec.name for entry in self.entries]
        start = _beginning(names)
        end = _beginning([name[len(start) :][::-1] for name in names])[::-1]
        self.name = names[0] if len(names) == 1 else start.rstrip("-.") + end
        self.page = f"docs/components/{self.kind}s/{self.name}"

    @property
    def title(self) -> str:
        """Its name; with the kind, if something else has the name too."""
        shared = sum(family.name == self.name for family in families()) > 1
        return f"{self.name} ({self.kind})" if shared else self.name

    @property
    def key(self) -> str:
        """Name in `components.toml`."""
        return f"{self.kind}/{self.name}"

    @property
    def source(self) -> str:
        """Path of the module below the root of the repository."""
        # By the name of the module: hsizoo may be installed, and its files lie elsewhere.
        module = Path(*self.target.__module__.split("."))
        for folder in (ROOT, ROOT / "plugins"):
            for path in (folder / module.with_suffix(".py"), folder / module / "__init__.py"):
                if path.is_file():
                    return path.relative_to(ROOT).as_posix()
        raise LookupError(f"{self.target.__module__} is not below {ROOT}")


def _beginning(names: Sequence[str]) -> str:
    """What all of them begin with."""
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return "".join(letters[0] for letters in alike)


@cache
def families() -> tuple[Family, ...]:
    """All first-party components, by kind and name."""
    grouped: dict[tuple[str, str], list[Entry]] = {}
    for entry in registry().entries():
        grouped.setdefault((entry.spec.kind, entry.spec.target), []).append(entry)
    made = [Family(entries) for entries in grouped.values()]
    order = list(HEADINGS)
    return tuple(sorted(made, key=lambda family: (order.index(family.kind), family.name)))


@cache
def pages_of_components() -> Mapping[str, str]:
    """Page of each name that users type; the first kind, in the order of `HEADINGS`, wins."""
    pages: dict[str, str] = {}
    for family in families():
        for name in [family.name, *(entry.spec.name for entry in family.entries)]:
            pages.setdefault(name, family.page)
    return pages


@cache
def pages_of_names() -> Mapping[str, str]:
    """Page of each public name of Python that has a heading of its own."""
    return {
        name: f"docs/reference/python/{page}"
        for page, (_, _, names) in PYTHON.items()
        for name in names
        if name != "hookimpl"
    }


@cache
def known_texts() -> Mapping[str, Mapping[str, Any]]:
    """What `components.toml` says, by key of a family."""
    return tomllib.loads((DOCS / "components.toml").read_text(encoding="utf-8"))


@cache
def references() -> Mapping[str, str]:
    """BibTeX entries by their key."""
    from hsizoo.report.bibliography import known_entries

    return {key: each.text for key, each in known_entries().items()}


# --- from reStructuredText in docstrings to Markdown ---------------------------------------------


def _inline(text: str) -> str:
    """Inline marks of a docstring in Markdown; what is special in Markdown only is escaped."""
    parts = re.split(r"(``.+?``|`[^`]+`|\*\*.+?\*\*)", " ".join(text.split()))
    for place, part in enumerate(parts):
        if part.startswith("**"):
            continue
        if part.startswith("`"):
            parts[place] = f"`{part.strip('`')}`"
        else:
            plain = re.sub(r"([\\*_<>\[\]|#$])", r"\\\1", part)
            parts[place] = re.sub(r"\bINFERRED\b", "**INFERRED**", plain)
    return "".join(parts)


def _rst(text: str) -> str:
    """A docstring as it is, in a block that docutils reads; headings become rubrics."""
    plain = re.sub(r"^(\S.*)\n[-=]{3,}$", r".. rubric:: \1", inspect.cleandoc(text), flags=re.M)
    return f"````{{eval-rst}}\n{plain}\n````\n"


def _described(docstring: str | None) -> str:
    """A class's docstring without the sections that are shown otherwise."""
    text = inspect.cleandoc(docstring or "")
    parts = re.split(r"^(\w[\w ]*)\n-{3,}$\n?", text, flags=re.M)
    kept = [parts[0].strip()]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        if title in ("Notes", "References", "Policies"):
            kept.append(f"**{title}**\n\n{inspect.cleandoc(body)}")
    return "\n\n".join(kept)


def _option(name: str, option: Option, default: Any) -> str:
    shown = "none" if default is None else str(default)
    told = f"default `{shown}`" if shown else "empty by default"
    kind = f", name of a {option.component}" if option.component else ""
    return f"`{name}`\n: {_inline(option.expects)}{kind}; {told}.  {_inline(option.doc)}\n"


def _options(options: Mapping[str, Option], presets: Mapping[str, Any] | None = None) -> str:
    presets = presets or {}
    return "\n".join(
        _option(name, option, presets.get(name, option.default)) for name, option in options.items()
    )


# --- components ----------------------------------------------------------------------------------


def _facts(family: Family) -> list[tuple[str, str]]:
    spec = family.entries[0].spec
    names = ", ".join(f"`{entry.spec.name}`" for entry in family.entries)
    papers = {entry.spec.paper: None for entry in family.entries if entry.spec.paper}
    licences = {entry.spec.licence: None for entry in family.entries}
    weights: dict[str, list[str]] = {}
    for entry in family.entries:
        where = "in the package" if entry.packaged else entry.spec.weights or "none needed"
        weights.setdefault(where, []).append(f"`{entry.spec.name}`")
    told = [
        _inline(where) if len(weights) == 1 else f"{', '.join(names)}: {_inline(where)}"
        for where, names in weights.items()
    ]
    return [
        ("Names" if len(family.entries) > 1 else "Name", names),
        ("Paper", "; ".join(map(_inline, papers))),
        ("Licence of the code" if family.kind != "dataset" else "Licence",
         "; ".join(map(_inline, licences))),
        ("Weights", "; ".join(told) if family.kind in ("segmenter",) else ""),
        ("Version of its results", _inline(spec.version)),
        ("Class", f"`{spec.target}`, in `{family.source}`"),
    ]  # fmt: skip


def _card(entry: Entry) -> str:
    """What is known of weights that come with the package."""
    path = entry.packaged
    if path is None or not (path / "card.json").is_file():
        return ""
    import json

    card = json.loads((path / "card.json").read_text(encoding="utf-8"))
    scores = ", ".join(
        f"{name} {value:.3f}" for name, value in card["metrics"].items() if name.startswith("dice")
    )
    return (
        f"`{entry.spec.name}`\n: {card['trainable_parameters']:,} trained parameters; trained on "
        f"`{card['dataset']['name']}` ({len(card['subjects']['train'])} subjects, seed "
        f"{card['seed']}) by `{card['command']}`; on its validation subjects {scores}; SHA-256 "
        f"`{card['digest'][:12]}…`.  {_inline(card.get('limits', ''))}\n"
    )


def _dataset_card(family: Family) -> str:
    card = family.target.card
    rows = [
        ("Title", card.title), ("Size", card.size), ("Source", card.source),
        ("Licence of the data", card.licence), ("To cite", card.citation),
        ("How to get it", card.how_to_get), ("Notes", card.notes),
    ]  # fmt: skip
    return _table(("", ""), [(name, _linked(text)) for name, text in rows if text])


def _linked(text: str) -> str:
    """With addresses and DOIs as links."""
    made = re.sub(r"(https?://[^\s;,)]+)", r"<\1>", _inline(text).replace("\\_", "_"))
    return re.sub(r"\bdoi:(10\.\d+/[^\s;,)]+)", r"[doi:\1](https://doi.org/\1)", made)


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heading) + " |", "|" + "---|" * len(heading)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _component(family: Family) -> str:
    known = known_texts().get(family.key, {})
    spec = family.entries[0].spec
    module = sys.modules[family.target.__module__]
    options = options_of(family.target, wrapped=family.kind == "scorer")
    parts = [f"# {family.title}\n", f"{_inline(spec.summary)}.\n"]
    if len(family.entries) > 1:
        parts[1] = "\n".join(
            f"- `{entry.spec.name}`: {_inline(entry.spec.summary)}" for entry in family.entries
        ) + "\n"  # fmt: skip
    parts.append(_table(("", ""), [(name, text) for name, text in _facts(family) if text]))
    if family.kind == "dataset":
        parts += ["## Card\n", _dataset_card(family)]
    parts += ["## What it does\n", _rst(_described(family.target.__doc__))]
    if family.kind not in ("dataset", "protocol") and module.__doc__:
        parts += ["### Method and source\n", _rst(module.__doc__)]
    if equation := known.get("equation"):
        parts += ["## Equation\n", f"```{{math}}\n{equation.strip()}\n```\n"]
        parts += [f"{known['where'].strip()}\n"] if "where" in known else []
    if options:
        inferred = sum("INFERRED" in option.doc for option in options.values())
        parts += ["## Options\n"]
        if inferred:
            parts.append(
                f"The text of {inferred} of {len(options)} says INFERRED: the paper leaves the "
                "value open, and this is our choice "
                "([what that means](../../concepts.md#inferred)).\n"
            )
        parts.append(_options(options, spec.options if len(family.entries) == 1 else {}))
        name = next(iter(options))
        value = spec.options.get(name, options[name].default)
        value = next((each for each in options[name].choices if each != value), value)
        parts.append(f"Set one like this: `{spec.name}:{name}={value}`.\n")
    if cards := [text for entry in family.entries if (text := _card(entry))]:
        parts += ["## Weights in the package\n", *cards]
    parts += ["## How it was verified\n", known.get("verified", "").strip() + "\n"]
    if tests := known.get("tests"):
        parts.append("Tests: " + ", ".join(f"`{test}`" for test in tests) + ".\n")
    if measured := known.get("measured"):
        parts += ["## Measured\n", measured.strip() + "\n"]
    parts.append("## To cite\n")
    if cite := known.get("cite"):
        parts += [f"```bibtex\n{references()[key]}\n```\n" for key in cite]
    parts.append("And [hsizoo itself](../../cite.md).\n")
    return "\n".join(parts)


def _index_of_components() -> str:
    parts = [
        "# Components\n",
        "Everything that has a name.  In the terminal: `hsizoo list` and `hsizoo info NAME`.  "
        "Names that differ in size only share a page.\n",
    ]
    for kind, (title, what) in HEADINGS.items():
        mine = [family for family in families() if family.kind == kind]
        parts += [f"## {title}\n", f"{what}\n"]
        rows = [
            (
                f"[{family.name}]({kind}s/{family.name}.md)",
                _inline(family.entries[0].spec.summary)
                if len(family.entries) == 1
                else ", ".join(f"`{entry.spec.name}`" for entry in family.entries),
            )
            for family in mine
        ]
        parts.append(_table(("name", "what it is"), rows))
        listed = "\n".join(f"{kind}s/{family.name}" for family in mine)
        parts.append(f"```{{toctree}}\n:hidden:\n:caption: {title}\n\n{listed}\n```\n")
    return "\n".join(parts)


# --- commands ------------------------------------------------------------------------------------


def _commands() -> Iterable[tuple[str, Any, Any]]:
    """Each command as typed, with its click object and context."""
    from typer.main import get_command

    from hsizoo.cli import app

    def below(command: Any, typed: str, parent: Any) -> Iterable[tuple[str, Any, Any]]:
        context = command.context_class(
            command, parent, typed.rpartition(" ")[2],
            **{**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH},
        )  # fmt: skip
        if hasattr(command, "commands"):
            for name, each in command.commands.items():
                yield from below(each, f"{typed} {name}", context)
        else:
            yield typed, command, context

    return below(get_command(app), "hsizoo", None)


@cache
def anchors_of_commands() -> Mapping[str, str]:
    """Anchor on the page of commands, by command as typed."""
    return {typed: typed.replace(" ", "-") for typed, *_ in _commands()}


def _command_page() -> str:
    parts = [
        "# Commands\n",
        "What `hsizoo COMMAND --help` prints, for every command.  `--json`, where there is one, "
        "is for programs.  A command exits with 0 if all went well, with 1 if a part failed that "
        "the message names, and with 2 if it could not begin.\n",
    ]
    for typed, command, context in _commands():
        with context:
            text = command.get_help(context)
        first = (command.get_short_help_str(200) or "").rstrip(".")
        parts += [f"## {typed}\n", f"{_inline(first)}.\n", f"````text\n{text.rstrip()}\n````\n"]
    return "\n".join(parts)


# --- Python --------------------------------------------------------------------------------------


def _python_pages() -> Iterable[tuple[str, str]]:
    listed = []
    for page, (title, intro, names) in PYTHON.items():
        parts = [f"# {title}\n", f"{intro}\n"]
        for name in names:
            shown = getattr(hsizoo, name)
            kind = "autoclass" if inspect.isclass(shown) else "autofunction"
            if name == "hookimpl":
                parts += [_hookimpl()]
                continue
            parts += [f"## {name}\n", f"```{{eval-rst}}\n.. {kind}:: hsizoo.{name}\n```\n"]
        yield f"reference/python/{page}.md", "\n".join(parts)
        listed.append((page, intro))
    yield "reference/python/errors.md", _errors()
    yield "reference/python/io.md", _room("io")
    yield "reference/python/testing.md", _room("testing")
    listed += [
        ("errors", "What hsizoo raises."),
        ("io", "Formats: reading and writing."),
        ("testing", "The contract kit, for tests of a plugin."),
    ]
    rows = [(f"[{page}]({page}.md)", what) for page, what in listed]
    tree = "\n".join(page for page, _ in listed)
    yield (
        "reference/python/index.md",
        "# Python\n\n`import hsizoo` takes milliseconds: each name is imported when it is first "
        "used.  All that `hsizoo.__all__` lists is public, and so are `hsizoo.io`, "
        "`hsizoo.errors` and `hsizoo.testing`; other modules may change without notice "
        f"([what is promised](../../stability.md)).\n\n{_table(('page', ''), rows)}\n"
        f"```{{toctree}}\n:hidden:\n\n{tree}\n```\n",
    )


def _hookimpl() -> str:
    return (
        "## hookimpl\n\nMarks the function `hsizoo_components` of a plugin: see "
        "[hooks](../hooks.md).\n"
    )


def _errors() -> str:
    from hsizoo import errors

    parts = [
        "# Errors\n",
        "All are `HsizooError`s.  A message says what was wrong, with the values, and what to do "
        "next.  `except hsizoo.HsizooError` catches all of them.\n",
    ]
    for name, shown in vars(errors).items():
        if inspect.isclass(shown) and issubclass(shown, errors.HsizooError):
            also = [base.__name__ for base in shown.__mro__[1:] if base.__module__ == "builtins"]
            told = f"  For Python it is a `{also[0]}` as well." if also[0] != "Exception" else ""
            parts.append(f"`{name}`\n: {_inline(inspect.getdoc(shown) or '')}{told}\n")
    return "\n".join(parts)


def _room(name: str) -> str:
    """A page about a public room of its own."""
    room = import_module(f"hsizoo.{name}")
    parts = [f"# hsizoo.{name}\n", _rst(room.__doc__ or "")]
    for each in room.__all__:
        shown = getattr(room, each)
        if inspect.isclass(shown) or inspect.isfunction(shown):
            kind = "autoclass" if inspect.isclass(shown) else "autofunction"
            block = f"```{{eval-rst}}\n.. {kind}:: hsizoo.{name}.{each}\n```\n"
            parts += [f"## {each}\n", block]
    return "\n".join(parts)


# --- parts that hand-written pages include --------------------------------------------------------


def _parts() -> Iterable[tuple[str, str]]:
    from hsizoo.protocols.interactive.robots import ROBOTS
    from hsizoo.protocols.perturbations import PERTURBATIONS
    from hsizoo.runs.choose import protocols
    from hsizoo.training.settings import TrainingSettings

    for protocol in protocols().values():
        rows = [
            (f"`{column.heading}`", _inline(column.meaning), column.better or "neither")
            for column in protocol.columns
        ]
        yield (
            f"_parts/columns-{protocol.name}.md",
            _table(("column", "meaning", "better"), rows),
        )
        yield f"_parts/options-{protocol.name}.md", _options(declared_options(protocol))
    yield "_parts/robots.md", _several(ROBOTS)
    yield "_parts/perturbations.md", _several(PERTURBATIONS)
    yield "_parts/training.md", _options(declared_options(TrainingSettings))


def _several(classes: Mapping[str, type]) -> str:
    parts = []
    for name, each in classes.items():
        parts += [f"### {name}\n", _rst(_described(each.__doc__)), _options(declared_options(each))]
    return "\n".join(parts)


# --- writing -------------------------------------------------------------------------------------


def write_all() -> list[str]:
    """Write all generated pages, remove those of components that are gone, and name them."""
    texts = {
        "components/index.md": _index_of_components(),
        "reference/commands.md": _command_page(),
        **dict(_python_pages()),
        **dict(_parts()),
        **{family.page.removeprefix("docs/") + ".md": _component(family) for family in families()},
    }
    for name, text in texts.items():
        path = DOCS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for folder in FOLDERS:
        for path in sorted((DOCS / folder).rglob("*.md")):
            if path.relative_to(DOCS).as_posix() not in texts:
                path.unlink()
    return sorted(texts)


def setup(app: Any) -> dict[str, Any]:
    """Write the pages when Sphinx begins."""
    handler: Callable[[Any], None] = lambda app: write_all() and None  # noqa: E731
    app.connect("builder-inited", handler)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
