"""Training from end to end: the same weights whatever happens, and nothing run untrained."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import hsizoo
from hsizoo.documents import read_sealed
from hsizoo.errors import (
    ContractError,
    DataError,
    MissingRequirement,
    NameLookupError,
    OptionError,
    ProtocolError,
    StoreError,
)
from hsizoo.training import Trainer
from hsizoo.training.picture import training_png
from hsizoo.training.run import TrainEvents
from hsizoo.weights.trained import open_weights
from hsizoo.zoo.factory import resolve

PLUGIN = (Path(__file__).parents[1] / "fakes" / "trainable.py").read_text()
DATA = (
    "phantom:height=32,width=32,bands=12,train_subjects=3,val_subjects=1,test_subjects=1,"
    "scenes_per_subject=1"
)
QUICK = {"epochs": 2, "clicks": 2, "lr": 0.01}


@pytest.fixture
def tiny(fake_dist, tmp_path, monkeypatch):
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    fake_dist("tiny-zoo", "1.0", {"tiny_zoo": PLUGIN}, {"tiny": "tiny_zoo"})
    monkeypatch.setattr(
        "hsizoo.training.run.training_png", no_picture
    )  # it takes longer than training
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # such small tensors only wait for other threads
    yield tmp_path
    torch.set_num_threads(threads)


def no_picture(log, title):
    raise MissingRequirement("no matplotlib here")


class Stop(Exception):
    """Stands for whatever ends a process."""


def stop_after(step):
    def stepped(taken):
        if taken.step == step:
            raise Stop

    return TrainEvents(stepped=stepped)


def test_training_improves_dice_and_bench_uses_the_weights(tiny):
    before = hsizoo.bench(["tiny"], DATA, clicks=3, allow_untrained=True)
    result = hsizoo.train("tiny", DATA, epochs=5, clicks=3, lr=0.1)
    after = hsizoo.bench(["tiny"], DATA, clicks=3)
    assert before.table[0].component == "tiny (untrained)"
    assert after.table[0].component == "tiny"
    assert after.table[0]["auc"] > before.table[0]["auc"] + 0.2
    first, *_, last = result.card["validations"]
    assert last["score"] > 0.4
    assert result.card["metrics"]["score"] == max(v["score"] for v in result.card["validations"])
    assert first["epoch"] == 1
    assert last["epoch"] == 5


def test_the_card_says_what_the_weights_are_made_of(tiny):
    result = hsizoo.train("tiny:hidden=4", DATA, **QUICK, limit_subjects=2)
    card = read_sealed(result.card_path)
    assert card == result.card
    assert card["component"] == "tiny-zoo/tiny"
    assert card["options"] == {"hidden": 4, "dropout": 0.0, "speed": 1}
    assert len(card["subjects"]["train"]) == 2
    assert card["subjects"]["val"] == ["s04"]
    assert card["subjects"]["held_out"] == ["s05"]
    assert set(card["subjects"]["train"] + card["subjects"]["unused"]) == {"s01", "s02", "s03"}
    assert card["trainable_parameters"] == 4 * 3 + 4 + 4 + 1
    assert card["command"] == (
        f"hsizoo train tiny:hidden=4 --dataset {DATA} --set clicks=2 --set epochs=2 --set lr=0.01 "
        "--set limit_subjects=2"
    )
    assert str(tiny) not in json.dumps(card)
    log = [json.loads(line) for line in (result.folder / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log if line["kind"] == "step"] == list(
        range(1, log[-1]["step"] + 1)
    )
    assert [line["epoch"] for line in log if line["kind"] == "validation"] == [1, 2]
    assert not (result.folder / "curve.png").exists()
    assert {path.name for path in (result.folder / "checkpoints").glob("*.pt")} == {
        f"{log[-1]['step']}.pt"
    }


def test_one_seed_gives_one_result_and_another_seed_another(tiny):
    def weights(out, seed):
        return hsizoo.train("tiny-dropout", DATA, out=out, seed=seed, **QUICK).card["digest"]

    torch.manual_seed(1)
    first = weights("a", 3)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert weights("b", 3) == first
    assert torch.equal(torch.get_rng_state(), state)  # the caller's chance is left alone
    assert weights("c", 4) != first


@pytest.mark.parametrize("stops", [(1,), (9,), (7, 16), (20,)])
def test_a_stopped_training_ends_with_the_same_weights(tiny, stops):
    whole = hsizoo.train("tiny-dropout", DATA, out="whole", **QUICK)
    for step in stops:
        with pytest.raises(Stop):
            hsizoo.train(
                "tiny-dropout", DATA, out="cut", checkpoint_steps=4, **QUICK,
                events=stop_after(step),
            )  # fmt: skip
    again = []
    events = TrainEvents(planned=lambda done, total: again.append(done))
    cut = hsizoo.train("tiny-dropout", DATA, out="cut", checkpoint_steps=4, **QUICK, events=events)
    assert cut.card["digest"] == whole.card["digest"]
    # Only what came after the last checkpoint was done again.
    per_epoch = whole.card["validations"][0]["step"]
    kept = [n for n in range(stops[-1]) if n % 4 == 0 or n % per_epoch == 0]
    assert again == [max(kept)]
    assert lines("cut") == lines("whole")


def lines(folder):
    return [json.loads(line) for line in (Path(folder) / "log.jsonl").read_text().splitlines()]


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.usefixtures("hears_ctrl_c")
@pytest.mark.parametrize("presses", [(3,), (3, 4, 11), (24,)])
def test_ctrl_c_loses_no_step(tiny, presses):
    whole = hsizoo.train("tiny-dropout", DATA, out="whole", **QUICK)
    assert max(presses) <= lines("whole")[-1]["step"]
    begun, saved, said = [], [], []

    def stepped(step):
        if step.step in presses:
            os.kill(os.getpid(), signal.SIGINT)

    events = TrainEvents(
        planned=lambda done, total: begun.append(done),
        stepped=stepped,
        saved=saved.append,
        stopping=lambda: said.append(True),
    )
    for step in presses:
        with pytest.raises(KeyboardInterrupt):
            hsizoo.train("tiny-dropout", DATA, out="cut", **QUICK, events=events)
        assert saved[-1] == step
    cut = hsizoo.train("tiny-dropout", DATA, out="cut", **QUICK, events=events)
    assert begun == [0, *presses]
    assert len(said) == len(presses)
    assert cut.card["digest"] == whole.card["digest"]
    assert lines("cut") == lines("whole")


def test_a_validation_that_is_stopped_is_done_again(tiny, monkeypatch):
    whole = hsizoo.train("tiny-dropout", DATA, out="whole", **QUICK)
    real, calls = Trainer.validate, []

    def validate(self, indices):
        calls.append(self.done)
        if len(calls) < 3:
            torch.rand(1)  # chance that was spent in vain
            raise KeyboardInterrupt
        return real(self, indices)

    monkeypatch.setattr(Trainer, "validate", validate)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            hsizoo.train("tiny-dropout", DATA, out="cut", checkpoint_steps=10**6, **QUICK)
    cut = hsizoo.train("tiny-dropout", DATA, out="cut", **QUICK)
    epoch = whole.card["validations"][0]["step"]
    assert calls == [epoch] * 3 + [2 * epoch]
    assert cut.card["digest"] == whole.card["digest"]
    assert cut.card["validations"] == whole.card["validations"]
    assert lines("cut") == lines("whole")


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_killed_training_goes_on(tiny, run_killed):
    code = (
        "import torch, hsizoo\n"
        "torch.set_num_threads(1)\n"
        f"hsizoo.train('tiny-dropout', {DATA!r}, out='cut', epochs=200, clicks=2, lr=0.01,"
        " checkpoint_steps=2)"
    )
    # After two checkpoints, when the third is due.
    run_killed(code, "hsizoo.training.folder", "TrainingFolder", "save_checkpoint", 2)
    planned = []

    def note(done, total):
        planned.append(done)
        raise Stop

    with pytest.raises(Stop):
        hsizoo.train(
            "tiny-dropout", DATA, out="cut", epochs=200, clicks=2, lr=0.01,
            events=TrainEvents(planned=note),
        )  # fmt: skip
    assert planned == [4]
    log = [json.loads(line) for line in Path("cut/log.jsonl").read_text().splitlines()]
    assert max(line["step"] for line in log) == 4


def test_a_finished_training_is_not_repeated_and_finds_its_way_back(tiny, monkeypatch):
    first = hsizoo.train("tiny", DATA, **QUICK)
    again = hsizoo.train("tiny", DATA, **QUICK, events=stop_after(1))
    assert (again.trained_before, again.card) == (True, first.card)
    monkeypatch.setenv("HSIZOO_HOME", str(tiny / "elsewhere"))
    moved = hsizoo.train("tiny", DATA, **QUICK)
    assert moved.weights != first.weights
    assert moved.weights.read_bytes() == first.weights.read_bytes()
    assert not hsizoo.train("tiny", DATA, **QUICK, fresh=True).trained_before


def test_little_memory_changes_nothing_but_time(tiny):
    roomy = hsizoo.train("tiny", DATA, out="a", **QUICK)
    assert (
        hsizoo.train("tiny", DATA, out="b", state_memory=0, **QUICK).card["digest"]
        == (roomy.card["digest"])
    )


def test_labels_are_read_without_opening_a_scene(tiny, monkeypatch):
    resolve("tiny")
    opened, prepared = [], []
    kind = sys.modules["tiny_zoo"].Tiny
    real = kind.open
    monkeypatch.setattr(kind, "open", lambda self, cube: opened.append(1) or real(self, cube))
    events = stop_after(1)
    events.prepared = lambda done, total: prepared.append((done, len(opened)))
    with pytest.raises(Stop):
        hsizoo.train("tiny", DATA, **QUICK, events=events)
    assert prepared == [(1, 0), (2, 0), (3, 0)]
    assert len(opened) == 2  # for the verified step, and for the first one


def test_scenes_that_do_not_fit_into_memory_are_told_of_once(tiny, monkeypatch):
    told = []
    events = TrainEvents(warned=told.append)
    hsizoo.train("tiny", DATA, **QUICK, out="a", events=events)
    assert told == []
    hsizoo.train("tiny", DATA, **QUICK, out="b", state_memory=0, events=events)
    (text,) = told
    assert text.startswith(
        "the 4 opened scenes for training and validation take about 0.1 MiB each"
    )
    assert "HSIZOO_EMBEDDINGS=disk" in text
    assert "--state-memory" in text
    monkeypatch.setenv("HSIZOO_EMBEDDINGS", "disk")
    hsizoo.train("tiny", DATA, **QUICK, out="c", state_memory=0, events=events)
    assert len(told) == 1


def test_other_settings_do_not_go_on_with_a_checkpoint(tiny):
    with pytest.raises(Stop):
        hsizoo.train("tiny", DATA, out="run", **QUICK, checkpoint_steps=1, events=stop_after(3))
    refused = (
        r"^run holds a training with another component, dataset or settings \(key \w{16}; this "
        r"training has \w{16}\).  Choose another folder with --out, or delete this one; "
        r"`hsizoo train --fresh` replaces it$"  # which `hsizoo bench` does not have
    )
    with pytest.raises(StoreError, match=refused):
        hsizoo.train("tiny", DATA, out="run", **QUICK, seed=1)
    hsizoo.train("tiny", DATA, out="run", **QUICK, seed=1, fresh=True)
    with pytest.raises(StoreError, match=refused):
        hsizoo.train("tiny", DATA, out="run", **QUICK)


def test_loss_that_is_no_number_stops_the_training_and_keeps_the_checkpoint(tiny):
    with pytest.raises(ProtocolError, match=r"step 15 of \d+ .*learning rate.*nan.*lower --lr"):
        hsizoo.train("tiny-exploding", DATA, **QUICK, out="run", checkpoint_steps=4)
    about = json.loads(Path("run/checkpoints/checkpoint.json").read_text())["about"]
    assert about["step"] == 12
    kept = load_file("run/checkpoints/12.safetensors")
    assert all(torch.isfinite(each).all() for each in kept.values())


@pytest.mark.parametrize(
    ("component", "dataset", "settings", "error", "message"),
    [
        ("sa", DATA, {}, ProtocolError, "sa has nothing to train"),
        ("tiny", "indian-pines", {}, ProtocolError, "no training scenes.*several subjects"),
        ("tiny", DATA, {"folds": 9}, ProtocolError, "9 folds need at least 9 subjects"),
        ("tiny", DATA, {"limit_subjects": 4}, ProtocolError, "only 3 training subject"),
        ("tiny", DATA, {"epoch": 3}, OptionError, "no option 'epoch'. Did you mean 'epochs'"),
        ("tiny", DATA, {"lr": -1.0}, OptionError, "lr must be above 0"),
        ("tiny", DATA, {"robot": "ritn"}, NameLookupError, "Did you mean 'ritm'"),
        ("tiny", DATA, {"precision": "float16"}, OptionError, "float16 needs a GPU"),
        ("tiny:weights=nowhere", DATA, {}, DataError, "no such file or folder"),
        ("tiny-greedy", DATA, {}, ContractError, "declares the option 'weights'"),
    ],
)
def test_what_cannot_be_trained_is_said_at_once(tiny, component, dataset, settings, error, message):
    with pytest.raises(error, match=message):
        hsizoo.train(component, dataset, **{"device": "cpu", **settings})


def test_untrained_segmenters_are_refused_with_the_command_that_trains_them(tiny):
    with pytest.raises(ProtocolError, match=f"hsizoo train tiny --dataset {DATA}"):
        hsizoo.bench(["sa", "tiny"], DATA)
    assert not Path("hsizoo-runs").exists()
    # These need no training: one says so, the other comes with weights.
    result = hsizoo.bench(["tiny-frozen", "tiny-shipped"], DATA, clicks=1)
    assert [row.component for row in result.table] == ["tiny-frozen", "tiny-shipped"]
    with pytest.raises(ProtocolError, match="tiny-shipped:hidden=9 has not been trained"):
        hsizoo.bench(["tiny-shipped:hidden=9"], DATA, clicks=1)


def test_untrained_rows_are_marked_wherever_they_go(tiny):
    result = hsizoo.bench(["tiny", "sa"], DATA, clicks=1, allow_untrained=True)
    assert [row.component for row in result.table] == ["tiny (untrained)", "sa"]
    for name in ("table.csv", "samples.csv", "results.json"):
        assert "tiny (untrained)" in (result.folder / name).read_text()
    again = hsizoo.bench(["tiny"], DATA, clicks=1, allow_untrained=True)
    assert again.table[0].component == "tiny (untrained)"  # from the store, too


def test_weights_are_part_of_what_a_result_depends_on(tiny):
    name = "tiny"
    identities = [resolve(name, "segmenter").identity()]
    first = hsizoo.train(name, DATA, **QUICK)
    identities.append(resolve(name, "segmenter").identity())
    second = hsizoo.train(name, DATA, **QUICK, seed=1)
    identities.append(resolve(name, "segmenter").identity())
    assert [each["weights"] for each in identities] == [
        "untrained", first.card["digest"], second.card["digest"],
    ]  # fmt: skip
    assert resolve(f"{name}:weights=none").identity() == identities[0]
    assert resolve(f"{name}:weights={first.weights}").identity() == identities[1]
    assert resolve(f"{name}:weights={first.weights.parent}").identity() == identities[1]
    assert "weights" not in resolve("sa", "segmenter").identity()
    assert first.bench_command.startswith("hsizoo bench tiny --dataset")
    assert not hsizoo.train(name, DATA, **QUICK).is_newest


def test_created_segmenters_have_the_trained_weights(tiny):
    result = hsizoo.train("tiny", DATA, **QUICK)
    expected = load_file(result.weights)
    for name in ("tiny", "tiny:speed=3", f"tiny:weights={result.weights}"):
        made = hsizoo.create(name, device="cpu")
        assert all(torch.equal(expected[key], value) for key, value in made.state_dict().items())
    assert resolve("tiny:weights=none").weights is None
    assert resolve("tiny:hidden=9").weights is None


def test_a_second_training_starts_from_where_it_is_told(tiny):
    first = hsizoo.train("tiny", DATA, **QUICK)
    further = hsizoo.train(f"tiny:weights={first.weights}", DATA, **QUICK)
    assert further.card["starts_from"] == first.card["digest"]
    assert further.card["name"] == "tiny"
    afresh = hsizoo.train("tiny", DATA, **QUICK, out="again")
    assert afresh.card["digest"] == first.card["digest"]


def test_weights_of_another_component_are_refused(tiny):
    path = hsizoo.train("tiny", DATA, **QUICK).weights
    with pytest.raises(DataError, match="was trained for tiny-zoo/tiny, not for"):
        resolve(f"tiny-frozen:weights={path}")
    with pytest.raises(DataError, match=r"hidden=8 \(here 9\)"):
        resolve(f"tiny:hidden=9,weights={path}")


def test_folds_without_a_split_hold_subjects_out(tiny, monkeypatch):
    import hsizoo_datasets.phantom as phantom

    scenes = phantom.Phantom.scenes
    monkeypatch.setattr(
        phantom.Phantom,
        "scenes",
        lambda self: [hsizoo.SceneInfo(info.name, info.subject) for info in scenes(self)],
    )
    with pytest.raises(ProtocolError, match="--folds 5 --fold 0"):
        hsizoo.train("tiny", DATA, **QUICK)
    result = hsizoo.train("tiny", DATA, **QUICK, folds=5, fold=2)
    subjects = result.card["subjects"]
    assert [len(subjects[use]) for use in ("train", "val", "held_out")] == [3, 1, 1]
    assert result.bench_command.endswith(" --folds 5 --fold 2")
    benched = hsizoo.bench(["tiny"], DATA, folds=5, fold=2, clicks=1)
    assert {record["subject"] for record in benched.records} == set(subjects["held_out"])
    assert benched.table[0].component == "tiny"  # nobody has seen them


@pytest.mark.parametrize(
    ("splits", "settings", "expected"),
    [
        (("train", "val"), {"limit_subjects": 2}, " --split val"),
        # Some of val may have been trained on.
        (("train", "val"), {"folds": 2, "split_seed": 1}, " --folds 2 --fold 0 --split-seed 1"),
        (("train",), {"limit_subjects": 2}, None),
    ],
)
def test_bench_command_never_points_at_training_scenes(
    tiny, monkeypatch, splits, settings, expected
):
    import hsizoo_datasets.phantom as phantom

    scenes = phantom.Phantom.scenes
    monkeypatch.setattr(
        phantom.Phantom,
        "scenes",
        lambda self: [info for info in scenes(self) if info.split in splits],
    )
    result = hsizoo.train("tiny", DATA, epochs=1, clicks=1, **settings)
    command = result.bench_command
    if expected is None:
        assert command is None
        return
    assert expected in command
    how = {"split": "val"} if "folds" not in settings else settings
    tested = hsizoo.bench(["tiny"], DATA, clicks=1, **how).records
    scenes = {record["identity"]["scene"] for record in tested}
    assert scenes == set(result.card["scenes"]["val"])


def test_bfloat16_trains_too(tiny):
    result = hsizoo.train("tiny", DATA, epochs=1, clicks=2, precision="bfloat16", objects=3)
    assert all(each.dtype == torch.float32 for each in load_file(result.weights).values())


def test_a_component_with_a_precision_of_its_own_has_it_set_for_the_training(tiny):
    result = hsizoo.train("tiny-precise", DATA, **QUICK, precision="bfloat16")
    assert sys.modules["tiny_zoo"].Precise.built == ["bfloat16"]
    assert result.card["options"]["precision"] == "auto"
    assert resolve("tiny-precise:precision=float32").weights is not None
    # An option that names a component counts as what it names.
    assert resolve("tiny-precise:scorer=hsizoo/sa").weights is not None
    assert resolve("tiny-precise:scorer=pcc").weights is None


def test_a_loss_that_is_null_leaves_a_gap_in_the_picture():
    pytest.importorskip("matplotlib")
    log = [
        {"kind": "step", "step": step, "epoch": 1, "loss": loss, "lr": 0.1}
        for step, loss in enumerate((0.5, None, 0.4), start=1)
    ]
    assert training_png(log, "gap").startswith(b"\x89PNG")


def test_a_result_that_is_not_published_stays_in_its_folder(tiny):
    result = hsizoo.train("tiny", DATA, out="here", publish=False, **QUICK)
    assert result.weights == (tiny / "here" / "weights.safetensors").resolve()
    assert json.loads(result.card_path.read_text())["digest"] == result.card["digest"]
    assert not (tiny / "home" / "trained").exists()
    assert resolve("tiny", "segmenter").weights is None
    assert not result.is_newest
    assert f"weights={result.folder.resolve()}" in result.bench_command
    again = hsizoo.train("tiny", DATA, out="here", **QUICK)  # another mind: nothing is trained anew
    assert again.trained_before
    assert again.is_newest
    assert resolve("tiny", "segmenter").weights.digest == result.card["digest"]


@pytest.mark.parametrize("name", ["weights", "state", "best", "checkpoint"])
def test_a_training_never_goes_on_from_a_checkpoint_that_was_changed(tiny, name):
    right = hsizoo.train("tiny", DATA, out="right", **QUICK, publish=False).card["digest"]
    validated = []

    def stop(step):
        if validated:
            raise Stop

    events = TrainEvents(validated=lambda *epoch: validated.append(epoch), stepped=stop)
    with pytest.raises(Stop):
        hsizoo.train("tiny", DATA, out="run", **QUICK, events=events)
    cells = Path("run", "checkpoints")
    about = json.loads((cells / "checkpoint.json").read_text())
    path = cells / about.get(name, "checkpoint.json")
    content = bytearray(path.read_bytes())
    at = content.rindex(b'"step"') + 8 if name == "checkpoint" else len(content) // 2
    content[at] ^= 1  # of the state it is a number: torch reads it all the same
    path.write_bytes(content)
    with pytest.raises(StoreError, match=rf"{path.name}.* delete .*--fresh"):
        hsizoo.train("tiny", DATA, out="run", **QUICK)
    again = hsizoo.train("tiny", DATA, out="run", **QUICK, fresh=True, publish=False)
    assert again.card["digest"] == right


@pytest.mark.parametrize("name", ["weights.safetensors", "card.json"])
@pytest.mark.parametrize("where", ["run", "published"])
def test_a_damaged_result_is_put_right_by_the_same_command(tiny, name, where):
    right = hsizoo.train("tiny", DATA, out="run", **QUICK)
    path = (Path("run") if where == "run" else right.weights.parent) / name
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    again = hsizoo.train("tiny", DATA, out="run", **QUICK)
    assert again.trained_before == (where == "published")
    assert again.card["digest"] == right.card["digest"]
    for folder in (Path("run"), again.weights.parent):
        loaded = open_weights(folder).load(right.card["frozen_digest"])
        assert loaded.keys() == load_file(right.weights).keys()


def test_a_damaged_card_of_other_weights_stops_no_training(tiny):
    other = hsizoo.train("tiny", DATA, out="other", **QUICK, seed=7)
    other.card_path.write_text("damaged")
    with pytest.raises(DataError, match=f"{other.card_path}"):
        hsizoo.bench(["tiny"], DATA)
    result = hsizoo.train("tiny", DATA, out="run", **QUICK)
    assert not result.is_newest
    assert str(result.weights.parent) in result.bench_command


def test_several_users_and_few_losses_are_part_of_what_is_trained(tiny):
    few = {**QUICK, "clicks": 6, "losses": 2, "robot": "ritm+paper"}
    plain = hsizoo.train("tiny", DATA, **{**QUICK, "clicks": 6})
    mixed = hsizoo.train("tiny", DATA, **few)
    assert mixed.card["key"] != plain.card["key"]
    assert "--set losses=2" in mixed.card["command"]
    assert "--set robot=ritm+paper" in mixed.card["command"]
    assert hsizoo.train("tiny", DATA, **few).trained_before
    for wrong in ("ritm+", "ritm+nobody"):
        with pytest.raises(NameLookupError):
            hsizoo.train("tiny", DATA, **{**few, "robot": wrong})
