"""Run every speed benchmark and write one record: performance.md and performance.json.

Run from the repository root, on an otherwise idle machine::

    python benchmarks/run_all.py                  # hours; writes benchmarks/results/*
    python benchmarks/run_all.py --quick          # small sizes; minutes; benchmarks/results/quick
    python benchmarks/run_all.py --again scorers  # measures that part again
    python benchmarks/run_all.py --device cuda    # the parts of a GPU; results/cuda

A part that is finished is kept: the same command goes on where it was stopped, and measures again
only what failed or is named by ``--again``.  The exit status is 1 if a part failed.  Two records
are compared by ``compare.py``.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import datetime
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from performance import ROWS, Figure, describe, evaluate, growth_rows, read_figures

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results"


@dataclass(frozen=True)
class Part:
    """A benchmark, its words for a quick run, and whether it also runs on a GPU."""

    name: str
    quick: tuple[str, ...]
    whole: tuple[str, ...] = ()
    gpu: bool = False


PARTS = (
    Part("limits", ("--size", "nano", "--repeats", "3"), gpu=True),
    Part("starting", ("--repeats", "5")),
    Part("scorers", ("--repeats", "3"), gpu=True),
    Part("click_latency", ("--size", "nano", "--repeats", "5"), gpu=True),
    Part("reading", ("--repeats", "3")),
    Part("training", ("--size", "nano", "--repeats", "3"), gpu=True),
    Part("encoder", ("--size", "nano", "--repeats", "3"), gpu=True),
    Part(
        "protocol_throughput",
        ("--size", "nano", "--classes", "4", "--clicks", "2", "--repeats", "3"),
        gpu=True,
    ),
    Part("cells", ("--cells", "100"), ("--cells", "1000")),
    Part("growth", ("--values", "3")),
    Part("ipg_cost", ("--values", "2", "--repeats", "1"), gpu=True),
)


def run_part(part: Part, words: Sequence[str], minutes: float) -> dict[str, Any]:
    """Run one benchmark; what it wrote, or its error."""
    begun = time.monotonic()
    done: dict[str, Any] = {"words": list(words), "date": datetime.date.today().isoformat()}
    try:
        found = subprocess.run(
            [sys.executable, str(FOLDER / f"{part.name}.py"), *words],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
            timeout=60 * minutes, env=environment(),
        )  # fmt: skip
        if found.returncode:
            last = [line for line in found.stderr.splitlines() if line.strip()][-1:]
            raise RuntimeError(" ".join(last) or f"exit status {found.returncode}")
        out = Path(words[words.index("--out") + 1])
        done["figures"] = [asdict(each) for each in read_figures(part.name, out)]
        if part.name == "limits":
            done["limits"] = read_limits(out)
    except subprocess.TimeoutExpired:
        done["error"] = f"not finished after {minutes:g} minutes; see --minutes"
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        done["error"] = f"{type(error).__name__}: {error}"
    done["seconds"] = round(time.monotonic() - begun, 1)
    return done


def environment() -> dict[str, str]:
    """Variables of a part, which finds hsizoo where this process does."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}


def read_limits(out: Path) -> dict[str, float]:
    """Read what ``limits.py`` found."""
    with (out / "limits_numbers.csv").open(newline="", encoding="utf-8") as file:
        return {line["what"]: float(line["number"]) for line in csv.DictReader(file)}


def finished(known: Mapping[str, Any] | None, words: Sequence[str]) -> bool:
    """Whether a part was measured without error, by the same words."""
    return known is not None and "error" not in known and known["words"] == list(words)


def rows(parts: Mapping[str, Any], device: str) -> list[dict[str, Any]]:
    """Every row of the record: a ratio, or why there is none."""
    limits = parts.get("limits", {}).get("limits")
    found = []
    for row in ROWS:
        line = describe(row)
        part = parts.get(row.part)
        if row.device != device:
            if row.device == "cpu":
                continue  # those have a record of their own
            line["error"] = "not measured: it needs a GPU and --device cuda"
        elif part is None:
            line["error"] = f"not measured: {row.part} was not run"
        elif "error" in part:
            line["error"] = f"{row.part}: {part['error']}"
        else:
            figures = [Figure(**each) for each in part["figures"]]
            try:
                line |= evaluate(row, figures, limits)
            except LookupError as error:
                line["error"] = f"{row.part}: {error}"
        found.append(line)
    growth = parts.get("growth", {})
    if "error" in growth:
        found.append(
            {"id": "growth", "work": "growth", "against": "–", "part": "growth", "aim": None,
             "better": "lower", "error": f"growth: {growth['error']}"}
        )  # fmt: skip
    return found + growth_rows([Figure(**each) for each in growth.get("figures", [])])


