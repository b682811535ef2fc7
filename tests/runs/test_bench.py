"""`hsizoo.bench` under both protocols: reuse, faults, and coming back after being killed."""

import csv
import errno
import functools
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import hsizoo
from hsizoo.engine.logs import RecordLogs
from hsizoo.engine.store import Store
from hsizoo.errors import DataError, NameLookupError, OptionError, ProtocolError, StoreError
from hsizoo.runs.bench import RunEvents

TINY = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=2,scenes_per_subject=1"
)
ONE = TINY.replace("test_subjects=2", "test_subjects=1")
TIMES = ("s/open", "s/click", "fit_seconds", "predict_seconds", "megabytes")
NOISE = "noise:strength=0.5"

bench = functools.partial(hsizoo.bench, device="cpu")


def untimed(row):
    return {column: value for column, value in row.values.items() if column not in TIMES}


def stored(folder):
    return len(Store(folder).stored())


def planning():
    """Events that note how many cells are due and how many are there."""
    noted = []
    return noted, RunEvents(planned=lambda cells, reused: noted.append((len(cells), reused)))


@pytest.mark.parametrize(
    ("component", "options"), [("sa", {"clicks": 2}), ("rf:trees=5", {"shots": 2, "seeds": 1})]
)
def test_only_the_test_split_by_default(tmp_path, component, options):
    result = bench([component], TINY, **options, out=tmp_path)
    assert {record["split"] for record in result.records} == {"test"}
    assert len(result.records) == 2
    every = bench([component], TINY, **options, out=tmp_path, split="all")
    assert len(every.records) == 4


def test_records_say_what_they_were_made_with(tmp_path):
    record = bench(["sa:aggregate=mean"], TINY, clicks=1, out=tmp_path).records[0]
    assert record["identity"]["component"]["options"]["aggregate"] == "mean"
    assert record["identity"]["protocol"]["robot"]["name"] == "paper"
    assert record["provenance"]["versions"]["torch"]
    assert record["provenance"]["device"] == "cpu"
    assert len(record["digests"]["cube"]) == 64
    assert record["seconds"] > 0
    used = record["result"]["megabytes"]["host"]
    assert used is None or used >= 0


def test_a_plugins_version_is_among_them(zoo):
    result = bench(["ask:segmenter=tiny-frozen+even", "even"], ONE, shots=2, seeds=2, out="run")
    asking, plain = (
        [r for r in result.records if r["label"] == row.component] for row in result.table
    )
    for record in asking:
        assert record["provenance"]["versions"]["tiny-zoo"] == "1.0"
        assert record["provenance"]["versions"]["asking-zoo"] == "1.0"
    for record in plain:
        assert "tiny-zoo" not in record["provenance"]["versions"]


def test_cells_are_shared_by_runs_that_agree_on_everything(tmp_path):
    bench(["sa"], TINY, clicks=2, out=tmp_path)
    assert stored(tmp_path) == 2
    bench(["hsizoo/sa:aggregate=max", "pcc"], TINY, clicks=2, out=tmp_path)
    assert stored(tmp_path) == 4  # `sa` under another spelling is the same cell
    bench(["sa"], TINY, clicks=3, out=tmp_path)
    bench(["sa"], TINY, clicks=2, robot="ritm", out=tmp_path)
    bench(["sa"], TINY, clicks=2, seeds=[1], out=tmp_path)
    bench(["sa"], TINY.replace("bands=8", "bands=9"), clicks=2, out=tmp_path)
    assert stored(tmp_path) == 12


def test_cells_of_classifiers_are_shared_too(tmp_path):
    first = bench(["rf:trees=5"], ONE, shots=2, seeds=2, out=tmp_path)
    planned, events = planning()
    second = bench(["hsizoo/rf:trees=5"], ONE, shots=2, seeds=3, out=tmp_path, events=events)
    assert planned == [(1, 2)]
    assert [r["result"] for r in second.records[:2]] == [r["result"] for r in first.records]
    for change in ({"shots": 3}, {"draw": "fixed"}, {"gap": 5}):
        bench(["rf:trees=5"], ONE, **{"shots": 2, "seeds": 1, "out": tmp_path, **change})
    assert stored(tmp_path) == 6


