"""The state of the tab ``Mask Cleanup``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.app.task_state import ImageItem
from napari_sam3_assistant.masks.components import Component
from napari_sam3_assistant.masks.measures import Sizes
from napari_sam3_assistant.masks.quantities import Known

COMPONENTS, VALUES = "Components", "Values"
NOTHING_KNOWN = Known((1, 1), Sizes((1.0, 1.0)))


@dataclass(eq=False)
class CleanupState:
    """What the user sets, and facts.

    The user's: ``page``; ``minimum_size``, ``hole_size``, ``radius``, ``distance`` in pixels; ``assignment``, the value
    that components get; ``roi``, whether the shapes of the layer ``shapes`` limit the work; ``measures`` and
    ``image``, what is measured; ``conditions``, which rows are listed; ``selected``, set by the canvas too.
    ``shapes`` and ``image`` are unique ids.

    Facts: ``components`` are those of the layer as it is, ``axes`` the number of axes they have; when its pixels change
    those that the change touched are others. ``outdated``: the layer is being analyzed anew, and meanwhile they are
    those of before. ``known`` is what else is known of them, ``where`` the slices that they were looked for in.
    ``slices``: how many slices a range can be chosen of. ``images`` and ``drawings`` are the layers to choose from.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    page: str = COMPONENTS
    minimum_size: int = 64
    hole_size: int = 256
    radius: int = 1
    distance: int = 8
    assignment: int = 1
    roi: bool = False
    shapes: str | None = None
    measures: bool = False
    image: str | None = None
    conditions: str = ""
    selected: tuple[Component, ...] = ()
    components: tuple[Component, ...] = ()
    axes: int = 2
    analyzed: bool = False
    outdated: bool = False
    measuring: bool = False
    known: Known = NOTHING_KNOWN
    where: str = ""
    slices: int = 0
    images: tuple[ImageItem, ...] = ()
    drawings: tuple[ImageItem, ...] = ()


@dataclass(eq=False)
class ValuesState:
    """What the user sets (``replaced``, ``new``, ``selected``), and facts.

    ``counts`` are the values of the layer and how many pixels have each, the lowest value first; ``counting`` says
    that they are being counted, and ``trouble`` why they cannot be.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    replaced: str = ""
    new: int = 1
    selected: tuple[int, ...] = ()
    counts: tuple[tuple[int, int], ...] = ()
    counted: bool = False
    counting: bool = False
    trouble: str = ""
