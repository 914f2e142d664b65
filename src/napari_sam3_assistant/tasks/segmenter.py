"""An engine and a picture without a screen: questions are answered on the thread that asks."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from pathlib import Path
from types import TracebackType
from typing import Any

from napari_sam3_assistant.core.errors import EngineError, PromptError, Unsupported
from napari_sam3_assistant.core.intensity import Limits
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.core.sources import Source, estimate_limits
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.export.pictures import picture_given
from napari_sam3_assistant.export.stacks import UNNAMED, At, Picture
from napari_sam3_assistant.tasks.asked import BoxLike, MaskLike, PointLike, TextLike, asked
from napari_sam3_assistant.tasks.crop_given import crop_given
from napari_sam3_assistant.tasks.engine_given import check_server_reads, engine_given
from napari_sam3_assistant.tasks.everything import POINTS_PER_SIDE, EverythingOptions
from napari_sam3_assistant.tasks.image import Told
from napari_sam3_assistant.tasks.objects import Result
from napari_sam3_assistant.tasks.questions import Questions, WindowLike
from napari_sam3_assistant.tasks.view import View

READS = "Pass model=, a folder with SAM3; napari-sam3-assistant get-model gets one. Without it, use exemplars=."
READS_IN_SHELL = "Give --model FOLDER, a folder with SAM3; get-model gets one. Without it, use --exemplar."


class Segmenter:
    """One engine, loaded once, that answers on the thread that asks; a picture is encoded once.

    Use it for several questions, or several pictures. Call :meth:`close` at the end, or use it in a
    ``with`` statement.

    Parameters
    ----------
    engine : str
        Name of an engine; ``"auto"`` takes the best one that can run here.
    model : str, Path or None
        Folder of the model, for engines that have one.
    server, token : str or None
        Address of a server of ours, and what it asks for: its engine answers.
    python : str, Path or None
        The Python that has Meta's package, for the engine ``"meta"``; see :func:`napari_sam3_assistant.segment`.

    Attributes
    ----------
    engine : str
        Name of the engine that answers.
    reason : str
        Which engine that is and why, for a user.

    Raises
    ------
    Unsupported
        If there is no such engine, or something that it needs is not installed.
    ModelFolderError
        If there is no folder ``model``.
    EngineError
        If the engine cannot be made.
    """

    def __init__(
        self,
        engine: str = registry.AUTO,
        model: str | Path | None = None,
        *,
        server: str | None = None,
        token: str | None = None,
        python: str | Path | None = None,
    ) -> None:
        choice, self._engine = engine_given(engine, model, server, token, python=python)
        self.engine, self.reason = choice.name, choice.reason
        self._embeddings = EmbeddingCache()
        self._limits: dict[tuple[object, ...], Limits] = {}
        self._last: tuple[Any, bool | None, int | None, Picture, Source] | None = None
        self._closed = False

    def segment(
        self,
        image: Any,
        *,
        points: Iterable[PointLike] = (),
        boxes: Iterable[BoxLike] = (),
        masks: Iterable[MaskLike] = (),
        exemplars: Iterable[BoxLike] = (),
        exemplar_image: Any = None,
        exemplar_box: BoxLike | None = None,
        text: TextLike = (),
        everything: bool = False,
        points_per_side: int = POINTS_PER_SIDE,
        threshold: float | None = None,
        plane: At | None = None,
        window: WindowLike | None = None,
        channel_axis: int | None = None,
        rgb: bool | None = None,
        progress: Progress = no_progress,
        cancel: CancelToken | None = None,
    ) -> Result:
        """Return what is found; arguments, errors and notes are those of :func:`napari_sam3_assistant.segment`.

        When the same array (or the same :class:`Picture`) is passed again it is not encoded again. Where
        you write into it in between, that is noticed from 4,096 of its pixels: after changing only a few,
        pass a copy.

        Parameters
        ----------
        cancel : CancelToken or None
            Another thread raises it to end the work.

        Raises
        ------
        Cancelled
            If ``cancel`` was raised.
        AssistantError
            See :func:`napari_sam3_assistant.segment`.
        """
        if self._closed:
            raise EngineError("This Segmenter is closed.", hint="Make a new one.")
        if threshold is not None and not _is_share(threshold):
            raise PromptError(f"A threshold of {threshold} is not between 0 and 1.", hint="Choose one such as 0.5.")
        picture, source = self._open(image, rgb, channel_axis)
        cut = picture.plane(plane)
        shape = source.plane_shape(cut)
        crop = crop_given(exemplar_image, exemplar_box, picture)
        what = asked(shape, points, boxes, masks, exemplars, text, crop, everything=everything)
        options = EverythingOptions(points_per_side, least_score=threshold)
        if what.query is not None and what.query.texts:
            self.check_reads()
        always = Told(limits_of=self._limits_of, progress=progress, cancel=cancel or CancelToken())
        run = Questions(self._engine, self._embeddings, View(source, cut, whole(shape)), window, always)
        for words, prompts in what.objects:
            run.segment(words, prompts)
        if what.query is not None:
            run.find(what.query, threshold)
        if everything:
            run.find_everything(options)
        return Result(
            tuple(run.objects),
            shape,
            self.engine,
            run.encode_ms,
            run.decode_ms,
            tuple(dict.fromkeys(run.windows)),
            "image" if picture.name == UNNAMED else picture.name,
            picture.scale,
            picture.units,
            cut.index or None,
            run.notes,
        )

    def check_reads(self) -> None:
        """Check that the engine finds what words name.

        Raises
        ------
        Unsupported
            If it does not read; the hint says what to do.
        EngineError
            If it is on a server that cannot be reached.
        """
        if self.engine == registry.REMOTE.name:
            check_server_reads(self._engine, self.reason)
        capabilities = self._engine.capabilities
        if capabilities.text:
            return
        if self.engine == registry.BUILTIN.name:
            raise Unsupported(
                f"The built-in engine does not read words ({self.reason}).", hint=READS, in_shell=READS_IN_SHELL
            )
        raise Unsupported(f"The engine {self.engine} does not read words.", hint=capabilities.instead)

    def close(self) -> None:
        """Give back the engine's memory. A second call does nothing."""
        if not self._closed:
            self._closed = True
            self._last = None
            self._embeddings.clear()
            self._engine.close()

    def __enter__(self) -> Segmenter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, image: Any, rgb: bool | None, channel_axis: int | None) -> tuple[Picture, Source]:
        """Return the picture and its source; those of the last call if it was the same array."""
        if self._last is not None and self._last[0] is image and self._last[1:3] == (rgb, channel_axis):
            return self._last[3:]
        self._embeddings.clear()
        self._limits.clear()
        self._last = None
        picture = picture_given(image, rgb, channel_axis)
        source = picture.source()
        if not isinstance(image, str | Path):  # a file may have changed by the next call
            self._last = image, rgb, channel_axis, picture, source
        return picture, source

    def _limits_of(self, source: Source, plane: Plane) -> Limits:
        key = source.identity, source.channels_of(plane)
        if key not in self._limits:
            self._limits[key] = estimate_limits(source, plane)
        return self._limits[key]


def _is_share(value: object) -> bool:
    return isinstance(value, Real) and 0 <= float(value) <= 1
