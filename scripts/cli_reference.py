"""Write the tables of options in docs/reference/cli.md from the commands themselves.

Between ``<!-- options of segment -->`` and ``<!-- end of options -->`` stands a row for each option of the command, in
its order: name, value and what holds without it are the command's. So is the meaning of an option that is new, its
help; a meaning that was written on the page since stays. ``--check`` writes nothing, and fails where something is out
of date.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from napari_sam3_assistant.cli.main import app

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
HEAD = "| Option | Value | Without it | Means |\n|---|---|---|---|\n"
PLACE = re.compile(r"(<!-- options of ([\w -]+) -->\n)(.*?)(<!-- end of options -->)", re.DOTALL)
CELLS = re.compile(r"(?<!\\)\|")


def commands(command: Any = None, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each command with its name, such as ``masks clean``."""
    command = command or get_command(app)
    for word, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{name} {word}".strip())
    if not hasattr(command, "commands"):
        yield name, command


def options_of(command: Any) -> list[Any]:
    """Return the options of a command that its help names."""
    return [one for one in command.params if one.param_type_name == "option" and not one.hidden]


def table(command: Any, meanings: dict[str, str]) -> str:
    """Return the table of a command's options, with the meanings that are written already."""
    rows = []
    for option in options_of(command):
        names = "`, `".join([*option.opts, *option.secondary_opts])
        meaning = meanings.get(option.opts[0]) or escaped(help_of(option))
        rows.append(f"| `{names}` | {value_of(option)} | {escaped(without(option))} | {meaning} |\n")
    return HEAD + "".join(rows)


def value_of(option: Any) -> str:
    """Return what an option takes; its kinds each by itself, since a bar would be a border of the cell."""
    kinds = [f"`{kind.strip()}`" for kind in (option.metavar or "").split("|") if kind]
    return ", ".join([*kinds[:-2], " or ".join(kinds[-2:])])


def without(option: Any) -> str:
    """Return what holds where the option is not given."""
    if option.required:
        return "must be given"
    if isinstance(option.show_default, str):
        return option.show_default
    plain = option.default not in (None, "", []) and not option.is_flag and option.show_default
    return f"`{option.default}`" if plain else ""


def help_of(option: Any) -> str:
    """Return an option's help as it stands in a table."""
    text = (option.help or "").removesuffix(".")
    return text[:1].lower() + text[1:] + ("; may be repeated" if option.multiple else "")


def escaped(text: str) -> str:
    """Return text that is no border of a cell."""
    return text.replace("|", "\\|")


def meanings_in(rows: str) -> dict[str, str]:
    """Return what a table says of each option: its last column."""
    found = {}
    for line in rows.splitlines():
        cells = [cell.strip() for cell in CELLS.split(line)[1:-1]]
        if cells and (name := re.match(r"`(--[\w-]+)`", cells[0])):
            found[name[1]] = cells[-1]
    return found


def written(page: str) -> str:
    """Return the page with every table as the commands are.

    Raises
    ------
    SystemExit
        If a command with options has no place on the page, or a place no command.
    """
    known = {name: command for name, command in commands() if options_of(command)}
    places = [match[2] for match in PLACE.finditer(page)]
    if sorted(places) != sorted(known):
        raise SystemExit(f"{PAGE.name} has places for {sorted(places)}; the commands are {sorted(known)}.")
    return PLACE.sub(lambda found: f"{found[1]}\n{table(known[found[2]], meanings_in(found[3]))}\n{found[4]}", page)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, and fail if something is out of date")
    told = parser.parse_args()
    before = PAGE.read_text(encoding="utf-8")
    after = written(before)
    if told.check:
        if after != before:
            print(f"{PAGE.name} is out of date: run python scripts/cli_reference.py")
        return int(after != before)
    PAGE.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
