"""`jury`: weights by what each method said of a click before it came; against a plain loop."""

import importlib
import math

import numpy as np
import pytest
import torch

import hsizoo
from hsizoo.errors import OptionError

METHODS = {"spectral": "contest", "spatial": "sa-rw"}


@pytest.fixture(scope="module")
def cube():
    rng = np.random.default_rng(0)
    data = rng.uniform(0.1, 0.2, (12, 14, 9))
    data[:6] += np.linspace(0, 1, 9)
    data[6:, 7:] += np.linspace(1, 0, 9) ** 2
    data[2, 3] = np.nan
    return hsizoo.HyperCube(data, name="fields")


def create(**options):
    return hsizoo.create("jury", kind="segmenter", **{**METHODS, **options})


def naive(cube, clicks, prior=1.0, trust=0.3, size=0.3):
    """The head of the module, click by click, with nothing kept."""
    made = [hsizoo.create(each, kind="segmenter") for each in METHODS.values()]
    states = [each.open(cube) for each in made]

    def maps(first):
        return [
            np.asarray(m.predict(s, [first])[0], float) for m, s in zip(made, states, strict=True)
        ]

    odds, steps = prior, list(clicks)
    for count in range(1, len(steps)):
        before = hsizoo.Clicks(clicks.points[:count], clicks.positive[:count])
        if not before.positive.any():
            continue
        row, col, positive = steps[count]
        found = maps(before)
        spectral, spatial = (min(max(each[row, col], 0.02), 0.98) for each in found)
        if positive:
            spectral, spatial = (
                said / max(each[cube.valid].mean(), 1e-3) ** size
                for said, each in zip((spectral, spatial), found, strict=True)
            )
        else:
            spectral, spatial = 1 - spectral, 1 - spatial
        odds += trust * (math.log(spectral) - math.log(spatial))
    weight = 1 / (1 + math.exp(-odds))
    one, two = (np.clip(each, 1e-3, 1 - 1e-3) for each in maps(clicks))
    pooled = weight * np.log(one / (1 - one)) + (1 - weight) * np.log(two / (1 - two))
    return np.where(cube.valid, 1 / (1 + np.exp(-pooled)), 0)


@pytest.mark.parametrize(("trust", "size"), [(0.0, 0.3), (1.0, 0.0), (1.0, 1.0), (0.3, 0.3)])
@pytest.mark.parametrize(
    ("places", "positive"),
    [
        ([(2, 2)], [True]),
        ([(2, 2), (8, 10), (4, 9), (10, 2)], [True, False, True, False]),
        ([(8, 10), (10, 2), (2, 2), (3, 9)], [False, False, True, True]),
    ],
)
def test_it_is_what_a_plain_loop_finds(cube, places, positive, trust, size):
    clicks = hsizoo.Clicks(places, positive)
    jury = create(trust=trust, size=size)
    found = jury.predict(jury.open(cube), [clicks])[0].numpy()
    np.testing.assert_allclose(found, naive(cube, clicks, trust=trust, size=size), atol=2e-5)


def test_clicks_one_by_one_and_at_once_are_the_same(cube):
    clicks = hsizoo.Clicks([(2, 2), (8, 10), (4, 9)], [True, False, True])
    jury = create()
    slowly, at_once = jury.open(cube), jury.open(cube)
    for count in (1, 2, 3):
        first = hsizoo.Clicks(clicks.points[:count], clicks.positive[:count])
        last = jury.predict(slowly, [first])
    torch.testing.assert_close(last, jury.predict(at_once, [clicks]))


def test_no_more_maps_are_kept_than_there_is_room(cube, monkeypatch):
    monkeypatch.setattr("hsizoo_samsa.jury._KEPT", 2 * 8 * 12 * 14)
    clicks = hsizoo.Clicks([(2, 2), (8, 10), (4, 9), (1, 1)], [True, False, True, True])
    jury = create()
    state = jury.open(cube)
    found = jury.predict(state, [clicks])[0].numpy()
    assert len(state.maps) == 2
    np.testing.assert_allclose(found, naive(cube, clicks), atol=2e-5)


def test_who_foresaw_the_click_is_heard(cube):
    """A method that calls everything object is silenced by a negative click."""
    clicks = hsizoo.Clicks([(2, 2), (8, 10)], [True, False])
    jury = create(spectral="contest", spatial="sa", prior=-3, trust=1)
    answer = jury.predict(jury.open(cube), [clicks])[0]
    alone = hsizoo.create("sa", kind="segmenter")
    first = hsizoo.Clicks([(2, 2)])
    assert alone.predict(alone.open(cube), [first])[0][8, 10] > 0.5
    assert answer[8, 10] < 0.5 < answer[1, 12]


def test_who_calls_everything_object_is_trusted_less_by_a_positive_click(cube):
    clicks = hsizoo.Clicks([(2, 2), (3, 4), (4, 9)])
    options = {"spectral": "contest", "spatial": "sa", "prior": 0, "trust": 1}
    means = []
    for size in (0, 1):
        jury = create(**options, size=size)
        means.append(jury.predict(jury.open(cube), [clicks]).mean())
    assert means[1] < means[0]


@pytest.mark.usefixtures("one_thread")
def test_the_spectral_method_works_once_for_itself_and_as_the_networks_prompt(cube, monkeypatch):
    calls = []
    contest = importlib.import_module("hsizoo_spectral.contest").Contest
    for name in ("prepare", "score_clicks"):
        known = getattr(contest, name)

        def told(self, *given, known=known, name=name):
            calls.append(name)
            return known(self, *given)

        monkeypatch.setattr(contest, name, told)
    clicks = [hsizoo.Clicks([(2, 2), (8, 10)], [True, False]), hsizoo.Clicks([(8, 10), (9, 9)])]

    def answer(scorer):
        spatial = f"samsa2-nano:scorer={scorer},checkpoint=random"
        jury = create(spectral="contest", spatial=spatial)
        state = jury.open(cube)
        return jury.predict(state, clicks)

    found = answer("contest")
    assert calls == ["prepare", "score_clicks"]
    calls.clear()
    apart = answer("[contest:further=auto]")  # the same, in other words
    assert sorted(calls) == ["prepare"] * 2 + ["score_clicks"] * 2
    torch.testing.assert_close(found, apart, rtol=0, atol=0)


@pytest.mark.parametrize(
    "wrong", [{"prior": math.nan}, {"prior": 1e3}, {"trust": -1.0}, {"size": 2.0}]
)
def test_wrong_options_are_refused(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        create(**wrong)


def test_a_method_that_is_not_there_is_named():
    with pytest.raises(hsizoo.errors.NameLookupError, match=r"verdit.*verdict"):
        create(spectral="verdit")
