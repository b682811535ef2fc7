"""`hsizoo.Session`: one cube, several objects, undo, masks, files."""

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hsizoo
from hsizoo import Clicks, Session
from hsizoo.errors import (
    ClickError,
    ContractError,
    DataError,
    HsizooError,
    NameLookupError,
    OptionError,
    ProtocolError,
)
from hsizoo.io import read_labels, write_cube
from hsizoo.session import SessionObject, SessionState

SHAPE = (9, 11, 5)


class Disc(hsizoo.InteractiveSegmenter):
    """Probability falls with the distance to the nearest positive click; counts its calls."""

    def __init__(self, reach=4.0):
        self.reach = reach
        self.opened = 0
        self.batches = []

    def open(self, cube):
        self.opened += 1
        return np.indices(cube.shape[:2])

    def predict(self, state, prompts):
        self.batches.append(list(prompts))
        maps = np.zeros((len(prompts), *state.shape[1:]), dtype=np.float32)
        for out, clicks in zip(maps, prompts, strict=True):
            for row, col, positive in clicks:
                near = 1 - np.hypot(state[0] - row, state[1] - col) / self.reach
                if positive:
                    np.maximum(out, near, out=out)
                else:
                    out[near > 0.7] = 0
        return maps


class Closeness(hsizoo.SpectralScorer):
    score_range = (-float("inf"), 0.0)
    threshold = -0.5

    def prepare(self, cube):
        return cube.data

    def score(self, prepared, references):
        return -np.linalg.norm(prepared[None] - references[:, None, None], axis=-1)


@pytest.fixture
def cube():
    data = np.random.default_rng(0).random(SHAPE)
    data[0, 0] = np.nan
    return hsizoo.HyperCube(data, wavelengths=[500, 600, 700, 800, 900], name="c")


@pytest.fixture
def disc():
    return Disc()


@pytest.fixture
def session(cube, disc):
    return Session(cube, disc)


# What is opened


def test_whatever_holds_a_cube_is_opened(cube, tmp_path):
    write_cube(tmp_path / "c.hdr", cube)
    labels = hsizoo.LabelMap(np.ones(SHAPE[:2], int), {1: "a"})
    scene = hsizoo.Scene(cube, labels, "s")
    sources = [cube, scene, cube.data, tmp_path / "c.hdr", str(tmp_path / "c.img")]
    masks = []
    for source in sources:
        session = Session(source, "sa", threshold=0.75)
        session.add("a", [(3, 4)])
        assert session.cube.shape == SHAPE
        masks.append(session.mask("a"))
    for mask in masks[1:]:
        np.testing.assert_array_equal(mask, masks[0])


def test_a_file_is_read_as_it_is_told(cube, tmp_path):
    data = np.nan_to_num(cube.data).transpose(2, 0, 1)
    np.savez(tmp_path / "c.npz", a=data, b=data[::-1])
    session = Session(tmp_path / "c.npz", Disc(), variable="b", layout="bhw")
    np.testing.assert_array_equal(session.cube.data, data[::-1].transpose(1, 2, 0))
    session.add("x", [(1, 1)])
    session.save(tmp_path / "c.json")
    again = Session.replay(tmp_path / "c.json", component=Disc())
    np.testing.assert_array_equal(again.cube.data, session.cube.data)
    assert again.remarks == ()


def test_what_the_file_says_of_itself_is_a_remark(cube, tmp_path):
    write_cube(tmp_path / "c.hdr", cube)
    with (tmp_path / "c.hdr").open("a") as file:
        file.write("data gain values = {2, 1, 1, 1, 1}\n")
    (remark,) = Session(tmp_path / "c.hdr", "sa").remarks
    assert remark.startswith("c.hdr: ")
    assert remark.endswith("values are multiplied by 1 to 2, by band (data gain values)")


@pytest.mark.parametrize(
    ("component", "error", "message"),
    [
        ("sb", NameLookupError, "no component|sb"),
        ("sa:nonsense=1", OptionError, "no option 'nonsense'"),
        (3, OptionError, "a component is a name or a hsizoo.SpectralScorer or"),
        ("samsa2-nano:weights=none", ProtocolError, "has not been trained"),
    ],
)
def test_a_component_that_cannot_be_is_refused(cube, component, error, message):
    with pytest.raises(error, match=message):
        Session(cube, component)


def test_the_component_is_refused_before_the_file_is_read(tmp_path):
    with pytest.raises(NameLookupError):
        Session(tmp_path / "none.hdr", "sb")
    with pytest.raises(DataError, match="there is no file"):
        Session(tmp_path / "none.hdr", "sa")
    with pytest.raises(OptionError, match="unknown device 'gpu'"):
        Session(tmp_path / "none.hdr", "sa", device="gpu")


def test_an_object_is_used_as_it_is(cube):
    class Learner(Disc, hsizoo.TrainableSegmenter):
        logits = trainable = train = state_dict = load_state_dict = frozen_digest = None

    session = Session(cube, Learner())
    session.add("a", [(3, 4)])
    assert session.mask("a")[3, 4]


