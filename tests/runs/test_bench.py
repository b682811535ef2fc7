"""`hsizoo.bench`: planning, reuse, faults, and coming back after being killed."""

import functools
import json
import os
import signal
import subprocess
import sys

import pytest

import hsizoo
from hsizoo.errors import NameLookupError, OptionError, ProtocolError, StoreError
from hsizoo.runs.bench import RunEvents
from hsizoo.zoo.factory import make_robot

TINY = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=2,scenes_per_subject=1"
)
TIMES = ("s/open", "s/click")


def untimed(table):
    return [{k: v for k, v in row.items() if k not in TIMES} for row in table]


def test_only_the_test_split_by_default(tmp_path):
    result = hsizoo.bench(["sa"], TINY, clicks=2, out=tmp_path, device="cpu")
    assert {record["split"] for record in result.records} == {"test"}
    assert len(result.records) == 2
    every = hsizoo.bench(["sa"], TINY, clicks=2, out=tmp_path, split="all", device="cpu")
    assert len(every.records) == 4


def test_records_say_what_they_were_made_with(tmp_path):
    record = hsizoo.bench(["sa:aggregate=mean"], TINY, clicks=1, out=tmp_path).records[0]
    assert record["identity"]["component"]["options"]["aggregate"] == "mean"
    assert record["identity"]["protocol"]["robot"]["name"] == "paper"
    assert record["provenance"]["versions"]["torch"]
    assert len(record["digests"]["cube"]) == 64
    assert record["seconds"] > 0


def test_cells_are_shared_by_runs_that_agree_on_everything(tmp_path):

    def count():
        return len(list((tmp_path / "cells").iterdir()))

    hsizoo.bench(["sa"], TINY, clicks=2, out=tmp_path)
    assert count() == 2
    hsizoo.bench(["hsizoo/sa:aggregate=max", "pcc"], TINY, clicks=2, out=tmp_path)
    assert count() == 4  # `sa` under another spelling is the same cell
    hsizoo.bench(["sa"], TINY, clicks=3, out=tmp_path)
    hsizoo.bench(["sa"], TINY, clicks=2, robot="ritm", out=tmp_path)
    hsizoo.bench(["sa"], TINY, clicks=2, seeds=[1], out=tmp_path)
    hsizoo.bench(["sa"], TINY.replace("bands=8", "bands=9"), clicks=2, out=tmp_path)
    assert count() == 12


def test_one_component_under_several_names_is_computed_once(tmp_path):
    done = []
    events = RunEvents(finished=lambda cell, record: done.append(cell.key))
    names = ["sa", "hsizoo/sa", "sa:aggregate=max"]
    result = hsizoo.bench(names, TINY, clicks=1, out=tmp_path, events=events)
    assert len(done) == len(set(done)) == 2
    assert [row["component"] for row in result.table] == names


def test_a_value_that_a_component_refuses_is_said_before_anything_is_computed(tmp_path):
    with pytest.raises(OptionError, match="beta=-1"):
        hsizoo.bench(["sa", "sa-rw:beta=-1"], TINY, clicks=1, out=tmp_path)
    assert not list((tmp_path / "cells").iterdir())


def test_nothing_of_an_earlier_run_is_used_again(tmp_path, monkeypatch):
    """A file that a component or a dataset reads may have changed between two runs."""
    from hsizoo_datasets.phantom import Phantom
    from hsizoo_spectral.sa import SpectralAngle

    made = []
    for target in (Phantom, SpectralAngle):

        def noted(self, *, real=target.__init__, name=target.__name__, **options):
            made.append(name)
            real(self, **options)

        monkeypatch.setattr(target, "__init__", functools.wraps(target.__init__)(noted))
    for clicks in (1, 2):
        hsizoo.bench("sa", TINY, clicks=clicks, out=tmp_path, device="cpu")
    assert made.count("SpectralAngle") == made.count("Phantom") == 2


def test_names_alone_will_do_for_lists(tmp_path):
    result = hsizoo.bench("sa", TINY, clicks=1, scenes="s03-v1", out=tmp_path)
    assert len(result.records) == 1


