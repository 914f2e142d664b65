"""What a request over HTTP asks of the model, and what is found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.prompts import BoxPrompt, PointPrompt, Prompts, Query, TextPrompt
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.server.model.failures import NO_WORDS
from napari_sam3_assistant.server.model.inference import Inference
from napari_sam3_assistant.server.model.pictures import Picture
from napari_sam3_assistant.server.rest.models import (
    AutoFields,
    BoxFields,
    CommonFields,
    PointsFields,
    PointsText,
    TextFields,
)
from napari_sam3_assistant.server.rest.problems import (
    BAD_BOX,
    BAD_LABELS,
    BAD_POINTS,
    UNEQUAL_POINTS,
    Problem,
)
from napari_sam3_assistant.server.rest.turns import AT_ONCE
from napari_sam3_assistant.server.settings import Limits
from napari_sam3_assistant.tasks.everything import EverythingOptions
from napari_sam3_assistant.tasks.reading import TextResult
from napari_sam3_assistant.wire.masks import corners_of, share
from napari_sam3_assistant.wire.values import Corners

MOST_MASKS = 200
"""More objects that words name are not returned: each is a picture of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundObjects:
    """What was found.

    Attributes
    ----------
    objects : tuple of Segmentation
        The best first; each has a pixel.
    boxes : tuple of Corners or None
        What is answered as boxes.
    message : str or None
        What there is to know besides.
    """

    objects: tuple[Segmentation, ...]
    boxes: tuple[Corners, ...] | None = None
    message: str | None = None

    @property
    def scores(self) -> list[float]:
        """Of the objects, 0 to 1."""
        return [share(one.score, one.mask.area) for one in self.objects]


class Question(ABC):
    """What is asked about a picture.

    Parameters
    ----------
    fields : CommonFields
    nothing : str
        What is said where nothing is found.
    prompt : str or None
        The words that are looked for.
    """

    lane = ""
    """Questions of one client and lane wait for each other,"""
    at_once = AT_ONCE
    """but so many are asked at once."""

    def __init__(self, fields: CommonFields, nothing: str, prompt: str | None = None) -> None:
        self.drawn, self.nothing, self.prompt = fields.return_visualization, nothing, prompt

    @abstractmethod
    def check(self, inference: Inference, limits: Limits) -> None:
        """Raise Problem where the question cannot be answered about any picture."""

    def place(self, shape: tuple[int, int]) -> None:  # noqa: B027  # most questions fit any picture
        """Raise Problem where it cannot be answered about a picture of ``shape`` (H, W)."""

    @abstractmethod
    async def ask(self, inference: Inference, picture: Picture, session: str) -> FoundObjects:
        """Return what is found, in a single turn where that is short; errors as :class:`Inference` has, and Problem."""


class TextQuestion(Question):
    """Asks what some words name."""

    def __init__(self, fields: TextFields) -> None:
        super().__init__(fields, f"No objects found matching '{fields.text}'", fields.text)
        self._text, self._threshold = fields.text, fields.mask_threshold

    def check(self, inference: Inference, limits: Limits) -> None:
        if not inference.capabilities.text:
            raise Problem(501, NO_WORDS)
        if len(self._text) > limits.text_length:
            raise Problem(400, f"Text too long ({len(self._text)} characters). Maximum is {limits.text_length}.")

    async def ask(self, inference: Inference, picture: Picture, session: str) -> FoundObjects:
        query = Query((TextPrompt(self._text),))
        answer = await inference.find(picture, query, session, threshold=self._threshold)
        found = await inference.codec(_passing, cast(TextResult, answer.value), self._threshold)
        return _with_boxes(found)