def test_both_protocols_may_share_a_folder(tmp_path):
    for _ in range(2):
        bench("sa", ONE, clicks=1, out=tmp_path)
        bench("rf:trees=5", ONE, shots=2, seeds=1, out=tmp_path)
        assert stored(tmp_path) == 2


def test_one_component_under_several_names_is_computed_once(tmp_path):
    done = []
    events = RunEvents(finished=lambda cell, record: done.append(cell.key))
    names = ["sa", "hsizoo/sa", "sa:aggregate=max", "sa"]
    result = bench(names, TINY, clicks=1, out=tmp_path, events=events)
    assert len(done) == len(set(done)) == 2
    assert [row.component for row in result.table] == names[:3]


@pytest.mark.parametrize(
    ("components", "message"),
    [(["sa", "sa-rw:beta=-1"], "beta=-1"), (["rf", "svm:folds=1"], "folds=1")],
)
def test_a_value_that_a_component_refuses_is_told_before_anything_is_computed(
    tmp_path, components, message
):
    with pytest.raises(OptionError, match=message):
        bench(components, TINY, out=tmp_path)
    assert not list(tmp_path.glob("cells/*"))


def test_who_takes_no_boxes_is_refused_before_anything_is_computed(tmp_path):
    with pytest.raises(ProtocolError, match="does not take boxes"):
        bench(["sa", "sa-rw"], TINY, protocol="box", out=tmp_path)
    assert not list(tmp_path.glob("cells/*"))


@pytest.mark.parametrize(
    ("component", "options", "module", "name"),
    [
        ("sa", ("clicks", 1, 2), "hsizoo_spectral.sa", "SpectralAngle"),
        ("rf:trees=5", ("shots", 2, 3), "hsizoo_classifiers.rf", "RandomForest"),
    ],
)
def test_nothing_of_an_earlier_run_is_used_again(
    tmp_path, monkeypatch, component, options, module, name
):
    """A file that a component or a dataset reads may have changed between two runs."""
    from importlib import import_module

    from hsizoo_datasets.phantom import Phantom

    made = []
    for target in (Phantom, getattr(import_module(module), name)):

        def noted(self, *, real=target.__init__, name=target.__name__, **options):
            made.append(name)
            real(self, **options)

        monkeypatch.setattr(target, "__init__", functools.wraps(target.__init__)(noted))
    key, *values = options
    for value in values:
        bench(component, ONE, **{key: value}, seeds=1, out=tmp_path)
    assert made.count(name) == made.count("Phantom") == 2


def test_names_alone_will_do_for_lists(tmp_path):
    result = bench("sa", TINY, clicks=1, scenes="s03-v1", perturbations="shading", out=tmp_path)
    assert len(result.records) == 1


def test_the_folder_is_named_after_what_differs_from_the_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(bench("sa", "indian-pines").folder) == "hsizoo-runs/indian-pines"
    same = bench("sa", "indian-pines", split="all", scenes="indian-pines", clicks=5)
    assert str(same.folder) == "hsizoo-runs/indian-pines"
    few = bench("rf:trees=5", "indian-pines", shots=2, seeds=1)
    assert str(few.folder) == "hsizoo-runs/indian-pines-few-labels-shots=2"
    tiny = "phantom:height=32,width=32,bands=8"
    one = bench("sa", tiny, clicks=1, scenes="s03-v1")
    assert one.folder.name == "phantom-height=32-width=32-bands=8-clicks=1-scene=s03-v1"
    other = bench("sa", tiny, clicks=1, split="val")
    assert other.folder.name == "phantom-height=32-width=32-bands=8-clicks=1-split=val"


def test_cells_of_the_plain_folder_are_found_again(tmp_path, monkeypatch):
    """Runs of all settings were there, before each had a folder of its own."""
    monkeypatch.chdir(tmp_path)
    before = bench("sa", ONE, clicks=1, out="hsizoo-runs/phantom")
    planned, events = planning()
    after = bench("sa", ONE, clicks=1, events=events)
    assert planned == [(0, 1)]
    assert after.folder != before.folder
    assert stored(after.folder) == stored(before.folder) == 1
    assert after.table == before.table
    # A record is another file from then on: to compute it anew leaves the old one alone.
    (old,) = before.folder.glob("cells/*")
    content = old.read_bytes()
    bench("sa", ONE, clicks=1, overwrite="always")
    assert old.read_bytes() == content


