"""``hsizoo segment``: one object of one cube, by clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pathlib import Path

    from hsizoo.clicks import Clicks
    from hsizoo.cube import HyperCube


def _positions(
    _: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> list[tuple[int, int]]:
    """Read each ``ROW,COL``."""
    positions = []
    for value in values:
        row, _comma, col = (part.strip() for part in value.partition(","))
        if not (row.isdecimal() and col.isdecimal()):
            raise click.BadParameter(
                f"{value!r} is no position; write ROW,COL, both counted from 0", param=parameter
            )
        positions.append((int(row), int(col)))
    return positions


@click.command(
    epilog="Example: hsizoo segment sa-rw scene.hdr --click 60,100 --not 10,10 --out mask.png"
)
@click.argument("component")
@click.argument("file", type=click.Path())
@click.option(
    "--click",
    "positive",
    metavar="ROW,COL",
    callback=_positions,
    multiple=True,
    help="On the object; may be repeated.",
)
@click.option(
    "--not",
    "negative",
    metavar="ROW,COL",
    callback=_positions,
    multiple=True,
    help="Not on it; may be repeated.",
)
@click.option(
    "--replay",
    type=click.Path(),
    help="Clicks that an earlier call kept, first; and its threshold, unless --threshold is given.",
)
@click.option(
    "--out",
    "-o",
    required=True,
    type=click.Path(),
    help="The mask: .png, .hdr (ENVI classification), .tif (GeoTIFF if FILE is one) or .npz.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, max_open=True),
    help="Probability above which is the object.  [default: 0.5]",
)
@click.option("--variable", help="Which array is the cube, where FILE holds several.")
@click.option(
    "--layout",
    type=click.Choice(["hwb", "bhw"]),
    default="hwb",
    show_default=True,
    help="Order of the axes where the format does not say it: bands last, or first.",
)
@click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:NUMBER or mps."
)
@click.option("--allow-untrained", is_flag=True, help="Use a segmenter that nobody trained.")
def segment(
    component: str,
    file: str,
    positive: list[tuple[int, int]],
    negative: list[tuple[int, int]],
    replay: str | None,
    out: str,
    threshold: float | None,
    variable: str | None,
    layout: Any,
    device: str,
    allow_untrained: bool,
) -> None:
    """Segment one object of the cube FILE by clicks with COMPONENT, and write its mask.

    The clicks are kept beside the mask, as OUT.clicks.json; --replay OUT.clicks.json with the same
    component gives the same mask.
    """
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
    given = [*((*p, True) for p in positive), *((*p, False) for p in negative)]
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
    click.echo(f"{target}  {int(mask.sum())} of {mask.size} pixels")
    click.echo(f"{kept}  {len(clicks)} click(s)")
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
