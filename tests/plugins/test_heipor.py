import json
import pickle

import numpy as np
import pytest
from hsizoo_datasets.heipor import LABELS, Heipor
from hsizoo_datasets.heipor_fixture import ORGANS, draw
from PIL import Image

import hsizoo
from hsizoo.errors import DataError, MissingRequirement
from hsizoo.training import TrainingSettings, divide

FIRST = "data/subjects/P086/2021_04_15_09_22_02"


@pytest.fixture
def tree(tmp_path):
    return Heipor.write_fixture(tmp_path)


def load(tree, index=0, **options):
    return hsizoo.load_dataset("heipor", data_dir=str(tree), **options).scene(index)


def test_what_was_written_is_read(tree):
    dataset = hsizoo.load_dataset("heipor", data_dir=str(tree))
    infos = dataset.scenes()
    assert [info.subject for info in infos] == ["P086", "P086", "P087", "P087", "P088", "P088"]
    assert infos[0].name == "P086#2021_04_15_09_22_02"
    images = [organs for views in ORGANS.values() for organs in views]
    for index, organs in enumerate(images):
        scene = dataset.scene(index)
        cube, masks = draw(organs, 10 * (index // 2) + index % 2)
        np.testing.assert_array_equal(scene.cube.data, cube)
        assert (scene.name, scene.subject) == (infos[index].name, infos[index].subject)
        for organ, mask in masks.items():
            alone = mask & (sum(masks.values()) == 1)
            np.testing.assert_array_equal(scene.target(LABELS.index(organ)), alone)
    assert scene.cube.wavelengths[[0, -1]].tolist() == [500, 995]
    assert scene.cube.wavelengths[list(scene.cube.rgb_bands)].tolist() == [650, 560, 540]


def test_the_axes_are_those_of_the_reference(tree):
    path = tree / FIRST / "2021_04_15_09_22_02_SpecCube.dat"
    stored = np.fromfile(path, ">f4", offset=12).reshape(24, 18, 100)
    expected = np.swapaxes(np.flip(stored, axis=1), 0, 1)
    np.testing.assert_array_equal(load(tree).cube.data, expected)
    # The mask's brightest organ lies where the cube has it: rows and columns agree.
    scene = load(tree)
    spectra = [scene.cube.data[scene.target(n)] for n in sorted(scene.label_map.targets)
               if scene.target(n).any()]  # fmt: skip
    within = np.mean([s.std(axis=0).mean() for s in spectra])
    assert within < 0.1 * abs(spectra[0].mean(axis=0) - spectra[1].mean(axis=0)).max()


def test_overlap_and_unlabeled(tree):
    folder = tree / FIRST / "annotations"
    mask = np.zeros((18, 24), bool)
    mask[2:9, 3:12] = True  # over the spleen
    Image.fromarray(mask).save(folder / "2021_04_15_09_22_02#polygon#annotator1#lung#binary.png")
    scene = load(tree)
    spleen = draw(("spleen", "liver"), 0)[1]["spleen"]
    assert ((scene.label_map.labels == 254) == (mask & spleen)).all()
    assert scene.label_map.ignore == {254}
    assert scene.evaluated.sum() == 18 * 24 - (mask & spleen).sum()
    assert (scene.label_map.labels == 255).any()
    other = load(tree, unlabeled="ignore", overlap="background")
    assert other.label_map.ignore == {255}
    assert not (other.evaluated & (other.label_map.labels == 255)).any()


def test_annotators(tree):
    folder = tree / FIRST / "annotations"
    masks = np.zeros((3, 18, 24), bool)
    masks[0, 2:6, 2:6] = masks[1, 3:7, 3:7] = masks[2, 4:8, 4:8] = True
    for path in folder.glob("*#binary.png"):
        path.unlink()
    for number, mask in enumerate(masks, start=1):
        name = f"2021_04_15_09_22_02#polygon#annotator{number}#colon#binary.png"
        Image.fromarray(mask).save(folder / name)
    colon = LABELS.index("colon")
    for number in range(3):
        scene = load(tree, annotator=str(number + 1))
        np.testing.assert_array_equal(scene.target(colon), masks[number])
    np.testing.assert_array_equal(
        load(tree, annotator="majority").target(colon), masks.sum(axis=0) >= 2
    )
    assert len(hsizoo.load_dataset("heipor", data_dir=str(tree), annotator="2")) == 1
    next(folder.glob("*#annotator3#*")).unlink()  # one of two is no majority
    np.testing.assert_array_equal(
        load(tree, annotator="majority").target(colon), masks[0] & masks[1]
    )


def test_numbers_are_those_of_the_data_set():
    assert len(LABELS) == len(set(LABELS)) == 20
    named = ("stomach", "small_bowel", "colon", "liver", "spleen", "lung", "skin", "bile_fluid")
    assert [LABELS.index(name) for name in named] == [0, 1, 2, 3, 7, 10, 14, 19]


def test_labels_are_mapped_by_name(tree):
    settings = tree / "data" / "dataset_settings.json"
    about = json.loads(settings.read_text())
    mapping = about["label_mapping"]
    mapping["spleen"], mapping["stomach"] = mapping["stomach"], mapping["spleen"]
    settings.write_text(json.dumps(about))
    scene = load(tree)
    assert scene.label_map.class_names[0] == "spleen"
    assert scene.target(0).any()
    settings.write_text("{}")
    with pytest.raises(DataError, match="no readable label_mapping"):
        load(tree)
    settings.unlink()
    assert load(tree).target(LABELS.index("spleen")).any()
    folder = tree / FIRST / "annotations"
    path = next(folder.glob("*spleen#binary.png"))
    path.rename(folder / path.name.replace("spleen", "spleeen"))
    with pytest.raises(DataError, match="unknown organ 'spleeen'; expected one of stomach"):
        load(tree)


def test_l1_intermediates_run_no_code(tree):
    pytest.importorskip("numcodecs")
    from hsizoo_datasets.blosc_files import write_blosc

    path = tree / "intermediates/preprocessing/L1/P086#2021_04_15_09_22_02.blosc"
    with pytest.raises(MissingRequirement, match="source=cube"):
        load(tree, source="l1")
    path.parent.mkdir(parents=True)
    cube = load(tree).cube.data
    normalised = (cube / np.abs(cube).sum(axis=2, keepdims=True)).astype(np.float16)
    write_blosc(path, normalised)
    scene = load(tree, source="l1")
    np.testing.assert_array_equal(scene.cube.data, normalised.astype(np.float32))
    good = path.read_bytes()
    for content, message in (
        (pickle.dumps(Harmful()) + good, "neither a shape nor a dtype"),
        (good[:-1], "compressed bytes are present"),
        (pickle.dumps(((10**6, 10**5), np.dtype("f2"))) + good[-500:], r"\.blosc"),
        (pickle.dumps(((2, 2), np.dtype("O"))) + good[-500:], "array of object"),
        (b"", "does not begin with a shape"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            load(tree, source="l1")


class Harmful:
    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle was run')",)


def test_folds_never_divide_a_pig(tree):
    infos = hsizoo.load_dataset("heipor", data_dir=str(tree)).scenes()
    division = divide(infos, TrainingSettings(folds=3, fold=1))
    pigs = [{infos[n].subject for n in part} for part in (division.train, division.held_out)]
    assert not pigs[0] & pigs[1]


def test_an_incomplete_download_is_explained(tree, tmp_path, monkeypatch):
    (tree / FIRST / "2021_04_15_09_22_02_SpecCube.dat").unlink()
    with pytest.raises(MissingRequirement, match="the download is incomplete"):
        load(tree)
    monkeypatch.delenv("HSIZOO_DATA", raising=False)
    with pytest.raises(MissingRequirement) as error:
        hsizoo.load_dataset("heipor").scenes()
    for part in ("heiporspectral.org", "hsizoo data fixture heipor", "HSIZOO_DATA", "data_dir="):
        assert part in str(error.value)
    with pytest.raises(DataError, match="no image with a polygon of annotator 3"):
        hsizoo.load_dataset("heipor", data_dir=str(tree.parent), annotator="3").scenes()


def test_a_mask_of_another_size(tree):
    path = next((tree / FIRST / "annotations").glob("*spleen#binary.png"))
    Image.fromarray(np.zeros((24, 18), bool)).save(path)
    with pytest.raises(DataError, match=r"unlike the masks next to it"):
        load(tree)


def test_a_benchmark_runs_on_the_fixture(tree, tmp_path):
    result = hsizoo.bench(["sa", "sa-rw"], f"heipor:data_dir={tree}", clicks=2, out=tmp_path / "o")
    assert not result.failures
    assert [row.samples for row in result.table] == [9, 9]