def test_perturbations_make_rows_of_their_own_and_leave_the_clean_cells_alone(tmp_path):
    clean = bench(["sa", "sa-rw"], TINY, clicks=2, out=tmp_path)
    assert clean.table[0].conditions == {}
    assert "perturbation" not in clean.records[0]["identity"]
    planned, events = planning()
    both = bench(
        ["sa", "sa-rw"], TINY, clicks=2, out=tmp_path, perturbations=["none", NOISE], events=events
    )
    assert planned == [(4, 4)]
    rows = [(row.component, row.conditions["perturbation"]) for row in both.table]
    assert rows == [("sa", "none"), ("sa-rw", "none"), ("sa", NOISE), ("sa-rw", NOISE)]
    for before, after in zip(clean.table, both.table[:2], strict=True):
        assert after["dice@max 1c"] == before["dice@max 1c"]
    assert both.table[2]["dice@max 1c"] != both.table[0]["dice@max 1c"]
    perturbed = both.records[-1]
    assert perturbed["identity"]["perturbation"] == {
        "name": "noise", "version": "1", "strength": 0.5,
    }  # fmt: skip
    assert perturbed["digests"]["cube"] != both.records[0]["digests"]["cube"]
    # Whatever it was called this time, a cell is found again by what it is.
    again = bench(["sa"], TINY, clicks=2, out=tmp_path, perturbations="noise:strength=.5")
    assert again.table[0]["dice@max 1c"] == both.table[2]["dice@max 1c"]
    assert stored(tmp_path) == 8


@pytest.mark.parametrize("draw", ["random", "block-disjoint"])
def test_classifiers_learn_the_same_labels_under_a_perturbation(tmp_path, draw):
    names, options = ["rf:trees=5", "lp"], {"shots": 2, "draw": draw, "block": 4, "gap": 1}
    clean = bench(names, ONE, seeds=2, out=tmp_path, **options)
    planned, events = planning()
    both = bench(
        names, ONE, seeds=2, out=tmp_path, perturbations=["none", NOISE], events=events, **options
    )
    assert planned == [(4, 4)]  # the clean cells are those of the run before
    assert not both.failures
    rows = [(row.component, row.conditions["perturbation"]) for row in both.table]
    assert rows == [(name, each) for each in ("none", NOISE) for name in names]
    for before, after in zip(clean.table, both.table[:2], strict=True):
        assert untimed(after) == untimed(before)
    assert both.table[2]["oa"] != both.table[0]["oa"]
    found = {}
    for record in both.records:
        perturbed = record["identity"].get("perturbation")
        assert (perturbed is None) == (record["conditions"]["perturbation"] == "none")
        key = record["label"], record["identity"]["seed"]
        found.setdefault(key, []).append(record)
    assert len(found) == 4
    for plain, noisy in found.values():
        assert plain["result"]["split"] == noisy["result"]["split"]
        assert plain["digests"]["labels"] == noisy["digests"]["labels"]
        assert plain["digests"]["cube"] != noisy["digests"]["cube"]
        assert plain["result"]["map"] != noisy["result"]["map"]
    differences = [line for line in both.comparison.differences if line["metric"] == "oa"]
    assert {line["differ_in"] for line in differences} == {"component", "perturbation"}


@pytest.mark.parametrize(
    ("components", "options"),
    [(["sa", "pcc", "sa-rw"], {"clicks": 1}), (["rf:trees=5", "lp", "svm"], {"shots": 2})],
)
def test_all_components_share_one_perturbed_cube_for_each_seed(
    tmp_path, monkeypatch, components, options
):
    from hsizoo.protocols.perturbations import Noise

    made = []

    def noted(self, cube, rng, *, real=Noise._perturb):
        made.append(cube.name)
        return real(self, cube, rng)

    monkeypatch.setattr(Noise, "_perturb", noted)
    result = bench(components, TINY, **options, out=tmp_path, perturbations=NOISE, seeds=2)
    assert len(result.records) == 12
    assert len(made) == 4  # two scenes, two seeds
    by_seed = {r["digests"]["cube"] for r in result.records if r["identity"]["scene"] == "s03-v1"}
    assert len(by_seed) == 2


