"""A dataset whose lists and scenes disagree is refused, not counted."""

import numpy as np
import pytest

import hsizoo
from hsizoo.errors import ContractError
from hsizoo.zoo.scenes import load_listed, scene_infos

DATASETS = """
import numpy as np
import hsizoo

class Scenes(hsizoo.SceneDataset):
    names = ("one", "two")
    card = hsizoo.DatasetCard(title="t", source="s", licence="l", citation="c", size="2",
                              how_to_get="computed")

    def scenes(self):
        return [hsizoo.SceneInfo(name, f"of {name}", "test") for name in self.names]

    def scene(self, index):
        data = np.random.default_rng(index).random((4, 6, 3))
        labels = hsizoo.LabelMap(np.indices((4, 6))[1] // 3, {0: "left", 1: "right"})
        info = self.scenes()[index]
        return self.changed(hsizoo.Scene(hsizoo.HyperCube(data), labels, info.name, info.subject,
                                         info.split))

    def changed(self, scene):
        return scene

class Twice(Scenes):
    names = ("one", "one")

class OtherSubject(Scenes):
    def changed(self, scene):
        return hsizoo.Scene(scene.cube, scene.label_map, scene.name, "of both", scene.split)

class OtherSplit(Scenes):
    def changed(self, scene):
        return hsizoo.Scene(scene.cube, scene.label_map, scene.name, scene.subject, "train")

class OtherName(Scenes):
    def changed(self, scene):
        return hsizoo.Scene(scene.cube, scene.label_map, "three", scene.subject, scene.split)

@hsizoo.hookimpl
def hsizoo_components():
    for name in ("Scenes", "Twice", "OtherSubject", "OtherSplit", "OtherName"):
        yield hsizoo.ComponentSpec(
            name=name.lower(), kind="dataset", target=f"{__name__}:{name}", summary="x"
        )
"""


@pytest.fixture
def datasets(fake_dist, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fake_dist("odd-scenes", "1.0", {"odd_scenes": DATASETS}, {"odd": "odd_scenes"})


def run(name, tmp_path):
    return hsizoo.bench(["sa"], name, clicks=1, out=tmp_path / "run", device="cpu")


def test_a_good_dataset_is_taken(datasets, tmp_path):
    assert not run("scenes", tmp_path).failures
    assert hsizoo.load_scene("scenes", "two").subject == "of two"


def test_names_that_occur_twice_are_refused_before_anything_is_computed(datasets, tmp_path):
    with pytest.raises(ContractError, match="2 scenes with 1 names: 'one' more than once"):
        run("twice", tmp_path)
    with pytest.raises(ContractError, match="more than once"):
        hsizoo.load_scene("twice")


@pytest.mark.parametrize("what", ["subject", "split", "name"])
def test_a_scene_that_is_not_as_listed_fails_its_cell(datasets, tmp_path, what):
    result = run(f"other{what}", tmp_path)
    assert len(result.failures) == 2
    assert f"with the {what} " in result.failures[0]["error"]["message"]
    with pytest.raises(ContractError, match=f"with the {what} "):
        hsizoo.load_scene(f"other{what}")


def test_what_is_listed_is_what_was_asked(datasets):
    dataset = hsizoo.load_dataset("scenes")
    infos = scene_infos(dataset)
    assert [info.name for info in infos] == ["one", "two"]
    assert np.array_equal(load_listed(dataset, 1, infos).cube.data, dataset.scene(1).cube.data)
