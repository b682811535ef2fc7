import json
import os

import numpy as np
import pytest

import hsizoo
from hsizoo.errors import DataError, OptionError
from hsizoo.io import Settings, write_cube, write_mask
from hsizoo.io.checking import check_collection, check_file
from hsizoo.io.collection import Collection

CUBE = np.random.default_rng(0).uniform(0.1, 0.9, (6, 8, 5)).astype(np.float32)
MASK = np.zeros((6, 8), int)
MASK[1:4, 2:6] = 1
MASK[4:, :2] = 2


@pytest.fixture
def folder(tmp_path):
    """Three cubes of two subjects in three formats, with masks of three formats."""
    for name, cube, mask in (
        ("pig1/a", ".hdr", ".mask.png"),
        ("pig1/b", ".npy", "_gt.npy"),
        ("pig2/c", ".npz", "-labels.hdr"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_cube(tmp_path / f"{name}{cube}", hsizoo.HyperCube(CUBE))
        if mask == "_gt.npy":
            np.save(tmp_path / f"{name}{mask}", MASK)
        else:
            write_mask(tmp_path / f"{name}{mask}", MASK)
    (tmp_path / "README.txt").write_text("about")
    return tmp_path


def settings(folder, text):
    (folder / "hsizoo.toml").write_text(text)


def test_cubes_and_masks_find_each_other(folder):
    collection = Collection(folder)
    assert [(m.name, m.subject, m.split) for m in collection.members] == [
        ("pig1/a", "pig1", ""),
        ("pig1/b", "pig1", ""),
        ("pig2/c", "pig2", ""),
    ]
    for member in collection.members:
        scene = collection.scene(member)
        np.testing.assert_array_equal(scene.cube.data, CUBE)
        np.testing.assert_array_equal(scene.label_map.labels, MASK)
        assert scene.label_map.targets == {1, 2}
        assert not scene.label_map.ignore


def test_settings_apply(folder):
    settings(
        folder,
        """
        title = "Two pigs"
        ignore = [2]
        targets = [1]
        rgb_bands = [4, 2, 0]
        wavelengths = [500, 600, 700, 800, 900]
        drop_bands = [1]
        scale = 2
        subject = '/(\\w)\\.'
        skip = ["pig2/*"]
        [names]
        0 = "cloth"
        1 = "liver"
        [split]
        a = "train"
        b = "test"
        """,
    )
    dataset = hsizoo.load_dataset("folder", path=str(folder))
    assert dataset.card.title == "Two pigs"
    assert [(i.subject, i.split) for i in dataset.scenes()] == [("a", "train"), ("b", "test")]
    scene = dataset.scene(1)
    np.testing.assert_allclose(scene.cube.data, CUBE[:, :, [0, 2, 3, 4]] / 2, rtol=1e-6)
    assert scene.cube.wavelengths.tolist() == [500, 700, 800, 900]
    assert scene.cube.rgb_bands == (3, 1, 0)
    assert scene.label_map.class_names == {0: "cloth", 1: "liver"}
    assert scene.label_map.targets == {1}
    assert scene.label_map.ignore == {2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ignor = [0]", "unknown key 'ignor'. Did you mean 'ignore'"),
        ("ignore = 'a'", "expected whole numbers"),
        ("scale = 0", "expected a number above 0"),
        ("layout = 'bwh'", "expected one of auto, hwb, bhw, hbw"),
        ("mask_coordinates = 'degrees'", "expected one of auto, pixels, map"),
        ("[masks]\n'pig1/a.hdr' = 'truth/a.png'", "masks names truth/a.png, which is not there"),
        ("subject = '('", "subject = '\\('"),
        ("title = 3", "expected a string in quotes"),
        ("rgb_bands = [1, 2]", "expected three bands"),
        ("[split]\npig1 = 'tset'", "'tset' is not a split; expected one of train, val, test"),
        ("[split]\npig9 = 'test'", "unknown subject 'pig9'; known: pig1, pig2"),
        ("[names]\na = 'liver'", "names = "),
        ("not toml", "is not TOML"),
        ("[split]\npig1 = 'train'\npig1 = 'test'", "is not TOML: Cannot overwrite a value"),
        ("subject = 'x(.)'", "does not match the path 'pig1/a.hdr'"),
    ],
)
def test_wrong_settings_are_explained(folder, text, message):
    settings(folder, text)
    with pytest.raises(DataError, match=message) as error:
        assert Collection(folder).members
    assert "hsizoo.toml" in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("drop_bands = [5]", r"hsizoo.toml names band 5 .* has the bands 0 to 4"),
        ("drop_bands = [0, 1, 2, 3, 4]", "marks all of its 5 bands as bad"),
        ("wavelengths = [500, 600]", "gives 2 wavelengths, but .* has 5 bands"),
        ("[names]\n1 = 'liver'", r"labels \[0, 2\] occur in the map but have no name"),
        ("targets = [7]", r"target labels \[7\] are ignored or have no name"),
    ],
)
def test_settings_that_do_not_fit_the_files(folder, text, message):
    settings(folder, text)
    collection = Collection(folder)
    with pytest.raises(DataError, match=message):
        collection.scene(collection.members[0])


