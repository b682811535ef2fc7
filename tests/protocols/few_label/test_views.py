"""Which files a run with few labels has beside its tables."""

import numpy as np
import pytest

from hsizoo.errors import MissingRequirement
from hsizoo.protocols.few_label import FewLabelProtocol
from hsizoo.protocols.few_label.splits import Split
from hsizoo.protocols.few_label.stored_map import encode_map


@pytest.fixture
def records(record):
    split = Split((2, 3), np.array([0]), np.arange(1, 6)).record()
    history = [{"pixels": [1], "new_checked": 1, "new_right": 1}]
    return [
        record("ipg+rf", 0, 0.5, split=split, map=encode_map(np.array([[1, 1, 2], [2, 0, 1]])),
               pseudo_labels={"right": 1.0, "history": history}),
        record("rf", 0, 0, status="failed"),
    ]  # fmt: skip


FILES = {
    "runs.csv": ["runs.csv"],
    "classes.csv": ["classes.csv"],
    "confusion.csv": ["confusion.csv"],
    "maps": ["maps/ipg+rf-field.hdr", "maps/ipg+rf-field.img", "maps/ipg+rf-field.png"],
    "maps/all-SCENE.png": ["maps/all-field.png"],
    "confusion": ["confusion/ipg+rf.png"],
    "growth.png": ["growth.png"],
}


def test_files(records):
    found = {view.name: view for view in FewLabelProtocol.views(records, "field")}
    assert {name: [path for path, _ in view.files()] for name, view in found.items()} == FILES
    assert all(view.remark for view in found.values())


def test_without_results_there_are_no_maps_and_pictures(records):
    found = {view.name: list(view.files()) for view in FewLabelProtocol.views(records[1:], "x")}
    assert [name for name, files in found.items() if files] == [
        "runs.csv", "classes.csv", "confusion.csv",
    ]  # fmt: skip


@pytest.mark.usefixtures("without_matplotlib")
def test_maps_need_no_matplotlib(records):
    for view in FewLabelProtocol.views(records, "field"):
        if view.name in ("maps/all-SCENE.png", "confusion", "growth.png"):
            with pytest.raises(MissingRequirement):
                list(view.files())
        else:
            assert [path for path, _ in view.files()] == FILES[view.name]