RANDOM = "checkpoint=random"


def test_random_weights_are_refused_or_marked(tmp_path):
    with pytest.raises(ProtocolError, match="No weights for it are published yet"):
        hsizoo.bench([f"sam2.1-nano:{RANDOM}"], TINY, clicks=1, out=tmp_path)
    names = [f"sam2.1-nano:{RANDOM}", f"samsa2-nano:{RANDOM}"]
    result = hsizoo.bench(names, TINY, clicks=1, out=tmp_path, allow_untrained=True)
    labels = [row["component"] for row in result.table]
    assert labels == [f"{names[0]} (random weights)", f"{names[1]} (untrained)"]
    # What the checkpoint is counts, not how it was spelled.
    options = result.records[0]["identity"]["component"]["options"]
    assert options["checkpoint"].startswith("random")


NOISE = "noise:strength=0.5"


def test_perturbations_make_rows_of_their_own_and_leave_the_clean_cells_alone(tmp_path):
    clean = hsizoo.bench(["sa", "sa-rw"], TINY, clicks=2, out=tmp_path, device="cpu")
    assert "perturbation" not in clean.table[0]
    assert "perturbation" not in clean.records[0]["identity"]
    events = RunEvents(planned=lambda cells, reused: planned.append((len(cells), reused)))
    planned = []
    both = hsizoo.bench(
        ["sa", "sa-rw"], TINY, clicks=2, out=tmp_path, device="cpu",
        perturbations=["none", NOISE], events=events,
    )  # fmt: skip
    assert planned == [(4, 4)]
    rows = [(row["component"], row["perturbation"]) for row in both.table]
    assert rows == [("sa", "none"), ("sa-rw", "none"), ("sa", NOISE), ("sa-rw", NOISE)]
    for before, after in zip(clean.table, both.table[:2], strict=True):
        assert after["dice@max 1c"] == before["dice@max 1c"]
    assert both.table[2]["dice@max 1c"] != both.table[0]["dice@max 1c"]
    spoilt = both.records[-1]
    assert spoilt["identity"]["perturbation"] == {
        "name": "noise", "version": "1", "strength": 0.5,
    }  # fmt: skip
    assert spoilt["digests"]["cube"] != both.records[0]["digests"]["cube"]
    # Whatever it was called this time, a cell is found again by what it is.
    again = hsizoo.bench(["sa"], TINY, clicks=2, out=tmp_path, perturbations="noise:strength=.5")
    assert again.table[0]["dice@max 1c"] == both.table[2]["dice@max 1c"]
    assert len(list((tmp_path / "cells").iterdir())) == 8


def test_all_components_share_one_spoilt_cube_for_each_seed(tmp_path, monkeypatch):
    from hsizoo.protocols.perturbations import Noise

    made = []

    def noted(self, cube, rng, *, real=Noise._spoil):
        made.append(cube.name)
        return real(self, cube, rng)

    monkeypatch.setattr(Noise, "_spoil", noted)
    result = hsizoo.bench(
        ["sa", "pcc", "sa-rw"], TINY, clicks=1, out=tmp_path, perturbations=NOISE, seeds=2,
        device="cpu",
    )  # fmt: skip
    assert len(result.records) == 12
    assert len(made) == 4  # two scenes, two seeds
    by_seed = {r["digests"]["cube"] for r in result.records if r["identity"]["scene"] == "s03-v1"}
    assert len(by_seed) == 2


def test_intervals_and_files(tmp_path):
    three = TINY.replace("test_subjects=2", "test_subjects=3")
    result = hsizoo.bench(["sa", "sa-rw"], three, clicks=5, out=tmp_path, device="cpu")
    row = result.table[1]
    low, high = row["intervals"]["dice@0.5 5c"]
    assert low <= row["dice@0.5 5c"] <= high
    assert (row["unit"], row["units"]) == ("subject", 3)
    for name in ("table.csv", "differences.csv", "classes.csv", "samples.csv", "curve.png"):
        assert name in result.files
        assert (tmp_path / name).stat().st_size > 100
    stored = json.loads((tmp_path / "results.json").read_text())
    assert stored["table"][1]["intervals"]["dice@0.5 5c"] == [low, high]
    assert {line["component"] for line in stored["ranks"]} == {"sa", "sa-rw"}


