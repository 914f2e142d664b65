"""The blocks of code on a page: what they are, and whether the page says that one is not run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
_BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<kind>\w+)(?P<more>[^\n]*)\n(?P<text>.*?)^(?P=indent)```", re.DOTALL | re.MULTILINE
)
_NOT_RUN = re.compile(r"<!-- not run: (?P<why>.*?) -->\s*\Z")
_NONE_RUN = re.compile(r"<!-- none is run: (?P<why>.*?) -->")
_TITLE = re.compile(r'title="([^"]*)"')


@dataclass(frozen=True)
class Block:
    """A block of a page.

    ``why_not`` says why it is not run: in a comment right above it, or in one that speaks of all blocks of the page.
    """

    kind: str
    title: str
    text: str
    line: int
    why_not: str


def name_of(page: Path) -> str:
    """Return a page's path from the root of the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page, in their order."""
    text = page.read_text(encoding="utf-8")
    every = _NONE_RUN.search(text)
    found = []
    for match in _BLOCK.finditer(text):
        above = _NOT_RUN.search(text[: match.start()])
        why = above or every
        indent = len(match["indent"])
        title = _TITLE.search(match["more"])
        found.append(
            Block(
                match["kind"],
                title[1] if title else "",
                "".join(line[indent:] for line in match["text"].splitlines(keepends=True)),
                text.count("\n", 0, match.start()) + 1,
                why["why"] if why else "",
            )
        )
    return found


def changed(text: str, diff: str) -> str:
    """Return a file's text with a diff applied whose hunks are found by what they hold, not by a line number.

    Raises
    ------
    ValueError
        If what a hunk takes away, with the lines round it, is not there exactly once.
    """
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE):
        lines = [line if line[:1] in "+- " and line.strip() else " \n" for line in hunk.splitlines(keepends=True)]
        before, after = ("".join(line[1:] for line in lines if line[0] in f" {sign}") for sign in "-+")
        if not lines:
            continue
        if text.count(before) != 1:
            raise ValueError(f"This stands there {text.count(before)} times:\n{before}")
        text = text.replace(before, after)
    return text
