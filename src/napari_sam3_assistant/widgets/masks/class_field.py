"""The name of a class, with its colour beside it."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QStringListModel, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QCompleter, QSizePolicy, QWidget

from napari_sam3_assistant.app.masking.classes import Classes
from napari_sam3_assistant.widgets.controls import button, row
from napari_sam3_assistant.widgets.masks.ordered_list import Color, swatch
from napari_sam3_assistant.widgets.whole import Field


class ClassField(QWidget):
    """A field for the name of a class, which knows those there are, and a button with its colour.

    Parameters
    ----------
    classes : Classes
    typed : callable
        Called with the name as it is typed.
    tip : str
    """

    def __init__(self, classes: Classes, typed: Callable[[str], object], tip: str) -> None:
        super().__init__()
        self._classes, self._tip = classes, tip
        self._name, self._value = "", 1
        self.name = Field(tip)
        self.name.setAccessibleName("Class name")
        self.name.textEdited.connect(typed)
        self._names = QStringListModel(self)
        completer = QCompleter(self._names, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.activated.connect(typed)
        self.name.setCompleter(completer)
        self.color = button("Colour", self._choose)
        self.color.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        layout = row(self.name, self.color)
        layout.setContentsMargins(0, 0, 0, 0)
        self.setLayout(layout)
        self.setFocusProxy(self.name)

    def draw(self, text: str, name: str, value: int) -> None:
        """Show a text, and the colour of the class that is meant by it."""
        self._name, self._value = name, value
        if self.name.text() != text:
            self.name.setText(text)
        names = [one.name for one in self._classes.state.classes]
        if names != self._names.stringList():
            self._names.setStringList(names)
        self.color.setIcon(swatch(self._classes.color(name, value)))
        self.color.setToolTip(f"Choose the colour that objects of the class {name} are drawn in.")

    def _choose(self) -> None:
        known: Color = self._classes.color(self._name, self._value)
        chosen = QColorDialog.getColor(QColor.fromRgbF(*known), self, f"Colour of {self._name}")
        if chosen.isValid():
            self._classes.paint(self._name, self._value, (chosen.redF(), chosen.greenF(), chosen.blueF()))
