"""The rows of the performance record: what is compared, its aim, and the limit of the machine.

Used by ``run_all.py`` and ``compare.py``.  The aims are those of the design, section 8.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

VALUES = 480 * 640 * 100  # of a full-size cube
MAP = 4 * 480 * 640  # bytes
CLICKS = 5  # of a training step
BACKWARD = 2  # operations of a backward pass, in forward passes

Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Figure:
    """Milliseconds of one job, or a number of another unit."""

    group: str
    what: str
    median: float
    least: float
    greatest: float


@dataclass(frozen=True)
class Row:
    """A ratio of two sums of figures.

    Parameters
    ----------
    work, against : str
        What is done, and what instead.
    part : str
        Benchmark of the figures.
    group : str
        Pattern of the figures' group.
    above, below : str
        Patterns of the figures that are summed; `below` is empty where there is nothing to divide
        by.
    aim : float or None
    better : {"higher", "lower"}
    ours : str
        Pattern of hsizoo's time, for the distance to the limit of the machine.
    moved : float
        Bytes that this takes at least.
    encodings, decodings : float
        Operations that it takes at least, in encodings and decodings of one object.
    precision : str
        Of those operations.
    device : {"cpu", "cuda"}
    other : str
        Pattern of another group for `below`, if it differs.
    scale : float
        Factor of the ratio.
    """

    work: str
    against: str
    part: str
    group: str
    above: str
    below: str
    aim: float | None
    better: Better = "higher"
    ours: str = ""
    moved: float = 0
    encodings: float = 0
    decodings: float = 0
    precision: str = "float32"
    device: str = "cpu"
    other: str = ""
    scale: float = 1


SPY = "SPy spectral_angles"
SCORE = "hsizoo score"
READ = "one read: sum of the prepared cube"
PREDICTOR = "SPy angle + equalize_hist + SAM2ImagePredictor.predict"
KEPT = "hsizoo: encoding kept"
SET_IMAGE = "SAM2ImagePredictor.set_image, float32"

ROWS = (
    Row(
        "one spectral angle map, 480×640×100, one reference", "SPy `spectral_angles`",
        "scorers", "sa, 1 reference", SPY, SCORE, 3, ours=SCORE, moved=4 * VALUES + MAP,
    ),
    Row(
        "the same", "one read of the prepared cube (its sum)",
        "scorers", "sa, 1 reference", SCORE, READ, 1.5, "lower",
    ),
    Row(
        "five references at once", "SPy `spectral_angles`",
        "scorers", "sa, 5 references", SPY, SCORE, 3, ours=SCORE, moved=4 * VALUES + 5 * MAP,
    ),
    Row(
        "the same", "one reference after another, by hsizoo",
        "scorers", "sa, 5 references", "hsizoo score, one reference after another", SCORE, 3,
    ),
    Row(
        "the same, correlation", "one reference after another, by hsizoo",
        "scorers", "pcc, 5 references", "hsizoo score, one reference after another", SCORE, 3,
    ),
    Row(
        "the 20th click", "the second",
        "scorers", "sa, click 20", "hsizoo, one click more", "hsizoo, one click more", 1.2, "lower",
        other="sa, click 2",
    ),
    Row(
        "one more click, samsa2, float32", "SPy angle, equalize_hist, `SAM2ImagePredictor.predict`",
        "click_latency", "samsa2-*, one more click", PREDICTOR, "hsizoo samsa2", 2,
        ours="hsizoo samsa2", decodings=1,
    ),
    Row(
        "the same, bfloat16", "the same in float32",
        "click_latency", "samsa2-*, one more click", PREDICTOR, "hsizoo samsa2, bfloat16", None,
        ours="hsizoo samsa2, bfloat16", decodings=1, precision="bfloat16",
    ),
    Row(
        "the protocol on one image, 4 models", "one encoding and the decoder's own arithmetic",
        "protocol_throughput", "*", "hsizoo, 4 models", "floor:*", 1.3, "lower",
    ),
    Row(
        "encoder, bfloat16, channels last", "`SAM2ImagePredictor.set_image`, float32",
        "encoder", "*", SET_IMAGE, "hsizoo bfloat16, channels last", 1.8,
        ours="hsizoo bfloat16, channels last", encodings=1, precision="bfloat16",
    ),
    Row(
        "encoder, float32", "`SAM2ImagePredictor.set_image`, float32",
        "encoder", "*", SET_IMAGE, "hsizoo float32", None, ours="hsizoo float32", encodings=1,
    ),
    Row(
        "a further round of IPG, a vote in each", "its first round",
        "ipg_cost", "*; hsizoo, a vote in each round, no training",
        "a further round (the mean)", "first round", 0.1, "lower",
    ),
    Row(
        "the same, a vote in every fifth", "its first round",
        "ipg_cost", "*; hsizoo, a vote in every fifth round, no training",
        "a further round (the mean)", "first round", 0.1, "lower",
    ),
    Row(
        "IPG", "encode and decode per group, class and round",
        "ipg_cost", "10 groups, 4 classes, 2 rounds",
        "naive: encode and decode per group, class and round",
        "hsizoo, a vote in each round, no training", None,
    ),
    Row(
        "a training step, 5 clicks", "encoding at every click",
        "training", "*", "encoded at every click", KEPT, 10,
        ours=KEPT, decodings=CLICKS * (1 + BACKWARD),
    ),
    Row(
        "the same", "encoding once per step",
        "training", "*", "encoded once per step", KEPT, 10,
    ),
    Row(
        "load a 123 MB SpecCube", "`numpy.fromfile` and a transpose",
        "reading", "", "hsizoo: read_cube", "numpy: fromfile and transpose", 1.5, "lower",
        ours="hsizoo: read_cube", moved=4 * VALUES,
    ),
    Row(
        "`hsizoo list`, warm", "`import typer`",
        "starting", "*", "hsizoo list", "import typer", 1.5, "lower",
    ),
    Row(
        "what the runner adds per cell, ms of the processor", "–",
        "cells", "* first", "the runner's", "", 5, "lower",
    ),
    Row(
        "the same, resumed", "–",
        "cells", "* resumed", "the runner's", "", 5, "lower",
    ),
    Row(
        "one GPU: the protocol", "one encoding and the decoder's own arithmetic",
        "protocol_throughput", "*", "hsizoo, 4 models", "floor:*", 1.5, "lower", device="cuda",
    ),
    Row(
        "one GPU: one more click, ms", "–",
        "click_latency", "samsa2-*, one more click", "hsizoo samsa2", "", 3, "lower",
        ours="hsizoo samsa2", decodings=1, device="cuda",
    ),
    Row(
        "one GPU: one angle map", "plain torch",
        "scorers", "sa, 1 reference", "torch on the GPU*", SCORE, 1,
        ours=SCORE, moved=4 * VALUES + MAP, device="cuda",
    ),
    Row(
        "one GPU: a training step", "encoding at every click",
        "training", "*", "encoded at every click", KEPT, 10,
        ours=KEPT, decodings=CLICKS * (1 + BACKWARD), device="cuda",
    ),
)  # fmt: skip


def read_figures(part: str, folder: Path) -> list[Figure]:
    """Read the figures that a benchmark wrote, of whatever form.

    Raises
    ------
    OSError
        If it wrote none.
    """
    with (folder / f"{part}.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    if part == "cells":
        return _cells(lines)
    if part == "growth":
        with (folder / "growth_exponents.csv").open(newline="", encoding="utf-8") as file:
            return [_exponent(line) for line in csv.DictReader(file)]
    kind = "_clock" if part == "reading" else ""
    return [
        Figure(
            line.get("group", ""),
            line["what"],
            *(float(line[f"{each}{kind}_ms"]) for each in ("median", "min", "max")),
        )
        for line in lines
    ]


def _cells(lines: Sequence[Mapping[str, str]]) -> list[Figure]:
    """Milliseconds of the processor per cell, without what the cells computed; largest sizes."""
    found = []
    for run in ("first", "resumed"):
        those = [line for line in lines if line["run"] == run]
        count = max((int(line["cells"]) for line in those), default=0)
        spent = [
            float(line["processor_s"])
            for line in those
            if int(line["cells"]) == count and line["part"] != "work"
        ]
        if spent:
            each = 1000 * sum(spent) / count
            found.append(Figure(f"{count} cells, {run}", "the runner's", each, each, each))
    return found


def _exponent(line: Mapping[str, str]) -> Figure:
    """An exponent; its spread is two standard errors."""
    middle, error = float(line["exponent"]), float(line["standard_error"])
    return Figure(line["axis"], line["of"], middle, middle - 2 * error, middle + 2 * error)


def total(figures: Sequence[Figure], group: str, what: str) -> Figure:
    """Sum the figures that match.

    Raises
    ------
    LookupError
        If there is none.
    """
    found = [
        each for each in figures if fnmatchcase(each.group, group) and fnmatchcase(each.what, what)
    ]
    if not found:
        raise LookupError(f"no figure of {what!r} in {group!r}")
    sums = (sum(getattr(each, key) for each in found) for key in ("median", "least", "greatest"))
    return Figure(group, what, *sums)


def evaluate(
    row: Row, figures: Sequence[Figure], limits: Mapping[str, float] | None
) -> dict[str, Any]:
    """Compute a row's ratio with its spread, whether the aim is met, and the distance to the limit.

    The spread is from the least to the greatest ratio of single repeats.

    Raises
    ------
    LookupError
        If a figure is missing.
    """
    above = total(figures, row.group, row.above)
    one = Figure("", "", 1, 1, 1)
    below = total(figures, row.other or row.group, row.below) if row.below else one
    value = above.median / below.median
    met = None
    if row.aim is not None:
        met = value >= row.aim if row.better == "higher" else value <= row.aim
    return {
        "value": value,
        "low": above.least / below.greatest,
        "high": above.greatest / below.least,
        "met": met,
        "distance": distance(row, figures, limits) if row.ours and limits else None,
    }


def distance(row: Row, figures: Sequence[Figure], limits: Mapping[str, float]) -> dict[str, Any]:
    """Compute how many times the least possible time hsizoo takes, and what limits it."""
    spent = total(figures, row.group, row.ours).median
    bounds = {"memory bandwidth": row.moved / limits["bytes per ms"]}
    if row.encodings or row.decodings:
        needed = sum(
            times * limits[f"operations of one {what}"]
            for what, times in (("encoding", row.encodings), ("decoding", row.decodings))
            if times
        )
        bounds["arithmetic"] = needed / limits[f"{row.precision} operations per ms"]
    what, least = max(bounds.items(), key=lambda bound: bound[1])
    return {"times": spent / least, "of": what, "least_ms": least, "ms": spent}


def growth_rows(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """Rows of the exponents of growth."""
    return [
        {
            "id": f"growth of {each.what} with {each.group}",
            "work": f"growth of {each.what} with {each.group}", "against": "power",
            "part": "growth", "aim": 1.1, "better": "lower", "value": each.median,
            "low": each.least, "high": each.greatest, "met": each.median <= 1.1, "distance": None,
        }
        for each in figures
    ]  # fmt: skip


def describe(row: Row) -> dict[str, Any]:
    """Name a row, as ``compare.py`` finds it again."""
    known = asdict(row)
    whole = f"{row.device}: {row.part}: {row.group}: {row.above} / {row.below}"
    return {"id": whole} | {
        key: known[key] for key in ("work", "against", "part", "aim", "better", "device")
    }
