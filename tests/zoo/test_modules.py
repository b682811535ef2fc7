"""Modules are found without being imported."""

import sys

import pytest

from hsizoo.zoo.modules import find_module


def test_a_package_that_may_not_be_imported(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "explosive" / "inner").mkdir(parents=True)
    for folder in ("explosive", "explosive/inner"):
        (tmp_path / folder / "__init__.py").write_text("raise SystemExit(7)")
    (tmp_path / "explosive" / "inner" / "leaf.py").write_text("")
    for name in ("explosive", "explosive.inner", "explosive.inner.leaf"):
        assert find_module(name).name == name
    for name in ("explosive.outer", "explosive.inner.leaf.bud", "implosive"):
        assert find_module(name) is None
    assert not any(name.startswith("explosive") for name in sys.modules)


def test_a_namespace_over_two_folders(tmp_path, monkeypatch):
    for half in ("left", "right"):
        (tmp_path / half / "spread").mkdir(parents=True)
        (tmp_path / half / "spread" / f"{half}.py").write_text("")
        monkeypatch.syspath_prepend(tmp_path / half)
    assert find_module("spread.left") is not None
    assert find_module("spread.right") is not None


@pytest.mark.parametrize("name", ["os.path", "sys", "json", "xml.etree.ElementTree"])
def test_modules_of_python(name):
    assert find_module(name) is not None


def test_a_module_without_a_spec(monkeypatch):
    monkeypatch.setitem(sys.modules, "halfway", type(sys)("halfway"))
    assert find_module("halfway") is None
    assert find_module("halfway.there") is None
