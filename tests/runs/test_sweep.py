"""What a run comes to: its cases and trainings, and what is found out before anything begins."""

from pathlib import Path

import pytest

from hsizoo.errors import NameLookupError, OptionError, ProtocolError
from hsizoo.runs.experiment_file import read_experiment
from hsizoo.runs.sweep import check, parts_of

PLUGIN = (Path(__file__).parents[1] / "fakes" / "trainable.py").read_text()
DATA = (
    "phantom:height=32,width=32,bands=12,train_subjects=3,val_subjects=1,test_subjects=2,"
    "scenes_per_subject=1"
)


@pytest.fixture
def run(fake_dist, tmp_path):
    fake_dist("tiny-zoo", "1.0", {"tiny_zoo": PLUGIN}, {"tiny": "tiny_zoo"})

    def read(text):
        path = tmp_path / "try.toml"
        path.write_text(f"[[run]]\nname = 'a'\ndataset = '{DATA}'\n{text}")
        return read_experiment(path).runs[0]

    return read


def told(parts):
    return [
        (part.case.name, *part.case.conditions.values(), part.case.training_seed) for part in parts
    ]


def test_what_can_be_trained_is_trained_with_each_seed(run):
    parts = parts_of(
        run("components = ['sa', 'tiny', 'tiny:weights=none']\ntraining = {seeds = 2}")
    )
    assert told(parts) == [
        ("sa", None), ("tiny", 0), ("tiny", 1), ("tiny:weights=none", None),
    ]  # fmt: skip
    training = parts[1].training
    assert (training.component, training.dataset, training.seed) == ("tiny", DATA, 0)
    case = parts[1].with_weights("/some, place")
    assert case.component == "tiny:weights=[/some, place]"
    assert case.name == "tiny"


def test_a_sweep_over_a_training_setting_touches_what_is_trained(run):
    text = "components = ['sa', 'tiny']\ntraining = {lr = 0.01}\nsweep = {limit_subjects = [1, 3]}"
    parts = parts_of(run(text))
    assert told(parts) == [("sa", "", None), ("tiny", "1", 0), ("tiny", "3", 0)]
    assert parts[1].training.settings == {"lr": 0.01, "limit_subjects": 1}
    assert parts[1].training.folder != parts[2].training.folder


def test_a_sweep_over_an_option_touches_what_has_it(run):
    text = "components = ['sa', 'tiny', 'sa-rw']\ntraining = {}\nsweep = {scorer = ['sa', 'pcc']}"
    parts = parts_of(run(text.replace("'tiny'", "'tiny-precise'")))
    assert told(parts) == [
        ("sa", "", None), ("tiny-precise", "sa", 0), ("sa-rw", "sa", None),
        ("tiny-precise", "pcc", 0), ("sa-rw", "pcc", None),
    ]  # fmt: skip
    assert parts[3].training.component == "tiny-precise:scorer=pcc"
    assert parts[4].case.component == "sa-rw:scorer=pcc"


def test_sweeps_multiply_with_each_other_and_with_perturbations(run):
    text = (
        "components = ['sa']\nperturbations = ['none', 'noise']\n"
        "sweep = {robot = ['paper', 'paper:jitter=2'], clicks = [1, 2]}"
    )
    parts = parts_of(run(text))
    assert len(parts) == 8
    last = parts[-1].case
    assert last.conditions == {"robot": "paper:jitter=2", "clicks": "2", "perturbation": "noise"}
    assert (last.protocol.robot.jitter, last.protocol.clicks) == (2, 2)
    assert last.perturbation.name == "noise"


def test_swept_datasets_make_rows(run):
    other = DATA.replace("bands=12", "bands=9")
    text = f"components = ['tiny']\ntraining = {{}}\nsweep = {{dataset = ['{DATA}', '{other}']}}"
    parts = parts_of(run(text))
    assert [part.case.conditions["dataset"] for part in parts] == [DATA, other]
    assert [part.training.dataset for part in parts] == [DATA, other]


