"""Trainings notice what their files hold."""

import os
from pathlib import Path

import pytest

import hsizoo
from hsizoo.errors import DataError
from hsizoo.training.run import TrainEvents

QUICK = {"epochs": 1, "clicks": 1, "lr": 0.01}


def replace_unseen(path, content):
    """Replace a file by one of equal size, and set its times back."""
    about = path.stat()
    assert len(content) == about.st_size
    path.write_bytes(content)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


class TestFilesThatChange:
    def test_a_cube_replaced_at_equal_size_and_time_is_trained_on_anew(self, zoo, put_cubes):
        cubes = put_cubes()
        first = hsizoo.train("tiny", cubes, device="cpu", **QUICK)
        assert hsizoo.train("tiny", cubes, device="cpu", **QUICK).trained_before
        replace_unseen(Path(cubes, "a.npz"), Path(cubes, "c.npz").read_bytes())
        second = hsizoo.train("tiny", cubes, device="cpu", **QUICK)
        assert not second.trained_before
        assert second.folder != first.folder
        versions = [each.card["dataset"]["data_version"] for each in (first, second)]
        assert versions[0] != versions[1]

    def test_a_cube_that_is_only_tested_on_changes_no_training(self, zoo, put_cubes):
        cubes = put_cubes()
        hsizoo.train("tiny", cubes, device="cpu", **QUICK)
        replace_unseen(Path(cubes, "c.npz"), Path(cubes, "a.npz").read_bytes())  # split = "test"
        assert hsizoo.train("tiny", cubes, device="cpu", **QUICK).trained_before

    def test_a_cube_that_changes_during_a_training_ends_it_before_it_is_saved(
        self, zoo, put_cubes
    ):
        cubes = Path(put_cubes())
        old = {path: path.read_bytes() for path in cubes.glob("*.npz")}
        whole = hsizoo.train("tiny", f"{cubes}/", out="whole", device="cpu", publish=False, **QUICK)
        steps = []

        def stepped(step):
            steps.append(step.step)
            if step.step == 2:  # after the checkpoint of step 1
                replace_unseen(cubes / "a.npz", old[cubes / "b.npz"])

        how = {"out": "cut", "device": "cpu", "publish": False, "checkpoint_steps": 1, **QUICK}
        with pytest.raises(DataError, match=r"a\.npz changed during the training"):
            hsizoo.train("tiny", f"{cubes}/", events=TrainEvents(stepped=stepped), **how)
        assert max(steps) == 2
        replace_unseen(cubes / "a.npz", old[cubes / "a.npz"])
        again = []
        events = TrainEvents(planned=lambda done, total: again.append(done))
        cut = hsizoo.train("tiny", f"{cubes}/", events=events, **how)
        assert again == [1]
        assert cut.card["digest"] == whole.card["digest"]
