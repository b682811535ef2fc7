import os
import subprocess
import sys
import time

import numpy as np
import pytest
from hsizoo_datasets import organs, rendering
from hsizoo_datasets.anatomy import draw_vessels, smooth_noise
from hsizoo_datasets.phantom import Phantom
from scipy.ndimage import distance_transform_edt

import hsizoo
from hsizoo.errors import OptionError

PAIRS = organs.RGB_ALIKE_PAIRS + organs.SPECTRALLY_ALIKE_PAIRS


@pytest.fixture(scope="module")
def scenes():
    """Six subjects, four views each, with everything a camera adds."""
    dataset = Phantom(train_subjects=6, val_subjects=0, test_subjects=0, scenes_per_subject=4)
    return [dataset.scene(i) for i in range(len(dataset))]


def spectra(scene, label):
    """Spectra of one organ, highlights left out."""
    here = scene.cube.data[scene.label_map.labels == label]
    return here[here.max(axis=1) < 1]


def angle(a, b):
    cosine = (a @ b) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b)
    return np.arccos(np.clip(cosine, -1, 1))


def separations(scenes, first, second):
    """Distance between organs over their own spread, in RGB and in angle; and the angle."""
    found = []
    for scene in scenes:
        if not {first, second} <= set(np.unique(scene.label_map.labels)):
            continue
        a, b = spectra(scene, first), spectra(scene, second)
        rgb_a, rgb_b = (s[:, list(scene.cube.rgb_bands)] for s in (a, b))
        rgb = np.linalg.norm(rgb_a.mean(0) - rgb_b.mean(0)) / np.sqrt(
            (rgb_a.var(0).sum() + rgb_b.var(0).sum()) / 2
        )
        between = angle(a.mean(0), b.mean(0))
        within = np.concatenate([angle(a, a.mean(0)), angle(b, b.mean(0))]).mean()
        found.append((rgb, between / within, between))
    assert len(found) >= 5
    return np.mean(found, axis=0)


# Structure


def test_scenes_and_splits():
    dataset = Phantom()
    infos = dataset.scenes()
    assert len(dataset) == len(infos) == 32
    assert infos[0] == hsizoo.SceneInfo("s01-v1", "s01", "train")
    assert infos[5] == hsizoo.SceneInfo("s03-v2", "s03", "train")
    assert infos[-1] == hsizoo.SceneInfo("s16-v2", "s16", "test")
    splits = {}
    for info in infos:
        assert splits.setdefault(info.subject, info.split) == info.split
    assert sorted(splits.values()) == ["test"] * 6 + ["train"] * 8 + ["val"] * 2
    assert len({info.name for info in infos}) == 32


def test_a_scene_is_what_the_list_says():
    dataset = Phantom(height=40, width=48, bands=12, first_nm=600, last_nm=710)
    scene, info = dataset.scene(21), dataset.scenes()[21]
    assert (scene.name, scene.subject, scene.split) == (info.name, info.subject, info.split)
    assert (scene.subject, scene.split) == ("s11", "test")
    assert scene.cube.shape == (40, 48, 12)
    assert scene.cube.wavelengths == pytest.approx(np.arange(600, 711, 10))
    with pytest.raises(IndexError):
        dataset.scene(32)
    with pytest.raises(IndexError):
        dataset.scene(-1)


def test_drape_is_background(scenes):
    for scene in scenes:
        labels = scene.label_map
        assert labels.class_names[0] == "drape"
        assert 0 not in labels.targets
        assert not labels.ignore
        assert labels.targets == set(organs.ORGANS)
        assert 0.02 < (labels.labels == 0).mean() < 0.5


def test_every_scene_shows_four_to_seven_organs_of_sensible_size(scenes):
    seen = set()
    for scene in scenes:
        labels, counts = np.unique(scene.label_map.labels, return_counts=True)
        assert labels[0] == 0
        assert 4 <= len(labels) - 1 <= 7
        assert counts[1:].min() >= 150
        assert sum({a, b} <= set(labels.tolist()) for a, b in PAIRS) >= 2
        seen |= set(labels.tolist())
    assert seen == {0, *organs.ORGANS}
    layouts = {scene.label_map.labels.tobytes() for scene in scenes}
    assert len(layouts) == len(scenes)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (40, 200), (200, 40)])
