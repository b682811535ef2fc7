"""Weights files and their cards: found again, or refused."""

import hashlib

import pytest
import torch
from safetensors.torch import save_file

from hsizoo.engine.trained import find_weights, open_weights
from hsizoo.engine.training_folder import TrainingFolder, package, publish
from hsizoo.errors import DataError

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


def finish(tmp_path, name="run", value=1.0, **card):
    """A run folder with a result."""
    with TrainingFolder(tmp_path / name) as folder:
        folder.save_result(tensors(value), {**CARD, **card})
    return folder.folder


def make(tmp_path, name="run", value=1.0, **card):
    """A published result."""
    run = finish(tmp_path, name, value, **card)
    return publish(run, card.get("component", NAME), name)


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


def on(dataset, finished="2026", **options):
    about = {"component": f"hsizoo/{dataset}", "options": options}
    return {"dataset": about, "finished": finished}


def test_the_nearest_then_ours_then_the_newest_are_found(tmp_path):
    """Each is better than all before it."""
    packaged = tmp_path / "plugin" / "weights"
    wanted = on("field", size=8)["dataset"]

    def best(dataset=wanted):
        return find_weights(NAME, OPTIONS, dataset=dataset, packaged=packaged).path.parent

    package(finish(tmp_path, **on("heath", "2030")), packaged)
    assert best() == best(None) == packaged
    elsewhere = make(tmp_path, "elsewhere", **on("heath", "2026-01"))
    assert best() == best(None) == elsewhere.path.parent
    newer = make(tmp_path, "newer", **on("moor", "2026-02"))
    assert best() == best(None) == newer.path.parent
    variant = make(tmp_path, "variant", **on("field", "2025", size=4))
    assert best() == variant.path.parent
    package(finish(tmp_path, **on("field", "2024", size=8)), packaged)
    assert best() == packaged
    exact = make(tmp_path, "exact", **on("field", "2023", size=8))
    assert best() == exact.path.parent
    assert best(None) == newer.path.parent  # where no dataset is known


def test_packaged_weights_are_checked_as_others_are(tmp_path):
    packaged = tmp_path / "plugin"
    assert find_weights(NAME, OPTIONS, packaged=packaged) is None  # not there yet
    package(finish(tmp_path, version="1"), packaged)
    assert find_weights(NAME, OPTIONS, packaged=packaged, version="1").path.parent == packaged
    assert find_weights(NAME, OPTIONS, packaged=packaged, version="2") is None
    assert find_weights(NAME, {"size": "large"}, packaged=packaged) is None
    assert find_weights("zoo/other", OPTIONS, packaged=packaged) is None
    (packaged / "weights.safetensors").unlink()
    assert find_weights(NAME, OPTIONS, packaged=packaged) is None


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


def test_a_file_on_its_own_says_what_it_was_trained_on(tmp_path):
    made = make(tmp_path, subjects={"train": ["eve"]}, **on("field"))
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(made.path.read_bytes())
    assert open_weights(alone).trained_on == made.trained_on == "hsizoo/field"
    assert open_weights(alone).card["subjects"] == {"train": ["eve"]}
    assert make(tmp_path, "silent").trained_on == ""


def test_weights_of_strangers_are_refused(tmp_path):
    save_file(tensors(), tmp_path / "stranger.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights")
    for name in ("stranger", "text"):
        with pytest.raises(DataError, match="does not say what it was trained for"):
            open_weights(tmp_path / f"{name}.safetensors")
    with pytest.raises(DataError, match="no such file or folder"):
        open_weights(tmp_path / "nowhere")
