"""The state of what is to be done: task, image, prompts, and which part of the image is looked at."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.prompts import TextPrompt
from napari_sam3_assistant.core.sources import Mix
from napari_sam3_assistant.core.window_rule import WindowRule
from napari_sam3_assistant.core.windows import WINDOW_SIDE, Window
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.tasks.phrases import once, phrases_by_line, phrases_in

BATCH_TASKS = (Task.IMAGE, Task.EXEMPLAR, Task.TEXT)
"""Tasks of one plane that can be run on many pictures at a press."""


class PromptKind(StrEnum):
    """What shows the object in the task ``2D``. The value is what settings remember."""

    POINTS = "points"
    BOX = "box"
    LABELS = "labels"
    TEXT = "text"


class ExemplarSource(StrEnum):
    """Where the example of the task ``Exemplar`` lies. The value is what settings remember."""

    TARGET = "target"
    CROP = "crop"


class CropRegion(StrEnum):
    """What of a crop image is the example. The value is what settings remember."""

    WHOLE = "whole"
    BOX = "box"


@dataclass(frozen=True, slots=True)
class ImageItem:
    """A layer one can choose: its unique id and its name."""

    identity: str
    name: str


@dataclass(frozen=True, slots=True)
class LayerChoice:
    """The layers that prompts of one kind can come from (``items``), and the unique id of the one in use, or None."""

    items: tuple[ImageItem, ...] = ()
    current: str | None = None


@dataclass(eq=False)
class TaskState:
    """What is to be done, to which image.

    The user's: ``advanced`` (whether the mode ``Advanced`` is in use: what only it shows takes effect in it alone),
    ``task``, ``prompt`` (of the task ``2D``), ``image``, ``positive`` (the next point) and
    ``positive_box`` (the next example), ``text`` (words that name objects), ``threshold`` (the score from which
    objects that are found are kept; None for what is usual), ``sheet`` (whether the list of keys is open).
    Of the image in use: ``channel_axis`` (-1: the one that the layer names, if any) and ``mix`` (channels seen as
    red, green and blue; None for the one on the slider, as grey). Of planes that are too large to be taken whole
    unasked: ``local`` (whether a window of ``local_side`` pixels a side is looked at), ``whole_plane`` (whether all
    of them is). Of the mode ``Advanced`` alone: ``batch`` (whether a run is about every image layer) and
    ``phrase_lines`` (more words, one phrase a line); what of both is in effect, ``batches`` and ``phrases`` tell.

    Facts: the images there are and what the chosen one is like; whether its plane is so large (``large``), and what
    of it is looked at (``window``); whether the layer of the prompts in use
    is there (``prompt_layer``) and takes the next click (``armed``); how many of its prompts lie on this
    plane (``usable``), which ones a run would use (``in_use``) and which not (``left_out``); whether the next
    point begins an object wherever it is set, also on another one (``begun``). What the channels of the image in
    use are called (``channels``; none where it has no such axis), whether it has axes beside rows, columns and
    colours (``deep``), whether it is shown in colour (``color``), the
    contrast limits that were taken (``limits``, in words; None where none were) and whether the layer has others
    by now (``limits_old``).

    Of the engine in use: whether words begin to follow objects (``follows_words``).

    The user's, of the task ``Exemplar`` in ``Advanced``: where the example lies (``exemplar_source``), which image is
    the crop (``crop_image``; None, or one that is not there, leaves it to :attr:`crop`) and what of it is the example
    (``crop_region``).

    The user's, of the task ``3D/Video``: ``direction`` (which way objects are followed), ``through`` (what is gone
    through, one of :attr:`VideoState.axes`; empty for what is found), ``first_frame`` and ``last_frame`` (which frames
    are wanted; None for the last one there is) and ``show_frames`` (whether the slider follows what was done).

    Where prompts come from: ``points_from``, ``shapes_from`` and ``labels_from``, each the layers there are and the one
    in use; ``prompts_from`` is what the layer of the kind in use is called, where it is the user's own.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    advanced: bool = False
    task: Task = Task.LIVE_POINTS
    prompt: PromptKind = PromptKind.POINTS
    image: str | None = None
    positive: bool = True
    positive_box: bool = True
    text: str = ""
    threshold: float | None = None
    sheet: bool = False
    channel_axis: int = -1
    mix: Mix | None = None
    local: bool = False
    local_side: int = WINDOW_SIDE
    whole_plane: bool = False
    large: bool = False
    window: Window | None = None
    images: tuple[ImageItem, ...] = ()
    active_image: str | None = None
    summary: str = ""
    prompt_layer: bool = False
    armed: bool = False
    usable: int = 0
    in_use: str = ""
    left_out: str = ""
    begun: bool = False
    channels: tuple[str, ...] = ()
    deep: bool = False
    color: bool = False
    limits: str | None = None
    limits_old: bool = False
    follows_words: bool = False
    exemplar_source: ExemplarSource = ExemplarSource.TARGET
    crop_image: str | None = None
    crop_region: CropRegion = CropRegion.WHOLE
    batch: bool = False
    phrase_lines: str = ""
    direction: Direction = Direction.BOTH
    through: str = ""
    first_frame: int = 0
    last_frame: int | None = None
    show_frames: bool = False
    points_from: LayerChoice = LayerChoice()
    shapes_from: LayerChoice = LayerChoice()
    labels_from: LayerChoice = LayerChoice()
    prompts_from: str = ""

    @property
    def uses_crop(self) -> bool:
        """Whether the example lies in a crop image: only ``Advanced`` offers that."""
        return self.advanced and self.task is Task.EXEMPLAR and self.exemplar_source is ExemplarSource.CROP

    @property
    def crop_choices(self) -> tuple[ImageItem, ...]:
        """The images that may be the crop: all but the one in use."""
        return tuple(item for item in self.images if item.identity != self.image)

    @property
    def crop(self) -> ImageItem | None:
        """The crop image: the chosen one, or the only one that there is beside the target."""
        choices = self.crop_choices
        chosen = next((item for item in choices if item.identity == self.crop_image), None)
        return choices[0] if chosen is None and len(choices) == 1 else chosen

    @property
    def rule(self) -> WindowRule:
        """Which window of a large plane is looked at."""
        return WindowRule(self.local_side if self.local else None, self.whole_plane and not self.local)

    @property
    def kind(self) -> PromptKind:
        """The kind of prompt in use: of the tasks ``2D`` and ``3D/Video`` the chosen one; the others have one each."""
        if self.task is Task.EXEMPLAR:
            return PromptKind.BOX
        if self.task is Task.TEXT:
            return PromptKind.TEXT
        if self.task is Task.VIDEO and self.prompt is PromptKind.TEXT and not self.follows_words:
            return PromptKind.POINTS
        return PromptKind.POINTS if self.task is Task.LIVE_POINTS else self.prompt

    @property
    def scored(self) -> bool:
        """Whether what a run finds is chosen from by its scores."""
        return self.task is Task.EXEMPLAR or (self.kind is PromptKind.TEXT and self.task is not Task.VIDEO)

    @property
    def batches(self) -> bool:
        """Whether a run is about every image layer."""
        return self.advanced and self.batch and self.task in BATCH_TASKS

    @property
    def lines(self) -> str:
        """The lines of phrases that are in effect; empty where there are none."""
        return self.phrase_lines if self.advanced and self.task is Task.TEXT else ""

    @property
    def in_steps(self) -> bool:
        """Whether a run is made of steps, one for each picture and phrase, that each have a result of their own."""
        return self.batches or bool(self.lines.strip())

    @property
    def phrases(self) -> tuple[TextPrompt, ...]:
        """What a run looks for: the phrases of both fields, each once; none where nothing is typed.

        Raises
        ------
        PromptError
            If a line is too long.
        """
        return _phrases(self.text, self.lines)


@lru_cache(maxsize=4)
def _phrases(text: str, lines: str) -> tuple[TextPrompt, ...]:
    """Return the phrases of both fields; remembered, for they are asked for at every click."""
    typed: tuple[TextPrompt, ...] = ()
    with suppress(PromptError):  # there is none
        typed = phrases_in(text)
    return once((*typed, *phrases_by_line(lines)))
