"""What is shown, enabled and written, and why not: pure functions of the state.

Every mode and widget draws this; none decides for itself. The long texts are in ``hints.py``.
"""

from __future__ import annotations

from napari_sam3_assistant.app import hints, model_hints
from napari_sam3_assistant.app.guide import create_tip, guide
from napari_sam3_assistant.app.model_state import ModelState
from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.app.state import AppState, EditAccepted, Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.app.views import (
    Action,
    Availability,
    ChannelsView,
    ModelView,
    ObjectsView,
    PromptView,
    ResultsView,
    RunView,
    TableView,
    WindowView,
)
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.tasks.jobs import Task

BUSY = (Phase.LOADING, Phase.RUNNING, Phase.CANCELLING)


def availability(state: AppState) -> Availability:
    """Return what ``state`` means for the controls."""
    active = state.task.active_image is not None
    return Availability(
        start=state.task.image is None,
        use_image=_action(active, "Segment the selected image.", "Open an image first."),
        engine=state.model.reason,
        summary=state.task.summary or "No image layer selected.",
        channels=_channels(state),
        model=_model(state.model),
        window=WindowView(state.task.large, state.task.local, hints.window_line(state.task)),
        prompt=_prompt(state),
        guide=guide(state),
        objects=_objects(state),
        run=_run(state),
        results=_results(state),
        table=_table(state),
    )


def _model(model: ModelState) -> ModelView:
    ready = model.known is not None and model.known.ready and not model.lacks
    gives_back = "Give SAM3's memory back; the next question loads it again."
    return ModelView(
        status=model_hints.status(model),
        status_tip=model_hints.status_tip(model),
        reason=model_hints.reason(model),
        reason_tip=model_hints.reason_tip(model),
        advice=model_hints.advice(model),
        offer=not ready,
        folder=Action(True, model.folder or "Select model folder"),
        get=Action(True, "What SAM3 needs, and how to get it: packages, licence, files."),
        unload=_action(model.loaded, gives_back, "SAM3 is not in memory."),
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
        limits=_action(not task.color, hints.limits(state), "A picture in colour is taken as it is."),
    )


def _prompt(state: AppState) -> PromptView:
    task = state.task
    there = task.prompt_layer and task.armed
    free = task.task is Task.IMAGE
    words = task.kind is PromptKind.TEXT
    something = bool(task.usable or task.in_use or task.left_out or len(state.results.objects))
    return PromptView(
        kinds=free,
        next_point=task.kind is PromptKind.POINTS,
        next_box=task.task is Task.EXEMPLAR,
        words=words,
        threshold=words or task.task is Task.EXEMPLAR,
        layer=(free and not words) or (task.task is Task.EXEMPLAR and not there) or bool(task.prompts_from),
        create=Action(True, create_tip(state)),
        reset=_action(something, hints.reset_tip(task), "There is no prompt to remove."),
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
    return ObjectsView(
        text=hints.object_line(state),
        previous=_action(more, "Select the previous object (Shift+W).", "There is no other object."),
        next=_action(more, "Select the next object (W).", "There is no other object."),
        begin=_action(
            begin and not begun, "The next click begins another object (N).", "The next click begins an object anyway."
        ),
        delete=_action(chosen, f"Take object {selected} and its prompts away (Q).", first),
        reading=_action(several, "Show another reading of the same prompts (G).", single),
        undo=_action(bool(results.undo), f"Undo: {results.undo} (Ctrl+Z).", "There is nothing to undo."),
        redo=_action(bool(results.redo), f"Redo: {results.redo} (Ctrl+Shift+Z).", "There is nothing to redo."),
    )


def _run(state: AppState) -> RunView:
    run, results = state.run, state.results
    busy = run.phase in BUSY
    saving = bool(state.output.step)
    stoppable = ((busy or run.background_works) and run.phase is not Phase.CANCELLING) or saving
    ready = state.task.usable > 0 or run.background_stopped
    shown = results.current is not None or len(results.objects) > 0
    return RunView(
        busy=busy or run.background_works or saving,
        progress=run.progress if busy else state.output.progress if saving else run.background_progress,
        background=" ".join(filter(None, (state.output.step, run.background))),
        status=" ".join(filter(None, (run.message, run.hint))),
        problem=run.phase is Phase.FAILED,
        run=Action(state.task.image is not None and ready and not busy, hints.run_tip(state, busy)),
        cancel=_action(stoppable, "Stop what runs; prompts and masks stay.", "Nothing runs."),
        clear_preview=_action(shown, "Remove the preview; prompts and saved masks stay.", "There is no preview."),
        clear_results=_action(bool(results.rows), "Empty the table; masks and prompts stay.", "There are no results."),
    )


def _results(state: AppState) -> ResultsView:
    results, output = state.results, state.output
    count = len(results.objects)
    new = sum(item.status != "accepted" for item in results.objects)
    what = "the object" if count == 1 else f"all {count} objects"
    accept, none = f"Copy {what} to the layer {hints.ACCEPTED}", "Make a mask first."
    saved = f"Show {output.saved.name} in its folder." if output.saved is not None else ""
    everywhere = hints.everywhere(results)
    files = len(results.previews) if output.everywhere else min(count, 1)
    preview = files > 0 and not output.saving
    waits = "Saving..." if output.saving else none
    masks = "the masks to a file" if files < 2 else f"the masks of {files} planes to a file each"
    return ResultsView(
        text=hints.results_lines(state),
        accept_clear=_action(count > 0, f"{accept}, and clear the prompts (K).", none),
        accept_only=_action(
            new > 0, f"{accept}; the prompts stay (Shift+K).", "All are accepted already." if count else none
        ),
        undo_accept=_action(
            results.accepted > 0, f"Take back what went into {hints.ACCEPTED} last.", "Nothing was accepted yet."
        ),
        edit=Action(results.edit is not EditAccepted.NONE, hints.EDIT[results.edit][1]),
        edit_text=hints.EDIT[results.edit][0],
        save=_action(
            (files > 0 or results.kept > 0) and not output.saving,
            f"Write {masks}." if files else "Write the accepted labels to a file.",
            waits,
        ),
        save_clean=_action(preview, f"Write {masks}, keep them as a layer named as it, and remove the preview.", waits),
        save_labels=_action(
            preview,
            f"Copy {what} to a new layer {hints.SAVED}; the preview stays."
            if files < 2
            else f"Copy the masks of {files} planes to a new layer {hints.SAVED} each; the preview stays.",
            waits,
        ),
        everywhere=everywhere,
        open_folder=_action(output.saved is not None, saved, "Nothing was saved yet."),
        unload=state.model.loaded or state.model.in_use == registry.SAM3.name,
        saved=str(output.saved or ""),
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
        copy=_action(count > 0, f"Copy {rows} to the clipboard, for a spreadsheet.", none),
        export=_action(count > 0, f"Write {rows} to a file, with sizes and places in pixels and world units.", none),
    )


def _action(enabled: bool, does: str, missing: str) -> Action:
    return Action(enabled, does if enabled else missing)
