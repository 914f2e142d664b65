"""Questions that touch no object of the session: an engine elsewhere asks them for a client that keeps its own."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from functools import partial
from typing import Generic, TypeVar

import numpy as np

from napari_sam3_assistant.core.prompts import CropExemplar, Prompts, Query
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.server.model.pictures import Picture
from napari_sam3_assistant.server.session.answers import every_of, found_of
from napari_sam3_assistant.server.session.asking import prompts_of
from napari_sam3_assistant.server.session.bounds import box_on, box_prompt
from napari_sam3_assistant.server.session.context import SessionContext
from napari_sam3_assistant.server.session.finding import (
    Finds,
    nbytes_of,
    objects_in,
    parts_of,
    phrases_of,
    worth_keeping,
)
from napari_sam3_assistant.server.session.kept import NOTHING
from napari_sam3_assistant.server.session.prompting import check_taken
from napari_sam3_assistant.server.session.work import Work
from napari_sam3_assistant.tasks.reading import LEAST_THRESHOLD
from napari_sam3_assistant.wire.messages import CropExample, Find, Predict
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.replies import CandidatesFound, ImageNeeded, Prediction
from napari_sam3_assistant.wire.values import Found, MaskFormat, Rectangle, Timing

T = TypeVar("T")
MOST_REFINEMENTS, MOST_FINDS, MOST_FIND_BYTES = 64, 8, 64 * 2**20


class Recent(Generic[T]):
    """The values that were used last, under keys that nobody can guess.

    Parameters
    ----------
    most : int
        Most values.
    most_bytes : int or None
        Most memory; the newest value is kept whatever it takes.
    """

    def __init__(self, most: int, most_bytes: int | None = None) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._values: OrderedDict[str, tuple[T, int]] = OrderedDict()

    def add(self, value: T, nbytes: int = 0) -> str:
        """Keep a value; return its key."""
        key = secrets.token_urlsafe(9)
        self._values[key] = value, nbytes
        while len(self._values) > self._most or self._too_large():
            self._values.popitem(last=False)
        return key

    def get(self, key: str) -> T | None:
        """Return a value that is still kept."""
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key][0]

    def _too_large(self) -> bool:
        total = sum(nbytes for _, nbytes in self._values.values())
        return self._most_bytes is not None and len(self._values) > 1 and total > self._most_bytes


class Stateless:
    """Answers ``predict`` and ``find``.

    Parameters
    ----------
    context : SessionContext
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._refinements: Recent[tuple[str, Segmentation]] = Recent(MOST_REFINEMENTS)
        self._finds: Recent[Finds] = Recent(MOST_FINDS, MOST_FIND_BYTES)

    async def predict(self, message: Predict) -> Work | None:
        """Ask about one object."""
        picture = await self._picture(message.image_id, message.id)
        if picture is None:
            return None
        context = self._context
        prompts = await prompts_of(message.prompts, picture.shape, context.inference.capabilities, context)
        previous = self._previous(message.previous, picture)
        return context.work(message, partial(self._predict, message, picture, prompts, previous))

    async def find(self, message: Find) -> Work | None:
        """Ask for all objects that words or examples mean, or apply another threshold to what was kept."""
        context = self._context
        if message.find_id is not None:
            known = self._finds.get(message.find_id)
            if known is None:
                raise Refusal("not_found", "This find is not kept any more. Ask again with text or exemplars.")
            return context.work(message, partial(self._tell_found, message, known, message.find_id, Timing()))
        picture = context.shown() if message.image_id is None else await self._picture(message.image_id, message.id)
        if picture is None:
            return None
        crop = None
        if message.crop is not None:
            crop = await self._picture(message.crop.image_id, message.id)
            if crop is None:
                return None
        query = self._query(message, picture, crop)
        return context.work(message, partial(self._find, message, picture, query))

    async def _picture(self, image_id: str, id: str | None) -> Picture | None:
        """Return a picture by its name; ask for it if it is not known."""
        picture = self._context.inference.picture(image_id, self._context.tenant)
        if picture is None:
            await self._context.send(ImageNeeded(image_id=image_id, id=id))
        return picture

    def _previous(self, refinement: str | None, picture: Picture) -> Segmentation | None:
        if refinement is None:
            return None
        image_id, previous = self._refinements.get(refinement) or ("", None)
        if previous is None or image_id != picture.image_id:
            raise Refusal("not_found", "This refinement is not kept any more. Ask again without `previous`.")
        return previous

    async def _predict(
        self, message: Predict, picture: Picture, prompts: Prompts, previous: Segmentation | None, work: Work
    ) -> None:
        context = self._context
        one, timing = Segmentation(NOTHING, 0.0), Timing()
        if prompts.positive or prompts.box is not None or prompts.mask is not None or previous is not None:
            asked = await context.inference.segment(picture, prompts, context.name, previous=previous)
            one = asked.value.segmentation
            timing = Timing(queue=asked.queue_ms, encode=asked.value.encode_ms, decode=asked.value.decode_ms)
        refinement = None
        if one.state is not None and context.inference.capabilities.refines:
            refinement = self._refinements.add((picture.image_id, Segmentation(NOTHING, 0.0, state=one.state)))
        objects, others = await context.inference.codec(
            _predicted, one, picture.shape, context.agreed.mask_format, refinement, message.multimask
        )
        await context.send(Prediction(objects=(objects,), alternatives=others, timing_ms=timing, id=message.id))

    def _query(self, message: Find, picture: Picture, crop: Picture | None) -> Query:
        context = self._context
        takes = context.inference.capabilities
        check_taken(takes.exemplars or not message.exemplars, "examples")
        check_taken(takes.crops or crop is None, "examples in a picture of their own")
        words = () if message.text is None else phrases_of(message.text, takes, context.limits)
        boxes = tuple(box_prompt(box_on(example, picture.shape)) for example in message.exemplars)
        if not words and crop is None and not any(example.positive for example in boxes):
            raise Refusal("bad_prompt", "There is nothing to look for. Send text, or an exemplar with label 1.")
        return Query(words, boxes, None if crop is None else _example(message.crop, crop))

    async def _find(self, message: Find, picture: Picture, query: Query, work: Work) -> None:
        asked = await self._context.inference.find(picture, query, self._context.name, threshold=message.threshold)
        found, find_id = asked.value, None
        if message.keep:
            found = worth_keeping(found)
            find_id = self._finds.add(found, nbytes_of(found))
        timing = Timing(queue=asked.queue_ms, encode=found.encode_ms, decode=found.decode_ms)
        await self._tell_found(message, found, find_id, timing, work)

    async def _tell_found(self, message: Find, found: Finds, find_id: str | None, timing: Timing, work: Work) -> None:
        context = self._context
        usual = LEAST_THRESHOLD if message.every else found.threshold
        threshold = usual if message.threshold is None else message.threshold
        listed = _every if message.every else _found
        objects = await context.inference.codec(listed, found, threshold, context.agreed.mask_format)
        await context.send(
            CandidatesFound(find_id=find_id, threshold=threshold, objects=objects, timing_ms=timing, id=message.id)
        )