def test_too_few_bands(cube):
    class Needy(Disc):
        min_bands = 6

    session = Session(cube, Needy())
    session.add("a", [(3, 3)])
    with pytest.raises(DataError, match="Needy needs at least 6 bands; c has 5"):
        session.mask("a")


# Masks


@pytest.mark.parametrize("component", ["sa", "sa-rw", "ace", "contest"])
def test_masks_are_what_the_segmenter_predicts(cube, component):
    session = Session(cube, component, threshold=0.4)
    a = Clicks([(3, 4), (5, 5), (8, 0)], [True, True, False])
    b = Clicks([(7, 7)])
    session.add("a", a)
    session.add("b", b)
    segmenter = hsizoo.create(component, "segmenter")
    state = segmenter.open(cube)
    for name, clicks in (("a", a), ("b", b)):
        direct = np.asarray(segmenter.predict(state, [clicks])[0])
        np.testing.assert_allclose(
            session.probability(name)[cube.valid], direct[cube.valid], atol=1e-6
        )
        assert session.probability(name)[0, 0] == 0
        np.testing.assert_array_equal(
            session.mask(name), (session.probability(name) > 0.4) & cube.valid
        )


def test_all_objects_are_computed_in_one_batch_and_only_once(session, disc):
    for number in range(3):
        session.add(None, [(number + 1, number + 2)])
    assert disc.opened == 0
    session.mask("object-2")
    assert (disc.opened, [len(batch) for batch in disc.batches]) == (1, [3])
    for name in session.objects:
        session.mask(name), session.probability(name), session.advice(name)
    session.label_map()
    session.set_threshold(0.2)
    session.label_map()
    session.rename("object-1", "leaf")
    session.mask("leaf")
    assert len(disc.batches) == 1
    session.click("object-3", 8, 8, positive=False)
    session.click("leaf", 6, 6)
    session.mask("object-2")
    assert len(disc.batches) == 1 + 1
    assert disc.batches[1] == [session.clicks("leaf"), session.clicks("object-3")]
    session.undo(), session.undo()
    session.label_map()
    session.redo(), session.redo()
    session.label_map()
    assert (disc.opened, len(disc.batches)) == (1, 2)


def test_one_batch_is_as_good_as_one_by_one(cube):
    clicks = [Clicks([(n, n + 1), (8 - n, 2)], [True, n % 2 == 0]) for n in range(1, 5)]
    together = Session(cube, "sa-rw")
    for number, each in enumerate(clicks):
        together.add(f"{number}", each)
    for number, each in enumerate(clicks):
        alone = Session(cube, "sa-rw")
        alone.add("x", each)
        np.testing.assert_allclose(
            together.probability(f"{number}"), alone.probability("x"), atol=1e-6
        )


def test_few_maps_are_kept_of_a_large_image(session, disc, monkeypatch):
    names = [session.add(None, [(n, n)]) for n in range(1, 6)]
    want = session.label_map().labels
    masks = [session.mask(name) for name in names]
    small = Session(session.cube, disc)
    monkeypatch.setattr("hsizoo.session.live._MAP_BYTES", 2 * 4 * SHAPE[0] * SHAPE[1])
    for n in range(1, 6):
        small.add(None, [(n, n)])
    disc.batches.clear()
    np.testing.assert_array_equal(small.label_map().labels, want)
    assert [len(batch) for batch in disc.batches] == [2, 2, 1]
    for name, mask in zip(names, masks, strict=True):
        np.testing.assert_array_equal(small.mask(name), mask)
    assert {len(batch) for batch in disc.batches[3:]} == {1}
    assert len(small._maps) == 2


def test_an_object_without_positive_clicks_has_an_empty_mask_and_a_reason(session, disc):
    session.add("a")
    session.add("b", Clicks([(3, 3)], [False]))
    for name, reason in (("a", "no click yet"), ("b", "all clicks are negative")):
        assert not session.mask(name).any()
        assert reason in session.advice(name)
    assert not session.label_map().labels.any()
    assert disc.batches == []
    session.click("b", 5, 5)
    assert session.mask("b")[5, 5]
    assert session.advice("b") == ""
    session.set_threshold(0)
    assert not session.mask("b").all()


def test_masks_of_nothing_and_everything_have_a_reason(cube):
    class Constant(Disc):
        value = 0.25

        def predict(self, state, prompts):
            return np.full((len(prompts), *SHAPE[:2]), self.value, np.float32)

    session = Session(cube, Constant())
    session.add("a", [(3, 3)])
    assert session.advice("a") == (
        "no pixel's probability is above 0.5; lower the threshold, or add clicks"
    )
    session.set_threshold(0.2)
    assert session.advice("a") == (
        "every pixel's probability is above 0.2; raise the threshold, or add clicks"
    )
    assert not session.mask("a")[0, 0]


