"""Several trainings, side by side or not; and what is noticed of their files."""

import os
from pathlib import Path

import pytest

import hsizoo
from hsizoo.engine.executors import Executor, LocalExecutor, Outcome
from hsizoo.errors import DataError, OptionError, ProtocolError
from hsizoo.runs.trainings import TrainingsEvents
from hsizoo.training.run import TrainEvents

DATA = (
    "phantom:height=32,width=32,bands=12,train_subjects=2,val_subjects=1,test_subjects=1,"
    "scenes_per_subject=1"
)
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

    def test_a_cube_that_changes_during_a_training_ends_it_before_it_is_saved(self, zoo, put_cubes):
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


def digests(found):
    return [each.card["digest"] for each in found.values()]


class TestSeveral:
    def test_an_executor_makes_what_single_trainings_make(self, zoo):
        """And what a single training has made is not made again."""
        single = [hsizoo.train("tiny", DATA, device="cpu", seed=n, **QUICK) for n in (0, 1)]
        heard = []
        events = TrainingsEvents(
            trained=lambda *about: heard.append(about),
            progress=lambda what, done, total: heard.append((what, done, total)),
        )
        how = {"device": "cpu", "executor": LocalExecutor(), "events": events, **QUICK}
        assert digests(hsizoo.train_several("tiny", DATA, seeds=2, **how)) == [
            each.card["digest"] for each in single
        ]
        assert heard == []
        fresh = hsizoo.train_several("tiny", DATA, seeds=2, fresh=True, **how)
        assert digests(fresh) == [each.card["digest"] for each in single]
        assert [number for what, number, total in heard if total == 2] == [1, 2]
        assert len(heard) > 4
        assert [each.folder for each in fresh.values()] == [each.folder for each in single]
        assert [each.is_newest for each in fresh.values()].count(True) >= 1  # it is published

    def test_every_fold_with_every_seed(self, zoo, put_cubes):
        cubes = put_cubes(split=False)
        found = hsizoo.train_several(
            "tiny", cubes, seeds=[0, 3], folds=3, out="folds", device="cpu", **QUICK
        )
        assert [(each.seed, each.settings["fold"]) for each in found] == [
            (0, 0), (3, 0), (0, 1), (3, 1), (0, 2), (3, 2),
        ]  # fmt: skip
        held_out = [each.card["scenes"]["held_out"] for each in found.values()]
        assert sorted(name for names in held_out for name in names) == sorted("aabbcc")
        assert len({*digests(found)}) == 6
        assert len({each.folder for each in found.values()}) == 6
        assert {each.folder.parent for each in found.values()} == {Path("folds")}
        one = hsizoo.train_several(
            "tiny", cubes, folds=3, fold=1, out="folds", device="cpu", **QUICK
        )
        (again,) = one.values()
        assert again.trained_before

    def test_one_that_fails_does_not_end_the_others(self, zoo):
        class Dying(Executor):
            def run(self, cells, work, on_progress):
                error = {"type": "WorkerDied", "message": "gone", "where": "", "traceback": ""}
                yield Outcome(cells[0], None, error, 0.0)
                yield from LocalExecutor().run(cells[1:], work, on_progress)

        failed = []
        events = TrainingsEvents(failed=lambda what, error: failed.append(what))
        how = {"seeds": 2, "device": "cpu", "publish": False, **QUICK}
        found = hsizoo.train_several("tiny", DATA, executor=Dying(), events=events, **how)
        first, second = found.values()
        assert (first["type"], first["message"]) == ("WorkerDied", "training failed: gone")
        assert second.card["seed"] == 1
        assert len(failed) == 1
        assert failed[0].startswith(f"tiny on {DATA}, seed 0")
        found = hsizoo.train_several("tiny", DATA, **how)
        assert [each.trained_before for each in found.values()] == [False, True]

    @pytest.mark.parametrize(
        ("component", "how", "error", "message"),
        [
            ("sa", {}, ProtocolError, "nothing to train"),
            ("tiny", {"seeds": []}, OptionError, "at least one"),
            ("tiny", {"folds": 9}, ProtocolError, "9 folds need at least 9 subjects"),
            ("tiny", {"folds": 3, "fold": 3}, OptionError, "fold below folds"),
            ("tiny", {"jobs": 0}, OptionError, "jobs must be at least 1"),
            ("tiny", {"learning_rate": 1}, OptionError, "no option 'learning_rate'"),
        ],
    )
    def test_mistakes_are_found_before_the_first_begins(self, zoo, component, how, error, message):
        with pytest.raises(error, match=message):
            hsizoo.train_several(component, DATA, device="cpu", **how)
        assert not Path("hsizoo-runs").exists()
