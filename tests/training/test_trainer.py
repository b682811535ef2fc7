"""Steps: what they change, what is refused, and the order of an epoch."""

import copy
from dataclasses import replace

import pytest
import torch

from hsizoo.errors import ContractError, ProtocolError
from hsizoo.protocols.interactive.robots import PaperRobot, RandomRobot
from hsizoo.training import SceneStates, Trainer, TrainingSettings, accumulate

SETTINGS = TrainingSettings(clicks=4, lr=0.01)


def test_gradients_reach_exactly_the_trainable_parameters(tiny, scene, dataset_of):
    accumulate(tiny, scene, tiny.open(scene.cube), [1], SETTINGS, PaperRobot())
    assert all(each.grad.abs().sum() > 0 for each in tiny.trainable().values())
    assert tiny.scale.grad is None
    before = tiny.scale.clone()
    trainer = Trainer(tiny, SceneStates(dataset_of(scene), tiny), {0: [1]}, SETTINGS, PaperRobot())
    weights = {name: each.detach().clone() for name, each in tiny.trainable().items()}
    next(iter(trainer.steps()))
    assert torch.equal(tiny.scale, before)
    assert all(not torch.equal(weights[name], each) for name, each in tiny.trainable().items())


def test_what_gets_no_gradient_is_not_decayed(tiny, scene, dataset_of):
    """Two parameters that the loss does not need: one has no gradient, the other one of 0."""
    idle, unused = (torch.nn.Parameter(torch.ones(3, 2)) for _ in range(2))
    own, logits, trainable = tiny, type(tiny).logits, type(tiny).trainable(tiny)
    own.trainable = lambda: {**trainable, "idle": idle, "unused": unused}
    on = False

    def with_idle(state, prompts):
        return logits(own, state, prompts) + (idle.sum() if on else 0 * idle.sum())

    own.logits = with_idle
    chosen = replace(SETTINGS, weight_decay=0.5, epochs=3)

    def made():
        return Trainer(own, SceneStates(dataset_of(scene), own), {0: [1, 2]}, chosen, PaperRobot())

    trainer = made()
    steps = trainer.steps()
    for _ in range(3):
        next(steps)
    assert torch.equal(idle, torch.ones(3, 2))
    assert torch.equal(unused, torch.ones(3, 2))
    on = True  # from now on it is trained, and decayed as all others are
    next(steps)
    once = idle.detach().clone()
    assert not torch.equal(once, torch.ones(3, 2))
    captured, on = copy.deepcopy(trainer.capture()), False
    next(steps)
    assert not torch.equal(idle, once)
    expected = idle.detach().clone()
    with torch.no_grad():  # after a restart as well
        idle.copy_(once)
    again = made()
    again.restore(captured)
    next(again.steps())
    assert torch.allclose(idle, expected)


def test_a_trainer_refuses_what_cannot_be_trained(tiny, scene, dataset_of):
    scenes = SceneStates(dataset_of(scene), tiny)
    with pytest.raises(ProtocolError, match="no training scene has an evaluated pixel"):
        Trainer(tiny, scenes, {0: []}, SETTINGS, PaperRobot())
    tiny.trainable = lambda: {"scale": tiny.scale}
    with pytest.raises(ContractError, match=r"\['scale'\] require no gradient"):
        Trainer(tiny, scenes, {0: [1]}, SETTINGS, PaperRobot())
    tiny.trainable = dict
    with pytest.raises(ContractError, match="no trainable parameter"):
        Trainer(tiny, scenes, {0: [1]}, SETTINGS, PaperRobot())


@pytest.mark.parametrize("order", ["scene", "mixed"])
@pytest.mark.parametrize("objects", [1, 2])
def test_an_epoch_takes_every_class_of_every_scene_once(tiny, order, objects, dataset_of):
    samples = {0: [1, 2, 3], 4: [2], 7: [1, 3, 5, 6, 8]}
    chosen = replace(SETTINGS, order=order, objects=objects, seed=5)
    trainer = Trainer(tiny, SceneStates(dataset_of(), tiny), samples, chosen, PaperRobot())
    epochs = [trainer._plan(epoch) for epoch in range(3)]
    for plan in epochs:
        assert len(plan) == trainer.per_epoch
        assert all(1 <= len(labels) <= objects for _, labels in plan)
        taken = sorted((index, label) for index, labels in plan for label in labels)
        assert taken == sorted((i, label) for i, labels in samples.items() for label in labels)
        if order == "scene":
            runs = [i for n, (i, _) in enumerate(plan) if n == 0 or plan[n - 1][0] != i]
            assert len(runs) == len(samples)
    assert epochs[0] != epochs[1]
    assert trainer._plan(1) == epochs[1]
    few = replace(chosen, classes_per_scene=2)
    trainer = Trainer(tiny, SceneStates(dataset_of(), tiny), samples, few, PaperRobot())
    assert sum(len(labels) for _, labels in trainer._plan(0)) == 5


def test_every_epoch_clicks_elsewhere_and_again_in_the_same_places(tiny, scene, dataset_of):
    def clicked(seed=0):
        """The first click on each class, epoch by epoch."""
        chosen = replace(SETTINGS, clicks=1, epochs=3, lr=1e-9, seed=seed)
        trainer = Trainer(
            tiny, SceneStates(dataset_of(scene), tiny), {0: [1, 2, 3]}, chosen, RandomRobot()
        )
        logits, found = type(tiny).logits, [{} for _ in range(3)]

        def noted(state, prompts):
            for label, clicks in zip(labels, prompts, strict=True):
                found[epoch][label] = tuple(clicks)
            return logits(tiny, state, prompts)

        tiny.logits = noted
        plans = [(epoch, labels) for epoch in range(3) for _, labels in trainer._plan(epoch)]
        steps = trainer.steps()
        for epoch, labels in plans:  # noqa: B007 (`noted` reads them)
            next(steps)
        return found

    first, second, third = clicked()
    assert set(first) == {1, 2, 3}
    for label in (1, 2, 3):  # whatever the order of the classes in an epoch
        assert len({first[label], second[label], third[label]}) > 1
    assert clicked() == [first, second, third]
    assert clicked(seed=1) != [first, second, third]
