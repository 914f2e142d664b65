"""From a question and a picture's file to the answer over HTTP, for as long as the client waits for it."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress

import numpy as np
from fastapi import Request, Response

from napari_sam3_assistant.core.errors import Cancelled
from napari_sam3_assistant.server.model.inference import Inference
from napari_sam3_assistant.server.model.pictures import Picture
from napari_sam3_assistant.server.rest.models import SegmentationResponse
from napari_sam3_assistant.server.rest.problems import Problem, problem_of, stopped
from napari_sam3_assistant.server.rest.questions import FoundObjects, Question
from napari_sam3_assistant.server.rest.visualisation import visualisation
from napari_sam3_assistant.server.security import tenant_of
from napari_sam3_assistant.server.settings import ServerSettings
from napari_sam3_assistant.wire.masks import encode
from napari_sam3_assistant.wire.refusals import Refusal

CLIENT_GONE = 499
"""The status of an answer that nobody waits for; servers log it so."""
DRAWN_IN_MASKS = "Visualization returned in masks[0]"
_log = logging.getLogger(__name__)


async def answered(
    request: Request, question: Question, read: Callable[[], Awaitable[bytes]], *, as_file: bool = False
) -> Response:
    """Return the answer to a question.

    Parameters
    ----------
    request : Request
        Whose body was read.
    question : Question
    read : callable
        ``await read()``: the bytes of the picture's file.
    as_file : bool
        Whether a drawn picture is returned as a PNG, and not inside JSON.

    Raises
    ------
    Problem
        If there is none.
    """

    async def work() -> Response:
        try:
            return await _answer(request, question, read, as_file)
        except Refusal as refusal:
            raise problem_of(refusal) from refusal
        except Cancelled as error:
            raise stopped() from error

    return await _attended(request, work())


async def _attended(request: Request, work: Coroutine[None, None, Response]) -> Response:
    """Return what ``work`` returns; where the client leaves before that, nothing goes on for it."""
    answer = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait((answer, leaving), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        _log.info("A client left before its answer was there.")
        return Response(status_code=CLIENT_GONE)
    finally:
        leaving.cancel()
        if not answer.done():
            answer.cancel()
            with suppress(asyncio.CancelledError, Problem):
                await answer


async def _left(request: Request) -> None:
    """Return when the client has left. Its body was read: nothing else comes."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _answer(
    request: Request, question: Question, read: Callable[[], Awaitable[bytes]], as_file: bool
) -> Response:
    settings: ServerSettings = request.app.state.settings
    inference: Inference = request.app.state.inference
    if inference.state == "loading":
        raise Refusal("model_loading")
    question.check(inference, settings.limits)
    tenant = tenant_of(request.scope)
    picture = await inference.take_in(await read(), tenant)
    question.place(picture.shape)
    name = f"rest {tenant} {address_of(request)} {question.lane}"
    async with request.app.state.turns.turn(name, question.at_once) as session:
        try:
            found = await question.ask(inference, picture, session)
        except asyncio.CancelledError:
            inference.cancel(session)  # nobody else of this session has asked anything
            raise
    return await _written(inference, picture, question, found, as_file)


def address_of(request: Request) -> str:
    """Return the address of a client; empty where it has none."""
    return request.client.host if request.client is not None else ""


async def _written(
    inference: Inference, picture: Picture, question: Question, found: FoundObjects, as_file: bool
) -> Response:
    """Return what was found, as bytes that were made beside the event loop."""
    if not found.objects:
        nothing = SegmentationResponse(num_masks=0, masks=[], prompt=question.prompt, message=question.nothing)
        return _as_json(nothing)
    masks = [one.mask for one in found.objects]
    if question.drawn:
        png = await inference.codec(visualisation, np.asarray(picture.source.levels[0]), masks)
        if as_file:
            return Response(png, media_type="image/png")
        text = await inference.codec(base64.b64encode, png)
        message = ". ".join(filter(None, (DRAWN_IN_MASKS, found.message)))
        drawn = SegmentationResponse(num_masks=1, masks=[text.decode("ascii")], prompt=question.prompt, message=message)
        return await inference.codec(_as_json, drawn)
    # One after the other, so that other clients' pictures and masks slip in between.
    texts = [str(await inference.codec(encode, mask, picture.shape, "png")) for mask in masks]
    response = SegmentationResponse(
        num_masks=len(texts),
        masks=texts,
        boxes=list(found.boxes) if found.boxes is not None else None,
        scores=found.scores,
        prompt=question.prompt,
        message=found.message,
    )
    return await inference.codec(_as_json, response)


def _as_json(response: SegmentationResponse) -> Response:
    return Response(response.model_dump_json(), media_type="application/json")
