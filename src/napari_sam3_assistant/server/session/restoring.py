"""The state of a session as a message, and back: a client takes it to another connection."""

from __future__ import annotations

from napari_sam3_assistant.server.model.pictures import Picture
from napari_sam3_assistant.server.session.answers import Answers
from napari_sam3_assistant.server.session.bounds import mask_on, object_box_on, point_on
from napari_sam3_assistant.server.session.context import SessionContext
from napari_sam3_assistant.server.session.kept import FoundMask, kept
from napari_sam3_assistant.server.session.objects import Said, Seen, check_memory
from napari_sam3_assistant.server.session.prompting import check_number, check_taken
from napari_sam3_assistant.server.session.work import Work
from napari_sam3_assistant.wire.masks import share
from napari_sam3_assistant.wire.messages import ListObjects, Restore
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.replies import ObjectSelected, State
from napari_sam3_assistant.wire.values import ObjectState


class Restoring:
    """Lists the objects, and sets them all at once.

    Parameters
    ----------
    context : SessionContext
    answers : Answers
    """

    def __init__(self, context: SessionContext, answers: Answers) -> None:
        self._context, self._answers = context, answers

    async def list(self, message: ListObjects) -> None:
        """Tell the state."""
        await self._tell(message.id)

    async def restore(self, message: Restore) -> Work:
        """Set all objects. Everything is looked at before anything changes."""
        context, picture = self._context, self._context.shown()
        objects: dict[int, Said] = {}
        if len(message.objects) > context.limits.objects:
            raise Refusal("limit_objects", f"Max objects ({context.limits.objects}) reached")
        for state in message.objects:
            if state.object_id in objects:
                raise Refusal("bad_message", f"Invalid restore: object {state.object_id} is given twice")
            objects[state.object_id] = await self._said(state, picture)
            check_memory(objects.values())
        selected = message.selected or max(objects, default=1)
        if selected not in (objects or {1: Said()}):
            raise Refusal("no_object", f"No such object: {selected}")
        context.board.restore(objects, selected)
        await self._tell(message.id)
        return context.work(message, self._answer)

    async def _answer(self, work: Work) -> None:
        board = self._context.board
        for number, said in list(board.objects.items()):
            if not said.empty and not self._context.stale(work) and board.objects.get(number) is said:
                await self._answers.send(work, number, said)
        if not self._context.stale(work):
            await self._context.send(ObjectSelected(object_id=board.selected, id=work.message.id))

    async def _tell(self, id: str | None) -> None:
        context, board, picture = self._context, self._context.board, self._context.picture
        objects = tuple(
            [
                await context.inference.codec(_state, number, said, board.seen.get(number))
                for number, said in list(board.objects.items())
            ]
        )
        height, width = (0, 0) if picture is None else picture.shape
        image_id = None if picture is None else picture.image_id
        await context.send(
            State(image_id=image_id, width=width, height=height, selected=board.selected, objects=objects, id=id)
        )

    async def _said(self, state: ObjectState, picture: Picture) -> Said:
        """Return what was said about an object; errors as for the messages that say it one by one."""
        takes = self._context.inference.capabilities
        for taken, kind, used in ((takes.points, "points", state.points), (takes.boxes, "boxes", state.boxes)):
            check_taken(taken or not used, kind)
        check_number(len(state.points), self._context)
        if len(state.boxes) > 1:
            raise Refusal("bad_box", f"Invalid restore: object {state.object_id} has more than one box")
        if len(state.name or "") > (most := self._context.limits.text_length):
            raise Refusal("bad_message", f"Invalid restore: a name has more than {most} characters")
        points = tuple(point_on(point.x, point.y, point.label, picture.shape) for point in state.points)
        box = object_box_on(state.boxes[0], picture.shape) if state.boxes else None
        if state.mask is None:
            return Said(points, box)
        codec = self._context.inference.codec
        mask = await codec(kept, await codec(mask_on, state.mask, picture.shape), picture.shape)
        if state.name is not None:
            return Said(points, box, found=FoundMask(mask, share(state.score, mask.area), state.name))
        check_taken(takes.masks, "masks")
        return Said(points, box, mask)


def _state(object_id: int, said: Said, seen: Seen | None) -> ObjectState:
    """Return an object as messages list it. Slow if it has a mask: called on a codec thread."""
    mask, name, score, bbox, area = None, None, 0.0, (0, 0, 0, 0), 0
    if said.masks:
        mask = said.masks[0].drawn()
    if said.found is not None and said.mask is None:
        name = said.found.name
        score, bbox, area = said.found.score, said.found.mask.bbox, said.found.mask.area
    if seen is not None and seen.said is said:
        score, bbox, area = seen.score, seen.bbox, seen.area
    boxes = () if said.box is None else (said.box,)
    return ObjectState(
        object_id=object_id, points=said.points, boxes=boxes, mask=mask, score=score, bbox=bbox, area=area, name=name
    )
