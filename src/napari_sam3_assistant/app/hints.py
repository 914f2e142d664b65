"""The lines that say what to do next, what is so, and why not: pure functions of the state."""

from __future__ import annotations

from napari_sam3_assistant.app import batch_words, exemplar_view, video_views
from napari_sam3_assistant.app.state import AppState, EditAccepted, Phase, ResultState
from napari_sam3_assistant.app.task_state import PromptKind, TaskState
from napari_sam3_assistant.core.intensity import Limits
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.jobs import Task

ACCEPTED = names.ACCEPTED
SAVED = names.SAVED
LAYERS = {PromptKind.POINTS: names.POINTS, PromptKind.BOX: names.BOXES, PromptKind.LABELS: names.MASK_PROMPT}
"""The layer of each kind of prompt."""

# At most 48 letters a line: a dock of the usual width does not break them, beside a scroll bar neither.
LIVE = (
    "Click one point to start: a mask appears.\n"
    "Positive: keep. Negative: remove wrong areas.\n"
    "T: next point's mode. Alt+click: the other."
)
CORRECT = (
    "Click where the mask is wrong; a few points do.\n"
    "Positive: add this part. Negative: remove it.\n"
    "T: next mode. N: new object. K: Accept + Clear."
)
POINTS = (
    "Click points on an object, then Run Preview (U).\n"
    "Negative (T, Alt+click): remove wrong areas.\n"
    "N: the next click begins another object."
)
BOX = "Draw a box round each object, then press\nRun Preview (U). A mask stays inside its box."
LABELS = "Paint non-zero labels over the objects, roughly,\nthen press Run Preview (U): one object a label."
EXEMPLAR = (
    "Draw a box round an example object, then press\n"
    "Run Preview (U): all that look like it are found.\n"
    "J: the next box shows what is not wanted."
)
EXEMPLAR_AGAIN = "J: the next box shows what is not wanted.\nRun Preview (U) searches again."
REFINE = "To correct one, press Live Points and click on it."
TEXT = "Enter a short concept and press Enter.\nCommas separate several; each is its own class."
NO_WORDS = "The engine in use reads no words: SAM3 does.\nPress Get SAM3, or show an example (Exemplar)."
NO_WORDS_MULTIPLEX = "SAM3.1 reads no words. Choose SAM3.0 (Advanced),\nor show an example (Exemplar)."
MISSING = {
    Task.LIVE_POINTS: "The layer SAM3 points was removed. Press Live Points to go on.",
    Task.IMAGE: "Press Create Prompt Layer to begin.",
    Task.EXEMPLAR: "Press Create Prompt Layer, then draw a box round an example.",
    Task.VIDEO: "Press Create Prompt Layer to begin.",
}
NONE_CHOSEN = "No layer of prompts is in use. Choose one under\nPrompt Layers, or press Create Prompt Layer."
FIRST = {
    PromptKind.POINTS: "Click a point on the image first.",
    PromptKind.BOX: "Draw a box round an object first.",
    PromptKind.LABELS: "Paint over an object first.",
    PromptKind.TEXT: "Enter a short noun first, such as: nucleus.",
}
DOES = {
    PromptKind.POINTS: "Segment the object under the points.",
    PromptKind.BOX: "Segment the object in each box.",
    PromptKind.LABELS: "Segment the object under each label.",
    PromptKind.TEXT: "Find all that the words name.",
}
RESET = {
    PromptKind.POINTS: "Remove every point of this image, on every slice, and the masks they made; the layer stays.",
    PromptKind.BOX: "Remove every box of this image, on every slice, and the masks they made; the layer stays.",
    PromptKind.LABELS: "Remove all that was painted for this image in our layers, and its masks; the layers stay.",
    PromptKind.TEXT: "Empty the text field, and remove the masks that the words made.",
}
EDIT = {
    EditAccepted.NONE: ("", "Accept an object of a plane of more than 4,096 pixels a side first."),
    EditAccepted.BEGIN: ("Edit Accepted", "Paint, erase and fill the accepted objects that are in view."),
    EditAccepted.MOVE: ("Edit Here", "Edit the accepted objects that are in view now; what was painted is kept."),
    EditAccepted.END: ("Done Editing", f"Close the layer {names.IN_VIEW}; what was painted is kept."),
}
"""What is written on the button that edits accepted objects, and what it does."""