def test_a_mask_of_the_clicks_alone_has_a_reason(cube):
    class Points(Disc):
        def predict(self, state, prompts):
            maps = np.full((len(prompts), *SHAPE[:2]), 0.25, np.float32)
            for values, clicks in zip(maps, prompts, strict=True):
                values[tuple(clicks.points[clicks.positive].T)] = 1
            return maps

    session = Session(cube, Points())
    session.add("a", [(3, 3), (5, 5)])
    assert session.advice("a") == (
        "only clicked pixels have a probability above 0.5; lower the threshold, add clicks, or "
        "try another method"
    )
    assert session.mask("a").sum() == 2


def test_the_label_map_gives_overlaps_to_the_surer(session, disc):
    session.add("left", [(4, 3)])
    session.add("right", [(4, 6)])
    session.add("twin", [(4, 6)])
    session.set_threshold(0.1)
    found = session.label_map()
    p = np.stack([session.probability(name) for name in session.objects])
    want = np.where((p > np.float32(0.1)).any(0), p.argmax(0) + 1, 0)
    np.testing.assert_array_equal(found.labels, want)
    assert set(np.unique(found.labels)) == {0, 1, 2}  # of equals, the first
    assert dict(found.class_names) == {0: "background", 1: "left", 2: "right", 3: "twin"}
    assert found.targets == {1, 2, 3}
    assert (session.mask("left") & session.mask("right")).any()


def test_maps_cannot_be_spoilt(session):
    session.add("a", [(3, 3)])
    for array in (session.probability("a"), session.similarity("a", Closeness())):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    mask = session.mask("a")
    mask[:] = False
    assert session.mask("a").any()


@pytest.mark.parametrize("bad", ["shape", "range", "nan"])
def test_a_component_that_breaks_its_contract_is_named(cube, bad):
    class Broken(Disc):
        def predict(self, state, prompts):
            maps = super().predict(state, prompts)
            return {"shape": maps[0], "range": maps + 1, "nan": maps * np.nan}[bad]

    session = Session(cube, Broken())
    session.add("a", [(3, 3)])
    with pytest.raises(ContractError, match="Broken: predict returned"):
        session.mask("a")
    assert session.objects == ("a",)


# Components


def test_components_are_opened_once_and_switching_back_costs_nothing(session, disc):
    other = Disc(reach=2)
    session.add("a", [(4, 4)])
    first = session.mask("a")
    session.use(other)
    assert (other.opened, session.clicks("a")) == (1, Clicks([(4, 4)]))
    second = session.mask("a")
    assert second.sum() < first.sum()
    session.use(disc)
    np.testing.assert_array_equal(session.mask("a"), first)
    assert session.undo() == "use Disc"
    np.testing.assert_array_equal(session.mask("a"), second)
    session.undo()
    np.testing.assert_array_equal(session.mask("a"), first)
    assert (disc.opened, other.opened, len(disc.batches), len(other.batches)) == (1, 1, 1, 1)


def test_a_name_spelled_otherwise_is_the_same_component(cube):
    session = Session(cube, "sa")
    session.add("a", [(4, 4)])
    session.probability("a")
    session.use("hsizoo/sa:aggregate=max")
    assert session.component == "sa"
    assert not session.undo().startswith("use")
    assert len(session._tools) == 1


def test_a_switch_that_fails_changes_nothing(session):
    class Failing(Disc):
        def open(self, cube):
            raise DataError("no")

    class Needy(Disc):
        min_bands = 6

    session.add("a", [(4, 4)])
    before = session.state
    for component in (Failing(), Needy(), "nonsense", "samsa2-nano:weights=none", None):
        with pytest.raises(HsizooError):
            session.use(component)
        assert session.state == before
        assert not session.can_redo
    assert session.undo() == "add a"


def test_a_scorer_object_is_wrapped(cube):
    session = Session(cube, Closeness())
    session.add("a", [(4, 4)])
    assert session.component == "Closeness"
    np.testing.assert_array_equal(session.probability("a"), session.similarity("a", Closeness()))


def test_similarity_is_that_of_the_scorer(session, cube):
    clicks = Clicks([(3, 4), (5, 5), (8, 0)], [True, True, False])
    session.add("a", clicks)
    for scorer in ("sa", "ace", "sa:negatives=ignore,aggregate=mean"):
        segmenter = hsizoo.create(scorer, "segmenter")
        direct = np.asarray(segmenter.predict(segmenter.open(cube), [clicks])[0])
        got = session.similarity("a", scorer)
        np.testing.assert_allclose(got, direct, atol=1e-6)
        assert 0 <= got.min() <= got.max() <= 1
    session.add("none")
    assert not session.similarity("none").any()
    assert session.component == "Disc"
    for wrong in ("sa-rw", Disc()):
        with pytest.raises(OptionError, match="corer"):
            session.similarity("a", wrong)


# Objects and clicks


