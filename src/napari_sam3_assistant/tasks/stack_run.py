"""A run through a stack without a screen: prompts in, masks out frame by frame, and files if they are wanted.

What is done stays, however a run ends: the record tells it, and a later run goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from napari_sam3_assistant.core.errors import ImageError, PromptError, Unsupported
from napari_sam3_assistant.core.progress import Progress, no_progress
from napari_sam3_assistant.core.prompts import Prompts, Query
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.export.names import picture_stem
from napari_sam3_assistant.export.pictures import picture_given
from napari_sam3_assistant.export.stacks import UNNAMED, At
from napari_sam3_assistant.masks.registry import Origin
from napari_sam3_assistant.tasks.asked import MaskLike, TextLike, phrases_given
from napari_sam3_assistant.tasks.engine_given import check_server_reads, engine_given
from napari_sam3_assistant.tasks.followed import Followed
from napari_sam3_assistant.tasks.frame_prompts import BoxesLike, ByFrame, PointsLike, check_positive, frame_prompts
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.propagation import Propagation, Step
from napari_sam3_assistant.tasks.questions import WindowLike
from napari_sam3_assistant.tasks.recording import resumed
from napari_sam3_assistant.tasks.stack_given import AxisLike, StackGiven, stack_given
from napari_sam3_assistant.tasks.stack_output import StackOutput, Target
from napari_sam3_assistant.tasks.tracks import PROPAGATED
from napari_sam3_assistant.tasks.video import Video
from napari_sam3_assistant.tasks.view import fitted

FramesLike = range | slice | tuple[int | None, int | None]
"""``range(10, 50)``, ``slice(10, None)`` or ``(10, 50)``: the last one is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """What is asked of a stack: see :func:`napari_sam3_assistant.propagate`."""

    points: PointsLike = ()
    boxes: BoxesLike = ()
    masks: Mapping[int, MaskLike] = field(default_factory=dict)
    text: TextLike = ()
    axis: AxisLike | None = None
    frames: FramesLike | None = None
    direction: str = Direction.BOTH
    plane: At | None = None
    window: WindowLike | None = None
    channel_axis: int | None = None
    rgb: bool | None = None


