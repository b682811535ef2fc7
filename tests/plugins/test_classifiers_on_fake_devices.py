"""Networks on patches learn and classify on a device that is not there."""

import contextlib

import numpy as np
import pytest
import torch
from hsizoo_classifiers.patch_network import PatchNetwork

import hsizoo
from hsizoo.zoo.factory import import_target, resolve

OURS = [entry for entry in hsizoo.list_components("classifier") if entry.dist == "hsizoo"]
# What it learns from depends on values, which nothing here has.
LOOKS = ("sln-sni",)
EVERY = [
    entry.spec.name
    for entry in OURS
    if issubclass(import_target(entry), PatchNetwork) and entry.spec.name not in LOOKS
]


@pytest.fixture
def labelled():
    chance = np.random.default_rng(0)
    cube = hsizoo.HyperCube(chance.random((14, 15, 12), dtype=np.float32))
    labels = np.zeros((14, 15), dtype=int)
    labels[3, 2:8], labels[10, 4:9] = 1, 2
    return cube, hsizoo.LabelMap(labels, {1: "one", 2: "two"}, ignore=[0])


@pytest.fixture
def no_driver(monkeypatch, to_fake_device):
    """Where a GPU's driver would be asked, all is well."""
    monkeypatch.setattr(torch.random, "fork_rng", lambda *_, **__: contextlib.nullcontext())
    monkeypatch.setattr(torch, "manual_seed", lambda seed: None)

    def to(module, device=None, **layout):
        if device is not None:
            to_fake_device(module, device)
        return module

    monkeypatch.setattr(torch.nn.Module, "to", to)


@pytest.fixture
def fitted(labelled):
    """Fit and classify; whatever was left on another device raises on the way."""

    def fit(name, device):
        cube, labels = labelled
        classifier = resolve(name, "classifier", epochs=2).build(device)
        classifier.fit(cube, labels, rng=np.random.default_rng(0))
        _, net = classifier._learnt
        held = [*net.parameters(), *net.buffers()]
        assert {each.device.type for each in held} == {device}
        gradients = [each.grad for each in net.parameters() if each.grad is not None]
        assert len(gradients) > 0.8 * len(list(net.parameters()))
        assert {each.device.type for each in gradients} == {device}
        probability = classifier.predict_proba(cube)
        assert probability.device.type == device
        assert probability.shape == (2, 14, 15)

    return fit


def test_there_are_networks():
    assert "cnn2d" in EVERY


@pytest.mark.parametrize("name", EVERY)
def test_on_a_device_without_values(name, fitted):
    fitted(name, "meta")


@pytest.mark.usefixtures("values_are_made_up", "no_driver")
@pytest.mark.parametrize("name", EVERY)
def test_on_a_gpu_that_is_not_there(name, fitted, fake_mode, backward_is_made_up):
    with fake_mode, backward_is_made_up("cuda"):
        fitted(name, "cuda")