def scene_error(folder, index=0):
    collection = Collection(folder)
    with pytest.raises(DataError) as error:
        collection.scene(collection.members[index])
    return str(error.value)


def test_two_masks_for_a_cube(folder):
    np.save(folder / "pig1/a_labels.npy", MASK)
    assert "a.hdr has 2 masks: a.mask.png, a_labels.npy; keep only one" in scene_error(folder)
    settings(folder, "[masks]\n'pig1/a.img' = 'pig1/a_labels.npy'")
    collection = Collection(folder)
    assert collection.members[0].masks == (folder / "pig1/a_labels.npy",)
    assert collection.scene(collection.members[0]).label_map.targets == {1, 2}


def test_a_mask_of_another_size(folder):
    write_mask(folder / "pig1/a.mask.png", MASK[:-1])
    message = scene_error(folder)
    assert "a.mask.png has (5, 8) (rows, columns), but" in message
    assert "a.hdr has (6, 8)" in message
    write_mask(folder / "pig1/a.mask.png", MASK.T)
    assert "rows and columns are exchanged in one of them" in scene_error(folder)


def test_a_cube_without_mask(folder):
    (folder / "pig1/a.mask.png").unlink()
    assert "a.hdr has no mask; put it beside the cube as a.mask.png" in scene_error(folder)


def test_a_mask_without_cube(folder):
    np.save(folder / "pig1/z.mask.npy", MASK)
    with pytest.raises(
        DataError, match=r"z\.mask\.npy belongs to no cube beside it \(a.hdr, b.npy"
    ):
        assert Collection(folder).members


def test_a_mask_named_by_the_beginning_of_its_cube(tmp_path):
    np.save(tmp_path / "Indian_pines_corrected.npy", CUBE)
    np.save(tmp_path / "Indian_pines_gt.npy", MASK)
    collection = Collection(tmp_path)
    assert collection.scene(collection.members[0]).label_map.targets == {1, 2}


def test_two_cubes_of_one_name(folder):
    np.save(folder / "pig1/a.npy", CUBE)
    with pytest.raises(DataError, match="have the same name"):
        assert Collection(folder).members


def test_a_link_out_of_the_folder(folder, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.npy"
    np.save(secret, CUBE)
    (folder / "pig1" / "z.npy").symlink_to(secret)
    with pytest.raises(DataError, match=r"z\.npy is a link that points outside"):
        assert Collection(folder).members
    (folder / "pig1" / "z.npy").unlink()
    (folder / "pig3").symlink_to(secret.parent)
    with pytest.raises(DataError, match="pig3 is a link that points outside"):
        assert Collection(folder).members


def test_a_link_may_be_skipped_or_stay_inside(folder, tmp_path_factory):
    (folder / "pig1" / "z").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    (folder / "pig3").symlink_to(folder / "pig1")  # not followed
    settings(folder, "skip = ['*/z']")
    assert len(Collection(folder).members) == 3


def test_the_same_values_of_another_subject_are_told(folder):
    notes = [" ".join(each.warnings) for each in check_collection(Collection(folder))]
    assert "same values as" in notes[2]  # pig1/b holds what pig1/a holds
    assert "of subject" not in notes[2]
    assert "a.hdr, of subject pig1: keep only one of them" in notes[4]


def test_subjects_that_differ_in_spelling_only_are_told(tmp_path):
    for number, name in enumerate(("pig 1", "Pig_1", "pig2")):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "a.npy", CUBE * (1 - number / 9))
        np.save(tmp_path / name / "a_gt.npy", MASK)
    found = [each for each in check_collection(Collection(tmp_path)) if each.role == "cube"]
    assert [bool(each.warnings) for each in found] == [False, True, False]
    assert "subjects 'pig 1' and 'Pig_1' differ only in spelling" in found[1].warnings[0]