def test_any_size_keeps_its_promises(height, width):
    dataset = Phantom(height=height, width=width, bands=2)
    for i in range(5):
        scene = dataset.scene(i)
        counts = np.bincount(scene.label_map.labels.ravel())
        assert counts[1:][counts[1:] > 0].min() >= 0.012 * height * width
        assert scene.cube.valid.all()


def test_a_scene_looks_the_same_at_every_size():
    small = Phantom(height=64, width=64, bands=3).scene(3)
    large = Phantom(height=192, width=192, bands=3).scene(3)
    assert (large.label_map.labels[1::3, 1::3] == small.label_map.labels).mean() > 0.99


def test_rgb_bands():
    assert Phantom().scene(0).cube.rgb_bands == (24, 10, 0)  # 620, 550 and 500 nm
    infrared = Phantom(height=32, width=32, bands=10, first_nm=700, last_nm=1000).scene(0)
    assert infrared.cube.rgb_bands == (9, 5, 0)
    assert Phantom(height=32, width=32, bands=1).scene(0).cube.rgb_bands == (0, 0, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"height": 31}, "height=31 must be a whole number of 32 or more"),
        ({"width": 64.0}, "width=64.0"),
        ({"bands": 0}, "bands=0"),
        ({"bands": True}, "bands=True"),
        ({"first_nm": 400}, "first_nm=400 must be a number from 450 to 1000"),
        ({"last_nm": 1100.0}, "last_nm=1100.0"),
        ({"first_nm": 700, "last_nm": 600}, "last_nm=600 must exceed first_nm=700"),
        ({"train_subjects": -1}, "train_subjects=-1"),
        ({"train_subjects": 0, "val_subjects": 0, "test_subjects": 0}, "one must be 1 or more"),
        ({"scenes_per_subject": 0}, "scenes_per_subject=0"),
        ({"noise": -0.1}, "noise=-0.1 must be a number of 0 or more"),
        ({"shading": float("nan")}, "shading=nan"),
        ({"highlights": float("inf")}, "highlights=inf"),
        ({"highlights": "1"}, "highlights='1'"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_bad_options_are_refused_with_value_and_limits(options, message):
    with pytest.raises(OptionError) as error:
        Phantom(**options)
    assert message in str(error.value)


# Determinism


def test_scenes_repeat_in_any_order_and_in_another_process():
    options = {"height": 48, "width": 48, "bands": 20, "seed": 7}
    one, two = Phantom(**options), Phantom(**options)
    first = {i: one.scene(i) for i in (0, 1, 5)}
    second = {i: two.scene(i) for i in (5, 1, 0)}
    for i, scene in first.items():
        assert scene.cube.digest == second[i].cube.digest
        assert scene.label_map.digest == second[i].label_map.digest
    code = (
        "from hsizoo_datasets.phantom import Phantom; "
        f"scene = Phantom(**{options!r}).scene(5); "
        "print(scene.cube.digest, scene.label_map.digest)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    printed = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    ).stdout.split()
    assert printed == [first[5].cube.digest, first[5].label_map.digest]


def test_other_seeds_and_scenes_differ():
    digests = {
        Phantom(height=32, width=32, bands=3, seed=seed).scene(i).cube.digest
        for seed in (0, 1)
        for i in range(4)
    }
    assert len(digests) == 8


def test_tissues_are_those_of_seed_subject_and_view(monkeypatch):
    drawn = []

    def noted(*about, real=organs.draw_tissues):
        drawn.append(about)
        return real(*about)

    monkeypatch.setattr("hsizoo_datasets.phantom.draw_tissues", noted)
    Phantom(height=32, width=32, bands=4, scenes_per_subject=3, seed=7).scene(5)
    assert drawn == [(7, 2, 3)]
    one, *others = (organs.draw_tissues(*about) for about in ((7, 2, 3), (8, 2, 3), (7, 1, 3)))
    assert one not in others


def test_a_subject_does_not_depend_on_the_split():
    small = {"height": 32, "width": 32, "bands": 3}
    as_train = Phantom(**small).scene(4)
    as_test = Phantom(**small, train_subjects=1, val_subjects=0, test_subjects=4).scene(4)
    assert (as_train.split, as_test.split) == ("train", "test")
    assert as_train.cube.digest == as_test.cube.digest


def test_working_in_parts_does_not_change_the_cube(monkeypatch):
    whole = Phantom(height=64, width=64, bands=30).scene(0)
    monkeypatch.setattr(rendering, "_VALUES_AT_ONCE", 64 * 30 * 7)
    assert Phantom(height=64, width=64, bands=30).scene(0).cube.digest == whole.cube.digest


# Camera


def test_reflectance_range(scenes):
    for scene in scenes:
        assert scene.cube.data.dtype == np.float32
        assert scene.cube.valid.all()
        assert scene.cube.data.min() >= 0
        assert 0.15 < scene.cube.data.mean() < 0.7
        assert 1 < scene.cube.data.max() <= 1.5
        assert (scene.cube.data.max(axis=2) > 1).mean() < 0.15


def test_noise_is_larger_at_the_ends_and_scales():
    still, usual, loud = (Phantom(noise=level).scene(0).cube.data for level in (0.0, 1.0, 3.0))
    inside = still.max(axis=2) < 0.9
    usual, loud = ((cube - still)[inside].std(axis=0) for cube in (usual, loud))
    assert (usual > 0.003).all()
    assert usual[[0, -1]].min() > 2 * usual[50]
    assert loud == pytest.approx(3 * usual, rel=0.1)


def test_shading_and_highlights_can_be_switched_off():
    shape = {"noise": 0.0, "bands": 10}
    usual = Phantom(**shape).scene(2).cube.data
    dull = Phantom(**shape, highlights=0.0).scene(2).cube.data
    even = Phantom(**shape, highlights=0.0, shading=0.0).scene(2).cube.data
    glare = usual - dull
    assert glare.min() > -1e-6
    free = (usual.max(axis=2) < 1.5) & (glare[:, :, 0] > 0.05)
    assert free.sum() > 20
    assert np.ptp(glare[free], axis=1).max() < 1e-5  # flat over the bands
    gain = dull / even
    dim = dull.max(axis=2) < 1.4
    assert np.ptp(gain, axis=2)[dim].max() < 1e-4  # shading is neutral
    assert gain[:, :, 0].std() > 0.05


def test_deep_vessels_show_in_the_near_infrared_only():
    rng = np.random.default_rng(0)
    labels = np.full((96, 96), 5)
    tissues = organs.draw_tissues(0, 1, 1)
    maps = rendering._tissue_maps(rng, labels, tissues)
    maps.pop("brightness")
    vessel = np.zeros(labels.shape)
    vessel[40:50] = 1
    nm = np.array([550.0, 660.0, 850.0])
    without = rendering._reflectance(maps, [0 * vessel, 0 * vessel], nm)
    deep = rendering._reflectance(maps, [0 * vessel, vessel], nm)
    contrast = (1 - deep / without)[45].mean(axis=0)
    assert contrast[0] < 0.1
    assert contrast[2] > 0.15
    assert (deep[:40] == without[:40]).all()


# What spectra add to a picture


@pytest.mark.parametrize("pair", organs.RGB_ALIKE_PAIRS)
def test_pairs_alike_in_rgb_differ_in_spectral_angle(scenes, pair):
    rgb, shape, _ = separations(scenes, *pair)
    assert rgb < 0.5  # the means lie within half a standard deviation
    assert shape > 0.9
    assert shape > 2.5 * rgb


@pytest.mark.parametrize("pair", organs.SPECTRALLY_ALIKE_PAIRS)
def test_pairs_alike_in_spectral_angle_differ_in_brightness(scenes, pair):
    rgb, shape, radian = separations(scenes, *pair)
    assert shape < 0.6
    assert radian < 0.03
    assert rgb > 1.0
    assert rgb > 2 * shape


def test_pairs_are_alike_before_the_camera_too():
    """Without light, vessels and noise the claim is exact."""
    tissues = organs.draw_tissues(0, 3, 1)
    nm = np.linspace(500, 995, 100)
    rng = np.random.default_rng(0)
    spectrum = {}
    for label in tissues:
        maps = rendering._tissue_maps(rng, np.full((32, 32), label), tissues)
        brightness = maps.pop("brightness")[..., None]
        bare = [np.zeros((32, 32))] * 2
        spectrum[label] = (brightness * rendering._reflectance(maps, bare, nm)).mean((0, 1))
    for a, b in organs.RGB_ALIKE_PAIRS:
        ratio = spectrum[a] / spectrum[b]
        assert np.abs(ratio[[24, 10, 0]] - 1).max() < 0.12
        assert np.ptp(ratio[nm > 900]) > 0.1
    for a, b in organs.SPECTRALLY_ALIKE_PAIRS:
        assert angle(spectrum[a], spectrum[b]) < 0.02
        assert spectrum[b].mean() / spectrum[a].mean() == pytest.approx(0.55, abs=0.06)


def test_subjects_differ_more_than_their_views(scenes):
    """One-way analysis of variance of class-mean spectra, pooled over organs and bands."""
    between = within = 0.0
    for label in organs.ORGANS:
        groups = {}
        for scene in scenes:
            if (scene.label_map.labels == label).any():
                mean = scene.cube.data[scene.label_map.labels == label].mean(axis=0)
                groups.setdefault(scene.subject, []).append(mean)
        groups = [np.array(group) for group in groups.values() if len(group) > 1]
        if len(groups) < 3:
            continue
        inside = np.mean([group.var(axis=0, ddof=1).sum() for group in groups])
        means = np.array([group.mean(axis=0) for group in groups])
        size = np.mean([len(group) for group in groups])
        within += inside
        between += means.var(axis=0, ddof=1).sum() - inside / size
    assert between > 1.5 * within  # 3.5 when written


def test_one_click_and_the_spectral_angle_neither_solve_nor_miss_it(scenes):
    scores = []
    for scene in scenes[::2]:
        unit = scene.cube.data / np.linalg.norm(scene.cube.data, axis=2, keepdims=True)
        for label in set(np.unique(scene.label_map.labels)) - {0}:
            target = scene.target(label)
            inner = distance_transform_edt(np.pad(target, 1))[1:-1, 1:-1]
            click = np.unravel_index(inner.argmax(), inner.shape)
            hits = target.ravel()[np.argsort(-(unit @ unit[click]).ravel(), kind="stable")]
            dice = 2 * np.cumsum(hits) / (np.arange(1, hits.size + 1) + target.sum())
            scores.append(dice.max())
    assert 0.6 < np.mean(scores) < 0.85
    assert np.std(scores) > 0.1


# Parts


def test_smooth_noise_has_unit_variance_and_is_smooth():
    fields = np.stack([smooth_noise(np.random.default_rng(k), (40, 60), 5, 2) for k in range(400)])
    assert fields.mean() == pytest.approx(0, abs=0.05)
    assert fields.std(axis=0) == pytest.approx(np.ones((40, 60)), abs=0.2)
    neighbours = np.corrcoef(fields[:, :, 1:].ravel(), fields[:, :, :-1].ravel())[0, 1]
    assert neighbours > 0.9


def test_vessels_are_thin_and_branch():
    vessels = draw_vessels(np.random.default_rng(1), (128, 128), 2, 0.01)
    assert vessels.min() >= 0
    assert 0.9 < vessels.max() <= 1
    assert 0.005 < (vessels > 0.3).mean() < 0.25


def test_generation_is_quick():
    dataset = Phantom()
    dataset.scene(0)
    start = time.process_time()
    dataset.scene(1)
    assert time.process_time() - start < 1.5
