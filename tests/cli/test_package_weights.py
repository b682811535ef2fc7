import json

from typer.testing import CliRunner

from hsizoo.cli import app
from hsizoo.weights.trained import open_weights


def run(*words):
    return CliRunner().invoke(app, ["package-weights", *map(str, words)])


def test_weights_go_into_a_package(results, tmp_path):
    folder = results.finish()
    done = run(folder, tmp_path / "pkg" / "weights" / "mine", "--limits", "only toys")
    assert done.exit_code == 0, done.output
    made = open_weights(tmp_path / "pkg" / "weights" / "mine")
    assert made.digest in done.output
    assert (made.card["limits"], made.card["stored"]) == ("only toys", "bfloat16")
    assert made.card["rounded_from"] == open_weights(folder).digest  # left as they were


def test_the_same_as_json(results, tmp_path):
    done = run(results.finish(), tmp_path / "mine", "--json")
    found = json.loads(done.stdout)
    assert found["sha256"] == open_weights(tmp_path / "mine").digest
    assert found["bytes"] == (tmp_path / "mine" / "weights.safetensors").stat().st_size
    assert found["component"] == results.name


def test_what_is_no_training_is_said(tmp_path):
    done = run(tmp_path, tmp_path / "mine")
    assert "no such file or folder" in str(done.exception)
    assert not (tmp_path / "mine").exists()
