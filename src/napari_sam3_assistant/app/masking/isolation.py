"""The tab ``Mask Isolation``: candidates of many masks, what each is, and layers of those that are whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.app.masking.isolation_state import OBJECTS, IsolationState, Row
from napari_sam3_assistant.app.masking.isolation_text import found_none, summary
from napari_sam3_assistant.app.masking.isolation_work import Found, judge, look
from napari_sam3_assistant.app.task_state import ImageItem
from napari_sam3_assistant.core.errors import AssistantError, PromptError
from napari_sam3_assistant.core.progress import Watch
from napari_sam3_assistant.layers import harvest as layers
from napari_sam3_assistant.layers import images, labels
from napari_sam3_assistant.masks.isolated import ParentRule, isolate, whole_objects, with_status
from napari_sam3_assistant.masks.isolation import Status, Verdict
from napari_sam3_assistant.masks.label_layers import grid_of

HARVESTING = "Harvesting masks..."
PARENTS, CHILDREN = "isolated_parent_candidates", "isolated_child_candidates"
SELECTED = "isolated_selected_candidates"
RULES = ("minimum_area", "duplicate_iou", "containment", "fragment_iou", "area_ratio", "sort")
NO_HARVEST = PromptError("There are no candidates yet.", hint="Press Harvest Masks first.")
NO_ROWS = PromptError("No candidate is selected.", hint="Select rows of the table first.")


class Isolation:
    """Verbs of the tab."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.state = IsolationState()
        self._found: Found | None = None
        self._marks: dict[int, Status] = {}
        self._seen = self._coming = layers.Seen((), lambda: None)
        events = desk.viewer.layers.events
        self._slots: tuple[tuple[Any, Callable[..., None]], ...] = (
            (events.inserted, self._listed),
            (events.reordered, self._listed),
            (events.renamed, self._listed),
            (events.removed, self._removed),
            (desk.edited.written, self._edited),
            *((getattr(self.state.events, name), self._numbers_set) for name in RULES),
        )
        for event, slot in self._slots:
            event.connect(slot)
        self.refresh()

    @property
    def harvested(self) -> bool:
        """Whether there are candidates to look at."""
        return self._found is not None

    def refresh(self) -> None:
        """List the layers anew; what is gone is no longer chosen."""
        found = layers.harvestable(self._desk.viewer)
        self.state.items = tuple(ImageItem(str(one.unique_id), str(one.name)) for one in found)
        self.state.chosen &= {item.identity for item in self.state.items}

    def harvest(self) -> None:
        """List the connected pieces of all labels of the layers, with what they share; marks are forgotten."""
        if self._desk.work.current is not None:
            return
        try:
            chosen = self._layers()
            placed = layers.placed(self._desk.viewer, chosen)
            frame = layers.frame_of(chosen[0], grid_of(placed)[0])
        except AssistantError as error:
            self._desk.fail(error)
            return
        self._coming.close()
        self._coming = seen = layers.Seen(chosen, self._tell)
        minimum = self.state.minimum_area

        def make(watch: Watch) -> tuple[Found, tuple[Row, ...]]:
            return look(placed, minimum, frame, watch)

        self._desk.run(HARVESTING, make, lambda made: self._show(*made, seen))

    def classify(self) -> None:
        """Give each candidate its status; what was marked by hand stays."""
        found, rules, marks = self._found, self.state.rules, dict(self._marks)
        if found is None:
            self._desk.fail(NO_HARVEST)
            return

        def done(rows: tuple[Row, ...]) -> None:
            self.state.classified = rules
            self._list(rows)
            self._desk.say(f"Classified {len(rows):,} candidate(s).")

        self._desk.run("Classifying candidates...", lambda watch: judge(found, rules, marks), done)

    def mark(self, ids: Iterable[int], status: Status) -> None:
        """Say by hand what some candidates are."""
        chosen = set(ids)
        if not chosen:
            self._desk.fail(NO_ROWS)
        elif self._desk.work.current is None:
            self._marks.update(dict.fromkeys(chosen, status))
            self.state.rows = tuple(
                Row(row.candidate, replace(row.verdict, status=status, by_hand=True))
                if row.candidate.id in chosen
                else row
                for row in self.state.rows
            )
            self._tell()
            held = sum(row.verdict.belongs_to in chosen and not row.verdict.by_hand for row in self.state.rows)
            others = f" Classify Candidates judges {held:,} other(s) anew." if held else ""
            self._desk.say(f"Marked {len(chosen):,} candidate(s) as {status}.{others}")

    def locate(self, id: int | None) -> None:
        """Bring a candidate into the middle of the view."""
        if self._found is None or id is None:
            self._desk.fail(NO_ROWS)
            return
        candidate = self._found.harvest.candidates[id - 1]
        labels.look_at(self._desk.viewer, self._found.frame, candidate.middle)
        self._desk.say(f"Located candidate {id}: label {candidate.label} of {candidate.source}.")

    def isolate(self, ids: Iterable[int]) -> None:
        """Make a layer of some candidates, whatever their status."""
        chosen = tuple(ids)
        if not chosen:
            self._desk.fail(NO_ROWS)
            return
        self._create({SELECTED: chosen}, self.state.output_name)

    def create_objects(self) -> None:
        """Make the layer of all that is kept, and one of the full parents where these are kept apart."""
        verdicts, parents = self._verdicts(), self.state.parents
        made = {OBJECTS: whole_objects(verdicts, parents)}
        if parents is ParentRule.SEPARATE:
            made[PARENTS] = with_status(verdicts, Status.PARENT)
        self._create(made, self.state.output_name)

    def create_parents(self) -> None:
        """Make the layer of the full parents."""
        self._create({PARENTS: with_status(self._verdicts(), Status.PARENT)})

    def create_children(self) -> None:
        """Make the layer of the nested children."""
        self._create({CHILDREN: with_status(self._verdicts(), Status.CHILD)})

    def close(self) -> None:
        """Let go of the viewer and of its layers."""
        for event, slot in self._slots:
            event.disconnect(slot)
        self._seen.close()
        self._coming.close()

    def _layers(self) -> list[Any]:
        """Return the layers to harvest."""
        if self.state.all_visible:
            found = layers.visible_labels(self._desk.viewer)
            missing = "Make one visible, or untick Use all visible Labels layers and choose."
        else:
            found = [images.layer_by_id(self._desk.viewer, item.identity) for item in self.state.items]
            found = [layer for layer in found if layer is not None and str(layer.unique_id) in self.state.chosen]
            missing = "Choose layers in the list first."
        if not found:
            raise PromptError("Select at least one Labels layer.", hint=missing)
        return found

    def _show(self, found: Found, rows: tuple[Row, ...], seen: layers.Seen) -> None:
        """Take over what a harvest has brought."""
        self._seen.close()
        self._found, self._seen, lost = found, seen, len(self._marks)
        self._marks = {}
        self.state.classified = None
        self._list(rows)
        said = f"Harvested {len(rows):,} candidate(s) from {len(found.names)} layer(s)."
        forgotten = f" {lost:,} mark(s) made by hand on the candidates of before are gone." if lost else ""
        self._desk.say((said if rows else found_none(self.state.minimum_area)) + forgotten)

    def _list(self, rows: tuple[Row, ...]) -> None:
        """List all candidates anew."""
        self.state.turn += 1
        self.state.rows = rows
        self._tell()

    def _create(self, wanted: Mapping[str, Sequence[int]], name: str = "") -> None:
        """Make one layer of candidates for each role; the first has ``name``, the others that of their role."""
        found, state = self._found, self.state
        if found is None:
            self._desk.fail(NO_HARVEST)
            return
        filled = {role: ids for role, ids in wanted.items() if ids}
        if not filled:
            kind = {PARENTS: "parent", CHILDREN: "nested_child"}.get(next(iter(wanted)), "keep")
            self._desk.fail(
                PromptError(f"No candidate is {kind}.", hint="Press Classify Candidates, or mark some by hand.")
            )
            return
        verdicts = tuple(row.verdict for row in state.rows)
        overlap, parents = state.overlap, state.parents
        first = next(iter(wanted))

        def make(watch: Watch) -> dict[str, Any]:
            return {
                role: isolate(found.harvest, found.relations, verdicts, ids, overlap, parents, watch=watch)
                for role, ids in filled.items()
            }

        def done(made: dict[str, Any]) -> None:
            facts = {
                "source_layers": list(found.names),
                "overlap_rule": overlap.value,
                "parent_handling": parents.value,
            }
            said = []
            for role, data in made.items():
                title = (name.strip() or role) if role == first else role
                layer = layers.add_isolated(self._desk.viewer, data, found.frame, title, role, facts)
                said.append(f"{layer.name} ({len(filled[role]):,} candidate(s))")
            self._desk.say(f"Created {' and '.join(said)}.")

        self._desk.run("Isolating objects...", make, done)

    def _verdicts(self) -> tuple[Verdict, ...]:
        return tuple(row.verdict for row in self.state.rows)

    def _tell(self) -> None:
        """Write the summary anew."""
        state, found = self.state, self._found
        names = None if found is None else found.names
        stale = state.classified is not None and state.classified != state.rules
        told = summary(names, self._verdicts(), state.classified is not None, stale, self._seen.changed)
        if found is not None and state.minimum_area < found.minimum_area:
            told += f" For smaller ones than {found.minimum_area:,} pixels press Harvest Masks again."
        state.summary = told

    def _numbers_set(self, *_: Any) -> None:
        self._tell()

    def _listed(self, event: Any = None) -> None:
        self.refresh()

    def _removed(self, event: Any) -> None:
        self._seen.note(event.value, "removed")
        self._coming.note(event.value, "removed")
        self.refresh()

    def _edited(self, layer: Any, edit: Any) -> None:
        self._seen.note(layer, "changed")
        self._coming.note(layer, "changed")
