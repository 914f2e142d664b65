"""From the mailbox to answers: messages in their turn, works one after another."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine
from typing import Any

from napari_sam3_assistant.core.errors import Cancelled
from napari_sam3_assistant.server.logs import about_message
from napari_sam3_assistant.server.metrics import Metrics
from napari_sam3_assistant.server.model.inference import Inference
from napari_sam3_assistant.server.session.sessions import ClientSession, Send, Work
from napari_sam3_assistant.server.settings import Limits
from napari_sam3_assistant.server.socket.agenda import Agenda
from napari_sam3_assistant.server.socket.farewells import GOODBYE, Farewell
from napari_sam3_assistant.server.socket.lanes import Lanes
from napari_sam3_assistant.server.socket.mailbox import Mail, Mailbox
from napari_sam3_assistant.server.socket.pacing import TokenBucket
from napari_sam3_assistant.wire.messages import CancelWork, Close, Hover, Init, Ping
from napari_sam3_assistant.wire.parsing import parse_client
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.replies import Pong, Superseded, WorkCancelled, Working
from napari_sam3_assistant.wire.values import Message
from napari_sam3_assistant.wire.video_messages import Encode

_log = logging.getLogger(__name__)


class Clerk:
    """Answers the mail of one session.

    Parameters
    ----------
    session : ClientSession
    mailbox : Mailbox
    inference : Inference
    limits : Limits
    send : callable
        Sends a message to the client.
    metrics : Metrics
    """

    def __init__(
        self,
        session: ClientSession,
        mailbox: Mailbox,
        inference: Inference,
        limits: Limits,
        send: Send,
        metrics: Metrics,
    ) -> None:
        self._session, self._mailbox, self._inference = session, mailbox, inference
        self._limits, self._send, self._metrics = limits, send, metrics
        self._agenda = Agenda(limits.hovers_per_s)
        self._errands: asyncio.Queue[Ping | CancelWork] = asyncio.Queue()
        self._lanes = Lanes(self._along)
        self._pictures: dict[type[Message], TokenBucket] = {
            Init: TokenBucket(limits.inits_per_s, limits.inits_burst),
            Encode: TokenBucket(limits.encodes_per_s, limits.encodes_burst),
        }
        self._running: asyncio.Task[Refusal | None] | None = None
        self._acted = _now()

    @property
    def works(self) -> int:
        """How many works wait or run, and how many questions beside them."""
        return len(self._agenda) + len(self._lanes) + self._errands.qsize()

    def idle_s(self) -> float:
        """Return for how many seconds the client has asked nothing and waited for nothing."""
        return 0.0 if self._agenda or self._lanes or self._mailbox.requests else _now() - self._acted

    def aside(self, message: Message) -> bool:
        """Take a message that need not wait for those before it; return whether it was one."""
        if isinstance(message, Hover):
            self._acted = _now()
            self._agenda.hover(message)
        elif isinstance(message, Ping | CancelWork):
            self._errands.put_nowait(message)
        else:
            return False
        self._metrics.message(message.type)
        return True

    async def run(self) -> Farewell:
        """Take one message after another, until the client says goodbye or too many in a row are none."""
        invalid = 0
        while invalid < self._limits.invalid_in_a_row:
            mail = await self._next()
            refusal = await self._guarded(self._take(mail), None)
            if isinstance(mail.content, Close):
                return GOODBYE
            invalid = invalid + 1 if refusal is not None and refusal.code == "bad_message" else 0
        return Farewell(1008, "Too many invalid messages")

    async def run_errands(self) -> Farewell:
        """Answer what need not wait, for ever."""
        while True:
            message = await self._errands.get()
            await self._guarded(self._errand(message), message.id)

    async def compute(self) -> Farewell:
        """Compute one work after another, for ever."""
        while True:
            chosen = await self._agenda.next()
            id = chosen.id if isinstance(chosen, Hover) else chosen.message.id
            self._running = asyncio.create_task(self._guarded(self._compute(chosen), id))
            try:
                await asyncio.wait((self._running,))
            finally:
                self._running.cancel()
                self._acted = _now()
                self._agenda.done()

    async def run_lanes(self) -> Farewell:
        """Answer what is asked of videos, for ever."""
        return await self._lanes.run()

    async def _next(self) -> Mail:
        """Return the next message, as soon as it may be taken.

        While a picture is on its way nobody knows which points are on it: only what ends that need not wait.
        """
        first = await self._mailbox.first()
        extended = self._session.agreed.extended
        if extended:
            await self._unseal(first)
            first = await self._mailbox.first()  # another one, if that was cancelled meanwhile
        if not (extended and isinstance(first.content, Init | Close)):
            await self._agenda.settled()
        return await self._mailbox.get()

    async def _take(self, mail: Mail) -> None:
        try:
            mail.content = message = await self._opened(mail)
        except Refusal as refusal:
            raise self._session.refused(refusal) from refusal
        if isinstance(message, Close):  # too long, or in a form, to be seen by the reader
            return
        self._metrics.message(message.type)
        try:
            await self._do(message)
        except Refusal as refusal:
            refusal.id = refusal.id or message.id
            raise

    async def _opened(self, mail: Mail) -> Message:
        if isinstance(mail.content, str | bytes):
            return await self._inference.codec(parse_client, mail.content, binary=self._session.agreed.binary)
        if isinstance(mail.content, Refusal):
            raise mail.content
        return mail.content

    async def _do(self, message: Message) -> None:
        extended = self._session.agreed.extended
        if extended and isinstance(message, Ping | CancelWork):
            await self._errand(message)
            return
        self._acted = _now()
        if extended and isinstance(message, Hover):
            self._agenda.hover(message)
            return
        pace = self._pictures.get(type(message))
        if pace is not None and not pace.take():
            raise Refusal("rate_limited")
        work = await self._session.take(message)
        if work is not None:
            await self._add(work)

    async def _add(self, work: Work) -> None:
        agreed = self._session.agreed
        if work.lane is not None:
            self._lanes.add(work.lane, work)
            return
        if isinstance(work.message, Init):
            await self._drop_picture()
        before = len(self._agenda)
        old = self._agenda.add(work, coalesce=agreed.coalesce)
        if old is not None:
            await self._send(Superseded(id=old.message.id))
        elif agreed.progress and before:
            await self._send(Working(stage="queued", position=before, id=work.message.id))
        if not agreed.extended:
            await self._agenda.idle()

    async def _along(self, work: Work) -> None:
        """Do a work beside those of the agenda."""
        await self._guarded(work.run(), work.message.id)
        self._acted = _now()

    async def _compute(self, chosen: Work | Hover) -> None:
        work = await self._session.take(chosen) if isinstance(chosen, Hover) else chosen
        if work is not None:
            await work.run()

    async def _errand(self, message: Ping | CancelWork) -> None:
        if isinstance(message, Ping):
            queue = self._mailbox.requests + len(self._agenda)
            await self._send(Pong(t=message.t, queue=queue, id=message.id))
        elif message.id is None:
            raise Refusal("bad_message", "Invalid cancel: id: which message is meant?")
        else:
            for mail in self._mailbox.sealed():
                await self._unseal(mail)  # only then its id is known
            await self._cancel(message.id)

    async def _cancel(self, id: str) -> None:
        if not (self._mailbox.remove(id) or self._dropped(self._agenda.of(id))):
            raise Refusal("not_found", "No message of this id waits")
        await self._send(WorkCancelled(id=id))

    async def _drop_picture(self) -> None:
        """Drop the picture that is on its way, if one is: a newer one takes its place."""
        old = self._agenda.picture
        if old is not None and self._dropped(old):
            answer = Superseded if self._session.agreed.coalesce else WorkCancelled
            await self._send(answer(id=old.message.id))

    async def _unseal(self, mail: Mail) -> None:
        """Parse what waits, if it was not parsed yet."""
        try:
            mail.content = await self._opened(mail)
        except Refusal as refusal:
            mail.content = refusal

    def _dropped(self, work: Work | None) -> bool:
        """Drop a work that waits or is computed; return whether there was one without an answer."""
        if work is None or self._agenda.remove(work):
            return work is not None
        if self._running is None:
            return False
        self._inference.cancel(self._session.name)  # the one job of the session: its works run one after another
        return self._running.cancel()

    async def _guarded(self, answer: Coroutine[Any, Any, None], id: str | None) -> Refusal | None:
        """Wait for an answer; return what it was refused with, which the client was told."""
        try:
            with about_message(id):
                await answer
            return None
        except Refusal as error:
            refusal = error
        except Cancelled:
            return None  # the session has moved on: nobody waits for it
        except Exception:
            reference = secrets.token_hex(2)
            _log.exception("A message could not be answered.", extra={"ref": reference})
            refusal = Refusal("inference_failed", f"Segmentation failed: internal error (ref {reference})")
        await self._send(refusal.reply(id))
        return refusal


def _now() -> float:
    return asyncio.get_running_loop().time()
