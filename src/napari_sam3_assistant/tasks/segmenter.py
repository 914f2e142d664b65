"""An engine and a picture without a screen: questions are answered on the thread that asks."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from napari_sam3_assistant.core.errors import EngineError, ModelFolderError, PromptError
from napari_sam3_assistant.core.geometry import intersection, union
from napari_sam3_assistant.core.intensity import Limits
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, Prompts, Query
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.core.sources import Source, estimate_limits
from napari_sam3_assistant.core.windows import Window, choose_window, cut_prompts
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.export.pictures import read_image
from napari_sam3_assistant.export.stacks import UNNAMED, At, Picture, picture_of, told
from napari_sam3_assistant.tasks.asked import BoxLike, MaskLike, PointLike, asked
from napari_sam3_assistant.tasks.find import find_plane
from napari_sam3_assistant.tasks.image import View, segment_plane
from napari_sam3_assistant.tasks.objects import FoundObject, Result

WindowLike = Window | tuple[int, int, int, int] | int


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

    def __init__(self, engine: str = registry.AUTO, model: str | Path | None = None) -> None:
        folder = None if model is None else Path(model).expanduser()
        if folder is not None and not folder.is_dir():
            raise ModelFolderError(
                f"There is no folder {folder}.", hint="Name the folder that holds the model's files."
            )
        choice = registry.choose(engine, folder)
        self.engine, self.reason = choice.name, choice.reason
        options = {} if folder is None or choice.name == registry.BUILTIN.name else {"folder": folder}
        self._engine = registry.create(choice.name, **options)
        self._embeddings = EmbeddingCache()
        self._limits: dict[tuple[str, int | None], Limits] = {}
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
        if threshold is not None and not 0 <= threshold <= 1:
            raise PromptError(f"A threshold of {threshold} is not between 0 and 1.", hint="Choose one such as 0.5.")
        picture, source = self._open(image, rgb, channel_axis)
        cut = picture.plane(plane)
        shape = source.plane_shape(cut)
        what = asked(shape, points, boxes, masks, exemplars)
        run = _Run(self, View(source, cut, Window(0, 0, *shape)), window, progress, cancel or CancelToken())
        for words, prompts in what.objects:
            run.segment(words, prompts)
        if what.query is not None:
            usual = self._engine.capabilities.threshold
            run.find(what.query, usual if threshold is None else threshold)
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
        )

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
        if isinstance(image, str | Path):
            picture = told(read_image(image), rgb=rgb, channel_axis=channel_axis)
        elif isinstance(image, Picture):
            picture = told(image, rgb=rgb, channel_axis=channel_axis)
        else:
            picture = picture_of(image, rgb=rgb, channel_axis=channel_axis)
        source = picture.source()
        if not isinstance(image, str | Path):  # a file may have changed by the next call
            self._last = image, rgb, channel_axis, picture, source
        return picture, source

    def _limits_of(self, source: Source, plane: Plane) -> Limits:
        key = source.identity, source.channel_of(plane)
        if key not in self._limits:
            self._limits[key] = estimate_limits(source, plane)
        return self._limits[key]


class _Run:
    """The questions of one call, one after another, on as few windows as they need."""

    def __init__(
        self, of: Segmenter, view: View, window: WindowLike | None, progress: Progress, cancel: CancelToken
    ) -> None:
        self._of = of
        self._view = view
        self._shape = view.window.shape
        self._fixed = window if window is None else _window(window, self._shape)
        self._told: dict[str, Any] = {"limits_of": of._limits_of, "progress": progress, "cancel": cancel}
        self.objects: list[FoundObject] = []
        self.windows: list[Window] = []
        self.encode_ms = self.decode_ms = 0.0

    def segment(self, words: str, prompts: Prompts) -> None:
        """Find the one object that ``prompts`` are about."""
        of = self._of
        answer = segment_plane(of._engine, of._embeddings, self._look(prompts), prompts, **self._told)
        self._add(words, answer.segmentation)
        self.encode_ms += answer.encode_ms
        self.decode_ms += answer.decode_ms

    def find(self, query: Query, threshold: float) -> None:
        """Find all objects that ``query`` asks for."""
        of = self._of
        wanted = [one.box for one in query.exemplars if one.positive]
        if isinstance(self._fixed, Window) and not any(intersection(box, self._fixed.box) for box in wanted):
            raise _outside("The example lies" if len(wanted) == 1 else "The examples lie", self._fixed)
        extent = Prompts(box=BoxPrompt(union(one.box for one in query.exemplars)))
        answer = find_plane(of._engine, of._embeddings, self._look(extent), query, **self._told)
        start = time.perf_counter()
        found = answer.above(threshold)
        self.decode_ms += answer.decode_ms + (time.perf_counter() - start) * 1000
        self.encode_ms += answer.encode_ms
        for one in found:
            self._add("like the example" if len(query.exemplars) == 1 else "like the examples", one)

    def _look(self, prompts: Prompts) -> View:
        """Return the view that answers ``prompts``: the last one again where it does."""
        if isinstance(self._fixed, Window):
            window = self._fixed
            inside = cut_prompts(prompts, window)
            if inside.empty or len(inside.points) < len(prompts.points):
                raise _outside("A prompt lies", window)
        else:
            last = self.windows[-1] if self.windows else None
            window = choose_window(self._shape, prompts, last, side=self._fixed)
        self.windows.append(window)
        return View(self._view.source, self._view.plane, window)

    def _add(self, words: str, one: Segmentation) -> None:
        self.objects.append(FoundObject(len(self.objects) + 1, one.mask, one.score, words))


def _outside(what: str, window: Window) -> PromptError:
    edges = f"{window.top},{window.left},{window.bottom},{window.right}"
    return PromptError(
        f"{what} outside the window {edges}.",
        hint="Pass a window that holds all prompts, or leave window= out.",
        in_shell="Give a --window T,L,B,R that holds all prompts, or leave --window out.",
    )


def _window(value: WindowLike, shape: tuple[int, int]) -> Window | int:
    """Return the window, or the side of one, that is told, cut to the plane."""
    if isinstance(value, int):
        if value < 1:
            raise PromptError(f"A window of {value} px a side holds nothing.", hint="Choose one such as 1024.")
        return value
    edges = [value.top, value.left, value.bottom, value.right] if isinstance(value, Window) else [int(v) for v in value]
    if len(edges) != 4:
        raise PromptError(f"{value} is no window.", hint="A window is its side, or top, left, bottom, right.")
    top, left, bottom, right = edges
    top, left, bottom, right = max(top, 0), max(left, 0), min(bottom, shape[0]), min(right, shape[1])
    if bottom <= top or right <= left:
        raise PromptError(f"The window {edges} holds no pixel of the image.", hint="It is top, left, bottom, right.")
    return Window(top, left, bottom, right)
