"""Discovery: what a plugin does wrong is its own row, and nobody else's trouble."""

import contextlib
import os
import pickle
import subprocess
import sys
from functools import partial

import pytest

import hsizoo
from hsizoo import ComponentSpec, create, list_components
from hsizoo.errors import MissingRequirement, NameLookupError, PluginError, SpecError
from hsizoo.zoo.factory import resolve
from hsizoo.zoo.names import parse_name
from hsizoo.zoo.registry import Registry, registry
from hsizoo.zoo.spec import KINDS

SCORER = """
    import hsizoo

    @hsizoo.hookimpl
    def hsizoo_components():
        yield hsizoo.ComponentSpec(
            name="{name}", kind="scorer", target="{target}", summary="a fake"
        )
"""
TARGET = '''
    import numpy as np
    import hsizoo

    class Flat(hsizoo.SpectralScorer):
        """Every pixel is equally similar.

        Parameters
        ----------
        level : float, default 0.25
            The score of all pixels.
        """

        def __init__(self, *, level: float = 0.25):
            self.level = level

        def prepare(self, cube):
            return cube.shape[:2]

        def score(self, prepared, references):
            return np.full((len(references), *prepared), self.level, dtype=np.float32)
'''


@pytest.fixture
def eight(fake_dist):
    """Eight distributions, one good and seven that each do something else wrong."""
    good = SCORER.format(name="flat", target="good_target:Flat")
    fake_dist("hsizoo-good", "1.0", {"good": good, "good_target": TARGET}, {"good": "good"})
    fake_dist("hsizoo-import", "1.1", {"bad_import": "import no_such_module"}, {"i": "bad_import"})
    fake_dist("hsizoo-exit", "1.2", {"bad_exit": "import sys; sys.exit(7)"}, {"e": "bad_exit"})
    bad_spec = good.replace('name="flat"', 'name="Bad Name!"')
    fake_dist("hsizoo-spec", "1.3", {"bad_spec": bad_spec}, {"s": "bad_spec"})
    late = good.replace("flat", "early") + "        raise RuntimeError('half\\nway')"
    fake_dist("hsizoo-late", "1.4", {"late": late}, {"l": "late"})
    newer = "HSIZOO_API = 99\n" + good.replace("flat", "newer").replace("\n    ", "\n")
    fake_dist("hsizoo-newer", "9.0", {"newer": newer}, {"n": "newer"})
    clash = SCORER.format(name="flat", target="good_target:Flat")
    fake_dist("hsizoo-clash", "2.0", {"clash": clash}, {"c": "clash"})
    twin = SCORER.format(name="twin", target="good_target:Flat")
    other_twin = SCORER.format(name="other-twin", target="good_target:Flat")
    return fake_dist(
        "hsizoo-twins",
        "3.0",
        {"twin": twin, "other_twin": other_twin},
        {"good": "twin", "g2": "other_twin"},
    )


def rows():
    return {record.dist: record for record in registry().plugins}


REASONS = {
    "hsizoo-import": "No module named 'no_such_module'",
    "hsizoo-exit": "SystemExit: 7",
    "hsizoo-spec": "'Bad Name!' is not valid",
    "hsizoo-late": "RuntimeError: half way",
    "hsizoo-newer": "needs hsizoo plugin API 99, but this hsizoo has 1; upgrade hsizoo",
}


@pytest.mark.parametrize(("dist", "reason"), REASONS.items())
def test_each_failure_is_a_row_with_its_reason(eight, dist, reason):
    assert rows()[dist].status == "failed"
    assert reason in rows()[dist].detail
    assert "\n" not in rows()[dist].detail
    assert "Traceback" in rows()[dist].traceback
    assert rows()[dist].components == []


def test_the_good_ones_are_not_touched_by_the_bad_ones(eight):
    assert rows()["hsizoo-good"].status == "ok"
    assert rows()["hsizoo"].status == "ok"
    names = {entry.full_name for entry in list_components("scorer")}
    assert {"hsizoo-good/flat", "hsizoo-clash/flat", "hsizoo/sa"} <= names
    # Nothing of a plugin whose generator raised late.
    assert not any(name.endswith("/early") for name in names)


def test_twins_of_one_entry_point_name_are_both_loaded(eight):
    # "good" is the entry-point name of hsizoo-good as well as of hsizoo-twins.
    names = {entry.full_name for entry in list_components()}
    assert {"hsizoo-good/flat", "hsizoo-twins/twin", "hsizoo-twins/other-twin"} <= names


