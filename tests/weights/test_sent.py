"""Trained weights that were sent stand in for a file of another machine, and for no other."""

import pytest

from hsizoo.engine.executors import ray_worker
from hsizoo.engine.executors.ray_worker import Lacking, Place, survey
from hsizoo.errors import DataError
from hsizoo.weights import sent
from hsizoo.weights.sent import SentWeights, sent_path
from hsizoo.weights.trained import open_weights


class FakeRay:
    """References are what they refer to."""

    @staticmethod
    def get(reference):
        return reference


@pytest.fixture(autouse=True)
def node(monkeypatch, tmp_path):
    """A worker with an HSIZOO_HOME of its own."""
    monkeypatch.setattr(sent, "_expected", {})
    monkeypatch.setattr(ray_worker, "import_module", lambda name: FakeRay)
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path / "node"))
    monkeypatch.chdir(tmp_path)


def place(*weights):
    return Place(".", {}, tuple(SentWeights(*each) for each in weights))


@pytest.mark.parametrize(
    "name", ["/nowhere/run", "weights.safetensors", "~/run/", "~not-known-here/run/", "x" * 300]
)
def test_weights_that_are_missing_are_asked_for_once_and_then_found(results, name):
    made = results.make()
    content = made.path.read_bytes()
    there = place((name, made.digest))
    assert survey(there, None) == Lacking((made.digest,))
    told = survey(there, None, {made.digest: content})
    assert told == survey(there, None)
    assert "hsizoo" in told
    found = open_weights(name)
    assert (found.path, found.digest) == (sent_path(made.digest), made.digest)
    assert found.card["component"] == made.card["component"]
    assert found.load("f" * 64).keys() == made.load("f" * 64).keys()


def test_weights_that_are_here_under_their_name_are_not_sent(results):
    made = results.make()
    assert "hsizoo" in survey(place((str(made.path), made.digest)), None)
    assert open_weights(made.path).path == made.path
    assert not sent_path(made.digest).exists()


def test_another_file_of_that_name_gives_way_to_what_was_sent(results):
    made, other = results.make("a", 1.0), results.make("b", 2.0)
    there = place((str(other.path), made.digest))
    assert survey(there, None) == Lacking((made.digest,))
    assert open_weights(other.path).digest == other.digest  # nothing has come yet
    survey(there, None, {made.digest: made.path.read_bytes()})
    assert open_weights(other.path).digest == made.digest
    assert open_weights(made.path).path == made.path  # other names mean what they say


def test_damage_on_the_way_or_on_the_disk_is_noticed(results):
    made = results.make()
    content = made.path.read_bytes()
    there = place(("/nowhere", made.digest))
    with pytest.raises(DataError, match="arrived damaged"):
        survey(there, None, {made.digest: content[:-1] + b"!"})
    assert not sent_path(made.digest).exists()
    survey(there, None, {made.digest: content})
    sent_path(made.digest).write_bytes(content[:-1] + b"!")
    assert survey(there, None) == Lacking((made.digest,))
    survey(there, None, {made.digest: content})
    assert sent_path(made.digest).read_bytes() == content


def test_what_was_never_sent_is_an_error_that_names_what_was_asked_for(results):
    survey(place(("/nowhere", "0" * 64)), None)
    with pytest.raises(DataError, match="weights=/nowhere: there is no such file"):
        open_weights("/nowhere")
