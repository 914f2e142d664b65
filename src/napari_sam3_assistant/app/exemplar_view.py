"""What is shown and said of an exemplar in a picture of its own: pure functions of the state."""

from __future__ import annotations

from napari_sam3_assistant.app.task_state import CropRegion, ExemplarSource, TaskState
from napari_sam3_assistant.app.views import Action, ExemplarView
from napari_sam3_assistant.tasks.jobs import Task

SELECT = "Select a crop image layer to use as the exemplar source."
NO_OTHER = "Open a second image first: the crop image is another layer than the target."
WHOLE_HINT = (
    "Run Preview (U): all that look like the crop are found.\n"
    "The example lies in the middle of the crop.\n"
    "J: the next box, on the target, shows what is not\nwanted."
)
BOX_HINT = (
    "Draw a box round an example on the crop image,\n"
    "then press Run Preview (U): all like it are found.\n"
    "J: the next box, on the target, shows what is not\nwanted."
)
ELSE = "Or choose Use box from target image as Exemplar source."
FIRST_TASK = "Choose the task Exemplar segmentation first."
FIRST_SOURCE = "Choose Use separate crop image first."


def exemplar_view(task: TaskState) -> ExemplarView:
    """Return the controls of the exemplar's source."""
    exemplar = task.task is Task.EXEMPLAR
    crop = exemplar and task.exemplar_source is ExemplarSource.CROP
    why = FIRST_SOURCE if exemplar else FIRST_TASK
    choices = task.crop_choices
    image = "The layer that shows the example." if choices else NO_OTHER
    chosen = task.crop
    return ExemplarView(
        source=Action(exemplar, "Where the example is: in the target image, or in another one." if exemplar else why),
        image=Action(crop and bool(choices), image if crop else why),
        region=Action(crop, "What of the crop image is the example." if crop else why),
        choices=tuple((item.name, item.identity) for item in choices),
        chosen=None if chosen is None else chosen.identity,
    )


def hint(task: TaskState) -> str:
    """Return what to do next where the example is a crop."""
    if task.crop is None:
        return missing_image(task)
    if task.crop_region is CropRegion.WHOLE:
        return WHOLE_HINT
    return BOX_HINT if task.prompt_layer else f"Press Create Prompt Layer.\n{BOX_HINT}"


def missing_image(task: TaskState) -> str:
    """Return why there is no crop image, and what to do."""
    if not task.crop_choices:
        return f"{SELECT} {NO_OTHER}"
    if task.crop_image is not None and task.crop_image == task.image:
        name = next(item.name for item in task.images if item.identity == task.image)
        return f"Target image and exemplar crop image are both '{name}'. Choose another one as Exemplar crop image."
    return SELECT


def missing(task: TaskState) -> str:
    """Return what a run needs where the example is a crop."""
    return missing_image(task) if task.crop is None else "Draw a box round an example on the crop image first."
