"""The image in use as it is on screen, taken once per verb."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.layers import world

Place = tuple[str, Plane]
"""The unique id of an image layer, and a plane of it."""


def in_order(places: Iterable[Place]) -> list[Place]:
    """Return the planes of one image after each other, images as they come and slices in their order."""
    found = list(places)
    order = {image: at for at, image in enumerate(dict.fromkeys(image for image, _ in found))}
    return sorted(found, key=lambda place: (order[place[0]], place[1].index))


@dataclass(frozen=True, slots=True, eq=False)
class OnScreen:
    """An image layer, its pixels, its plane on screen, and what else the viewer shows."""

    layer: Any
    source: Source
    plane: Plane
    world: world.World

    @property
    def place(self) -> Place:
        """Which plane of which image."""
        return self.source.identity, self.plane

    @property
    def view(self) -> Window | None:
        """What of the plane is in view, or None where the viewer has not been drawn."""
        return world.window_in_view(self.layer, self.plane, self.source.plane_shape(self.plane), self.world)

    @property
    def middle(self) -> tuple[float, float] | None:
        """The pixel of the plane in the middle of the canvas, or None where that lies beside the plane."""
        if self.world.middle is None:
            return None
        return world.pixel_at(self.layer, self.plane, self.world, self.world.middle)
