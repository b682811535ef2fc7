"""The commands as a user types them."""

import csv
import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from hsizoo import cli

PHANTOM = "phantom:height=32,width=36,bands=12,train_subjects=1,val_subjects=1,test_subjects=2"


def hsizoo(*arguments, cwd=None, **environment):
    return subprocess.run(
        [sys.executable, "-m", "hsizoo", *arguments],
        capture_output=True, text=True, check=False, timeout=120, cwd=cwd,
        env={**os.environ, **environment},
    )  # fmt: skip


def table_of(folder):
    return list(csv.DictReader((folder / "table.csv").read_text().splitlines()))


def imported_by(*arguments):
    """Modules that a command leaves imported."""
    code = (
        "import sys, runpy\n"
        f"sys.argv = ['hsizoo', *{list(arguments)!r}]\n"
        "try:\n    runpy.run_module('hsizoo', run_name='__main__')\n"
        "except SystemExit:\n    pass\n"
        "print('\\n' + ' '.join(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    return set(done.stderr.splitlines()[-1].split())


HEAVY = {"torch", "numpy", "scipy", "skimage", "matplotlib"}


@pytest.mark.parametrize(
    "command",
    [
        "list", "list --json", "list --help", "--help", "--version", "plugins", "data list",
        "data --help", "bench --help", "train --help", "segment --help", "info --help",
    ],
)  # fmt: skip
def test_light_commands_import_neither_torch_nor_numpy(command):
    modules = imported_by(*command.split())
    assert "hsizoo.cli" in modules
    assert not modules & HEAVY


@pytest.mark.parametrize("command", ["runs .", "runs . --json", "table nothing"])
def test_stored_runs_are_read_without_torch(command):
    assert "torch" not in imported_by(*command.split())


@pytest.mark.parametrize(
    "command",
    [
        "bench ssa --dataset indian-pines", "bench sa --dataset indian-pine", "bench lp+cnn3d",
        "bench sa --clicks few", "bench sa --seeds few", "bench rf --draw fixd",
        "bench sa --clikcs 3", "bench sa --shots 3", "bench sa --protocol interactiv",
        "bench sa -c x.toml", "segment ssa x.hdr -o m.png", "train ssa", "train sa -d indian-pine",
        "info ssa", "info samsa", "data info indian-pine", "data fixture heipr out/",
        "data fetch salinaz",
    ],
)  # fmt: skip
def test_a_typo_is_told_before_anything_heavy_is_imported(command):
    assert not imported_by(*command.split()) & HEAVY


def cpu_seconds(*command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *command], capture_output=True, check=True, timeout=300)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_list_is_quick():
    bare = "import typer\napp = typer.Typer()\n@app.command()\ndef f():\n    print(1)\napp([])\n"
    pairs = [(cpu_seconds("-m", "hsizoo", "list"), cpu_seconds("-c", bare)) for _ in range(5)]
    listed, typer = map(min, zip(*pairs, strict=True))
    assert listed < 1.5 * typer


def test_list_shows_what_there_is():
    done = hsizoo("list")
    for name in ("sa", "sa-eq", "pcc", "sid", "ace", "matched-filter", "sa-rw", "indian-pines"):
        assert any(line.split()[0] == name for line in done.stdout.splitlines()), name
    assert {row["kind"] for row in json.loads(hsizoo("list", "--json", "-k", "scorer").stdout)} == {
        "scorer"
    }


def test_help_is_short_for_h_and_for_no_command():
    assert hsizoo("-h").stdout == hsizoo("--help").stdout
    assert hsizoo("data", "check", "-h").stdout == hsizoo("data", "check", "--help").stdout
    alone = hsizoo()
    assert alone.returncode == 2
    assert alone.stderr == hsizoo("--help").stdout
    assert "completion" not in alone.stderr


def test_a_usage_error_is_short_and_plain():
    done = hsizoo("bench", "sa", "--jobs", "many")
    assert done.returncode == 2
    usage, hint, _, error = done.stderr.splitlines()
    assert usage.endswith("bench [OPTIONS] [COMPONENTS]...")
    assert hint.endswith("bench -h' for help.")
    assert error.startswith("Error: Invalid value for '--jobs' / '-j': ")


def test_no_help_text_is_cut():
    for words in ([], ["data"]):
        assert "..." not in hsizoo(*words, "--help", COLUMNS="80").stdout.partition("Commands:")[2]


