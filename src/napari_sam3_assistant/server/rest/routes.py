"""Segmentation by single requests over HTTP: ``/segment/{text,box,points,auto}``, and the same with base64 or a URL.

A request is dropped when its client leaves, and a picture that was sent before is not encoded again. For the scheduler
all requests of one address are two sessions, so that many of them wait for each other and not everybody else for them.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Form, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from napari_sam3_assistant.server.model import intake
from napari_sam3_assistant.server.model.inference import Inference
from napari_sam3_assistant.server.rest import models
from napari_sam3_assistant.server.rest.answers import CLIENT_GONE, address_of, answered
from napari_sam3_assistant.server.rest.bodies import BoundedRequest
from napari_sam3_assistant.server.rest.openapi import DRAWN, described, problems
from napari_sam3_assistant.server.rest.problems import (
    BAD_BASE64,
    BAD_IMAGE,
    BAD_URL,
    NO_URLS,
    Problem,
    stopped,
    too_large,
)
from napari_sam3_assistant.server.rest.questions import (
    AutoQuestion,
    BoxQuestion,
    PointsQuestion,
    Question,
    TextQuestion,
)
from napari_sam3_assistant.server.rest.turns import Seats, Turns
from napari_sam3_assistant.server.rest.urls import UrlReader
from napari_sam3_assistant.server.settings import Limits, ServerSettings
from napari_sam3_assistant.wire.refusals import Refusal

FORM = "multipart/form-data"
_log = logging.getLogger(__name__)


class SegmentRoute(APIRoute):
    """A route that bounds what it reads and how many requests it answers at once, and answers every error in words."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        answer = super().get_route_handler()

        async def bounded(given: Request) -> Response:
            request = BoundedRequest(given)
            try:
                with given.app.state.seats.taken(address_of(given)):
                    response = await answer(request)
            except HTTPException as problem:
                response = JSONResponse({"detail": problem.detail}, problem.status_code, problem.headers)
            except RequestValidationError as error:
                # What was sent may be megabytes long, or no JSON: it is not sent back.
                detail = [{key: one[key] for key in ("type", "loc", "msg")} for one in error.errors()]
                response = JSONResponse({"detail": detail}, 422)
            except ClientDisconnect:
                response = Response(status_code=CLIENT_GONE)
            except asyncio.CancelledError:  # the server ends, and has waited for this one long enough
                end = stopped()
                response = JSONResponse({"detail": end.detail}, end.status_code, end.headers)
            except Exception:
                reference = secrets.token_hex(2)
                _log.exception("A request could not be answered.", extra={"ref": reference})
                response = JSONResponse({"detail": f"Segmentation failed: internal error (ref {reference})"}, 500)
            if not request.ended:  # nobody will read the rest
                response.headers["Connection"] = "close"
            return response

        return bounded


def add_routes(app: FastAPI, settings: ServerSettings) -> None:
    """Let an application answer ``/segment/...``.

    Parameters
    ----------
    app : FastAPI
        Its state has ``inference`` and ``settings`` when a request comes.
    settings : ServerSettings
    """
    app.state.seats, app.state.turns = Seats(settings.limits), Turns()
    router = APIRouter(prefix="/segment", tags=["Segmentation"], route_class=SegmentRoute)
    for path, endpoint in ENDPOINTS.items():
        router.add_api_route(
            f"/{path}",
            endpoint,
            methods=["POST"],
            name=endpoint.__name__,
            summary=(endpoint.__doc__ or "").partition("\n")[0],
            description=described(path, settings),
            response_model=models.SegmentationResponse,
            responses=problems(path) | ({} if "/" in path else DRAWN),
        )
    app.include_router(router)


def url_reader(request: Request) -> UrlReader:
    """Return what reads pictures from URLs.

    Raises
    ------
    Problem
        If this server reads none.
    """
    settings: ServerSettings = request.app.state.settings
    if not settings.allow_urls:
        raise Problem(403, NO_URLS)
    return UrlReader(settings.limits.image_bytes)


Reader = Annotated[UrlReader, Depends(url_reader)]


