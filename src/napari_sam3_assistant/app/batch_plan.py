"""What a batch is about: each picture with what is asked of it, taken from the layers when the button is pressed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app.drafts import Talk
from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.app.using import Using, in_use
from napari_sam3_assistant.core.errors import AssistantError, Unsupported
from napari_sam3_assistant.core.prompts import Query
from napari_sam3_assistant.layers import images
from napari_sam3_assistant.tasks.batch import Picture, Question
from napari_sam3_assistant.tasks.jobs import Task

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a batch is about.

    Attributes
    ----------
    kind : str
        Of the objects that it makes, as a talk about them says.
    pictures : tuple of Picture
        Those of which something is asked.
    prompts : int
        How many prompts there are: phrases, or the most objects that are shown on a picture.
    refused : tuple of (str, AssistantError)
        Pictures that cannot be segmented, by name, and why.
    bare : tuple of str
        Pictures on which no prompt lies.
    """

    kind: str
    pictures: tuple[Picture, ...]
    prompts: int
    refused: tuple[tuple[str, AssistantError], ...]
    bare: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many steps it has."""
        return sum(len(picture.questions) for picture in self.pictures)


def plan(controller: AppController) -> Plan:
    """Return what a batch is about now: every image layer, or the one in use.

    Raises
    ------
    AssistantError
        If the prompts cannot be taken.
    """
    task = controller.state.task
    if task.kind is PromptKind.TEXT and not controller.state.model.reads:
        raise Unsupported("The engine in use reads no words.", hint="Press Get SAM3, or show an example (Exemplar).")
    layers = images.image_layers(controller.viewer)
    if not task.batches:
        layers = [layer for layer in layers if str(layer.unique_id) == task.image]
    pictures: list[Picture] = []
    refused: list[tuple[str, AssistantError]] = []
    bare: list[str] = []
    for layer in layers:
        try:
            here = controller.seen(layer)
            asked = _questions(controller, here, in_use(controller, here))
        except AssistantError as error:
            refused.append((str(layer.name), error))
            continue
        if asked:
            pictures.append(Picture(str(layer.name), here.source, here.plane, asked, _in_view(here, layer)))
        else:
            bare.append(str(layer.name))
    most = max((len(picture.questions) for picture in pictures), default=0)
    kind = "exemplar" if task.task is Task.EXEMPLAR else task.kind.value
    return Plan(kind, tuple(pictures), most, tuple(refused), tuple(bare))


def _questions(controller: AppController, here: OnScreen, found: Using) -> tuple[Question, ...]:
    """Return what is asked of a picture with the prompts that lie on it."""
    task = controller.state.task
    if task.kind is PromptKind.TEXT:
        return tuple(Question(Query((phrase,)), phrase.text) for phrase in controller.finding.query(found).texts)
    if not found.count:
        return ()
    if task.task is Task.EXEMPLAR:
        return (Question(controller.finding.query(found)),)
    if task.kind is PromptKind.POINTS:
        talks = controller.board.at(here.place).talks
        return tuple(
            Question(talks.get(id, Talk()).prompts(points), f"object {id}", id) for id, points in found.points.items()
        )
    noun = "box" if task.kind is PromptKind.BOX else "label"
    return tuple(Question(one.prompts, f"{noun} {number}", one.key) for number, one in enumerate(found.shapes, 1))


def _in_view(here: OnScreen, layer: Any) -> Any:
    """Return what of a plane is in view; napari does not tell it of a picture that is hidden."""
    return here.view if layer.visible else None