def test_bands_without_any_value(folder):
    data = CUBE.copy()
    data[:, :, 3] = np.nan
    write_cube(folder / "pig1/a.hdr", hsizoo.HyperCube(data))
    collection = Collection(folder)
    scene = collection.scene(collection.members[0])
    np.testing.assert_array_equal(scene.cube.data, np.delete(CUBE, 3, axis=2))
    assert scene.cube.remarks == ("1 band(s) (3) without a single value left out",)
    data[:] = np.nan
    write_cube(folder / "pig1/a.hdr", hsizoo.HyperCube(data))
    assert "a.img has no value: all pixels are without data in all bands" in scene_error(folder)
    for band in range(5):
        data[band::5, :, :] = CUBE[band::5, :, :]
        data[band::5, :, band] = np.nan
    write_cube(folder / "pig1/a.hdr", hsizoo.HyperCube(data))
    assert "no pixel has a value in every band" in scene_error(folder)
    assert "1 (38 of 48)" not in scene_error(folder)


def test_cube_and_mask_in_one_file(tmp_path):
    np.savez(tmp_path / "one.npz", cube=CUBE, gt=MASK, class_names=np.array(["liver", "colon"]))
    scene = hsizoo.load_scene("folder", path=str(tmp_path))
    assert scene.label_map.class_names == {0: "background", 1: "liver", 2: "colon"}
    assert scene.subject == "one"


def test_an_empty_folder_and_none(tmp_path):
    with pytest.raises(DataError, match="no cube found in"):
        hsizoo.load_dataset("folder", path=str(tmp_path))
    with pytest.raises(DataError, match="there is no folder"):
        hsizoo.load_dataset("folder", path=str(tmp_path / "nowhere"))
    unnamed = hsizoo.load_dataset("folder")  # whoever builds all datasets builds this one too
    for ask in (unnamed.scenes, lambda: unnamed.scene(0), lambda: len(unnamed)):
        with pytest.raises(OptionError, match=r"folder:path=FOLDER, or \./FOLDER/"):
            ask()


def test_the_version_follows_the_files(folder):
    before = hsizoo.load_dataset("folder", path=str(folder)).version
    assert before == hsizoo.load_dataset("folder", path=str(folder)).version
    np.save(folder / "pig1/b_gt.npy", MASK[::-1].copy())
    after = hsizoo.load_dataset("folder", path=str(folder)).version
    settings(folder, "ignore = [0]")
    assert len({before, after, hsizoo.load_dataset("folder", path=str(folder)).version}) == 3


@pytest.mark.parametrize("ending", [".hdr", ".zarr"])
def test_the_version_follows_files_that_only_the_format_names(tmp_path, ending):
    if ending == ".zarr":
        pytest.importorskip("zarr")
    write_cube(tmp_path / f"a{ending}", hsizoo.HyperCube(CUBE))
    write_mask(tmp_path / "a.mask.png", MASK)
    before = hsizoo.load_dataset("folder", path=str(tmp_path)).version
    inner = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".hdr"]
    data = max(inner, key=lambda path: path.stat().st_size)
    os.utime(data, ns=(0, 0))
    assert hsizoo.load_dataset("folder", path=str(tmp_path)).version != before
    (tmp_path / "notes.bin").write_bytes(b"of no cube")
    after = hsizoo.load_dataset("folder", path=str(tmp_path)).version
    os.utime(tmp_path / "notes.bin", ns=(0, 0))
    assert hsizoo.load_dataset("folder", path=str(tmp_path)).version == after


def notes(tmp_path, data):
    np.save(tmp_path / "c.npy", data)
    finding = check_file(tmp_path / "c.npy", settings=Settings(layout="hwb"))
    assert not finding.errors
    return " | ".join(finding.warnings)


def test_what_may_be_wrong_is_told(tmp_path):
    assert notes(tmp_path, CUBE) == ""
    data = CUBE.copy()
    data[0, 0, 0], data[1, 1, 1], data[2, :2, 2], data[:, :, 4] = -0.5, 1.5, np.nan, 0.25
    told = notes(tmp_path, data)
    assert "1 of 240 values are below 0, the lowest -0.5" in told
    assert "1 of 240 values are above 1, the highest 1.5" in told
    assert "2 of 48 pixels are not finite" in told
    assert "bands with a constant value: [4]" in told
    data[:, :, 3] = np.inf
    assert "1 band(s) (3) without a single value left out" in notes(tmp_path, data)