def test_several_datasets_are_pooled_each_with_its_training(run, tmp_path):
    other = DATA.replace("bands=12", "bands=9")
    path = tmp_path / "pooled.toml"
    path.write_text(
        f"[[run]]\nname = 'a'\ndataset = ['{DATA}', '{other}']\ncomponents = ['tiny']\n"
        "training = {}"
    )
    parts = parts_of(read_experiment(path).runs[0])
    assert [part.case.dataset for part in parts] == [DATA, other]
    assert [part.training.dataset for part in parts] == [DATA, other]
    assert [part.case.conditions for part in parts] == [{}, {}]


def test_a_training_is_known_by_all_it_depends_on_and_by_nothing_else(run):
    base = "components = ['tiny']\ntraining = "
    (one,) = parts_of(run(base + "{epochs = 2}"))
    (same,) = parts_of(run(base.replace("tiny", "tiny-zoo/tiny") + "{epochs = 2, clicks = 5}"))
    (other,) = parts_of(run(base + "{epochs = 3}"))
    assert one.training.folder == same.training.folder != other.training.folder
    assert one.training.folder.startswith("tiny-seed0-")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("components = ['saa']", NameLookupError, r"\[\[run\]\] 'a': .*'saa'"),
        ("components = ['sa']\nrobot = 'ritmm'", NameLookupError, "'a': .*Did you mean 'ritm'"),
        ("components = ['sa']\nperturbations = 'nois'", NameLookupError, "'a': .*'noise'"),
        ("components = ['sa']\nclicks = 0", ProtocolError, "'a': clicks must be"),
        ("components = ['sa']\ntraining = {}", OptionError, "no component that can be trained"),
        ("components = ['sa-rw']\nsweep = {bta = [1]}", OptionError, "Did you mean 'beta'"),
        (
            "components = ['sa']\nsweep = {lr = [1]}",
            OptionError,
            r"it needs a table \[run.training",
        ),
        ("components = ['sa-rw']\nsweep = {beta = ['x']}", OptionError, "beta='x'"),
        ("components = ['sa-rw:beta=1']\nsweep = {beta = [1]}", OptionError, "set already"),
        ("components = ['sa']\nsweep = {clicks = ['1']}", OptionError, "clicks must be whole"),
        ("components = ['sa']\nsplit = 'tset'", ProtocolError, "'a': .*Did you mean 'test'"),
        ("components = ['sa']\nscenes = ['s99']", NameLookupError, "has no scene 's99'"),
        ("components = ['tiny']", ProtocolError, "'a': tiny has not been trained"),
        (
            "components = ['tiny']\ntraining = {}\nsweep = {limit_subjects = [9]}",
            ProtocolError,
            "limit_subjects is 9, but there are only 3",
        ),
        (
            "components = ['tiny']\ntraining = {dataset = 'indian-pines'}",
            ProtocolError,
            "the dataset has no training scenes",
        ),
        (
            "components = ['tiny']\ntraining = {folds = 2}\nscenes = ['s99']",
            NameLookupError,
            "has no scene",
        ),
    ],
)
def test_what_can_be_known_before_is_said_before(run, text, error, message):
    def find_out():
        described = run(text)
        check(described, parts_of(described), allow_untrained=False)

    with pytest.raises(error, match=message):
        find_out()


def test_nothing_is_tested_on_subjects_that_it_was_trained_on(run, fake_dist, tmp_path):
    unsplit = """
        import numpy as np
        import hsizoo

        class Unsplit(hsizoo.SceneDataset):
            card = hsizoo.DatasetCard(title="", source="", licence="", citation="", size="",
                                      how_to_get="")

            def scenes(self):
                return [hsizoo.SceneInfo(f"s{i}", f"s{i}") for i in range(4)]

            def scene(self, index):
                raise NotImplementedError

        @hsizoo.hookimpl
        def hsizoo_components():
            yield hsizoo.ComponentSpec(
                name="unsplit", kind="dataset", target=f"{__name__}:Unsplit", summary="x"
            )
    """
    fake_dist("unsplit-zoo", "1.0", {"unsplit_zoo": unsplit}, {"unsplit": "unsplit_zoo"})
    text = "components = ['tiny']\ntraining = {folds = 4}"
    path = tmp_path / "unsplit.toml"
    path.write_text(f"[[run]]\nname = 'a'\ndataset = 'unsplit'\n{text}")
    described = read_experiment(path).runs[0]
    with pytest.raises(ProtocolError, match="would be tested on subjects that it is trained on"):
        check(described, parts_of(described), allow_untrained=False)
