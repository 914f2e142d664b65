"""What a batch has made on a plane: the objects as they were made, to tell which of them were touched since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from napari_sam3_assistant.masks.registry import MaskObject


@dataclass(frozen=True, slots=True, eq=False)
class Batched:
    """What a batch has made on a plane.

    Attributes
    ----------
    run : int
        Number of the batch.
    made : mapping of int to MaskObject
        The objects as the batch made them, by number.
    """

    run: int
    made: Mapping[int, MaskObject] = field(default_factory=dict)