async def text(request: Request, form: Annotated[models.TextForm, Form(media_type=FORM)]) -> Response:
    """Find all objects that words name."""
    return await _of_file(request, TextQuestion(form), form)


async def box(request: Request, form: Annotated[models.BoxForm, Form(media_type=FORM)]) -> Response:
    """Find the object in a box."""
    return await _of_file(request, BoxQuestion(form), form)


async def points(request: Request, form: Annotated[models.PointsForm, Form(media_type=FORM)]) -> Response:
    """Find the object under points."""
    return await _of_file(request, PointsQuestion(form), form)


async def auto(request: Request, form: Annotated[models.AutoForm, Form(media_type=FORM)]) -> Response:
    """Find every object."""
    return await _of_file(request, AutoQuestion(form), form)


async def text_base64(request: Request, body: models.TextBase64) -> Response:
    """Find all objects that words name, in a picture as text."""
    return await _of_text(request, TextQuestion(body), body)


async def box_base64(request: Request, body: models.BoxBase64) -> Response:
    """Find the object in a box, in a picture as text."""
    return await _of_text(request, BoxQuestion(body), body)


async def points_base64(request: Request, body: models.PointsBase64) -> Response:
    """Find the object under points, in a picture as text."""
    return await _of_text(request, PointsQuestion(body), body)


async def auto_base64(request: Request, body: models.AutoBase64) -> Response:
    """Find every object, in a picture as text."""
    return await _of_text(request, AutoQuestion(body), body)


async def text_url(request: Request, body: models.TextUrl, reader: Reader) -> Response:
    """Find all objects that words name, in a picture that is somewhere else."""
    return await _of_url(request, TextQuestion(body), body, reader)


async def box_url(request: Request, body: models.BoxUrl, reader: Reader) -> Response:
    """Find the object in a box, in a picture that is somewhere else."""
    return await _of_url(request, BoxQuestion(body), body, reader)


async def points_url(request: Request, body: models.PointsUrl, reader: Reader) -> Response:
    """Find the object under points, in a picture that is somewhere else."""
    return await _of_url(request, PointsQuestion(body), body, reader)


async def auto_url(request: Request, body: models.AutoUrl, reader: Reader) -> Response:
    """Find every object, in a picture that is somewhere else."""
    return await _of_url(request, AutoQuestion(body), body, reader)


ENDPOINTS: dict[str, Callable[..., Awaitable[Response]]] = {
    "text": text,
    "box": box,
    "points": points,
    "auto": auto,
    "text/base64": text_base64,
    "box/base64": box_base64,
    "points/base64": points_base64,
    "auto/base64": auto_base64,
    "text/url": text_url,
    "box/url": box_url,
    "points/url": points_url,
    "auto/url": auto_url,
}
"""By path below ``/segment``."""


async def _of_file(request: Request, question: Question, form: models.Uploaded) -> Response:
    async def read() -> bytes:
        most = _limits(request).image_bytes
        if form.image.size is not None and form.image.size > most:
            raise too_large(form.image.size, most)
        return await form.image.read()

    return await answered(request, question, read, as_file=True)


async def _of_text(request: Request, question: Question, body: models.Written) -> Response:
    inference: Inference = request.app.state.inference

    async def read() -> bytes:
        limits = _limits(request)
        try:
            # As long as the body may be: what is too long for a picture is told in megabytes below.
            data = await inference.codec(intake.bytes_of, body.image_base64, limits.json_body_bytes)
        except Refusal as error:
            raise Problem(400, BAD_BASE64) from error
        if len(data) > limits.image_bytes:
            raise too_large(len(data), limits.image_bytes)
        return data

    return await answered(request, question, read)


async def _of_url(request: Request, question: Question, body: models.Linked, reader: UrlReader) -> Response:
    try:
        return await answered(request, question, functools.partial(reader.read, str(body.image_url)))
    except Problem as problem:
        # What is there and is no picture looks as what may not be looked at.
        if problem.detail.startswith(BAD_IMAGE):
            raise Problem(400, BAD_URL) from problem
        raise


def _limits(request: Request) -> Limits:
    limits: Limits = request.app.state.settings.limits
    return limits
