"""What is shown, enabled and written, and why not: pure functions of the state.

Every mode and widget draws this; none decides for itself. The long texts are in ``hints.py``.
"""

from __future__ import annotations

from napari_sam3_assistant.app import batch_words, hints, model_hints, video_views
from napari_sam3_assistant.app.exemplar_view import exemplar_view
from napari_sam3_assistant.app.frame_views import frames_view, glance_view
from napari_sam3_assistant.app.guide import create_tip, guide
from napari_sam3_assistant.app.journal_state import journal_view
from napari_sam3_assistant.app.model_availability import model_step, model_view
from napari_sam3_assistant.app.model_state import WITH_WEIGHTS
from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.app.state import AppState, EditAccepted, Phase
from napari_sam3_assistant.app.task_state import PromptKind, TaskState
from napari_sam3_assistant.app.video_offers import resume_view
from napari_sam3_assistant.app.views import (
    Action,
    Availability,
    BatchView,
    ChannelsView,
    ObjectsView,
    PromptView,
    ResultsView,
    RunView,
    TableView,
    WindowView,
    action,
)
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.jobs import Task

BUSY = (Phase.LOADING, Phase.RUNNING, Phase.CANCELLING)


def availability(state: AppState) -> Availability:
    """Return what ``state`` means for the controls."""
    active = state.task.active_image is not None
    return Availability(
        start=state.task.image is None,
        use_image=action(active, "Segment the selected image.", "Open an image first."),
        engine=model_hints.reason(state.model, held_back=state.held_back),
        summary=state.task.summary or "No image layer selected.",
        channels=_channels(state),
        model=model_view(state),
        model_step=model_step(state),
        window=_window(state.task),
        prompt=_prompt(state),
        guide=guide(state),
        objects=_objects(state),
        run=_run(state),
        results=_results(state),
        table=_table(state),
        exemplar=exemplar_view(state.task),
        batch=_batch(state.task),
        video=video_views.video_view(state, state.run.phase in BUSY),
        frames=frames_view(state),
        glance=glance_view(state),
        journal=journal_view(state.journal),
        resume=resume_view(state.video),
    )


def _window(task: TaskState) -> WindowView:
    return WindowView(
        task.large or task.local or task.advanced, task.large or task.local, task.local, hints.window_line(task)
    )


def _batch(task: TaskState) -> BatchView:
    why_not = batch_words.why_no_images(task)
    return BatchView(
        images=action(not why_not, batch_words.ALL_IMAGES, why_not),
        lines=action(task.task is Task.TEXT, batch_words.LINES, batch_words.NO_LINES),
    )


def _channels(state: AppState) -> ChannelsView:
    task = state.task
    axis = task.channel_axis >= 0 or (task.deep and not task.color and not task.channels)
    return ChannelsView(
        row=len(task.channels) > 1 or axis,
        axis=axis,
        names=task.channels,
        mix=task.mix,
        taken=task.limits is not None,
        old=task.limits_old,
        limits=action(not task.color, hints.limits(state), "A picture in colour is taken as it is."),
    )


def _prompt(state: AppState) -> PromptView:
    task = state.task
    there = task.prompt_layer and task.armed
    free = task.task in (Task.IMAGE, Task.VIDEO)
    words = task.kind is PromptKind.TEXT
    something = bool(task.usable or task.in_use or task.left_out or len(state.results.objects))
    return PromptView(
        kinds=free,
        next_point=task.kind is PromptKind.POINTS,
        next_box=task.task is Task.EXEMPLAR,
        words=words,
        threshold=task.scored,
        layer=(free and not words) or (task.task is Task.EXEMPLAR and not there) or bool(task.prompts_from),
        create=Action(True, create_tip(state)),
        reset=action(something, hints.reset_tip(task), "There is no prompt to remove."),
        hint=hints.prompt_hint(state),
        uses=hints.uses(task),
    )


def _objects(state: AppState) -> ObjectsView:
    results = state.results
    count, selected = len(results.objects), results.selected
    chosen = selected is not None
    more = count > (selected in results.objects)
    begin = bool(count) or chosen or (state.task.kind is PromptKind.POINTS and state.task.usable > 0)
    begun = not chosen and state.task.begun
    several = chosen and results.reading[1] > 1
    first = "Select an object first: click on it, or press W."
    single = "There is only one reading of these prompts." if chosen else first
    free = not state.output.saving
    waits = "" if free else "Wait until the masks are saved."
    return ObjectsView(
        text=hints.object_line(state),
        previous=action(more, "Select the previous object (Shift+W).", "There is no other object."),
        next=action(more, "Select the next object (W).", "There is no other object."),
        begin=action(
            begin and not begun, "The next click begins another object (N).", "The next click begins an object anyway."
        ),
        delete=action(chosen, f"Take object {selected} and its prompts away (Q).", first),
        reading=action(several, "Show another reading of the same prompts (G).", single),
        undo=action(
            bool(results.undo) and free, f"Undo: {results.undo} (Ctrl+Z).", waits or "There is nothing to undo."
        ),
        redo=action(
            bool(results.redo) and free, f"Redo: {results.redo} (Ctrl+Shift+Z).", waits or "There is nothing to redo."
        ),
    )


