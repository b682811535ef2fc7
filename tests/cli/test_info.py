"""``hsizoo info`` with the beginning of a name."""

import json

import pytest
from typer.testing import CliRunner

from hsizoo.cli import app
from hsizoo.errors import NameLookupError
from hsizoo.zoo.registry import registry


def run(*words):
    return CliRunner().invoke(app, ["info", *words], catch_exceptions=False)


@pytest.mark.parametrize("name", ["samsa", "hsizoo/samsa"])
def test_what_begins_so_is_listed_with_its_summary(name):
    done = run(name)
    assert done.exit_code == 0
    mine = [entry for entry in registry().entries() if entry.spec.name.startswith("samsa")]
    assert len(mine) == 11
    for entry in mine:
        assert f"  {entry.spec.name}  " in done.stdout
        assert entry.spec.summary in done.stdout
    assert "samson" not in done.stdout
    listed = json.loads(run(name, "--json").stdout)
    assert [each["name"] for each in listed] == [entry.spec.name for entry in mine]


def test_a_whole_name_is_a_card_though_others_begin_so():
    assert json.loads(run("sa", "--json").stdout)["name"] == "hsizoo/sa"


@pytest.mark.parametrize("name", ["ssa", "samsaa", "samsa:scorer=ace", "their/samsa"])
def test_otherwise_it_is_an_error(name):
    with pytest.raises(NameLookupError, match="is named"):
        run(name)


def test_the_example_of_an_option_is_one_to_type():
    assert "set options like this: heipor:annotator=1\n" in run("heipor").stdout
    assert "set options like this: sa-rw:scorer=sa\n" in run("sa-rw").stdout


def test_weights_of_a_training_are_not_called_needless(fake_dist):
    spec = 'name="net", kind="segmenter", target="no:Net", summary="s"'
    code = f"""
        import hsizoo

        @hsizoo.hookimpl
        def hsizoo_components():
            yield hsizoo.ComponentSpec({spec}, packaged="no:weights")
    """
    fake_dist("net-zoo", "1.0", {"net_plugin": code}, {"net": "net_plugin"})
    assert json.loads(run("net", "--json").stdout)["weights"] == "by `hsizoo train`"
    assert json.loads(run("sa", "--json").stdout)["weights"] == "none needed"