def _predicted(
    one: Segmentation, shape: tuple[int, int], format: MaskFormat, refinement: str | None, multimask: bool
) -> tuple[Found, tuple[Found, ...]]:
    first = found_of(one.mask, one.score, shape, format, refinement=refinement)
    others = one.alternatives if multimask else ()
    return first, tuple(found_of(mask, None, shape, format) for mask in others)


def _example(asked: CropExample | None, picture: Picture) -> CropExemplar | None:
    """Return an example in a picture of its own."""
    if asked is None:
        return None
    box = box_prompt(box_on(Rectangle(x1=asked.x1, y1=asked.y1, x2=asked.x2, y2=asked.y2), picture.shape)).box
    return CropExemplar(np.asarray(picture.source.levels[0]), box)


def _every(found: Finds, least: float, format: MaskFormat) -> tuple[Found, ...]:
    """Return all that scores ``least`` or more, as the engine has it."""
    return tuple(one for part in parts_of(found) for one in every_of(part.kept(least), found.view, format))


def _found(found: Finds, threshold: float, format: MaskFormat) -> tuple[Found, ...]:
    shape = found.view.source.plane_shape(found.view.plane)
    return tuple(found_of(one.mask, one.score, shape, format, name=name) for one, name in objects_in(found, threshold))
