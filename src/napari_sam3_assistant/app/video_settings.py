"""What the user had set and clicked when objects were followed, in a file of its own beside the record of the run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from napari_sam3_assistant.app.task_state import PromptKind, TaskState
from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.core.prompts import is_positive
from napari_sam3_assistant.export import json_files
from napari_sam3_assistant.export.atomic import write_file
from napari_sam3_assistant.layers.point_records import Clicked, PointsRecord
from napari_sam3_assistant.tasks.frames import Direction

SUFFIX = ".settings.json"


@dataclass(frozen=True, slots=True)
class VideoSettings:
    """What a session was begun with.

    Attributes
    ----------
    direction : str
    through : str
        What is gone through.
    first_frame : int
    last_frame : int or None
    prompt : str
        The kind of prompt in use.
    points : tuple of (position, positive, object)
        Those of our layer: in data coordinates of the layer, and which object each is about.
    """

    direction: str = Direction.BOTH.value
    through: str = ""
    first_frame: int = 0
    last_frame: int | None = None
    prompt: str = PromptKind.POINTS.value
    points: tuple[Clicked, ...] = ()

    def put(self, task: TaskState) -> None:
        """Let the user's choices be these again."""
        task.direction, task.prompt = Direction(self.direction), PromptKind(self.prompt)
        task.through, task.first_frame, task.last_frame = self.through, self.first_frame, self.last_frame


def settings_of(task: TaskState, points: PointsRecord | None) -> VideoSettings:
    """Return what is set and clicked now; ``points`` is the record of our layer of points, or None."""
    clicked = (
        ()
        if points is None or not points.ours
        else tuple(
            (tuple(map(float, at)), is_positive(word), int(number))
            for at, word, number in zip(np.asarray(points.data), points.words, points.objects, strict=True)
        )
    )
    return VideoSettings(
        task.direction.value, task.through, task.first_frame, task.last_frame, task.prompt.value, clicked
    )


def path_of(record: Path) -> Path:
    """Return where the settings of a record lie."""
    return record.with_name(record.name + SUFFIX)


def write(record: Path, settings: VideoSettings) -> None:
    """Write settings beside their record.

    Raises
    ------
    SaveError
        If that fails.
    """
    text = json.dumps(asdict(settings)).encode()
    write_file(path_of(record), lambda file: file.write(text), overwrite=True)


def read(record: Path) -> VideoSettings:
    """Return the settings beside a record; as they are at first where there are none, or they are broken."""
    try:
        found = json_files.load(path_of(record))
        points = tuple((tuple(map(float, at)), bool(positive), int(id)) for at, positive, id in found.pop("points", ()))
        made = VideoSettings(**found, points=points)
        Direction(made.direction), PromptKind(made.prompt)
    except (AssistantError, TypeError, ValueError, AttributeError):
        return VideoSettings()
    return made
