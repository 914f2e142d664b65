"""The table of objects: its rows follow the objects, and an object is shown where its row is clicked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app.listed import Key, Line, Lines, line_of, number_in, one_of_each
from napari_sam3_assistant.app.saving import WORKER
from napari_sam3_assistant.app.screen import Place, in_order
from napari_sam3_assistant.core.errors import AssistantError, PromptError, SaveError
from napari_sam3_assistant.core.results import ObjectRow
from napari_sam3_assistant.export import tables
from napari_sam3_assistant.layers import accepted, images, seeing
from napari_sam3_assistant.masks.accepting import Accepted
from napari_sam3_assistant.masks.registry import MaskObject, Objects
from napari_sam3_assistant.tasks.jobs import Job, Kind, Task
from napari_sam3_assistant.tasks.quality import doubts_by_plane
from napari_sam3_assistant.tasks.tracks import Sighting

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.scheduler import Scheduler

logger = logging.getLogger(__name__)
SUFFIX = ".csv"
NOTHING: Lines = {}
NO_OBJECTS = Objects()
NONE_SEEN: Mapping[int, Sighting] = {}


class Listing:
    """Lists the objects of the plane on screen, or of all planes; without those that the user has cleared.

    Those that were accepted follow those that are being made.

    Parameters
    ----------
    controller : AppController
    scheduler : Scheduler
        Files are written on its thread for files.
    """

    def __init__(self, controller: AppController, scheduler: Scheduler) -> None:
        self._controller, self._scheduler = controller, scheduler
        self._results = controller.state.results
        self._known: dict[Place, tuple[tuple[object, ...], Lines]] = {}
        self._kept: tuple[tuple[Accepted, ...], dict[Place, tuple[Accepted, ...]]] = ((), {})
        self._cleared: dict[Place, dict[Key, object]] = {}
        self._whole: dict[Place, tuple[Lines, tuple[Line, ...]]] = {}
        self._looked_at: tuple[Place, Key] | None = None
        self._results.events.all_planes.connect(self.publish)

    def close(self) -> None:
        """Follow the user's choice no longer."""
        self._results.events.all_planes.disconnect(self.publish)

    # -- rows -------------------------------------------------------------------------------------

    def publish(self) -> None:
        """Write the rows, and which one is the selected object's."""
        there = set(self._everywhere())
        self._known = {place: known for place, known in self._known.items() if place in there}
        self._whole = {place: whole for place, whole in self._whole.items() if place in there}
        self._cleared = {place: masks for place, masks in self._cleared.items() if place in there}
        listed = self._listed()
        rows = tuple(line.row for line in listed)
        if len(rows) != len(self._results.rows) or any(
            a is not b for a, b in zip(rows, self._results.rows, strict=True)
        ):
            self._results.rows = rows
        self._results.row = self._selected()

    def clear(self) -> None:
        """Empty the table; an object comes back once its mask changes."""
        for line in self._listed():
            self._cleared.setdefault((line.row.image, line.row.plane), {})[line.key] = line.pixels
        self.publish()

    def _selected(self) -> ObjectRow | None:
        """Return the row of the object that the next point is about, else of the accepted one that was looked at."""
        place, draft = self._controller.board.place, self._controller.board.draft
        key, accepted_key = self._looked_at or (place, (False, 0)), (True, 0)
        if draft.selected is not None:
            self._looked_at, key = None, (place, (False, draft.selected))
            talk = draft.talks.get(draft.selected)
            accepted_key = (True, talk.accepted or 0) if talk is not None else accepted_key
        shown = self._shown(key[0]) if key[0] is not None and key[0] in self._places() else ()
        return next((one.row for one in shown if one.key in (key[1], accepted_key)), None)

    def _records(self) -> dict[Place, tuple[Accepted, ...]]:
        """Return the accepted objects of each plane."""
        records = self._controller.accepting.records
        if self._kept[0] is not records:
            found: dict[Place, list[Accepted]] = {}
            for one in sorted(records, key=lambda one: one.id):
                found.setdefault((one.image, one.plane), []).append(one)
            self._kept = records, {place: tuple(own) for place, own in found.items()}
        return self._kept[1]

    def _everywhere(self) -> list[Place]:
        """Return the planes that have objects, those of one image after each other."""
        drafts, layers = self._controller.board.drafts, self._controller.viewer.layers
        there = {str(layer.unique_id) for layer in layers}
        places = (*drafts, *self._records(), *self._followed())
        return in_order(place for place in dict.fromkeys(places) if place[0] in there)

    def _followed(self) -> list[Place]:
        """Return the planes that objects were followed onto, in the task that shows them."""
        tracks = self._controller.propagation.tracks
        shown = self._controller.state.task.task is Task.VIDEO and tracks is not None
        return tracks.places() if tracks is not None and shown else []

    def _places(self) -> Collection[Place]:
        """Return the planes that are listed."""
        here = self._controller.board.place
        everywhere = self._results.all_planes or bool(self._followed())
        return self._everywhere() if everywhere else [] if here is None else [here]

    def _listed(self) -> list[Line]:
        return [line for place in self._places() for line in self._shown(place)]

    def _shown(self, place: Place) -> Sequence[Line]:
        """Return the lines of a plane but those that the user has cleared."""
        lines, cleared = self._of(place), self._cleared.get(place)
        return lines if not cleared else [one for one in lines if cleared.get(one.key) is not one.pixels]

    def _of(self, place: Place) -> Sequence[Line]:
        lines, drafts = self._lines(place), self._controller.board.drafts
        if place in drafts:
            return one_of_each(self._controller.board.at(place), lines)
        before = self._whole.get(place)
        if (
            before is None or before[0] is not lines
        ):  # of thousands of planes, those that changed alone are gone through
            before = self._whole[place] = lines, tuple(lines.values())
        return before[1]

    def _seen(self, place: Place) -> Mapping[int, Sighting]:
        """Return what was followed onto a plane, in the task that shows it."""
        tracks = self._controller.propagation.tracks
        shown = self._controller.state.task.task is Task.VIDEO and tracks is not None
        return tracks.seen(place[1]) if tracks is not None and shown and tracks.image == place[0] else NONE_SEEN

    def _lines(self, place: Place) -> Lines:
        """Return the objects of a plane and their rows; of thousands, only those that changed are made anew.

        Those that were followed onto it stand for their drafts.
        """
        drafts, paint, seen = self._controller.board.drafts, self._controller.accepting.paint, self._seen(place)
        objects = self._controller.board.at(place).objects if place in drafts else NO_OBJECTS
        records = self._records().get(place, ())
        layer = images.layer_by_id(self._controller.viewer, place[0])
        name = None if layer is None else str(layer.name)
        now = objects, seen, records, name, paint.masks_of(place[0])
        known, before = self._known.get(place, ((), NOTHING))
        if len(known) == len(now) and all(a is b or a == b for a, b in zip(known[3:], now[3:], strict=True)):
            if all(a is b for a, b in zip(known[:3], now[:3], strict=True)):
                return before
        elif known and known[3] != name:
            before = NOTHING
        lines: dict[Key, Line] = {}
        items: list[MaskObject | Sighting] = [one for one in objects if one.id not in seen]
        for item in (*items, *seen.values()):
            old = before.get((False, item.id))
            same = old is not None and old.made is item
            lines[False, item.id] = old if old is not None and same else line_of(place, item, None, name)
        for record in records:
            mask, old = paint.mask_of(record), before.get((True, record.id))
            if mask is not None:
                same = old is not None and old.made is record and old.mask is mask
                lines[True, record.id] = old if old is not None and same else line_of(place, record, mask, name)
        self._known[place] = now, lines
        return lines

    # -- showing ----------------------------------------------------------------------------------

    def show(self, row: ObjectRow) -> None:
        """Show an object: its picture's slice, in the middle of the view, selected."""
        controller, place = self._controller, (row.image, row.plane)
        layer = images.layer_by_id(controller.viewer, row.image)
        line = self._lines(place).get((row.accepted, row.object_id)) if layer is not None else None
        box = None if line is None else line.mask.box
        if layer is None or box is None:
            controller.status.fail(PromptError(f"Object {row.object_id} is no longer there.", hint="Click on another."))
            return
        if controller.state.task.image != row.image:
            controller.choose_image(row.image)
        seeing.show_box(controller.viewer, layer, row.plane, box)
        if controller.board.place != place:
            return
        own = number_in(controller.board.draft, row.object_id) if row.accepted else row.object_id
        if own is None:
            self._show_accepted(layer, row)
            return
        controller.board.select(own)
        controller.status.idle(f"Object {own} selected.")

    def _show_accepted(self, layer: Any, row: ObjectRow) -> None:
        """Make an accepted object the one that napari's brush paints."""
        kept = accepted.accepted_layer(self._controller.viewer, layer)
        if kept is not None:
            kept.selected_label = row.object_id
        self._looked_at = (row.image, row.plane), (True, row.object_id)
        self._controller.board.select(None)
        self._controller.status.idle(f"Accepted object {row.object_id}: {row.area:,} px.")

    # -- out --------------------------------------------------------------------------------------

    def copied(self) -> str:
        """Return the table as text for the clipboard, empty where there are no rows; and say so."""
        self._look()
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
        self._look()
        count, entries = self._entries()
        if not count:
            self._controller.status.idle("No results to export.")
            return
        target, agreed = (path, overwrite) if path.suffix else (path.with_name(path.name + SUFFIX), False)
        beside = self._left_out()
        future = self._scheduler.submit(
            Job(WORKER, lambda progress, cancel: tables.save_table(entries(), target, overwrite=agreed), True),
            session=f"table-{id(self)}",
            kind=Kind.BATCH,
        )
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._exported(done, count, beside)))

    def _look(self) -> None:
        """Take what was painted meanwhile into the rows."""
        self._controller.board.absorb()
        self._controller.accepting.paint.look()
        self.publish()

    def _entries(self) -> tuple[int, Callable[[], Iterator[tables.Entry]]]:
        """Return how many objects are listed, and what makes all that is known of each, one at a time.

        What belongs to napari is read here, on the GUI thread; masks are unpacked on that of the files.
        """
        grids: dict[Place, tuple[tables.Grid, str]] = {}
        lines = []
        for line in self._listed():
            place = line.row.image, line.row.plane
            if place not in grids:
                layer = images.layer_by_id(self._controller.viewer, place[0])
                if layer is None:
                    continue
                grids[place] = seeing.grid_of_plane(layer, place[1]), _picture(layer)
            lines.append((line, *grids[place]))
        tracks, video = self._controller.propagation.tracks, self._controller.propagation.video
        kept = tracks.copy() if tracks is not None and self._followed() else None
        box = video.view.window.box if video is not None else None

        def made() -> Iterator[tables.Entry]:
            why = {} if kept is None else doubts_by_plane(kept, box)
            for line, grid, picture in lines:
                yield line.entry(grid, picture, why.get((line.row.plane, line.row.object_id), ""))

        return len(lines), made

    def _left_out(self) -> str:
        """Return how many objects are not listed, as a sentence; empty where all are."""
        missing = sum(len(self._of(place)) for place in self._everywhere()) - len(self._results.rows)
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