class BoxQuestion(Question):
    """Asks which object a box holds."""

    def __init__(self, fields: BoxFields) -> None:
        super().__init__(fields, "No objects found in the specified box")
        self._corners = fields.corners

    def check(self, inference: Inference, limits: Limits) -> None:
        x1, y1, x2, y2 = self._corners
        if x1 >= x2 or y1 >= y2:
            raise Problem(400, BAD_BOX)

    def place(self, shape: tuple[int, int]) -> None:
        (height, width), (x1, y1, x2, y2) = shape, self._corners
        if x1 < 0 or y1 < 0 or x2 > width or y2 > height:
            raise Problem(400, f"Bounding box out of image bounds. Image size: {width}x{height}")

    async def ask(self, inference: Inference, picture: Picture, session: str) -> FoundObjects:
        x1, y1, x2, y2 = self._corners
        prompts = Prompts(box=BoxPrompt(Box(y1, x1, y2, x2)))
        found = (await inference.segment(picture, prompts, session)).value.segmentation
        return FoundObjects(_seen([found]), (self._corners,))


class PointsQuestion(Question):
    """Asks which object some points lie on."""

    def __init__(self, fields: PointsFields | PointsText) -> None:
        super().__init__(fields, "No objects found at the specified points")
        self._x, self._y, self._labels = map(_numbers, (fields.points_x, fields.points_y, fields.labels))

    def check(self, inference: Inference, limits: Limits) -> None:
        if not len(self._x) == len(self._y) == len(self._labels):
            raise Problem(400, UNEQUAL_POINTS)
        if not self._x:
            raise Problem(400, BAD_POINTS)
        if not set(self._labels) <= {0, 1}:
            raise Problem(400, BAD_LABELS)
        if len(self._x) > limits.points_per_object:
            raise Problem(400, f"Max points per object ({limits.points_per_object}) reached")

    def place(self, shape: tuple[int, int]) -> None:
        height, width = shape
        for x, y in zip(self._x, self._y, strict=True):
            if not (0 <= x < width and 0 <= y < height):
                raise Problem(400, f"Point ({x}, {y}) is out of image bounds ({width}x{height})")

    async def ask(self, inference: Inference, picture: Picture, session: str) -> FoundObjects:
        points = zip(self._x, self._y, self._labels, strict=True)
        prompts = Prompts(tuple(PointPrompt(y, x, bool(label)) for x, y, label in points))
        if not prompts.positive:  # nothing is asked for, as on the socket
            return FoundObjects(())
        return FoundObjects(_seen([(await inference.segment(picture, prompts, session)).value.segmentation]))


class AutoQuestion(Question):
    """Asks what objects there are: for so long that nothing else shall wait for it."""

    lane, at_once = "auto", 1

    def __init__(self, fields: AutoFields) -> None:
        super().__init__(fields, "No objects found in automatic segmentation")
        self._side = fields.points_per_side
        self._options = EverythingOptions(
            points_per_side=fields.points_per_side,
            least_score=fields.pred_iou_thresh,
            least_stability=fields.stability_score_thresh,
        )

    def check(self, inference: Inference, limits: Limits) -> None:
        if self._side > limits.points_per_side:
            raise Problem(400, f"points_per_side must be at most {limits.points_per_side}")

    async def ask(self, inference: Inference, picture: Picture, session: str) -> FoundObjects:
        await inference.encode(picture, session)  # sooner than the rest, and others share it
        return _with_boxes(_seen((await inference.everything(picture, self._options, session)).value))


def _passing(result: TextResult, threshold: float) -> tuple[Segmentation, ...]:
    """Return what scores at least ``threshold``, of all that one phrase names, in pixels of the picture."""
    named = (one.segmentation for one in result.above(threshold))
    # Where nothing passes, lower thresholds were tried; who names one in a request means it.
    return _seen([one for one in named if one.score >= threshold])


def _seen(objects: Sequence[Segmentation]) -> tuple[Segmentation, ...]:
    return tuple(one for one in objects if one.mask.area)


def _with_boxes(objects: tuple[Segmentation, ...]) -> FoundObjects:
    kept = objects[:MOST_MASKS]
    message = f"The best {MOST_MASKS} of {len(objects)} objects" if len(objects) > MOST_MASKS else None
    return FoundObjects(kept, tuple(corners_of(one.mask) for one in kept), message)


def _numbers(given: list[int] | str) -> list[int]:
    if not isinstance(given, str):
        return given
    try:
        return [int(one) for one in given.split(",")]
    except ValueError as error:
        raise Problem(400, BAD_POINTS) from error
