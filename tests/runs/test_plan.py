"""Planning: which cells there are, in which order, under which names and keys."""

import time

import pytest

from hsizoo.engine.cells import key_of
from hsizoo.errors import DataError, NameLookupError, OptionError, ProtocolError
from hsizoo.protocols.few_label.protocol import FewLabelProtocol
from hsizoo.protocols.interactive.protocol import InteractiveProtocol
from hsizoo.protocols.perturbations import Noise, make_perturbation
from hsizoo.runs.case import Case, seeds_of
from hsizoo.runs.datasets import Datasets, Selection
from hsizoo.runs.plan import plan
from hsizoo.training import TrainingSettings, divide
from hsizoo.zoo.factory import load_dataset

TINY = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=2,scenes_per_subject=1"
)
CLICKS, FEW_LABELS = InteractiveProtocol(clicks=2), FewLabelProtocol(shots=2)


def case(component="sa", dataset=TINY, **about):
    return Case(**{"component": component, "dataset": dataset, "protocol": CLICKS, **about})


def told(cells):
    return [
        (cell.identity["scene"], cell.identity["seed"], cell.job["row"]["label"]) for cell in cells
    ]


@pytest.fixture
def fixture(tmp_path):
    """Six scenes of three subjects, without a split."""
    load_dataset("heipor").write_fixture(tmp_path)
    return f"heipor:data_dir={tmp_path}"


@pytest.mark.parametrize(
    ("protocol", "names"), [(CLICKS, ["sa", "pcc"]), (FEW_LABELS, ["rf", "lp"])]
)
def test_scene_by_scene_and_seed_by_seed(protocol, names):
    cells = plan([case(name, protocol=protocol, seeds=[0, 1]) for name in names])
    assert told(cells) == [
        (scene, seed, name) for scene in ("s03-v1", "s04-v1") for seed in (0, 1) for name in names
    ]  # fmt: skip
    assert cells[1].label == f"{names[1]} · s03-v1 · seed 0"
    assert len({cell.key for cell in cells}) == 8
    assert len({cell.image for cell in cells}) == 2


@pytest.mark.parametrize(
    ("protocol", "names"), [(CLICKS, ["sa", "pcc"]), (FEW_LABELS, ["rf", "lp"])]
)
def test_what_shares_a_perturbed_cube_comes_together(protocol, names):
    cases = [
        case(
            name, protocol=protocol, perturbation=each, conditions={"perturbation": word},
            seeds=[0, 1],
        )
        for each, word in ((None, "none"), (Noise(), "noise"))
        for name in names
    ]  # fmt: skip
    images = [cell.image for cell in plan(cases)]
    runs = [image for place, image in enumerate(images) if image != images[place - 1]]
    assert len(runs) == len(set(images)) == 2 * (1 + 2)  # clean ones do not depend on the seed


def test_a_case_has_a_name_of_its_own():
    named = case(
        "sa-rw:beta=50", name="ours", conditions={"beta": "50", "data": ""}, training_seed=3
    )
    cell = plan([named], selection=Selection(scenes=("s04-v1",)))[0]
    assert cell.job["row"] == {
        "label": "ours", "conditions": {"beta": "50", "data": ""}, "training_seed": 3,
    }  # fmt: skip
    assert cell.label == "ours · beta=50 · s04-v1 · training seed 3"
    # What it is called is no part of what it is.
    assert cell.key == plan([case("sa-rw:beta=50")], selection=Selection(scenes=("s04-v1",)))[0].key


def test_several_datasets():
    other = TINY.replace("bands=8", "bands=9")
    cells = plan([case("sa"), case("sa", other)])
    assert [cell.job["dataset"] for cell in cells] == [TINY] * 2 + [other] * 2
    assert len({cell.key for cell in cells}) == 4


def test_many_components_go_through_the_scenes_in_blocks(monkeypatch):
    monkeypatch.setattr("hsizoo.runs.plan.COMPONENTS_AT_A_TIME", 2)
    cells = plan([case(f"sa-rw:beta={beta}") for beta in (1, 2, 3)])
    assert [cell.job["component"][-1] + cell.identity["scene"] for cell in cells] == [
        "1s03-v1", "2s03-v1", "1s04-v1", "2s04-v1", "3s03-v1", "3s04-v1",
    ]  # fmt: skip


def test_scenes():
    datasets, both = Datasets(), Selection(scenes=("s04-v1", "s01-v1", "s04-v1"))
    assert datasets.choose(TINY, Selection()).indices == [2, 3]
    assert datasets.choose(TINY, Selection(split="all")).indices == [0, 1, 2, 3]
    assert datasets.choose(TINY, Selection(split="val")).indices == [1]
    assert datasets.choose(TINY, both).indices == [3, 0]
    assert datasets.subjects(TINY, [0, 3]) == {"s01", "s04"}
    with pytest.raises(ProtocolError, match=r"it has: test, train, val, all.*Did you mean 'val'"):
        datasets.choose(TINY, Selection(split="vall"))
    with pytest.raises(NameLookupError, match=r"has no scene 's4-v1'\. Did you mean .* Its 4 s"):
        datasets.choose(TINY, Selection(scenes=("s4-v1",)))
    assert datasets.get(TINY) is datasets.get(TINY)