def test_processes_give_the_same_table(tmp_path):
    names = ["sa", "sa-rw"]
    here = hsizoo.bench(names, TINY, clicks=3, out=tmp_path / "a", device="cpu")
    there = hsizoo.bench(names, TINY, clicks=3, out=tmp_path / "b", device="cpu", jobs=2)
    assert untimed(here.table) == untimed(there.table)


def test_overwrite(tmp_path, fake_dist):
    """A component that fails until a file appears: what is computed anew, and when."""
    plugin = """
        import hsizoo

        @hsizoo.hookimpl
        def hsizoo_components():
            yield hsizoo.ComponentSpec(
                name="moody", kind="segmenter", target="moody:Moody", summary="fails at first"
            )
    """
    moody = f"""
        import pathlib
        import numpy as np
        import hsizoo

        folder = pathlib.Path({str(tmp_path)!r})

        class Moody(hsizoo.InteractiveSegmenter):
            def open(self, cube):
                with (folder / "calls").open("a") as file:
                    file.write("x")
                if not (folder / "good-mood").exists():
                    raise RuntimeError("not in the mood")
                return cube.shape[:2]

            def predict(self, state, prompts):
                return np.ones((len(prompts), *state), dtype=np.float32)
    """
    fake_dist("hsizoo-moody", "1", {"moody_plugin": plugin, "moody": moody}, {"m": "moody_plugin"})

    def calls():
        return len((tmp_path / "calls").read_text())

    def run(how):
        return hsizoo.bench(["moody", "sa"], TINY, clicks=1, out=tmp_path / "run", overwrite=how)

    first = run("failed")
    assert [f["error"]["message"] for f in first.failures] == ["not in the mood"] * 2
    assert "Traceback" in first.failures[0]["error"]["traceback"]
    assert (calls(), first.table[0]["failed_cells"], first.table[1]["failed_cells"]) == (2, 2, 0)
    assert len(run("never").failures) == 2
    assert calls() == 2
    (tmp_path / "good-mood").touch()
    assert not run("failed").failures
    assert calls() == 4
    run("failed")
    assert calls() == 4
    run("always")
    assert calls() == 6


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"components": []}, NameLookupError),
        ({"clicks": 0}, ProtocolError),
        ({"clicks": 10**6}, ProtocolError),
        ({"jobs": 0}, OptionError),
        ({"seeds": 0}, OptionError),
        ({"seeds": [-1]}, OptionError),
        ({"overwrite": "sometimes"}, OptionError),
        ({"robot": "x/paper"}, NameLookupError),
        ({"perturbations": "nois"}, NameLookupError),
        ({"perturbations": []}, NameLookupError),
        ({"perturbations": ["none", "noise:strength=-1"]}, ProtocolError),
        ({"split": "none"}, ProtocolError),
    ],
    ids=str,
)
def test_what_can_be_known_before_is_said_before(tmp_path, arguments, error):
    with pytest.raises(error):
        hsizoo.bench(
            **{"components": ["sa"], "dataset": TINY, "out": tmp_path / "run", **arguments}
        )
    assert not (tmp_path / "run").exists()


def test_a_full_disk_loses_nothing_that_was_done(tmp_path, monkeypatch):
    from hsizoo.engine.store import Store

    write, full = Store.write, []

    def writes_until_full(self, name, content):
        if name.startswith("cells/") and len(full) == 1:
            raise StoreError("No space left on device")
        full.extend(["x"] if name.startswith("cells/") else [])
        return write(self, name, content)

    monkeypatch.setattr(Store, "write", writes_until_full)
    with pytest.raises(StoreError, match="No space left"):
        hsizoo.bench(["sa", "pcc"], TINY, clicks=1, out=tmp_path)
    assert len(list((tmp_path / "cells").iterdir())) == 1
    monkeypatch.setattr(Store, "write", write)
    assert not hsizoo.bench(["sa", "pcc"], TINY, clicks=1, out=tmp_path).failures


