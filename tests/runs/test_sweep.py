"""What a run comes to: its cases and trainings, and what is found out before anything begins."""

from pathlib import Path

import pytest

from hsizoo.errors import NameLookupError, OptionError, ProtocolError
from hsizoo.protocols.few_label.protocol import FewLabelProtocol
from hsizoo.protocols.interactive.protocol import InteractiveProtocol
from hsizoo.runs.datasets import Datasets
from hsizoo.runs.experiment_file import read_experiment
from hsizoo.runs.sweep import plan_run

DATA = (
    "phantom:height=32,width=32,bands=12,train_subjects=3,val_subjects=1,test_subjects=2,"
    "scenes_per_subject=1"
)
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def planned(zoo):
    """``planned(text)``: the run that the text describes, looked up."""

    def read(text, defaults="", dataset=DATA, *, allow_untrained=True, datasets=None):
        path = zoo / "try.toml"
        head = f"[defaults]\n{defaults}\n[[run]]\nname = 'a'\n"
        path.write_text(f"{head}dataset = {dataset!r}\n{text}")
        (run,) = read_experiment(path).runs
        return plan_run(run, datasets or Datasets(), allow_untrained=allow_untrained)

    return read


def told(run):
    return [
        (each.case.name, *each.case.conditions.values(), each.case.training_seed)
        for each in run.cases
    ]


def components(run):
    return [(each.case.component, *each.case.conditions.values()) for each in run.cases]


def test_what_can_be_trained_is_trained_with_each_seed(planned):
    run = planned("components = ['sa', 'tiny', 'tiny:weights=none']\ntraining = {seeds = 2}")
    assert told(run) == [
        ("sa", None), ("tiny", 0), ("tiny", 1), ("tiny:weights=none", None),
    ]  # fmt: skip
    training = run.cases[1].training
    assert (training.component, training.dataset, training.seed) == ("tiny", DATA, 0)
    case = run.cases[1].with_weights("/some, place")
    assert case.component == "tiny:weights=[/some, place]"
    assert case.name == "tiny"


def test_a_sweep_over_a_training_setting_touches_what_is_trained(planned):
    text = "components = ['sa', 'tiny']\ntraining = {lr = 0.01}\nsweep = {limit_subjects = [1, 3]}"
    run = planned(text)
    assert told(run) == [("sa", "", None), ("tiny", "1", 0), ("tiny", "3", 0)]
    one, three = run.cases[1].training, run.cases[2].training
    assert one.settings == {"lr": 0.01, "limit_subjects": 1}
    assert one.folder(Datasets()) != three.folder(Datasets())
    assert str(three) == f"tiny on {DATA}, seed 0, lr 0.01, limit_subjects 3"


def test_a_sweep_over_an_option_touches_what_has_it(planned):
    text = (
        "components = ['sa', 'tiny-precise', 'sa-rw']\ntraining = {}\n"
        "sweep = {scorer = ['sa', 'pcc']}"
    )
    run = planned(text)
    assert told(run) == [
        ("sa", "", None), ("tiny-precise", "sa", 0), ("sa-rw", "sa", None),
        ("tiny-precise", "pcc", 0), ("sa-rw", "pcc", None),
    ]  # fmt: skip
    assert run.cases[3].training.component == "tiny-precise:scorer=pcc"
    assert run.cases[4].case.component == "sa-rw:scorer=pcc"


def test_a_sweep_over_options_of_labelers_and_classifiers(planned):
    text = "components = ['lp+rf', 'lp', 'rf']\nsweep = {neighbours = [3, 5], trees = [7]}"
    assert components(planned(text)) == [
        ("lp:neighbours=3+rf:trees=7", "3", "7"),
        ("lp:neighbours=3", "3", ""),
        ("rf:trees=7", "", "7"),
        ("lp:neighbours=5+rf:trees=7", "5", "7"),
        ("lp:neighbours=5", "5", ""),
    ]


def test_an_option_of_one_component_only(planned):
    text = "components = ['lp+cnn2d', 'lp']\n[run.sweep]\nlp.components = [4]\nshots = [2, 3]"
    assert components(planned(text)) == [
        ("lp:components=4+cnn2d", "4", "2"), ("lp:components=4", "4", "2"),
        ("lp:components=4+cnn2d", "4", "3"), ("lp:components=4", "4", "3"),
    ]  # fmt: skip
    text = text.replace("lp.components", "cnn2d.components")
    assert components(planned(text))[:2] == [("lp+cnn2d:components=4", "4", "2"), ("lp", "", "2")]


def test_truth_values_are_written_as_names_have_them(planned):
    run = planned("components = ['ace']\nsweep = {signed = [true, false]}")
    assert components(run) == [("ace:signed=true", "True"), ("ace:signed=false", "False")]