def test_a_fold_tests_whom_the_training_of_that_fold_holds_out(fixture):
    infos = Datasets().get(fixture).scenes()
    for fold in range(3):
        division = divide(infos, TrainingSettings(folds=3, fold=fold, split_seed=7))
        chosen = Datasets().choose(fixture, Selection(folds=3, fold=fold, split_seed=7))
        assert tuple(chosen.indices) == division.held_out
        assert (len(chosen.indices), chosen.of, chosen.remark) == (2, 2, "")


def test_a_limit_keeps_the_first_scenes_and_is_said(fixture):
    whole, some = (
        plan([case("sa", fixture)]),
        plan([case("sa", fixture)], selection=Selection(limit=4)),
    )
    assert [cell.identity["scene"] for cell in some] == [
        cell.identity["scene"] for cell in whole[:4]
    ]
    assert [cell.key for cell in some] == [cell.key for cell in whole[:4]]
    assert {cell.job["row"]["label"] for cell in some} == {"sa (first 4 of 6 scenes)"}
    assert told(plan([case("sa", fixture)], selection=Selection(limit=6))) == told(whole)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"limit": 0}, "limit must be 1 or more; got 0"),
        ({"folds": 1}, "folds must be 0 or at least 2"),
        ({"fold": 1}, "got folds 0, fold 1"),
        ({"folds": 3, "split": "test"}, "leave out the split"),
        ({"folds": 3, "scenes": ("a",)}, "leave out the split and the names of scenes"),
    ],
)
def test_a_selection_that_makes_no_sense_is_refused(wanted, message):
    with pytest.raises(OptionError, match=message):
        Selection(**wanted)


def test_seeds():
    assert seeds_of(3) == [0, 1, 2]
    assert seeds_of([4, 4, 2]) == [4, 2]
    with pytest.raises(OptionError, match="got 0"):
        seeds_of(0)
    with pytest.raises(OptionError, match=r"got \[-1\]"):
        seeds_of([-1])


PHANTOM = {
    "component": "hsizoo/phantom", "version": "1", "feeds": None, "data_version": "1",
    "options": {
        "height": 128, "width": 128, "bands": 100, "first_nm": 500.0, "last_nm": 995.0,
        "train_subjects": 8, "val_subjects": 2, "test_subjects": 6, "scenes_per_subject": 2,
        "noise": 1.0, "shading": 1.0, "highlights": 1.0, "seed": 0,
    },
}  # fmt: skip
INDIAN_PINES = {
    "component": "hsizoo/indian-pines", "version": "1", "feeds": None, "data_version": "1",
    "options": {},
}  # fmt: skip
FIVE_CLICKS = {
    "protocol": "interactive", "version": "1", "clicks": 5, "threshold": 0.5,
    "grid_clicks": [1, 5],
    "robot": {
        "name": "paper", "version": "1", "jitter": 0.0, "first": "edt", "connectivity": "8",
    },
}  # fmt: skip
FIVE_SHOTS = {
    "name": "few-label", "version": "2", "shots": 5, "draw": "random", "gap": 9, "block": 16,
}  # fmt: skip


@pytest.mark.parametrize(
    ("component", "options"),
    [
        ("sa", {"aggregate": "max", "negatives": "veto"}),
        ("svm", {"folds": 5}),
        (
            "lp",
            {
                "components": 6, "smoothing": 1.0, "position": 3.0, "neighbours": 10,
                "width": 0.5, "alpha": 0.99,
            },
        ),
    ],
)  # fmt: skip
def test_what_a_cell_is_known_by(component, options):
    clicked = component == "sa"
    protocol = InteractiveProtocol() if clicked else FewLabelProtocol()
    dataset = "phantom" if clicked else "indian-pines"
    cell = plan([case(component, dataset, protocol=protocol, seeds=[1])])[0]
    assert cell.identity == {
        "component": {
            "component": f"hsizoo/{component}", "version": "1", "options": options, "feeds": None,
        },
        "dataset": PHANTOM if clicked else INDIAN_PINES,
        "scene": "s11-v1" if clicked else "indian-pines",
        "protocol": FIVE_CLICKS if clicked else FIVE_SHOTS,
        "seed": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("component", "dataset", "key"),
    [
        ("sa", "phantom", "43525eff4f4bbdb195cbd8e6e2131588"),
        ("samsa2-nano", "phantom", "bfbfb016ba027c1f0646042138334cfb"),
        ("sa", "indian-pines", "ddf056a2a7f436b1910c993a13fe21ed"),
        ("svm", "indian-pines", "f893bd4a9e3b70c348e1b5f732246cfe"),
        ("lp+cnn2d", "indian-pines", "7577ac3bf3bd6e2fee8fad33e39d51f7"),
    ],
)
def test_cells_that_users_have_stored_are_found_again(component, dataset, key):
    """Made by the release before; another key, and everything that is stored is computed anew."""
    protocol = FewLabelProtocol() if component in ("svm", "lp+cnn2d") else InteractiveProtocol()
    assert plan([case(component, dataset, protocol=protocol)])[0].key == key


