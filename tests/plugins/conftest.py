"""One thread; and a GPU that is not there: tensors with shape and device, without values."""

import contextlib

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv


@pytest.fixture(scope="module")
def one_thread():
    """Threads that wait for each other are slow where the cores are shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def fake_mode(monkeypatch):
    """A mode, to be entered, in which any tensor that was left on another device raises."""
    # Else autocast, seeing no GPU, warns and switches itself off.
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)
    return FakeTensorMode(allow_non_fake_inputs=True, shape_env=ShapeEnv())


@pytest.fixture
def to_fake_device(fake_mode):
    """``to_fake_device(module, device)``: exchange a module's weights for fakes, in the mode."""

    def move(module, device):
        for each in module.modules():
            for name, parameter in each._parameters.items():
                if parameter is not None:
                    moved = fake_mode.from_tensor(parameter.detach()).to(device)
                    each._parameters[name] = torch.nn.Parameter(moved, parameter.requires_grad)
            for name, buffer in each._buffers.items():
                each._buffers[name] = fake_mode.from_tensor(buffer).to(device)

    return move


@pytest.fixture
def values_are_made_up(monkeypatch):
    """Code that looks at values finds some; it must copy arrays to the CPU first."""

    def made_up(name, value):
        real = getattr(torch.Tensor, name)

        def read(self, *arguments, **keywords):
            return (
                value(self) if isinstance(self, FakeTensor) else real(self, *arguments, **keywords)
            )

        monkeypatch.setattr(torch.Tensor, name, read)

    def item(tensor):
        if tensor.dtype == torch.bool:
            return True
        # The CPU has the optimiser's count of steps, a device losses and whether one overflowed.
        return 1 if tensor.device.type == "cpu" else 0

    def numpy(tensor):
        assert tensor.device.type == "cpu"
        return np.full(tensor.shape, 0.5, dtype=np.float32)

    made_up("item", item)
    made_up("tolist", lambda tensor: np.zeros(tensor.shape).tolist())
    made_up("__float__", lambda tensor: float(item(tensor)))
    made_up("__bool__", lambda tensor: True)
    made_up("numpy", numpy)


@pytest.fixture
def backward_is_made_up(monkeypatch):
    """Every leaf that a loss depends on gets a gradient like itself.

    PyTorch's autograd engine asks the driver, and goes backward on a pretended GPU only where there
    is a real one.  On a meta device it does.
    """

    def leaves(node, seen):
        if node is None or node in seen:
            return
        seen.add(node)
        if hasattr(node, "variable"):
            yield node.variable
        for following, _ in node.next_functions:
            yield from leaves(following, seen)

    def backward(self):
        assert self.requires_grad
        for leaf in leaves(self.grad_fn, set()):
            leaf.grad = torch.zeros_like(leaf)

    @contextlib.contextmanager
    def on(device):
        with monkeypatch.context() as patch:
            if device == "cuda" and not torch.cuda.is_available():
                patch.setattr(torch.Tensor, "backward", backward)
            if device == "meta":  # which has no autocast
                patch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
            yield

    return on
