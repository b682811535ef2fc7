"""`Recipe`: what a component is known by, and the name that finds the very same one again."""

from dataclasses import replace

import pytest

from hsizoo.zoo.factory import resolve
from hsizoo.zoo.names import Name


@pytest.mark.parametrize("name", ["samsa2-nano", "samsa2-nano:weights=none"])
def test_a_pinned_name_is_the_same_component_whatever_is_trained_meanwhile(name):
    recipe = resolve(name, "segmenter")
    pinned = recipe.pinned()
    assert "weights=auto" not in pinned
    assert ("weights=none" in pinned) == (recipe.weights is None)
    again = resolve(pinned, "segmenter")
    assert again.identity() == recipe.identity()
    assert again.pinned() == pinned


@pytest.fixture
def deep():
    """A pseudo-labeler in front of a classifier, whose option names a segmenter with a scorer."""
    inner = resolve("samsa2-nano", "segmenter")
    fed = resolve("svm", "classifier")
    fed = replace(fed, options={**fed.options, "segmenter": "samsa2-nano"})
    return replace(resolve("lp+svm"), feeds=replace(fed, nested={"segmenter": inner})), inner


def test_what_is_deep_inside_is_pinned_and_counts(deep):
    whole, inner = deep
    assert "weights=" in inner.pinned()
    assert whole.pinned() == f"lp+{Name('svm', options={'segmenter': inner.pinned()})}"
    fed = whole.identity()["feeds"]
    assert fed["options"]["segmenter"] == inner.identity()
    assert fed["options"]["segmenter"]["weights"] == inner.weights.digest


def test_a_walk_comes_to_all_that_it_builds_on(deep):
    whole, inner = deep
    assert list(whole.walk()) == [whole, whole.feeds, inner, inner.nested["scorer"]]
    assert whole.distributions == ("hsizoo",)
