"""Segmentation by single requests over HTTP: ``/segment/{text,box,points,auto}``, and the same with base64 or a URL.

Each request is a session of its own for the scheduler: it takes turns with all others, it is dropped when its client
leaves, and a picture that was sent before is not encoded again.
"""

from __future__ import annotations

import functools
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Form, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from napari_sam3_assistant.server import intake
from napari_sam3_assistant.server import rest_models as models
from napari_sam3_assistant.server.rest_answers import CLIENT_GONE, answered
from napari_sam3_assistant.server.rest_bodies import BoundedRequest, Seats
from napari_sam3_assistant.server.rest_openapi import DRAWN, described, problems
from napari_sam3_assistant.server.rest_problems import BAD_BASE64, BAD_IMAGE, BAD_URL, NO_URLS, Problem, too_large
from napari_sam3_assistant.server.rest_questions import (
    AutoQuestion,
    BoxQuestion,
    PointsQuestion,
    Question,
    TextQuestion,
)
from napari_sam3_assistant.server.settings import Limits, ServerSettings
from napari_sam3_assistant.server.urls import UrlReader
from napari_sam3_assistant.wire.refusals import Refusal

_log = logging.getLogger(__name__)


class SegmentRoute(APIRoute):
    """A route that bounds what it reads and how many requests it answers at once, and answers every error in words."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        answer = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            address = request.client.host if request.client is not None else ""
            try:
                with request.app.state.seats.taken(address):
                    return await answer(BoundedRequest(request))
            except HTTPException:
                raise
            except RequestValidationError as error:
                # What was sent may be megabytes long, or no JSON: it is not sent back.
                raise RequestValidationError([_without_input(one) for one in error.errors()]) from error
            except ClientDisconnect:
                return Response(status_code=CLIENT_GONE)
            except Exception as error:
                reference = secrets.token_hex(2)
                _log.exception("A request could not be answered.", extra={"ref": reference})
                raise Problem(500, f"Segmentation failed: internal error (ref {reference})") from error

        return bounded


def add_routes(app: FastAPI, settings: ServerSettings) -> None:
    """Let an application answer ``/segment/...``.

    Parameters
    ----------
    app : FastAPI
        Its state has ``inference`` and ``settings`` when a request comes.
    settings : ServerSettings
    """
    app.state.seats = Seats(settings.limits)
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


async def text(request: Request, form: Annotated[models.TextForm, Form()]) -> Response:
    """Find all objects that words name."""
    return await _of_file(request, TextQuestion(form), form)


async def box(request: Request, form: Annotated[models.BoxForm, Form()]) -> Response:
    """Find the object in a box."""
    return await _of_file(request, BoxQuestion(form), form)


async def points(request: Request, form: Annotated[models.PointsForm, Form()]) -> Response:
    """Find the object under points."""
    return await _of_file(request, PointsQuestion(form), form)


async def auto(request: Request, form: Annotated[models.AutoForm, Form()]) -> Response:
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
    async def read() -> bytes:
        try:
            data = await request.app.state.inference.codec(intake.bytes_of, body.image_base64)
        except Refusal as error:
            raise Problem(400, BAD_BASE64) from error
        most = _limits(request).image_bytes
        if len(data) > most:
            raise too_large(len(data), most)
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
    return request.app.state.settings.limits


def _without_input(error: dict[str, Any]) -> dict[str, Any]:
    return {key: error[key] for key in ("type", "loc", "msg")}
