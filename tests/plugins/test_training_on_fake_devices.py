"""Whole training steps on a device that is not there: robot, loss, gradient, optimiser."""

import copy

import numpy as np
import pytest
from hsizoo_medsam import medsam_adapter
from hsizoo_medsam.medsam_adapter import MedSamAdapter
from hsizoo_medsam.sam import Vit
from hsizoo_sam2.sam21_ft import Sam21FineTuned
from hsizoo_samsa.samsa import Samsa
from hsizoo_samsa.samsa2 import Samsa2

import hsizoo
from hsizoo.engine.embeddings import EmbeddingCache
from hsizoo.protocols.interactive.robots import PaperRobot
from hsizoo.training import SceneStates, Trainer, TrainingSettings
from hsizoo.zoo.factory import resolve

NANO = {"size": "nano", "checkpoint": "random"}
EVERY = {
    "sam2.1-nano-ft": lambda **more: Sam21FineTuned(**NANO, **more),
    "samsa-nano": lambda **more: Samsa(**NANO, **more),
    "samsa2-nano": lambda **more: Samsa2(**NANO, **more),
    "samsa2-nano:injection=concat4": lambda **more: Samsa2(**NANO, injection="concat4", **more),
    "medsam-adapter": lambda **more: MedSamAdapter(checkpoint="random", image_size=64, **more),
}


@pytest.fixture(autouse=True)
def _apart(monkeypatch):
    """Nothing that has no values may be kept for others."""
    fresh = EmbeddingCache()
    monkeypatch.setattr("hsizoo_sam2.sam21.embedding_cache", lambda: fresh)
    monkeypatch.setattr(
        medsam_adapter, "VIT_B", Vit(width=96, depth=2, heads=4, global_blocks=(1,))
    )


class OneScene:
    """A dataset of one small scene with two classes."""

    def scene(self, index):
        labels = np.zeros((12, 16), dtype=int)
        labels[2:8, 3:9], labels[9:, 10:] = 1, 2
        cube = hsizoo.HyperCube(np.random.default_rng(0).random((12, 16, 6)))
        return hsizoo.Scene(cube, hsizoo.LabelMap(labels, {1: "one", 2: "two"}, ignore=[0]), "a")


def move(model, device, to_fake_device):
    """Put a component on a fake device, as if it had been built there."""
    if isinstance(model, MedSamAdapter):
        to_fake_device(model._model, device)
        model._adopt(model._model)
        return
    to_fake_device(model.network, device)
    if isinstance(model, Samsa):
        to_fake_device(model.fusion, device)
    if isinstance(model, Samsa | Samsa2):
        model.similarity._device = device
        model.similarity._segmenter = resolve("sa-eq", "segmenter").build(device)


@pytest.mark.usefixtures("values_are_made_up")
@pytest.mark.parametrize(
    ("device", "precision", "name"),
    [
        *(("meta", "float32", name) for name in EVERY if name != "medsam-adapter"),
        ("cuda", "bfloat16", "sam2.1-nano-ft"),
        ("cuda", "bfloat16", "samsa-nano"),
        ("cuda", "bfloat16", "medsam-adapter"),
        ("cuda", "float16", "samsa2-nano"),
    ],
)
def test_a_step_stays_on_the_device(
    name, device, precision, fake_mode, to_fake_device, backward_is_made_up
):
    model = EVERY[name](**{} if precision == "float32" else {"precision": "bfloat16"})
    if hasattr(model, "network"):
        model.network = copy.deepcopy(model.network)  # its encoder is shared
    with fake_mode, backward_is_made_up(device):
        move(model, device, to_fake_device)
        settings = TrainingSettings(clicks=2, objects=2, precision=precision)
        scenes = SceneStates(OneScene(), model)
        trainer = Trainer(
            model,
            scenes,
            {0: [1, 2]},
            settings,
            PaperRobot(),
            sets_precision=precision != "float16",
        )
        done = next(trainer.steps())
        assert (done.step, set(done.classes)) == (1, {"one", "two"})
        # Only what had a gradient has moments.
        moments = [each["exp_avg"] for each in trainer._optimizer.state.values()]
        assert len(moments) > 0.6 * len(model.trainable())
        assert {each.device.type for each in moments} == {device}
        assert {each.device.type for each in model.trainable().values()} == {device}
        model.train(False)
        _, state = scenes.get(0)
        assert model.predict(state, [hsizoo.Clicks([(1, 2)])]).device.type == device
