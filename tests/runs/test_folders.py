"""Names of run folders: plain, readable, and never those of another run."""

import itertools

import pytest

from hsizoo.runs.choose import make_protocol
from hsizoo.runs.folders import plain_folder, run_folder
from hsizoo.zoo.factory import resolve


def name(dataset="phantom", protocol="interactive", options=None, **about):
    made = make_protocol(protocol, options or {})
    folder = run_folder(resolve(dataset, "dataset"), made, **about)
    assert folder.parts[0] == "hsizoo-runs"
    assert len(folder.parts) == 2
    return folder.name


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({"dataset": "indian-pines"}, "indian-pines"),
        ({"dataset": "hsizoo/indian-pines"}, "indian-pines"),
        ({"options": {"clicks": "5", "robot": "paper"}}, "phantom"),
        ({"dataset": "phantom:seed=0"}, "phantom"),
        ({"protocol": "few-label"}, "phantom-few-labels"),
        ({"protocol": "box"}, "phantom-boxes"),
        ({"dataset": "phantom:seed=1"}, "phantom-seed=1"),
        ({"dataset": "phantom:noise=0.50"}, "phantom-noise=0.5"),
        ({"options": {"robot": "ritm", "clicks": "20"}}, "phantom-robot=ritm-clicks=20"),
        (
            {"protocol": "few-label", "options": {"draw": "block-disjoint", "shots": 3}},
            "phantom-few-labels-shots=3-draw=block-disjoint",
        ),
        (
            {"dataset": "phantom:seed=1", "protocol": "box:margin=2", "split": "val"},
            "phantom-seed=1-boxes-margin=2-split=val",
        ),
        ({"scenes": ["s01-v1", "s01-v2"]}, "phantom-scene=s01-v1+s01-v2"),
        ({"perturbations": ["none", "shading"]}, "phantom-perturb=none+shading"),
    ],
)
def test_words_where_words_do(about, expected):
    assert name(**about) == expected


def test_the_order_of_options_and_the_spelling_of_values_do_not_count():
    assert name("phantom:seed=1,noise=.5") == name("phantom:noise=0.5,seed=01")
    assert name(options={"robot": "ritm:jitter=2"}) == name(options={"robot": "ritm:jitter=2.0"})


def test_no_two_settings_share_a_folder():
    datasets = ["phantom", "phantom:seed=1", "phantom:seed=2", "phantom:noise=2", "indian-pines"]
    protocols = [
        ("interactive", {}), ("interactive", {"clicks": 1}), ("interactive", {"robot": "ritm"}),
        ("interactive", {"robot": "ritm:jitter=1"}), ("interactive", {"robot": "ritm:jitter=11"}),
        ("few-label", {}), ("few-label", {"shots": 3}), ("few-label", {"draw": "fixed"}),
        ("few-label", {"draw": "block-disjoint"}), ("box", {}), ("box", {"margin": 2}),
    ]  # fmt: skip
    scenes = [
        {}, {"split": "val"}, {"split": "train"}, {"split": "all"}, {"scenes": ["a", "b"]},
        {"scenes": ["a+b"]}, {"scenes": ["A"]}, {"scenes": ["a b"]}, {"scenes": ["a_b"]},
        {"perturbations": ["noise"]}, {"perturbations": ["noise:strength=0.2"]},
        {"perturbations": ["noise_strength_0.2"]}, {"perturbations": ["none", "noise"]},
    ]  # fmt: skip
    every = itertools.product(datasets, protocols, scenes)
    names = [name(dataset, *protocol, **about) for dataset, protocol, about in every]
    # Capitals alone would not tell folders apart on every system.
    assert len({each.lower() for each in names}) == len(names)


def test_what_is_long_ends_in_a_digest_of_all_of_it():
    sizes = "phantom:height=64,width=64,bands=20,train_subjects=3,val_subjects=2,test_subjects={}"
    one, two = name(sizes.format(4)), name(sizes.format(5))
    assert one != two
    assert one.startswith("phantom-height=64-width=64-bands=20-train_subjects=3-")
    assert max(len(one), len(two)) < 100


@pytest.fixture
def two_places(tmp_path, monkeypatch):
    for place in ("here", "there"):
        (tmp_path / place / "my cubes").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def test_folders_with_the_same_name_in_different_places(two_places):
    here, there = name("./my cubes/"), name("../there/my cubes/")
    assert here.rpartition("-")[0] == there.rpartition("-")[0] == "my_cubes"
    assert here != there
    same = ("my cubes/", str(two_places / "here" / "my cubes"), "../here/my cubes")
    assert {name(each) for each in same} == {here}
    assert name("./my cubes/", split="all") != here
    downloads = {name(f"heipor:data_dir={place}/my cubes") for place in ("../here", "../there")}
    assert len(downloads) == 2
    assert all(each.startswith("heipor-data_dir=my_cubes-") for each in downloads)


def test_a_folder_is_no_dataset_of_that_name(tmp_path, monkeypatch):
    (tmp_path / "phantom").mkdir()
    monkeypatch.chdir(tmp_path)
    assert name("phantom/").startswith("phantom-")
    assert name("phantom") == "phantom"


def test_datasets_of_two_distributions(fake_dist):
    code = """
        import hsizoo

        @hsizoo.hookimpl
        def hsizoo_components():
            for name in ("phantom", "moor"):
                yield hsizoo.ComponentSpec(
                    name=name, kind="dataset", summary="x", target="hsizoo_datasets.phantom:Phantom"
                )
    """
    fake_dist("their-data", "1.0", {"their_data": code}, {"their": "their_data"})
    assert name("their-data/moor") == name("moor") == "moor"
    assert name("their-data/phantom") == "their-data+phantom"
    assert name("phantom") == "phantom"


def test_the_plain_folder_has_no_settings():
    dataset = resolve("phantom:seed=3", "dataset")
    made = make_protocol("few-label", {"shots": 3})
    assert plain_folder(dataset, made).name == "phantom-few-labels"


def test_a_fold_and_a_limit_have_folders_of_their_own():
    fold = {"folds": 3, "fold": 1, "split_seed": 0}
    assert name(fold=fold, limit=2) == "phantom-folds=3-fold=1-limit=2"
    assert name(fold={**fold, "split_seed": 4}) == "phantom-folds=3-fold=1-split_seed=4"