def test_a_bare_name_of_two_distributions_is_an_error_that_names_both(eight):
    with pytest.raises(
        NameLookupError, match=r"hsizoo-clash 2.0 and hsizoo-good 1.0.*'hsizoo-clash/flat' or"
    ):
        create("flat")
    assert create("hsizoo-good/flat").level == 0.25
    assert create("hsizoo_good/flat:level=0.5").level == 0.5  # PEP 503 normalisation


def test_the_clash_is_said_in_the_second_row(eight):
    assert (
        rows()["hsizoo-good"].detail == "'flat' is also hsizoo-clash/flat: use 'hsizoo-good/flat'"
    )


def test_a_third_party_cannot_shadow_a_first_party_name(fake_dist):
    fake_dist(
        "aaa-first",
        "1.0",
        {"shadow": SCORER.format(name="sa", target="no:Where")},
        {"aaa": "shadow"},
    )
    assert resolve("sa").entry.dist == "hsizoo"
    assert registry().find(parse_name("aaa-first/sa"), ("scorer",)).dist == "aaa-first"


def test_a_distribution_cannot_offer_a_name_twice(fake_dist):
    code = SCORER.format(name="once", target="x:Y")
    fake_dist("hsizoo-double", "1", {"one": code, "two": code}, {"a": "one", "b": "two"})
    first, second = [r for r in registry().plugins if r.dist == "hsizoo-double"]
    assert (first.status, second.status) == ("ok", "failed")
    assert "already has a scorer named 'once'" in second.detail


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("", "has no hsizoo_components() marked with @hsizoo.hookimpl"),
        (
            "import hsizoo\n@hsizoo.hookimpl\ndef hsizoo_components():\n    return ['sa']\n",
            "yielded 'sa'; expected a ComponentSpec",
        ),
        (
            "import hsizoo\n@hsizoo.hookimpl\ndef hsizoo_components(surprise):\n    return []\n",
            "surprise",
        ),
        ("HSIZOO_API = 'new'", "needs hsizoo plugin API new"),
    ],
)
def test_more_ways_to_be_wrong(fake_dist, code, reason):
    fake_dist("hsizoo-odd", "1", {"odd": code}, {"odd": "odd"})
    assert rows()["hsizoo-odd"].status == "failed"
    assert reason in rows()["hsizoo-odd"].detail


def test_a_plugin_without_components_says_so(fake_dist):
    code = "import hsizoo\n@hsizoo.hookimpl\ndef hsizoo_components():\n    return None\n"
    fake_dist("hsizoo-nil", "1", {"nil": code}, {"nil": "nil"})
    assert (rows()["hsizoo-nil"].status, rows()["hsizoo-nil"].detail) == ("ok", "no components")


def test_no_plugins_leaves_only_our_own(eight, monkeypatch):
    monkeypatch.setenv("HSIZOO_NO_PLUGINS", "1")
    assert {entry.dist for entry in list_components()} == {"hsizoo"}
    assert rows()["hsizoo-exit"].status == "disabled"
    monkeypatch.setenv("HSIZOO_NO_PLUGINS", "0")