@pytest.mark.parametrize(("protocol", "component"), [(CLICKS, "sa"), (FEW_LABELS, "rf")])
def test_other_files_are_another_dataset(put_cubes, protocol, component):
    folder = put_cubes(0)
    before, again = (plan([case(component, folder, protocol=protocol)])[0] for _ in range(2))
    put_cubes(1)
    after = plan([case(component, folder, protocol=protocol)])[0]
    assert before.key == again.key != after.key
    apart = {k for k in before.identity if before.identity[k] != after.identity[k]}
    assert apart == {"dataset"}
    versions = [cell.identity["dataset"]["data_version"] for cell in (before, after)]
    assert versions[0] != versions[1]


@pytest.mark.parametrize("component", ["tiny", "ask+even", "ask:segmenter=tiny+even"])
def test_other_weights_are_another_component(put_weights, component):
    protocol = FEW_LABELS if "+" in component else CLICKS
    cells = []
    for total in (1.0, 1.0, 2.0):
        put_weights(total, folder="same")
        cells.append(plan([case(component, protocol=protocol)])[0])
    digests = [cell.key for cell in cells]
    assert digests[0] != digests[2]
    assert "weights=" in cells[0].job["component"]


def test_a_job_names_the_weights_that_were_chosen(put_weights):
    """So that whatever is published later, the cell is computed with what its key says."""
    put_weights(1.0)
    (cell, _) = plan([case("ask:segmenter=[tiny:speed=2]+even", protocol=FEW_LABELS)])
    first = cell.job["component"]
    put_weights(2.0)
    assert first.startswith("ask:segmenter=[tiny:speed=2,weights=")
    assert first.endswith("/1/weights.safetensors]+even")
    (cell, _) = plan([case(first, protocol=FEW_LABELS)])
    assert cell.job["component"] == first


def test_what_cannot_be_evaluated_is_refused(put_cubes):
    official = FewLabelProtocol(draw="official")
    with pytest.raises(ProtocolError, match="has no official training map; use another"):
        plan([case("rf", protocol=official)])
    with pytest.raises(DataError, match="does not exist"):
        plan([case(dataset="./nowhere/")])


MANY = """
    import hsizoo

    class Many(hsizoo.SceneDataset):
        card = hsizoo.DatasetCard(title="", source="", licence="", citation="", size="",
                                  how_to_get="")

        def scenes(self):
            return [hsizoo.SceneInfo(f"s{i}", f"s{i}") for i in range(2000)]

        def scene(self, index):
            raise NotImplementedError

    @hsizoo.hookimpl
    def hsizoo_components():
        yield hsizoo.ComponentSpec(
            name="many", kind="dataset", target=f"{__name__}:Many", summary="x"
        )
"""


def test_what_is_the_same_for_all_cells_of_a_case_is_worked_out_once(fake_dist, monkeypatch):
    from hsizoo.zoo.recipe import Recipe

    fake_dist("many-zoo", "1.0", {"many_zoo": MANY}, {"many": "many_zoo"})
    asked = []
    for target, name in (
        (Recipe, "identity"), (Recipe, "pinned"), (InteractiveProtocol, "config"),
    ):  # fmt: skip
        real = getattr(target, name)

        def noted(self, *, real=real, name=name):
            asked.append(name)
            return real(self)

        monkeypatch.setattr(target, name, noted)
    cases = [case(name, "many", seeds=range(5)) for name in ("sa", "sa-rw")]
    assert len(plan(cases)) == 2000 * 5 * 2
    assert len(asked) < 20


@pytest.mark.slow
def test_a_hundred_thousand_cells_are_planned_in_seconds(fake_dist):
    large = MANY.replace("2000", "10_000")
    fake_dist("many-zoo", "1.0", {"many_zoo": large}, {"many": "many_zoo"})
    began = time.process_time()
    assert len(plan([case(name, "many", seeds=range(5)) for name in ("sa", "sa-rw")])) == 10**5
    assert time.process_time() - began < 20


@pytest.mark.parametrize("own", [{}, {"dataset": 0, "scene": 0}, {"text": 'a "scene": 0}'}])
def test_the_key_is_that_of_the_identity_whatever_settings_are_called(own, monkeypatch):
    protocol = InteractiveProtocol()
    settings = {**protocol.config(), "own": own}
    monkeypatch.setattr(InteractiveProtocol, "config", lambda self: settings)
    cells = plan([case(perturbation=make_perturbation("noise"))])
    assert [cell.key for cell in cells] == [key_of(cell.identity) for cell in cells]


def test_a_perturbation_and_its_strength_are_part_of_the_key():
    keys = {
        plan([case("sa", "phantom", perturbation=make_perturbation(text))])[0].key
        for text in ("none", "noise", "noise:strength=0.2", "shading")
    }
    assert len(keys) == 4
