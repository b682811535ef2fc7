from pathlib import Path

import numpy as np
import pytest
from hsizoo_datasets.views import Augmentation, make_view
from hypothesis import given, settings
from hypothesis import strategies as st

import hsizoo
from hsizoo.errors import OptionError
from hsizoo.training import TrainingSettings, divide

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
here = pytest.mark.skipif(
    not (DATA / "samson.npz").is_file(),
    reason="the scenes' files are not in ../shared/data beside the checkout",
)
SIDES = (40, 60, 50)  # rows, columns, bands


def numbered():
    """A scene in which each value tells its row, column and band."""
    rows, cols, bands = np.indices(SIDES)
    labels = np.zeros(SIDES[:2], int)
    labels[5:25, 10:30] = 1
    labels[30:33, 40:43] = 2
    return hsizoo.Scene(
        hsizoo.HyperCube(1 + rows * 3000 + cols * 50 + bands, np.linspace(400, 900, 50)),
        hsizoo.LabelMap(labels, {1: "big", 2: "small"}, ignore=[0]),
        name="whole",
        subject="field",
    )


WHOLE = numbered()


@given(st.integers(0, 10**6))
@settings(max_examples=150, deadline=None)
def test_a_view_shows_pixels_of_its_scene_with_their_labels(seed):
    how = Augmentation(least_side=16, least_pixels=8, least_bands=10)
    view = make_view(WHOLE, "v", "train", how, np.random.default_rng(seed))
    height, width, count = view.cube.shape
    assert (view.name, view.subject, view.split) == ("v", "field", "train")
    assert 16 <= min(height, width) <= max(height, width) <= 60
    assert 10 <= count <= 50
    value = view.cube.data.astype(int) - 1
    rows, cols, bands = value // 3000, value % 3000 // 50, value % 50
    assert (np.ptp(rows, axis=2) == 0).all()
    assert (np.ptp(cols, axis=2) == 0).all()
    assert (bands == bands[0, 0]).all()
    rows, cols, bands = rows[:, :, 0], cols[:, :, 0], bands[0, 0]
    # The crop is a whole window, turned and mirrored but not torn.
    assert len(np.unique(rows * 60 + cols)) == height * width
    assert (np.ptp(rows) + 1) * (np.ptp(cols) + 1) == height * width
    steps = np.abs(np.diff(rows, axis=0)) + np.abs(np.diff(cols, axis=0))
    assert (steps == 1).all()
    assert (np.diff(bands) > 0).all()
    np.testing.assert_array_equal(view.label_map.labels, WHOLE.label_map.labels[rows, cols])
    np.testing.assert_array_equal(view.cube.wavelengths, WHOLE.cube.wavelengths[bands])
    assert view.label_map.targets
    assert all(view.target(label).sum() >= 8 for label in view.label_map.targets)
    rgb = view.cube.rgb_bands
    thirds = [set(part) for part in np.array_split(np.arange(count), 3)]
    assert sorted(sum(n in third for n in rgb) for third in thirds) == [1, 1, 1]


def test_views_vary_in_every_way():
    how = Augmentation(least_side=16, least_bands=10)
    views = [make_view(WHOLE, "v", "", how, np.random.default_rng(n)) for n in range(60)]
    steps = [np.diff(v.cube.wavelengths) for v in views]
    runs = [len(s) + 1 < 50 and np.allclose(s, s[0]) for s in steps]
    every = [len(s) + 1 == 50 for s in steps]
    assert 5 < sum(runs) < 40
    assert 5 < sum(every) < 40
    assert sum(runs) + sum(every) < 60
    assert len({v.cube.shape for v in views}) > 40
    assert len({tuple(np.argsort(v.cube.rgb_bands)) for v in views}) == 6
    # Where values grow, and along which axis rows run, says which of the 8 turnings was made.
    turned = set()
    for data in (view.cube.data[:, :, 0] for view in views):
        right, down = data[0, -1] - data[0, 0], data[-1, 0] - data[0, 0]
        turned.add((right > 0, down > 0, abs(data[0, 1] - data[0, 0]) > 1000))
    assert len(turned) == 8


def test_gain_is_smooth_and_bounded():
    rng = np.random.default_rng(3)
    view = make_view(WHOLE, "v", "", Augmentation(gain=0.2, least_bands=50, least_side=60), rng)
    ratio = np.sort(view.cube.data.reshape(-1, 50), axis=0) / np.sort(
        WHOLE.cube.data.reshape(-1, 50), axis=0
    )
    assert np.ptp(ratio, axis=0).max() < 1e-5  # one factor per band
    assert 0.8 <= ratio.min() < 0.99 < ratio.max() <= 1.2
    assert np.abs(np.diff(ratio[0])).max() < 0.4 / 12


