"""Look whether the links of all pages lead somewhere: files and headings here, and addresses elsewhere.

Addresses elsewhere are looked at for their form alone. ``--online`` asks for each of them, which no test does: it takes
a network, and other people's servers.
"""

from __future__ import annotations

import argparse
import re
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit

from markdown.extensions.toc import slugify

ROOT = Path(__file__).resolve().parent.parent
CODE = re.compile(r"^( *)```.*?^\1```|`[^`\n]*`|<!--.*?-->", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(((?:[^()\n]|\([^()\n]*\))+)\)|(?:src|href)=\"([^\"]+)\"|<(https?:[^>\s]+)>")
HEADING = re.compile(r"^#+ +(.+?)(?: *\{#([\w-]+)\})? *$", re.MULTILINE)
ADDRESS = re.compile(r"https?://(?:localhost|127\.0\.0\.1|[\w-]+(?:\.[\w-]+)+)(?::\d+)?(?:[/?#]\S*)?")
WAIT_S = 20


def pages() -> list[Path]:
    """Return all pages."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("windows_*/*.md")])


def prose(page: Path) -> str:
    """Return a page's text with blanks for code and comments, so that lines and columns stay."""
    return CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), page.read_text(encoding="utf-8"))


def links(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and target of each link of a page."""
    text = prose(page)
    for found in LINK.finditer(text):
        target = (found[1] or found[2] or found[3]).strip()
        yield text.count("\n", 0, found.start()) + 1, re.sub(r'\s+"[^"]*"$', "", target)


def anchors(page: Path) -> set[str]:
    """Return what can stand behind ``#`` for a page, but for what is generated into it."""
    text = re.sub(r"^( *)```.*?^\1```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    found: set[str] = set()
    for title, given in HEADING.findall(text):
        name = given or slugify(re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", title), "-")
        count = 1
        unique = name
        while unique in found:
            unique, count = f"{name}_{count}", count + 1
        found.add(unique)
    return found


def fault(page: Path, target: str) -> str:
    """Return what is wrong with a link; empty if nothing is."""
    if "://" in target or target.startswith(("http:", "https:")):
        return "" if ADDRESS.fullmatch(target) else f"{target} is no address"
    if target.startswith("mailto:"):
        return ""
    path, _, anchor = target.partition("#")
    there = (page.parent / unquote(path)).resolve() if path else page
    if not there.exists():
        return f"there is no {path}"
    if (
        anchor
        and there.suffix == ".md"
        and not anchor.startswith("napari_sam3_assistant")
        and anchor not in anchors(there)
    ):
        return f"{there.name} has no heading for #{anchor}"
    return ""


def answer(address: str) -> str:
    """Return what is wrong with an address that was asked for; empty if it answers."""
    request = urllib.request.Request(address, headers={"User-Agent": "links of napari-sam3-assistant"})
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S):
            return ""
    except HTTPError as error:
        return "" if error.code in (401, 403, 429) else f"{address} answers {error.code}"
    except OSError as error:
        return f"{address} does not answer: {error}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--online", action="store_true", help="ask for each address elsewhere, too")
    told = parser.parse_args()
    faults, elsewhere = 0, dict[str, str]()
    for page in pages():
        for line, target in links(page):
            wrong = fault(page, target)
            outside = not wrong and urlsplit(target).hostname not in (None, "localhost", "127.0.0.1")
            if told.online and outside:
                elsewhere.setdefault(target, answer(target))
                wrong = elsewhere[target]
            if wrong:
                print(f"{page.relative_to(ROOT)}:{line}: {wrong}")
                faults += 1
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