def test_saturation_and_byte_order_of_whole_numbers(tmp_path):
    rows, cols, bands = np.indices((40, 60, 4))
    noise = np.random.default_rng(1).integers(0, 20, (40, 60, 4))
    smooth = (500 + 3 * rows + 7 * cols + bands + noise).astype(np.uint16)
    assert notes(tmp_path, smooth) == ""
    assert "reversed bytes" in notes(tmp_path, smooth.byteswap())
    smooth[3, 4:7, 1] = 65535
    assert "3 of 2400 pixels are saturated: 65535" in notes(tmp_path, smooth)


def test_a_folder_is_checked_file_by_file(folder):
    write_mask(folder / "pig1/a.mask.png", MASK[:-1])
    (folder / "pig2/c.npz").write_bytes(b"PK\x03\x04 damaged")
    (folder / "notes.xyz").write_bytes(b"?")
    np.save(folder / "pig1/z.mask.npy", MASK)
    np.savez(folder / "pig1/b.npz", CUBE)
    (folder / "pig1" / "out.npy").symlink_to("/")
    found = list(check_collection(Collection(folder)))
    by_file = {(each.path.name, each.role): each for each in found}
    assert len(found) == 10
    for name, message in (
        ("z.mask.npy", "belongs to no cube"),
        ("out.npy", "a link that points outside"),
        ("b.npz", "have the same name"),
    ):
        assert message in by_file[name, "unused"].errors[0]
    assert not by_file["a.hdr", "cube"].errors
    assert "6×8×5 float32" in by_file["a.hdr", "cube"].facts
    assert "has (5, 8)" in by_file["a.mask.png", "mask"].errors[0]
    assert not by_file["b_gt.npy", "mask"].errors
    assert "1 class 1: 12" in by_file["b_gt.npy", "mask"].facts
    assert "damaged" in by_file["c.npz", "cube"].errors[0]
    assert by_file["notes.xyz", "unused"]


def box(left, top, right, bottom, **properties):
    """A rectangle as a GeoJSON feature."""
    ring = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def geojson(path, *features):
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}))


def test_polygons_beside_a_cube_are_its_mask(folder):
    (folder / "pig1/a.mask.png").unlink()
    (folder / "pig1/b_gt.npy").unlink()
    geojson(folder / "pig1/a.geojson", box(2, 1, 6, 4, name="spleen"))
    geojson(
        folder / "pig1/b.mask.geojson", box(2, 1, 6, 4, name="liver"), box(0, 4, 2, 6, name="x")
    )
    settings(folder, "layout = 'hwb'")
    scenes = [Collection(folder).scene(member) for member in Collection(folder).members]
    # The same number for a class in every mask of the folder.
    assert scenes[0].label_map.class_names == {0: "background", 2: "spleen"}
    assert scenes[1].label_map.class_names == {0: "background", 1: "liver", 3: "x"}
    np.testing.assert_array_equal(scenes[0].label_map.labels, np.where(MASK == 1, 2, 0))
    np.testing.assert_array_equal(scenes[1].label_map.labels, np.choose(MASK, [0, 1, 3]))
    settings(folder, "layout = 'hwb'\n[names]\n0 = 'cloth'\n7 = 'spleen'")
    collection = Collection(folder)
    assert collection.scene(collection.members[0]).label_map.targets == {7}
    with pytest.raises(DataError, match="the class 'liver' is not among the known ones"):
        collection.scene(collection.members[1])


def test_polygons_of_no_cube_are_unused(folder):
    geojson(folder / "area.geojson", box(0, 0, 9, 9, name="site"))
    (folder / "notes.json").write_text("{}")
    found = {each.path.name: each for each in check_collection(Collection(folder))}
    assert found["area.geojson"].role == "unused"
    assert "GeoJSON polygons that have the name of no cube" in found["area.geojson"].facts
    assert "notes.json" not in found


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_the_version_follows_all_files_of_a_shapefile(folder):
    pyogrio = pytest.importorskip("pyogrio")
    import shapely

    (folder / "pig1/a.mask.png").unlink()
    pyogrio.raw.write(
        folder / "pig1/a.shp", shapely.to_wkb(np.array([shapely.box(2, 1, 6, 4)])),
        [np.array([1])], ["class"], geometry_type="Polygon", crs=None,
    )  # fmt: skip
    collection = Collection(folder)
    names = {path.name for path in collection.files_of(collection.members[0])}
    assert names >= {"a.hdr", "a.img", "a.shp", "a.shx", "a.dbf"}
    np.testing.assert_array_equal(
        collection.scene(collection.members[0]).label_map.labels, MASK == 1
    )


