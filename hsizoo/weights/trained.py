"""Trained weights: find them, read their cards, and choose those for a component.

::

    <folder>/weights.safetensors, card.json

Such folders are in ``<HSIZOO_HOME>/trained/<dist>--<name>/<hash>``, where `hsizoo train` publishes
its results (see `hsizoo.training.folder`), and inside plugins that ship weights
(`hsizoo.ComponentSpec.packaged`).  A card is written after its weights and holds their SHA-256 and
a seal (see `hsizoo.documents.sealed`), so that weights without a card, or with a wrong one, are
never used; a damaged card is an error, since other weights would make other figures.  The entries
needed to use the weights are also in the weights file itself, so that it can be passed on alone.

Tensors of float32 may be stored as bfloat16, half the size, which the card records as ``stored``;
they are converted back to float32 on loading.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hsizoo.documents import parse_json, read_sealed, user_path
from hsizoo.errors import DataError
from hsizoo.weights.places import home
from hsizoo.weights.sent import digest_expected_at, sent_path

if TYPE_CHECKING:
    import torch

__all__ = [
    "CARD_FILE",
    "CARD_FORMAT",
    "WEIGHTS_FILE",
    "TrainedWeights",
    "find_weights",
    "metadata",
    "open_weights",
    "read_card",
    "trained_folder",
]

CARD_FORMAT = 1
"""Version of the card's layout; cards of another version are not used."""

WEIGHTS_FILE, CARD_FILE = "weights.safetensors", "card.json"

_MEND = (
    "The command of its training puts it right where it was trained; otherwise get the folder "
    "again, or reinstall the plugin that ships it.  weights=none does without"
)

_ESSENTIALS = ("format", "component", "options", "frozen_digest")
_IN_THE_FILE = (*_ESSENTIALS, "version", "stored", "dataset", "subjects")


@dataclass(frozen=True)
class TrainedWeights:
    """A weights file and its card.

    Parameters
    ----------
    path : Path
        The safetensors file.
    digest : str
        SHA-256 of the file.
    card : mapping
        At least ``component``, ``options`` and ``frozen_digest``.
    """

    path: Path
    digest: str
    card: Mapping[str, Any]

    def check(
        self,
        component: str,
        options: Mapping[str, Any],
        free: Collection[str] = (),
        version: str | None = None,
    ) -> TrainedWeights:
        """Raise `DataError` unless these weights were trained for this component and options.

        Parameters
        ----------
        component : str
            Full name of the component.
        options : mapping
            Options of the component.
        free : collection of str
            Names of options that may differ.
        version : str, optional
            Version of the component's results.  Default: any.
        """
        if self.card["component"] != component:
            raise DataError(
                f"{self.path} was trained for {self.card['component']}, not for {component}"
            )
        if not _is_version(self.card, version):
            raise DataError(
                f"{self.path} was trained with version {self.card['version']} of {component}, "
                f"which is now at version {version}: train again with `hsizoo train`, or use "
                "weights=none"
            )
        if differing := _differing(self.card["options"], options, free):
            listed = ", ".join(
                f"{name}={self.card['options'].get(name)} (here {options.get(name)})"
                for name in differing
            )
            raise DataError(f"{self.path} was trained with other options of {component}: {listed}")
        return self

    def load(self, frozen_digest: str) -> dict[str, torch.Tensor]:
        """Read the tensors; those stored as bfloat16 instead of float32 are converted back.

        Parameters
        ----------
        frozen_digest : str
            SHA-256 of the frozen part that the weights are used with.

        Raises
        ------
        DataError
            If the file does not match its card, or was trained with another frozen part.
        """
        from hsizoo.weights.files import check_file, parse_safetensors, readable

        if self.card["frozen_digest"] != frozen_digest:
            raise DataError(
                f"{self.path} was trained with another frozen part of {self.card['component']} "
                f"(sha256 {self.card['frozen_digest'][:12]}…, here {frozen_digest[:12]}…): use the "
                "same frozen weights, train again with `hsizoo train`, or use weights=none"
            )
        check_file(self.path, safetensors=True)
        with readable(self.path):
            content = self.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.digest:
            raise DataError(
                f"{self.path} has changed or is damaged: its sha256 is not {self.digest}.  {_MEND}"
            )
        tensors = parse_safetensors(content, self.path)
        if self.card.get("stored") != "bfloat16":
            return tensors
        import torch

        return {
            name: each.float() if each.dtype == torch.bfloat16 else each
            for name, each in tensors.items()
        }

    @property
    def trained_on(self) -> str:
        """Full name of the training dataset; empty if unknown."""
        return str((self.card.get("dataset") or {}).get("component", ""))


def trained_folder(component: str) -> Path:
    """Return the folder of the trained weights of a component, given by full name."""
    return home() / "trained" / component.replace("/", "--")


