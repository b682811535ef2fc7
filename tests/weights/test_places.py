"""Folders of weights and data."""

import os
from pathlib import Path

import pytest

from hsizoo.weights.places import data_folders, home, is_offline


def test_home_is_the_users_cache_unless_set(monkeypatch, tmp_path):
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path / "home"))
    assert home() == tmp_path / "home"
    monkeypatch.delenv("HSIZOO_HOME")
    assert home().name == "hsizoo"


def test_data_are_searched_in_the_users_folders_first(monkeypatch, tmp_path):
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path))
    assert data_folders() == [tmp_path / "data"]
    monkeypatch.setenv("HSIZOO_DATA", os.pathsep.join(["one", "", "~/two"]))
    assert data_folders() == [Path("one"), Path("~/two").expanduser(), tmp_path / "data"]
    assert data_folders("~/own") == [Path("~/own").expanduser()]


@pytest.mark.parametrize(
    ("value", "offline"), [(None, False), ("", False), ("0", False), ("1", True)]
)
def test_offline(monkeypatch, value, offline):
    monkeypatch.delenv("HSIZOO_OFFLINE")
    if value is not None:
        monkeypatch.setenv("HSIZOO_OFFLINE", value)
    assert is_offline() == offline
