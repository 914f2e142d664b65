"""Bodies of requests: bounded while they arrive, and parsed beside the event loop."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.types import Message

from napari_sam3_assistant.server.rest.problems import Problem
from napari_sam3_assistant.server.settings import ServerSettings

DISCARD_S = 2.0
"""So long the rest of a body that is too long is taken and dropped, for most clients read no answer before."""


MOST_VALUES = 2**16
"""Commas, lists and objects of a JSON body; the longest lists of points have half of it."""


class BoundedRequest(Request):
    """A request whose body ends in an error, in words, where it is longer or slower than it may be.

    Parameters
    ----------
    request : Request
        Whose body was not read yet.

    Attributes
    ----------
    ended : bool
        Whether the body was read to its end.
    """

    def __init__(self, request: Request) -> None:
        settings: ServerSettings = request.app.state.settings
        limits, form = settings.limits, request.headers.get("content-type", "").startswith("multipart/")
        self._most = limits.body_bytes if form else limits.json_body_bytes
        self._patience = settings.send_s
        self._outer = request.receive
        self._taken = 0
        self.ended = False
        super().__init__(request.scope, self._bounded)

    async def json(self) -> Any:
        """Return the body, parsed on a thread of the codec pool."""
        return await self.app.state.inference.codec(_parsed, await self.body())

    async def _bounded(self) -> Message:
        if self.ended:
            return await self._outer()
        if _number(self.headers.get("content-length")) > self._most:
            # Who waits for `100 Continue` before the body has not begun to send it.
            if "expect" not in self.headers:
                await self._discard()
            raise self._too_long()
        message = await self._next()
        self._taken += len(message.get("body", b""))
        if self._taken > self._most:
            await self._discard()
            raise self._too_long()
        return message

    async def _next(self) -> Message:
        try:
            async with asyncio.timeout(self._patience):
                message = await self._outer()
        except TimeoutError as error:
            raise Problem(408, "The request did not arrive in time") from error
        self.ended = not message.get("more_body", False)
        return message

    async def _discard(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_S):
                while (await self._outer()).get("more_body", False):
                    pass

    def _too_long(self) -> Problem:
        return Problem(413, f"Request too large. Maximum size is {self._most / 2**20:g}MB.")


def _parsed(body: bytes) -> Any:
    """Return the value of a JSON text, unless it has so many that reading them takes seconds."""
    if sum(map(body.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise Problem(400, f"The body has more than {MOST_VALUES} values")
    return json.loads(body)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() else 0