def test_a_scene_with_one_tiny_class_is_found_whole():
    labels = np.zeros((40, 40), int)
    labels[0, 0] = labels[39, 39] = 1
    scene = hsizoo.Scene(
        hsizoo.HyperCube(np.ones((40, 40, 2))), hsizoo.LabelMap(labels, {1: "a"}, ignore=[0]), "s"
    )
    view = make_view(scene, "v", "", Augmentation(least_side=8), np.random.default_rng(0))
    assert view.cube.shape == (40, 40, 2)
    assert view.target(1).sum() == 2


def test_views_of_indian_pines_are_drawn_by_seed_and_name():
    def drawn(index=0, **options):
        dataset = hsizoo.load_dataset("cross-sensor", test="samson", views=2, **options)
        assert dataset.scenes()[index].subject == "indian-pines"
        return dataset.scene(index).cube.digest

    assert drawn() == drawn()
    others = [drawn(1), drawn(seed=1), drawn(gain=0.2), drawn(least_side=140)]
    assert len({drawn(), *others}) == 5


@here
@pytest.mark.parametrize("test", ["indian-pines", "salinas-a", "samson", "pavia-mini"])
def test_the_test_scene_is_whole_and_in_no_view(test):
    dataset = hsizoo.load_dataset("cross-sensor", test=test, views=2, data_dir=str(DATA))
    infos = dataset.scenes()
    assert [info.name for info in infos if info.split == "test"] == [test]
    division = divide(infos, TrainingSettings())
    assert {infos[n].subject for n in division.train} == {i.subject for i in infos} - {test}
    assert not division.val
    alone = hsizoo.load_scene(test, **({} if test == "indian-pines" else {"data_dir": str(DATA)}))
    for index, info in enumerate(infos):
        scene = dataset.scene(index)
        assert (scene.name, scene.subject, scene.split) == (info.name, info.subject, info.split)
        assert scene.label_map.targets
        if info.split == "test":
            assert scene.cube.digest == alone.cube.digest
            assert scene.label_map.digest == alone.label_map.digest


@here
def test_views_repeat_and_depend_on_the_seed_alone():
    make = {"test": "samson", "views": 3, "data_dir": str(DATA)}
    first, again = (hsizoo.load_dataset("cross-sensor", **make) for _ in range(2))
    assert first.scene(8).cube.digest == again.scene(8).cube.digest
    assert first.scene(8).label_map.digest == again.scene(8).label_map.digest
    assert first.scene(7).cube.digest != first.scene(8).cube.digest
    other = hsizoo.load_dataset("cross-sensor", **make, seed=1)
    assert first.scene(8).cube.digest != other.scene(8).cube.digest
    # Other options leave the views of a scene as they are.
    swapped = hsizoo.load_dataset("cross-sensor", **make | {"test": "pavia-mini", "views": 4})
    names = [info.name for info in first.scenes()]
    there = [info.name for info in swapped.scenes()]
    name = "salinas-a-v02"
    one, other = first.scene(names.index(name)), swapped.scene(there.index(name))
    assert one.cube.digest == other.cube.digest


@here
def test_the_phantom_may_train_too():
    alone = hsizoo.load_dataset("cross-sensor", views=2, data_dir=str(DATA))
    both = hsizoo.load_dataset("cross-sensor", views=2, phantom=True, data_dir=str(DATA))
    phantom = hsizoo.load_dataset("phantom")
    infos, more = both.scenes(), [i for i in phantom.scenes() if i.split == "train"]
    assert infos[: len(alone)] == alone.scenes()
    assert [i.name for i in infos[len(alone) :]] == [f"phantom-{i.name}" for i in more]
    assert {i.split for i in infos[len(alone) :]} == {"train"}
    scene = both.scene(len(alone) + 3)
    assert (scene.name, scene.subject) == ("phantom-s02-v2", "phantom-s02")
    np.testing.assert_array_equal(scene.cube.data, phantom.scene(3).cube.data)
    np.testing.assert_array_equal(both.scene(1).cube.data, alone.scene(1).cube.data)
    division = divide(infos, TrainingSettings())
    learnt = {infos[n].subject for n in division.train}
    assert learnt == {i.subject for i in infos} - {"samson"}
    assert {"phantom-s01", "phantom-s08", "pavia-mini"} <= learnt


@here
def test_a_scene_may_validate_instead():
    dataset = hsizoo.load_dataset("cross-sensor", val="pavia-mini", views=2, data_dir=str(DATA))
    infos = dataset.scenes()
    division = divide(infos, TrainingSettings())
    assert [infos[n].name for n in division.val] == ["pavia-mini"]
    assert {infos[n].subject for n in division.train} == {"indian-pines", "salinas-a"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("test=samson,val=samson", "val='samson' is the test scene"),
        ("test=samso", "Did you mean 'samson'"),
        ("views=0", "views=0 must be 1 or more"),
        ("least_bands=2", "least_bands=2 must be 3 or more"),
        ("gain=1", "gain=1.0 must be 0 or more and below 1"),
    ],
)
def test_wrong_options_are_explained(options, message):
    with pytest.raises(OptionError, match=message):
        hsizoo.load_dataset(f"cross-sensor:{options}")