@pytest.mark.parametrize(
    ("components", "options"),
    [(["sa", "sa-rw"], {"clicks": 3}), (["rf:trees=5", "lp"], {"shots": 2, "seeds": 2})],
)
def test_processes_give_the_same_table(tmp_path, components, options):
    here = bench(components, TINY, **options, out=tmp_path / "a")
    there = bench(components, TINY, **options, out=tmp_path / "b", jobs=2)
    assert list(map(untimed, here.table)) == list(map(untimed, there.table))
    for one, two in zip(here.records, there.records, strict=True):
        assert (one["key"], one["result"].get("map")) == (two["key"], two["result"].get("map"))


TELLER = """
    import hsizoo
    import numpy as np

    class Teller(hsizoo.PixelClassifier):
        \"""Tells how far it is.\"""

        def fit(self, cube, labels, *, rng):
            for step in range(1, 4):
                hsizoo.tell_progress(step, 3)
            self.classes = len(labels.targets)
            return self

        def predict_proba(self, cube):
            hsizoo.tell_progress(1, 1)
            return np.full((self.classes, *cube.shape[:2]), 1 / self.classes, dtype=np.float32)

    @hsizoo.hookimpl
    def hsizoo_components():
        yield hsizoo.ComponentSpec(
            name="teller", kind="classifier", target="hsizoo_teller:Teller", summary="Tells"
        )
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_component_tells_is_heard(tmp_path, fake_dist, jobs):
    fake_dist("hsizoo-teller", "1.0", {"hsizoo_teller": TELLER}, {"teller": "hsizoo_teller"})
    heard = []
    events = RunEvents(progress=lambda cell, *steps: heard.append((cell.identity["seed"], *steps)))
    result = bench(["teller"], ONE, shots=2, seeds=2, jobs=jobs, out=tmp_path, events=events)
    assert not result.failures
    for seed in range(2):
        assert [steps[1:] for steps in heard if steps[0] == seed] == [(1, 3), (3, 3), (1, 1)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_clicks_are_heard(tmp_path, jobs):
    heard = []
    events = RunEvents(progress=lambda cell, *steps: heard.append(steps))
    bench(["sa"], ONE, clicks=2, jobs=jobs, out=tmp_path, events=events)
    assert heard[-1][0] == heard[-1][1] >= 2


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
        return bench(["moody", "sa"], TINY, clicks=1, out=tmp_path / "run", overwrite=how)

    first = run("failed")
    assert [f["error"]["message"] for f in first.failures] == ["not in the mood"] * 2
    assert "Traceback" in first.failures[0]["error"]["traceback"]
    assert (calls(), first.table[0].failed_cells, first.table[1].failed_cells) == (2, 2, 0)
    assert len(run("never").failures) == 2
    assert calls() == 2
    (tmp_path / "good-mood").touch()
    assert not run("failed").failures
    assert calls() == 4
    run("failed")
    assert calls() == 4
    run("always")
    assert calls() == 6


def test_records_of_a_protocol_that_has_changed_are_told(tmp_path):
    bench("sa", ONE, clicks=1, out=tmp_path)
    with Store(tmp_path) as store:
        for key in store.stored():
            store.save(key, {**store.load(key), "result": {"laid_out": "otherwise"}})
    told = r"cannot read the stored records of sa: KeyError.*raise its version; or .*always"
    with pytest.raises(ProtocolError, match=told):
        bench("sa", ONE, clicks=1, out=tmp_path)
    assert not bench("sa", ONE, clicks=1, out=tmp_path, overwrite="always").failures


def test_a_cell_that_fails_does_not_end_the_run(tmp_path):
    result = bench(["cnn2d:patch=99,epochs=1", "rf:trees=5"], ONE, shots=2, seeds=1, out=tmp_path)
    assert [row.failed_cells for row in result.table] == [1, 0]
    assert result.table[0]["oa"] is None
    assert result.failures[0]["error"]["type"] == DataError.__name__
    assert "patch=63 or less" in result.failures[0]["error"]["message"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"components": []}, NameLookupError, "at least one component"),
        ({"components": ["sa", "rf"]}, NameLookupError, "bench them in two commands"),
        ({"clicks": 0}, ProtocolError, "clicks must be between 1 and 1000; got 0"),
        ({"clicks": 10**6}, ProtocolError, "got 1000000"),
        ({"clicks": "many"}, OptionError, "clicks='many': expected int"),
        ({"click": 2}, OptionError, "protocol interactive has no option 'click'.*'clicks'"),
        ({"shots": 2}, OptionError, "protocol interactive has no option 'shots'"),
        ({"jobs": 0}, OptionError, "jobs must be at least 1; got 0"),
        ({"seeds": 0}, OptionError, "seeds must be .*; got 0"),
        ({"seeds": [-1]}, OptionError, r"seeds must be .*; got \[-1\]"),
        ({"overwrite": "sometimes"}, OptionError, "overwrite must be .*'sometimes'"),
        ({"robot": "x/paper"}, NameLookupError, "x/paper"),
        ({"perturbations": "nois"}, NameLookupError, "'nois'.*'noise'"),
        ({"perturbations": []}, NameLookupError, "at least one perturbation"),
        ({"perturbations": ["none", "noise:strength=-1"]}, ProtocolError, "strength must be"),
        ({"split": "none"}, ProtocolError, "has no split 'none'"),
        ({"scenes": "s3-v1"}, NameLookupError, "has no scene 's3-v1'.*'s03-v1'"),
        ({"protocol": "few-label"}, OptionError, "'sa' is a scorer; the protocol few-label"),
        ({"protocol": "intractive"}, NameLookupError, "'interactive'"),
        ({"components": ["rf"], "draw": "blocks"}, OptionError, "draw='blocks'.*block-disjoint"),
        ({"components": ["rf"], "shots": 0}, ProtocolError, "shots must be at least 1; got 0"),
        ({"components": ["rf"], "clicks": 2}, OptionError, "few-label has no option 'clicks'"),
        ({"components": ["rf"], "seeds": 0}, OptionError, "seeds"),
        ({"components": ["rf"], "draw": "official"}, ProtocolError, "use another"),
        ({"components": ["rf"], "perturbations": "nois"}, NameLookupError, "'noise'"),
        ({"device": "gpu"}, OptionError, "device"),
    ],
    ids=str,
)
def test_what_can_be_known_before_is_told_before(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        bench(**{"components": ["sa"], "dataset": TINY, "out": tmp_path / "run", **arguments})
    assert not (tmp_path / "run").exists()


def test_a_full_disk_loses_nothing_that_was_done(tmp_path, monkeypatch):
    append, full = RecordLogs.append, []

    def appends_until_full(self, key, line, **how):
        if how:  # an image for pictures, which is no finished work
            return append(self, key, line, **how)
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        full.append(key)
        return append(self, key, line)

    monkeypatch.setattr(RecordLogs, "append", appends_until_full)
    with pytest.raises(StoreError, match="No space left"):
        bench(["sa", "pcc"], TINY, clicks=1, out=tmp_path)
    assert stored(tmp_path) == 1
    monkeypatch.setattr(RecordLogs, "append", append)
    planned, events = planning()
    assert not bench(["sa", "pcc"], TINY, clicks=1, out=tmp_path, events=events).failures
    assert planned == [(3, 1)]


LABELS = np.zeros((20, 24), dtype=np.int32)
LABELS[1:9, 1:9], LABELS[11:19, 1:9], LABELS[1:9, 12:20] = 1, 2, 3


def field(folder, cube):
    (folder / "field").mkdir()
    np.savez(folder / "field" / "a.npz", cube=cube.astype(np.float32), gt=LABELS)
    names = 'ignore = [0]\n[names]\n1 = "corn"\n2 = "wheat"\n3 = "oats"\n'
    (folder / "field" / "hsizoo.toml").write_text(names)
    return f"{folder / 'field'}/"


def test_one_band_is_enough_to_tell_classes_apart(tmp_path):
    cube = LABELS[:, :, None] + 0.02 * np.random.default_rng(0).normal(size=(20, 24, 1))
    result = bench(
        ["rf:trees=5", "lp", "svm"], field(tmp_path, cube), seeds=2, out=tmp_path / "run"
    )
    assert not result.failures
    for row in result.table:
        assert row["oa"] > 0.95, row.component
        assert row["aa"] > 0.95


def test_a_cube_of_no_contrast_is_classified_by_chance_and_says_so(tmp_path):
    dataset = field(tmp_path, np.ones((*LABELS.shape, 3)))
    result = bench(["rf:trees=5", "lp", "svm"], dataset, seeds=2, out=tmp_path / "run")
    assert not result.failures
    for row in result.table[::2]:  # `lp` knows where a pixel is
        # Nothing tells the pixels apart, so all are called the same.
        assert row["aa"] == pytest.approx(1 / 3), row.component
        assert row["kappa"] == pytest.approx(0, abs=1e-9)
    for record in result.records:
        confusion = np.array(record["result"]["confusion"])
        assert confusion.sum() == 3 * (64 - 5)
        assert confusion.sum(axis=1).tolist() == [59] * 3


KILLED = """
import json, os, signal, sys
import hsizoo
from hsizoo.runs.bench import RunEvents