def test_settings_are_those_of_the_command(planned):
    text = "components = ['rf', 'lp']\nshots = 3\ndraw = 'block-disjoint'\nblock = 8\ngap = 5"
    run = planned(text, "clicks = 20\nseeds = [4, 2]")
    assert run.protocol is FewLabelProtocol
    assert run.options == {"shots": 3, "draw": "block-disjoint", "block": 8, "gap": 5}
    protocol = FewLabelProtocol(shots=3, draw="block-disjoint", block=8, gap=5)
    for each, label in zip(run.cases, ["rf", "lp"], strict=True):
        assert (each.case.label, each.case.protocol, each.case.seeds) == (label, protocol, [4, 2])
    assert planned("components = ['rf']").seeds == list(range(10))
    clicked = planned("components = ['sa']\nrobot = 'ritm'", "clicks = 20\nshots = 3")
    assert clicked.cases[0].case.protocol == InteractiveProtocol(robot="ritm", clicks=20)
    assert clicked.seeds == [0]


def test_sweeps_multiply_with_each_other_and_with_perturbations(planned):
    text = (
        "components = ['sa']\nperturbations = ['none', 'noise']\n"
        "sweep = {robot = ['paper', 'paper:jitter=2'], clicks = [1, 2]}"
    )
    run = planned(text)
    assert len(run.cases) == 8
    last = run.cases[-1].case
    assert last.conditions == {"robot": "paper:jitter=2", "clicks": "2", "perturbation": "noise"}
    assert (last.protocol.user.jitter, last.protocol.clicks) == (2, 2)
    assert last.perturbation.name == "noise"


def test_draws_and_perturbations_of_classifiers_multiply_too(planned):
    text = (
        "components = ['rf']\nperturbations = ['none', 'shading']\n"
        "sweep = {draw = ['random', 'fixed']}"
    )
    assert [
        (each.case.protocol.draw, each.case.perturbation and each.case.perturbation.name)
        for each in planned(text).cases
    ] == [("random", None), ("random", "shading"), ("fixed", None), ("fixed", "shading")]


@pytest.mark.parametrize(("component", "training"), [("tiny", "training = {}\n"), ("rf", "")])
def test_swept_datasets_make_rows(planned, component, training):
    other = DATA.replace("bands=12", "bands=9")
    run = planned(
        f"components = ['{component}']\n{training}sweep = {{dataset = ['{DATA}', '{other}']}}"
    )
    assert [each.case.conditions["dataset"] for each in run.cases] == [DATA, other]
    assert [each.case.dataset for each in run.cases] == [DATA, other]
    if training:
        assert [each.training.dataset for each in run.cases] == [DATA, other]


def test_several_datasets_are_pooled_each_with_its_training(planned):
    other = DATA.replace("bands=12", "bands=9")
    run = planned("components = ['tiny']\ntraining = {}", dataset=[DATA, other])
    assert [each.case.dataset for each in run.cases] == [DATA, other]
    assert [each.training.dataset for each in run.cases] == [DATA, other]
    assert [each.case.conditions for each in run.cases] == [{}, {}]


def test_a_training_is_known_by_all_it_depends_on_and_by_nothing_else(planned):
    def folder(training, component="tiny"):
        (each,) = planned(f"components = ['{component}']\ntraining = {training}").cases
        return each.training.folder(Datasets())

    one = folder("{epochs = 2}")
    assert one.startswith("tiny-seed0-")
    assert folder("{epochs = 2, clicks = 5}", "tiny-zoo/tiny") == one  # as is the default
    assert folder("{epochs = 3}") != one
    assert folder("{epochs = 2, seeds = [1]}").startswith("tiny-seed1-")
    assert folder("{epochs = 2}", "tiny:hidden=4") != one


