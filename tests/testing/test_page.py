"""The page on the contract kit tells all checks."""

from pathlib import Path

import pytest

import hsizoo
from hsizoo.testing import checks

PAGE = Path(hsizoo.__file__).resolve().parents[1] / "docs" / "contract.md"
KINDS = ("scorer", "segmenter", "trainable segmenter", "classifier", "pseudo-labeler", "dataset",
         "protocol")  # fmt: skip


@pytest.mark.skipif(not PAGE.exists(), reason="hsizoo is installed without its documents")
def test_the_page_tells_every_check():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    told = {(row.split("`")[1], row.rstrip(" |").rpartition(" | ")[2]) for row in rows}
    assert told == {(each.name, each.sentence) for kind in KINDS for each in checks(kind)}
    assert len(told) == len(rows)
