"""The run folder of a training: checkpoints, log, result; and where the result goes."""

import hashlib
import json
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from safetensors.torch import load_file

from hsizoo.errors import DataError, StoreError
from hsizoo.training.folder import TrainingFolder, package, publish
from hsizoo.weights.trained import open_weights


def test_two_that_publish_under_one_name_do_not_mix(results, tmp_path, monkeypatch):
    results.make("one", value=1.0)
    results.make("two", value=2.0)
    write = TrainingFolder.write
    slow_card = (tmp_path / "one" / "card.json").read_bytes()
    has_weights = threading.Event()

    def slow(self, name, content):
        if content == slow_card:
            has_weights.set()
            time.sleep(0.3)  # time enough for the other to come in between
        return write(self, name, content)

    monkeypatch.setattr(TrainingFolder, "write", slow)
    with ThreadPoolExecutor() as pool:
        one = pool.submit(publish, tmp_path / "one", results.name, "same")
        assert has_weights.wait(180)
        two = publish(tmp_path / "two", results.name, "same")
    assert one.result().digest != two.digest
    assert torch.equal(open_weights(two.path).load("f" * 64)["b"], results.tensors(2.0)["b"])


def test_a_result_is_packaged_at_half_its_size(results, tmp_path):
    exact = {"w": torch.randn(50, 20), "count": torch.arange(3), "coarse": torch.ones(4).half()}
    with TrainingFolder(tmp_path / "run") as folder:
        folder.save_result(exact, {**results.card, "metrics": {"score": 0.5}})
    destination = tmp_path / "plugin" / "weights" / "net"
    for _ in range(2):  # what is there is replaced
        made = package(tmp_path / "run", destination)
    assert {path.name for path in destination.iterdir()} == {"weights.safetensors", "card.json"}
    stored = load_file(made.path)
    assert stored["w"].dtype == torch.bfloat16
    before = json.loads((tmp_path / "run" / "card.json").read_text())
    after = json.loads((destination / "card.json").read_text())
    assert after["digest"] == hashlib.sha256(made.path.read_bytes()).hexdigest()
    assert after == {
        **before, "digest": after["digest"], "stored": "bfloat16", "rounded_from": before["digest"],
        "seal": after["seal"],
    }  # fmt: skip
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(made.path.read_bytes())
    for opened in (open_weights(destination), open_weights(alone)):
        loaded = opened.check(results.name, results.options).load("f" * 64)
        assert {name: each.dtype for name, each in loaded.items()} == {
            name: each.dtype for name, each in exact.items()
        }
        assert torch.equal(loaded["w"], exact["w"].bfloat16().float())
        assert torch.equal(loaded["count"], exact["count"])
    with pytest.raises(DataError, match="is already packaged"):
        package(destination, tmp_path / "again")


