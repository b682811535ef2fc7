"""What `hsizoo new-plugin` writes holds all contracts, before a line of it is changed."""

import sys

import pytest

from hsizoo.new_plugin import PLUGIN_KINDS, make_plugin, write_plugin
from hsizoo.testing import run_checks
from hsizoo.testing.finding import find_checked


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLUGIN_KINDS)
def test_a_package_passes_as_it_is_written(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    made = make_plugin(f"tried-{kind}", [kind], "0.2.0")
    (found,) = find_checked(str(write_plugin(made, tmp_path)))
    outcomes = list(run_checks(found.name, found.kind))
    assert [each for each in outcomes if each.status in ("failed", "advice")] == []
    assert sum(each.status == "passed" for each in outcomes) > 15
