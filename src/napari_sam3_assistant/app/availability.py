"""What is shown, enabled and written, and why not: a pure function of the state.

Every mode and widget draws this; none decides for itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from napari_sam3_assistant.app.state import AppState, Phase
from napari_sam3_assistant.tasks.jobs import Task

LIVE_HINT = (
    "Click one point to start the mask.\n"
    "Positive: keep the object. Negative: remove wrong areas.\n"
    "T: next point's mode. Shift+T: flip the last point."
)
CORRECT_HINT = (
    "Click where the mask is wrong.\n"
    "Positive: add this part. Negative: remove it.\n"
    "T: next point's mode. Shift+T: flip the last point."
)
POINTS_HINT = "Click points on one object, then press Run Preview."


@dataclass(frozen=True, slots=True)
class Availability:
    """What a widget draws.

    Attributes
    ----------
    start : bool
        Whether the three buttons of an empty widget take the place of the controls.
    use_image : bool
        Whether ``Use this image`` can be pressed.
    live : bool
        Whether each click runs; else ``Run Preview`` does.
    run, clear_preview, clear_results, reset, save, open_folder : bool
        Whether that button can be pressed.
    cancel : bool
        Whether something can be cancelled.
    busy : bool
        Whether the progress bar moves.
    status, summary, prompt_hint, results, engine, save_hint, run_hint : str
        Lines to write.
    problem : bool
        Whether the status is a problem.
    """

    start: bool
    use_image: bool
    live: bool
    run: bool
    run_hint: str
    cancel: bool
    busy: bool
    clear_preview: bool
    clear_results: bool
    reset: bool
    save: bool
    save_hint: str
    open_folder: bool
    status: str
    problem: bool
    summary: str
    prompt_hint: str
    results: str
    engine: str


def availability(state: AppState) -> Availability:
    """Return what ``state`` means for the controls."""
    task, run, results, output = state.task, state.run, state.results, state.output
    busy = run.phase in (Phase.LOADING, Phase.RUNNING, Phase.CANCELLING)
    live = task.task is Task.LIVE_POINTS
    chosen = task.image is not None
    masked = results.current is not None and results.current.segmentation.mask.area > 0
    return Availability(
        start=not chosen,
        use_image=task.active_image is not None,
        live=live,
        run=chosen and bool(task.points) and not busy,
        run_hint=_run_hint(state, busy),
        cancel=busy and run.phase is not Phase.CANCELLING,
        busy=busy,
        clear_preview=results.current is not None,
        clear_results=bool(results.rows),
        reset=bool(task.points),
        save=masked and not output.saving,
        save_hint="Write the mask to a file." if masked else "Make a mask first: click on an object.",
        open_folder=output.saved is not None,
        status=" ".join(filter(None, (run.message, run.hint))),
        problem=run.phase is Phase.FAILED,
        summary=task.summary or "No image layer selected.",
        prompt_hint=_prompt_hint(state, live),
        results=_results(state),
        engine=state.model.reason,
    )


def _run_hint(state: AppState, busy: bool) -> str:
    if busy:
        return "Wait for the answer, or press Cancel."
    if not state.task.points:
        return "Click a point on the image first."
    return "Segment the object under the points."


def _prompt_hint(state: AppState, live: bool) -> str:
    task = state.task
    if task.points is None:
        lines = "The points layer was removed. Press Live Points to go on." if live else "Press Create Prompt Layer."
    elif not task.points_active:
        lines = "Select the layer SAM3 points to add points." + ("" if live else "\n" + POINTS_HINT)
    else:
        live_hint = LIVE_HINT if state.results.current is None else CORRECT_HINT
        lines = live_hint if live else POINTS_HINT
    return f"{lines}\n{task.left_out}" if task.left_out else lines


def _results(state: AppState) -> str:
    results, saved = state.results, state.output.saved
    if saved is not None:
        return f"Saved: {saved.name}"
    if results.current is None:
        return "No preview result yet."
    found = results.current
    if not found.segmentation.mask.area:
        return "No object found here."
    return (
        f"Latest labels: 1 object, {found.segmentation.mask.area:,} px, score {found.segmentation.score:.2f} "
        f"({found.engine})."
    )
