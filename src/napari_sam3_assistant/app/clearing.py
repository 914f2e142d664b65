"""Clearing: what is taken away at a press, and what stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.layers import previews
from napari_sam3_assistant.tasks.jobs import Task

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

RESET = "Reset Prompt"
CLEAR_ALL = "Clear Text / Prompt State"
ARMED = "Live Points armed. Add a point to start."


class Clearing:
    """Takes previews, prompts and rows away. Files and accepted objects always stay.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller = controller

    def preview(self) -> None:
        """Remove the preview layers and the masks on screen; prompts stay."""
        controller, board = self._controller, self._controller.board
        controller.asking.forget()
        controller.batching.stop()
        if len(board.draft.objects) or controller.batch_views.count():
            board.step("Clear Preview")
        board.layer_gone()
        board.drawing = True
        count = previews.clear_previews(controller.viewer) + controller.batch_views.clear()
        board.drawing = False
        if controller.propagation.layer.find() is not None:
            controller.propagation.forget()
            count += 1
        board.publish()
        controller.status.idle(f"Cleared {count} SAM3 preview layer(s). Prompts and accepted labels were kept.")

    def results(self) -> None:
        """Empty the table of results; masks and prompts stay."""
        self._controller.listing.clear()

    def prompts(self, title: str = RESET) -> None:
        """Remove every prompt of the kind in use, on every slice, and the masks they made; the layers stay.

        So does what lies in a layer of the user's. The preview is emptied, not removed: napari takes 0.2 s to
        remove a layer and as long to add the next one.
        """
        controller, task = self._controller, self._controller.state.task
        controller.asking.forget()
        controller.board.step(title, words=True)
        if task.task is Task.VIDEO:
            controller.propagation.end_session()
        if task.kind is PromptKind.POINTS:
            controller.live.clear()
        elif task.kind is PromptKind.BOX:
            controller.boxes.clear()
        elif task.kind is PromptKind.TEXT:
            task.text = ""
            if task.advanced:
                task.phrase_lines = ""
        else:
            controller.masks.clear()
        controller.board.reset("exemplar" if task.task is Task.EXEMPLAR else task.kind.value)
        if controller.live.is_live:
            controller.arm()
        kept = f"What lies in {task.prompts_from} stays. " if task.prompts_from else ""
        controller.status.idle(f"{kept}{ARMED}" if controller.live.is_live else kept.strip() or "Ready")

    def all(self) -> None:
        """Empty both fields of text too, and begin anew: one step."""
        controller = self._controller
        self.prompts(CLEAR_ALL)
        controller.state.task.text = controller.state.task.phrase_lines = ""
        controller.asking.describe()
        controller.status.log("Prompt state cleared.")

    def prompts_here(self) -> None:
        """Remove the points on the plane on screen, and the masks there."""
        controller, board = self._controller, self._controller.board
        if board.place is None:
            return
        board.step("Clear Prompt")
        board.empty({*board.draft.ids, *controller.live.objects_here()})
        controller.status.idle("Live Points prompt cleared.")
