"""``hsizoo.toml`` as its page describes it."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

import hsizoo
from hsizoo.io.manifest import Manifest, read_manifest

PAGE = Path(hsizoo.__file__).resolve().parents[1] / "docs" / "folders.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="hsizoo is installed without its sources")


def test_the_page_shows_every_setting(tmp_path):
    shown = set()
    for block in re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(), re.M | re.S):
        (tmp_path / "hsizoo.toml").write_text(block)
        manifest, default = read_manifest(tmp_path), Manifest(folder=tmp_path)
        names = [each.name for each in fields(Manifest)]
        shown |= {name for name in names if getattr(manifest, name) != getattr(default, name)}
    assert shown == {each.name for each in fields(Manifest)} - {"folder"}


def test_the_subject_of_the_page(tmp_path):
    (pattern,) = re.findall(r"^subject = '(.*?)'", PAGE.read_text(), re.M)
    assert re.search(pattern, "day1/pig12_a.hdr")[1] == "pig12"