def test_version_info_data_and_doctor():
    assert hsizoo("--version").stdout.startswith("hsizoo 0.")
    info = hsizoo("info", "sa-eq")
    assert "nbins" in info.stdout
    assert "INFERRED" in info.stdout
    card = json.loads(hsizoo("data", "info", "indian-pines", "--json").stdout)
    assert card["first scene"]["shape"] == "145×145×200"
    doctor = hsizoo("doctor", "--json")
    assert doctor.returncode == 0, doctor.stdout
    rows = {row["what"]: row for row in json.loads(doctor.stdout)}
    assert {row["status"] for row in rows.values()} <= {"ok", "optional"}
    assert {"h5py", "tifffile", "zarr"} <= set(rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bench", "sa-eqq"], "Did you mean 'sa-eq'"),
        (["bench", "svn"], "Did you mean 'svm'"),
        (["bench", "sa", "-d", "indian-pine"], "Did you mean 'indian-pines'"),
        (["bench", "sa:agregate=max"], "Did you mean 'aggregate'"),
        (["bench", "sa-eq:nbins=lots"], "nbins='lots': expected int"),
        (["bench", "sa", "--robot", "ritmm"], "Did you mean 'ritm'"),
        (["bench", "sa", "--robot", "ritm:jitter=-1"], "jitter"),
        (["bench", "sa", "-k", "few"], "'few'; expected int."),
        (["bench", "rf", "--draw", "fixd"], "Did you mean 'fixed'?"),
        (["bench", "sa", "--protocol", "interactiv"], "Did you mean 'interactive'"),
        (["bench", "sa", "-k", "0"], "clicks must be between 1 and 1000; got 0"),
        (["bench", "sa", "--split", "tset", "-d", PHANTOM], "Did you mean 'test'"),
        (["bench", "sa", "--scene", "s99"], "has no scene 's99'"),
        (["bench", "sa", "--device", "cuda:7"], "device 'cuda:7' is not available"),
        (["bench", "indian-pines"], "is a dataset, not a segmenter, scorer, classifier or ps"),
        (["bench", "sa", "-d", "phantom:height=1"], "height"),
        (["info", "samsa:x=1"], "is named 'samsa'"),
        (["info", "nothing"], "`hsizoo list` shows all names"),
        (["list", "--kind", "scorers"], "Did you mean 'scorer'"),
        (["data", "info", "sa"], "is a scorer, not a dataset"),
    ],
)
def test_a_wrong_word_is_one_line_and_status_2(tmp_path, arguments, message):
    done = hsizoo(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())  # nothing was begun


def test_a_folder_is_told_from_a_dataset_by_its_slash(tmp_path):
    (tmp_path / "field").mkdir()
    done = hsizoo("bench", "sa", "-d", "field", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "If you mean the folder, type 'field/'" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["info", "sa"]])
def test_a_full_output_is_one_line_and_status_2(command):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hsizoo", *command],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=300,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: No space left on device; free disk space and run the same command again"
    ]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "a.hdr"),
         "error: a.hdr: Permission denied; grant access to it, or choose another location and run"),
        (OSError(errno.EIO, "Input/output error", "a.hdr"), "error: a.hdr: Input/output error\n"),
        (OSError("a library's words"), "error: a library's words\n"),
    ],
)  # fmt: skip
def test_trouble_with_a_file_is_one_line_and_status_2(monkeypatch, capsys, error, said):
    def app():
        raise error

    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr(cli, "_discard_stdout", lambda: None)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith(said)


def test_ctrl_c_is_status_130(monkeypatch):
    def app():
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr(sys, "argv", ["hsizoo", "info", "sa"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 130


def test_bench_prints_the_table_and_writes_it(tmp_path):
    done = hsizoo("bench", "sa", "sa-rw", "-d", PHANTOM, "-k", "5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "hsizoo-runs").glob("phantom-height=32-width=36-bands=12-*")
    for name in ("table.csv", "samples.csv", "results.json", "curve.png"):
        assert f"hsizoo-runs/{folder.name}/{name}" in done.stdout
        assert (folder / name).stat().st_size > 100
    rows = table_of(folder)
    assert [row["component"] for row in rows] == ["sa", "sa-rw"]
    for column in ("dice@0.5 1c", "dice@max 1c", "dice@0.5 5c", "auc", "noc85", "s/click"):
        assert column in done.stdout
        assert float(rows[0][column]) >= 0
    assert f"{float(rows[0]['dice@max 1c']):.4f}" in done.stdout
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")
    again = hsizoo("bench", "sa", "sa-rw", "-d", PHANTOM, "-k", "5", "--json", cwd=tmp_path)
    assert "8 of 8 cells were already done" in again.stderr
    table = json.loads(again.stdout)["table"]
    told = [repr(row["values"]["dice@max 1c"]) for row in table]
    assert told == [row["dice@max 1c"] for row in rows]


def test_a_failing_component_is_a_row_and_status_1(tmp_path):
    one_band = PHANTOM.replace("bands=12", "bands=1")
    done = hsizoo("bench", "matched-filter", "sa", "-d", one_band, "-k", "2", cwd=tmp_path)
    assert done.returncode == 1
    assert "failed: sa on 4 scenes: DataError: the method needs at least 2 bands" in done.stderr
    assert "4 failed" in done.stdout
    (folder,) = (tmp_path / "hsizoo-runs").iterdir()
    rows = table_of(folder)
    assert float(rows[0]["dice@0.5 1c"]) >= 0
    assert rows[1]["dice@0.5 1c"] == ""


def test_two_runs_into_one_folder_at_once(tmp_path):
    from hsizoo.engine.store import Store

    with Store(tmp_path / "run"):
        done = hsizoo("bench", "sa", "-d", PHANTOM, "-o", str(tmp_path / "run"))
    assert done.returncode == 2
    assert "another run is writing to" in done.stderr
    assert "--out" in done.stderr


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = hsizoo("bench", "sa", "-d", PHANTOM, "-o", str(tmp_path / "file" / "run"))
    assert done.returncode == 2
    assert "cannot use" in done.stderr
    assert "--out" in done.stderr