def test_objects_have_names(session):
    assert (session.add(), session.add("x"), session.add()) == ("object-1", "x", "object-3")
    session.remove("object-1")
    assert session.add() == "object-4"
    assert session.add() != session.add()
    session.rename("x", "leaf, green")
    assert session.objects[0] == "leaf, green"
    for bad in ("leaf, green", "", "  ", "a\nb", 3, "x" * 201):
        before = session.state
        with pytest.raises(OptionError, match="name"):
            session.add(bad)
        with pytest.raises(OptionError, match="name"):
            session.rename("object-3", bad)
        assert session.state == before
    with pytest.raises(NameLookupError, match=r"no object is named 'object-9'\. Did you mean"):
        session.mask("object-9")
    with pytest.raises(NameLookupError, match="none yet"):
        Session(session.cube, Disc()).mask("a")


@pytest.mark.parametrize(
    ("click", "message"),
    [
        ((9, 0), r"\(row=9, col=0\) is outside the image of 9 rows × 11 columns"),
        ((0, 11), "outside"),
        ((-1, 0), r"\(row=-1, col=0\) is negative"),
        ((0, 0), r"\(row=0, col=0\) has no finite spectrum; click beside it"),
        ((1.5, 0), "whole pixel"),
        ((float("nan"), 0), "whole pixel"),
        (("a", "b"), "whole pixel"),
        (([1], 2), "pairs"),
        ((2**70, 0), "whole pixel"),
    ],
)
def test_a_refused_click_changes_nothing(session, click, message):
    session.add("a", [(3, 3)])
    session.click("a", 4, 4)
    session.undo()
    before = session.state
    for act in (
        lambda: session.click("a", *click),
        lambda: session.click("a", *click, positive=False),
        lambda: session.add("b", [(5, 5), click]),
        lambda: session.set_clicks("a", [(5, 5), click]),
    ):
        with pytest.raises(ClickError, match=f"{message}|pairs"):
            act()
        assert session.state == before
        assert session.can_redo
    assert session.redo() == "click (4, 4), a"


def test_clicks_are_moved_and_taken_away(session):
    session.add("a")
    session.click("a", 1, 2)
    session.click("a", 3, 4, positive=False)
    session.click("a", np.int64(5), 6.0)
    session.remove_click("a", 1)
    assert session.clicks("a") == Clicks([(1, 2), (5, 6)])
    session.remove_click("a")
    assert session.clicks("a") == Clicks([(1, 2)])
    for index in (1, -2):
        with pytest.raises(ClickError, match=r"a has 1 click\(s\), numbered from 0; .* click"):
            session.remove_click("a", index)
    session.set_clicks("a", Clicks([(7, 7)], [False]))
    assert not session.clicks("a").positive.any()
    assert [session.undo() for _ in range(3)] == [
        "set the clicks of a",
        "remove click (5, 6) of a",
        "remove click (3, 4) of a",
    ]


@pytest.mark.parametrize("threshold", [1, -0.1, float("nan"), "x", None, [0.5]])
def test_a_threshold_that_cannot_be(session, threshold):
    with pytest.raises(OptionError, match="threshold must be at least 0 and below 1"):
        session.set_threshold(threshold)
    with pytest.raises(OptionError, match="threshold must"):
        Session(session.cube, Disc(), threshold=threshold)
    assert (session.threshold, session.can_undo) == (0.5, False)


# Undo


NAMES = st.sampled_from(["a", "b", "c"])
ROWS, COLS = st.integers(-1, SHAPE[0]), st.integers(-1, SHAPE[1])
ACTIONS = st.one_of(
    st.tuples(st.just("add"), st.one_of(st.none(), NAMES)),
    st.tuples(st.just("rename"), NAMES, NAMES),
    st.tuples(st.just("remove"), NAMES),
    st.tuples(st.just("click"), NAMES, ROWS, COLS, st.booleans()),
    st.tuples(st.just("remove_click"), NAMES, st.integers(-3, 3)),
    st.tuples(st.just("set_clicks"), NAMES, st.lists(st.tuples(ROWS, COLS), max_size=3)),
    st.tuples(st.just("set_threshold"), st.sampled_from([0, 0.3, 0.5, 1])),
    st.tuples(st.just("use"), st.integers(0, 2)),
)
FIXED = hsizoo.HyperCube(np.random.default_rng(1).random(SHAPE))
DISCS = [Disc(reach) for reach in (2, 4)]


def act(session, action):
    """Do it; whether something changed."""
    before, could = session.state, (session.can_undo, session.can_redo)
    method, *arguments = action
    if method == "use":
        arguments = [[*DISCS, "nonsense"][arguments[0]]]
    used = session._now.tool
    try:
        getattr(session, method)(*arguments)
    except HsizooError:
        assert session.state == before
        assert (session.can_undo, session.can_redo) == could
        return False
    return session.state != before or session._now.tool is not used


