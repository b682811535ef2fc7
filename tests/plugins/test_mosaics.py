import numpy as np
import pytest
from hsizoo_datasets.drawing import SHAPES, TEXTURES, Draw, noise
from hsizoo_datasets.mosaics import Mosaics, compose_mosaic

import hsizoo


@pytest.mark.parametrize("setting", ["train", "held-out"])
def test_a_mosaic_is_an_image_with_a_label_for_each_pixel(setting):
    for seed in range(12):
        mosaic = compose_mosaic(np.random.default_rng(seed), 64, setting)
        assert mosaic.rgb.shape == (64, 64, 3)
        assert mosaic.rgb.dtype == np.float32
        assert 0 <= mosaic.rgb.min() <= mosaic.rgb.max() <= 1
        present = set(np.unique(mosaic.labels)) - {0}
        assert present <= set(mosaic.materials)
        assert all(parent in mosaic.materials for parent in mosaic.parents.values())
        for label in mosaic.targets():
            assert (mosaic.labels == label).sum() >= 12


def test_a_part_lies_within_what_its_object_covered():
    found = 0
    for seed in range(60):
        mosaic = compose_mosaic(np.random.default_rng(seed), 64)
        for part, parent in mosaic.parents.items():
            assert part > parent  # painted later
            found += 1
    assert found > 5


def test_objects_can_be_told_from_what_surrounds_them():
    """A label is not noise: within it colours differ less than between labels."""
    within, between = [], []
    for seed in range(20):
        mosaic = compose_mosaic(np.random.default_rng([3, seed]), 64)
        means = [mosaic.rgb[mosaic.labels == n].mean(axis=0) for n in mosaic.targets()]
        if len(means) > 1:
            between.append(np.var(means, axis=0).mean())
            within += [mosaic.rgb[mosaic.labels == n].var(axis=0).mean() for n in mosaic.targets()]
    assert np.mean(within) < np.mean(between)


def test_a_scene_does_not_depend_on_the_others_and_a_seed_gives_others():
    dataset = Mosaics(side=48, number=4)
    alone = Mosaics(side=48, number=4).scene(2)
    dataset.scene(0)
    assert np.array_equal(dataset.scene(2).cube.data, alone.cube.data)
    assert np.array_equal(dataset.scene(2).label_map.labels, alone.label_map.labels)
    other = Mosaics(side=48, number=4, seed=1).scene(2)
    assert not np.array_equal(other.cube.data, alone.cube.data)


def test_the_settings_share_no_shape_and_only_the_flat_texture():
    from hsizoo_datasets import mosaics

    shapes, textures = mosaics._SHAPES, mosaics._TEXTURES
    assert not set(shapes["train"]) & set(shapes["held-out"])
    assert set(textures["train"]) & set(textures["held-out"]) == {"flat"}
    assert {*shapes["train"], *shapes["held-out"]} == set(SHAPES)
    assert {*textures["train"], *textures["held-out"]} == {*TEXTURES, "flat"}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_inside_at_its_middle_and_outside_far_away(shape):
    """But for those that are hollow or fall into pieces."""
    draw = Draw(np.random.default_rng(0), 101)
    inside = SHAPES[shape](draw, draw.row * 3, draw.col * 3) < 1
    assert inside.shape == (101, 101)
    assert 10 < inside.sum() < 0.5 * inside.size
    assert not inside[0].any()
    assert not inside[:, -1].any()
    if shape not in ("ring", "crescent", "cloud", "tube"):
        assert inside[50, 50]


@pytest.mark.parametrize("texture", TEXTURES)
def test_a_texture_varies_about_between_minus_one_and_one(texture):
    field = TEXTURES[texture](Draw(np.random.default_rng(1), 96))
    assert field.shape == (96, 96)
    assert 0.1 < field.std() < 1.5
    assert np.abs(field).max() < 2.5


def test_steeper_noise_is_smoother():
    rough, smooth = (noise(np.random.default_rng(2), 128, steep) for steep in (0.6, 3.0))
    assert np.abs(np.diff(smooth, axis=0)).mean() < 0.2 * np.abs(np.diff(rough, axis=0)).mean()


def test_options_out_of_range():
    with pytest.raises(hsizoo.HsizooError, match="side=8"):
        Mosaics(side=8)
