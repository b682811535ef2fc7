"""``hsizoo doctor``: check the installation and suggest fixes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hsizoo.cli.parameters import DataDir, Json
from hsizoo.zoo.lookup import check_components, find_dataset

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hsizoo.runs.inventory import Item

_OPTIONAL = {
    "matplotlib": "pip install 'hsizoo[report]'",
    "h5py": "pip install 'hsizoo[hdf5]'",
    "tifffile": "pip install 'hsizoo[tiff]'",
    "rasterio": "pip install 'hsizoo[geo]'",
    "pyogrio": "pip install 'hsizoo[geo]'",
    "shapely": "pip install 'hsizoo[geo]'",
    "ray": "pip install 'hsizoo[ray]'",
    "zarr": "pip install 'hsizoo[zarr]'",
    "fastapi": "pip install 'hsizoo[studio]'",
    "uvicorn": "pip install 'hsizoo[studio]'",
    "anywidget": "pip install 'hsizoo[notebook]'",
}
_LONGEST_FIX = 64
_COMMANDS = ("curl", "hsizoo", "pip")
_COLOURS = {"ok": "green", "optional": "yellow", "missing": "red", "broken": "red"}


def doctor(
    components: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMPONENTS", help="Names from `hsizoo list`."),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            "-d",
            metavar="DATASET",
            help="Dataset, optionally with options.  [default: that of `hsizoo bench`]",
        ),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Check this installation, and list the weights and datasets that are here.

    With COMPONENTS or a dataset: check whether `hsizoo bench COMPONENTS --dataset DATASET` can run,
    and show the commands that bring what is missing.

    Exits with status 1 if a required part is broken, or if that run is not possible yet.
    """
    from hsizoo.cli.console import print_json

    whole = not (components or dataset or data_dir)
    if whole:
        checks = _installation()
    else:
        checks = _run(components or [], dataset or "indian-pines", data_dir)
    if json:
        print_json(
            [dict(zip(("what", "status", "detail", "mend"), c, strict=True)) for c in checks]
        )
    elif whole:
        _print_table(checks)
    else:
        _print_run(*checks)
    raise typer.Exit(int(any(status in ("broken", "missing") for _, status, _, _ in checks)))


Check = tuple[str, str, str, str]


def _print_table(checks: Iterable[Check]) -> None:
    """Print a table; what is too long for it, and commands to copy, on lines of their own."""
    from rich.markup import escape
    from rich.padding import Padding

    from hsizoo.cli.console import console, print_rows

    rows, below = [], []
    for what, status, detail, fix in checks:
        if len(fix) > _LONGEST_FIX:
            below.append((what, fix))
            fix = "see below"
        words = f"{detail}\nfix: {fix}" if fix else detail
        rows.append((escape(what), f"[{_COLOURS[status]}]{status}[/]", escape(words)))
    out = console()
    print_rows(out, ("what", "status", "detail"), rows)
    for what, fix in below:
        out.print(f"{what}:", markup=False)
        is_command = fix.partition(" ")[0] in _COMMANDS  # stays whole, to be copied
        shown = f"    {fix}" if is_command else Padding(escape(fix), (0, 0, 0, 4))
        out.print(shown, markup=not is_command, soft_wrap=is_command)


def _print_run(verdict: Check, *missing: Check) -> None:
    """Print whether a run is possible, and what is missing with the commands that bring it."""
    from rich.markup import escape

    from hsizoo.cli.console import console

    out = console()
    what, status, detail, _ = verdict
    out.print(f"{escape(what)}: [{_COLOURS[status]}]{escape(detail)}[/]", soft_wrap=True)
    for number, (_, _, text, commands) in enumerate(missing, start=1):
        out.print(f"{number}. {text}", markup=False, soft_wrap=True)
        for command in commands.splitlines():
            out.print(f"    {command}", markup=False, soft_wrap=True)


def _installation() -> list[Check]:
    plugins = _plugins()  # before torch, which damaged metadata of one could break
    from hsizoo.runs.inventory import list_datasets, list_weights

    return [
        _python(),
        *[_package(name, None) for name in ("numpy", "scipy", "scikit-image", "tensorly")],
        _torch(),
        *[_package(name, how) for name, how in _OPTIONAL.items()],
        *plugins,
        *_requirements(),
        _embedded_data(),
        *map(_check, [*list_weights(), *list_datasets()]),
    ]


def _run(components: list[str], dataset: str, data_dir: str | None) -> list[Check]:
    check_components(components)
    find_dataset(dataset)
    from hsizoo.runs.inventory import readiness
    from hsizoo.zoo.factory import with_data_dir

    if data_dir is not None:
        dataset = with_data_dir(dataset, data_dir)
    return [_check(item) for item in readiness(components, dataset)]


def _check(item: Item) -> Check:
    status = "ok" if item.is_here else "missing" if item.is_needed else "optional"
    return item.what, status, item.detail, item.how


def _python() -> Check:
    import platform

    return "python", "ok", platform.python_version(), ""


def _package(name: str, optional: str | None) -> Check:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return name, "ok", version(name), ""
    except PackageNotFoundError:
        status = "optional" if optional else "broken"
        return name, status, "not installed", optional or f"pip install {name}"


def _torch() -> Check:
    try:
        import torch
    except Exception as error:  # noqa: BLE001 (a torch with broken libraries may raise anything)
        return "torch", "broken", str(error), "pip install --force-reinstall torch"
    if torch.cuda.is_available():
        gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        return "torch", "ok", f"{torch.__version__}, {len(gpus)} GPU(s): {', '.join(gpus)}", ""
    if torch.backends.mps.is_available():
        return "torch", "ok", f"{torch.__version__}, Apple GPU", ""
    return (
        "torch",
        "ok",
        f"{torch.__version__}, no GPU: computing on {torch.get_num_threads()} threads",
        "",
    )


def _plugins() -> list[Check]:
    from hsizoo.zoo.registry import registry

    checks = []
    for record in registry().plugins:
        what = f"plugin {record.name} ({record.dist} {record.version})"
        if record.status == "ok":
            detail = record.detail or f"{len(record.components)} component(s)"
            checks.append((what, "ok", detail, ""))
        elif record.status == "disabled":
            checks.append((what, "optional", record.detail, "unset HSIZOO_NO_PLUGINS"))
        else:
            own = record.dist == "hsizoo" and not record.mend
            fix = record.mend or (
                f"pip install --force-reinstall {record.dist}"
                if own
                else (f"pip install --upgrade {record.dist}, or pip uninstall {record.dist}")
            )
            checks.append((what, "broken" if own else "optional", record.detail, fix))
    return checks


def _requirements() -> list[Check]:
    from hsizoo.zoo.registry import registry

    return [
        (
            entry.full_name,
            "optional",
            f"needs {', '.join(entry.missing)}",
            entry.spec.install or f"pip install {' '.join(entry.missing)}",
        )
        for entry in registry().entries()
        if entry.missing
    ]


def _embedded_data() -> Check:
    from hsizoo.errors import HsizooError
    from hsizoo.zoo.factory import load_scene

    what = "embedded scene (indian-pines)"
    try:
        scene = load_scene("indian-pines")
    except HsizooError as error:
        return what, "broken", str(error), "pip install --force-reinstall tensorly"
    return what, "ok", f"{'×'.join(map(str, scene.cube.shape))}, digests match", ""