@given(st.lists(ACTIONS, max_size=25))
@settings(max_examples=200, deadline=None)
def test_undoing_all_gives_the_beginning_and_redoing_all_the_end(actions):
    session = Session(FIXED, DISCS[0])
    states = [(session.state, session._now.tool)]
    states += [(session.state, session._now.tool) for each in actions if act(session, each)]
    said = []
    for state in reversed(states[:-1]):
        said.append(session.undo())
        assert (session.state, session._now.tool) == state
    assert all(said)
    assert (session.undo(), session.can_undo) == ("", False)
    assert session.state == SessionState("Disc", 0.5)
    for state in states[1:]:
        assert session.redo() == said.pop()
        assert (session.state, session._now.tool) == state
    assert (session.redo(), session.can_redo) == ("", False)


@given(st.lists(st.one_of(ACTIONS, st.just(("undo",)), st.just(("redo",))), max_size=30))
@settings(max_examples=200, deadline=None)
def test_undo_and_redo_among_other_actions(actions):
    """Against the plainest model: a list of states and a place in it."""
    session = Session(FIXED, DISCS[0])
    states, place = [session.state], 0
    for action in actions:
        if action == ("undo",):
            place = max(0, place - 1)
            session.undo()
        elif action == ("redo",):
            place = min(len(states) - 1, place + 1)
            session.redo()
        elif act(session, action):
            states[place + 1 :] = [session.state]
            place += 1
        assert session.state == states[place]
        assert session.can_undo == (place > 0)
        assert session.can_redo == (place < len(states) - 1)


@given(st.lists(ACTIONS, max_size=15))
@settings(max_examples=40, deadline=None)
def test_masks_depend_on_the_state_only(actions):
    """Caches never show: a session with a past has the masks of one that begins there."""
    session = Session(FIXED, DISCS[0])
    for action in actions:
        act(session, action)
        for name in session.objects:
            session.probability(name)
    fresh = Session(FIXED, session._now.tool.build(), threshold=session.threshold)
    for each in session.state.objects:
        fresh.add(each.name, each.clicks)
    np.testing.assert_array_equal(fresh.label_map().labels, session.label_map().labels)
    for name in session.objects:
        np.testing.assert_array_equal(fresh.probability(name), session.probability(name))


def test_doing_what_is_so_already_is_no_step(session, disc):
    session.add("a", [(1, 1)])
    session.rename("a", "a")
    session.set_threshold(0.5)
    session.set_clicks("a", [(1, 1)])
    session.use(disc)
    assert session.undo() == "add a"
    assert not session.can_undo


# Spectra


def test_spectra(session, cube):
    one = session.spectrum(3, 4)
    np.testing.assert_array_equal(one.values, cube.data[3, 4])
    np.testing.assert_array_equal(one.wavelengths, cube.wavelengths)
    assert (one.row, one.col, one.radius, one.pixels) == (3, 4, 0, 1)
    corner = session.spectrum(0, 0, radius=1)  # three of the four are finite
    want = np.stack([cube.data[0, 1], cube.data[1, 0], cube.data[1, 1]]).mean(0, dtype=float)
    np.testing.assert_allclose(corner.values, want, rtol=1e-6)
    assert corner.pixels == 3
    whole = session.spectrum(4, 5, radius=100)
    np.testing.assert_allclose(whole.values, cube.data[cube.valid].mean(0, dtype=float), rtol=1e-6)
    session.add("a", [(3, 4), (5, 6)])
    assert [(each.row, each.col) for each in session.spectra("a", radius=1)] == [(3, 4), (5, 6)]
    for bad, error in (
        ((0, 0), ClickError), ((9, 0), ClickError), ((0, -1), ClickError), ((3, 3, -1), OptionError)
    ):  # fmt: skip
        with pytest.raises(error):
            session.spectrum(*bad)
    with pytest.raises(ValueError, match="read-only"):
        one.values[0] = 1


# Files


@pytest.mark.parametrize("ending", ["png", "hdr", "tif", "npz"])
def test_masks_are_written_and_read_back(session, tmp_path, ending):
    if ending == "tif":
        pytest.importorskip("tifffile")
    session.add("leaf", [(4, 3)])
    session.add("{bark, brown}", [(4, 8)])
    one = session.export(tmp_path / f"one.{ending}", "leaf")
    every = session.export(tmp_path / f"all.{ending}")
    labels, names = read_labels(one.path)
    np.testing.assert_array_equal(labels, session.mask("leaf"))
    assert (one.pixels, one.remarks) == (session.mask("leaf").sum(), ())
    everything, all_names = read_labels(every.path)
    np.testing.assert_array_equal(everything, session.label_map().labels)
    if ending in ("hdr", "npz"):
        assert names == {0: "background", 1: "leaf"}
        assert all_names == {0: "background", 1: "leaf", 2: "{bark, brown}"}


def test_an_export_says_what_is_odd(session, tmp_path):
    assert session.export(tmp_path / "m.png").remarks == ("there is no object yet; add one",)
    session.add("a")
    session.add("b", [(3, 3)])
    (remark,) = session.export(tmp_path / "m.png").remarks
    assert remark.startswith("a: there is no click yet")


