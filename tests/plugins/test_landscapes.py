"""Landscapes: simulated land whose classes lie in one piece or in many."""

import numpy as np
import pytest
from hsizoo_datasets.landscapes import Landscapes
from scipy import ndimage

import hsizoo
from hsizoo.errors import OptionError

FEW = {"side": 64, "bands": 12, "train_scenes": 20, "val_scenes": 0, "test_scenes": 0}


@pytest.fixture(scope="module")
def scenes():
    dataset = Landscapes(**FEW)
    return [dataset.scene(n) for n in range(len(dataset))]


def test_every_target_can_be_clicked_and_every_value_is_finite(scenes):
    for scene in scenes:
        data = scene.cube.data
        assert data.shape == (64, 64, 12)
        assert np.isfinite(data).all()
        assert data.min() >= 0
        assert (np.diff(scene.cube.wavelengths) > 0).all()
        assert scene.label_map.targets
        for label in scene.label_map.targets:
            assert scene.target(label).sum() >= 8
        assert scene.label_map.ignore == {0}


def test_classes_lie_in_one_piece_and_in_many_and_some_are_small(scenes):
    pieces, areas = [], []
    for scene in scenes:
        for label in scene.label_map.targets:
            mask = scene.target(label)
            pieces.append(ndimage.label(mask)[1])
            areas.append(mask.mean())
    assert min(pieces) == 1
    assert np.mean(np.array(pieces) > 3) > 0.3
    assert min(areas) < 0.01
    assert max(areas) > 0.2


def test_spectra_tell_classes_apart_better_than_chance_but_not_always(scenes):
    """Nearest mean spectrum, an independent and simple rule."""
    rates = []
    for scene in scenes:
        labels = sorted(scene.label_map.targets)
        if len(labels) < 2:
            continue
        masks = [scene.target(label) for label in labels]
        means = np.stack([scene.cube.data[mask].mean(axis=0) for mask in masks])
        for n, mask in enumerate(masks):
            far = ((scene.cube.data[mask][:, None] - means) ** 2).sum(axis=2)
            rates.append((far.argmin(axis=1) == n).mean())
    assert 0.6 < np.mean(rates) < 0.99


def test_a_scene_does_not_depend_on_the_others_and_a_seed_gives_others(scenes):
    again = Landscapes(**FEW).scene(7)
    assert np.array_equal(again.cube.data, scenes[7].cube.data)
    assert np.array_equal(again.label_map.labels, scenes[7].label_map.labels)
    other = Landscapes(**FEW, seed=1).scene(7)
    assert not np.array_equal(other.cube.data, scenes[7].cube.data)


def test_the_phantoms_training_subjects_join_the_training_split():
    dataset = Landscapes(**{**FEW, "test_scenes": 2}, phantom=True)
    infos = dataset.scenes()
    assert [info.split for info in infos[20:22]] == ["test", "test"]
    assert {info.split for info in infos[22:]} == {"train"}
    phantom = hsizoo.load_scene("phantom", "s01-v1")
    joined = dataset.scene(22)
    assert joined.name == "phantom-s01-v1"
    assert joined.subject == "phantom-s01"
    assert np.array_equal(joined.cube.data, phantom.cube.data)
    with pytest.raises(IndexError):
        dataset.scene(len(infos))


@pytest.mark.parametrize(
    "wrong",
    [{"side": 31}, {"bands": 2}, {"seed": -1},
     {"train_scenes": 0, "val_scenes": 0, "test_scenes": 0}],
)  # fmt: skip
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        Landscapes(**wrong)
