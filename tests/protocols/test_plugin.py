"""Both protocols are components, and asking for their options costs no heavy import."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hsizoo.interfaces import Protocol
from hsizoo.protocols import plugin
from hsizoo.zoo.factory import import_target
from hsizoo.zoo.registry import Entry

SPECS = list(plugin.hsizoo_components())

LIGHT = """
import sys
from hsizoo.zoo.options import declared_options
import hsizoo.protocols.plugin
from hsizoo.protocols.interactive.protocol import InteractiveProtocol
from hsizoo.protocols.few_label.protocol import FewLabelProtocol
from hsizoo.errors import HsizooError
for kind in (InteractiveProtocol, FewLabelProtocol):
    print(*declared_options(kind))
    kind.from_config(kind().config())
for wrong in ({"robot": "ritmm"}, {"robot": "ritm:jiter=2"}, {"clicks": 0}):
    try:
        InteractiveProtocol(**wrong)
    except HsizooError:
        pass
    else:
        raise AssertionError(wrong)
heavy = {"numpy", "scipy", "torch", "matplotlib", "skimage", "sklearn"} & set(sys.modules)
assert not heavy, heavy
"""


def test_options_and_checks_need_neither_numpy_nor_torch():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["robot clicks threshold", "shots draw gap block"]


def test_the_plugin_is_declared():
    declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    points = declared["project"]["entry-points"]["hsizoo.plugins"]
    assert points["protocols"] == plugin.__name__


@pytest.mark.parametrize("spec", SPECS, ids=[spec.name for spec in SPECS])
def test_specs_agree_with_their_classes(spec):
    target = import_target(Entry(spec, "hsizoo", "0"))
    assert issubclass(target, Protocol)
    assert (target.name, spec.kind) == (spec.name, "protocol")
    assert target() == target.from_config(target().config())
    assert set(target.default_for) <= set(target.kinds)


def test_each_kind_has_one_protocol_by_default():
    kinds = [kind for spec in SPECS for kind in import_target(Entry(spec, "", "")).default_for]
    assert sorted(kinds) == ["classifier", "scorer", "segmenter"]