def test_the_cube_and_other_files_are_never_overwritten(cube, tmp_path):
    write_cube(tmp_path / "c.hdr", cube)
    for ending in ("hdr", "img"):
        (tmp_path / f"link.{ending}").symlink_to(tmp_path / f"c.{ending}")
    more = {"gt": np.zeros((2, 2), int), "layout": "hwb"}
    np.savez(tmp_path / "cube.npz", cube=np.nan_to_num(cube.data), **more)
    several = {"one": np.ones(SHAPE), "two": np.ones(SHAPE), "gt": np.zeros((2, 2), int)}
    np.savez(tmp_path / "several.npz", **several)
    (tmp_path / "notes.json").write_text('{"a": 1}')
    write_cube(tmp_path / "one.hdr", hsizoo.HyperCube(np.ones((*SHAPE[:2], 1))))
    (tmp_path / "one.img").rename(tmp_path / "one.dat")
    for source, target, message in (
        ("c.hdr", "c.hdr", "would overwrite the cube"),
        ("c.img", "c.hdr", "would overwrite the cube"),
        ("link.hdr", "c.hdr", "would overwrite the cube"),
        ("c.hdr", "cube.npz", "exists and holds a cube"),
        ("c.hdr", "several.npz", "exists and holds a cube"),
        ("cube.npz", "cube.npz", "would overwrite the cube"),
        ("one.dat", "one.hdr", "would overwrite the cube"),
        ("c.hdr", "m.gif", "masks are written as"),
        ("c.hdr", "no/m.png", "there is no folder"),
    ):
        session = Session(tmp_path / source, Disc())
        session.add("a", [(3, 3)])
        contents = {path: path.read_bytes() for path in tmp_path.iterdir()}
        for write in (session.check_export, session.export):
            with pytest.raises(DataError, match=message):
                write(tmp_path / target)
        for name in (source, "notes.json", "no/s.json", "c.img"):
            with pytest.raises(DataError, match=r"overwrite the cube|not a session|no folder"):
                session.save(tmp_path / name)
        assert contents == {path: path.read_bytes() for path in tmp_path.iterdir()}


def test_the_place_on_earth_is_kept_or_its_loss_is_told(cube, tmp_path):
    write_cube(tmp_path / "c.hdr", cube)
    with (tmp_path / "c.hdr").open("a") as file:
        file.write("map info = {UTM, 1, 1, 637000, 4480000, 20, 20, 16, North, WGS-84}\n")
    session = Session(tmp_path / "c.hdr", Disc())
    session.add("a", [(3, 3)])
    for name in ("a", None):
        assert session.export(tmp_path / "m.hdr", name).remarks == ()
        assert "map info = {UTM, 1, 1, 637000" in (tmp_path / "m.hdr").read_text()
        (remark,) = session.export(tmp_path / "m.png", name).remarks
        assert "write it as .hdr" in remark


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_replay_makes_the_same_masks(cube, tmp_path, number):
    write_cube(tmp_path / "c.hdr", cube)
    session = Session(tmp_path / "c.hdr", "sa-rw:beta=50", threshold=0.4)
    for n in range(1, number + 1):
        session.add(f"№ {n}", Clicks([(n, n), (8, n), (n, 9)], [True, False, True]))
    path = session.save(tmp_path / "s.json")
    about = json.loads(path.read_text(encoding="utf-8"))
    assert about["format"] == ("hsizoo clicks 1" if number == 1 else "hsizoo session 1")
    assert about["file"] == "c.hdr"
    for sources in ((), (tmp_path / "c.hdr",), (cube,), (cube, "sa-rw:beta=50")):
        again = Session.replay(path, *sources)
        assert again.state == session.state
        assert (again.remarks, again.can_undo) == ((), False)
        np.testing.assert_array_equal(again.label_map().labels, session.label_map().labels)
        for name in session.objects:
            np.testing.assert_array_equal(again.mask(name), session.mask(name))
    again.save(path)  # in place of itself
    assert json.loads(path.read_text(encoding="utf-8"))["threshold"] == 0.4
    assert sorted(each.name for each in tmp_path.iterdir()) == ["c.hdr", "c.img", "s.json"]


def test_a_replay_says_how_it_differs(cube, tmp_path):
    session = Session(cube, "sa")
    session.add("a", [(3, 3)])
    path = session.save(tmp_path / "s.json")
    other = hsizoo.HyperCube(np.nan_to_num(cube.data) + 1, cube.wavelengths)
    (remark,) = Session.replay(path, other).remarks
    assert remark == f"{path} was made on another cube (c)"
    (remark,) = Session.replay(path, cube, "sa-eq").remarks
    assert remark == f"{path} was made with sa"
    assert Session.replay(path, cube, "hsizoo/sa").remarks == ()  # the same by another name
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | {"component sha256": "0"}))
    (remark,) = Session.replay(path, cube).remarks
    assert "was made with another version of sa, other options or other weights" in remark
    small = hsizoo.HyperCube(np.ones((2, 2, 5)))
    with pytest.raises(ClickError, match="outside"):
        Session.replay(path, small)


