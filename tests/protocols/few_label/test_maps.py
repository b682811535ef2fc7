"""Maps of a run: the same class has the same number and colour in all of them."""

import base64
import zlib

import numpy as np
import pytest
from PIL import Image

from hsizoo.io import class_colours, read_labels
from hsizoo.protocols.few_label.classes import classes_of
from hsizoo.protocols.few_label.file_names import FileNames
from hsizoo.protocols.few_label.maps import map_files


def record(scene, seed, found, classes, **about):
    found = np.array(found)
    packed = base64.b64encode(zlib.compress(found.astype("<u2").tobytes())).decode()
    result = {
        "labels": [number for number, _ in classes],
        "classes": [name for _, name in classes],
        "split": {"shape": list(found.shape)},
        "map": packed,
    }
    identity = {"scene": scene, "seed": seed}
    return {"label": "rf", "status": "done", "identity": identity, "result": result, **about}


RECORDS = [
    record("b.1", 1, [[2, 2, 2]], [(3, "wheat"), (9, "oak")]),
    record("b.1", 0, [[0, 1, 2]], [(3, "wheat"), (9, "oak")]),
    record("a", 0, [[1, 2, 2]], [(1, "corn"), (3, "wheat")]),
]


def test_scenes_that_lack_classes_agree(tmp_path):
    assert classes_of(RECORDS) == {(1, "corn"): 1, (3, "wheat"): 2, (9, "oak"): 3}
    made = dict(map_files(RECORDS))
    ends = ("hdr", "img", "png")
    assert list(made) == [f"maps/{name}.{end}" for name in ("rf-b.1", "rf-a") for end in ends]
    for name, content in made.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    expected = {"rf-b.1": [[0, 2, 3]], "rf-a": [[1, 2, 2]]}
    for name, labels in expected.items():
        found, names = read_labels(tmp_path / "maps" / f"{name}.hdr")
        np.testing.assert_array_equal(found, labels)
        assert names == {0: "unusable", 1: "corn", 2: "wheat", 3: "oak"} or name == "rf-a"
        with Image.open(tmp_path / "maps" / f"{name}.png") as image:
            colours = np.asarray(image.convert("RGB"))
        np.testing.assert_array_equal(colours, class_colours(4)[np.array(labels)])


def test_each_setting_has_its_map():
    records = [{**RECORDS[2], "conditions": {"shots": shots}} for shots in ("3", "5", "")]
    assert {name for name, _ in map_files(records)} == {
        f"maps/rf{shots}-a.{end}"
        for shots in ("_shots=3", "_shots=5", "")
        for end in ("hdr", "img", "png")
    }


@pytest.mark.parametrize("text", ["a/b", "a b", "a|b"])
def test_names_of_files_are_no_two_alike(text):
    names = FileNames()
    assert [names.of("a_b"), names.of(text)] == ["a_b", "a_b-2"]
