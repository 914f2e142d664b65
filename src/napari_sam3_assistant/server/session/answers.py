"""From what was said about an object to the message that answers it.

An answer is a function of all that was said about the object, and of nothing else: no answer is built on the one
before. So a session that was lost and restored on another server goes on with the same masks.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.server.model.pictures import Picture
from napari_sam3_assistant.server.session.context import SessionContext
from napari_sam3_assistant.server.session.kept import NOTHING, KeptMask, kept
from napari_sam3_assistant.server.session.objects import Said, Seen
from napari_sam3_assistant.server.session.work import Work
from napari_sam3_assistant.tasks.view import View
from napari_sam3_assistant.wire.masks import corners_of, encoded, share
from napari_sam3_assistant.wire.replies import SegmentationResult
from napari_sam3_assistant.wire.values import Corners, Found, MaskData, MaskFormat, Timing

NO_TIME = Timing()


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One object, as an engine or the session itself has it.

    Attributes
    ----------
    mask : PlacedMask
    score : float
        0 to 1; 0 where the mask is empty.
    alternatives : tuple of PlacedMask
        Other readings, the better ones first.
    timing : Timing
    warning : str or None
    """

    mask: PlacedMask = NOTHING
    score: float = 0.0
    alternatives: tuple[PlacedMask, ...] = ()
    timing: Timing = NO_TIME
    warning: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """A mask as a message holds it.

    Attributes
    ----------
    data : MaskData
    format : str
        How it is written; a long ``png`` may be a ``png1``.
    bbox : tuple of int
    area : int
    ms : float
        How long writing took, in milliseconds.
    """

    data: MaskData
    format: MaskFormat
    bbox: Corners
    area: int
    ms: float


def written(mask: PlacedMask, shape: tuple[int, int], format: MaskFormat) -> Written:
    """Return a mask of a picture of ``shape`` (H, W) as a message holds it. Slow: called on a codec thread."""
    start = time.perf_counter()
    trimmed = mask.trimmed()
    data, used = encoded(trimmed, shape, format)
    return Written(data, used, corners_of(trimmed), trimmed.area, (time.perf_counter() - start) * 1000)


def found_of(
    mask: PlacedMask,
    score: float | None,
    shape: tuple[int, int],
    format: MaskFormat,
    *,
    object_id: int | None = None,
    refinement: str | None = None,
    name: str | None = None,
    stability: float | None = None,
) -> Found:
    """Return an object as messages list it. Slow: called on a codec thread."""
    drawn = written(mask, shape, format)
    return Found(
        object_id=object_id,
        score=None if score is None else share(score, drawn.area),
        bbox=drawn.bbox,
        area=drawn.area,
        mask=drawn.data,
        mask_format=drawn.format,
        refinement=refinement,
        name=name,
        stability=stability,
    )


def every_of(candidates: Candidates, view: View, format: MaskFormat) -> list[Found]:
    """Return all that an engine has found, in its order, as messages list it. Slow: called on a codec thread."""
    shape, stability = view.source.plane_shape(view.plane), candidates.stability
    return [
        found_of(one.mask, one.score, shape, format, stability=None if stability is None else float(stability[index]))
        for index, one in enumerate(view.placed(candidates.each()))
    ]


class Answers:
    """Answers what was said about objects.

    Parameters
    ----------
    context : SessionContext
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context

    async def send(self, work: Work, object_id: int, said: Said) -> None:
        """Answer what was said about an object, unless it was taken back meanwhile.

        Raises
        ------
        Refusal
            If the engine cannot.
        """
        context, picture, agreed = self._context, self._context.shown(), self._context.agreed
        answer = await self.of(said, picture)
        if context.stale(work):
            return
        drawn = await context.inference.codec(written, answer.mask, picture.shape, agreed.mask_format)
        others = await self._others(object_id, said, answer, picture) if agreed.all_objects else None
        candidates = await self._candidates(answer, picture) if agreed.multimask else None
        if context.stale(work):
            return
        score = share(answer.score, drawn.area)
        if not agreed.all_objects:
            context.board.seen[object_id] = Seen(said, score, drawn.bbox, drawn.area)
        await context.send(
            SegmentationResult(
                mask=drawn.data,
                score=score,
                num_points=len(said.points),
                object_id=object_id,
                bbox=drawn.bbox,
                area=drawn.area,
                mask_format=drawn.format,
                seq=work.seq,
                warning=answer.warning,
                candidates=candidates,
                objects=others,
                timing_ms=answer.timing.model_copy(update={"mask": drawn.ms}),
                id=work.message.id,
            )
        )

    async def of(self, said: Said, picture: Picture, key: str | None = None) -> Answer:
        """Return the answer to what was said; with a ``key``, a newer question of that key may take its place.

        Raises
        ------
        Refusal
            If the engine cannot.
        Cancelled
            If a newer question has taken its place, or the session is closed.
        """
        inference = self._context.inference
        takes_masks = inference.capabilities.masks
        if said.as_found is not None:
            return Answer(await inference.codec(said.as_found.mask.placed), said.as_found.score)
        if not said.foreground(takes_masks):
            return Answer(warning="no_foreground_point" if said.points else None)
        prompts = await inference.codec(said.prompts, takes_masks) if said.masks else said.prompts(takes_masks)
        asked = await inference.segment(picture, prompts, self._context.name, key=key)
        made = asked.value
        timing = Timing(queue=asked.queue_ms, encode=made.encode_ms, decode=made.decode_ms)
        one = made.segmentation
        return Answer(one.mask, share(one.score, one.mask.area), one.alternatives, timing)

    async def _others(self, object_id: int, said: Said, answer: Answer, picture: Picture) -> tuple[Found, ...]:
        """Return every object about which something was said; masks that are not known yet are asked for."""
        context, found = self._context, []
        for number, what in list(context.board.objects.items()):
            what = said if number == object_id else what
            seen = context.board.seen.get(number)
            if what.empty:
                continue
            if number == object_id:
                seen = await self._see(number, what, answer, picture)
            elif seen is None or seen.said is not what or seen.mask is None:
                seen = await self._see(number, what, await self.of(what, picture), picture)
            found.append(await context.inference.codec(self._listed, number, seen, picture.shape))
        return tuple(found)

    async def _see(self, object_id: int, said: Said, answer: Answer, picture: Picture) -> Seen:
        mask: KeptMask = await self._context.inference.codec(kept, answer.mask, picture.shape)
        seen = Seen(said, share(answer.score, mask.area), mask.bbox, mask.area, mask)
        if object_id in self._context.board.objects:
            self._context.board.seen[object_id] = seen
        return seen

    def _listed(self, object_id: int, seen: Seen, shape: tuple[int, int]) -> Found:
        found = seen.said.found
        mask = NOTHING if seen.mask is None else seen.mask.placed()
        name = None if found is None else found.name
        return found_of(mask, seen.score, shape, self._context.agreed.mask_format, object_id=object_id, name=name)

    async def _candidates(self, answer: Answer, picture: Picture) -> tuple[Found, ...]:
        format = self._context.agreed.mask_format
        return tuple(
            [
                await self._context.inference.codec(found_of, mask, None, picture.shape, format)
                for mask in answer.alternatives
            ]
        )
