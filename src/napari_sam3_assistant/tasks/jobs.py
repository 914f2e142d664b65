"""Tasks a user can choose, and jobs: what a worker does for one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Generic, TypeVar

from napari_sam3_assistant.core.errors import Unsupported
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.core.prompts import Prompts, Query
from napari_sam3_assistant.engines import protocol

T = TypeVar("T")


class Task(StrEnum):
    """What a user wants of a picture. The value is what settings remember."""

    IMAGE = "2d"
    LIVE_POINTS = "live_points"
    EXEMPLAR = "exemplar"
    TEXT = "text"
    VIDEO = "video"


class Kind(IntEnum):
    """How long a job takes, and so how soon it is served: the lower the sooner."""

    DECODE = 0
    ENCODE = 1
    BATCH = 2


@dataclass(frozen=True, slots=True, eq=False)
class Job(Generic[T]):
    """A piece of work for one engine.

    Attributes
    ----------
    engine : str
        Name of the engine: jobs of one engine run one after another, on its thread.
    run : callable
        ``run(progress, cancel)``; its result, or its exception, becomes that of the future.
    keeps : bool
        Whether it keeps a user's work, such as the writing of a file: it is done even if all is shut down meanwhile.
    """

    engine: str
    run: Callable[[Progress, CancelToken], T]
    keeps: bool = False


def check(question: Prompts | Query, capabilities: protocol.Capabilities) -> None:
    """Check before a run that an engine can answer.

    Raises
    ------
    PromptError
        If there is nothing to answer.
    Unsupported
        If the engine takes no such prompts; the hint says what to choose instead.
    """
    if isinstance(question, Prompts):
        protocol.check(question, capabilities)
        return
    if question.texts and not capabilities.text:
        raise Unsupported("This engine does not read words.", hint=capabilities.instead)
    if (question.exemplars or question.crop is not None) and not capabilities.exemplars:
        raise Unsupported("This engine takes no examples.", hint=capabilities.instead)
