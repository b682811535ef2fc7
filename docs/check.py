"""Build the documentation and check it.

    python docs/check.py                 # everything but what is slow
    python docs/check.py --slow          # run the slow blocks too
    python docs/check.py --links         # list the addresses outside, one per line, and end
    python docs/check.py tour concepts   # run the blocks of these pages only

Warnings of Sphinx are errors.  Addresses outside are not fetched: a build must not depend on the
network.  The site is then in ``docs/_build/html``; open ``docs/_build/html/docs/index.html``.
"""

from __future__ import annotations

import argparse
import html.parser
import re
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import blocks  # noqa: E402

__all__ = ["broken_links", "build", "main"]

SITE = HERE / "_build" / "html"
_ENTRY = (
    '<!doctype html><meta charset="utf-8"><title>hsizoo</title>'
    '<meta http-equiv="refresh" content="0; url=docs/index.html">'
    '<a href="docs/index.html">hsizoo</a>\n'
)


class _Page(html.parser.HTMLParser):
    """Anchors of a page, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the ids and the targets of one tag."""
        told = {name: value or "" for name, value in attrs}
        self.anchors |= {told[name] for name in ("id", "name") if name in told}
        target = told.get("href") if tag in ("a", "link") else told.get("src")
        if target:
            self.links.append(target)


def build() -> None:
    """Build the site; any warning of Sphinx ends it."""
    command = [
        sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q",
        "-c", str(HERE), "-d", str(HERE / "_build" / "doctrees"), str(blocks.ROOT), str(SITE),
    ]  # fmt: skip
    if subprocess.run(command, check=False).returncode:
        raise SystemExit("sphinx warned: see above")
    (SITE / "index.html").write_text(_ENTRY, encoding="utf-8")


def _pages() -> dict[Path, _Page]:
    return {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(SITE.rglob("*.html"))}


def broken_links() -> list[str]:
    """Links within the built site that lead nowhere, anchors included."""
    pages, wrong = _pages(), []
    for path, page in pages.items():
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (
                (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            )
            anchor = urllib.parse.unquote(parts.fragment)
            missing = not target.exists() or (
                anchor and target in pages and anchor not in pages[target].anchors
            )
            if missing and link not in ("#", ""):
                wrong.append(f"{path.relative_to(SITE)}: {link}")
    return wrong


def _outside() -> Iterable[str]:
    """Addresses outside, in the built pages and in the documents."""
    found = {link for page in _pages().values() for link in page.links}
    for name in ("README.md", "CONTRIBUTING.md"):
        text = (blocks.ROOT / name).read_text(encoding="utf-8")
        found |= set(re.findall(r"\]\((https?://[^)\s]+)\)", text))
    return sorted(link for link in found if link.startswith(("http://", "https://")))


def _run(pages: Iterable[str], slow: bool) -> list[str]:
    failed = []
    for page in pages:
        for block in blocks.read(page):
            if block.remark and not block.reason:
                failed.append(f"{block.where}: says {block.remark!r} without a reason")
            if block.language == "sh":
                for words in blocks.commands(block.code):
                    try:
                        blocks.parse(words)
                    except ValueError as error:
                        failed.append(f"{block.where}: {error}")
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder) / "work"
            work.mkdir()
            try:
                done = blocks.run(page, work, slow=slow)
            except RuntimeError as error:
                failed.append(str(error))
            else:
                print(f"{page}: {len(done)} blocks run", flush=True)
    return failed


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Build the documentation and check it.")
    parser.add_argument("pages", nargs="*", help="run the blocks of these pages only")
    parser.add_argument("--slow", action="store_true", help="run blocks marked slow too")
    parser.add_argument("--links", action="store_true", help="list the addresses outside, and end")
    parser.add_argument("--no-run", action="store_true", help="build and check links only")
    asked = parser.parse_args()
    if asked.pages:
        known = {page.removeprefix("docs/").removesuffix(".md"): page for page in blocks.PAGES}
        if unknown := [page for page in asked.pages if page not in known]:
            parser.error(f"no page {unknown[0]}; pages are {', '.join(known)}")
        failed = _run([known[page] for page in asked.pages], asked.slow)
    else:
        build()
        if asked.links:
            print("\n".join(_outside()))
            return
        failed = broken_links()
        failed += [] if asked.no_run else _run(blocks.PAGES, asked.slow)
    if failed:
        raise SystemExit("\n".join(failed))
    print("the documentation is in order")


if __name__ == "__main__":
    main()
