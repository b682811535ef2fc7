"""A training that would change nothing, or be ignored, is refused at its start."""

import copy

import numpy as np
import pytest
import torch

from hsizoo.errors import ContractError
from hsizoo.training.verifying import verify_step


def broken(tiny, **methods):
    """The same segmenter with other methods."""
    tiny.__class__ = type("Broken", (type(tiny),), methods)
    return tiny


def copies(self):
    return {
        name: torch.nn.Parameter(each.detach().clone())
        for name, each in self.net.named_parameters()
    }


def first_state(self):
    if not hasattr(self, "first"):
        self.first = copy.deepcopy(self.net.state_dict())
    return {name: each.clone() for name, each in self.first.items()}


def with_logits_only(self):
    """The parameters of a network that `logits` adds and `predict` does not have."""
    return {"shift": self.shift}


class Shifted:
    def logits(self, state, prompts):
        return type(self).__mro__[1].logits(self, state, prompts) + self.shift

    def predict(self, state, prompts):
        return type(self).__mro__[1].logits(self, state, prompts).sigmoid()

    def state_dict(self):
        return {"shift": self.shift}

    def load_state_dict(self, state):
        self.shift.data.copy_(state["shift"])


def verify(segmenter, scene):
    verify_step(segmenter, scene, segmenter.open(scene.cube))


def test_a_good_segmenter_passes_and_is_as_before(tiny, scene):
    before = copy.deepcopy(tiny.state_dict())
    verify(tiny, scene)
    assert all(torch.equal(each, before[name]) for name, each in tiny.state_dict().items())
    assert not tiny.net.training


def test_running_means_are_restored_too(tiny, scene):
    tiny.net.insert(1, Averaging())
    before = copy.deepcopy(tiny.state_dict())
    verify(tiny, scene)
    assert all(torch.equal(each, before[name]) for name, each in tiny.state_dict().items())


class Averaging(torch.nn.Module):
    """Changes in training mode, whatever is trained."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, values):
        if self.training:
            self.mean.copy_(values.detach().mean())
        return values - self.mean


@pytest.mark.parametrize("averaging", [False, True])
def test_copies_of_the_parameters_are_refused(tiny, scene, averaging):
    if averaging:
        tiny.net.insert(1, Averaging())
    with pytest.raises(ContractError, match=r"no gradient for any of the 4 parameters .* not cop"):
        verify(broken(tiny, trainable=copies), scene)


def test_a_state_that_stays_is_refused(tiny, scene):
    with pytest.raises(ContractError, match=r"leaves state_dict\(\) as it was"):
        verify(broken(tiny, state_dict=first_state), scene)


def test_a_state_that_is_not_loaded_is_refused(tiny, scene):
    ignoring = broken(tiny, load_state_dict=lambda self, state: None)
    with pytest.raises(ContractError, match="load_state_dict does not restore"):
        verify(ignoring, scene)


def test_a_prediction_that_is_not_the_sigmoid_is_refused(tiny, scene):
    def predict(self, state, prompts):
        with torch.no_grad():
            return (3 * self.logits(state, prompts)).sigmoid()

    with pytest.raises(ContractError, match="from the sigmoid of logits"):
        verify(broken(tiny, predict=predict), scene)


def test_a_prediction_without_what_is_trained_is_refused(tiny, scene):
    methods = {name: each for name, each in vars(Shifted).items() if not name.startswith("__")}
    shifted = broken(tiny, trainable=with_logits_only, **methods)
    shifted.shift = torch.nn.Parameter(torch.zeros(()))
    with pytest.raises(ContractError, match="leaves predict as it was"):
        verify(shifted, scene)


def test_dropout_that_is_left_on_is_refused(tiny, scene):
    tiny.net.append(torch.nn.Dropout(0.5))
    with pytest.raises(ContractError, match=r"differ by .* after train"):
        verify(broken(tiny, train=lambda self, mode=True: self.net.train(True)), scene)


def test_what_is_not_finite_is_left_to_the_training(tiny, scene):
    tiny.net[0].weight.data[:] = np.nan
    verify(tiny, scene)
