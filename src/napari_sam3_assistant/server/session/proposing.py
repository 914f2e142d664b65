"""Objects that nobody points at, for a client that keeps its own."""

from __future__ import annotations

from functools import partial

import numpy as np

from napari_sam3_assistant.engines.proposing import Places
from napari_sam3_assistant.engines.protocol import Proposals
from napari_sam3_assistant.server.model.pictures import Picture
from napari_sam3_assistant.server.model.questions import view_of_picture
from napari_sam3_assistant.server.session.answers import every_of
from napari_sam3_assistant.server.session.bounds import place_on
from napari_sam3_assistant.server.session.context import SessionContext
from napari_sam3_assistant.server.session.work import Work
from napari_sam3_assistant.wire.messages import Propose
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.replies import CandidatesFound, ImageNeeded
from napari_sam3_assistant.wire.values import Timing


class Proposing:
    """Answers ``propose``.

    Parameters
    ----------
    context : SessionContext
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context

    async def propose(self, message: Propose) -> Work | None:
        """Find objects by the engine's own means."""
        context, can = self._context, self._context.inference.capabilities.proposals
        if can is None:
            raise Refusal("unsupported", "This server's engine proposes nothing. Use points or a box.")
        picture = context.inference.picture(message.image_id, context.tenant)
        if picture is None:
            await context.send(ImageNeeded(image_id=message.image_id, id=message.id))
            return None
        places = _places(message, picture, can)
        return context.work(message, partial(self._propose, message, picture, places))

    async def _propose(self, message: Propose, picture: Picture, places: Places, work: Work) -> None:
        context = self._context
        asked = await context.inference.propose(picture, places, context.name)
        view, format = view_of_picture(picture), context.agreed.mask_format
        objects = await context.inference.codec(every_of, asked.value, view, format)
        timing = Timing(queue=asked.queue_ms)
        await context.send(CandidatesFound(threshold=0.0, objects=tuple(objects), timing_ms=timing, id=message.id))


def _places(message: Propose, picture: Picture, can: Proposals) -> Places:
    """Return the places of a question in pixels of what the engine looks at."""
    if can.points is None:
        return np.zeros((0, 2))
    if not message.points:
        raise Refusal("no_points")
    if len(message.points) > can.points:
        raise Refusal("limit_points", f"Max points of one propose ({can.points}) reached")
    points = [place_on(place, picture.shape) for place in message.points]
    height, width = picture.shape
    seen = view_of_picture(picture).read_window.shape
    scale = np.array([seen[0] / height, seen[1] / width])
    found: Places = (np.array([(point.row, point.col) for point in points]) + 0.5) * scale - 0.5
    return found
