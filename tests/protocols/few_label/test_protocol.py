"""The settings and columns of the few-label protocol, and what it wants of a dataset."""

import json

import numpy as np
import pytest

from hsizoo import HyperCube, LabelMap, Scene, SceneDataset
from hsizoo.errors import ProtocolError
from hsizoo.interfaces import SceneInfo
from hsizoo.protocols.few_label import FewLabelProtocol
from hsizoo.zoo.options import declared_options, resolve_options


class Fields(SceneDataset):
    """Two scenes, of which the first has a training map."""

    def scenes(self):
        return [SceneInfo("marked", "a"), SceneInfo("plain", "b")]

    def scene(self, index):
        return Scene(
            HyperCube(np.ones((2, 3, 1))), LabelMap(np.ones((2, 3), int), {1: "corn"}), "x"
        )

    def training_map(self, index):
        return None if index else np.array([[True, False, False]] * 2)


@pytest.mark.parametrize("wrong", [{"shots": 0}, {"gap": 0}, {"block": 0}, {"draw": "any"}])
def test_settings_that_cannot_be(wrong):
    with pytest.raises(ProtocolError, match=next(iter(wrong))):
        FewLabelProtocol(**wrong)


def test_settings_survive_their_record():
    protocol = FewLabelProtocol(shots=3, draw="block-disjoint", gap=5, block=7)
    assert FewLabelProtocol.from_config(json.loads(json.dumps(protocol.config()))) == protocol


def test_stored_cells_keep_their_keys():
    config = {"name": "few-label", "version": "2", "shots": 5, "draw": "random", "gap": 9,
              "block": 16}  # fmt: skip
    assert json.dumps(FewLabelProtocol().config()) == json.dumps(config)
    other = FewLabelProtocol(shots=3, draw="official", gap=5, block=7).config()
    assert other == config | {"shots": 3, "draw": "official", "gap": 5, "block": 7}


def test_options_of_the_command_line():
    declared = declared_options(FewLabelProtocol)
    assert list(declared) == ["shots", "draw", "gap", "block"]
    assert declared["draw"].choices == ("random", "fixed", "block-disjoint", "official")
    assert all(option.doc for option in declared.values())
    given = resolve_options("few-label", declared, {}, {"shots": "3", "draw": "fixed"})
    assert FewLabelProtocol(**given).title == "3 label(s) per class, draw fixed"


def test_the_official_draw_is_refused_before_anything_is_computed():
    official, fields = FewLabelProtocol(draw="official"), Fields()
    official.check(fields, 0)
    with pytest.raises(ProtocolError, match="plain has no official training map"):
        official.check(fields, 1)
    FewLabelProtocol().check(fields, 1)


def test_only_the_official_draw_asks_for_the_training_map():
    fields = Fields()
    scene = fields.scene(0)
    assert FewLabelProtocol().complete(scene, fields, 0) is scene
    completed = FewLabelProtocol(draw="official").complete(scene, fields, 0)
    assert completed.training_map.tolist() == [[True, False, False]] * 2
    assert completed.cube is scene.cube


def test_columns():
    columns = {column.name: column for column in FewLabelProtocol.columns}
    assert set(FewLabelProtocol.headline) <= set(columns)
    scores = ["oa", "aa", "macro_precision", "kappa"]
    assert [name for name, column in columns.items() if column.compared] == scores
    assert [name for name, column in columns.items() if column.deviation] == scores
    assert [column.heading for column in columns.values() if column.shown] == [
        "OA %", "AA (recall) %", "precision %", "kappa ×100", "pseudo %", "overlap %", "within %",
        "with pseudo %", "s/fit", "s/image",
    ]  # fmt: skip
    least = sorted((column.leave_out, column.heading) for column in columns.values())
    assert [name for place, name in least if place] == [
        "s/image", "within %", "with pseudo %", "overlap %", "kappa ×100", "pseudo %", "s/fit",
        "precision %",
    ]  # fmt: skip
