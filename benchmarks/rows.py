"""A line of the table of what a user waits for: ours, the bare work beside it, the public plugin, the target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One measured thing.

    Attributes
    ----------
    what : str
        What a user waits for.
    ours : float
        The figure, in ``unit``.
    unit : str
        "ms", "MB" or a word for what is counted.
    bare, bare_name : float or None, str
        The same without the plugin, in the same run and unit, and what it is.
    public : str
        What the public plugin takes on a machine like this one.
    target : float or None
        The most it may be, in ``unit``; None where this release promises nothing.
    note : str
        How the figure came about.
    """

    what: str
    ours: float
    unit: str = "ms"
    bare: float | None = None
    bare_name: str = ""
    public: str = ""
    target: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over bare."""
        return self.ours / self.bare if self.bare else None

    @property
    def held(self) -> bool | None:
        """Whether the target is reached; None without one."""
        return None if self.target is None else self.ours <= self.target


def middle(values: Iterable[float]) -> float:
    """Return the median."""
    return float(np.median(list(values)))


def show(title: str, rows: Sequence[Row]) -> None:
    """Print the rows as one table, and what they are of below it."""
    table = Table("what a user waits for", title=title, title_justify="left", title_style="bold")
    for head in ("ours", "bare", "ratio", "public plugin", "target"):
        table.add_column(head, justify="right")
    for number, row in enumerate(rows, 1):
        table.add_row(
            f"{number}. {row.what}",
            _figure(row.ours, row.unit),
            "" if row.bare is None else _figure(row.bare, row.unit),
            "" if row.ratio is None else f"{row.ratio:.2f}",
            row.public,
            _target(row),
        )
    console = Console(width=None if Console().is_terminal else 150)
    console.print(table)
    for number, row in enumerate(rows, 1):
        parts = [f"bare: {row.bare_name}" if row.bare_name else "", row.note]
        if any(parts):
            console.print(f"{number:3d}. " + "; ".join(filter(None, parts)), highlight=False, soft_wrap=True)


def _figure(value: float, unit: str) -> str:
    digits = 0 if value == round(value) and unit != "ms" else 1 if value < 100 else 0
    return f"{value:,.{digits}f} {unit}"


def _target(row: Row) -> str:
    if row.target is None:
        return ""
    return f"<= {row.target:,.3g} {row.unit}".rstrip() + " " + ("yes" if row.held else "NO")