class StackRun:
    """One run. Use it in a ``with`` statement: :meth:`steps`, then :meth:`finish`.

    Parameters
    ----------
    image : array, Picture, str or Path
    ask : Ask
    target : Target or None
        None writes nothing.
    engine, model, server, token, python
        As for :func:`napari_sam3_assistant.propagate`.

    Attributes
    ----------
    reason : str
        Which engine answers and why, for a user.
    output : StackOutput or None
        The files.
    resumed : bool
        Whether it goes on from a record.

    Raises
    ------
    AssistantError
        See :func:`napari_sam3_assistant.propagate`.
    """

    def __init__(
        self,
        image: Any,
        ask: Ask,
        target: Target | None = None,
        engine: str = "auto",
        model: str | Path | None = None,
        *,
        server: str | None = None,
        token: str | None = None,
        python: str | Path | None = None,
    ) -> None:
        choice, self._engine = engine_given(engine, model, server, token, python=python)
        self.engine, self.reason = choice.name, choice.reason
        self._embeddings, self._ahead = EmbeddingCache(), ThreadPoolExecutor(1)
        self.output: StackOutput | None = None
        try:
            picture = picture_given(image, ask.rgb, ask.channel_axis)
            self._given = stack_given(picture, picture.source(), ask.axis, ask.plane)
            if target is not None:
                name = "image" if picture.name == UNNAMED else picture.name
                self.output = StackOutput(target, picture_stem(name))
            self.resumed = self.output is not None and self.output.resumes
            self._video = self._said(ask)
            self._run = self._wanted(ask)
            if self.output is not None:
                self.output.open(self._video, picture, self.engine, self._engine.weights)
        except BaseException:
            self.close()
            raise

    @property
    def done(self) -> int:
        """Number of frames looked at in this run."""
        return 0 if self._run is None else self._run.done

    @property
    def total(self) -> int:
        """Number of frames to be looked at in this run, as far as is known."""
        return 0 if self._run is None else self._run.total

    def steps(self, progress: Progress = no_progress) -> Iterator[Step]:
        """Do one frame after the other; each is noted, and written, before it is given.

        Raises
        ------
        AssistantError
            If the engine fails, or a file cannot be written. What is done stays.
        """
        run, origin = self._run, Origin(self._given.picture.name, PROPAGATED, None, self.engine)
        while run is not None and run.next_frame is not None:
            step = run.step(self._engine, self._embeddings, progress=progress)
            changed = run.take(step, origin)
            if self.output is not None:
                self.output.took(step, self._video.tracks, changed)
            yield step

    def finish(self, progress: Progress = no_progress) -> Followed:
        """Make the files that are made at the end, and return what was found.

        Raises
        ------
        SaveError
            If one cannot be written. What is done stays.
        """
        given, files = self._given, self.output
        followed = Followed(
            self._video.tracks,
            given.stack.shape,
            given.stack.count,
            given.picture,
            self.engine,
            self._video.view.window.box,
            None if files is None else files.labels,
            None if files is None else files.table,
            None if files is None else files.record,
        )
        if files is not None:
            files.finish(followed, progress)
        return followed

    def close(self) -> None:
        """Give back the engine's memory, and let go of the files. A second call does nothing."""
        if self.output is not None:
            self.output.close()
        self._ahead.shutdown(cancel_futures=True)
        self._engine.close()

    def __enter__(self) -> StackRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- beginning --------------------------------------------------------------------------------

    def _said(self, ask: Ask) -> Video:
        """Return what is said of the stack, and what an earlier run has found."""
        given = self._given
        if ask.direction not in list(Direction):
            raise PromptError(f"There is no direction {ask.direction!r}.", hint=f"Choose of {', '.join(Direction)}.")
        said = frame_prompts(given.stack, ask.points, ask.boxes, ask.masks)
        if self.resumed and self.output is not None:
            video = resumed(self.output.record, given.source)
            if (video.axis, video.plane_at(0)) != (given.axis, given.plane):
                raise ImageError(
                    f"{self.output.record.name} is of other frames of {given.picture.name}.",
                    hint="Name the same axis= and plane=, or another folder.",
                    in_shell="Give the same --axis and --plane, or another --out.",
                )
        else:
            video = self._new_video(ask, given, said)
        check_positive(said, video.tracks.ids if video.query is None else [id for one in said.values() for id in one])
        for frame, prompts in sorted(said.items()):
            old = video.given.get(frame, {})
            video.give(frame, {id: one for id, one in prompts.items() if id not in old or not _same(old[id], one)})
        return video

    def _new_video(self, ask: Ask, given: StackGiven, said: ByFrame) -> Video:
        texts = phrases_given(ask.text)
        if not texts and not said:
            raise PromptError(
                "There is no prompt.",
                hint="Give a point, a box or a mask on a frame, or a phrase.",
                in_shell="Give --point, --box, --mask or --text.",
            )
        if texts and self.engine == registry.REMOTE.name:
            check_server_reads(self._engine, self.reason)
        elif texts and not self._engine.capabilities.text:
            raise Unsupported(
                f"The engine {self.engine} does not read words ({self.reason}).",
                hint="Pass model=, a folder with SAM3, or point at the objects.",
                in_shell="Give --model FOLDER, a folder with SAM3, or point at the objects with --point.",
            )
        frames = frames_given(ask.frames, given.stack.count)
        past = {Direction.FORWARD: range(frames.stop, given.stack.count), Direction.BACKWARD: range(frames.start)}
        beside = [frame for frame in sorted(said) if frame in past.get(Direction(ask.direction), ())]
        if beside:
            raise PromptError(
                f"None of the frames {frames[0]} to {frames[-1]} lies {ask.direction} of frame {beside[0]}, "
                "where there is a prompt.",
                hint="Choose another direction, or frames that it leads to.",
                in_shell="Give another --direction, or --frames that it leads to.",
            )
        view = fitted(given.source, given.plane.at(given.axis, frames[0]), given.window(said, ask.window))
        for frame, id in ((frame, id) for frame, one in said.items() for id, it in one.items() if view.seen(it).empty):
            raise PromptError(
                f"Object {id} on frame {frame} lies outside the window.",
                hint="Pass a window that holds it, or none: one is chosen.",
                in_shell="Give a --window that holds it, or none: one is chosen.",
            )
        return Video(view, given.axis, query=Query(texts) if texts else None)

    def _wanted(self, ask: Ask) -> Propagation | None:
        """Return what is to be done; None where an earlier run has done it all."""
        frames = frames_given(ask.frames, self._given.stack.count)
        try:
            return self._video.run(Direction(ask.direction), frames, self._ahead.submit)
        except PromptError:
            if not self.resumed:
                raise
            return None


def frames_given(frames: FramesLike | None, count: int) -> range:
    """Return the frames that are meant, of a stack of so many.

    Raises
    ------
    PromptError
        If there are none.
    """
    if frames is None:
        return range(count)
    first, stop = (frames.start, frames.stop) if isinstance(frames, range | slice) else frames
    low, high = 0 if first is None else int(first), count if stop is None else int(stop)
    if not 0 <= low < min(high, count):
        raise PromptError(
            f"There are no frames {low} to {high - 1}.",
            hint=f"Frames go from 0 to {count - 1}; the second number is the frame after the last.",
        )
    return range(low, min(high, count))


def _same(old: Prompts, new: Prompts) -> bool:
    """Return whether two say the same of an object."""
    if (old.points, old.box) != (new.points, new.box) or (old.mask is None) != (new.mask is None):
        return False
    if old.mask is None or new.mask is None:
        return True
    a, b = old.mask.mask.trimmed(), new.mask.mask.trimmed()
    return a.offset == b.offset and np.array_equal(a.mask, b.mask)
