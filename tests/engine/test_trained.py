"""Weights files, cards and checkpoints: found again, or refused."""

import hashlib
import json
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from safetensors.torch import save_file

from hsizoo.engine.trained import TrainingFolder, find_weights, open_weights, publish
from hsizoo.errors import DataError, StoreError

NAME = "zoo/net"
OPTIONS = {"size": "small", "fast": False}
CARD = {
    "component": NAME,
    "options": OPTIONS,
    "frozen_digest": "f" * 64,
    "finished": "2026-01-01T00:00:00+00:00",
}


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path / "home"))


def tensors(value=1.0):
    return {"b": torch.full((2, 3), value), "a": torch.arange(4).float()}


def make(tmp_path, name="run", value=1.0, **card):
    folder = TrainingFolder(tmp_path / name)
    with folder:
        folder.save_result(tensors(value), {**CARD, **card})
    return publish(folder.folder, card.get("component", NAME), name)


def test_published_weights_are_found_and_loaded(tmp_path):
    made = make(tmp_path)
    found = find_weights(NAME, OPTIONS)
    assert found.path == made.path
    assert found.digest == hashlib.sha256(found.path.read_bytes()).hexdigest()
    loaded = found.check(NAME, OPTIONS).load("f" * 64)
    assert all(torch.equal(loaded[key], value) for key, value in tensors().items())


def test_the_newest_of_the_same_options_is_found(tmp_path):
    make(tmp_path, "old")
    newest = make(tmp_path, "new", finished="2026-01-03T00:00:00+00:00")
    make(tmp_path, "middle", finished="2026-01-02T00:00:00+00:00")
    make(tmp_path, "other", options={**OPTIONS, "size": "large"}, finished="2027")
    assert find_weights(NAME, OPTIONS).path == newest.path
    assert find_weights(NAME, {**OPTIONS, "fast": True}) is None
    assert find_weights(NAME, {**OPTIONS, "fast": True}, {"fast"}).path == newest.path
    assert find_weights(NAME, {"size": "small"}) is None
    assert find_weights("zoo/other", OPTIONS) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 99}'])
def test_a_card_that_is_none_is_passed_over(tmp_path, content):
    made = make(tmp_path)
    made.path.with_name("card.json").write_text(content)
    assert find_weights(NAME, OPTIONS) is None


def test_weights_go_with_their_component_options_and_frozen_part_only(tmp_path):
    made = make(tmp_path)
    with pytest.raises(DataError, match="was trained for zoo/net, not for zoo/other"):
        made.check("zoo/other", OPTIONS)
    with pytest.raises(DataError, match=r"size=small \(here large\)"):
        made.check(NAME, {**OPTIONS, "size": "large"})
    with pytest.raises(DataError, match=r"another frozen part.*weights=none"):
        made.load("0" * 64)


def test_weights_of_another_version_of_the_component_are_not_used(tmp_path):
    old = make(tmp_path, "old", version="1", finished="2026-02-01")
    new = make(tmp_path, "new", version="2")
    assert find_weights(NAME, OPTIONS, version="2").path == new.path
    assert find_weights(NAME, OPTIONS, version="3") is None
    assert find_weights(NAME, OPTIONS).path == old.path
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(old.path.read_bytes())
    for path in (old.path, alone):
        opened = open_weights(path)
        assert opened.check(NAME, OPTIONS, version="1") is opened
        with pytest.raises(DataError, match=r"version 1 of zoo/net, which is now at version 2"):
            opened.check(NAME, OPTIONS, version="2")
    silent = make(tmp_path, "silent", finished="2027")  # as cards of foreign makers may be
    assert find_weights(NAME, OPTIONS, version="2").path == silent.path


def test_two_that_publish_under_one_name_do_not_mix(tmp_path, monkeypatch):
    make(tmp_path, "one", value=1.0)
    make(tmp_path, "two", value=2.0)
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
        one = pool.submit(publish, tmp_path / "one", NAME, "same")
        assert has_weights.wait(10)
        two = publish(tmp_path / "two", NAME, "same")
    assert one.result().digest != two.digest
    assert torch.equal(open_weights(two.path).load("f" * 64)["b"], tensors(2.0)["b"])


def test_damaged_weights_are_refused(tmp_path):
    made = make(tmp_path)
    made.path.write_bytes(made.path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(DataError, match="has changed or is damaged"):
        find_weights(NAME, OPTIONS).load("f" * 64)


def test_weights_without_a_card_say_what_they_are(tmp_path):
    made = make(tmp_path)
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(made.path.read_bytes())
    opened = open_weights(alone)
    assert opened.digest == made.digest
    assert opened.check(NAME, OPTIONS).load("f" * 64).keys() == tensors().keys()
    assert open_weights(made.path.parent).card == open_weights(made.path).card == made.card
    assert open_weights(made.path.with_name("card.json")).digest == made.digest


def test_weights_of_strangers_are_refused(tmp_path):
    save_file(tensors(), tmp_path / "stranger.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights")
    for name in ("stranger", "text"):
        with pytest.raises(DataError, match="does not say what it was trained for"):
            open_weights(tmp_path / f"{name}.safetensors")
    with pytest.raises(DataError, match="no such file or folder"):
        open_weights(tmp_path / "nowhere")


def test_the_same_weights_make_the_same_file(tmp_path):
    shared = tensors()
    tied = {**shared, "c": shared["b"], "view": shared["a"][::2]}
    digests = []
    for name in ("one", "two"):
        with TrainingFolder(tmp_path / name) as folder:
            folder.save_result(tied, CARD)
            digests.append(folder.result()["digest"])
    assert digests[0] == digests[1]


def checkpoint(folder, step, *, is_best=False):
    state = {"step": step, "moments": [torch.full((2,), float(step))], "rng": torch.get_rng_state()}
    folder.save_checkpoint(tensors(step), state, {"step": step}, is_best=is_best)


def test_the_last_checkpoint_and_the_best_weights_are_kept(tmp_path):
    with TrainingFolder(tmp_path / "run") as folder:
        assert folder.load_checkpoint() is None
        for step in range(1, 6):
            checkpoint(folder, step, is_best=step in (1, 3))
        found = folder.load_checkpoint()
        names = sorted(path.name for path in folder.cells.iterdir())
    assert names == ["5.pt", "5.safetensors", "best-3.safetensors", "checkpoint.json"]
    assert (found.about["step"], found.state["step"]) == (5, 5)
    assert torch.equal(found.weights["b"], tensors(5)["b"])
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
            with pytest.raises(StoreError, match="begin anew with --fresh"):
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
        with folder.log.open("a") as file:
            file.write('{"kind": "step", "st')  # the writer was killed
        folder.trim_log(3)
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
            folder.trim_log(2)
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