def _run(state: AppState) -> RunView:
    run, results = state.run, state.results
    busy = run.phase in BUSY
    saving = bool(state.output.step)
    words = state.task.kind is PromptKind.TEXT
    batch, video = bool(run.batch), video_views.video_view(state, busy)
    steps = batch or saving or video.running
    stoppable = (busy or run.background_works) and run.phase is not Phase.CANCELLING
    stoppable = stoppable or batch or video.running or (saving and state.output.several)
    ready = state.task.usable > 0 or run.background_stopped or (state.task.batches and not words)
    shown = results.current is not None or len(results.objects) > 0 or results.batched or state.video.done > 0
    asked = Action(state.task.image is not None and ready and not busy and not batch, hints.run_tip(state, busy))
    return RunView(
        busy=busy or run.background_works or steps,
        progress=state.video.progress if video.running else _progress(state, busy),
        background=" ".join(filter(None, (state.video.step, state.output.step, run.batch, run.background))),
        status=" ".join(filter(None, (run.message, run.hint))),
        problem=run.phase is Phase.FAILED,
        run=video.start if video.on else asked,
        cancel=action(stoppable, "Stop what runs; prompts and masks stay.", "Nothing runs."),
        clear_preview=action(shown, "Remove the preview; prompts and saved masks stay.", "There is no preview."),
        clear_results=action(bool(results.rows), "Empty the table; masks and prompts stay.", "There are no results."),
        title=video.start_title if video.on else "Run Preview",
        go_on=video.go_on,
        go_on_title=video.go_on_title,
        video=video.on,
        activity=hints.activity(state),
    )


def _progress(state: AppState, busy: bool) -> float | None:
    """Return how far the foremost of what goes on is."""
    run = state.run
    if busy:
        return run.progress
    if state.output.step:
        return state.output.progress
    return run.batch_progress if run.batch else run.background_progress


def _results(state: AppState) -> ResultsView:
    results, output = state.results, state.output
    count = len(results.objects)
    new = sum(item.status != "accepted" for item in results.objects)
    what = "the object" if count == 1 else f"all {count} objects"
    stack = video_views.stacked(state)
    layer = f"the new layer {names.ACCEPTED_PROPAGATED}" if stack else f"the layer {hints.ACCEPTED}"
    what = f"the masks of {video_views.extent(state)}" if stack else what
    accept, none = f"Copy {what} to {layer}", "Make a mask first."
    saved = f"Show {output.saved.name} in its folder." if output.saved is not None else ""
    everywhere = "" if stack else hints.everywhere(results)
    here = min(count, 1) + (results.more_here if count else 0)
    files = len(results.previews) + results.more_files if output.everywhere else here
    files = 1 if stack else files
    preview = files > 0 and not output.saving
    waits = "Saving..." if output.saving else none
    coming = stack and state.video.running
    ends = "Objects are still being followed: wait until they are, or press Cancel."
    several = f"{files} results" if results.more_files else f"{files} planes"
    masks = "the masks to a file" if files < 2 else f"the masks of {several} to a file each"
    masks = f"the masks of {video_views.extent(state)} to one file" if stack else masks
    cleaned = (
        "and name the preview as it: the layer is yours then, and Propagate does not go on."
        if stack
        else "keep them as a layer named as it, and remove the preview."
    )
    copied = f"Copy {what} to a new layer {hints.SAVED}; the preview stays."
    copied = f"Copy the masks of all frames to a new layer {names.SAVED_PROPAGATED}." if stack else copied
    return ResultsView(
        text=hints.results_lines(state),
        accept_clear=action(
            (count > 0 or stack) and not coming,
            f"{accept}, and clear the {'preview' if stack else 'prompts'} (K).",
            ends if coming else none,
        ),
        accept_only=action(
            (new > 0 or stack) and not coming,
            f"{accept}; the prompts stay (Shift+K).",
            ends if coming else "All are accepted already." if count else none,
        ),
        undo_accept=action(
            results.accepted > 0, f"Take back what went into {hints.ACCEPTED} last.", "Nothing was accepted yet."
        ),
        edit=Action(results.edit is not EditAccepted.NONE, hints.EDIT[results.edit][1]),
        edit_text=hints.EDIT[results.edit][0],
        save=action(
            (files > 0 or results.kept > 0) and not output.saving,
            f"Write {masks}." if files else "Write the accepted labels to a file.",
            waits,
        ),
        save_clean=action(preview and not coming, f"Write {masks}, {cleaned}", ends if coming else waits),
        save_labels=action(
            preview,
            copied
            if files < 2
            else f"Copy the masks of {several} to a new layer {hints.SAVED} each; the preview stays.",
            waits,
        ),
        everywhere=everywhere,
        while_running=state.task.task is Task.VIDEO,
        open_folder=action(output.saved is not None, saved, "Nothing was saved yet."),
        unload=state.model.loaded or state.model.in_use in WITH_WEIGHTS,
        saved=str(output.saved or ""),
        found=hints.found_lines(state),
        name=f"{output.next_name} (+{files - 1})" if output.next_name and files > 1 else output.next_name,
    )


def _table(state: AppState) -> TableView:
    results = state.results
    count, none = len(results.rows), "There are no results."
    rows = "the row" if count == 1 else f"all {count:,} rows"
    return TableView(
        title=f"Table ({count:,})" if count else "Table",
        shown=Section.RESULTS in state.panel.opened if state.task.advanced else results.table,
        rows=results.rows,
        row=results.row,
        empty="No objects yet." if not len(results.objects) else "Cleared. An object comes back when it changes.",
        all_planes=results.all_planes,
        copy=action(count > 0, f"Copy {rows} to the clipboard, for a spreadsheet.", none),
        export=action(count > 0, f"Write {rows} to a file, with sizes and places in pixels and world units.", none),
    )
