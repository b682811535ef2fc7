"""Open scenes: kept as far as memory allows."""

from dataclasses import dataclass

import torch

from hsizoo.training import SceneStates
from hsizoo.training.states import _bytes_of


def test_scenes_are_opened_once_if_memory_allows(tiny, dataset_of, make_scene):
    made = [make_scene(f"s{i}", i) for i in range(3)]
    dataset = dataset_of(*made)
    states = SceneStates(dataset, tiny)
    for _ in range(3):
        for index in range(3):
            scene, state = states.get(index)
            assert scene is made[index]
            assert state.shape == scene.cube.shape
    assert dataset.loaded == [0, 1, 2]
    # One cube with its state takes 12·16·6·4·2 bytes, and its label map 12·16·4.
    dataset = dataset_of(*made)
    states = SceneStates(dataset, tiny, budget=25_000)
    for _ in range(2):
        for index in (0, 0, 1, 1, 2, 2):
            states.get(index)
    assert dataset.loaded == [0, 1, 2, 2]
    assert states.opened == 4


def test_the_first_scene_that_does_not_fit_is_told_of_once(tiny, dataset_of, make_scene):
    told = []
    states = SceneStates(dataset_of(*(make_scene(f"s{i}", i) for i in range(3))), tiny, 25_000)
    states._overflow = told.append
    for index in (0, 1, 2, 1, 0, 2):
        states.get(index)
    assert told == [12 * 16 * (6 * 4 * 2 + 4)]


def test_memory_that_several_things_share_is_counted_once():
    @dataclass
    class State:
        first: torch.Tensor
        second: torch.Tensor

    batch = torch.zeros(4, 100)
    assert _bytes_of({"batch": batch, "views": list(batch)}, set()) == 1600
    assert _bytes_of([State(*torch.zeros(2, 10)) for _ in range(5)], set()) == 5 * 80
