"""Code such as `sa-rw`, `hsizoo bench sa` or `hsizoo.bench` becomes a link to its page.

The documents are also read where they lie, and there a link to a page that exists on the site only
would lead nowhere.  So they hold plain code, and the site makes the links.
"""

from __future__ import annotations

import re
from typing import Any

import generate
from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

__all__ = ["setup"]


class LinkNames(SphinxPostTransform):
    """Wrap inline code that names a component or a public name, or begins with a command."""

    default_priority = 400

    def run(self, **_: Any) -> None:
        """Go through the document."""
        here = self.env.docname
        for literal in list(self.document.findall(nodes.literal)):
            if isinstance(literal.parent, nodes.reference) or "xref" in literal["classes"]:
                continue
            page, anchor = _page_of(literal.astext())
            if not page or page == here:
                continue
            address = self.app.builder.get_relative_uri(here, page) + (anchor and f"#{anchor}")
            link = nodes.reference("", "", internal=True, refuri=address)
            literal.replace_self(link)
            link += literal


def _page_of(text: str) -> tuple[str, str]:
    components, commands = generate.pages_of_components(), generate.anchors_of_commands()
    if text in components:
        return components[text], ""
    if (name := re.match(r"hsizoo\.(\w+)", text)) and name[1] in generate.pages_of_names():
        return generate.pages_of_names()[name[1]], f"hsizoo.{name[1]}"
    words = text.split()
    if words[:1] == ["hsizoo"]:
        for count in (3, 2):
            if (typed := " ".join(words[:count])) in commands:
                return "docs/reference/commands", commands[typed]
    return "", ""


def setup(app: Any) -> dict[str, Any]:
    """Register the transform with Sphinx."""
    app.add_post_transform(LinkNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
