"""Planning: which cells there are, in which order, under which names."""

import pytest

from hsizoo.errors import NameLookupError, OptionError, ProtocolError
from hsizoo.protocols.interactive.loop import InteractiveProtocol
from hsizoo.protocols.perturbations import Noise
from hsizoo.runs.plan import Case, _saw, choose_scenes, plan, seeds_of
from hsizoo.zoo.factory import make_robot, resolve

TINY = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=2,scenes_per_subject=1"
)
PROTOCOL = InteractiveProtocol(robot=make_robot("paper"), clicks=2)


def case(component="sa", dataset=TINY, **about):
    return Case(component=component, dataset=dataset, protocol=PROTOCOL, **about)


def told(cells):
    return [
        (cell.identity["scene"], cell.identity["seed"], cell.job["row"]["label"]) for cell in cells
    ]


def test_scene_by_scene_and_seed_by_seed():
    cells = plan([case("sa", seeds=[0, 1]), case("pcc", seeds=[0, 1])])
    assert told(cells) == [
        (scene, seed, name) for scene in ("s03-v1", "s04-v1") for seed in (0, 1)
        for name in ("sa", "pcc")
    ]  # fmt: skip
    assert cells[1].label == "pcc · s03-v1 · seed 0"


def test_what_shares_a_spoilt_cube_comes_together():
    cases = [
        case(name, perturbation=spoilt, conditions={"perturbation": word}, seeds=[0, 1])
        for spoilt, word in ((None, "none"), (Noise(), "noise"))
        for name in ("sa", "pcc")
    ]
    images = [cell.image for cell in plan(cases)]
    runs = [image for place, image in enumerate(images) if image != images[place - 1]]
    assert len(runs) == len(set(images)) == 2 * (1 + 2)  # clean ones do not depend on the seed


def test_a_case_has_a_name_of_its_own():
    named = case(
        "sa-rw:beta=50", name="ours", conditions={"beta": "50", "data": ""}, training_seed=3
    )
    cell = plan([named], scenes=["s04-v1"])[0]
    assert cell.job["row"] == {
        "label": "ours", "conditions": {"beta": "50", "data": ""}, "training_seed": 3,
    }  # fmt: skip
    assert cell.label == "ours · beta=50 · s04-v1 · training seed 3"
    # What it is called is no part of what it is.
    assert cell.key == plan([case("sa-rw:beta=50")], scenes=["s04-v1"])[0].key


def test_several_datasets():
    other = TINY.replace("bands=8", "bands=9")
    cells = plan([case("sa"), case("sa", other)])
    assert [cell.job["dataset"] for cell in cells] == [TINY] * 2 + [other] * 2
    assert len({cell.key for cell in cells}) == 4


def test_many_components_go_through_the_scenes_in_blocks(monkeypatch):
    monkeypatch.setattr("hsizoo.runs.plan.KEPT", 2)
    cells = plan([case(f"sa-rw:beta={beta}") for beta in (1, 2, 3)])
    assert [cell.job["component"][-1] + cell.identity["scene"] for cell in cells] == [
        "1s03-v1", "2s03-v1", "1s04-v1", "2s04-v1", "3s03-v1", "3s04-v1",
    ]  # fmt: skip


def test_scenes():
    assert choose_scenes(TINY, None) == [2, 3]
    assert choose_scenes(TINY, "all") == [0, 1, 2, 3]
    assert choose_scenes(TINY, "val") == [1]
    assert choose_scenes(TINY, "val", ["s04-v1", "s01-v1"]) == [3, 0]
    with pytest.raises(ProtocolError, match="it has: test, train, val, all"):
        choose_scenes(TINY, "x")
    with pytest.raises(NameLookupError, match="has no scene 's9'"):
        choose_scenes(TINY, None, ["s9"])


def test_seeds():
    assert seeds_of(3) == [0, 1, 2]
    assert seeds_of([4, 4, 2]) == [4, 2]
    with pytest.raises(OptionError, match="got 0"):
        seeds_of(0)


def test_weights_that_saw_a_tested_subject_are_marked():
    source = resolve(TINY, "dataset")
    card = {
        "dataset": {"component": "hsizoo/phantom"},
        "subjects": {"train": ["s01"], "val": ["s02"], "held_out": ["s03"]},
    }
    assert _saw(card, source, {"s01"})
    assert _saw(card, source, {"s02", "s03"})
    assert not _saw(card, source, {"s03", "s04"})
    assert not _saw({**card, "dataset": {"component": "hsizoo/indian-pines"}}, source, {"s01"})
    assert not _saw({**card, "dataset": {"component": "gone/phantom"}}, source, {"s01"})
    assert not _saw({"subjects": card["subjects"]}, source, {"s01"})


@pytest.mark.parametrize(
    ("trained", "subject", "tested", "seen"),
    [
        ("cross-sensor", "salinas-a", "salinas-a", True),
        ("cross-sensor", "salinas-a", "salinas", True),  # the whole that it is a part of
        ("salinas", "salinas", "salinas-a", True),
        ("cross-sensor", "pavia-mini", "pavia-university", True),
        ("salinas-a", "salinas-a", "cross-sensor", False),  # which tests on samson
        ("samson", "samson", "cross-sensor", True),
        ("cross-sensor", "indian-pines", "indian-pines", True),
        ("cross-sensor", "indian-pines", "samson", False),
        ("pavia-university", "pavia-university", "pavia-centre", False),
    ],
)
def test_a_scene_is_known_again_in_another_dataset(trained, subject, tested, seen):
    card = {
        "dataset": {"component": f"hsizoo/{trained}"},
        "subjects": {"train": [subject], "val": []},
    }
    source = resolve(tested, "dataset")
    infos = source.build().scenes()
    subjects = {info.subject for info in infos if info.split in ("", "test")}
    assert _saw(card, source, subjects) == seen
