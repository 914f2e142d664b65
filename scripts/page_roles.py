"""Roles of docstrings on the pages of the reference: ``:func:`~a.b.c``` becomes ``c``, a link where a page has it.

mkdocs calls :func:`on_page_content` for every page (``hooks`` in ``mkdocs.yml``).
"""

from __future__ import annotations

import re

ROLE = re.compile(r":(?:attr|class|const|data|exc|func|meth|mod|obj):<code>(~?)([\w.]+)</code>")


def on_page_content(html: str, **_: object) -> str:
    """Return the page with its roles read."""
    return ROLE.sub(_read, html)


def _read(role: re.Match[str]) -> str:
    """Return the name that a role is about, as a reference that need not lead anywhere."""
    shortened, name = role.groups()
    shown = f"<code>{name.rpartition('.')[2] if shortened else name}</code>"
    return f'<autoref optional identifier="{name}">{shown}</autoref>' if "." in name else shown
