"""What is missing is said at once, with commands that bring it."""

import shlex
from pathlib import Path

import pytest

import hsizoo
from hsizoo.errors import MissingRequirement, ProtocolError
from hsizoo.runs.inventory import list_datasets, list_weights, readiness
from hsizoo.training import TrainingSettings, divide
from hsizoo.weights.files import WeightFile, place
from hsizoo.zoo.factory import load_dataset, resolve

META = "sam2.1_hiera_small.pt"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pigs(tmp_path):
    """Six scenes of three subjects, without a split."""
    load_dataset("heipor").write_fixture(tmp_path)
    return f"heipor:data_dir={tmp_path}"


def refused(*components, dataset, **how):
    with pytest.raises((ProtocolError, MissingRequirement)) as caught:
        hsizoo.bench(components, dataset, out="run", device="cpu", **how)
    assert not list(Path("run").glob("cells/*"))
    return str(caught.value)


def commands(text):
    return [shlex.split(line) for line in text.splitlines() if line.startswith("    hsizoo")]


def options(words):
    return dict(zip(words[3::2], words[4::2], strict=True))


def test_one_error_has_weights_subjects_and_commands_that_fit_them(pigs):
    text = refused("samsa2-small", dataset=pigs)
    assert text.startswith("2 things are missing.\n1. samsa2-small has not been trained")
    assert "6 scene(s) of 3 subject(s) and no split" in text
    assert META in text
    train, bench, smoke = commands(text)
    assert train[:3] == ["hsizoo", "train", "samsa2-small"]
    assert options(train) == {"--dataset": pigs, "--folds": "3", "--fold": "0"}
    assert bench[:3] == ["hsizoo", "bench", "samsa2-small"]
    assert options(bench) == options(train)
    assert smoke[2] == "samsa2-small:checkpoint=random"
    infos = load_dataset(pigs).scenes()
    for fold in range(3):
        (subject,) = {
            infos[i].subject for i in divide(infos, TrainingSettings(folds=3, fold=fold)).held_out
        }
        assert f"--fold {fold} holds out {subject}" in text


def test_the_folds_that_were_asked_for_are_those_of_the_commands(pigs):
    text = refused("samsa2-nano:weights=none", dataset=pigs, folds=2, fold=1, split_seed=4)
    train, bench = commands(text)
    assert train[2] == bench[2] == "samsa2-nano"
    same = {"--dataset": pigs, "--folds": "2", "--fold": "1"}
    assert options(train) == {**same, "--set": "split_seed=4"}
    assert options(bench) == {**same, "--split-seed": "4"}


def test_missing_data_hide_nothing_else(tmp_path):
    text = refused("samsa2-small", dataset=f"heipor:data_dir={tmp_path}")
    assert text.startswith("3 things are missing.")
    assert all(part in text for part in ("heiporspectral.org", "has not been trained", META))
    assert commands(text) == []  # none of them would work


def test_a_single_scene_is_no_dataset_to_train_on():
    train, bench = commands(refused("samsa2-nano:weights=none", dataset="indian-pines"))
    assert options(train)["--dataset"] == "phantom"
    assert options(bench)["--dataset"] == "indian-pines"


def test_a_split_to_train_on_needs_no_folds():
    text = refused("samsa2-nano:weights=none", dataset="phantom")
    assert [options(words) for words in commands(text)] == [{"--dataset": "phantom"}] * 2


def test_files_of_weights_are_said_together(pigs):
    text = refused("sam2.1-small", "sam2.1-tiny", dataset=pigs)
    assert all(f"sam2.1_hiera_{size}.pt" in text for size in ("small", "tiny"))
    assert "checkpoint=random" in text
    assert "HSIZOO_OFFLINE is set" in text


