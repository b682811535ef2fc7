"""The widget of a notebook: the same module and the same messages."""

import numpy as np
import pytest

from hsizoo.studio.server import CANVAS

pytest.importorskip("anywidget")


@pytest.fixture
def sent(monkeypatch, scene):
    from hsizoo.studio import StudioWidget

    messages = []
    monkeypatch.setattr(
        StudioWidget,
        "send",
        lambda self, content, buffers=None: messages.append((content, buffers)),
    )
    widget = StudioWidget(scene, component="sa", device="cpu", height=500)
    widget.studio.jobs.wait()
    return widget, messages


def test_a_message_is_answered_with_its_number(sent, scene):
    widget, messages = sent
    widget._received(widget, {"id": "p-1", "message": {"do": "add", "name": "leaf"}}, [])
    widget._received(widget, {"id": "p-2", "message": {"do": "spectrum", "row": 4, "col": 5}}, [])
    widget._received(widget, {"id": "p-3", "message": "nonsense"}, [])
    widget._received(widget, "nonsense", [])
    (one, _), (two, buffers), (three, _) = messages
    assert one["id"] == "p-1"
    assert one["about"]["objects"][0]["name"] == "leaf"
    np.testing.assert_array_equal(np.frombuffer(buffers[0], "<f4"), scene.cube.data[4, 5])
    assert (two["id"], "error" in three["about"]) == ("p-2", True)
    assert widget.session.objects == ("leaf",)


def test_it_has_the_module_of_the_page(sent):
    widget, _ = sent
    assert widget.height == 500
    assert str(widget._esm) == CANVAS.read_text(encoding="utf-8")