def table(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """Format the rows as Markdown."""
    text = [
        "| work | against | aim | measured (least to greatest) | | times the machine's limit |",
        "|---|---|---|---|---|---|",
    ]
    for line in lines:
        aim = "–"
        if line["aim"] is not None:
            aim = f"{'≥' if line['better'] == 'higher' else '≤'} {line['aim']:g}"
        head = f"| {line['work']} | {line['against']} | {aim} "
        if "error" in line:
            text.append(f"{head}| – | {line['error'].replace('|', '/')} | – |")
            continue
        met = {True: "met", False: "missed", None: "–"}[line["met"]]
        away = "–"
        if line["distance"]:
            far = line["distance"]
            away = f"{far['times']:.1f} × {far['least_ms']:.3g} ms, {far['of']}"
        spread = f"{line['value']:.2f} ({line['low']:.2f} to {line['high']:.2f})"
        text.append(f"{head}| {spread} | {met} | {away} |")
    return text


def save(out: Path, record: dict[str, Any]) -> None:
    """Write performance.json and performance.md; a reader never sees half of one."""
    out.mkdir(parents=True, exist_ok=True)
    lines = record["rows"]
    limits = record["parts"].get("limits", {}).get("limits", {})
    aimed = [line for line in lines if line.get("met") is not None]
    text = [
        "# Speed, in one record",
        "",
        f"{sum(line['met'] for line in aimed)} of {len(aimed)} measured aims are met. Ratios of "
        "medians; in brackets the least and the greatest ratio of single repeats. The last column "
        "is hsizoo's time over the least that memory or arithmetic of this machine allow.",
        "",
        *record["circumstances"],
        *(f"- {what}: {number:.4g}" for what, number in limits.items()),
        "",
        *table(lines),
        "",
        "## Parts",
        "",
        "| part | command | measured | seconds | |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | `{name}.py {' '.join(part['words'])}` | {part['date']}, {part['commit']} "
            f"| {part['seconds']:.0f} | {part.get('error', 'done').replace('|', '/')} |"
            for name, part in record["parts"].items()
        ),
    ]
    for name, content in {
        "performance.json": json.dumps(record, indent=1, ensure_ascii=False),
        "performance.md": "\n".join(text),
    }.items():
        new = out / f"{name}.new"
        new.write_text(content + "\n", encoding="utf-8")
        new.replace(out / name)


def earlier(path: Path) -> dict[str, Any]:
    """Read the parts of an earlier, perhaps stopped, run.

    Raises
    ------
    SystemExit
        If the file is not such a record.
    """
    if not path.exists():
        return {}
    try:
        parts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["parts"]
        for part in parts.values():
            _ = part["words"], part["date"], part["commit"], part["seconds"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SystemExit(
            f"{path} is not a record of run_all.py ({error!r}); move it away, or choose --out"
        ) from error
    return parts


def main() -> int:
    """Run what is not finished; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [part.name for part in PARTS]
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--out", type=Path, help="default: benchmarks/results, or below it")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:<number>")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="PART")
    parser.add_argument(
        "--again", nargs="*", choices=[*names, "all"], default=[], metavar="PART",
        help="measure again, also if finished; 'all' for every part",
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, default=120, help="at most, per part")
    options = parser.parse_args()
    kind = options.device.partition(":")[0]
    out: Path = options.out or RESULTS / ("quick" if options.quick else "") / (
        "" if kind == "cpu" else kind
    )
    with contextlib.suppress(ValueError):  # or records would carry a path of this machine
        out = out.resolve().relative_to(Path.cwd())
    parts = earlier(out / "performance.json")
    from racing import circumstances, commit, processor

    for part in PARTS:
        if part.name not in options.only or (kind != "cpu" and not part.gpu):
            continue
        words = [*(part.quick if options.quick else part.whole), "--out", str(out)]
        if part.gpu:
            words += ["--device", options.device]
        again = bool({part.name, "all"} & set(options.again))
        if finished(parts.get(part.name), words) and not again:
            print(f"{part.name}: kept, measured on {parts[part.name]['date']}", flush=True)
            continue
        print(f"{part.name}: running", flush=True)
        parts[part.name] = run_part(part, words, options.minutes) | {"commit": commit()}
        done = parts[part.name]
        print(f"{part.name}: {done.get('error', 'done')}, {done['seconds']:.0f} s", flush=True)
        save(
            out,
            {
                "machine": {"processor": processor(), "cores": os.cpu_count()},
                "circumstances": circumstances("run_all", options.device),
                "quick": options.quick,
                "device": options.device,
                "parts": parts,
                "rows": rows(parts, kind),
            },
        )
    print(f"{out / 'performance.md'}")
    return int(any("error" in part for part in parts.values()))


if __name__ == "__main__":
    sys.exit(main())
