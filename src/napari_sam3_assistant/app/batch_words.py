"""A batch in words: what is begun, what came of it, and why a batch cannot be run. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_sam3_assistant.app.task_state import BATCH_TASKS, TaskState
from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.tasks.jobs import Task

ALL_IMAGES = (
    "Run the current prompt setup on every napari Image layer. Each image gets its own SAM3 preview output layers."
)
LINES = "One prompt per line; Ctrl+Enter runs. What follows a # is a comment. Each prompt has a result of its own."
NO_VIDEO = "Batch all image layers is for 2D image tasks. Use one stack for 3D/video propagation."
NO_LIVE = "Batch mode is disabled for Live Points. Select one image for point correction."
NO_LINES = "Multi-text batch prompts require task 'Text segmentation'."
NO_IMAGES = "No image layers found for batch segmentation."
NO_PROMPTS = "No prompts found. Add text, points, boxes, labels, or exemplar ROIs."
WAITS = "Wait for the batch, or press Cancel."
NAMED = 3
"""So many names are told; of the others, how many there are."""


@dataclass(slots=True, eq=False)
class Tally:
    """What has come of a batch so far.

    Attributes
    ----------
    total, done, answered : int
        Steps: all of them, those that were tried, and those that were answered.
    objects : int
        That were found.
    failed : list of (str, AssistantError)
        By ``image / prompt``, or image.
    bare, gone : list of str
        Pictures on which no prompt lies; those that were removed meanwhile.
    pictures : set of str
        Identities of those with a result.
    empty : list of str
        Steps that found nothing.
    """

    total: int
    done: int = 0
    answered: int = 0
    objects: int = 0
    failed: list[tuple[str, AssistantError]] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    pictures: set[str] = field(default_factory=set)
    empty: list[str] = field(default_factory=list)


def why_no_images(task: TaskState) -> str:
    """Return why not every image layer can be segmented at a press; empty where it can."""
    if task.task is Task.LIVE_POINTS:
        return NO_LIVE
    if task.task not in BATCH_TASKS:
        return NO_VIDEO
    return "" if task.images else NO_IMAGES


def begun(jobs: int, images: int, prompts: int) -> str:
    """Return what is said when a batch begins."""
    return f"Running {jobs} batch job(s): {images} image layer(s), {prompts} prompt(s)."


def step(tally: Tally, name: str) -> str:
    """Return which step is done now."""
    at = f"Batch: {min(tally.done + 1, tally.total)} of {tally.total}"
    return f"{at}, {name}" if name else f"{at}."


def told(tally: Tally, *, stopped: str = "", unseen: int = 0) -> str | AssistantError:
    """Return what came of a batch: an error where nothing was answered because something failed.

    Parameters
    ----------
    tally : Tally
    stopped : str
        Why it has ended before all was done; empty where all was.
    unseen : int
        How many results have no layers of their own.
    """
    parts = [stopped, _done(tally)] if stopped else [_done(tally)]
    if tally.gone:
        parts.append(f"Removed meanwhile, their answers were dropped: {_names(tally.gone)}.")
    if tally.bare:
        parts.append(f"No prompt lies on {_names(tally.bare)}.")
    if tally.empty and tally.objects:
        parts.append(f"Nothing found: {_names(tally.empty)}.")
    if unseen:
        parts.append(f"{unseen} more result(s) have no layer of their own: choose their image to see them.")
    done = " ".join(parts)
    if not tally.failed:
        return done
    name, error = tally.failed[0]
    others = [one for one, _ in tally.failed[1:]]
    more = f" Also failed: {_names(others)}; the log says why." if others else ""
    why = error.message if error.message.startswith(name) else f"{name}: {error.message}"
    if tally.answered:
        return f"{done} Failed: {why}{more}"
    return type(error)(f"{done} {why}{more}", hint=error.hint)


def _done(tally: Tally) -> str:
    count = f"{tally.objects:,} object{'' if tally.objects == 1 else 's'}"
    pictures = len(tally.pictures)
    where = f" on {pictures} image layer{'' if pictures == 1 else 's'}" if tally.objects else ""
    return f"{tally.answered} of {tally.total} batch job(s) done: {count}{where}."


def _names(found: list[str]) -> str:
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(found[:NAMED]) + more
