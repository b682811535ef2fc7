"""Plot of a training, drawn from its log; needs matplotlib (``hsizoo[report]``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hsizoo.report.pictures import new_figure, to_png

__all__ = ["training_png"]


def training_png(log: Sequence[Mapping[str, Any]], title: str) -> bytes:
    """Plot the loss of each step, its mean over each epoch, and the validations, as PNG.

    Parameters
    ----------
    log : sequence of mapping
        Lines of the training log.
    title : str
        Title of the figure.

    Raises
    ------
    MissingRequirement
        If matplotlib is not installed.
    """
    steps = [line for line in log if line["kind"] == "step"]
    validations = [line for line in log if line["kind"] == "validation"]
    figure = new_figure((10, 4.4))
    from matplotlib.ticker import MaxNLocator

    left, right = figure.subplots(1, 2)
    number = [line["step"] for line in steps]
    loss = _numbers(steps, "loss")
    left.plot(number, loss, color="C0", alpha=0.25, linewidth=0.8)
    epochs = np.array([line["epoch"] for line in steps])
    ends, means = [], []
    for epoch in np.unique(epochs).tolist():
        in_epoch = np.flatnonzero(epochs == epoch)
        ends.append(number[in_epoch[-1]])
        means.append(float(loss[in_epoch].mean()))
    left.plot(ends, means, color="C0", marker="o", markersize=3, label="mean of the epoch")
    left.set(title="training loss", xlabel="step", ylabel="weighted sum of BCE and soft Dice")
    left.set_ylim(bottom=0)
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    rate = left.twinx()
    rate.plot(number, _numbers(steps, "lr"), color="0.6", linestyle=":")
    rate.set_ylabel("learning rate (dotted)", color="0.5")
    rate.set_ylim(bottom=0)
    left.legend(frameon=False)
    keys = [key for key in (validations[0] if validations else {}) if key.startswith("dice@")]
    for place, key in enumerate(keys):
        right.plot(
            [line["epoch"] for line in validations],
            _numbers(validations, key),
            color=f"C{place + 1}",
            marker="o",
            markersize=3,
            label=key,
        )
    right.set(title="validation" if keys else "no validation", xlabel="epoch", ylim=(0, 1))
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.grid(alpha=0.3)
    if keys:
        right.set_ylabel("Dice")
        right.legend(frameon=False)
    figure.suptitle(title)
    return to_png(figure)


def _numbers(lines: Sequence[Mapping[str, Any]], key: str) -> npt.NDArray[np.float64]:
    """Values of a key, one per line; null (not finite) leaves a gap in the curve."""
    return np.array([line[key] for line in lines], dtype=np.float64)
