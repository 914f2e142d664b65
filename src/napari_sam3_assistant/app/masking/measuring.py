"""What is measured of the components of Mask Cleanup, on the worker, once it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from napari_sam3_assistant.app.masking.cleanup_state import CleanupState
from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.app.masking.reaching import Reaching
from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.masks.components import Component
from napari_sam3_assistant.masks.measures import Measure, measure
from napari_sam3_assistant.masks.quantities import NOTHING


class Measuring:
    """Measures what is not measured yet; components that were not changed keep what is known of them.

    Parameters
    ----------
    desk : Desk
    reach : Reaching
        Tells which image is measured too.
    state : CleanupState
        Written here: ``known.measures`` and ``measuring``.
    """

    def __init__(self, desk: Desk, reach: Reaching, state: CleanupState) -> None:
        self._desk, self._reach, self._state = desk, reach, state
        self._work = desk.aside(self._failed)
        self._listed: tuple[Component, ...] = ()
        state.events.measures.connect(self._wanted)
        state.events.image.connect(self._other_image)

    def look(self) -> None:
        """Measure the listed components that are not measured, if that is wanted."""
        state, layer = self._state, self._desk.target()
        if not state.measures or not state.analyzed or layer is None:
            return
        image = self._image(layer)
        known: Mapping[int, Measure] = state.known.measures or {}
        if state.known.measures is None or state.known.intensity != (image is not None):
            known = {}
            state.known = replace(state.known, measures=known, intensity=image is not None)
        self._listed = state.components
        missing = tuple(one for one in self._listed if state.known.measure(one) is NOTHING)
        self._work.drop()
        state.measuring = bool(missing)
        if not missing:
            return
        data = layer.data

        def done(found: Mapping[int, Measure]) -> None:
            state.measuring = False
            if self._listed is state.components:
                state.known = replace(state.known, measures={**known, **found})

        self._work.start(str(layer.unique_id), lambda watch: measure(data, missing, image, watch), done)

    def close(self) -> None:
        """Let go of what runs."""
        self._work.drop()
        self._state.events.measures.disconnect(self._wanted)
        self._state.events.image.disconnect(self._other_image)

    def _image(self, layer: Any) -> Any | None:
        """Return the pixels of the chosen image, or say why they cannot be measured and return None."""
        try:
            return self._reach.image(layer)
        except AssistantError as error:
            self._desk.fail(error)
            return None

    def _wanted(self, wanted: bool) -> None:
        if wanted:
            self.look()
            return
        self._work.drop()
        self._state.measuring = False
        self._state.known = replace(self._state.known, measures=None)

    def _other_image(self, identity: str | None) -> None:
        if self._state.measures:
            self._state.known = replace(self._state.known, measures=None)
            self.look()

    def _failed(self, error: AssistantError) -> None:
        """Say what went wrong, unless the components are others by now: then they are measured anew."""
        self._state.measuring = False
        if self._listed is self._state.components and not self._state.outdated:
            self._desk.fail(error)
