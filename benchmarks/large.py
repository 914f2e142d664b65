"""What a click costs on planes of 1,024² to 60,000² pixels on disk, beside napari's own work: a curve that is flat.

python -m benchmarks large                   # three to five minutes
python -m benchmarks large --quick           # each thing fewer times
python -m benchmarks large --curve FILE.svg  # draws the curve too
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.scenes import CHUNK, on_disk
from benchmarks.screen import has_screen

if TYPE_CHECKING:
    from benchmarks.planes import Figure, Measure

PLANES = ((1024, False), (2048, False), (4096, False), (8192, False), (16_384, False), (60_000, False), (60_000, True))
"""Side in pixels, and whether it is in colour."""
FLAT = 0.1
"""A time that grows with the side to a lower power than this is called flat."""


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """What was measured of one plane.

    Attributes
    ----------
    side : int
        In pixels.
    rgb : bool
    figures : dict
        Measure to figure.
    copy_ms : float
        How long it takes to copy the pixels of a window, in milliseconds.
    load : float
        Of the machine meanwhile: processes that wanted a core, over the last minute.
    """

    side: int
    rgb: bool
    figures: dict[Measure, Figure]
    copy_ms: float
    load: float

    @property
    def name(self) -> str:
        """As the table has it."""
        return f"{self.side:,}²" + " RGB" * self.rgb


def growth(planes: Sequence[Plane], measure: Measure) -> float:
    """Return the power of the plane's side with which a figure grows: 0 is flat, 2 is as the number of pixels."""
    sides = np.log([one.side for one in planes])
    least = np.log([max(one.figures[measure].least, 0.01) for one in planes])
    return float(np.polyfit(sides, least, 1)[0])


def show(planes: Sequence[Plane], measures: Sequence[Measure]) -> int:
    """Print the table; return how many goals are missed."""
    missed, cores = 0, os.cpu_count() or 1
    table = Table("median (least), x its peer", "goal", title="A click by the side of the plane", title_justify="left")
    for one in planes:
        table.add_column(one.name, justify="right")
    for number, measure in enumerate(measures, 1):
        cells = []
        for one in planes:
            figure = one.figures[measure]
            wrong = figure.held(measure) is False
            missed += wrong
            cells.append(_cell(figure) + " NO" * wrong)
        goal = "" if measure.goal is None else f"<= {measure.goal:g} {measure.unit}"
        table.add_row(f"{number}. {measure.what}, {measure.unit}".rstrip(", "), goal, *cells)
    table.add_row("a window copied in memory, ms", "", *(f"{one.copy_ms:.2f}" for one in planes))
    table.add_row(f"load of the {cores} cores", "", *(f"{one.load:.1f}" for one in planes))
    console = Console(width=None if Console().is_terminal else 220)
    console.print(table)
    for number, measure in enumerate(measures, 1):
        if measure.peer:
            console.print(f"{number:3d}. peer: {measure.peer}", highlight=False, soft_wrap=True)
    return missed


def _cell(figure: Figure) -> str:
    ratio = "" if not figure.peer else f" {figure.usual / figure.peer:.1f}x"
    if figure.least == figure.usual == round(figure.usual):
        return f"{figure.usual:.0f}{ratio}"
    return f"{figure.usual:.1f} ({figure.least:.1f}){ratio}"


def main(arguments: list[str]) -> int:
    """Print the table and how the click's time grows; return 1 where there is no screen or a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks large", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="each thing fewer times")
    parser.add_argument("--curve", type=Path, help="a file .svg for the curve")
    asked = parser.parse_args(arguments)
    if not has_screen():
        print("Planes need a screen, real or virtual: make bench ARGS=large", file=sys.stderr)
        return 1
    from benchmarks import curve
    from benchmarks.clicks import own_settings
    from benchmarks.opened import Opened
    from benchmarks.planes import BUSY, CALLS, CORRECTION, NEW, copied_ms, measured

    planes = []
    with own_settings() as folder:
        opened = Opened()
        for side, rgb in PLANES:
            scene = on_disk(folder / f"{side}-{rgb}", side, min(side, 2 * CHUNK), rgb=rgb)
            figures = measured(opened, scene, folder / "masks", 3 if asked.quick else 9)
            planes.append(Plane(side, rgb, figures, copied_ms(scene), os.getloadavg()[0]))
        opened.close()
    missed = show(planes, list(planes[0].figures))
    grey = [one for one in planes if not one.rgb]
    for measure in (NEW, CORRECTION, CALLS, BUSY):
        power = growth(grey, measure)
        print(f"{measure.what}: grows with the side to the power of {power:+.2f}{', flat' * (abs(power) <= FLAT)}.")
    if asked.curve is not None:
        asked.curve.write_text(curve.drawn(grey, (NEW, CORRECTION)))
    print("Every goal is held." if not missed else f"{missed} goal(s) are missed; see NO above.")
    return 0 if not missed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
