"""``hsizoo segment``: one object of one cube, by clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hsizoo.cli.parameters import Device, Layout
from hsizoo.zoo.lookup import check_components

if TYPE_CHECKING:
    from pathlib import Path

    from hsizoo.clicks import Clicks
    from hsizoo.cube import HyperCube


def _positions(values: list[str] | None) -> list[str]:
    """Check each ``ROW,COL``."""
    for value in values or ():
        row, _comma, col = (part.strip() for part in value.partition(","))
        if not (row.isdecimal() and col.isdecimal()):
            raise typer.BadParameter(
                f"{value!r} is no position; write ROW,COL, both counted from 0"
            )
    return values or []


def _probability(value: float | None) -> float | None:
    if value is not None and not 0 <= value < 1:
        raise typer.BadParameter(f"{value} is not in the range 0<=x<1.")
    return value


def segment(
    component: Annotated[str, typer.Argument(metavar="COMPONENT", help="A segmenter or scorer.")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="The cube.")],
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            metavar="PATH",
            help="The mask: .png, .hdr (ENVI classification), .tif (GeoTIFF if FILE is one) or "
            ".npz.",
        ),
    ],
    positive: Annotated[
        list[str] | None,
        typer.Option(
            "--click",
            metavar="ROW,COL",
            callback=_positions,
            help="On the object; may be repeated.",
        ),
    ] = None,
    negative: Annotated[
        list[str] | None,
        typer.Option(
            "--not", metavar="ROW,COL", callback=_positions, help="Not on it; may be repeated."
        ),
    ] = None,
    replay: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Clicks that an earlier call kept, first; and its threshold, unless --threshold "
            "is given.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            callback=_probability,
            help="Probability above which is the object, 0<=x<1.  [default: 0.5]",
        ),
    ] = None,
    variable: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which array is the cube, where FILE holds several."),
    ] = None,
    layout: Layout = "hwb",
    device: Device = "auto",
    allow_untrained: Annotated[
        bool, typer.Option("--allow-untrained", help="Use a segmenter that nobody trained.")
    ] = False,
) -> None:
    """Segment one object of the cube FILE by clicks with COMPONENT, and write its mask.

    The clicks are kept beside the mask, as OUT.clicks.json; --replay OUT.clicks.json with the same
    component gives the same mask.
    """
    check_components([component], ("segmenter", "scorer"))
    from pathlib import Path

    import numpy as np

    from hsizoo.cli.console import console
    from hsizoo.clicks import Clicks
    from hsizoo.errors import ProtocolError
    from hsizoo.io.formats import open_raster
    from hsizoo.io.raster import to_cube
    from hsizoo.io.writing import check_mask_name, keeps_place, write_mask
    from hsizoo.zoo.device import resolve_device
    from hsizoo.zoo.factory import resolve

    check_mask_name(out)
    errors = console(stderr=True)
    resolved = resolve(component, "segmenter")
    if not allow_untrained and (resolved.is_untrained() or resolved.starts_at_random):
        raise ProtocolError(
            f"{component} has not been trained, so its mask would mean nothing.  Train it "
            "(hsizoo train), or use it as it is with --allow-untrained"
        )
    raster = open_raster(file, "cube", variable=variable, layout=layout)
    cube = to_cube(raster)
    given = [
        (int(row), int(col), good)
        for texts, good in ((positive, True), (negative, False))
        for row, _, col in (text.partition(",") for text in texts or ())
    ]
    clicks, kept_threshold = Clicks(), 0.5
    if replay:
        clicks, kept_threshold = _replayed(Path(replay), component, cube, errors)
    threshold = kept_threshold if threshold is None else threshold
    for row, col, good in given:
        clicks = clicks.add(row, col, good)
    _check(clicks, cube)
    target = Path(out)
    _check_target(target, {raster.path.resolve(), Path(file).resolve()})
    segmenter = resolved.build(resolve_device(device))
    state = segmenter.open(cube)
    probability = segmenter.predict(state, [clicks])[0]
    if hasattr(probability, "detach"):
        probability = probability.detach().cpu().numpy()
    mask = (np.asarray(probability) > threshold) & cube.valid
    write_mask(target, mask, class_names={0: "background", 1: "object"}, like=raster)
    kept = target.with_name(f"{target.name}.clicks.json")
    kept.write_text(_as_json(component, file, cube, clicks, threshold), encoding="utf-8")
    typer.echo(f"{target}  {int(mask.sum())} of {mask.size} pixels")
    typer.echo(f"{kept}  {len(clicks)} click(s)")
    if len({*mask[cube.valid].tolist()}) == 1:
        what, change = ("every", "raise") if mask.any() else ("no", "lower")
        errors.print(
            f"{what} pixel's probability is above {threshold:g}; {change} --threshold, or click "
            "more",
            style="yellow",
        )
    if not keeps_place(target, raster):
        errors.print(
            "the mask does not say where it lies on earth, as its format differs from the "
            "cube's; write it as "
            + (".tif" if all(key.isdigit() for key in raster.place) else ".hdr"),
            style="yellow",
        )


def _check(clicks: Clicks, cube: HyperCube) -> None:
    """Raise `ClickError` if a click cannot be used."""
    from hsizoo.errors import ClickError

    if not clicks.positive.any():
        raise ClickError("give at least one click on the object: --click ROW,COL")
    clicks.check_inside(*cube.shape[:2])
    for row, col, _ in clicks:
        if not cube.valid[row, col]:
            raise ClickError(f"the pixel (row={row}, col={col}) has no finite spectrum")


def _check_target(target: Path, cube: set[Path]) -> None:
    """Raise `DataError` if the mask cannot be written, or a file that is no mask would be lost."""
    from hsizoo.errors import DataError, HsizooError
    from hsizoo.io import open_raster, read_labels

    if not target.parent.is_dir():
        raise DataError(f"there is no folder {target.parent} to write {target.name} into")
    is_envi = target.suffix.lower() == ".hdr"
    written = {target, target.with_suffix(".img")} if is_envi else {target}
    if {path.resolve() for path in written} & cube:
        raise DataError(f"{target} would overwrite the cube; choose another name")
    if not any(path.exists() for path in written):
        return
    try:
        read_labels(target)
    except HsizooError as error:
        raise DataError(f"{target} is there and no mask; choose another name ({error})") from None
    try:
        bands = open_raster(target, "cube").values.shape[2:]
    except HsizooError:
        return
    if bands not in ((), (1,)):
        raise DataError(f"{target} is there and holds a cube; choose another name")


def _as_json(component: str, file: str, cube: HyperCube, clicks: Clicks, threshold: float) -> str:
    import json
    from pathlib import Path

    about = {
        "format": "hsizoo clicks 1",
        "component": component,
        "file": Path(file).name,
        "shape": list(cube.shape),
        "cube sha256": cube.digest,
        "threshold": threshold,
        "clicks": clicks.to_json(),
    }
    return json.dumps(about, indent=1) + "\n"


def _replayed(path: Path, component: str, cube: HyperCube, errors: Any) -> tuple[Clicks, float]:
    """The clicks of a file and its threshold; says so if they were made otherwise than now."""
    import json

    from hsizoo.clicks import Clicks
    from hsizoo.errors import ClickError, DataError

    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        clicks = Clicks.from_json(about["clicks"])
        threshold = float(about.get("threshold", 0.5))
        if not 0 <= threshold < 1:
            raise ValueError(f"threshold {threshold}")
    except ClickError:
        raise
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise DataError(f"{path} holds no clicks that hsizoo kept: {error!r}") from error
    if about.get("cube sha256") != cube.digest:
        errors.print(f"{path} was made on another cube ({about.get('file')})", style="yellow")
    if about.get("component") != component:
        errors.print(f"{path} was made with {about.get('component')}", style="yellow")
    return clicks, threshold