def test_another_state_of_the_files_is_another_training(planned, put_cubes):
    def folder():
        text = "components = ['tiny']\ntraining = {epochs = 1}"
        (each,) = planned(text, dataset=put_cubes(seed)).cases
        return each.training.folder(Datasets())

    seed = 0
    first = folder()
    seed = 1
    assert folder() != first


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("components = ['saa']", NameLookupError, r"\[\[run\]\] 'a': .*'saa'"),
        ("components = ['sa']\nrobot = 'ritmm'", NameLookupError, "'a': .*Did you mean 'ritm'"),
        ("components = ['sa']\nperturbations = 'nois'", NameLookupError, "'a': .*'noise'"),
        ("components = ['sa']\nclicks = 0", ProtocolError, "'a': clicks must be"),
        ("components = ['sa']\nclicks = '1'", OptionError, "'a': .* clicks='1': expected int"),
        ("components = ['sa']\nclicks = true", OptionError, "'a': .*clicks=True: expected int"),
        ("components = ['sa']\nrobot = ['paper']", OptionError, "'a': .*robot=.*expected str"),
        ("components = ['sa']\nsweep = {clicks = ['1']}", OptionError, "clicks='1': expected int"),
        ("components = ['sa']\ntraining = {}", OptionError, "no component that can be trained"),
        ("components = ['rf']\ntraining = {}", OptionError, "no component that can be trained"),
        ("components = ['sa-rw']\nsweep = {bta = [1]}", OptionError, "Did you mean 'beta'"),
        (
            "components = ['sa']\nsweep = {lr = [1]}",
            OptionError,
            r"it needs a table \[run.training",
        ),
        ("components = ['sa-rw']\nsweep = {beta = ['x']}", OptionError, "beta='x'"),
        ("components = ['sa-rw:beta=1']\nsweep = {beta = [1]}", OptionError, "set already"),
        ("components = ['sa']\nsweep = {clicks = ['x']}", OptionError, "clicks='x': expected int"),
        ("components = ['sa']\nsplit = 'tset'", ProtocolError, "'a': .*Did you mean 'test'"),
        ("components = ['sa']\nscenes = ['s99']", NameLookupError, "has no scene 's99'"),
        ("components = ['tiny']", ProtocolError, "'a': tiny has not been trained"),
        ("components = ['ask+even']", ProtocolError, r"'a': tiny, which ask\+even builds on,"),
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
        ("components = ['rf', 'sa']", NameLookupError, r"\[\[run\]\] 'a': 'rf' is a classifier"),
        ("components = ['rf', 'svmm']", NameLookupError, "'a': .*'svmm'.*'svm'"),
        (
            "components = ['rf']\nclicks = 3",
            OptionError,
            "'a': clicks is no option of the protocol few-label",
        ),
        (
            "components = ['sa']\nshots = 3",
            OptionError,
            "'a': shots is no option of the protocol interactive",
        ),
        ("components = ['sa']\nprotocol = 'few-label'", OptionError, "'a': 'sa' is a scorer"),
        ("components = ['sa']\nprotocol = 'clicking'", NameLookupError, "'a': .*'clicking'"),
        ("components = ['rf']\nshots = 0", ProtocolError, "'a': shots must be at least 1"),
        ("components = ['rf']\ndraw = 'blocks'", OptionError, "'a': .*block-disjoint"),
        ("components = ['rf']\ndraw = 'official'", ProtocolError, "'a': .*official training map"),
        ("components = ['rf']\nscenes = ['x']", NameLookupError, "'a': .*has no scene 'x'"),
        ("components = ['rf:tres=3']", OptionError, "'a': .*trees"),
        ("components = ['rf']\nsweep = {tres = [3]}", OptionError, "Did you mean 'trees'"),
        ("components = ['rf']\nsweep = {trees = ['x']}", OptionError, "trees"),
        ("components = ['rf']\nsweep = {shots = ['x']}", OptionError, "shots='x': expected int"),
        ("components = ['rf']\nsweep = {lr = [1]}", OptionError, "sweep: 'lr' is no key"),
        ("components = ['rf:trees=3']\nsweep = {trees = [3]}", OptionError, "set already"),
        (
            "components = ['lp+cnn2d']\nsweep = {components = [3]}",
            OptionError,
            "lp.components or cnn2d.components",
        ),
        ("components = ['rf']\nsweep = {svm.C = [3]}", OptionError, "no option of its components"),
        ("components = ['rf']\nsweep = {rf.trees = 3}", OptionError, "rf.trees must be a list"),
    ],
)
def test_what_can_be_known_before_is_told_before(planned, text, error, message):
    with pytest.raises(error, match=message):
        planned(text, allow_untrained=False)


def test_nothing_is_tested_on_subjects_that_it_was_trained_on(planned, put_cubes):
    text = "components = ['tiny']\ntraining = {folds = 3}"
    with pytest.raises(ProtocolError, match="would be tested on subjects that it is trained on: a"):
        planned(text, dataset=put_cubes(split=False))
    # Whoever names scenes knows what to do.
    assert planned(f"{text}\nscenes = ['c']", dataset=put_cubes(split=False)).cases


@pytest.mark.parametrize("path", sorted(BENCHMARKS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_configs_that_come_with_hsizoo_mean_something(path, monkeypatch):
    # Whether their data are on this machine is another question.
    monkeypatch.setattr("hsizoo.runs.sweep._check", lambda *arguments, **settings: None)
    for described in read_experiment(path).runs:
        run = plan_run(described, Datasets(), allow_untrained=True)
        assert run.cases
        wanted = "few-label" if path.stem in ("few_label", "ipg_ablation") else None
        assert wanted in (None, run.protocol.name)
