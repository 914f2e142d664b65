"""What a client says about one object, as an engine takes it, in a request that touches no object of the session."""

from __future__ import annotations

from typing import Protocol

from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.server.session.bounds import box_prompt, mask_on, object_box_on, place_on
from napari_sam3_assistant.server.session.context import SessionContext
from napari_sam3_assistant.server.session.prompting import check_points, check_taken
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.values import Asked


class Takes(Protocol):
    """The kinds of prompt that are taken: of a picture, or of a frame of a video."""

    @property
    def points(self) -> bool: ...

    @property
    def boxes(self) -> bool: ...

    @property
    def masks(self) -> bool: ...

    @property
    def max_points(self) -> int | None: ...


async def prompts_of(asked: Asked, shape: tuple[int, int], takes: Takes, context: SessionContext) -> Prompts:
    """Return what is said about an object on a picture of ``shape`` (H, W).

    Raises
    ------
    Refusal
        If nothing is said, it is not taken, is too much, or lies outside.
    """
    if not asked.points and asked.box is None and asked.mask is None:
        raise Refusal("no_points")
    check_taken(takes.points or not asked.points, "points")
    check_taken(takes.boxes or asked.box is None, "boxes")
    check_taken(takes.masks or asked.mask is None, "masks")
    check_points(len(asked.points), context.limits.points_per_object, takes.max_points)
    points = tuple(place_on(place, shape) for place in asked.points)
    box = None if asked.box is None else box_prompt(object_box_on(asked.box, shape))
    mask = None
    if asked.mask is not None:
        mask = MaskPrompt(await context.inference.codec(mask_on, asked.mask, shape))
    return Prompts(points, box, mask)
