"""Maps of a run: the same class has the same number and colour in all of them."""

import base64
import zlib

import numpy as np
import pytest
from PIL import Image

from hsizoo.io import class_colours, read_labels
from hsizoo.protocols.few_label.maps import FileNames, write_maps
from hsizoo.protocols.few_label.tables import classes_of


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
    write_maps(tmp_path, RECORDS)
    expected = {"rf-b.1": [[0, 2, 3]], "rf-a": [[1, 2, 2]]}
    for name, labels in expected.items():
        found, names = read_labels(tmp_path / f"{name}.hdr")
        np.testing.assert_array_equal(found, labels)
        assert names == {0: "unusable", 1: "corn", 2: "wheat", 3: "oak"} or name == "rf-a"
        with Image.open(tmp_path / f"{name}.png") as image:
            colours = np.asarray(image.convert("RGB"))
        np.testing.assert_array_equal(colours, class_colours(4)[np.array(labels)])


def test_each_setting_has_its_map(tmp_path):
    records = [{**RECORDS[2], "conditions": {"shots": shots}} for shots in ("3", "5", "")]
    names = {path.name for path in write_maps(tmp_path, records)}
    assert names == {f"rf{shots}-a.{end}" for shots in ("_shots=3", "_shots=5", "")
                     for end in ("png", "hdr")}  # fmt: skip


@pytest.mark.parametrize("text", ["a/b", "a b", "a|b"])
def test_names_of_files_are_no_two_alike(text):
    names = FileNames()
    assert [names.of("a_b"), names.of(text)] == ["a_b", "a_b-2"]
