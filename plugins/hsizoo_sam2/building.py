"""Building SAM 2.1 from its YAML file, without Hydra's global state.

``import sam2`` initialises Hydra for the whole process unless that has already been done; a host
application that initialises Hydra later then fails.  Here OmegaConf reads the YAML file and
``hydra.utils.instantiate`` builds the modules.  Neither needs the global state, so the effect of
the import on it is undone.  Code that later calls sam2's own ``build_sam2`` in the same process
must therefore initialise Hydra first
(``hydra.initialize_config_module("sam2", version_base="1.2")``).

By default, ``build_sam2`` also enables a fallback to another mask where the single one is
unstable, in evaluation mode only.  It is disabled here, so that training and evaluation use the
same model.
"""

from __future__ import annotations

import hashlib
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate
from omegaconf import OmegaConf

from hsizoo import check_state, load_state, locate
from hsizoo.documents import user_path
from hsizoo.errors import DataError, OptionError
from hsizoo_sam2.identity import file_weights
from hsizoo_sam2.options import PHOTOS, meant
from hsizoo_sam2.sizes import RANDOM_SEED, SIZES, packaged_weights

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base  # type: ignore[import-untyped]

__all__ = ["ENCODING_VERSION", "build_sam21", "describe_encoder"]

ENCODING_VERSION = "1"  # increment when this package's encoding of an image changes


def build_sam21(size: str, checkpoint: str = "auto") -> tuple[SAM2Base, bool]:
    """Build a SAM 2.1 on the CPU, in evaluation mode.

    Parameters
    ----------
    size : {"nano", "tiny", "small", "base-plus", "large"}
    checkpoint : str, default "auto"
        See `hsizoo_sam2.Sam21`.

    Returns
    -------
    model : sam2.modeling.sam2_base.SAM2Base
    pretrained : bool
        Whether the weights come from a file.  Otherwise they are random, from a fixed seed.

    Raises
    ------
    OptionError
        If the size is unknown, or `checkpoint` is Meta's name for another size.
    MissingRequirement, DataError
        If the weights are not available, or do not match the model.
    """
    if size not in SIZES:
        raise OptionError(f"size={size!r}: expected one of {', '.join(SIZES)}")
    path = _weights_path(size, checkpoint)
    state = None if path is None else load_state(path)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(RANDOM_SEED)  # torch.manual_seed would seed GPUs too
        model = instantiate(OmegaConf.load(_config_path(size)).model)
    if state is not None:
        shapes = {name: tuple(each.shape) for name, each in model.state_dict().items()}
        check_state(shapes, state, f"SAM 2.1 {size} ({path})")
        model.load_state_dict(state)
    # Position encodings of features serve memory attention only; a single image needs none.  The
    # module has no weights, but would cache a table per device.
    model.image_encoder.neck.position_encoding = torch.nn.Identity()
    model.eval().requires_grad_(False)
    return model, state is not None


def describe_encoder(size: str) -> dict[str, str]:
    """Return plain values that, with the weights, determine the encoder's output."""
    return {
        "encoding": ENCODING_VERSION,
        "config": hashlib.sha256(_config_path(size).read_bytes()).hexdigest(),
        "sam2": _sam2_version(),
    }


def _sam2_version() -> str:
    for name in ("sam2", "SAM-2"):  # on PyPI; in Meta's repository
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "unknown"


def _weights_path(size: str, checkpoint: str) -> Path | None:
    checkpoint = meant(size, checkpoint)
    if checkpoint == "random":
        return None
    if checkpoint not in ("auto", PHOTOS):
        return user_path(checkpoint)
    published = SIZES[size].weights
    if published is not None:
        return locate(published)
    packaged = packaged_weights(size, checkpoint)
    if not packaged.is_file():
        if checkpoint == PHOTOS:
            raise DataError(f"{packaged} is missing: reinstall hsizoo, or leave checkpoint out")
        return None
    card = packaged.with_suffix(".json")
    if card.is_file() and file_weights(packaged).removeprefix("sha256:") not in card.read_text(
        encoding="utf-8", errors="replace"
    ):
        raise DataError(
            f"{packaged} has changed or is damaged: its sha256 is not that of {card.name} beside "
            "it.  Reinstall hsizoo, or pass your own copy with checkpoint=PATH"
        )
    return packaged


def _config_path(size: str) -> Path:
    if SIZES[size].weights is None:
        import_sam2()
        return Path(str(files(__package__))) / SIZES[size].config
    return import_sam2() / SIZES[size].config


def import_sam2() -> Path:
    """Import sam2 without changing Hydra's state; return the package's folder."""
    if "sam2" not in sys.modules and not GlobalHydra.instance().is_initialized():
        import sam2  # type: ignore[import-untyped]

        GlobalHydra.instance().clear()
    else:
        import sam2
    return Path(next(iter(sam2.__path__)))