def test_what_is_no_result_is_not_packaged(results, tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        package(tmp_path, tmp_path / "out")
    run = results.finish()
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        package(run, tmp_path / "file" / "out")
    (run / "card.json").unlink()
    with pytest.raises(DataError, match=r"has no card\.json"):
        package(run, tmp_path / "out")
    weights = results.finish() / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(DataError, match="damaged"):
        package(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_same_weights_make_the_same_file(results, tmp_path):
    shared = results.tensors()
    tied = {**shared, "c": shared["b"], "view": shared["a"][::2]}
    digests = []
    for name in ("one", "two"):
        with TrainingFolder(tmp_path / name) as folder:
            folder.save_result(tied, results.card)
            digests.append(folder.result()["digest"])
    assert digests[0] == digests[1]


def checkpoint(folder, step, *, is_best=False):
    state = {"step": step, "moments": [torch.full((2,), float(step))], "rng": torch.get_rng_state()}
    folder.save_checkpoint({"b": torch.full((2, 3), step)}, state, {"step": step}, is_best=is_best)


def test_the_last_checkpoint_and_the_best_weights_are_kept(tmp_path):
    with TrainingFolder(tmp_path / "run") as folder:
        assert folder.load_checkpoint() is None
        for step in range(1, 6):
            checkpoint(folder, step, is_best=step in (1, 3))
        found = folder.load_checkpoint()
        names = sorted(path.name for path in folder.cells.iterdir())
    assert names == ["5.pt", "5.safetensors", "best-3.safetensors", "checkpoint.json"]
    assert (found.about["step"], found.state["step"]) == (5, 5)
    assert torch.equal(found.weights["b"], torch.full((2, 3), 5))
    assert found.best.name == "best-3.safetensors"


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    with TrainingFolder(tmp_path / "run") as folder:
        checkpoint(folder, 1, is_best=True)
        write = folder.write
        for forbidden in ("2.safetensors", "2.pt", "checkpoint.json"):

            def fail(name, content, forbidden=forbidden):
                if name.endswith(f"/{forbidden}"):
                    raise StoreError("disk full")
                return write(name, content)

            monkeypatch.setattr(folder, "write", fail)
            with pytest.raises(StoreError):
                checkpoint(folder, 2)
            found = folder.load_checkpoint()
            assert (found.about["step"], found.best.name) == (1, "best-1.safetensors")


def test_a_damaged_checkpoint_is_an_error_that_says_what_to_do(tmp_path):
    with TrainingFolder(tmp_path / "run") as folder:
        checkpoint(folder, 1)
        for name in ("1.pt", "1.safetensors", "checkpoint.json"):
            whole = (folder.cells / name).read_bytes()
            (folder.cells / name).write_bytes(whole[: len(whole) // 2])
            with pytest.raises(
                StoreError, match=r"delete .* to start over, as `hsizoo train` does with --fresh"
            ):
                folder.load_checkpoint()
            (folder.cells / name).write_bytes(whole)
        folder.clear()
        assert folder.load_checkpoint() is None


def test_no_pickle_is_executed(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("executed",))

    with TrainingFolder(tmp_path / "run") as folder:
        checkpoint(folder, 1)
        torch.save({"evil": Evil()}, folder.cells / "1.pt")
        with pytest.raises(StoreError, match="cannot be read"):
            folder.load_checkpoint()


def test_the_log_forgets_what_will_be_done_again(tmp_path):
    with TrainingFolder(tmp_path / "run") as folder:
        folder.append({"kind": "step", "step": step} for step in range(1, 6))
        folder.append({"kind": "validation", "step": 3, "epoch": epoch} for epoch in (1, 2))
        with folder.log.open("a") as file:
            file.write('{"kind": "step", "st')  # the writer was killed
        folder.trim_log(3, [1])
        (validation,) = (line for line in folder.lines() if line["kind"] == "validation")
        assert validation["epoch"] == 1  # the other one is made again
        folder.trim_log(3, [])
        folder.append([{"kind": "step", "step": 4}])
        assert [line["step"] for line in folder.lines()] == [1, 2, 3, 4]
        assert [json.loads(line)["step"] for line in folder.log.read_text().splitlines()] == [
            1, 2, 3, 4,
        ]  # fmt: skip


def test_the_log_is_json_even_where_a_number_is_not_finite(tmp_path):
    def refuse(word):
        raise AssertionError(word)

    with TrainingFolder(tmp_path / "run") as folder:
        folder.log.write_text('{"kind": "step", "step": 1, "loss": NaN}\n')  # written before
        folder.append([{"step": 2, "grad_norm": math.inf, "more": {"a": (1.5, -math.inf)}}])
        for _ in range(2):
            text = folder.log.read_text().splitlines()
            folder.trim_log(2, [])
        lines = [json.loads(line, parse_constant=refuse) for line in text]
    assert lines == [
        {"kind": "step", "step": 1, "loss": None},
        {"step": 2, "grad_norm": None, "more": {"a": [1.5, None]}},
    ]


def test_one_training_at_a_time_in_a_folder(tmp_path):
    with (
        TrainingFolder(tmp_path / "run"),
        pytest.raises(StoreError, match="another run"),
        TrainingFolder(tmp_path / "run"),
    ):
        pass
