import pytest
import torch

from hsizoo.errors import OptionError
from hsizoo.zoo.device import resolve_device, worker_devices


@pytest.fixture(autouse=True)
def see(monkeypatch):
    """``see(gpus=2, mps=True)``: what torch finds in this machine."""

    def pretend(gpus=0, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    pretend()
    return pretend


@pytest.mark.parametrize(
    ("gpus", "mps", "chosen"),
    [(0, False, "cpu"), (1, False, "cuda:0"), (3, True, "cuda:0"), (0, True, "mps")],
)
def test_auto(see, gpus, mps, chosen):
    see(gpus, mps)
    assert resolve_device() == resolve_device("auto") == chosen


@pytest.mark.parametrize(
    ("device", "chosen"),
    [("cpu", "cpu"), ("cpu:0", "cpu"), ("cuda", "cuda:0"), ("cuda:1", "cuda:1"), ("mps", "mps")],
)
def test_named(see, device, chosen):
    see(2, True)
    assert resolve_device(device) == chosen


@pytest.mark.parametrize(
    ("device", "gpus", "message"),
    [
        ("gpu", 1, "unknown device 'gpu'; use auto, cpu, cuda"),
        ("", 1, "unknown device ''"),
        ("cuda:-1", 1, "unknown device 'cuda:-1'"),
        ("meta", 1, "'meta' is not supported"),
        ("cuda", 0, r"'cuda' is not available: torch finds 0 CUDA device\(s\)"),
        ("cuda:2", 2, r"'cuda:2' is not available: torch finds 2 CUDA device\(s\)"),
        ("mps", 1, "'mps' is not available"),
    ],
)
def test_what_is_not_there_is_named(see, device, gpus, message):
    see(gpus)
    with pytest.raises(OptionError, match=message):
        resolve_device(device)


@pytest.mark.parametrize(
    ("device", "gpus", "chosen"),
    [
        ("auto", 0, ["cpu"]),
        ("auto", 1, ["cuda:0"]),
        ("auto", 3, ["cuda:0", "cuda:1", "cuda:2"]),
        ("cuda", 2, ["cuda:0", "cuda:1"]),
        ("cuda:1", 2, ["cuda:1"]),
        ("cpu", 2, ["cpu"]),
    ],
)
def test_workers_share_out_all_gpus(see, device, gpus, chosen):
    see(gpus)
    assert worker_devices(device) == chosen


def test_workers_need_a_device_that_is_there():
    with pytest.raises(OptionError, match="'cuda'"):
        worker_devices("cuda")
