"""``hsizoo data list``: list all datasets."""

from __future__ import annotations

from hsizoo.cli.listing import print_components
from hsizoo.cli.parameters import Json


def list_datasets(json: Json = False) -> None:
    """List all datasets."""
    print_components("dataset", json)