arguments, kill_after, in_a_cell = json.loads(sys.argv[1])
done = 0


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def finished(cell, record):
    global done
    done += 1
    if done == kill_after and not in_a_cell:
        die()


def progress(cell, step, steps):
    if done == kill_after and in_a_cell and step > 1:
        die()


if __name__ == "__main__":
    hsizoo.bench(**arguments, events=RunEvents(finished=finished, progress=progress))
"""


def killed(arguments, kill_after, *, in_a_cell=False):
    """Run in a process that is killed by -9 after so many cells, or in the middle of the next."""
    text = json.dumps([arguments, kill_after, in_a_cell])
    done = subprocess.run([sys.executable, "-c", KILLED, text], capture_output=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def without_times(folder):
    with (folder / "table.csv").open() as file:
        return [
            {key: value for key, value in line.items() if key not in TIMES}
            for line in csv.DictReader(file)
        ]


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
@pytest.mark.parametrize("in_a_cell", [False, True])
def test_killed_twice_ends_in_the_same_table(tmp_path, in_a_cell):
    one = {"components": ["sa", "pcc", "sa-rw"], "dataset": TINY, "clicks": 4, "device": "cpu"}
    arguments = {**one, "out": str(tmp_path / "run")}
    kept = 0
    for further in (2, 1):
        killed(arguments, further, in_a_cell=in_a_cell)
        kept += further
        assert stored(tmp_path / "run") == kept
    assert not (tmp_path / "run" / "table.csv").exists()
    planned, events = planning()
    result = hsizoo.bench(**arguments, events=events)
    assert planned == [(6 - kept, kept)]
    assert not result.failures
    hsizoo.bench(**{**one, "out": str(tmp_path / "one")})
    assert without_times(tmp_path / "run") == without_times(tmp_path / "one")
    keys, others = (set(Store(tmp_path / name).stored()) for name in ("run", "one"))
    assert keys == others


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_run_of_classifiers_goes_on(tmp_path, jobs):
    one = {"components": ["rf:trees=5", "lp"], "dataset": ONE, "shots": 2, "seeds": 3}
    arguments = {**one, "device": "cpu", "out": str(tmp_path / "run"), "jobs": jobs}
    killed(arguments, 2)
    kept = stored(tmp_path / "run")
    assert kept == 2
    planned, events = planning()
    result = hsizoo.bench(**{**arguments, "jobs": 1}, events=events)
    assert planned == [(4, 2)]
    assert not result.failures
    whole = bench(**one, out=tmp_path / "one")
    assert without_times(tmp_path / "run") == without_times(tmp_path / "one")
    assert list(map(untimed, result.table)) == list(map(untimed, whole.table))


@pytest.mark.slow
def test_indian_pines_with_20_clicks_killed_twice(tmp_path):
    names = ["sa", "pcc", "sa-eq", "sid", "ace", "sa-rw"]
    one = {"components": names, "dataset": "indian-pines", "clicks": 20, "device": "cpu"}
    killed({**one, "out": str(tmp_path / "run")}, 1, in_a_cell=True)
    killed({**one, "out": str(tmp_path / "run")}, 2, in_a_cell=True)
    planned, events = planning()
    hsizoo.bench(**one, out=tmp_path / "run", events=events)
    assert planned == [(3, 3)]
    hsizoo.bench(**one, out=tmp_path / "one")
    assert without_times(tmp_path / "run") == without_times(tmp_path / "one")


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_keeps_what_is_done_and_lets_the_folder_go(tmp_path, jobs):
    done = []

    def finished(cell, record):
        done.append(cell.key)
        if len(done) == 2:
            raise KeyboardInterrupt

    options = {"shots": 2, "seeds": 4, "out": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        bench("rf:trees=5", ONE, **options, jobs=jobs, events=RunEvents(finished=finished))
    assert set(Store(tmp_path).stored()) == set(done)
    planned, events = planning()
    bench("rf:trees=5", ONE, **options, events=events)
    assert planned == [(2, 2)]
