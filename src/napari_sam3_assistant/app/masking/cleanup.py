"""The tab ``Mask Cleanup``: the components of a layer, and what tidies it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.app.masking.desk import NO_LAYER, Desk
from napari_sam3_assistant.app.masking.state import ScopeState
from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.layers import labels
from napari_sam3_assistant.masks import cleanup
from napari_sam3_assistant.masks.components import Component, analyze

NO_TARGET = PromptError("Select a target Labels layer for component analysis.", hint=NO_LAYER.hint)


@dataclass(eq=False)
class CleanupState:
    """What the user sets (``minimum_size``, ``hole_size``), and facts.

    ``components`` are those of the layer as it is: when its pixels change they go, and ``outdated`` says so.
    ``axes`` is the number of axes they have.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    minimum_size: int = 64
    hole_size: int = 256
    components: tuple[Component, ...] = ()
    axes: int = 2
    analyzed: bool = False
    outdated: bool = False


class Cleanup:
    """Verbs of the tab."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.state = CleanupState()
        self.scope = ScopeState()
        self._changes = 0
        desk.edited.written.connect(self._written)

    @property
    def listing(self) -> str:
        """What to say in place of components, where there are none to list."""
        if self._desk.state.target is None:
            return "There is no Labels layer.\nOpen one, or make one with New labels layer in the layer list."
        if self.state.outdated:
            return "The layer has changed.\nPress Analyze Layer to list its components again."
        if self.state.analyzed:
            return "There is no object in this layer."
        return "Press Analyze Layer to list its components."

    def analyze(self) -> None:
        """List the connected components of the target."""
        changes, target = self._changes, self._desk.state.target

        def done(layer: Any, found: tuple[Component, ...]) -> None:
            if (target, changes) != (self._desk.state.target, self._changes):
                raise PromptError(f"{layer.name} was changed meanwhile.", hint="Press Analyze Layer again.")
            state = self.state
            state.components, state.axes, state.analyzed, state.outdated = found, layer.ndim, True, False
            self._desk.say(f"Analyzed {len(found)} connected component(s) in {layer.name}.")

        self._desk.read(self._desk.target(), "Analyzing...", lambda data, watch: analyze(data), done, missing=NO_TARGET)

    def remove_small(self) -> None:
        """Remove components smaller than ``minimum_size``."""
        size = self.state.minimum_size
        self._desk.edit(
            self._desk.target(),
            "Remove Small Objects",
            lambda data, watch: cleanup.remove_small(data, size),
            lambda name: f"Removed components smaller than {size} pixels from {name}.",
        )

    def fill_holes(self) -> None:
        """Fill holes of up to ``hole_size``; 0 fills all."""
        size = self.state.hole_size
        self._desk.edit(
            self._desk.target(),
            "Fill Holes",
            lambda data, watch: cleanup.fill_holes(data, size),
            lambda name: f"Filled holes {f'up to {size} pixels' if size else 'of any size'} in {name}.",
        )

    def delete(self, components: Iterable[Component]) -> None:
        """Make these components background."""
        chosen = tuple(components)
        if not chosen:
            self._desk.fail(PromptError("Select component rows to delete.", hint="Press Analyze Layer to list them."))
            return
        self._desk.edit(
            self._desk.target(),
            "Delete Selected Components",
            lambda data, watch: cleanup.delete_components(data, chosen),
            lambda name: f"Deleted {len(chosen)} selected component(s) from {name}.",
        )

    def locate(self, component: Component) -> None:
        """Bring a component into the middle of the view."""
        layer = self._desk.target()
        if layer is None or component not in self.state.components:
            self._desk.fail(PromptError("Analyze a target Labels layer before locating a component."))
            return
        labels.look_at(self._desk.viewer, layer, component.centroid)
        place = ", ".join(f"{value:.1f}" for value in component.centroid)
        self._desk.say(f"Located component {component.id} label {component.label} at centroid {place}.")

    def forget(self) -> None:
        """Begin with another target."""
        self.state.components, self.state.analyzed, self.state.outdated = (), False, False

    def outdate(self) -> None:
        """Let go of components: the pixels are others by now."""
        self._changes += 1
        state = self.state
        state.outdated = state.outdated or state.analyzed
        state.components, state.analyzed = (), False

    def _written(self, layer: Any, edit: Any) -> None:
        if str(layer.unique_id) == self._desk.state.target:
            self.outdate()
