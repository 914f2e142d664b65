"""What the mode ``Advanced`` shows of the prompts, whether it is of use or not: a pure function of the state."""

from __future__ import annotations

from napari_sam3_assistant.app import hints
from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.app.views import Action, GuideView, action
from napari_sam3_assistant.tasks.jobs import Task

CHOOSE_2D = "Choose the task 2D segmentation first: this task has its own prompt type."
CHOOSE_POINTS = "Choose the task Live Points, or 2D segmentation with the prompt type Points, first."
CHOOSE_EXEMPLAR = "Choose the task Exemplar segmentation first: counter-examples are of use there."
CHOOSE_TEXT = "Choose the task Text segmentation, or 2D segmentation with the prompt type Text only, first."
THRESHOLD = "Objects with a lower score are left out. What was found stays known: nothing is run again."
CHOOSE_FINDING = "Choose the task Text segmentation or Exemplar segmentation first: what is found has scores."
NOT_YET = "Type here, and choose the prompt type Text only to look for it."
WHAT = "What to look for, such as: nucleus. Separate several phrases by commas; Enter runs."
APPLY = "Give the selected points the next point's mode, and run Live Points again."
NO_POINTS = "No points layer is in use: press Create Prompt Layer, or choose one under Prompt Layers."
CLEAR = "Empty the text field, and remove the prompts of this type and the masks they made. Your own layers stay."
REFRESH = "List the layers of the viewer anew."


def guide(state: AppState) -> GuideView:
    """Return what ``state`` means for the rows of Step 3."""
    task = state.task
    free, points = task.task in (Task.IMAGE, Task.VIDEO), task.kind is PromptKind.POINTS
    words = task.kind is PromptKind.TEXT
    something = bool(
        task.usable or task.in_use or task.left_out or task.text or task.phrase_lines or len(state.results.objects)
    )
    apply = points and task.points_from.current is not None
    return GuideView(
        kind=action(free, "What shows the objects.", CHOOSE_2D),
        next_point=action(points, "What the next point means (T changes it).", CHOOSE_POINTS),
        next_box=action(task.task is Task.EXEMPLAR, "What the next box shows (J changes it).", CHOOSE_EXEMPLAR),
        words=action(words or free, WHAT if words else NOT_YET, CHOOSE_TEXT),
        threshold=action(task.scored, THRESHOLD, CHOOSE_FINDING),
        apply=action(apply, APPLY, NO_POINTS if points else CHOOSE_POINTS),
        clear=action(something, CLEAR, "There is neither text nor a prompt to clear."),
        refresh=Action(True, REFRESH),
        points=task.points_from,
        shapes=task.shapes_from,
        labels=task.labels_from,
    )


def create_tip(state: AppState) -> str:
    """Return what ``Create Prompt Layer`` would do."""
    if state.task.kind is PromptKind.TEXT:
        return "Begin to type what you look for: words need no layer."
    layer = hints.LAYERS[state.task.kind]
    return f"Make or select the layer {layer}: the next click in the canvas is a prompt."
