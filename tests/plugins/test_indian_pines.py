import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hsizoo_datasets import indian_pines
from hsizoo_datasets.indian_pines import IndianPines
from scipy.io import savemat

import hsizoo
from hsizoo.errors import DataError, MissingRequirement

COUNTS = {
    "Alfalfa": 46,
    "Corn-notill": 1428,
    "Corn-mintill": 830,
    "Corn": 237,
    "Grass-pasture": 483,
    "Grass-trees": 730,
    "Grass-pasture-mowed": 28,
    "Hay-windrowed": 478,
    "Oats": 20,
    "Soybean-notill": 972,
    "Soybean-mintill": 2455,
    "Soybean-clean": 593,
    "Wheat": 205,
    "Woods": 1265,
    "Buildings-Grass-Trees-Drives": 386,
    "Stone-Steel-Towers": 93,
}


@pytest.fixture(scope="module")
def scene():
    return IndianPines().scene(0)


def test_shape_and_values(scene):
    assert scene.cube.shape == (145, 145, 200)
    assert (scene.cube.data.min(), scene.cube.data.max()) == (955, 9604)
    assert scene.cube.rgb_bands == (43, 21, 11)


def test_names_and_counts_of_the_classes(scene):
    labels = scene.label_map
    counts = {
        labels.class_names[k]: int((labels.labels == k).sum()) for k in sorted(labels.targets)
    }
    assert list(counts.items()) == list(COUNTS.items())
    assert labels.ignore == {0}
    assert scene.evaluated.sum() == sum(COUNTS.values()) == 10249


def test_one_scene_without_split(scene):
    dataset = IndianPines()
    assert len(dataset) == 1
    assert dataset.scenes() == [hsizoo.SceneInfo("indian-pines", "indian-pines", "")]
    assert (scene.name, scene.subject, scene.split) == ("indian-pines", "indian-pines", "")
    with pytest.raises(IndexError):
        dataset.scene(1)


def test_wavelengths_name_the_bands_of_the_corrected_cube(scene):
    nm = scene.cube.wavelengths
    assert (nm[0], nm[-1]) == (400.02, 2489.11)
    assert nm[[43, 21, 11]] == pytest.approx([802.53, 607.01, 508.12])
    assert not ((nm > 1365) & (nm < 1410)).any()  # removed: water vapour
    assert not ((nm > 1810) & (nm < 1935)).any()
    # The air's own marks, at known wavelengths, must be where the labels say: oxygen A, water.
    mean = scene.cube.data.mean(axis=(0, 1), dtype=np.float64)
    for dip in (762, 941, 1135):
        near = np.flatnonzero(np.abs(nm - dip) < 40)
        assert abs(nm[near[mean[near].argmin()]] - dip) < 15
    # Plants reflect little red and much near infrared.
    assert mean[np.abs(nm - 670).argmin()] < 0.7 * mean[np.abs(nm - 790).argmin()]


def test_wavelengths_equal_the_published_file(scene):
    spectral = pytest.importorskip("spectral")
    path = Path(spectral.__file__).parent / "tests" / "data" / "92AV3C.spc"
    if not path.is_file():
        pytest.skip("this build of spectral lacks 92AV3C.spc")
    published = np.loadtxt(path, skiprows=2)[:, 0]
    kept = [b for b in range(220) if b + 1 not in {*range(104, 109), *range(150, 164), 220}]
    assert scene.cube.wavelengths == pytest.approx(published[kept], abs=0.006)


def test_a_changed_file_is_refused(tmp_path, monkeypatch):
    good = indian_pines._folder()
    for name in ("Indian_pines_corrected.npy", "Indian_pines_gt.npy"):
        content = bytearray((good / name).read_bytes())
        content[-1] ^= 1
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(indian_pines, "_folder", lambda: tmp_path)
    with pytest.raises(DataError, match="force-reinstall tensorly") as error:
        IndianPines().scene(0)
    assert "8f038e4d81569e38" in str(error.value)  # expected
    assert str(tmp_path / "Indian_pines_corrected.npy") in str(error.value)
    found = hashlib.sha256((tmp_path / "Indian_pines_corrected.npy").read_bytes()).hexdigest()
    assert found in str(error.value)


def test_a_missing_file_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(indian_pines, "_folder", lambda: tmp_path)
    with pytest.raises(MissingRequirement, match=r"Indian_pines_corrected.npy.*force-reinstall"):
        IndianPines().scene(0)


def test_a_missing_package_is_explained(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingRequirement, match="pip install tensorly"):
        IndianPines().scene(0)


def test_tensorly_is_not_imported():
    code = (
        "import sys; from hsizoo_datasets.indian_pines import IndianPines; "
        "IndianPines().scene(0); sys.exit('tensorly' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_files_of_the_collection_give_the_same_scene(tmp_path, scene):
    values, labels = scene.cube.data.astype(np.uint16), scene.label_map.labels.astype(np.uint8)
    savemat(tmp_path / "Indian_pines_corrected.mat", {"indian_pines_corrected": values})
    savemat(tmp_path / "Indian_pines_gt.mat", {"indian_pines_gt": labels})
    read = hsizoo.load_scene("indian-pines", data_dir=str(tmp_path))
    assert read.cube.digest == scene.cube.digest
    assert read.label_map.digest == scene.label_map.digest

    labels[0, 0] += 1
    savemat(tmp_path / "Indian_pines_gt.mat", {"indian_pines_gt": labels})
    with pytest.raises(DataError, match=r"do not hold the expected scene: .* expected 2baa82a3"):
        hsizoo.load_scene("indian-pines", data_dir=str(tmp_path))
    savemat(tmp_path / "Indian_pines_gt.mat", {"indian_pines_gt": labels[1:]})
    with pytest.raises(DataError, match=r"found .* and \(144, 145\)"):
        hsizoo.load_scene("indian-pines", data_dir=str(tmp_path))
    with pytest.raises(MissingRequirement, match=r"Indian_pines_corrected\.mat is not in nowhere"):
        hsizoo.load_scene("indian-pines", data_dir="nowhere")
