"""``hsizoo doctor``: check the installation and suggest fixes."""

from __future__ import annotations

import typer

from hsizoo.cli.parameters import Json

_OPTIONAL = {
    "matplotlib": "pip install 'hsizoo[report]'",
    "h5py": "pip install 'hsizoo[hdf5]'",
    "tifffile": "pip install 'hsizoo[tiff]'",
    "rasterio": "pip install 'hsizoo[geo]'",
    "zarr": "pip install 'hsizoo[zarr]'",
}


def doctor(json: Json = False) -> None:
    """Check this installation; exits with status 1 if a required part is broken."""
    from rich.markup import escape

    from hsizoo.cli.console import console, print_json, print_rows

    checks = [
        _python(),
        *[_package(name, None) for name in ("numpy", "scipy", "scikit-image", "tensorly")],
        _torch(),
        *[_package(name, how) for name, how in _OPTIONAL.items()],
        *_plugins(),
        *_requirements(),
        _embedded_data(),
    ]
    if json:
        print_json(
            [dict(zip(("what", "status", "detail", "mend"), c, strict=True)) for c in checks]
        )
    else:
        colour = {"ok": "green", "optional": "yellow", "broken": "red"}
        rows = []
        for what, status, detail, fix in checks:
            words = f"{detail}\nfix: {fix}" if fix else detail
            rows.append((escape(what), f"[{colour[status]}]{status}[/]", escape(words)))
        print_rows(console(), ("what", "status", "detail"), rows)
    raise typer.Exit(int(any(status == "broken" for _, status, _, _ in checks)))


Check = tuple[str, str, str, str]


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
            own = record.dist == "hsizoo"
            fix = (
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
