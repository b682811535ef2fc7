"""Executors by name, on the command line and in Python."""

import pytest

import hsizoo
from hsizoo.engine.executors import LocalExecutor, check_executor, make_executor
from hsizoo.errors import MissingRequirement, OptionError


@pytest.mark.parametrize("name", ["", "rai", "local:4", "ray:", "Ray"])
def test_unknown_names_are_refused_before_anything(name, tmp_path):
    with pytest.raises(OptionError, match="is not one of local, ray, ray:ADDRESS"):
        hsizoo.bench("sa", "indian-pines", executor=name, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_ray_is_an_extra(monkeypatch):
    monkeypatch.setattr("hsizoo.engine.executors.names.find_spec", lambda name: None)
    check_executor("local")
    with pytest.raises(MissingRequirement, match=r"pip install 'hsizoo\[ray\]'"):
        check_executor("ray:auto")


def test_names_become_executors(monkeypatch):
    monkeypatch.setattr("hsizoo.engine.executors.names.find_spec", lambda name: "ray")
    local, device = make_executor("local", 2, "cpu")
    assert isinstance(local, LocalExecutor)
    assert (local.jobs, local.devices, device) == (2, ("cpu",), "cpu")
    # Its devices are resolved where they are, not on this machine, which may have no GPU.
    cluster, device = make_executor("ray:10.0.0.1:6379", 8, "cuda")
    assert (cluster.jobs, cluster.device, device) == (8, "cuda", "cpu")
    assert cluster._cluster.address == "10.0.0.1:6379"
    assert make_executor("ray", 1, "auto")[0]._cluster.address is None