def test_a_component_without_a_name_is_asked_for(cube, tmp_path):
    session = Session(cube, Disc())
    session.add("a", [(3, 3)])
    path = session.save(tmp_path / "s.json")
    with pytest.raises(DataError, match="was made with Disc, which was not given by name"):
        Session.replay(path, cube)
    again = Session.replay(path, cube, Disc())
    assert again.remarks == ()
    np.testing.assert_array_equal(again.mask("a"), session.mask("a"))


def test_the_cube_is_looked_for_beside_the_session_and_here(cube, tmp_path, monkeypatch):
    for folder in ("data", "elsewhere"):
        (tmp_path / folder).mkdir()
    write_cube(tmp_path / "data" / "c.hdr", cube)
    session = Session(tmp_path / "data" / "c.hdr", "sa")
    path = session.save(tmp_path / "elsewhere" / "s.json")
    monkeypatch.chdir(tmp_path / "data")
    np.testing.assert_array_equal(Session.replay(path).cube.data, cube.data)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"the cube of .*s.json \(c.hdr\) is neither beside it"):
        Session.replay(path)
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | {"file": "../data/c.hdr"}))
    with pytest.raises(DataError, match="is neither beside it"):  # no path is followed
        Session.replay(path)


def test_a_cube_from_no_file_is_asked_for(cube, tmp_path, monkeypatch):
    path = Session(cube, "sa").save(tmp_path / "s.json")
    (tmp_path / "c").mkdir()  # of the cube's name
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="was not read from a file; pass it"):
        Session.replay(path)


def test_clicks_of_the_first_format_are_read(cube, tmp_path):
    about = {
        "format": "hsizoo clicks 1", "component": "sa", "file": "c.hdr", "shape": [9, 11, 5],
        "cube sha256": cube.digest, "threshold": 0.75, "clicks": [[3, 4, True], [5, 6, False]],
    }  # fmt: skip
    path = tmp_path / "mask.png.clicks.json"
    path.write_text(json.dumps(about))
    session = Session.replay(path, cube)
    objects = (SessionObject("object", Clicks([(3, 4), (5, 6)], [True, False])),)
    assert session.state == SessionState("sa", 0.75, objects)
    assert session.remarks == ()
    segmenter = hsizoo.create("sa", "segmenter")
    direct = np.asarray(segmenter.predict(segmenter.open(cube), [objects[0].clicks])[0])
    np.testing.assert_array_equal(session.mask("object"), (direct > 0.75) & cube.valid)
    # What is written now has all that the first format had.
    session.save(path)
    assert (
        json.loads(path.read_text()).items()
        >= {key: about[key] for key in about if key != "file"}.items()
    )
    path.write_text('{"clicks": [[3, 4, true]]}')  # and from before there was more
    assert Session.replay(path, cube, "sa").clicks("object") == Clicks([(3, 4)])
    with pytest.raises(DataError, match="an unnamed component"):
        Session.replay(path, cube)


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{}", "3", '{"clicks": 3}', "[" * 100_000, '{"format": "x", "clicks": []}',
        '{"format": "hsizoo session 1"}', '{"format": "hsizoo session 1", "objects": 3}',
        '{"format": "hsizoo session 1", "objects": [{"name": "", "clicks": []}]}',
        '{"format": "hsizoo session 1", "objects": [{"name": "a"}]}',
        '{"format": "hsizoo session 1", "objects": [{"name": "a", "clicks": []}, '
        '{"name": "a", "clicks": []}]}',
        '{"clicks": [], "threshold": 2}', '{"clicks": [], "component": 2}',
        '{"clicks": [], "layout": "wbh"}', '{"clicks": [], "cube sha256": []}',
        '{"clicks": [[1, 1e400, true]]}', '{"clicks": [[' + "7" * 5000 + ', 1, true]]}',
        '{"clicks": ' + "[" * 9999 + "]" * 9999 + "}", '{"clicks": [], "clicks": []}',
        '{"clicks": [], "threshold": ' + "7" * 400 + "}",
    ],
    ids=range(21),
)  # fmt: skip
def test_a_file_that_is_no_session(cube, tmp_path, content):
    path = tmp_path / "s.json"
    path.write_text(content)
    with pytest.raises(DataError, match="is not a session saved by hsizoo"):
        Session.replay(path, cube, "sa")
    with pytest.raises(DataError, match="exists and is not a session"):
        Session(cube, "sa").save(path)
    assert path.read_text() == content


@pytest.mark.parametrize(
    "clicks",
    ["[[-1, 2, true]]", "[[1, 2.5, true]]", "[[1e300, 2, true]]", '["abc"]', "[[1, 2, 3]]",
     "[[" + "7" * 300 + ", 1, true]]", "[" + "[1, -1, true]," * 5000 + "[1, 1, true]]"],
    ids=range(7),
)  # fmt: skip
def test_clicks_that_are_none_are_told_with_the_file(cube, tmp_path, clicks):
    path = tmp_path / "s.json"
    path.write_text(f'{{"clicks": {clicks}}}')
    with pytest.raises(ClickError, match=r"s\.json: ") as caught:
        Session.replay(path, cube, "sa")
    assert len(str(caught.value)) < 400 + len(str(path))


