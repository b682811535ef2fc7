"""``hsizoo classify``: from a few labelled pixels to a map of classes."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hsizoo.cli.parameters import Device, Layout, SetOption, Variable, settings_given
from hsizoo.errors import DataError, HsizooError
from hsizoo.zoo.lookup import check_components

if TYPE_CHECKING:
    from rich.console import Console

    from hsizoo.mapping import ClassMap
    from hsizoo.mapping.outputs import Outputs

__all__ = ["EPILOG", "classify"]

EPILOG = (
    "Examples: hsizoo classify svm scene.hdr --labels labels.csv --out map.hdr; "
    "hsizoo classify cnn2d a.tif --labels polygons.geojson --out a_map.tif --apply-to 'b*.tif'"
)


def classify(
    classifier: Annotated[
        str,
        typer.Argument(
            metavar="CLASSIFIER",
            help="A classifier, or LABELER+CLASSIFIER: svm, ipg-plus, ipg+cnn2d.",
        ),
    ],
    file: Annotated[str, typer.Argument(metavar="FILE", help="The cube, of any known format.")],
    labels: Annotated[
        str,
        typer.Option(
            "--labels",
            "-l",
            metavar="PATH",
            help="Labelled pixels, all of which are used: a CSV file with the header "
            "row,col,class; polygons (.geojson, .gpkg, .shp); or a mask of any format.  Label 0 "
            "is unlabelled, whatever its name.",
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            metavar="PATH",
            help="Map: .png, .hdr (ENVI classification), .tif (GeoTIFF if FILE is one) or .npz.  "
            "Its legend is written beside it, as NAME.legend.csv.",
        ),
    ],
    probabilities: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Write the probability of each class too: .npz, .tif, .hdr or .npy.",
        ),
    ] = None,
    picture: Annotated[
        bool,
        typer.Option(
            "--picture", help="Draw the map with its legend beside it, as NAME.picture.png."
        ),
    ] = False,
    min_probability: Annotated[
        float,
        typer.Option(
            metavar="P",
            help="Leave pixels unlabelled whose most probable class is less probable; in [0, 1).",
        ),
    ] = 0.0,
    apply_to: Annotated[
        list[str] | None,
        typer.Option(
            "--apply-to",
            metavar="FILE",
            help="Classify another cube with what was learnt; may be repeated, and may be a "
            "pattern in quotes: 'flight/*.hdr'.  Maps are named STEM_map and lie beside --out, or "
            "in --out-dir.",
        ),
    ] = None,
    out_dir: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Folder for the maps of --apply-to."),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="The same seed gives the same map.")
    ] = 0,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that are not an earlier map.")
    ] = False,
    variable: Variable = None,
    layout: Layout = "auto",
    set_: SetOption = None,
    device: Device = "auto",
) -> None:
    """Learn from a few labelled pixels of the cube FILE, and classify all of its pixels.

    Pixels without data get the label 0.  If a file of --apply-to fails, the others are classified,
    and the exit status is 1.
    """
    check_components([classifier], ("classifier",))
    if not 0 <= min_probability < 1:
        raise typer.BadParameter(
            f"{min_probability:g} is not in the range 0<=x<1", param_hint="--min-probability"
        )
    if out_dir is not None and not apply_to:
        raise typer.BadParameter("it is for the maps of --apply-to", param_hint="--out-dir")
    others = _expanded(apply_to or ())
    plan = _plan(file, labels, others, out, probabilities, picture, out_dir, force)

    from hsizoo.cli.console import console
    from hsizoo.cli.progress_bar import progress_bar

    errors = console(stderr=True)
    with errors.status("loading …"):  # importing torch takes two seconds
        from hsizoo.mapping import class_map
        from hsizoo.mapping.learning import check_inductive

    if others:
        check_inductive(classifier, classifier)
    if picture:
        from hsizoo.report.pictures import new_figure

        new_figure((1, 1))  # fails now, not after the work, without matplotlib
    with progress_bar(errors, f"learning from {labels}"):
        first = class_map.classify(
            classifier,
            file,
            labels,
            seed=seed,
            device=device,
            settings=settings_given(set_, variable, layout),
            min_probability=min_probability,
        )
    _write(first, plan[0], errors, force=force)
    failed = 0
    for other, files in zip(others, plan[1:], strict=True):
        try:
            with progress_bar(errors, f"classifying {other}"):
                found = first.apply_to(other)
            _write(found, files, errors, force=force)
        except (HsizooError, OSError) as error:  # the others are not to be lost
            failed += 1
            errors.print(f"{other}: not classified: {error}", style="red", markup=False)
    if failed:
        errors.print(f"{failed} of {len(others)} other file(s) not classified", style="red")
        raise typer.Exit(1)


def _expanded(patterns: Sequence[str]) -> list[str]:
    """Return the files that names and patterns stand for."""
    found: list[str] = []
    for pattern in patterns:
        if Path(pattern).exists() or glob.escape(pattern) == pattern:
            found.append(pattern)
            continue
        matching = sorted(glob.glob(pattern))  # noqa: PTH207 - the pattern may be absolute
        if not matching:
            raise DataError(f"--apply-to {pattern}: no file matches")
        found += matching
    return list(dict.fromkeys(found))


def _plan(
    file: str,
    labels: str,
    others: Sequence[str],
    out: str,
    probabilities: str | None,
    picture: bool,
    out_dir: str | None,
    force: bool,
) -> list[Outputs]:
    """Return the files of each map, once all may be written and all inputs exist."""
    from hsizoo.io.formats import files_of
    from hsizoo.mapping.outputs import Outputs

    inputs = [Path(each) for each in (file, labels, *others)]
    for path in inputs:
        if not path.exists():
            raise DataError(f"there is no file {path}")
    main = Outputs.at(
        Path(out), Path(probabilities) if probabilities is not None else None, picture=picture
    )
    read = [each for path in inputs for each in files_of(path)]
    main.check(read, force=force)
    folder = Path(out_dir) if out_dir is not None else main.map.parent
    if others:
        folder.mkdir(parents=True, exist_ok=True)
    plan, owner = [main], {path.resolve(): file for path in main.files()}
    for other in others:
        files = main.beside(Path(other), folder)
        files.check(read, force=force)
        for path in files.files():
            if (before := owner.setdefault(path.resolve(), other)) != other:
                raise DataError(
                    f"the maps of {before} and {other} would both be {path}; classify them in two "
                    "calls with different --out-dir"
                )
        plan.append(files)
    return plan


def _write(found: ClassMap, files: Outputs, errors: Console, *, force: bool) -> None:
    """Write a map, and say what there is."""
    remarks: Iterable[str] = filter(None, (*found.remarks, found.lost(files.map)))
    for remark in remarks:
        errors.print(remark, style="yellow", markup=False)
    written = found.write(files, force=force)
    height, width = found.labels.shape
    classes = len(found.class_names)
    about = [f"{height} × {width} pixels in {classes} classes"]
    if found.without_data:
        about.append(f"{found.without_data} without data")
    if found.unsure:
        about.append(f"{found.unsure} below --min-probability")
    typer.echo(f"{written[0]}  {', '.join(about)}")
    for path in written[1:]:
        typer.echo(str(path))
