"""The kit as tests of pytest, which is how plugins use it."""

import pytest

import hsizoo
import hsizoo.testing
from hsizoo.errors import NameLookupError, SpecError
from hsizoo.testing.broken import DIST, zoo

SPECS = zoo(trainable=False)


@pytest.fixture(autouse=True)
def broken():
    with hsizoo.testing.plugin(SPECS, dist=DIST):
        yield


def bound(*names, **how):
    mark = hsizoo.testing.parametrize(*names, **how)
    argument, parameters = mark.args
    assert argument == "check"
    return {each.id: each for each in parameters}


@hsizoo.testing.parametrize("sa")
def test_three_lines_are_a_plugins_tests(check):
    check()


def test_a_check_raises_what_it_found():
    found = bound("no-score")
    with pytest.raises(hsizoo.testing.CheckFailed, match="does not implement score") as error:
        found["scorer-broken/no-score-spec"].values[0]()
    assert "hsizoo.interfaces" in error.value.mend


def test_a_check_that_cannot_be_made_is_skipped():
    found = bound("no-score")
    with pytest.raises(pytest.skip.Exception, match="spec failed"):
        found["scorer-broken/no-score-options"].values[0]()


def test_checks_are_made_once():
    found = bound("undocumented")
    first = found["scorer-broken/undocumented-spec"].values[0]
    first()
    assert first.session.outcome("spec") is first.session.outcome("spec")


def test_expected_failures_are_marked_with_their_reason():
    found = bound("undocumented", expected_failures={"options": "it is on purpose"})
    (mark,) = found["scorer-broken/undocumented-options"].marks
    assert mark.name == "xfail"
    assert mark.kwargs["reason"] == "it is on purpose"
    assert mark.kwargs["strict"]
    assert not found["scorer-broken/undocumented-spec"].marks


def test_an_unknown_check_is_named():
    with pytest.raises(
        NameLookupError, match=r"no check is named 'option'\. Did you mean 'options'"
    ):
        bound("cosine", expected_failures={"option": "a typo"})


def test_an_unknown_component_is_named():
    with pytest.raises(NameLookupError, match=r"named 'cosin'\. Did you mean"):
        bound("cosin")


def test_a_distribution_stands_for_all_its_components():
    of_all = {each.partition("-broken/")[0] for each in bound(DIST)}
    assert of_all == {"scorer", "segmenter", "classifier", "pseudo-labeler", "dataset", "protocol"}
    assert {each.partition("-")[0] for each in bound(DIST, kind="dataset")} == {"dataset"}
    with pytest.raises(NameLookupError, match="'cosine' is no dataset"):
        bound("cosine", kind="dataset")


def test_options_are_part_of_the_name():
    found = bound("options:power=3")
    session = found["scorer-broken/options:power=3-spec"].values[0].session
    assert session.subject.make().power == 3


def test_plugin_hides_an_installed_distribution_and_brings_it_back():
    before = [each.full_name for each in hsizoo.list_components()]
    mine = hsizoo.ComponentSpec(name="mine", kind="scorer", target="a:B", summary="a test")
    with hsizoo.testing.plugin(mine, dist="Broken"):
        names = [each.full_name for each in hsizoo.list_components()]
        assert "broken/mine" in names
    assert [each.full_name for each in hsizoo.list_components()] == before
    assert "broken/cosine" in before
    twice = hsizoo.testing.plugin([mine, mine])
    with pytest.raises(SpecError, match="already has a scorer named 'mine'"):
        twice.__enter__()
    assert [each.full_name for each in hsizoo.list_components()] == before


def test_unknown_kinds_are_named():
    with pytest.raises(NameLookupError, match=r"no kind is named 'scorers'\. Did you"):
        hsizoo.testing.checks("scorers")