def test_a_training_says_both_what_is_wrong_with_the_folds_and_which_file_is_missing(pigs):
    with pytest.raises(ProtocolError, match="use --folds 3") as caught:
        hsizoo.train("samsa2-small", pigs, folds=5)
    assert META in str(caught.value)
    with pytest.raises(ProtocolError, match="--folds 3 --fold 0"):
        hsizoo.train("samsa2-small", pigs)
    with pytest.raises(MissingRequirement, match=META):
        hsizoo.train("samsa2-small", pigs, folds=3)


def test_the_files_of_a_component_are_those_it_would_read():
    def files(name, kind="segmenter"):
        return [each.name for each in resolve(name, kind).weight_files()]

    assert files("samsa2-small") == files("sam2.1-small") == [META]
    assert files("samsa2-small:checkpoint=random") == files("samsa2-nano") == files("sa") == []
    assert files("medsam-adapter") == ["sam_vit_b_01ec64.pth"]
    assert files("medsam-adapter:backbone=sam2.1-small") == [META]
    assert files("ipg:segmenter=sam2.1-small+svm", "classifier") == [META]


def test_readiness_says_the_same_and_where_everything_is(pigs, tmp_path):
    verdict, untrained, file = readiness(["samsa2-small"], pigs)
    assert not verdict.is_here
    assert "cannot run yet" in verdict.detail
    assert untrained.how.splitlines()[0].startswith("hsizoo train samsa2-small --dataset heipor:")
    assert "curl" in file.how
    (verdict,) = readiness(["samsa2-nano", "sa"], pigs)
    assert verdict.is_here
    assert "6 scene(s) of 3 subject(s)" in verdict.detail
    assert str(tmp_path / "HeiPorSPECTRAL") in verdict.detail
    assert "trained on phantom" in verdict.detail


def test_what_can_be_downloaded_does_not_stop_a_run(monkeypatch):
    monkeypatch.setenv("HSIZOO_OFFLINE", "0")
    verdict, file = readiness(["sam2.1-small"], "indian-pines")
    assert verdict.is_here
    assert not file.is_needed
    assert META in file.detail


def test_data_that_download_by_themselves_stop_only_who_is_offline(monkeypatch, tmp_path):
    verdict, files = readiness(["sa"], "salinas")
    assert not verdict.is_here
    assert files.how.startswith("hsizoo data fetch salinas")
    verdict, files = readiness(["sa"], f"salinas:data_dir={tmp_path}")
    assert not verdict.is_here
    assert f"is not in {tmp_path}" in files.detail
    with pytest.raises(MissingRequirement, match=f"is not in {tmp_path}"):  # at once, in no cell
        hsizoo.bench("sa", f"salinas:data_dir={tmp_path}", out="run", device="cpu")


def test_the_inventory_knows_what_is_here(pigs, tmp_path, monkeypatch):
    monkeypatch.setenv("HSIZOO_DATA", str(tmp_path))
    found = {item.what: item for item in [*list_weights(), *list_datasets()]}
    assert found["dataset heipor"].is_here
    assert str(tmp_path / "HeiPorSPECTRAL") in found["dataset heipor"].detail
    assert not found["dataset hib"].is_here
    assert not found["dataset salinas"].is_here
    assert found["dataset salinas"].how.startswith("hsizoo data fetch salinas")
    assert "hsibraindatabase" in found["dataset hib"].how
    assert found["dataset phantom"].detail.endswith("computed")
    assert found["trained weights of samsa2-nano"].is_here
    assert not found[f"weights {META}"].is_here
    (file,) = resolve("sam2.1-small").weight_files()
    assert isinstance(file, WeightFile)
    place(file).parent.mkdir(parents=True)
    place(file).write_bytes(b"cut off")
    (item,) = (item for item in list_weights() if item.what == f"weights {META}")
    assert not item.is_here
    assert "7 bytes instead of 184,416,285" in item.detail
    with place(file).open("r+b") as stream:
        stream.truncate(file.size)  # sparse
    (item,) = (item for item in list_weights() if item.what == f"weights {META}")
    assert item.is_here
