"""Copies of the same code are described alike, other code is not."""

import shutil
import sys

import pytest

import hsizoo.zoo.registry
from hsizoo.engine.surroundings import code_digest, surroundings

PLUGIN = {"shapes": "import hsizoo\n\n@hsizoo.hookimpl\ndef hsizoo_components():\n    return []\n"}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Make a package ``some_package`` in a folder, found there only."""

    def make(folder, **files):
        root = tmp_path / folder / "some_package"
        root.mkdir(parents=True)
        for name, text in {"__init__": "", **files}.items():
            (root / f"{name}.py").write_text(text)
        (root / "notes.txt").write_text(folder)
        monkeypatch.syspath_prepend(root.parent)
        return root

    return make


def test_the_digest_is_of_names_and_contents_of_code(package):
    root = package("a", one="1", two="2")
    first = code_digest("some_package")
    (root / "__pycache__").mkdir()
    (root / "__pycache__" / "one.cpython-311.pyc").write_bytes(b"compiled")
    assert code_digest("some_package") == first
    package("b", one="1", two="2")
    assert code_digest("some_package") == first
    (package("c", one="1") / "inner").mkdir()
    shutil.copy(root / "two.py", root.parents[1] / "c" / "some_package" / "inner" / "two.py")
    assert code_digest("some_package") != first
    package("d", one="1", two="3")
    assert code_digest("some_package") != first
    assert code_digest("some.thing") == code_digest("no_such_thing") == "not found"


def test_a_module_without_a_package_has_a_digest(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lonely_module.py").write_text("1")
    first = code_digest("lonely_module")
    (tmp_path / "lonely_module.py").write_text("2")
    assert code_digest("lonely_module") != first
    assert code_digest("sys") == code_digest("itertools")  # built in: the same in every Python


def test_plugins_are_described_with_what_is_wrong_with_them(fake_dist, monkeypatch):
    root = fake_dist("hsizoo-shapes", "1.5", PLUGIN, {"shapes": "shapes"})
    whole = surroundings()
    assert {"hsizoo", "plugin hsizoo/spectral", "plugin hsizoo-shapes/shapes"} <= set(whole)
    assert whole["plugin hsizoo-shapes/shapes"].startswith("1.5, code ")
    assert str(root) not in str(whole)
    (root / "shapes.py").write_text("raise ValueError('no')\n")
    sys.modules.pop("shapes", None)
    hsizoo.zoo.registry.reset()
    broken = surroundings()["plugin hsizoo-shapes/shapes"]
    assert broken.endswith(", failed: ValueError: no")
    monkeypatch.setenv("HSIZOO_NO_PLUGINS", "1")
    hsizoo.zoo.registry.reset()
    assert "disabled" in surroundings()["plugin hsizoo-shapes/shapes"]
