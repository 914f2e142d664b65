"""The table of objects: its rows follow the objects, and an object is shown where its row is clicked."""

from __future__ import annotations

import logging
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app.saving import WORKER
from napari_sam3_assistant.app.screen import Place
from napari_sam3_assistant.core.errors import AssistantError, PromptError, SaveError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.results import ObjectRow
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.export import tables
from napari_sam3_assistant.layers import images, seeing
from napari_sam3_assistant.masks.registry import MaskObject, Objects
from napari_sam3_assistant.tasks.jobs import Job, Kind

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.scheduler import Scheduler

logger = logging.getLogger(__name__)
SUFFIX = ".csv"
Lines = dict[int, tuple[MaskObject, ObjectRow]]
"""The objects of a plane and their rows, by number."""


class Listing:
    """Lists the objects of the plane on screen, or of all planes; without those that the user has cleared.

    Parameters
    ----------
    controller : AppController
    scheduler : Scheduler
        Files are written on its thread for files.
    """

    def __init__(self, controller: AppController, scheduler: Scheduler) -> None:
        self._controller, self._scheduler = controller, scheduler
        self._results = controller.state.results
        self._known: dict[Place, tuple[Objects, Lines]] = {}
        self._cleared: dict[Place, dict[int, PlacedMask]] = {}
        self._results.events.all_planes.connect(self.publish)

    def close(self) -> None:
        """Follow the user's choice no longer."""
        self._results.events.all_planes.disconnect(self.publish)

    # -- rows -------------------------------------------------------------------------------------

    def publish(self) -> None:
        """Write the rows, and which one is the selected object's."""
        board, results = self._controller.board, self._results
        drafts = board.drafts
        self._known = {place: known for place, known in self._known.items() if place in drafts}
        self._cleared = {place: masks for place, masks in self._cleared.items() if place in drafts}
        results.rows = tuple(row for _, row in self._listed())
        here, selected = board.place, board.draft.selected
        line = None if here is None or selected is None else self._lines(here).get(selected)
        results.row = line[1] if line is not None and here is not None and not self._is_cleared(here, line[0]) else None

    def clear(self) -> None:
        """Empty the table; an object comes back once its mask changes."""
        for item, row in self._listed():
            self._cleared.setdefault((row.image, row.plane), {})[item.id] = item.mask
        self.publish()

    def _places(self) -> list[Place]:
        """Return the planes that are listed, those of one image after each other."""
        board = self._controller.board
        if not self._results.all_planes:
            return [] if board.place is None else [board.place]
        order = {image: at for at, image in enumerate(dict.fromkeys(image for image, _ in board.drafts))}
        return sorted(board.drafts, key=lambda place: (order[place[0]], place[1].index))

    def _listed(self) -> list[tuple[MaskObject, ObjectRow]]:
        found: list[tuple[MaskObject, ObjectRow]] = []
        for place in self._places():
            lines, cleared = self._lines(place).values(), self._cleared.get(place, {})
            found += [line for line in lines if cleared.get(line[0].id) is not line[0].mask] if cleared else lines
        return found

    def _is_cleared(self, place: Place, item: MaskObject) -> bool:
        return self._cleared.get(place, {}).get(item.id) is item.mask

    def _lines(self, place: Place) -> Lines:
        """Return the objects of a plane and their rows; of thousands, only those that changed are made anew."""
        objects = self._controller.board.at(place).objects
        known, before = self._known.get(place, (None, {}))
        if known is objects:
            return before
        layer = images.layer_by_id(self._controller.viewer, place[0])
        lines: Lines = {}
        for item in objects:
            old = before.get(item.id)
            same = old is not None and old[0] is item
            lines[item.id] = old if old is not None and same else (item, _row(place, item, layer))
        self._known[place] = objects, lines
        return lines

    # -- showing ----------------------------------------------------------------------------------

    def show(self, row: ObjectRow) -> None:
        """Show an object: its picture's slice, in the middle of the view, selected."""
        controller, viewer = self._controller, self._controller.viewer
        layer = images.layer_by_id(viewer, row.image)
        line = self._lines((row.image, row.plane)).get(row.object_id)
        box = None if line is None else line[0].mask.box
        if layer is None or box is None:
            controller.status.fail(PromptError(f"Object {row.object_id} is no longer there.", hint="Click on another."))
            return
        if controller.state.task.image != row.image:
            controller.choose_image(row.image)
        seeing.show_box(viewer, layer, row.plane, box)
        if controller.board.place == (row.image, row.plane):
            controller.board.select(row.object_id)
            controller.status.idle(f"Object {row.object_id} selected.")

    # -- out --------------------------------------------------------------------------------------

    def copied(self) -> str:
        """Return the table as text for the clipboard, empty where there are no rows; and say so."""
        self._controller.board.absorb()
        self.publish()
        rows = self._results.rows
        if not rows:
            self._controller.status.idle("No results to copy.")
            return ""
        self._controller.status.idle(f"Copied {len(rows)} result row(s) to clipboard.{self._left_out()}")
        return tables.tab_separated(rows)

    def export(self, path: Path, *, overwrite: bool = False) -> None:
        """Write all rows to a CSV file and say where.

        Parameters
        ----------
        path : Path
            Without a suffix it gets ``.csv``; a file of that name is then not replaced: nobody was asked about it.
        overwrite : bool
            Whether the user has agreed to replace a file that is there.
        """
        self._controller.board.absorb()
        self.publish()
        entries = self._entries()
        if not entries:
            self._controller.status.idle("No results to export.")
            return
        target, agreed = (path, overwrite) if path.suffix else (path.with_name(path.name + SUFFIX), False)
        beside = self._left_out()
        future = self._scheduler.submit(
            Job(WORKER, lambda progress, cancel: tables.save_table(entries, target, overwrite=agreed)),
            session=f"table-{id(self)}",
            kind=Kind.BATCH,
        )
        future.add_done_callback(
            lambda done: self._controller.on_main(lambda: self._exported(done, len(entries), beside))
        )

    def _entries(self) -> list[tables.Entry]:
        """Return all that is known of each listed object; what belongs to napari is read here, on the GUI thread."""
        grids: dict[Place, tuple[tables.Grid, str]] = {}
        entries = []
        for item, row in self._listed():
            place = row.image, row.plane
            if place not in grids:
                layer = images.layer_by_id(self._controller.viewer, place[0])
                if layer is None:
                    continue
                grids[place] = seeing.grid_of_plane(layer, place[1]), _picture(layer)
            grid, picture = grids[place]
            engine = registry.title_of(item.origin.engine) if item.origin.engine else ""
            entries.append(tables.Entry(row, item.mask, grid, picture, item.class_name, engine, item.status))
        return entries

    def _left_out(self) -> str:
        """Return how many objects are not listed, as a sentence; empty where all are."""
        every = sum(len(draft.objects) for draft in self._controller.board.drafts.values())
        missing = every - len(self._results.rows)
        if not missing:
            return ""
        which = "one is" if missing == 1 else f"{missing} are"
        return f" Of the objects of all planes, {which} not listed."

    def _exported(self, future: Future[Path], count: int, beside: str) -> None:
        if self._controller.closed:
            return
        try:
            path = future.result()
        except AssistantError as error:
            self._controller.status.fail(error)
        except (Exception, CancelledError) as error:
            logger.exception("Exporting the table failed")
            failed = SaveError(f"Could not export the table: {error}.", hint="Choose another folder.")
            failed.__cause__ = error
            self._controller.status.fail(failed)
        else:
            self._controller.status.idle(f"Exported {count} result row(s) to CSV: {path}.{beside}")


def _picture(layer: Any) -> str:
    """Return the file that a layer was read from, or else its name."""
    return str(getattr(getattr(layer, "source", None), "path", None) or layer.name)


def _row(place: Place, item: MaskObject, layer: Any | None) -> ObjectRow:
    name = item.origin.layer if layer is None else str(layer.name)
    return ObjectRow(name, item.origin.prompt, *place, item.id, item.score, item.mask.area)
