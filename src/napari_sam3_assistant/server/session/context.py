"""What the parts of a session share: whom they ask, whom they tell, the picture, the objects."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Awaitable, Callable

from napari_sam3_assistant.server.model.inference import Inference
from napari_sam3_assistant.server.model.pictures import Picture
from napari_sam3_assistant.server.session.agreed import Agreed
from napari_sam3_assistant.server.session.objects import Board
from napari_sam3_assistant.server.session.work import Work
from napari_sam3_assistant.server.settings import ServerSettings
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.replies import Stage, Working
from napari_sam3_assistant.wire.values import Message

Send = Callable[[Message], Awaitable[None]]


class SessionContext:
    """One client's picture and objects.

    Parameters
    ----------
    inference : Inference
    settings : ServerSettings
    send : callable
        Sends a message to the client.
    tenant : str
        Whose pictures it may use.

    Attributes
    ----------
    name : str
        Of the session; nobody can guess it.
    agreed : Agreed
    picture : Picture or None
        None before the first ``init``.
    board : Board
    """

    def __init__(self, inference: Inference, settings: ServerSettings, send: Send, tenant: str) -> None:
        self.name = str(uuid.uuid4())
        self.inference, self.limits, self.send, self.tenant = inference, settings.limits, send, tenant
        self.agreed = Agreed()
        self.picture: Picture | None = None
        self.board = Board(settings.limits.objects)
        self.closed = False
        self._seq = itertools.count(1)

    def shown(self) -> Picture:
        """Return the picture.

        Raises
        ------
        Refusal
            If there is none yet.
        """
        if self.picture is None:
            raise Refusal("no_image")
        return self.picture

    def work(
        self,
        message: Message,
        compute: Callable[[Work], Awaitable[None]],
        object_id: int | None = None,
        *,
        coalesces: bool = False,
        lane: str | None = None,
    ) -> Work:
        """Return the work that is left of a message."""
        return Work(message, compute, coalesces, object_id, self.board.mark(object_id), next(self._seq), lane)

    def stale(self, work: Work) -> bool:
        """Return whether the answer of a work must not be sent any more."""
        return self.closed or work.mark != self.board.mark(work.object_id)

    async def tell(self, work: Work, stage: Stage) -> None:
        """Tell how far a work is, if the client wants to hear that."""
        if self.agreed.progress:
            await self.send(Working(stage=stage, id=work.message.id))
