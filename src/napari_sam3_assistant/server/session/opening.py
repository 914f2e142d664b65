"""How a picture comes into a session, or is made ready beside it."""

from __future__ import annotations

from functools import partial

from napari_sam3_assistant.server.model.pictures import Picture
from napari_sam3_assistant.server.session.context import SessionContext
from napari_sam3_assistant.server.session.work import Work
from napari_sam3_assistant.wire.messages import Init
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.replies import ImageLoaded, ImageNeeded
from napari_sam3_assistant.wire.values import Timing
from napari_sam3_assistant.wire.video_messages import Encode
from napari_sam3_assistant.wire.video_replies import Encoded


class Opening:
    """Takes pictures in; until one is encoded, the last one and what was said about it stay.

    Parameters
    ----------
    context : SessionContext
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context

    async def init(self, message: Init) -> Work:
        """Use another picture, or the same one again."""
        if not message.image and not message.image_id:
            raise Refusal("no_image_data")
        return self._context.work(message, partial(self._open, message))

    async def encode(self, message: Encode) -> Work:
        """Make a picture ready; the session goes on with its own."""
        return self._context.work(message, partial(self._encode, message))

    async def _encode(self, message: Encode, work: Work) -> None:
        context = self._context
        picture = await self._picture(message, work)
        if picture is None:
            await context.send(ImageNeeded(image_id=str(message.image_id), id=message.id))
            return
        await context.tell(work, "encoding")
        asked = await context.inference.encode(picture, context.name)
        cached, encode_ms = asked.value
        if context.closed:
            return
        height, width = picture.shape
        await context.send(
            Encoded(
                image_id=picture.image_id,
                width=width,
                height=height,
                cached=cached,
                intensity_window=picture.intensity_window,
                timing_ms=Timing(queue=asked.queue_ms, encode=encode_ms),
                id=message.id,
            )
        )

    async def _open(self, message: Init, work: Work) -> None:
        context = self._context
        picture = await self._picture(message, work)
        if picture is None:
            if not context.agreed.extended:
                raise Refusal("no_image_data")
            await context.send(ImageNeeded(image_id=str(message.image_id), id=message.id))
            return
        await context.tell(work, "encoding")
        cached, _ = (await context.inference.encode(picture, context.name)).value
        if context.closed:
            return
        context.picture = picture
        context.board.clear()
        height, width = picture.shape
        await context.send(
            ImageLoaded(
                width=width,
                height=height,
                image_id=picture.image_id,
                cached=cached,
                intensity_window=picture.intensity_window,
                id=message.id,
            )
        )

    async def _picture(self, message: Init | Encode, work: Work) -> Picture | None:
        """Return the picture that is named, if it is known, or that was sent; None if neither."""
        context = self._context
        known = context.inference.picture(message.image_id, context.tenant) if message.image_id else None
        if known is not None or not message.image:
            return known
        self._check_model()
        await context.tell(work, "decoding")
        return await context.inference.take_in(message.image, context.tenant)

    def _check_model(self) -> None:
        """Raise Refusal before a picture is decoded in vain."""
        if self._context.inference.state == "loading":
            raise Refusal("model_loading")
        if self._context.inference.state == "failed":
            raise Refusal("model_unavailable")
