"""Weights files and their cards: found again, or refused."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file

from hsizoo.errors import DataError
from hsizoo.training.folder import package
from hsizoo.weights.trained import find_weights, open_weights


def test_published_weights_are_found_and_loaded(results):
    made = results.make()
    found = find_weights(results.name, results.options)
    assert found.path == made.path
    assert found.digest == hashlib.sha256(found.path.read_bytes()).hexdigest()
    loaded = found.check(results.name, results.options).load("f" * 64)
    assert all(torch.equal(loaded[key], value) for key, value in results.tensors().items())


def test_the_newest_of_the_same_options_is_found(results):
    results.make("old")
    newest = results.make("new", finished="2026-01-03T00:00:00+00:00")
    results.make("middle", finished="2026-01-02T00:00:00+00:00")
    results.make("other", options={**results.options, "size": "large"}, finished="2027")
    assert find_weights(results.name, results.options).path == newest.path
    assert find_weights(results.name, {**results.options, "fast": True}) is None
    found = find_weights(results.name, {**results.options, "fast": True}, {"fast"})
    assert found.path == newest.path
    assert find_weights(results.name, {"size": "small"}) is None
    assert find_weights("zoo/other", results.options) is None


def on(dataset, finished="2026", **options):
    about = {"component": f"hsizoo/{dataset}", "options": options}
    return {"dataset": about, "finished": finished}


def test_the_nearest_then_ours_then_the_newest_are_found(results, tmp_path):
    """Each is better than all before it."""
    packaged = tmp_path / "plugin" / "weights"
    wanted = on("field", size=8)["dataset"]

    def best(dataset=wanted):
        found = find_weights(results.name, results.options, dataset=dataset, packaged=packaged)
        return found.path.parent

    package(results.finish(**on("heath", "2030")), packaged)
    assert best() == best(None) == packaged
    elsewhere = results.make("elsewhere", **on("heath", "2026-01"))
    assert best() == best(None) == elsewhere.path.parent
    newer = results.make("newer", **on("moor", "2026-02"))
    assert best() == best(None) == newer.path.parent
    variant = results.make("variant", **on("field", "2025", size=4))
    assert best() == variant.path.parent
    package(results.finish(**on("field", "2024", size=8)), packaged)
    assert best() == packaged
    exact = results.make("exact", **on("field", "2023", size=8))
    assert best() == exact.path.parent
    assert best(None) == newer.path.parent  # where no dataset is known


def test_packaged_weights_are_checked_as_others_are(results, tmp_path):
    packaged = tmp_path / "plugin"
    assert find_weights(results.name, results.options, packaged=packaged) is None  # not there yet
    package(results.finish(version="1"), packaged)
    found = find_weights(results.name, results.options, packaged=packaged, version="1")
    assert found.path.parent == packaged
    assert find_weights(results.name, results.options, packaged=packaged, version="2") is None
    assert find_weights(results.name, {"size": "large"}, packaged=packaged) is None
    assert find_weights("zoo/other", results.options, packaged=packaged) is None
    (packaged / "weights.safetensors").unlink()
    assert find_weights(results.name, results.options, packaged=packaged) is None


@pytest.mark.parametrize("content", ["{}", '{"format": 99}'])
def test_a_card_of_another_version_of_hsizoo_is_passed_over(results, content):
    results.make().path.with_name("card.json").write_text(content)
    assert find_weights(results.name, results.options) is None


@pytest.mark.parametrize(
    "content",
    ["", "[]", "[" * 10_000, "7" * 5000, '{"dataset": [1]}', '{"digest": 1}', '{"component": {}}',
     '{"frozen_digest": null}', '{"epochs": 1e400}'],
)  # fmt: skip
def test_a_damaged_card_is_an_error_since_other_weights_would_make_other_figures(results, content):
    results.make("older", finished="2025")
    card = results.make().path.with_name("card.json")
    if content.startswith('{"'):
        whole = json.loads(card.read_text())
        del whole["seal"]  # of a card that has none, as those of earlier versions
        content = json.dumps({**whole, **json.loads(content)}).replace("Infinity", "1e400")
    card.write_text(content)
    with pytest.raises(DataError, match=r"the card of trained weights is damaged: .*weights=none"):
        find_weights(results.name, results.options)
    with pytest.raises(DataError, match=f"{card}"):
        open_weights(card.parent)


def test_a_digit_of_a_card_is_not_changed_in_silence(results):
    card = results.make(subjects={"train": ["pig 1"]}).path.with_name("card.json")
    whole = card.read_bytes()
    card.write_bytes(whole.replace(b"\n", b"\r\n") + b"\r\n")  # as some tools copy texts
    assert find_weights(results.name, results.options).card["subjects"] == {"train": ["pig 1"]}
    card.write_bytes(whole.replace(b"pig 1", b"pig 2"))
    with pytest.raises(DataError, match="its seal does not fit its content"):
        find_weights(results.name, results.options)


def test_weights_go_with_their_component_options_and_frozen_part_only(results):
    made = results.make()
    with pytest.raises(DataError, match="was trained for zoo/net, not for zoo/other"):
        made.check("zoo/other", results.options)
    with pytest.raises(DataError, match=r"size=small \(here large\)"):
        made.check(results.name, {**results.options, "size": "large"})
    with pytest.raises(DataError, match=r"another frozen part.*weights=none"):
        made.load("0" * 64)


def test_weights_of_another_version_of_the_component_are_not_used(results, tmp_path):
    old = results.make("old", version="1", finished="2026-02-01")
    new = results.make("new", version="2")
    assert find_weights(results.name, results.options, version="2").path == new.path
    assert find_weights(results.name, results.options, version="3") is None
    assert find_weights(results.name, results.options).path == old.path
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(old.path.read_bytes())
    for path in (old.path, alone):
        opened = open_weights(path)
        assert opened.check(results.name, results.options, version="1") is opened
        with pytest.raises(DataError, match=r"version 1 of zoo/net, which is now at version 2"):
            opened.check(results.name, results.options, version="2")
    silent = results.make("silent", finished="2027")  # as cards of foreign makers may be
    assert find_weights(results.name, results.options, version="2").path == silent.path


def test_damaged_weights_are_refused(results):
    made = results.make()
    made.path.write_bytes(made.path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(DataError, match="has changed or is damaged"):
        find_weights(results.name, results.options).load("f" * 64)


def test_weights_without_a_card_say_what_they_are(results, tmp_path):
    made = results.make()
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(made.path.read_bytes())
    opened = open_weights(alone)
    assert opened.digest == made.digest
    assert (
        opened.check(results.name, results.options).load("f" * 64).keys()
        == results.tensors().keys()
    )
    assert open_weights(made.path.parent).card == open_weights(made.path).card == made.card
    assert open_weights(made.path.with_name("card.json")).digest == made.digest


def test_a_file_on_its_own_says_what_it_was_trained_on(results, tmp_path):
    made = results.make(subjects={"train": ["eve"]}, **on("field"))
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(made.path.read_bytes())
    assert open_weights(alone).trained_on == made.trained_on == "hsizoo/field"
    assert open_weights(alone).card["subjects"] == {"train": ["eve"]}
    assert results.make("silent").trained_on == ""


def test_weights_of_strangers_are_refused(results, tmp_path):
    save_file(results.tensors(), tmp_path / "stranger.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights")
    for name in ("stranger", "text"):
        with pytest.raises(DataError, match="does not say what it was trained for"):
            open_weights(tmp_path / f"{name}.safetensors")
    with pytest.raises(DataError, match="no such file or folder"):
        open_weights(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"weights=.*cannot be read: File name too long"):
        open_weights(tmp_path / ("x" * 300))
