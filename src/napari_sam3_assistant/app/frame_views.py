"""Which frames the task ``3D/Video`` goes through, and how well objects are followed: what is shown, and why not."""

from __future__ import annotations

from dataclasses import dataclass

from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.app.video_views import NO_FRAMES, frames_line
from napari_sam3_assistant.app.views import Action, action
from napari_sam3_assistant.tasks.jobs import Task

ELSEWHERE = "Choose the task 3D/video propagation first."
WAITS = "Wait until it is done, or press Cancel."
RANGE = "Objects are followed from the first of these frames to the last, and no further."
EVERY = "Go through all frames."
FOLLOW = "The slider goes to each frame as it is done. Off: it stays where you put it."
ALONG = "Which axis counts the frames. Otherwise it is the one whose slider was moved last."
ONE_AXIS = "This image has one axis of frames: there is nothing to choose."
NEXT = "Go to the next frame on which an object is doubtful, and select it (J). Correct it there, or confirm it."
PREVIOUS = "Go to the doubtful frame before this one, and select the object (Shift+J)."
NO_DOUBT = "No frame is doubtful: there is nothing to look after."


@dataclass(frozen=True, slots=True)
class FramesView:
    """Which frames are gone through.

    Attributes
    ----------
    line : str
        Which frames of which axis, in words; empty for other tasks.
    axes : tuple of str
        What may be gone through, by name; fewer than two where there is nothing to choose.
    along : Action
        ``Frames along``; ``through`` is the one in use.
    span : Action
        ``Frames`` from ``first`` to ``last``, both included; the last one that there is, is ``final``.
    every : Action
        ``All``.
    follow : Action
        ``Follow frames``.
    """

    line: str
    axes: tuple[str, ...]
    along: Action
    through: str
    span: Action
    first: int
    last: int
    final: int
    every: Action
    follow: Action


@dataclass(frozen=True, slots=True)
class GlanceView:
    """How well objects are followed: whether the strip is shown, how many frames are doubtful, the way to them."""

    shown: bool
    text: str
    previous: Action
    next: Action


def frames_view(state: AppState) -> FramesView:
    """Return the controls of the frames."""
    task, video = state.task, state.video
    on, final = task.task is Task.VIDEO, max(video.frames - 1, 0)
    held = ELSEWHERE if not on else NO_FRAMES if not final else WAITS if video.running else ""
    choice = held or ("" if len(video.axes) > 1 else ONE_AXIS)
    return FramesView(
        line=_line(state),
        axes=video.axes,
        along=action(not choice, ALONG, choice),
        through=task.through if task.through in video.axes else video.axis,
        span=action(not held, RANGE, held),
        first=min(task.first_frame, final),
        last=_last(state),
        final=final,
        every=action(not held and ranged(state), EVERY, held or "All frames are gone through."),
        follow=action(on, FOLLOW, ELSEWHERE),
    )


def glance_view(state: AppState) -> GlanceView:
    """Return what is shown of how well objects are followed."""
    count = state.video.doubtful
    none = "No doubtful frame yet." if state.video.running else "No doubtful frame."
    return GlanceView(
        shown=state.task.task is Task.VIDEO and state.video.objects > 0,
        text=f"{count} doubtful frame{'' if count == 1 else 's'}." if count else none,
        previous=action(count > 0, PREVIOUS, NO_DOUBT),
        next=action(count > 0, NEXT, NO_DOUBT),
    )


def ranged(state: AppState) -> bool:
    """Return whether only some of the frames are wanted."""
    return state.task.first_frame > 0 or _last(state) < state.video.frames - 1


def _last(state: AppState) -> int:
    """Return the last frame that is wanted."""
    final, wanted = max(state.video.frames - 1, 0), state.task.last_frame
    return final if wanted is None else min(wanted, final)


def _line(state: AppState) -> str:
    video = state.video
    if state.task.task is not Task.VIDEO or not video.frames or not ranged(state):
        return frames_line(state).strip()
    first = min(state.task.first_frame, video.frames - 1)
    return f"Frames {first}-{_last(state)} of {video.frames} ({video.axis})."
