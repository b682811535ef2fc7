"""Names that are looked up before anything heavy is imported."""

import subprocess
import sys

import pytest

from hsizoo.errors import DataError, NameLookupError, OptionError
from hsizoo.zoo.lookup import check_components, find_dataset, is_path


def test_known_names_pass():
    check_components(["sa", "hsizoo/sa-rw:scorer=[ace:shrinkage=0.1]", "svm", "lp+cnn2d:patch=9"])
    check_components(["sa"], ("segmenter", "scorer"))


@pytest.mark.parametrize(
    ("text", "kinds", "message"),
    [
        ("ssa", None, "Did you mean 'sa'"),
        ("lp+cnn3d", None, "no classifier is named 'cnn3d'. Did you mean 'cnn2d'"),
        ("lq+cnn2d", None, "no pseudo-labeler is named 'lq'"),
        ("indian-pines", None, "is a dataset, not a segmenter, scorer, classifier or ps"),
        ("lp+cnn2d", ("segmenter", "scorer"), "is a classifier, not a segmenter"),
        ("svm", ("segmenter", "scorer"), "'svm' is a classifier, not a segmenter or scorer"),
        ("a+b+c", None, "joins 3 components"),
        ("SA", None, "Did you mean 'sa'"),
    ],
)
def test_other_names_are_refused(text, kinds, message):
    with pytest.raises(NameLookupError, match=message):
        check_components(["sa", text], *([kinds] if kinds else []))


def test_another_kind_comes_with_the_command_that_lists_the_right_one():
    with pytest.raises(NameLookupError, match=r"`hsizoo list --kind classifier` shows"):
        check_components(["sa"], ("classifier",))


def test_a_file_in_the_place_of_a_name_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scene.hdr").touch()
    with pytest.raises(NameLookupError, match=r"'scene\.hdr' is a file.* the name goes first"):
        check_components(["scene.hdr"], ("segmenter", "scorer"))


def test_a_file_in_the_place_of_a_dataset_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scene.hdr").touch()
    with pytest.raises(NameLookupError, match=r"'scene\.hdr' is a file; a dataset is a folder"):
        find_dataset("scene.hdr")


def test_malformed_options_are_refused():
    with pytest.raises(OptionError, match="expected key=value"):
        check_components(["sa:aggregate"])


def test_datasets_are_names_or_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "field").mkdir()
    assert find_dataset("phantom:height=9").options == {"height": "9"}
    assert find_dataset("field/") == find_dataset("./field") != find_dataset(".")
    assert find_dataset("field/").options == {"path": "field"}
    for text, error, message in (
        ("indian-pine", NameLookupError, "Did you mean 'indian-pines'"),
        ("field", NameLookupError, "If you mean the folder, type 'field/'"),
        ("lp+cnn2d", NameLookupError, "is a classifier, not a dataset"),
        ("sa", NameLookupError, "is a scorer, not a dataset"),
        ("./nowhere", DataError, "does not exist; expected a folder"),
    ):
        with pytest.raises(error, match=message):
            find_dataset(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [("./a", True), ("~/a", True), ("a/", True), ("..", True), ("a", False), ("a:dir=b/", False)],
)
def test_a_path_is_told_from_a_name(text, path):
    assert is_path(text) is path


def test_nothing_heavy_is_imported():
    code = (
        "import sys\nfrom hsizoo.zoo.lookup import check_components, find_dataset\n"
        "check_components(['sa', 'lp+cnn2d', 'samsa2-nano:scorer=sa'])\n"
        "find_dataset('indian-pines'), find_dataset('/')\n"
        "print(sorted({'torch', 'numpy', 'scipy', 'typer'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_factory_itself_is_light():
    code = (
        "import sys, hsizoo.zoo.factory\n"
        "print(sorted({'torch', 'numpy', 'scipy', 'typer'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
