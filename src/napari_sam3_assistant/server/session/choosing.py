"""Objects of a session: begun, selected, given up, found by words; and steps, taken back and done again."""

from __future__ import annotations

from functools import partial

from napari_sam3_assistant.core.prompts import Query, TextPrompt
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.server.session.answers import found_of
from napari_sam3_assistant.server.session.context import SessionContext
from napari_sam3_assistant.server.session.finding import objects_in, phrases_of
from napari_sam3_assistant.server.session.history import Change
from napari_sam3_assistant.server.session.kept import FoundMask, kept
from napari_sam3_assistant.server.session.prompting import Prompting
from napari_sam3_assistant.server.session.steps import text_taken_back, told
from napari_sam3_assistant.server.session.work import Work
from napari_sam3_assistant.wire.masks import share
from napari_sam3_assistant.wire.messages import DeleteObject, NewObject, Redo, SelectObject, Text, Undo
from napari_sam3_assistant.wire.replies import ObjectCreated, ObjectDeleted, ObjectSelected, TextResult
from napari_sam3_assistant.wire.values import Found, MaskFormat, Message, Timing


class Choosing:
    """Takes what is about objects as such.

    Parameters
    ----------
    context : SessionContext
    prompting : Prompting
        Answers what is said about an object once a step was taken back.
    """

    def __init__(self, context: SessionContext, prompting: Prompting) -> None:
        self._context, self._prompting = context, prompting

    async def new(self, message: NewObject) -> None:
        """Begin an object."""
        number = self._context.board.create()
        await self._context.send(ObjectCreated(object_id=number, id=message.id))

    async def select(self, message: SelectObject) -> None:
        """Select an object."""
        board = self._context.board
        board.selected = board.of(message.object_id)
        await self._context.send(ObjectSelected(object_id=board.selected, id=message.id))

    async def delete(self, message: DeleteObject) -> None:
        """Give an object up."""
        board = self._context.board
        number = board.of(message.object_id)
        board.delete(number)
        await self._context.send(ObjectDeleted(object_id=number, selected=board.selected, id=message.id))

    async def undo(self, message: Undo) -> Work | None:
        """Take back a step."""
        return await self._changed(message, self._context.board.undo(message.object_id), forward=False)

    async def redo(self, message: Redo) -> Work | None:
        """Do a step again."""
        return await self._changed(message, self._context.board.redo(message.object_id), forward=True)

    async def text(self, message: Text) -> Work:
        """Find all objects that words name."""
        context = self._context
        context.shown()
        phrases = phrases_of(message.text, context.inference.capabilities, context.limits)
        context.board.check_room()
        return context.work(message, partial(self._text, message, phrases))

    async def _changed(self, message: Message, changes: list[Change], *, forward: bool) -> Work | None:
        context = self._context
        first = changes[0]
        if first.text and not forward:
            await context.send(text_taken_back(changes, message.id))
            return None
        if first.text:
            found = {one.object_id: one.after.found for one in changes if one.after is not None and one.after.found}
            phrases = ", ".join(dict.fromkeys(one.name for one in found.values()))
            return context.work(message, partial(self._tell_found, found, phrases, Timing()))
        await context.send(told(first, context.board.selected, forward=forward, id=message.id))
        said = context.board.objects.get(first.object_id)
        return None if said is None else self._prompting.answering(message, first.object_id, said)

    async def _text(self, message: Text, phrases: tuple[TextPrompt, ...], work: Work) -> None:
        context, picture = self._context, self._context.shown()
        query, least = Query(phrases), message.threshold
        asked = await context.inference.find(picture, query, context.name, threshold=least)
        found = await context.inference.codec(objects_in, asked.value, least)
        most = min(message.max_objects, context.board.room)
        masks = await context.inference.codec(_kept, found[:most], picture.shape)
        if context.stale(work):
            return
        numbers = context.board.find(masks)
        timing = Timing(queue=asked.queue_ms, encode=asked.value.encode_ms, decode=asked.value.decode_ms)
        await self._tell_found(dict(zip(numbers, masks, strict=True)), message.text, timing, work)

    async def _tell_found(self, found: dict[int, FoundMask], prompt: str, timing: Timing, work: Work) -> None:
        context = self._context
        objects = await context.inference.codec(_listed, found, context.agreed.mask_format)
        if not context.stale(work):
            await context.send(TextResult(objects=objects, prompt=prompt, timing_ms=timing, id=work.message.id))


def _kept(found: list[tuple[Segmentation, str | None]], shape: tuple[int, int]) -> list[FoundMask]:
    return [FoundMask(kept(one.mask, shape), share(one.score, one.mask.area), name or "") for one, name in found]


def _listed(found: dict[int, FoundMask], format: MaskFormat) -> tuple[Found, ...]:
    return tuple(
        found_of(one.mask.placed(), one.score, one.mask.shape, format, object_id=number, name=one.name)
        for number, one in found.items()
    )
