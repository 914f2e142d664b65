"""Ten cells by keys: what a hand does, and how long it takes, until ten nuclei are accepted.

python -m benchmarks cells            # ten cells, in two ways; some ten seconds
python -m benchmarks cells --quick    # three cells

The mouse and the keys are real, in a real napari on the sample of nuclei; each nucleus is corrected until its mask fits
(IoU of 0.85), four clicks at most. How long a hand takes is estimated with the operators of Card, Moran and Newell (The
keystroke-level model, 1980): a key 0.28 s, pointing 1.1 s, a button down or up 0.1 s, a hand from mouse to keyboard or
back 0.4 s. Time to think is left out, for all ways alike; so is what the machine takes, which stands in a column of its
own. Our hands stay where they are, one on the mouse and one on the keys. For the public plugin the steps are those of
its documents, in its favour: no hand ever moves to the keyboard, the model is never waited for, and as many clicks
correct.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.screen import has_screen
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.demo.fit import Mask, iou, next_click
from napari_sam3_assistant.samples import nuclei

KEY_S, POINT_S, BUTTON_S, HOME_S = 0.28, 1.1, 0.1, 0.4
FITS, MOST_CLICKS = 0.85, 4
CELLS = 10
MARGIN = 3
"""Nuclei nearer to the border of the picture than this, in pixels, are left out."""


@dataclass(frozen=True, slots=True)
class Actions:
    """What a hand does.

    Attributes
    ----------
    clicks : int
        On the picture: pointing there, and a button down and up.
    presses : int
        Of a button of the dock, or of an entry of a menu: the same.
    stills : int
        Clicks where the pointer is already.
    keys : int
        With the hand that lies on the keyboard.
    homes : int
        A hand from the mouse to the keyboard, or back.
    """

    clicks: int = 0
    presses: int = 0
    stills: int = 0
    keys: int = 0
    homes: int = 0

    def __add__(self, other: Actions) -> Actions:
        return Actions(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def __mul__(self, times: int) -> Actions:
        return Actions(*(getattr(self, name) * times for name in self.__slots__))

    @property
    def count(self) -> int:
        """How many, hands that move left out."""
        return self.clicks + self.presses + self.stills + self.keys

    @property
    def seconds(self) -> float:
        """How long a practised hand takes, by the keystroke-level model."""
        pointed = self.clicks + self.presses
        return pointed * POINT_S + (pointed + self.stills) * 2 * BUTTON_S + self.keys * KEY_S + self.homes * HOME_S


CLICK, PRESS, STILL, KEY = Actions(clicks=1), Actions(presses=1), Actions(stills=1), Actions(keys=1)


@dataclass(slots=True)
class Done:
    """What was done in one way, and what came of it.

    Attributes
    ----------
    way : str
    cells : int
    actions : Actions
    machine_s : float or None
        From each click or key to what it draws, added up; None where nothing was run.
    ious : list of float
        Of each cell with its truth.
    corrections : int
        Clicks beyond the first on a cell.
    """

    way: str
    cells: int
    actions: Actions = Actions()
    machine_s: float | None = None
    ious: list[float] = field(default_factory=list)
    corrections: int = 0


class Annotator:
    """Annotates nuclei with the hand on the canvas.

    Parameters
    ----------
    driver : Driver
        A viewer with the widget.
    cells : int
        How many, spread evenly over the numbers that they have in the truth: the last of them touch others.
    """

    def __init__(self, driver: Driver, cells: int = CELLS) -> None:
        self.driver, self.sample = driver, nuclei()
        driver.viewer.layers.clear()
        driver.pump(0.1)
        driver.viewer.open_sample("napari-sam3-assistant", "nuclei")
        self.layer = driver.viewer.layers[self.sample.name]
        driver.wait(lambda: driver.state.task.armed, "The points layer")
        driver.pump(0.3)
        driver.viewer.reset_view()
        driver.wait_until_idle()
        inside = [label for label in range(1, int(self.sample.truth.max()) + 1) if self._inside(label)]
        self.labels = inside[:: len(inside) // cells][:cells]

    def one_by_one(self) -> Done:
        """Click, correct, press K; and the next one."""
        done = Done("ours: click, K", len(self.labels), machine_s=0.0)
        for label in self.labels:
            self._annotate(label, done)
            self._key("K", done, lambda: not len(self.driver.state.results.objects))
        return done

    def all_at_once(self) -> Done:
        """Click, correct, press N for the next one; K at the end accepts all."""
        done = Done("ours: click, N; K at the end", len(self.labels), machine_s=0.0)
        for label in self.labels:
            if done.ious:
                self._key("N", done, lambda: self.driver.state.results.selected is None)
            self._annotate(label, done)
        self._key("K", done, lambda: not len(self.driver.state.results.objects))
        return done

    def _inside(self, label: int) -> bool:
        rows, cols = np.nonzero(self.sample.truth == label)
        low, high = MARGIN, self.sample.truth.shape[0] - MARGIN
        return min(rows.min(), cols.min()) >= low and max(rows.max(), cols.max()) < high

    def _annotate(self, label: int, done: Done) -> None:
        truth = self.sample.truth == label
        mask, clicks = np.zeros(truth.shape, bool), 0
        while clicks < MOST_CLICKS and (not clicks or iou(truth, mask) < FITS):
            row, col, positive = next_click(truth, mask)
            if positive != self.driver.state.task.positive:
                self._key("T", done, lambda: True)
            mask, clicks = self._click(row, col, done), clicks + 1
        if not self.driver.state.task.positive:
            self._key("T", done, lambda: True)
        done.corrections += clicks - 1
        done.ious.append(iou(truth, mask))

    def _click(self, row: int, col: int, done: Done) -> Mask:
        results, before = self.driver.state.results, self.driver.state.results.current
        self._timed(
            lambda: self.driver.click(self.layer, row, col, wait=False), lambda: results.current is not before, done
        )
        done.actions += CLICK
        height, width = self.sample.truth.shape
        return results.current.segmentation.mask.within(Box(0, 0, height, width))

    def _key(self, letter: str, done: Done, drawn: Callable[[], bool]) -> None:
        self._timed(lambda: self.driver.key(letter), drawn, done)
        done.actions += KEY

    def _timed(self, act: Callable[[], object], drawn: Callable[[], bool], done: Done) -> None:
        began = time.perf_counter()
        act()
        self.driver.wait(drawn, "What was asked for")
        done.machine_s += time.perf_counter() - began
        self.driver.wait_until_idle()


def public(done: Done) -> list[Done]:
    """Return the steps of the public plugin for as many cells, with as many corrections."""
    cells, more = done.cells, CLICK * done.corrections + KEY * (done.actions.keys - done.cells)
    return [
        # Live Points run by themselves; the newest point is still selected, so that one key deletes it.
        Done("public 4.2.1, Live Points: click, Save && Clean, Delete", cells, (CLICK + PRESS + KEY) * cells + more),
        Done(
            "public 4.2.1, 2D: click, Run Preview, Save && Clean, Delete",
            cells,
            (CLICK + PRESS + PRESS + KEY) * cells + more,
        ),
        Done(
            "public 4.3.5: click, right-click, Accept + Clear; one Save",
            cells,
            (CLICK + STILL + PRESS) * cells + more + PRESS,
        ),
    ]


def show(rows: list[Done]) -> None:
    """Print the table."""
    table = Table("way", title="Cells, until all are accepted and saved", title_justify="left", title_style="bold")
    for head in ("cells", "actions", "clicks", "dock, menu", "keys", "hand, s (estimated)", "machine, s", "mean IoU"):
        table.add_column(head, justify="right")
    for row in rows:
        does = row.actions
        table.add_row(
            row.way,
            f"{row.cells}",
            f"{does.count}",
            f"{does.clicks + does.stills}",
            f"{does.presses}",
            f"{does.keys}",
            f"{does.seconds:.1f}",
            "" if row.machine_s is None else f"{row.machine_s:.1f}",
            f"{np.mean(row.ious):.2f} (least {min(row.ious):.2f})" if row.ious else "",
        )
    console = Console(width=None if Console().is_terminal else 150)
    console.print(table)
    console.print(
        f"A key {KEY_S} s, pointing {POINT_S} s, a button down or up {BUTTON_S} s (Card, Moran, Newell, 1980); no time"
        f" to think. {rows[0].corrections} clicks of each way correct. The public plugin's steps are counted from its"
        " documents, with the same corrections; it was not run.",
        highlight=False,
    )


def measured(driver: Driver, cells: int) -> list[Done]:
    """Return our ways, each with one press of Save at the end, and the public plugin's."""
    ours = [Annotator(driver, cells).one_by_one(), Annotator(driver, cells).all_at_once()]
    theirs = public(ours[0])
    for done in ours:
        done.actions += PRESS
    return ours + theirs


def main(arguments: list[str]) -> int:
    """Print the table; return 1 where there is no screen."""
    from benchmarks.clicks import own_settings

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks cells", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="three cells")
    asked = parser.parse_args(arguments)
    if not has_screen():
        print("Cells need a screen, real or virtual: make bench ARGS=cells", file=sys.stderr)
        return 1
    with own_settings():
        driver = Driver()
        driver.viewer.window.resize(1366, 768)
        show(measured(driver, 3 if asked.quick else CELLS))
        driver.viewer.close()
        driver.pump(0.1)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
