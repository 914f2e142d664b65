"""What a client says about objects: taken, acknowledged, and then answered."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from napari_sam3_assistant.core.errors import Cancelled
from napari_sam3_assistant.server.session.answers import Answers, written
from napari_sam3_assistant.server.session.bounds import mask_on, object_box_on, point_on
from napari_sam3_assistant.server.session.context import SessionContext
from napari_sam3_assistant.server.session.history import Change
from napari_sam3_assistant.server.session.kept import kept
from napari_sam3_assistant.server.session.objects import Said, check_memory
from napari_sam3_assistant.server.session.steps import told
from napari_sam3_assistant.server.session.work import Work
from napari_sam3_assistant.wire.messages import Click, DrawBox, Hover, MaskHint, RemovePoint, Reset, Segment
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.replies import PointsCleared, Preview
from napari_sam3_assistant.wire.values import Drawn, Message, Point, Rectangle


class Prompting:
    """Takes clicks, boxes and masks.

    Parameters
    ----------
    context : SessionContext
    answers : Answers
    """

    def __init__(self, context: SessionContext, answers: Answers) -> None:
        self._context, self._answers = context, answers

    async def click(self, message: Click) -> Work:
        """Add a point."""
        number, point = self._place(message.x, message.y, message.label, message.object_id)
        said = self._context.board.objects[number]
        return await self._say(message, number, replace(said, points=(*said.points, point)))

    async def box(self, message: DrawBox) -> Work:
        """Set the box."""
        picture, number = self._context.shown(), self._number(message.object_id)
        check_taken(self._context.inference.capabilities.boxes, "boxes")
        rectangle = Rectangle(x1=message.x1, y1=message.y1, x2=message.x2, y2=message.y2, label=message.label)
        said = replace(self._context.board.objects[number], box=object_box_on(rectangle, picture.shape))
        return await self._say(message, number, said)

    async def mask(self, message: MaskHint) -> Work:
        """Set the rough mask."""
        context, picture, number = self._context, self._context.shown(), self._number(message.object_id)
        check_taken(context.inference.capabilities.masks, "masks")
        codec = context.inference.codec
        drawn = Drawn(mask=message.mask, mask_format=message.mask_format, bbox=message.bbox)
        mask = await codec(kept, await codec(mask_on, drawn, picture.shape), picture.shape)
        said = replace(context.board.objects[number], mask=mask)
        check_memory({**context.board.objects, number: said}.values())
        return await self._say(message, number, said)

    async def remove(self, message: RemovePoint) -> Work:
        """Take back one point."""
        self._context.shown()
        number = self._number(message.object_id)
        said = self._context.board.objects[number]
        if message.index >= len(said.points):
            raise Refusal("not_found", f"No such point: {message.index}")
        points = said.points[: message.index] + said.points[message.index + 1 :]
        return await self._say(message, number, replace(said, points=points), back=True)

    async def segment(self, message: Segment) -> Work:
        """Answer once more."""
        self._context.shown()
        number = self._number(message.object_id)
        said = self._context.board.objects[number]
        if said.empty:
            raise Refusal("no_points")
        return self.answering(message, number, said)

    async def reset(self, message: Reset) -> None:
        """Forget what was said about an object, or about all."""
        board = self._context.board
        if self._context.agreed.extended and message.object_id is not None:
            board.forget(board.of(message.object_id))
            await self._context.send(PointsCleared(object_id=message.object_id, id=message.id))
        else:
            board.clear()
            await self._context.send(PointsCleared(id=message.id))

    async def hover(self, message: Hover) -> Work | None:
        """Show what a click would find; where it would be refused, there is nothing to show."""
        try:
            number, point = self._place(message.x, message.y, 1, None)
        except Refusal:
            return None
        said = self._context.board.objects[number]
        seen = replace(said, points=(*said.points, point))
        return self._context.work(message, partial(self._preview, seen, point), number)

    def answering(self, message: Message, object_id: int, said: Said) -> Work:
        """Return the work that answers what is said about an object now."""

        async def compute(work: Work) -> None:
            await self._answers.send(work, object_id, said)

        return self._context.work(message, compute, object_id, coalesces=True)

    async def _say(self, message: Message, object_id: int, said: Said, *, back: bool = False) -> Work:
        board = self._context.board
        change = Change(object_id, board.objects[object_id], said)
        board.say(object_id, said, back=back)
        work = self.answering(message, object_id, said)
        await self._context.send(told(change, board.selected, id=message.id))
        return work

    def _number(self, object_id: int | None) -> int:
        # The seed has one object, whatever a message says.
        return self._context.board.of(object_id if self._context.agreed.extended else None)

    def _place(self, x: int, y: int, label: int, object_id: int | None) -> tuple[int, Point]:
        """Return the object and the point of a click."""
        picture, number = self._context.shown(), self._number(object_id)
        point = point_on(x, y, label, picture.shape)
        takes = self._context.inference.capabilities
        check_taken(takes.points, "points")
        check_number(len(self._context.board.objects[number].points) + 1, self._context)
        return number, point

    async def _preview(self, said: Said, point: Point, work: Work) -> None:
        context, picture = self._context, self._context.shown()
        try:
            answer = await self._answers.of(said, picture, key="hover")
        except Cancelled:  # the pointer has moved on
            return
        drawn = await context.inference.codec(written, answer.mask, picture.shape, context.agreed.mask_format)
        if not context.stale(work):
            await context.send(
                Preview(
                    mask=drawn.data,
                    mask_format=drawn.format,
                    score=answer.score,
                    bbox=drawn.bbox,
                    area=drawn.area,
                    x=point.x,
                    y=point.y,
                    id=work.message.id,
                )
            )


def check_taken(taken: bool, kind: str) -> None:
    """Raise Refusal where an engine does not take a kind of prompt."""
    if not taken:
        raise Refusal("unsupported", f"This server's engine takes no {kind}.")


def check_number(points: int, context: SessionContext) -> None:
    """Raise Refusal where an object has more points than it may have."""
    check_points(points, context.limits.points_per_object, context.inference.capabilities.max_points)


def check_points(points: int, most: int, taken: int | None) -> None:
    """Raise Refusal for more than ``most`` points, or more than are taken, where there is a limit to that."""
    most = most if taken is None else min(most, taken)
    if points > most:
        raise Refusal("limit_points", f"Max points per object ({most}) reached")
