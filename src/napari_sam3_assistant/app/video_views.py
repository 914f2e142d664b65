"""What the task ``3D/Video`` shows, enables and writes, and why not: pure functions of the state."""

from __future__ import annotations

from napari_sam3_assistant.app import meta_hints
from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.app.task_state import PromptKind, TaskState
from napari_sam3_assistant.app.views import Action, VideoView, action
from napari_sam3_assistant.tasks.jobs import Task

GUIDANCE = (
    "3D/video: select the frame/slice, then use points, boxes or labels on the objects, or keep the masks "
    "that are there, before propagating."
)
HINT = "Select a frame, add points or boxes, then start propagation."
WORDS = "Type what you look for: it is found on every frame, and followed."
WORDS_HINT = "Enter a short concept, then press Start 3D: it is found\non every frame. Commas separate several."
NO_WORDS = (
    "The engine in use finds nothing by words from frame to frame. Find the objects on one frame with the task Text, "
    "which needs SAM3, then come back to 3D/Video and start; or use points, boxes or labels."
)
NO_FRAMES = "This image has one plane: there are no frames to go through. Choose a stack, or the task 2D."
START = "Start a new SAM3 video session from the current frame prompt and propagate through the stack."
GO_ON = (
    "Reuse the current SAM3 video session without adding a new prompt. Use after a successful 3D propagation run: "
    "it goes on from the frame on screen, with what was corrected there."
)
DIRECTION = "Which way objects are followed from the frame on screen."


def video_view(state: AppState, busy: bool) -> VideoView:
    """Return the controls of the task."""
    task, video = state.task, state.video
    on = task.task is Task.VIDEO
    elsewhere = "Choose the task 3D/video propagation first."
    if not on:
        why_not = elsewhere
    elif not video.frames:
        why_not = NO_FRAMES
    elif video.running or busy:
        why_not = "Wait until it is done, or press Cancel."
    else:
        why_not = ""
    session = why_not or ("" if video.session else "No active video session. Start 3D first.")
    return VideoView(
        on=on,
        running=video.running,
        direction=Action(on, DIRECTION if on else elsewhere),
        diagnostics=action(on and state.model.multiplex, meta_hints.DIAGNOSTICS, meta_hints.NO_DIAGNOSTICS),
        diagnosing=state.meta.diagnostics,
        start=Action(not why_not and startable(state), start_tip(state, why_not)),
        start_title="Start 3D Propagation" if task.advanced else "Start 3D",
        go_on=Action(not session, session or GO_ON),
        go_on_title="Propagate Existing Session" if task.advanced else "Propagate",
        words=_words(task),
        frames=frames_line(state).strip(),
    )


def _words(task: TaskState) -> Action:
    """Return whether words can be the prompt."""
    if task.task is not Task.VIDEO:
        return Action(True, "Type what you look for. Needs SAM3.")
    return Action(task.follows_words, WORDS if task.follows_words else NO_WORDS)


def hint(task: TaskState) -> str:
    """Return what to do next."""
    return WORDS_HINT if task.kind is PromptKind.TEXT else HINT


def startable(state: AppState) -> bool:
    """Return whether there is something on screen to follow."""
    return state.task.image is not None and (
        state.task.usable > 0 or len(state.results.objects) > 0 or state.video.said > 0
    )


def start_tip(state: AppState, why_not: str) -> str:
    """Return what ``Start 3D`` would do, or what is missing."""
    if why_not:
        return why_not
    return f"{START} (U)" if startable(state) else hint(state.task).replace("\n", " ")


def stacked(state: AppState) -> bool:
    """Return whether it is the stack that was followed through that is saved and summed up."""
    return state.task.task is Task.VIDEO and state.video.done > 0


def extent(state: AppState) -> str:
    """Return on how many frames, or planes of several stacks, there are masks."""
    return f"{state.video.done} {'planes' if state.video.volumes else 'frames'}"


def line(state: AppState) -> str:
    """Return what was followed, and whether it can go on."""
    video = state.video
    if not video.done:
        first = "No preview result yet."
    else:
        one = "" if video.objects == 1 else "s"
        where = extent(state) if video.volumes else f"{video.done} of {video.frames} frames"
        first = f"Latest labels: {video.objects} object{one} on {where}."
    return f"{first} Video session ready." if video.session else first


def frames_line(state: AppState) -> str:
    """Return which axis holds the frames, for the summary of the image; empty for other tasks."""
    if state.task.task is not Task.VIDEO:
        return ""
    video = state.video
    return f" Frames: {video.axis} ({video.frames})." if video.frames else " No frames: one plane."
