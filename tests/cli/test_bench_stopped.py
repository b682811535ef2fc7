"""``hsizoo bench`` that is stopped, and an experiment of both kinds of components."""

import os
import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from hsizoo.cli import app
from hsizoo.engine.store import Store

TINY = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=2,scenes_per_subject=1"
)


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
    assert len(Store(tmp_path / "run").stored()) == 1


def test_an_experiment_prints_the_tables_of_both_kinds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "both.toml").write_text(
        f"""
        [defaults]
        dataset = "{TINY}"
        clicks = 1
        shots = 1

        [[run]]
        name = "forests"
        components = ["rf:trees=1"]
        seeds = 2

        [[run]]
        name = "angles"
        components = ["sa"]
        """
    )
    done = CliRunner().invoke(app, ["bench", "-c", "both.toml"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "AA (recall) %" in done.stdout
    assert "dice@0.5 1c" in done.stdout
    assert "hsizoo-runs/both/summary.md" in done.stdout
