"""A client's session: what it has said, and what it is answered. Knows no socket."""

from __future__ import annotations

import logging
import math
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from napari_sam3_assistant.core.errors import AssistantError, OutOfMemory
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.server.inference import Inference
from napari_sam3_assistant.server.objects import SessionObject
from napari_sam3_assistant.server.pictures import Picture
from napari_sam3_assistant.server.settings import ServerSettings
from napari_sam3_assistant.wire.masks import corners_of, encode
from napari_sam3_assistant.wire.messages import Click, Hello, Hover, Init, Reset
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.replies import ImageLoaded, PointAdded, PointsCleared, SegmentationResult, Welcome
from napari_sam3_assistant.wire.values import LimitsInfo, MaskFormat, Message, Point, Timing

T = TypeVar("T")
Send = Callable[[Message], Awaitable[None]]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What ``hello`` agreed on."""

    extended: bool = False
    mask_format: MaskFormat = "png"
    binary: bool = False
    coalesce: bool = False
    progress: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What is left to compute for a message."""

    message: Message
    run: Callable[[], Awaitable[None]]
    coalesces: bool = False
    object_id: int | None = None


class ClientSession:
    """Answers the messages of one client, one after another.

    Parameters
    ----------
    inference : Inference
    settings : ServerSettings
    send : callable
        Sends a message to the client.
    tenant : str
        Whose pictures it may use.
    """

    def __init__(self, inference: Inference, settings: ServerSettings, send: Send, tenant: str = "") -> None:
        self.name = str(uuid.uuid4())
        self._inference, self._settings, self._send, self._tenant = inference, settings, send, tenant
        self._picture: Picture | None = None
        self._object = SessionObject(1)
        self.agreed = Agreed()

    async def take(self, message: Message) -> Work | None:
        """Acknowledge a message, and return what is left to compute.

        Raises
        ------
        Refusal
            If it cannot be done; nothing has changed.
        """
        match message:
            case Init():
                return Work(message, lambda: self._init(message))
            case Click():
                await self._click(message)
                return Work(message, lambda: self._answer(message.id), coalesces=True, object_id=1)
            case Hover():
                return Work(message, lambda: self._answer(message.id))
            case Hello():
                self.agreed = Agreed(True, "png", message.binary, message.coalesce, message.progress)
                limits = LimitsInfo(**self._settings.limits.model_dump())
                agreed = {"mask_format": "png", "binary": message.binary, "coalesce": message.coalesce}
                await self._send(Welcome(**agreed, progress=message.progress, limits=limits, id=message.id))
                return None
            case Reset():
                self._object = SessionObject(1)
                await self._send(PointsCleared(id=message.id))
                return None
            case _:
                raise Refusal("unknown_type", f"Unknown message type: {message.type}")

    def close(self) -> None:
        """Stop what is computed for the session."""
        self._inference.cancel(self.name)

    async def _init(self, message: Init) -> None:
        if not message.image:
            raise Refusal("no_image_data")
        picture = await self._inference.take_in(message.image, self._tenant)
        cached = (await _asked(self._inference.encode(picture, self.name))).value[0]
        self._picture, self._object = picture, SessionObject(1)
        height, width = picture.shape
        await self._send(
            ImageLoaded(width=width, height=height, image_id=picture.image_id, cached=cached, id=message.id)
        )

    async def _click(self, message: Click) -> None:
        if self._picture is None:
            raise Refusal("no_image")
        height, width = self._picture.shape
        if not (0 <= message.x <= width and 0 <= message.y <= height):
            raise Refusal("out_of_bounds", f"Point ({message.x}, {message.y}) outside image bounds ({width}x{height})")
        # The seed's page rounds to the edge of a picture that is shown larger than it is.
        point = Point(x=min(message.x, width - 1), y=min(message.y, height - 1), label=message.label)
        self._object.points.append(point)
        total = len(self._object.points)
        added = PointAdded(x=point.x, y=point.y, label=point.label, total_points=total, id=message.id, object_id=1)
        await self._send(added)

    async def _answer(self, id: str | None) -> None:
        picture, prompts = self._picture, self._object.prompts()
        if picture is None:
            raise Refusal("no_image")
        mask, score, timing = PlacedMask(np.zeros((0, 0), bool)), 0.0, Timing()
        warning: str | None = "no_foreground_point"
        if prompts.positive:
            answer = await _asked(self._inference.segment(picture, prompts, self.name))
            found, warning = answer.value.segmentation, None
            mask, score = found.mask, found.score if found.mask.area else 0.0
            timing = Timing(queue=answer.queue_ms, encode=answer.value.encode_ms, decode=answer.value.decode_ms)
        start = time.perf_counter()
        data = await self._inference.codec(encode, mask, picture.shape, "png")
        timing = timing.model_copy(update={"mask": (time.perf_counter() - start) * 1000})
        await self._send(
            SegmentationResult(
                mask=data,
                score=min(max(score, 0.0), 1.0) if math.isfinite(score) else 0.0,
                num_points=len(self._object.points),
                object_id=1,
                bbox=corners_of(mask),
                area=mask.area,
                warning=warning,
                timing_ms=timing,
                id=id,
            )
        )


async def _asked(asked: Awaitable[T]) -> T:
    """Return an answer; what an engine fails with becomes a refusal."""
    try:
        return await asked
    except Refusal:
        raise
    except OutOfMemory as error:
        raise Refusal("oom") from error
    except AssistantError as error:
        reference = secrets.token_hex(2)
        _log.warning("ref %s", reference, exc_info=error)
        raise Refusal("inference_failed", f"Segmentation failed: internal error (ref {reference})") from error