def test_strict_raises_and_names_the_plugin(eight, monkeypatch):
    monkeypatch.setenv("HSIZOO_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match=r"plugin 'e' of hsizoo-exit 1.2 failed: SystemExit: 7"):
        list_components()


def test_plugins_are_found_in_the_same_order_every_time(eight):
    once, again = Registry(), Registry()
    assert [r.name for r in once.plugins] == [r.name for r in again.plugins]
    assert [e.full_name for e in once.entries()] == [e.full_name for e in again.entries()]
    assert once.plugins[0].dist == "hsizoo"


@pytest.mark.parametrize("command", [["list"], ["plugins"], ["plugins", "-v"], ["list", "--json"]])
def test_the_command_line_survives_all_eight(eight, command):
    environment = {**os.environ, "PYTHONPATH": str(eight)}
    done = subprocess.run(
        [sys.executable, "-m", "hsizoo", *command],
        capture_output=True, text=True, env=environment, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "flat" in done.stdout or command[0] == "plugins"
    if command[0] == "plugins":
        flat = " ".join(done.stdout.split())
        for dist, reason in REASONS.items():
            assert dist in flat
            assert reason.split(";")[0][:25] in flat
    else:
        assert "5 plugin(s) failed to load" in done.stderr


def test_an_unknown_name_is_answered_with_the_closest(eight):
    with pytest.raises(
        NameLookupError, match=r"'sa-ew'.*Did you mean 'sa-eq'.*5 plugin\(s\) failed"
    ):
        create("sa-ew", "scorer")
    with pytest.raises(NameLookupError, match=r"Did you mean 'hsizoo/sa-eq' or 'hsizoo/sa'\?"):
        create("hsizoo/sa-ew", "scorer")
    with pytest.raises(NameLookupError, match="is a dataset, not a segmenter or scorer"):
        create("indian-pines", "segmenter")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Upper"}, {"name": "1digit"}, {"name": "a--b"}, {"name": ""}, {"name": 3},
        {"kind": "model"}, {"target": "no_colon"}, {"target": "a:b:c"}, {"summary": " "},
        {"version": 2}, {"from_abstract": 1}, {"requires": "sam2"}, {"requires": (1,)},
        {"options": [1]}, {"options": {"a": [1]}}, {"options": {1: "a"}}, {"packaged": "weights"},
        {"packaged": "a:/weights"}, {"packaged": "a:../weights"}, {"packaged": None},
        {"options_type": "options"}, {"options_type": None}, {"files": "a.mat"},
        {"files": ("a.mat",)},
    ],
    ids=str,
)  # fmt: skip
def test_a_malformed_spec_says_what_is_wrong(wrong):
    right = {"name": "x", "kind": "scorer", "target": "a.b:C", "summary": "s"}
    with pytest.raises(SpecError) as caught:
        ComponentSpec(**{**right, **wrong})
    (field, value), message = next(iter(wrong.items())), str(caught.value)
    assert "'x'" in message or field == "name"
    assert field == "summary" or str(value) in message or field == "options"


def test_only_a_dataset_has_files():
    file = hsizoo.PublishedFile("a.mat", "https://example.invalid/a.mat", 0, None, "CC0")
    spec = partial(ComponentSpec, name="x", target="a:B", summary="s", files=[file])
    assert spec(kind="dataset").files == (file,)
    assert pickle.loads(pickle.dumps(spec(kind="dataset"))) == spec(kind="dataset")
    with pytest.raises(SpecError, match="'x': only a dataset has files, not a scorer"):
        spec(kind="scorer")


def test_a_spec_does_not_change_with_its_dict():
    options = {"a": 1}
    spec = ComponentSpec(name="x", kind="scorer", target="a:B", summary="s", options=options)
    options["a"] = 2
    assert spec.options["a"] == 1
    with pytest.raises(TypeError):
        spec.options["a"] = 3


def shipped():
    return [entry for entry in list_components() if entry.dist == "hsizoo"]


def test_every_shipped_component_has_a_card():
    assert {entry.spec.kind for entry in shipped()} <= set(KINDS)
    for entry in shipped():
        assert entry.spec.summary
        assert entry.spec.licence


def test_every_shipped_component_can_be_built_or_says_where_its_weights_go():
    """No card points nowhere, and every preset is an option of its class."""
    for entry in shipped():
        # Nano's encoder is drawn where its weights are not packaged; the others are Meta's.
        by_meta = "Meta" in entry.spec.weights
        outcome = (
            pytest.raises(MissingRequirement, match="HSIZOO_OFFLINE is set")
            if by_meta
            else contextlib.nullcontext()
        )
        with outcome:
            create(entry.full_name, entry.spec.kind, device="cpu")


def test_every_option_of_every_shipped_component_is_documented():
    from hsizoo.zoo.options import declared_options

    for entry in list_components():
        for option in declared_options(resolve(entry.full_name, entry.spec.kind).target).values():
            assert option.doc, f"{entry.full_name}: option {option.name} has no description"


def test_a_spec_can_be_sent_to_another_process():
    spec = ComponentSpec(
        name="x", kind="scorer", target="a:B", summary="s", options={"a": 1}, requires=("b",)
    )
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_a_third_party_segmenter_does_not_take_the_place_of_our_scorer(fake_dist):
    code = SCORER.format(name="sa", target="no:Where").replace('"scorer"', '"segmenter"')
    fake_dist("aaa-first", "1.0", {"shadow": code}, {"aaa": "shadow"})
    assert resolve("sa", "segmenter").entry.dist == "hsizoo"
    assert resolve("sa").entry.dist == "hsizoo"
    assert rows()["aaa-first"].detail == "'sa' is also hsizoo/sa: use 'aaa-first/sa'"