def prompt_hint(state: AppState) -> str:
    """Return what to do next."""
    task = state.task
    if task.task is Task.VIDEO:
        hint = video_views.hint(task)
        return hint if task.prompt_layer else f"{hint}\n{MISSING[task.task]}"
    if task.kind is PromptKind.TEXT:
        how = TEXT if state.model.reads else NO_WORDS_MULTIPLEX if state.model.multiplex else NO_WORDS
        return f"{how}\n{REFINE}" if len(state.results.objects) else how
    if task.uses_crop:
        return exemplar_view.hint(task)
    if not task.prompt_layer:
        return NONE_CHOSEN if task.advanced else MISSING[task.task]
    if not task.armed and task.prompts_from:
        return f"Select the layer {task.prompts_from} to go on."
    if not task.armed:
        again = "Live Points" if task.task is Task.LIVE_POINTS and not task.advanced else "Create Prompt Layer"
        return f"Select the layer {LAYERS[task.kind]}, or press {again}, to go on."
    if task.task is Task.LIVE_POINTS:
        return CORRECT if len(state.results.objects) else LIVE
    if task.task is Task.EXEMPLAR:
        if not task.usable or not len(state.results.objects):
            return EXEMPLAR
        hint = EXEMPLAR_AGAIN
    else:
        hint = {PromptKind.POINTS: POINTS, PromptKind.BOX: BOX, PromptKind.LABELS: LABELS}[task.prompt]
    refine = task.kind is not PromptKind.POINTS and len(state.results.objects) > 0
    return f"{hint}\n{REFINE}" if refine else hint


def reset_tip(task: TaskState) -> str:
    """Return what ``Reset Prompt`` would do: it takes nothing out of a layer of the user's."""
    kept = f"Remove the masks that the prompts made; your layer {task.prompts_from} stays as it is."
    return kept if task.prompts_from else RESET[task.kind]


def uses(task: TaskState) -> str:
    """Return which prompts a run would use and which not; and from which layer, where that is not ours."""
    source = f"From your layer {task.prompts_from}." if task.prompts_from else ""
    used = f"In use: {task.in_use}." if task.in_use else "No prompt in use on this plane." if task.left_out else ""
    batch = f"Batch: on every image layer ({len(task.images)})." if task.batches else ""
    return " ".join(filter(None, (source, used, task.left_out, batch)))


def window_line(task: TaskState) -> str:
    """Return which part of a large plane was looked at last, or will be."""
    if task.window is None or task.whole_plane:
        first = "the middle of the view" if task.kind is PromptKind.TEXT else "the newest prompt"
        return "All of the plane is looked at." if task.whole_plane else f"The window follows {first}."
    name, window = "ROI" if task.local else "Window", task.window
    return f"{name} y={window.top}:{window.bottom}, x={window.left}:{window.right}"


def object_line(state: AppState) -> str:
    """Return which object is selected, of how many, and which reading of its prompts is shown."""
    results, points = state.results, state.task.kind is PromptKind.POINTS
    count = len(results.objects)
    if results.selected is None:
        if points:
            where = " anywhere" if state.task.begun else ""
            return f"Next click{where}: a new object" + (f" ({count} so far)" if count else "")
        return f"{count_of(count)}, none selected" if count else "No objects yet"
    ids = [item.id for item in results.objects]
    if results.selected not in ids:
        return f"Object {results.selected}: no mask yet"
    place = ids.index(results.selected) + 1
    line = f"Object {results.selected} of {count}" if place == results.selected else _numbered(results, place)
    shown, readings = results.reading
    return f"{line}, reading {shown + 1} of {readings}" if readings > 1 else line