def find_weights(
    component: str,
    options: Mapping[str, Any],
    free: Collection[str] = (),
    version: str | None = None,
    *,
    dataset: Mapping[str, Any] | None = None,
    fold: Mapping[str, int] | None = None,
    packaged: Path | None = None,
) -> TrainedWeights | None:
    """Find the best weights that a component with these options can use, if any.

    Weights trained on the dataset itself come first, then those trained on it with other dataset
    options, then all others; within these, those of the same fold.  Among equals, weights trained
    by the user come before those shipped with the plugin, and newer ones before older ones.

    Parameters
    ----------
    component, options, free, version
        See `TrainedWeights.check`.
    dataset : mapping, optional
        ``component`` and ``options`` of the dataset to use the weights on.  Default: not known,
        so that all training datasets rank equally.
    fold : mapping, optional
        ``folds``, ``fold`` and ``split_seed`` of the subjects that are tested.
    packaged : Path, optional
        Folder of the weights that are shipped with the plugin.

    Raises
    ------
    DataError
        If a card there is damaged.
    """
    found = []
    with contextlib.suppress(OSError):
        here = trained_folder(component).glob(f"*/{CARD_FILE}")
        for path in [*here, *([packaged / CARD_FILE] if packaged else [])]:
            card = read_card(path)
            if (
                card is not None
                and card["component"] == component
                and _is_version(card, version)
                and not _differing(card["options"], options, free)
                and (path.parent / WEIGHTS_FILE).exists()
            ):
                rank = (
                    _nearness(card, dataset),
                    fold is not None and _is_fold(card, fold),
                    path.parent != packaged,
                    str(card["finished"]),
                    str(path),
                )
                found.append((rank, path, card))
    if not found:
        return None
    _, path, card = max(found, key=lambda each: each[0])
    return TrainedWeights(path.parent / WEIGHTS_FILE, card["digest"], card)


def _nearness(card: Mapping[str, Any], dataset: Mapping[str, Any] | None) -> int:
    """Return 2 for the same dataset, 1 for the same with other options, 0 for another."""
    about = card.get("dataset") or {}
    if dataset is None or about.get("component") != dataset["component"]:
        return 0
    return 2 if about.get("options") == dataset["options"] else 1


def _is_fold(card: Mapping[str, Any], fold: Mapping[str, int]) -> bool:
    settings = card.get("settings") or {}
    return all(settings.get(key) == value for key, value in fold.items())


def open_weights(path: Path | str) -> TrainedWeights:
    """Open a folder with a card, a card, or a safetensors file that describes itself.

    On a worker that the path of another machine was given to, this may be a file that was sent; see
    `hsizoo.weights.sent`.

    Raises
    ------
    DataError
        If the path is none of these.
    """
    digest = digest_expected_at(Path(path))
    if digest is not None and sent_path(digest).is_file():
        with contextlib.suppress(DataError):
            found = _open(Path(path))
            if found.digest == digest:
                return found
        return _open(sent_path(digest))
    return _open(Path(path))


def _open(path: Path) -> TrainedWeights:
    try:
        path = user_path(path)
        if path.name == CARD_FILE:
            path = path.parent
        file = path / WEIGHTS_FILE if path.is_dir() else path
        is_there = file.is_file()
    except RuntimeError as error:  # ~somebody, whom this machine does not know
        raise DataError(f"weights={path} cannot be read: {error}") from error
    except OSError as error:  # in the folder of somebody else, or a name that is too long
        raise DataError(f"weights={path} cannot be read: {error.strerror or error}") from error
    if not is_there:
        raise DataError(
            f"weights={path}: there is no such file or folder; expected auto, packaged, none, a "
            f"folder with {CARD_FILE} and {WEIGHTS_FILE}, or a .safetensors file"
        )
    card = read_card(file.parent / CARD_FILE) if file.name == WEIGHTS_FILE else None
    if card is not None:
        return TrainedWeights(file.resolve(), card["digest"], card)
    # A file without a card: its own metadata is enough.
    from safetensors import safe_open

    from hsizoo.weights.files import check_file, readable

    foreign = f"{file} does not say what it was trained for; weights made by `hsizoo train` do"
    try:
        check_file(file, safetensors=True)
        with readable(file), safe_open(file, framework="pt") as opened:
            about = opened.metadata() or {}
        with readable(file), file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        essentials = parse_json(about["card"], file) if "card" in about else None
    except DataError as error:
        raise DataError(f"{foreign} ({error})") from error
    if essentials is None:
        raise DataError(foreign)
    if not _is_card(essentials, _ESSENTIALS):
        raise DataError(f"{file} was made by another version of hsizoo")
    return TrainedWeights(file.resolve(), digest, essentials)


def metadata(card: Mapping[str, Any]) -> dict[str, str]:
    """Return the entries of a card that are stored in the weights file itself."""
    kept = {key: card[key] for key in _IN_THE_FILE if key in card}
    return {"card": json.dumps(kept, sort_keys=True)}


def read_card(path: Path) -> dict[str, Any] | None:
    """Return the card in a file; None if there is none, or it is of another version of hsizoo.

    Raises
    ------
    DataError
        If it is damaged.
    """
    if not path.exists():
        return None
    try:
        card = read_sealed(path)
        if isinstance(card, dict) and card.get("format") != CARD_FORMAT:
            return None
        if not _is_card(card, (*_ESSENTIALS, "digest", "finished")):
            raise DataError(f"{path} lacks what a card has")
    except DataError as error:
        if not path.exists():  # its weights are being replaced
            return None
        raise DataError(f"the card of trained weights is damaged: {error}.  {_MEND}") from error
    else:
        return dict(card)


def _is_card(card: Any, keys: Iterable[str]) -> bool:
    return (
        isinstance(card, dict)
        and all(key in card for key in keys)
        and card["format"] == CARD_FORMAT
        and isinstance(card["options"], dict)
        and all(isinstance(card[key], str) for key in ("component", "frozen_digest"))
        and isinstance(card.get("digest", ""), str)
        and isinstance(card.get("dataset") or {}, dict)
    )


def _is_version(card: Mapping[str, Any], version: str | None) -> bool:
    """Whether the card has that version, or either is unspecified."""
    return version is None or card.get("version", version) == version


def _differing(
    theirs: Mapping[str, Any], ours: Mapping[str, Any], free: Collection[str]
) -> list[str]:
    """Return the names of options that differ or occur on one side only."""
    return [
        name
        for name in sorted({*theirs, *ours} - set(free))
        if name not in theirs or name not in ours or theirs[name] != ours[name]
    ]