def test_robots_from_their_names():
    assert make_robot("paper:first=centroid,jitter=2").first == "centroid"
    assert make_robot("ritm").threshold == 0.49
    with pytest.raises(OptionError, match="connectivity='6'"):
        make_robot("paper:connectivity=6")


COMMAND = ["bench", "sa", "pcc", "sa-eq", "sid", "ace", "sa-rw", "--device", "cpu"]


SAVED = ("hsizoo.engine.store", "Store", "save")


def _killed_and_resumed(run_command_killed, tmp_path, arguments, counts):
    """Kill -9 the command after so many new cells each, then let it end."""
    command = [*COMMAND, *arguments, "--out", str(tmp_path / "run")]
    before = 0
    for fresh in counts:
        # Killed when one more cell is computed but not yet kept.
        run_command_killed(command, *SAVED, fresh)
        before += fresh
        assert len(list((tmp_path / "run" / "cells").glob("*.json"))) == before
    _complete(command)


def _complete(command):
    subprocess.run([sys.executable, "-m", "hsizoo", *command], check=True, capture_output=True)


def _without_times(folder):
    import csv

    with (folder / "table.csv").open() as file:
        return untimed(list(csv.DictReader(file)))


def test_killed_three_times_ends_in_the_same_table(tmp_path, run_command_killed):
    arguments = ["-d", TINY, "-k", "4"]
    _killed_and_resumed(run_command_killed, tmp_path, arguments, [2, 3, 3])  # of 12
    _complete([*COMMAND, *arguments, "--out", str(tmp_path / "one")])
    assert _without_times(tmp_path / "run") == _without_times(tmp_path / "one")
    names = {path.name for path in (tmp_path / "run" / "cells").iterdir()}
    assert names == {path.name for path in (tmp_path / "one" / "cells").iterdir()}


@pytest.mark.slow
def test_indian_pines_with_20_clicks_killed_three_times(tmp_path, run_command_killed):
    arguments = ["-d", "indian-pines", "-k", "20"]
    _killed_and_resumed(run_command_killed, tmp_path, arguments, [1, 1, 2])  # of 6
    _complete([*COMMAND, *arguments, "--out", str(tmp_path / "one")])
    assert _without_times(tmp_path / "run") == _without_times(tmp_path / "one")


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.usefixtures("hears_ctrl_c")
def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(tmp_path, fake_dist, wait_until):
    """The signal comes in the second cell, which would never end."""
    plugin = """
        import hsizoo

        @hsizoo.hookimpl
        def hsizoo_components():
            yield hsizoo.ComponentSpec(
                name="stuck", kind="segmenter", target="stuck:Stuck", summary="works only once"
            )
    """
    stuck = f"""
        import pathlib
        import time
        import numpy as np
        import hsizoo

        opened = []

        class Stuck(hsizoo.InteractiveSegmenter):
            def open(self, cube):
                opened.append(cube.name)
                if len(opened) == 2:
                    pathlib.Path({str(tmp_path / "begun")!r}).touch()
                    while True:
                        time.sleep(0.1)
                return cube.shape[:2]

            def predict(self, state, prompts):
                return np.ones((len(prompts), *state), dtype=np.float32)
    """
    fake_dist("hsizoo-stuck", "1", {"stuck_plugin": plugin, "stuck": stuck}, {"s": "stuck_plugin"})
    command = [sys.executable, "-m", "hsizoo", "bench", "stuck", "-d", TINY, "-k", "1"]
    with subprocess.Popen(
        [*command, "--out", str(tmp_path / "run"), "--device", "cpu"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        try:
            wait_until((tmp_path / "begun").exists, process)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=180)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "1 of 2 cells are done and stored; run the same command to resume" in errors
    assert len(list(tmp_path.glob("run/cells/*.json"))) == 1
