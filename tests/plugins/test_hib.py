import numpy as np
import pytest
from hsizoo_datasets.hib import Hib
from hsizoo_datasets.hib_fixture import IMAGES, draw

import hsizoo
from hsizoo.errors import DataError, MissingRequirement, OptionError

NAMES = list(IMAGES)


@pytest.fixture
def tree(tmp_path):
    return Hib.write_fixture(tmp_path)


def load(tree, index=0, **options):
    return hsizoo.load_dataset("hib", data_dir=str(tree), **options).scene(index)


def test_patients_are_the_subjects(tree):
    infos = hsizoo.load_dataset("hib", data_dir=str(tree.parent)).scenes()
    assert [info.name for info in infos] == NAMES
    assert [info.subject for info in infos] == ["004", "008", "008", "012"]


@pytest.mark.parametrize("index", range(len(NAMES)), ids=NAMES)
def test_both_layouts_give_the_reflectance_that_was_drawn(tree, index):
    reflectance, labels, (raw, white, dark) = draw(NAMES[index])
    scene = load(tree, index)
    assert scene.cube.shape == reflectance.shape
    formula = (raw - dark.astype(float)) / (white - dark.astype(float))
    np.testing.assert_allclose(scene.cube.data, formula, atol=1e-6)
    np.testing.assert_allclose(scene.cube.data, reflectance, atol=1 / 3000)
    np.testing.assert_array_equal(scene.label_map.labels, labels)
    assert scene.label_map.ignore == {0}
    assert scene.label_map.targets == {1, 2, 3, 4}


def test_wavelengths_and_pseudo_rgb_are_those_of_the_references(tree):
    full, small = load(tree).cube, load(tree, 3).cube
    assert full.rgb_bands == (425, 192, 109)
    assert small.rgb_bands == (54, 20, 8)
    assert full.wavelengths[[0, -1]] == pytest.approx([400.48, 1000.73], abs=0.01)
    assert np.diff(full.wavelengths) == pytest.approx(0.72757, abs=1e-4)
    assert np.diff(small.wavelengths) == pytest.approx(5)


def test_bands_are_cut_and_averaged(tree):
    full = load(tree).cube
    cube = load(tree, drop_first=57, drop_last=126, average=10).cube
    assert cube.bands == 64
    expected = full.data[:, :, 57 : 57 + 640].reshape(9, 11, 64, 10).mean(axis=3)
    np.testing.assert_allclose(cube.data, expected, atol=1e-6)
    assert cube.wavelengths[0] == pytest.approx(full.wavelengths[57:67].mean())
    with pytest.raises(OptionError, match=r"004-02 has 826 bands; drop_first=800.*leave none"):
        load(tree, drop_first=800, drop_last=20, average=7)
    with pytest.raises(OptionError, match="average=0 must be 1 or more"):
        load(tree, average=0)


def test_class_4_may_be_no_target(tree):
    counted = load(tree, background="background")
    assert counted.label_map.targets == {1, 2, 3}
    assert counted.evaluated[8, 8]
    ignored = load(tree, background="ignore")
    assert ignored.label_map.ignore == {0, 4}
    assert not ignored.evaluated[8, 8]


def overwrite(path, change):
    values = np.fromfile(path, "<u2")
    change(values)
    values.tofile(path)


def test_no_light_and_too_much_light(tree):
    """White not above dark is no division by zero; a highlight is not above 1."""
    folder = tree / "012-01"
    dark = np.fromfile(folder / "darkReference.dat", "<u2")

    def no_light(values):
        values[0] = dark[0]
        values[1] = 0  # below dark

    overwrite(folder / "whiteReference.dat", no_light)
    overwrite(folder / "raw.dat", lambda values: values.__setitem__(slice(2, 4), (65535, 0)))
    cube = load(tree, 3).cube
    assert cube.valid.all()
    # The first row of the first band, in a file ordered by band.
    assert cube.data[0, :4, 0].tolist() == [0, 0, 1, 0]
    assert (cube.data.min(), cube.data.max()) == (0, 1)


def test_references_that_do_not_fit(tree):
    folder = tree / "004-02"
    (tree / "012-01" / "whiteReference.dat").replace(folder / "whiteReference")
    (tree / "012-01" / "whiteReference.hdr").replace(folder / "whiteReference.hdr")
    with pytest.raises(DataError, match=r"whiteReference has shape \(9, 11, 93\).*\(1, 11, 826\)"):
        load(tree)


def test_what_is_missing_or_wrong_is_explained(tree, monkeypatch):
    (tree / "004-02" / "darkReference.hdr").unlink()
    with pytest.raises(MissingRequirement, match=r"darkReference\.hdr is missing"):
        load(tree)
    overwrite(tree / "008-01" / "gtMap", lambda values: values.__setitem__(0, 9))
    with pytest.raises(DataError, match=r"gtMap\.hdr: labels \[9\] occur in the map"):
        load(tree, 1)
    monkeypatch.delenv("HSIZOO_DATA", raising=False)
    with pytest.raises(MissingRequirement, match=r"hsibraindatabase.*hsizoo data fixture hib"):
        hsizoo.load_dataset("hib").scenes()


def test_a_benchmark_runs_on_the_fixture(tree, tmp_path):
    result = hsizoo.bench(
        ["sa", "sa-rw"], f"hib:data_dir={tree},average=20", clicks=2, out=tmp_path / "out"
    )
    assert not result.failures
    assert [row.samples for row in result.table] == [16, 16]
