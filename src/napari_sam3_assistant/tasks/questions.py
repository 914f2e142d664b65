"""The questions of one call, one after another, on as few windows of a plane as they need."""

from __future__ import annotations

import time

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import intersection, union
from napari_sam3_assistant.core.prompts import BoxPrompt, Prompts, Query
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.core.windows import Window, choose_window, cut_prompts
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.tasks.everything import EverythingOptions, find_everything
from napari_sam3_assistant.tasks.find import find_plane
from napari_sam3_assistant.tasks.image import Told, segment_plane
from napari_sam3_assistant.tasks.objects import FoundObject
from napari_sam3_assistant.tasks.text import find_words
from napari_sam3_assistant.tasks.view import View, fitted

WindowLike = Window | tuple[int, int, int, int] | int
LARGEST_SIDE = 4096
"""For words alone, or everything, a plane of which no more pixels a side are read is looked at whole.

Of a larger one the user says where."""


class Questions:
    """Asks an engine about one plane, and gathers what it finds.

    Parameters
    ----------
    engine : ImageEngine
    embeddings : EmbeddingCache
    plane : View
        The whole plane.
    window : Window, tuple, int or None
        What part of it to look at: a rectangle, or the side of a square round the prompts.
    told : Told

    Raises
    ------
    PromptError
        If the window is none, or holds no pixel of the plane.
    """

    def __init__(
        self, engine: ImageEngine, embeddings: EmbeddingCache, plane: View, window: WindowLike | None, told: Told
    ) -> None:
        self._asked = engine, embeddings
        self._view = plane
        self._shape = plane.window.shape
        self._fixed = window if window is None else window_given(window, self._shape)
        self._told = told
        self.objects: list[FoundObject] = []
        self.windows: list[Window] = []
        self.notes: tuple[str, ...] = ()
        self.encode_ms = self.decode_ms = 0.0

    def segment(self, words: str, prompts: Prompts) -> None:
        """Find the one object that ``prompts`` are about."""
        answer = segment_plane(*self._asked, self._look(prompts), prompts, **self._told)
        self._add(words, answer.segmentation)
        self.encode_ms += answer.encode_ms
        self.decode_ms += answer.decode_ms

    def find(self, query: Query, threshold: float | None) -> None:
        """Find all objects that ``query`` asks for, by its words or, without any, by its examples."""
        view = self._look_for(query)
        if query.texts:
            self._read(view, query, threshold)
        else:
            self._compare(view, query, threshold)

    def find_everything(self, options: EverythingOptions) -> None:
        """Find every object, without a prompt."""
        view = self._whole("every object")
        answer = find_everything(*self._asked, view, options, **self._told)
        self.encode_ms += answer.encode_ms
        self.decode_ms += answer.decode_ms
        for one in answer.objects:
            self._add("everything", one)

    def _read(self, view: View, query: Query, threshold: float | None) -> None:
        answer = find_words(*self._asked, view, query.texts, query.exemplars, threshold=threshold, **self._told)
        start = time.perf_counter()
        reading = answer.read()
        self.decode_ms += answer.decode_ms + (time.perf_counter() - start) * 1000
        self.encode_ms += answer.encode_ms
        for one in reading.objects:
            self._add(one.class_name, one.segmentation, one.class_name, one.class_value)
        self.notes += reading.messages

    def _compare(self, view: View, query: Query, threshold: float | None) -> None:
        answer = find_plane(*self._asked, view, query, **self._told)
        start = time.perf_counter()
        found = answer.above(answer.threshold if threshold is None else threshold)
        self.decode_ms += answer.decode_ms + (time.perf_counter() - start) * 1000
        self.encode_ms += answer.encode_ms
        examples = len(query.exemplars) + (query.crop is not None)
        for one in found:
            self._add("like the example" if examples == 1 else "like the examples", one)

    def _look_for(self, query: Query) -> View:
        """Return the view that answers ``query``."""
        wanted = [one.box for one in query.exemplars if one.positive]
        if isinstance(self._fixed, Window):
            if wanted and not any(intersection(box, self._fixed.box) for box in wanted):
                raise _outside("The example lies" if len(wanted) == 1 else "The examples lie", self._fixed)
            return self._at(self._fixed)
        if wanted or (query.exemplars and query.crop is None):
            return self._look(Prompts(box=BoxPrompt(union(one.box for one in query.exemplars))))
        return self._whole("words" if query.crop is None else "what is like an exemplar image")

    def _whole(self, what: str) -> View:
        """Return the view of the whole plane, or of the window, on which ``what`` is looked for."""
        if isinstance(self._fixed, Window):
            return self._at(self._fixed)
        view = fitted(self._view.source, self._view.plane, self._view.window)
        longest = max(view.read_window.shape if self._fixed is None else self._shape)
        if longest > (self._fixed or LARGEST_SIDE):
            raise _nowhere(self._shape, what)
        return self._at(self._view.window)

    def _look(self, prompts: Prompts) -> View:
        """Return the view that answers ``prompts``: the last one again where it does."""
        if isinstance(self._fixed, Window):
            inside = cut_prompts(prompts, self._fixed)
            if inside.empty or len(inside.points) < len(prompts.points):
                raise _outside("A prompt lies", self._fixed)
            return self._at(self._fixed)
        last = self.windows[-1] if self.windows else None
        return self._at(choose_window(self._shape, prompts, last, side=self._fixed))

    def _at(self, window: Window) -> View:
        self.windows.append(window)
        return fitted(self._view.source, self._view.plane, window)

    def _add(self, words: str, one: Segmentation, class_name: str = "", class_value: int = 0) -> None:
        self.objects.append(FoundObject(len(self.objects) + 1, one.mask, one.score, words, class_name, class_value))


def _nowhere(shape: tuple[int, int], what: str) -> PromptError:
    return PromptError(
        f"The plane has {shape[0]} rows and {shape[1]} columns: too many to look for {what} in all of it.",
        hint="Say where to look, window=(top, left, bottom, right), or save it with smaller copies (a pyramid).",
        in_shell="Say where to look, --window T,L,B,R, or save it with smaller copies (a pyramid).",
    )


def _outside(what: str, window: Window) -> PromptError:
    edges = f"{window.top},{window.left},{window.bottom},{window.right}"
    return PromptError(
        f"{what} outside the window {edges}.",
        hint="Pass a window that holds all prompts, or leave window= out.",
        in_shell="Give a --window T,L,B,R that holds all prompts, or leave --window out.",
    )


def window_given(value: WindowLike, shape: tuple[int, int]) -> Window | int:
    """Return the window, or the side of one, that is told, cut to a plane of ``shape`` (H, W).

    Raises
    ------
    PromptError
        If it is none, or holds no pixel of the plane.
    """
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
