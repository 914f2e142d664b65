"""Every control of a widget, found and named, and what users do with one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.layers import names, prompts
from napari_sam3_assistant.widgets.masks.histogram import Histogram
from napari_sam3_assistant.widgets.shared.strip import StripView

KINDS = (
    QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox, Histogram, QLineEdit, QPlainTextEdit, StripView,
)  # fmt: skip
OURS = "napari_sam3_assistant"


class Hand(Protocol):
    """Whoever has a widget in hand."""

    def pump(self, seconds: float = 0.0) -> None:
        """Let Qt do what is due."""

    def wait_until_idle(self) -> None:
        """Wait until nothing runs and nothing waits."""


@dataclass(frozen=True)
class Row:
    """One control.

    Attributes
    ----------
    path : str
        Where it is: ``simple.run.run``.
    act : callable
        ``act(hand, control)``: what a user does with it.
    seen : callable
        ``seen(hand)``: what must differ afterwards.
    before : callable
        ``before(hand)``: what has to be there first.
    scene : str
        The name of the fixture it needs.
    """

    path: str
    act: Callable[[Any, Any], object]
    seen: Callable[[Any], Any]
    before: Callable[[Any], object] = lambda hand: None
    scene: str = "plain"


def rows(scene: str, *made: Row) -> tuple[Row, ...]:
    """Return rows that need the same scene."""
    return tuple(replace(row, scene=scene) for row in made)


def tried(row: Row, hand: Hand, find: Callable[[str], Any]) -> str:
    """Do what a row says with the control that ``find`` returns; return why that had no effect, empty where it had."""
    try:
        row.before(hand)
        hand.pump(0.05)
        before = row.seen(hand)
        row.act(hand, find(row.path))
        hand.wait_until_idle()
        after = row.seen(hand)
    except AssertionError as error:
        return f"{row.path}: {error}"
    return f"{row.path}: {before!r} before and after" if before == after else ""


# -- finding them ---------------------------------------------------------------------------------


def interactive(widget: QWidget) -> list[QWidget]:
    """Return all that one can press, choose from or type into; not the parts that Qt puts into such a control."""
    found = [child for kind in KINDS for child in widget.findChildren(kind)]
    return [one for one in found if _usable(one) and not _part(one)]


def _usable(control: QWidget) -> bool:
    return isinstance(control, KINDS) and not (isinstance(control, QPlainTextEdit) and control.isReadOnly())


def _part(control: QWidget) -> bool:
    around = control.parentWidget()
    while around is not None and not type(around).__module__.startswith(OURS):
        if isinstance(around, KINDS):
            return True
        around = around.parentWidget()
    return isinstance(around, KINDS)


def named(widget: QWidget, path: str) -> Iterator[tuple[str, QWidget]]:
    """Return the controls of a widget by the attributes that lead to them; of several the first."""
    seen: set[int] = set()

    def walk(thing: Any, path: str) -> Iterator[tuple[str, QWidget]]:
        if isinstance(thing, dict):
            for key, value in thing.items():
                yield from walk(value, f"{path}[{key}]")
        elif isinstance(thing, (list, tuple)):
            for at, value in enumerate(thing):
                yield from walk(value, f"{path}[{at}]")
        elif isinstance(thing, QWidget) and id(thing) not in seen:
            seen.add(id(thing))
            if _usable(thing):
                yield path, thing
            if type(thing).__module__.startswith(OURS):
                for name, value in vars(thing).items():
                    yield from walk(value, f"{path}.{name.lstrip('_')}")

    yield from walk(widget, path)


def all_controls(driver: Driver) -> dict[str, QWidget]:
    """Return every control of both modes, of the strip above them and of what is offered."""
    widget = driver.widget
    parts = (
        ("top", widget.top), ("offers.resume", widget.resume), ("simple", widget.simple), ("advanced", widget.advanced)
    )  # fmt: skip
    return dict(pair for path, part in parts for pair in named(part, path))


# -- what users do --------------------------------------------------------------------------------


def press(hand: Hand, control: QAbstractButton) -> None:
    """Press a button that is shown and enabled."""
    hand.pump(0.05)
    assert control.isEnabled(), control.toolTip()
    control.click()


def choose(text: str) -> Callable[[Hand, QComboBox], None]:
    """Return what chooses an entry of a list."""

    def act(hand: Hand, box: QComboBox) -> None:
        hand.pump(0.05)
        at = box.findText(text)
        assert at >= 0 and box.isEnabled(), [box.itemText(k) for k in range(box.count())]
        box.setCurrentIndex(at)
        box.activated.emit(at)

    return act


def set_to(value: float) -> Callable[[Hand, Any], None]:
    """Return what sets a number."""

    def act(hand: Hand, spin: Any) -> None:
        hand.pump(0.05)
        assert spin.isEnabled(), spin.toolTip()
        spin.setValue(value)

    return act


def type_in(text: str, *, enter: bool = False) -> Callable[[Hand, Any], None]:
    """Return what types into a field."""

    def act(hand: Hand, field: Any) -> None:
        hand.pump(0.05)
        assert field.isEnabled(), field.toolTip()
        field.clear()
        QTest.keyClicks(field, text)
        if enter:
            QTest.keyClick(field, Qt.Key.Key_Return)

    return act


# -- what is seen ---------------------------------------------------------------------------------


def job(driver: Driver) -> tuple[Any, ...]:
    """Return what the next request would be made of."""
    task, here = driver.state.task, driver.widget.controller.here()
    using = driver.widget.controller.asking.describe()
    source = None if here is None else here.source
    seen = () if source is None else (source.identity, source.shape, source.channel_axis, source.limits, here.plane)
    said = () if using is None else (using.count, using.text)
    return (*seen, *said, task.task, task.kind, task.rule, task.threshold, task.mix)


def state(path: str) -> Callable[[Driver], Any]:
    """Return what reads a field of the state: ``results.selected``."""

    def seen(driver: Driver) -> Any:
        found: Any = driver.state
        for name in path.split("."):
            found = getattr(found, name)
        return found

    return seen


def masks(driver: Driver) -> dict[int, tuple[int, tuple[int, int]]]:
    """Return the area and the place of each object on screen."""
    return {item.id: (item.mask.area, item.mask.offset) for item in driver.state.results.objects}


def pictures(driver: Driver) -> list[str]:
    """Return the names of the pictures that have masks."""
    drafts = driver.widget.controller.board.drafts
    having = {place[0] for place, draft in drafts.items() if len(draft.objects)}
    return sorted(layer.name for layer in driver.viewer.layers if str(layer.unique_id) in having)


def aimed(driver: Driver) -> int:
    """Return the object that the next click is about."""
    return prompts.next_object(driver.viewer.layers[names.POINTS])


def said(driver: Driver) -> tuple[str, ...]:
    """Return the lines of the log."""
    return tuple(line.text for line in driver.state.activity.lines)


def saves(driver: Driver) -> tuple[int, str, str, str]:
    """Save, and return how many files that gives; and folder, name without its number, and format of one."""
    before = set(_files(driver.folder))
    driver.widget.controller.saving.save()
    driver.wait_until_idle()
    driver.wait(lambda: not driver.state.output.saving, "The saving")
    new = sorted(set(_files(driver.folder)) - before)
    return len(new), new[0].parent.name, re.sub(r"[_-]?\d+$", "", new[0].stem), new[0].suffix


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def layers(driver: Driver) -> tuple[str, ...]:
    """Return the names of all layers, and which one is active."""
    active = driver.viewer.layers.selection.active
    return (*(layer.name for layer in driver.viewer.layers), active.name if active is not None else "")


def accepted(driver: Driver) -> tuple[int, ...]:
    """Return what lies in the accepted labels."""
    return tuple(layer.data.max() for layer in driver.viewer.layers if layer.name == names.ACCEPTED)


def files(driver: Driver) -> list[str]:
    """Return the files that there are, once all is written."""
    driver.wait_until_idle()
    driver.wait(lambda: not driver.state.output.saving, "The saving")
    return sorted(str(path.relative_to(driver.folder)) for path in _files(driver.folder))


def clipboard(driver: Driver) -> str:
    """Return what is in the clipboard."""
    return QApplication.clipboard().text()


def shown(path: str) -> Callable[[Driver], bool]:
    """Return what tells whether a part of the widget is shown."""

    def seen(driver: Driver) -> bool:
        found: Any = driver.widget
        for name in path.split("."):
            found = getattr(found, name)
        return bool(found.isVisibleTo(driver.widget)) if found is not driver.widget.sheet else bool(found.isVisible())

    return seen
