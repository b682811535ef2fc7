"""Which mask belongs to which cube."""

from pathlib import PurePosixPath

import pytest

from hsizoo.errors import DataError
from hsizoo.io.collection import Collection

CUBE, PICTURE = b"\x93NUMPY", b"\x89PNG\r\n\x1a\n"


def made(folder, *names):
    """Files that are recognised as cubes (.npy) and pictures (.png), in a new folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PICTURE if path.suffix == ".png" else CUBE)
    return Collection(folder)


def pairs(collection):
    """Name of each member, its subject, and its masks."""
    return {
        each.name: (each.subject, *(str(p.relative_to(collection.folder)) for p in each.masks))
        for each in collection.members
    }


@pytest.mark.parametrize("masks", ["labels", "masks", "gt", "annotations", "GT", "ground_truth"])
@pytest.mark.parametrize("cubes", ["images", "img", "cubes", "data"])
def test_equal_names_in_two_folders(tmp_path, cubes, masks):
    collection = made(
        tmp_path, f"{cubes}/a.npy", f"{cubes}/b.npy", f"{masks}/a.png", f"{masks}/b.npy"
    )
    assert pairs(collection) == {"a": ("a", f"{masks}/a.png"), "b": ("b", f"{masks}/b.npy")}


def test_several_pairs_of_folders(tmp_path):
    collection = made(
        tmp_path, "train/images/a.npy", "train/labels/a.png", "test/images/a.npy",
        "test/labels/a_mask.png",
    )  # fmt: skip
    assert pairs(collection) == {
        "test/a": ("test", "test/labels/a_mask.png"),
        "train/a": ("train", "train/labels/a.png"),
    }


def test_folders_below_the_pair(tmp_path):
    collection = made(tmp_path, "images/pig1/a.npy", "labels/pig1/a.png", "images/pig2/a.npy")
    assert pairs(collection) == {"pig1/a": ("pig1", "labels/pig1/a.png"), "pig2/a": ("pig2",)}


def test_masks_in_a_folder_beside_the_cubes(tmp_path):
    collection = made(tmp_path, "a.npy", "masks/a.png", "pig2/b.npy", "pig2/masks/b.gt.npy")
    assert pairs(collection) == {
        "a": ("a", "masks/a.png"),
        "pig2/b": ("pig2", "pig2/masks/b.gt.npy"),
    }


def test_a_folder_of_cubes_of_any_name(tmp_path):
    collection = made(tmp_path, "hyper/a.npy", "labels/a.png")
    assert pairs(collection) == {"hyper/a": ("hyper", "labels/a.png")}


def test_without_a_folder_for_masks_names_and_subjects_stay(tmp_path):
    collection = made(tmp_path, "images/a.npy", "images/a.mask.png")
    assert pairs(collection) == {"images/a": ("images", "images/a.mask.png")}


def test_names_are_unique(tmp_path):
    collection = made(tmp_path, "images/a.npy", "data/a.npy", "labels/b.png", "images/b.npy")
    assert pairs(collection) == {
        "b": ("b", "labels/b.png"), "data/a": ("a",), "images/a": ("a",),
    }  # fmt: skip


@pytest.mark.parametrize(
    "cubes",
    [
        ("images/a.npy", "a.npy"),
        ("images/a.npy", "cubes/a.npy"),
        ("pig1/a.npy", "pig2/a.npy"),
    ],
)
def test_a_mask_that_may_belong_to_two_cubes(tmp_path, cubes):
    with pytest.raises(DataError, match=r"labels/a\.png belongs to several cubes") as error:
        pairs(made(tmp_path, *cubes, "labels/a.png"))
    assert all(cube in str(error.value) for cube in cubes)
    (tmp_path / "hsizoo.toml").write_text(f'[masks]\n"{cubes[1]}" = "labels/a.png"')
    name = str(PurePosixPath(cubes[1]).with_suffix(""))
    found = pairs(Collection(tmp_path))
    assert [masks for _, *masks in found.values() if masks] == [["labels/a.png"]]
    assert "labels/a.png" in next(v for k, v in found.items() if k in (name, "a"))


def test_a_name_that_only_begins_alike_is_not_equal(tmp_path):
    with pytest.raises(DataError, match=r"labels/a\.png belongs to no cube of that name"):
        pairs(made(tmp_path, "images/a_1.npy", "labels/a.png"))


def test_a_mask_of_no_cube_may_be_skipped(tmp_path):
    collection = made(tmp_path, "images/a.npy", "labels/a.png", "labels/legend.png")
    with pytest.raises(DataError, match="or list it under skip there"):
        pairs(collection)
    (tmp_path / "hsizoo.toml").write_text('skip = ["labels/legend.png"]')
    assert pairs(Collection(tmp_path)) == {"a": ("a", "labels/a.png")}


def test_a_cube_that_is_called_like_a_mask(tmp_path):
    made(tmp_path, "field_labels.npy", "truth.png")
    (tmp_path / "hsizoo.toml").write_text('[masks]\n"field_labels.npy" = "truth.png"')
    assert pairs(Collection(tmp_path)) == {"field_labels": ("field_labels", "truth.png")}


def test_pictures_are_no_masks(tmp_path):
    assert pairs(made(tmp_path, "images/a.npy", "images/a.png", "labels/a.npy")) == {
        "a": ("a", "labels/a.npy")
    }


def test_pairs_of_a_folder_above(tmp_path):
    made(tmp_path, "x/a.npy", "x/truth.png", "y/b.npy", "y/b.mask.png")
    (tmp_path / "hsizoo.toml").write_text('[masks]\n"x/a.npy" = "x/truth.png"')
    assert pairs(Collection(tmp_path / "x")) == {"a": ("a", "truth.png")}
    assert pairs(Collection(tmp_path / "y")) == {"b": ("b", "b.mask.png")}
