import json

import pytest

from hsizoo.errors import DataError, OptionError
from hsizoo.runs.experiment_file import TrainingDescription, read_experiment

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
    assert (one.options, one.seeds, one.perturbations) == ({"clicks": 20}, 2, ("none",))
    assert one.own == {"name", "components", "seeds"}
    assert one.training == TrainingDescription(seeds=(0, 1, 2), settings={"lr": 1e-3})
    assert (two.options, two.scenes) == ({"clicks": 5}, ("s1",))
    assert two.datasets == ("phantom", "indian-pines")
    assert (one.seeds, two.seeds, two.protocol) == (2, None, None)
    # Of the training, too, a run says only what is different.
    assert two.training == TrainingDescription(
        dataset="phantom:seed=1", seeds=(4, 5), settings={"lr": 1e-3}
    )
    assert two.sweep == {"limit_subjects": (1, 2)}
    assert len(experiment.digest) == 64


def test_title_and_training_may_be_left_out(tmp_path):
    experiment = read(tmp_path, '[[run]]\nname="x"\ncomponents=["sa"]\ndataset="phantom"')
    assert experiment.title == "try"
    assert experiment.runs[0].training is None


def test_options_of_any_protocol_are_keys(tmp_path):
    text = RUN + "protocol = 'few-label'\nshots = 3\nsweep = {cnn2d.epochs = [1, 2], shots = [4]}"
    (run,) = read(tmp_path, f"[defaults]\nclicks = 2\ndraw = 'fixed'\n{text}").runs
    assert run.protocol == "few-label"
    assert run.options == {"clicks": 2, "draw": "fixed", "shots": 3}
    assert run.sweep == {"cnn2d.epochs": (1, 2), "shots": (4,)}
    assert run.where == "try.toml, [[run]] 'a'"


def test_what_the_file_says_is_kept_as_json(tmp_path):
    for run in read(tmp_path, GOOD).runs:
        kept = run.to_json()
        assert json.loads(json.dumps(kept)) == kept
        assert "where" not in kept  # it would make an old page of one file that was renamed
    moved = tmp_path / "moved.toml"
    moved.write_text(GOOD)
    assert [each.to_json() for each in read_experiment(moved).runs] == [
        each.to_json() for each in read(tmp_path, GOOD).runs
    ]


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
        (RUN + "seeds = [1, 'x']", "seeds must be an integer or a list of integers; got"),
        (RUN + "seeds = '5'", "seeds must be an integer or a list of integers; got '5'"),
        (RUN + "seeds = true", "seeds must be an integer or a list of integers; got True"),
        (RUN + "protocol = 3", "protocol must be a string; got 3"),
        (RUN + "scenes = 's1'", "scenes must be a list of strings; got 's1'"),
        (RUN + "allow_untrained = 1", "allow_untrained must be true or false; got 1"),
        (RUN + "shot = 3", "unknown key 'shot'.*Did you mean 'shots'"),
        (RUN + "training = 3", "training must be a table; got 3"),
        (RUN + "training = {epocs = 3}", r"run\]\] 'a', training: unknown key 'epocs'.*'epochs'"),
        (RUN + "training = {seed = 3}", "unknown key 'seed'. Did you mean 'seeds'"),
        (RUN + "training = {epochs = 'x'}", "'a', training: training: option epochs='x'"),
        (RUN + "training = {lr = -1}", "'a', training: lr must be above 0"),
        (RUN + "training = {seeds = 1000000000000}", "'a', training: at most 100000 seeds"),
        (RUN + "training = {seeds = []}", "'a', training: seeds must be at least one"),
        (RUN + "sweep = {lr = 3}", "'a', sweep: lr must be a list of strings or numbers; got 3"),
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
    with pytest.raises(DataError, match=r"none\.toml cannot be read: No such file"):
        read_experiment(tmp_path / "none.toml")
