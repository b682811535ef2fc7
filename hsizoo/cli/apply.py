"""``hsizoo apply``: look for reference spectra in a folder of cubes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from hsizoo.cli.parameters import Device, Layout, SetOption, Variable, settings_given
from hsizoo.documents import user_path
from hsizoo.zoo.lookup import check_scorer

if TYPE_CHECKING:
    from rich.console import Console

    from hsizoo.session.applying import Threshold
    from hsizoo.session.mask_folder import Outcome

__all__ = ["EPILOG", "apply"]

EPILOG = "Example: hsizoo apply sa cubes/ --references first.png.clicks.json --out-dir masks/"


def apply(
    scorer: Annotated[str, typer.Argument(metavar="SCORER", help="A scorer: sa, pcc, ace.")],
    cubes: Annotated[
        list[str], typer.Argument(metavar="CUBES", help="A folder of cubes, or files.")
    ],
    references: Annotated[
        str,
        typer.Option(
            "--references",
            "-r",
            metavar="PATH",
            help="Clicks saved by `hsizoo segment` or a session, an ENVI spectral library (.sli), "
            "or text (.csv, .txt).",
        ),
    ],
    out_dir: Annotated[
        str, typer.Option("--out-dir", "-o", metavar="FOLDER", help="Folder for the masks.")
    ],
    format_: Annotated[
        Literal["png", "hdr", "tif", "npz"],
        typer.Option(
            "--format",
            help="Format of the masks; hdr (ENVI) and tif keep the georeference of such cubes.",
        ),
    ] = "png",
    threshold: Annotated[
        str,
        typer.Option(
            metavar="T",
            help="Similarity above which a pixel is in the mask, in [0, 1); session: as in the "
            "mask of the saved clicks; otsu: chosen for each cube by its values; auto: between "
            "the two, or otsu without saved clicks.",
        ),
    ] = "auto",
    as_one: Annotated[
        bool, typer.Option("--as-one", help="Take all references for one class.")
    ] = False,
    scores: Annotated[
        bool, typer.Option("--scores", help="Write the similarity maps too (ENVI).")
    ] = False,
    reference_cube: Annotated[
        str | None,
        typer.Option(
            "--reference-cube",
            metavar="FILE",
            help="Cube of the saved clicks, if it is neither beside them nor among CUBES.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Make finished masks again, and replace others.")
    ] = False,
    variable: Variable = None,
    layout: Layout = "auto",
    set_: SetOption = None,
    device: Device = "auto",
) -> None:
    """Look for reference spectra in CUBES by SCORER: one mask per cube, written to FOLDER.

    Saved clicks give a class for each object, a library one for each name of a spectrum.  Masks
    that are finished are kept: the same command goes on where it was stopped.  A cube that fails is
    reported, and the rest goes on; the exit status is then 1.
    """
    check_scorer(scorer)
    limit = _threshold(threshold)

    from hsizoo.cli.console import console
    from hsizoo.errors import DataError
    from hsizoo.io.settings import Settings
    from hsizoo.session.applying import Applier, folders_of
    from hsizoo.session.inputs import list_inputs
    from hsizoo.session.mask_folder import MaskFolder, apply_to_files
    from hsizoo.session.references import read_references

    out = user_path(out_dir)
    for each in cubes:
        if out.resolve() == user_path(each).resolve():
            raise DataError(
                f"--out-dir {out_dir} is the folder of the cubes; give the masks their own"
            )
    settings = Settings.of(settings_given(set_, variable, layout))
    inputs, wrong = list_inputs(cubes, settings, outside=out)
    folder = MaskFolder(out, f".{format_}", scores=scores, force=force)
    folder.check_names(inputs)
    known = read_references(
        references,
        scorer=scorer,
        cube=reference_cube,
        folders=folders_of(inputs),
        as_one=as_one,
        device=device,
    )
    errors = console(stderr=True)
    for remark in known.remarks:
        errors.print(remark, style="yellow", markup=False)
    applier = Applier(scorer, known, limit, device)
    for name, value in applier.fitted.items():
        errors.print(
            f"{name}: threshold {value:.6g}, from the saved mask", style="dim", markup=False
        )
    for why in wrong.values():
        errors.print(f"error: {why}", style="red", markup=False)
    outcomes: list[Outcome] = []
    try:
        with _bar(errors, len(inputs)) as (say, advance):
            for outcome in apply_to_files(applier, inputs, folder):
                outcomes.append(outcome)
                _show(outcome, errors, say)
                advance()
    except KeyboardInterrupt:
        errors.print(f"stopped; {_summary(outcomes, 0)}.  The same command goes on")
        raise
    typer.echo(_summary(outcomes, len(wrong)))
    if wrong or any(each.error for each in outcomes):
        raise typer.Exit(1)


def _threshold(text: str) -> Threshold:
    if text in ("auto", "session", "otsu"):
        return cast("Threshold", text)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise typer.BadParameter(
            f"{text!r} is not auto, session, otsu or a number in the range 0<=x<1",
            param_hint="--threshold",
        )
    return value


@contextmanager
def _bar(errors: Console, total: int) -> Iterator[tuple[Callable[[str], None], Callable[[], None]]]:
    """Show a progress bar in a terminal; yield what writes a line to stdout, and what advances."""
    if not errors.is_terminal:
        yield typer.echo, lambda: None
        return
    import sys

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    def say(text: str) -> None:
        if sys.stdout.isatty():  # above the bar
            errors.print(text, markup=False, soft_wrap=True)
        else:
            typer.echo(text)

    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=errors, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("cubes", total=total)
        yield say, lambda: bar.advance(task)


def _show(outcome: Outcome, errors: Console, say: Callable[[str], None]) -> None:
    if outcome.error:
        errors.print(f"{outcome.name}: error: {outcome.error}", style="red", markup=False)
        return
    if outcome.before:
        say(f"{outcome.mask}  done before")
        return
    pixels = outcome.shape[0] * outcome.shape[1]
    if len(outcome.pixels) == 1:
        (found,) = outcome.pixels.values()
        text = f"{found} of {pixels} pixels"
    else:
        each = ", ".join(f"{name} {number}" for name, number in outcome.pixels.items() if number)
        text = f"{each or 'nothing'}, of {pixels} pixels"
    say(f"{outcome.mask}  {text}")
    for remark in outcome.remarks:
        errors.print(f"{outcome.name}: {remark}", style="yellow", markup=False)


def _summary(outcomes: list[Outcome], wrong: int) -> str:
    failed = sum(bool(each.error) for each in outcomes) + wrong
    before = sum(each.before for each in outcomes)
    made = sum(not each.error and not each.before for each in outcomes)
    counts = {"written": made, "done before": before, "failed": failed}
    return "masks: " + ", ".join(
        f"{n} {what}" for what, n in counts.items() if n or what == "written"
    )
