"""What tests of trained weights share."""

import pytest
import torch

from hsizoo.engine.training_folder import TrainingFolder, publish


class Results:
    """Makes results of trainings of one component in a folder."""

    def __init__(self, folder):
        self._folder = folder
        self.name = "zoo/net"
        self.options = {"size": "small", "fast": False}
        self.card = {
            "component": self.name,
            "options": self.options,
            "frozen_digest": "f" * 64,
            "finished": "2026-01-01T00:00:00+00:00",
        }

    @staticmethod
    def tensors(value=1.0):
        return {"b": torch.full((2, 3), value), "a": torch.arange(4).float()}

    def finish(self, name="run", value=1.0, **card):
        """A run folder with a result."""
        with TrainingFolder(self._folder / name) as folder:
            folder.save_result(self.tensors(value), {**self.card, **card})
        return folder.folder

    def make(self, name="run", value=1.0, **card):
        """A published result."""
        run = self.finish(name, value, **card)
        return publish(run, card.get("component", self.name), name)


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path)