def run_tip(state: AppState, busy: bool) -> str:
    """Return what ``Run Preview`` would do, or what is missing."""
    task = state.task
    if busy:
        return "Wait for the answer, or press Cancel."
    if state.run.batch:
        return batch_words.WAITS
    if task.batches:
        return f"{DOES[task.kind]} On every image layer (U)."
    if state.run.background_stopped:
        return "Let SAM3 read this view; until then the built-in engine answers (U)."
    if task.kind is PromptKind.TEXT and not state.model.reads:
        return NO_WORDS.replace("\n", " ")
    if task.usable:
        return "Find all that look like the examples (U)." if task.task is Task.EXEMPLAR else f"{DOES[task.kind]} (U)"
    if task.uses_crop:
        return exemplar_view.missing(task)
    if task.task is Task.EXEMPLAR:
        return "Draw a box round an example first; counter-examples alone find nothing."
    return FIRST[task.kind]


def results_lines(state: AppState) -> str:
    """Return what came of the runs: saved or found, accepted of this image; and what the selected object is like."""
    saved = state.output.saved
    return _lines(state.results, f"Saved: {saved.name}" if saved is not None else _newest(state))


def found_lines(state: AppState) -> str:
    """Return the same without what was saved."""
    return _lines(state.results, _newest(state))


def activity(state: AppState) -> str:
    """Return what goes on, in the words of the mode ``Advanced``."""
    run, live = state.run, state.task.task is Task.LIVE_POINTS
    if run.phase is Phase.FAILED:
        said = " ".join(filter(None, ("failed.", run.message, run.hint)))
    elif run.phase is Phase.LOADING:
        said = "Loading model..."
    elif run.phase is Phase.RUNNING:
        said = f"{'Live Points' if live else 'SAM3 preview'} running... {run.message}".rstrip()
    else:
        said = "idle" if run.message == "Ready" else run.message
    return f"Activity: {said}"


def _newest(state: AppState) -> str:
    return video_views.line(state) if state.task.task is Task.VIDEO else _latest(state.results)


def _lines(results: ResultState, first: str) -> str:
    if results.kept:
        first = f"{first.rstrip('.')}. Accepted: {count_of(results.kept)}."
    return "\n".join(filter(None, (first, _selected(results))))


def everywhere(results: ResultState) -> str:
    """Return what the choice is called that saves all previews; empty where there are none but that on screen."""
    places = results.previews
    if len(places) <= (len(results.objects) > 0):
        return ""
    pictures = len({image for image, _ in places})
    what = "slices" if pictures == 1 else "pictures" if pictures == len(places) else "previews"
    return f"All {what} ({len(places)})"


def count_of(number: int) -> str:
    """Return "1 object", "2 objects"."""
    return f"{number} object{'' if number == 1 else 's'}"


def _numbered(results: ResultState, place: int) -> str:
    return f"Object {results.selected} ({place} of {len(results.objects)})"


def _latest(results: ResultState) -> str:
    found, count = results.current, len(results.objects)
    if results.selected is not None and found is not None and not found.segmentation.mask.area:
        return "No object found here."
    return f"Latest labels: {count_of(count)}." if count else "No preview result yet."


def _selected(results: ResultState) -> str:
    if results.selected is None or results.selected not in results.objects:
        return ""
    one, found = results.objects[results.selected], results.current
    line = f"Object {one.id}: {one.mask.area:,} px, score {one.score:.2f}"
    return f"{line} ({registry.title_of(found.engine)})." if found is not None else f"{line}."


def limits(state: AppState) -> str:
    """Return what ``Use contrast limits`` does now, and which limits are in use."""
    task, current = state.task, state.results.current
    if task.limits is None:
        known = "" if current is None else f" ({seen(current.limits)})"
        return f"Show the engine what the layer's contrast limits show; now limits are those of the whole image{known}."
    if task.limits_old:
        return f"The engine still sees {task.limits}; press to take the limits that the layer has now."
    return f"The engine sees {task.limits}; press to have limits estimated again."


def seen(limits: Limits) -> str:
    """Return limits of intensity as one says them, of each colour where they differ."""
    pairs = zip(limits.low, limits.high, strict=True)
    said = dict.fromkeys(f"{low:,.6g} as black and {high:,.6g} as white" for low, high in pairs)
    return "; ".join(said)