def test_many_objects_are_read_in_time_that_grows_with_their_number(cube, tmp_path):
    path = tmp_path / "s.json"
    objects = [{"name": f"object {n}", "clicks": []} for n in range(20_000)]
    path.write_text(json.dumps({"format": "hsizoo session 1", "objects": objects}))
    begin = time.process_time()
    assert len(Session.replay(path, cube, "sa").objects) == len(objects)
    assert time.process_time() - begin < 10  # with a loop over all names: minutes


def test_a_session_of_a_newer_hsizoo(cube, tmp_path):
    path = tmp_path / "s.json"
    path.write_text('{"format": "hsizoo session 3", "objects": []}')
    with pytest.raises(DataError, match="a newer hsizoo, as 'hsizoo session 3'; update"):
        Session.replay(path, cube, "sa")
    with pytest.raises(DataError, match=r"none\.json cannot be read: No such file"):
        Session.replay(tmp_path / "none.json", cube, "sa")


def test_what_the_system_refuses_is_told(cube, tmp_path, monkeypatch):
    def full(self, *_args, **_kwargs):
        raise OSError(28, "No space left on device")

    session = Session(cube, "sa")
    path = session.save(tmp_path / "s.json")
    text = path.read_text()
    session.add("a", [(3, 3)])
    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(DataError, match="cannot be written: No space left"):
        session.save(path)
    assert path.read_text() == text
    assert [each.name for each in tmp_path.iterdir()] == ["s.json"]


# Networks


@pytest.mark.parametrize("component", ["sam2.1-nano", "samsa2-nano"])
def test_a_network_is_replayed_from_one_batch(tmp_path, component):
    """What was clicked one at a time is predicted at once when it is replayed."""
    scene = hsizoo.load_scene("phantom:height=48,width=48,bands=8,test_subjects=1")
    session = Session(scene, component)
    for number, (row, col) in enumerate([(10, 10), (30, 20), (40, 44)]):
        session.add(f"{number}")
        session.click(f"{number}", row, col)
        session.mask(f"{number}")
    session.click("1", 5, 40, positive=False)
    again = Session.replay(session.save(tmp_path / "s.json"), scene)
    assert again.remarks == ()
    for name in session.objects:
        np.testing.assert_allclose(again.probability(name), session.probability(name), atol=1e-5)
        np.testing.assert_array_equal(again.mask(name), session.mask(name))
    segmenter = hsizoo.create(component, "segmenter")
    direct = segmenter.predict(segmenter.open(scene.cube), [session.clicks("1")])[0]
    np.testing.assert_allclose(session.probability("1"), np.asarray(direct), atol=1e-5)


# Threads


def test_several_threads_use_one_session(session, disc):
    """No click is lost, every mask is that of some state, and the image is opened once."""
    names = [session.add(f"{n}") for n in range(4)]
    points = [(row, col) for row in range(1, 9) for col in range(1, 6)]

    def click(name):
        for row, col in points:
            session.click(name, row, col)
            assert session.mask(name)[row, col]
            session.spectrum(row, col, 1)
            session.label_map()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(click, names))
    assert [session.clicks(name) for name in names] == [Clicks(points)] * 4
    assert disc.opened == 1
    for _ in range(4 * len(points)):
        assert session.undo()
    assert session.state.objects == tuple(SessionObject(name, Clicks()) for name in names)


def test_reading_never_waits_for_a_prediction(cube):
    begun, go = threading.Event(), threading.Event()

    class Slow(Disc):
        def predict(self, state, prompts):
            begun.set()
            assert go.wait(10)
            return super().predict(state, prompts)

    session = Session(cube, Slow())
    session.add("a", [(3, 3)])
    thread = threading.Thread(target=session.mask, args=("a",))
    thread.start()
    try:
        assert begun.wait(10)
        began = time.monotonic()
        session.spectrum(3, 3)
        assert session.spectra("a")
        assert (session.objects, session.can_undo, session.threshold) == (("a",), True, 0.5)
        assert repr(session) == "Session('c', 'Slow', 1 object(s), 1 click(s))"
        assert time.monotonic() - began < 5
    finally:
        go.set()
        thread.join(10)
    assert not thread.is_alive()


def test_importing_it_is_cheap():
    code = "import sys, hsizoo; hsizoo.Session; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_nothing_is_printed(cube, tmp_path, capsys):
    session = Session(cube, "sa")
    session.add("a", [(3, 3)])
    session.export(tmp_path / "m.png")
    Session.replay(session.save(tmp_path / "s.json"), cube)
    assert capsys.readouterr() == ("", "")
