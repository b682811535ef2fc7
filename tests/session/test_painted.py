"""Pixels corrected by hand: kept apart from clicks, undone, saved, replayed."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsizoo import Session
from hsizoo.errors import ClickError, DataError
from hsizoo.session.painted import Painted

STROKES = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 8), st.integers(0, 11)), min_size=1, max_size=9),
        st.booleans(),
    ),
    max_size=6,
)


@pytest.fixture
def image():
    cube = np.full((9, 12, 4), [0.2, 0.3, 0.5, 0.1], dtype=np.float32)
    cube[2:6, 3:9] = [0.9, 0.1, 0.2, 0.4]
    return cube


@given(STROKES)
def test_the_newest_stroke_wins_and_nothing_is_lost_in_a_file(strokes):
    painted, expected = Painted(), np.zeros((9, 12), dtype=int)
    for pixels, belongs in strokes:
        painted = painted.paint(pixels, belongs)
        for place in pixels:
            expected[place] = 1 if belongs else -1
    np.testing.assert_array_equal(painted.added, np.argwhere(expected == 1))
    np.testing.assert_array_equal(painted.removed, np.argwhere(expected == -1))
    again = Painted.from_json(json.loads(json.dumps(painted.to_json())))
    assert again == painted
    assert hash(again) == hash(painted)
    assert bool(painted) == bool(strokes)


@pytest.mark.parametrize(
    "content",
    [
        7, {"added": [[0, 1]]}, {"added": [[0, 1, -1]]}, {"added": [[0, 1, 2**40]]},
        {"added": [[0.5, 1, 2]]}, {"more": []}, {"added": [[0, 2**31 - 1, 2]]},
        {"added": [[0, 1, 2]], "removed": [[0, 2, 1]]}, {"added": [[0, 0, 2**30]]},
    ],
)  # fmt: skip
def test_what_is_no_painting_is_refused(content):
    with pytest.raises(ClickError):
        Painted.from_json(content)


def test_a_mask_is_as_painted_and_undo_gives_it_back(image):
    image[0, 0] = np.nan
    session = Session(image, "sa", threshold=0.9)
    session.add("leaf", [(3, 4)])
    before = session.mask("leaf")
    assert session.paint("leaf", [(0, 0), (0, 1), (8, 11)]) == 2  # one has no spectrum
    assert session.paint("leaf", [(3, 4), (2, 3)], belongs=False) == 2
    expected = before.copy()
    expected[0, 1] = expected[8, 11] = True
    expected[3, 4] = expected[2, 3] = False
    np.testing.assert_array_equal(session.mask("leaf"), expected)
    np.testing.assert_array_equal(session.label_map().labels == 1, expected)
    assert session.undo() == "erase 2 pixel(s) of leaf"
    session.undo()
    np.testing.assert_array_equal(session.mask("leaf"), before)
    session.redo()
    assert session.mask("leaf")[8, 11]
    with pytest.raises(ClickError, match="outside the image"):
        session.paint("leaf", [(9, 0)])


def test_a_painted_pixel_goes_to_the_last_object_and_an_erased_one_to_the_next(image):
    session = Session(image, "sa", threshold=0.9)
    session.add("leaf", [(3, 4)])
    session.add("other", [(3, 5)])  # the same spectrum: equal probabilities go to the first
    session.paint("leaf", [(4, 4)], belongs=False)
    session.paint("other", [(0, 0), (2, 3)])
    labels = session.label_map().labels
    assert (labels[4, 4], labels[0, 0], labels[2, 3], labels[3, 3]) == (2, 2, 2, 1)


def test_a_saved_session_keeps_them_apart_and_replays(image, tmp_path):
    session = Session(image, "sa", threshold=0.9)
    session.add("leaf", [(3, 4)])
    session.paint("leaf", [(0, 0), (0, 1)])
    session.save(tmp_path / "s.json")
    about = json.loads((tmp_path / "s.json").read_text())
    assert about["format"] == "hsizoo session 2"
    (one,) = about["objects"]
    assert one["clicks"] == [[3, 4, True]]
    assert one["painted"] == {"added": [[0, 0, 2]], "removed": []}
    again = Session.replay(tmp_path / "s.json", image)
    np.testing.assert_array_equal(again.mask("leaf"), session.mask("leaf"))
    with pytest.raises(ClickError, match=r"s\.json: .*outside"):
        Session.replay(tmp_path / "s.json", image[4:, :1])


def test_a_session_is_loaded_into_another_as_one_step(image, tmp_path):
    session = Session(image, "sa", threshold=0.9)
    session.add("leaf", [(3, 4)])
    session.paint("leaf", [(0, 0)])
    session.save(tmp_path / "s.json")
    other = Session(image, "pcc")
    other.add("mine", [(1, 1)])
    before = other.state
    assert other.load(tmp_path / "s.json") == ()
    assert (other.objects, other.component, other.threshold) == (("leaf",), "sa", 0.9)
    np.testing.assert_array_equal(other.mask("leaf"), session.mask("leaf"))
    other.undo()
    assert other.state == before
    (tmp_path / "n.json").write_text("{}")
    with pytest.raises(DataError, match="not a session"):
        other.load(tmp_path / "n.json")
    assert other.state == before


def test_another_component_is_asked_without_a_switch(image):
    session = Session(image, "sa", threshold=0.9)
    session.add("leaf", [(3, 4)])
    other = Session(image, "pcc", threshold=0.9)
    other.add("leaf", [(3, 4)])
    np.testing.assert_array_equal(session.probability("leaf", "pcc"), other.probability("leaf"))
    np.testing.assert_array_equal(session.label_map("pcc").labels, other.label_map().labels)
    assert session.component == "sa"
