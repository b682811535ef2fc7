"""The map of the house: floors, doors, and no circle of files."""

import re
import tomllib
from pathlib import Path

import grimp
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

import hsizoo

ROOT = Path(hsizoo.__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").exists(), reason="hsizoo is installed without its sources"
)

PUBLIC = {
    "arrays", "clicks", "cube", "documents", "errors", "interfaces", "io", "progress",
    "wavelengths",
}  # fmt: skip
"""Rooms that plugins may import from, besides `hsizoo` itself."""


def settings():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


def contract(beginning):
    (found,) = (c for c in settings()["contracts"] if c["name"].startswith(beginning))
    return found


def floors():
    """From the ground up, each a list of rooms."""
    layers = contract("Floors")["layers"]
    return [[room.strip() for room in layer.split("|")] for layer in reversed(layers)]


def test_every_room_has_a_floor():
    here = {
        path.stem
        for path in (ROOT / "hsizoo").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert {room for floor in floors() for room in floor} == here - {"__init__", "__main__"}


def test_plugins_may_use_the_public_rooms_only():
    rooms = {room for floor in floors() for room in floor}
    forbidden = contract("Plugins use the public API only")["forbidden_modules"]
    assert set(forbidden) == {f"hsizoo.{room}" for room in rooms - PUBLIC}


def test_the_documents_tell_the_same_floors():
    section = (ROOT / "docs" / "house.md").read_text()
    listed = re.findall(r"^\| `(.+?)` \|", section.partition("\n## ")[0], re.M)
    assert [line.split("`, `") for line in listed] == list(reversed(floors()))


def test_no_file_imports_itself_through_others():
    packages = settings()["root_packages"]
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=True, cache_dir=None)
    modules = sorted(graph.modules)
    number = {name: place for place, name in enumerate(modules)}
    pairs = [
        (number[name], number[other])
        for name in modules
        for other in graph.find_modules_directly_imported_by(name)
    ]
    rows, columns = zip(*pairs, strict=True)
    edges = coo_array(([1] * len(pairs), (rows, columns)), shape=(len(modules), len(modules)))
    _, labels = connected_components(edges, connection="strong")
    circles = {}
    for name, label in zip(modules, labels.tolist(), strict=True):
        circles.setdefault(label, []).append(name)
    assert [names for names in circles.values() if len(names) > 1] == []


@pytest.mark.parametrize("room", ["engine", "report", "runs", "cli"])
def test_no_room_but_its_own_knows_a_protocol(room):
    """Examples in docstrings and comments may name one; code may not."""
    code = []
    for path in sorted((ROOT / "hsizoo" / room).rglob("*.py")):
        text = re.sub(r'""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.S)
        lines = (line.partition("#")[0] for line in text.splitlines())
        code += [f"{path.name}: {line}" for line in lines if PROTOCOL.search(line)]
    assert code == []


PROTOCOL = re.compile(
    r"few.?label|\bshots\b|interactive|protocols\.box|FewLabel|Interactive|BoxProtocol"
)
