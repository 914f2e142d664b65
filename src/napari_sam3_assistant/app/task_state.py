"""The state of what is to be done: task, image, prompts, and which part of the image is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.core.sources import Mix
from napari_sam3_assistant.core.window_rule import WindowRule
from napari_sam3_assistant.core.windows import WINDOW_SIDE, Window
from napari_sam3_assistant.tasks.jobs import Task


class PromptKind(StrEnum):
    """What shows the object in the task ``2D``. The value is what settings remember."""

    POINTS = "points"
    BOX = "box"
    LABELS = "labels"
    TEXT = "text"


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
    of them is).

    Facts: the images there are and what the chosen one is like; whether its plane is so large (``large``), and what
    of it is looked at (``window``); whether the layer of the prompts in use
    is there (``prompt_layer``) and takes the next click (``armed``); how many of its prompts lie on this
    plane (``usable``), which ones a run would use (``in_use``) and which not (``left_out``); whether the next
    point begins an object wherever it is set, also on another one (``begun``). What the channels of the image in
    use are called (``channels``; none where it has no such axis), whether it has axes beside rows, columns and
    colours (``deep``), whether it is shown in colour (``color``), the
    contrast limits that were taken (``limits``, in words; None where none were) and whether the layer has others
    by now (``limits_old``).

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
    points_from: LayerChoice = LayerChoice()
    shapes_from: LayerChoice = LayerChoice()
    labels_from: LayerChoice = LayerChoice()
    prompts_from: str = ""

    @property
    def rule(self) -> WindowRule:
        """Which window of a large plane is looked at."""
        return WindowRule(self.local_side if self.local else None, self.whole_plane and not self.local)

    @property
    def kind(self) -> PromptKind:
        """The kind of prompt in use: of the task ``2D`` the chosen one; the other tasks have one each."""
        if self.task is Task.EXEMPLAR:
            return PromptKind.BOX
        if self.task is Task.TEXT:
            return PromptKind.TEXT
        return PromptKind.POINTS if self.task is Task.LIVE_POINTS else self.prompt