def coco(path, *images, categories=((1, "liver"), (2, "colon"))):
    """Write a file in which every image has one square of the first category."""
    square = [2, 1, 6, 1, 6, 4, 2, 4]
    document = {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(images)],
        "annotations": [
            {"id": n, "image_id": n, "category_id": categories[0][0], "segmentation": [square]}
            for n in range(len(images))
        ],
        "categories": [{"id": number, "name": name} for number, name in categories],
    }
    path.write_text(json.dumps(document))


def test_annotations_of_coco(folder):
    for mask in ("pig1/a.mask.png", "pig1/b_gt.npy", "pig2/c-labels.hdr", "pig2/c-labels.img"):
        (folder / mask).unlink()
    settings(folder, "layout = 'hwb'")
    (folder / "annotations").mkdir()
    coco(folder / "annotations/all.json", "a.png", "pig1/b.jpg", "c.png", "z.png")
    collection = Collection(folder)
    for member in collection.members:
        labels = collection.scene(member).label_map
        np.testing.assert_array_equal(labels.labels, MASK == 1)
        assert labels.class_names == {0: "background", 1: "liver", 2: "colon"}
    found = list(check_collection(collection))
    assert not any(each.errors for each in found)
    assert "of a.hdr: 0 background: 36" in found[1].facts
    assert ("1 images have no cube: z.png",) in [each.warnings for each in found]


def test_an_image_of_coco_that_may_be_two_cubes(folder):
    for mask in ("pig1/a.mask.png", "pig1/b_gt.npy", "pig2/c-labels.hdr", "pig2/c-labels.img"):
        (folder / mask).unlink()
    write_cube(folder / "pig2/a.hdr", hsizoo.HyperCube(CUBE))
    coco(folder / "all.json", "a.png")
    with pytest.raises(DataError, match=r"a\.png may be one of .*: pig1/a\.hdr, pig2/a\.hdr; add"):
        assert Collection(folder).members
    coco(folder / "all.json", "pig2/a.png")
    masks = {member.name: len(member.masks) for member in Collection(folder).members}
    assert masks == {"pig1/a": 0, "pig1/b": 0, "pig2/a": 1, "pig2/c": 0}


def test_a_large_class_0_is_asked_about(tmp_path):
    write_cube(tmp_path / "a.hdr", hsizoo.HyperCube(CUBE))
    labels = np.zeros((6, 8), int)
    labels[:, 5], labels[:, 6], labels[:, 7] = 1, 2, 3
    write_mask(tmp_path / "a.mask.png", labels)
    line = f"write into {tmp_path}/hsizoo.toml: ignore = [0]"

    def told():
        return " ".join(list(check_collection(Collection(tmp_path)))[1].warnings)

    assert "0 covers 62% of the mask and counts as background" in told()
    assert line in told()
    for answer in ("ignore = [0]", "ignore = []", "[names]\n0='a'\n1='b'\n2='c'\n3='d'"):
        settings(tmp_path, answer)
        assert "ignore = [0]" not in told()
    (tmp_path / "hsizoo.toml").unlink()
    labels[:, :5] = np.arange(30).reshape(6, 5) % 3 + 1
    labels[0, :9] = 0
    write_mask(tmp_path / "a.mask.png", labels)
    assert "ignore = [0]" not in told()  # 8 of 48 pixels


@pytest.mark.parametrize("ending", [".png", ".hdr", ".tif", ".npz", ".npy"])
def test_a_lone_mask_is_called_a_mask(tmp_path, ending):
    path = tmp_path / f"field{ending}"
    if ending == ".npy":
        np.save(path, MASK)
    else:
        write_mask(path, MASK)
    finding = check_file(path)
    assert (finding.role, finding.errors) == ("mask", ())
    assert "6×8" in finding.facts
    assert f"1: {(MASK == 1).sum()}" in finding.facts.replace(" class 1", "")


def test_lone_polygons_and_annotations_are_described(tmp_path):
    geojson(tmp_path / "a.json", box(0, 0, 1, 1, name="liver"), box(0, 0, 1, 1, name="liver"))
    coco(tmp_path / "b.json", "a.png", "b.png")
    assert check_file(tmp_path / "a.json").facts == "GeoJSON polygons, 2 features; liver: 2"
    assert check_file(tmp_path / "b.json").facts == (
        "COCO annotations, 2 images, 2 objects; liver: 2"
    )
    (tmp_path / "b.json").write_text('{"images": [], "annotations": 3}')
    finding = check_file(tmp_path / "b.json")
    assert finding.role == "mask"
    assert "its annotations must be a list of objects" in finding.errors[0]
