"""What is left to do of a message after it was taken and acknowledged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from napari_sam3_assistant.wire.values import Message


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """Computes and sends the answer to one message.

    Attributes
    ----------
    message : Message
    compute : callable
        ``await compute(work)``; sends nothing if what it is about was taken back meanwhile.
    coalesces : bool
        Whether a newer work of the same object answers this one too, if it has not begun.
    object_id : int or None
        The object that it is about; None for anything else.
    mark : tuple of int
        Of the board when the message was taken, see :meth:`~napari_sam3_assistant.server.session.objects.Board.mark`.
    seq : int
        Grows from message to message.
    lane : str or None
        What it is done beside, one after another: a video; None for all that is done in the order of the messages.
    """

    message: Message
    compute: Callable[[Work], Awaitable[None]]
    coalesces: bool = False
    object_id: int | None = None
    mark: tuple[int, ...] = ()
    seq: int = 0
    lane: str | None = None

    async def run(self) -> None:
        """Compute and send the answer.

        Raises
        ------
        Refusal
            If it cannot be given.
        Cancelled
            If the session was closed meanwhile.
        """
        await self.compute(self)
