import pytest

from hsizoo.errors import DataError, OptionError
from hsizoo.runs.experiment_file import Training, read_experiment

GOOD = """
title = "A title"
description = "Why."

[defaults]
dataset = "phantom"
clicks = 20
[defaults.training]
seeds = 3
lr = 1e-3

[[run]]
name = "table1"
components = ["sa", "pcc", "sa"]
seeds = 2

[[run]]
name = "low-data"
description = "Few subjects."
components = ["sa"]
dataset = ["phantom", "indian-pines"]
clicks = 5
perturbations = ["none", "noise"]
scenes = ["s1"]
training = {seeds = [4, 5], dataset = "phantom:seed=1"}
sweep = {limit_subjects = [1, 2, 2]}
"""


def read(tmp_path, text):
    path = tmp_path / "try.toml"
    path.write_text(text)
    return read_experiment(path)


def test_a_run_has_its_own_keys_and_the_defaults(tmp_path):
    experiment = read(tmp_path, GOOD)
    assert (experiment.title, experiment.description) == ("A title", "Why.")
    one, two = experiment.runs
    assert (one.name, one.components, one.datasets) == ("table1", ("sa", "pcc"), ("phantom",))
    assert (one.clicks, one.seeds, one.perturbations) == (20, 2, ("none",))
    assert one.training == Training(seeds=(0, 1, 2), settings={"lr": 1e-3})
    assert (two.clicks, two.datasets, two.scenes) == (5, ("phantom", "indian-pines"), ("s1",))
    # Of the training, too, a run says only what is different.
    assert two.training == Training(dataset="phantom:seed=1", seeds=(4, 5), settings={"lr": 1e-3})
    assert two.sweep == {"limit_subjects": (1, 2)}
    assert len(experiment.digest) == 64


def test_title_and_training_may_be_left_out(tmp_path):
    experiment = read(tmp_path, '[[run]]\nname="x"\ncomponents=["sa"]\ndataset="phantom"')
    assert experiment.title == "try"
    assert experiment.runs[0].training is None


def test_choosing_runs(tmp_path):
    experiment = read(tmp_path, GOOD)
    assert [run.name for run in experiment.choose([])] == ["table1", "low-data"]
    assert [run.name for run in experiment.choose(["low-data"])] == ["low-data"]
    with pytest.raises(OptionError, match="Did you mean 'table1'"):
        experiment.choose(["table2"])


RUN = '[[run]]\nname = "a"\ncomponents = ["sa"]\ndataset = "phantom"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tilte = 'x'\n" + RUN, r"try.toml: unknown key 'tilte'. Did you mean 'title'"),
        ("[defaults]\nclick = 3\n" + RUN, r"try.toml, \[defaults\]: unknown key 'click'.*'clicks'"),
        ("[defaults]\nname = 'x'\n" + RUN, r"\[defaults\]: unknown key 'name'"),
        (RUN + "componets = 1", r"\[\[run\]\] number 1: unknown key 'componets'.*'components'"),
        (RUN + "clicks = '5'", "clicks must be a whole number; got '5'"),
        (RUN + "clicks = true", "clicks must be a whole number; got True"),
        (RUN + "seeds = [1, 'x']", "seeds must be a whole number or a list of whole numbers"),
        (RUN + "robot = ['paper']", "robot must be text in quotes"),
        (RUN + "training = 3", "training must be a table; got 3"),
        (RUN + "training = {epocs = 3}", r"run\]\] 'a', training: unknown key 'epocs'.*'epochs'"),
        (RUN + "training = {seed = 3}", "unknown key 'seed'. Did you mean 'seeds'"),
        (RUN + "training = {epochs = 'x'}", "'a', training: training: option epochs='x'"),
        (RUN + "training = {lr = -1}", "'a', training: lr must be above 0"),
        (RUN + "training = {seeds = []}", "'a', training: seeds must be at least one"),
        (RUN + "sweep = {lr = 3}", "'a', sweep: lr must be a list of texts or numbers; got 3"),
        (RUN + "sweep = {lr = []}", "lr must be a list"),
        (RUN + "sweep = {lr = [[1]]}", "lr must be a list"),
        (RUN + RUN, "two runs are named 'a'"),
        (RUN + "perturbations = []", "perturbations is empty"),
        (RUN.replace('["sa"]', "[]"), "components is empty"),
        (RUN.replace('"a"', '"../a"'), "name '../a' also names a folder"),
        (RUN.replace('"a"', '"a:b=c"'), "name 'a:b=c' also names a folder"),
        (RUN.replace('dataset = "phantom"', ""), "the key 'dataset' is missing"),
        ('[[run]]\nname = "a"', "the key 'components' is missing"),
        ("title = 'x'", r"there is no \[\[run\]\]"),
        ("run = 3", r"there is no \[\[run\]\]"),
    ],
)
def test_what_is_wrong_is_said_with_its_table(tmp_path, text, message):
    with pytest.raises(OptionError, match=message):
        read(tmp_path, text)


def test_no_toml_and_no_file(tmp_path):
    with pytest.raises(DataError, match=r"try.toml is not TOML: .*line 1"):
        read(tmp_path, "title = =")
    with pytest.raises(DataError, match=r"cannot read .*none.toml: No such file"):
        read_experiment(tmp_path / "none.toml")
