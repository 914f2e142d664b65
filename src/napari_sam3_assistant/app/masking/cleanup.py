"""The tab ``Mask Cleanup``: the components of a layer, and what tidies it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from napari_sam3_assistant.app.masking.cleanup_state import CleanupState
from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.app.masking.listing import Listing
from napari_sam3_assistant.app.masking.reaching import Reaching
from napari_sam3_assistant.app.masking.state import ScopeState
from napari_sam3_assistant.app.masking.tidying import Operation, Tidying, by_object, by_pixel
from napari_sam3_assistant.app.masking.values import Values
from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.progress import Watch
from napari_sam3_assistant.layers import labels
from napari_sam3_assistant.masks import cleanup
from napari_sam3_assistant.masks.components import Component
from napari_sam3_assistant.masks.edits import Edit
from napari_sam3_assistant.masks.index import shifted
from napari_sam3_assistant.masks.scopes import Scope, among
from napari_sam3_assistant.masks.values import renumber

NONE_SELECTED = "Press Analyze Layer to list them, and click a row; Ctrl and Shift select several."


class Cleanup:
    """Verbs of the tab."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.state = CleanupState()
        self.scope = ScopeState()
        self.reach = Reaching(desk, self.scope, self.state)
        self._tidying = Tidying(desk, self.reach)
        self._listing = Listing(desk, self.reach, self.state)
        self.values = Values(desk, self.reach, self._tidying, self.state, self.scope)

    @property
    def listing(self) -> str:
        """What to say in place of components, where there are none to list."""
        if self._desk.state.target is None:
            return "There is no Labels layer.\nOpen one, or make one with New labels layer in the layer list."
        if self.state.outdated:
            return "The layer has changed.\nIts components are being listed anew."
        if self.state.analyzed:
            return f"There is no object in {'this part of the' if self.state.where else 'this'} layer."
        return "Press Analyze Layer to list its components."

    def analyze(self) -> None:
        """List the connected components of the target; from then on the list follows what is painted and edited."""
        self._listing.analyze()

    def remove_small(self) -> None:
        """Remove components smaller than ``minimum_size``."""
        size = self.state.minimum_size
        self._tidying.edit(
            "Remove Small Objects",
            by_object(lambda block, region, watch: cleanup.remove_small(block, size, among=region, watch=watch)),
            lambda name: f"Removed components smaller than {size} pixels from {name}.",
        )

    def fill_holes(self) -> None:
        """Fill holes of up to ``hole_size``; 0 fills all."""
        size = self.state.hole_size
        self._tidying.edit(
            "Fill Holes",
            by_pixel(lambda block, watch: cleanup.fill_holes(block, size, watch)),
            lambda name: f"Filled holes {f'up to {size} pixels' if size else 'of any size'} in {name}.",
        )

    def smooth(self) -> None:
        """Make outlines smooth, by ``radius``."""
        radius = self.state.radius
        self._tidying.edit(
            "Smooth Mask",
            by_pixel(lambda block, watch: cleanup.smooth(block, radius, watch)),
            lambda name: f"Smoothed mask {name} with radius {radius}.",
        )

    def keep_largest(self) -> None:
        """Keep the largest component of each label."""
        self._tidying.edit(
            "Keep Largest Object",
            by_object(lambda block, region, watch: cleanup.keep_largest(block, among=region, watch=watch)),
            lambda name: f"Kept largest connected component in {name}.",
        )

    def split_touching(self) -> None:
        """Part objects at their necks, into pieces whose middles are ``distance`` apart at least."""
        distance = self.state.distance
        self._tidying.edit(
            "Split Touching Objects",
            by_object(lambda block, region, watch: cleanup.split_touching(block, distance, among=region, watch=watch)),
            lambda name: f"Split touching objects in {name}, at least {distance} pixels apart.",
        )

    def dilate(self) -> None:
        """Let labels grow by ``radius``."""
        self._grow("Dilate", cleanup.dilate, "Dilated")

    def erode(self) -> None:
        """Let labels shrink by ``radius``."""
        self._grow("Erode", cleanup.erode, "Eroded")

    def clear_border(self) -> None:
        """Remove components that reach the border."""
        self._tidying.edit(
            "Clear Border",
            by_object(lambda block, region, watch: cleanup.clear_border(block, among=region, watch=watch)),
            lambda name: f"Removed components at the border of {name}.",
        )

    def renumber(self) -> None:
        """Number the labels from 1 on without gaps."""
        self._tidying.edit(
            "Renumber Labels", by_pixel(renumber), lambda name: f"Numbered the labels of {name} from 1 on without gaps."
        )

    def delete(self, components: Iterable[Component]) -> None:
        """Make these components background."""
        chosen = tuple(components)
        if not chosen:
            self._desk.fail(PromptError("Select component rows to delete.", hint=NONE_SELECTED))
            return
        self._tidying.edit(
            "Delete Selected Components",
            self._on_components(chosen, 0),
            lambda name: f"Deleted {len(chosen)} selected component(s) from {name}.",
            scope=self._listing.scope,
        )

    def assign(self, components: Iterable[Component], value: int) -> None:
        """Give these components a value."""
        chosen = tuple(components)
        if not chosen:
            self._desk.fail(PromptError("Select component rows to assign a value to.", hint=NONE_SELECTED))
            return
        self._tidying.edit(
            "Assign Selected Components",
            self._on_components(chosen, value),
            lambda name: f"Assigned value {value} to {len(chosen)} selected component(s) in {name}.",
            value=value,
            scope=self._listing.scope,
        )

    def select(self, components: Iterable[Component]) -> None:
        """Select the rows of these components."""
        self.state.selected = tuple(components)

    def pick(self, components: Iterable[Component]) -> None:
        """Select these, as a click in the table does; of one alone, show the slice, and paint with its value."""
        self.select(components)
        chosen, layer = self.state.selected, self._desk.target()
        if len(chosen) == 1 and layer is not None:
            labels.show(self._desk.viewer, layer, chosen[0].centroid, chosen[0].label)

    def refresh(self) -> None:
        """Look at the layers anew, and at the values."""
        self.reach.look()
        self.values.count()

    def component_at(self, index: Sequence[int]) -> Component | None:
        """Return the listed component at a pixel of the target, one index an axis of its data; None where none is."""
        return self._listing.at(index)

    def locate(self, component: Component) -> None:
        """Bring a component into the middle of the view, as it is now."""
        layer = self._desk.target()
        found = next((one for one in self.state.components if one.id == component.id), None)
        if layer is None or found is None:
            self._desk.fail(
                PromptError("Analyze a target Labels layer before locating a component.", hint="Press Analyze Layer.")
            )
            return
        labels.look_at(self._desk.viewer, layer, found.centroid)
        place = ", ".join(f"{value:.1f}" for value in found.centroid)
        self._desk.say(f"Located component {found.id} label {found.label} at centroid {place}.")

    def forget(self) -> None:
        """Begin with another target."""
        self._listing.forget()

    def close(self) -> None:
        """Let go of layers, sliders and what runs."""
        self._listing.close()
        self.values.close()
        self.reach.close()

    def _grow(self, title: str, function: Callable[[Any, int, Watch], Edit | None], did: str) -> None:
        radius = self.state.radius
        self._tidying.edit(
            title,
            by_pixel(lambda block, watch: function(block, radius, watch)),
            lambda name: f"{did} the labels of {name} by {radius} pixel(s).",
        )

    def _on_components(self, chosen: tuple[Component, ...], value: int) -> Operation:
        """Return the operation that gives listed components a value, in the part of the layer they were found in."""

        def operation(data: Any, scope: Scope, watch: Watch) -> Edit | None:
            own = shifted(chosen, [-part.start for part in scope.slices])
            edit = among(
                data,
                Scope(scope.slices),
                lambda block, region: cleanup.assign_components(block, own, value, watch=watch),
            )
            return self._listing.expect(edit, (one.slices for one in chosen))

        return operation
