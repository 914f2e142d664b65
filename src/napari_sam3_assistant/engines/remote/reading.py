"""Prompts as a server takes them, and what it answers as values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_sam3_assistant.core.errors import EngineError, PromptError, Unsupported
from napari_sam3_assistant.core.geometry import Box, PlacedMask, clip, intersection, slices
from napari_sam3_assistant.core.prompts import BoxPrompt, PointPrompt, Prompts
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.engines.protocol import Capabilities, Proposals, VideoLimits
from napari_sam3_assistant.engines.remote.dialling import BUILTIN
from napari_sam3_assistant.wire.masks import corners_of, decode, encode
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.values import Asked, CapabilitiesInfo, Drawn, Found, LimitsInfo, Place, Rectangle

Shape = tuple[int, int]
MOST_CELLS = 2**32
"""Pixels of all masks of one answer, and so bytes that they take here."""


def capabilities_of(told: CapabilitiesInfo, limits: LimitsInfo, instead: str) -> Capabilities:
    """Return what a server's engine can do."""
    video, proposals = told.video, told.proposals
    return Capabilities(
        points=told.points,
        boxes=told.boxes,
        masks=told.masks,
        exemplars=told.exemplars,
        text=told.text,
        crops=told.crops,
        video=None if video is None else VideoLimits(**video.model_dump()),
        proposals=None
        if proposals is None
        else Proposals(proposals.points, proposals.least_score, proposals.least_stability),
        honours_clicks=told.honours_clicks,
        refines=told.refines,
        max_points=told.max_points,
        threshold=told.threshold,
        devices=told.devices or ("cpu",),
        encode_s=told.encode_s,
        instead=told.instead or instead,
    )


def asked_of(prompts: Prompts, shape: Shape) -> Asked:
    """Return prompts on a picture of ``shape`` (H, W) as a message holds them.

    Raises
    ------
    PromptError
        If one lies outside.
    Unsupported
        For a negative box.
    """
    for point in prompts.points:
        row, col = point.pixel
        if not (0 <= row < shape[0] and 0 <= col < shape[1]):
            raise PromptError(
                f"The point at row {row}, column {col} lies outside the image ({shape[0]} x {shape[1]} px).",
                hint="Delete it and click on the picture itself.",
            )
    if prompts.box is not None and not prompts.box.positive:
        raise Unsupported("A negative box does not show an object.", hint="Use negative points instead.")
    return Asked(
        points=places_of(prompts.points),
        box=None if prompts.box is None else rectangle_of(prompts.box, shape),
        mask=None if prompts.mask is None else drawn_of(prompts.mask.mask, shape),
    )


def places_of(points: Sequence[PointPrompt]) -> tuple[Place, ...]:
    """Return points as messages hold them."""
    return tuple(Place(x=point.col, y=point.row, label=int(point.positive)) for point in points)


def rectangle_of(prompt: BoxPrompt, shape: Shape) -> Rectangle:
    """Return the part of a box that lies on a picture; PromptError if it lies outside."""
    inside = clip(prompt.box, shape)
    if inside is None:
        raise PromptError("The box lies outside the image.", hint="Draw it on the picture itself.")
    return Rectangle(x1=inside.left, y1=inside.top, x2=inside.right, y2=inside.bottom, label=int(prompt.positive))


def drawn_of(mask: PlacedMask, shape: Shape) -> Drawn:
    """Return the part of a mask that lies on a picture; PromptError if nothing does."""
    inside = _inside(mask, shape).trimmed()
    if not inside.area:
        raise PromptError("The mask lies outside the image.", hint="Paint on the picture itself.")
    return Drawn(mask=encode(inside, shape, "bits"), mask_format="bits", bbox=corners_of(inside))


def segmentations_of(objects: Sequence[Found], shape: Shape) -> list[Segmentation]:
    """Return the masks of objects on a picture of ``shape`` (H, W), with their scores.

    Raises
    ------
    EngineError
        If one is broken, not of this picture, or they are more than memory is for; or a score is none.
    """
    cells = sum(_cells(one, shape) for one in objects)
    if cells > MOST_CELLS or not all(0 <= (one.score or 0.0) <= 1 for one in objects):
        raise _broken()
    try:
        masks = [decode(one.mask, one.mask_format, shape, one.bbox) for one in objects]
    except Refusal as refusal:
        raise _broken() from refusal
    return [Segmentation(mask, one.score or 0.0) for mask, one in zip(masks, objects, strict=True)]


def candidates_of(objects: Sequence[Found], shape: Shape) -> Candidates:
    """Return all that was found, in the order in which it came; errors as :func:`segmentations_of`."""
    masks = [one.mask for one in segmentations_of(objects, shape)]
    corners = [(box.corners if (box := mask.box) else (0.0, 0.0, 0.0, 0.0)) for mask in masks]
    boxes = np.array(corners, np.float32).reshape(-1, 4)
    stability = [one.stability for one in objects]
    known = [one for one in stability if one is not None]
    return Candidates(
        np.array([one.score or 0.0 for one in objects], np.float32),
        boxes,
        tuple(mask.mask for mask in masks),
        boxes,
        shape,
        np.array(known, np.float32) if known and len(known) == len(stability) else None,
    )


def _inside(mask: PlacedMask, shape: Shape) -> PlacedMask:
    whole = Box(0, 0, *shape)
    shared = None if mask.box is None else intersection(mask.box, whole)
    if shared is None:
        return PlacedMask(np.zeros((0, 0), bool))
    return PlacedMask(mask.mask[slices(shared, mask.offset)], (int(shared.top), int(shared.left)))


def _cells(found: Found, shape: Shape) -> int:
    """Return how many pixels a mask has in memory before its empty rims are cut off."""
    if found.mask_format != "bits":
        return shape[0] * shape[1]
    left, top, right, bottom = found.bbox
    return max(right - left, 0) * max(bottom - top, 0)


def _broken() -> EngineError:
    return EngineError("The server has answered with what is no mask of this picture.", hint=f"Try again, {BUILTIN}")
