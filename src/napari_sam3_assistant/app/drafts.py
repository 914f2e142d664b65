"""Drafts: what was asked and made on one plane, until it is accepted.

Values: each verb returns another draft, so that undo is the draft that was. Nothing here
touches napari. Whoever asks an engine compares what an object's prompts are now with what
its mask answers (:meth:`Draft.stale`), after whatever has happened.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from napari_sam3_assistant.app.batched import Batched
from napari_sam3_assistant.app.talk import Points, Talk
from napari_sam3_assistant.core.geometry import PlacedMask, mask_iou
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.masks.registry import MaskObject, Objects, Origin, Status
from napari_sam3_assistant.tasks.image import PlaneResult
from napari_sam3_assistant.tasks.reading import Named

__all__ = ["SAME_IOU", "Draft", "Points", "Talk"]

SAME_IOU = 0.5
"""A found object that covers a refined one by this much is that one."""


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """The objects of one plane, and the talk about each.

    Attributes
    ----------
    objects : Objects
        Those that have a mask.
    talks : mapping of int to Talk
        By number; also of objects whose mask is still to come, or was not found.
    selected : int or None
        The object that the next point is about; None where it begins another.
    begun : bool
        Whether the user asked for a new object: the next point begins it, wherever it is set.
    batch : Batched or None
        What the newest batch has made here; None where there was none.
    """

    objects: Objects = field(default_factory=Objects)
    talks: Mapping[int, Talk] = field(default_factory=dict)
    selected: int | None = None
    begun: bool = False
    batch: Batched | None = None

    @property
    def next_point(self) -> int:
        """The number of the object that the next point is about."""
        return self.selected if self.selected is not None else self.objects.next_id

    @property
    def ids(self) -> list[int]:
        """The numbers of all objects, with a mask or without one."""
        return sorted({*self.talks, *(item.id for item in self.objects)})

    def under(self, row: float, col: float) -> MaskObject | None:
        """Return the object seen at a pixel: of several the best one, as they are drawn; or None."""
        held = [item for item in self.objects if item.mask.value_at(row, col)]
        return max(held, key=lambda item: (item.score, item.id), default=None)

    def stands_on(self, id: int, row: float, col: float) -> MaskObject | None:
        """Return the object that a point of object ``id`` selects in place of correcting ``id``, or None."""
        if self.begun:
            return None
        seen = self.under(row, col)
        if seen is None or seen.id == id:
            return None
        own = next((item for item in self.objects if item.id == id), None)
        return None if own is not None and own.mask.value_at(row, col) else seen

    def select(self, id: int | None, *, begun: bool = False) -> Draft:
        """Return the draft with another object selected, or none."""
        return replace(self, selected=id, begun=begun)

    def walk(self, step: int) -> Draft:
        """Return the draft with the next (1) or the previous (-1) object selected."""
        ids = self.ids
        if not ids:
            return self
        if self.selected not in ids:
            return self.select(ids[0 if step > 0 else -1])
        return self.select(ids[(ids.index(self.selected) + step) % len(ids)])

    def with_points(self, points: Points, *, gone: bool) -> Draft:
        """Return the draft after the points have changed.

        Parameters
        ----------
        points : mapping of int to tuple of PointPrompt
            Those on the plane.
        gone : bool
            Whether missing points were taken away here: an object made of them goes too. Otherwise
            (another slice, another picture) its mask stays as it is.
        """
        draft = self
        for id in points:
            if id not in draft.talks:
                draft = draft._with_talk(id, Talk())
        for id, talk in draft.talks.items():
            if id not in points and talk.pointed:
                draft = draft._without_points(id, talk) if gone else draft._kept(id, talk)
        return draft

    def stale(self, points: Points, *, again: bool = False) -> dict[int, Prompts]:
        """Return what is to be asked: prompts of objects whose mask does not answer them.

        ``again`` asks also for objects that were cleared, or not found.
        """
        found = {}
        for id, own in points.items():
            talk = self.talks.get(id, Talk())
            prompts = talk.prompts(own)
            if prompts != talk.asked or (again and (talk.refused or not self.has(id))):
                found[id] = prompts
        return found

    def stale_shapes(self, kind: str, *, again: bool = False) -> dict[int, Prompts]:
        """Return what is to be asked of the objects that began with a shape or label."""
        own = {id: talk for id, talk in self.talks.items() if talk.kind == kind and not talk.base.empty}
        return {
            id: talk.base
            for id, talk in own.items()
            if talk.asked is None or (not talk.pointed and (talk.asked != talk.base or (again and not self.has(id))))
        }

    def with_shapes(self, kind: str, shapes: Iterable[tuple[tuple[Hashable, ...], Prompts]]) -> Draft:
        """Return the draft with one object a shape: those that are there stay, refined ones too."""
        draft, there = self, {talk.key: id for id, talk in self.talks.items() if talk.kind == kind}
        kept = set()
        for key, prompts in shapes:
            if key in there:
                kept.add(there[key])
                continue
            objects, id = draft.objects.reserve()
            draft = replace(draft, objects=objects)._with_talk(id, Talk(kind, key, prompts))
        lost = [id for id in there.values() if id not in kept and not self.talks[id].pointed]
        return draft.without(lost)

    def with_found(self, kind: str, found: Sequence[Named], origin: Origin) -> Draft:
        """Return the draft with what was found in place of what was found before.

        Objects stay that were refined, painted in or accepted.
        """
        found_before = {id: talk for id, talk in self.talks.items() if talk.kind == kind}
        old = [id for id, talk in found_before.items() if not talk.pointed and not talk.settled]
        draft = self.without(old)
        kept = [item.mask for item in draft.objects if draft.talks.get(item.id, Talk()).kind == kind]
        for named in found:
            one, name = named.segmentation, named.class_name
            if any(mask_iou(one.mask, mask) > SAME_IOU for mask in kept):
                continue
            objects, id = draft.objects.reserve()
            by = replace(origin, prompt=name or origin.prompt)
            objects = objects.put(id, one.mask, score=one.score, class_name=name, origin=by)
            draft = replace(draft, objects=objects)._with_talk(id, Talk(kind, ground=MaskPrompt(one.mask)))
        return replace(draft.select(None), batch=None)

    def answered(self, id: int, prompts: Prompts, result: PlaneResult, origin: Origin) -> Draft:
        """Return the draft with an answer: the object has its mask, or was not found."""
        talk, found = self.talks.get(id, Talk()), result.segmentation
        if prompts.points:
            ground = talk.chosen or talk.ground
        else:  # a later click corrects the mask that the shape gave, and may leave the shape
            ground = MaskPrompt(found.mask) if found.mask.area else None
        talk = replace(talk, asked=prompts, answer=result, ground=ground, chosen=None, reading=0)
        talk = replace(talk, edited=False, refused=False)
        draft = self._with_talk(id, talk)
        if found.mask.area:
            words = self.objects[id].class_name if self.has(id) else ""
            by = replace(origin, prompt=words or talk.kind)
            objects = draft.objects.put(id, found.mask, score=found.score, class_name=words, origin=by)
            return replace(draft, objects=objects)
        return draft._masked(id, None)

    def failed(self, id: int, prompts: Prompts) -> Draft:
        """Return the draft after prompts that cannot be answered.

        A mask from before stays while something still shows the object (a point that was refused then changes
        nothing); where only negative points are left, it goes.
        """
        talk = replace(self.talks.get(id, Talk()), asked=prompts, refused=True)
        if prompts.positive or prompts.box is not None or prompts.mask is not None:
            return self._with_talk(id, talk)
        return self._with_talk(id, replace(talk, answer=None))._masked(id, None)

    def unasked(self, id: int) -> Draft:
        """Return the draft as if an object's points had not been asked yet; its mask stays until they are."""
        talk = self.talks.get(id)
        return self if talk is None or not talk.pointed else self._with_talk(id, replace(talk, asked=None))

    def all_unasked(self) -> Draft:
        """Return the draft as if nobody had been asked about objects whose masks are not the user's by now."""
        talks = {id: talk if talk.settled else replace(talk, asked=None) for id, talk in self.talks.items()}
        return replace(self, talks=talks)

    def with_reading(self, id: int, reading: int) -> Draft:
        """Return the draft with another reading of an object's prompts; 0 is the engine's own."""
        talk = self.talks[id]
        if talk.answer is None:
            return self
        found = talk.answer.segmentation
        mask = found.alternatives[reading - 1] if reading else found.mask
        talk = replace(talk, reading=reading, chosen=MaskPrompt(mask) if reading else None, edited=bool(reading))
        if talk.asked is not None:
            talk = replace(talk, asked=talk.prompts(talk.asked.points))
        return self._with_talk(id, talk)._masked(id, mask)

    def with_painted(self, objects: Objects) -> Draft:
        """Return the draft with the masks that a user's hand has changed; later points correct those."""
        if objects is self.objects:
            return self
        draft = replace(self, objects=objects)
        before = {item.id: item.mask for item in self.objects}
        after = {item.id: item.mask for item in objects}
        for id in sorted({*before, *after}):
            if id not in after:
                draft = draft if draft.talks.get(id, Talk()).pointed else draft.without([id])
            elif after[id] is not before.get(id):
                draft = draft._painted(id, after[id])
        return draft

    def accepted(self, numbers: Mapping[int, int]) -> Draft:
        """Return the draft with objects marked as accepted, under the numbers they have there."""
        talks = {id: replace(self.talks.get(id, Talk()), accepted=number) for id, number in numbers.items()}
        return self._with_status("accepted", talks)

    def unaccepted(self, numbers: Collection[int]) -> Draft:
        """Return the draft after what was accepted under these numbers has left the accepted labels."""
        gone = {id: replace(talk, accepted=None) for id, talk in self.talks.items() if talk.accepted in numbers}
        return self._with_status("unreviewed", gone)

    def without(self, ids: Collection[int]) -> Draft:
        """Return the draft without some objects, masks and talk."""
        gone = set(ids)
        there = [item.id for item in self.objects if item.id in gone]
        return replace(
            self,
            objects=self.objects.remove(there),
            talks={id: talk for id, talk in self.talks.items() if id not in gone},
            selected=None if self.selected in gone else self.selected,
        )

    def dismissed(self, points: Points) -> Draft:
        """Return the draft without masks; what was said stays, and is asked again only once it changes."""
        bare = {
            id: replace(talk, answer=None, ground=None, chosen=None, reading=0, edited=False)
            for id, talk in self.talks.items()
            if id in points or not talk.base.empty
        }
        talks = {id: replace(talk, asked=talk.prompts(points.get(id, ()))) for id, talk in bare.items()}
        return replace(self, objects=self.objects.clear(), talks=talks, selected=None)

    def reset(self, kind: str) -> Draft:
        """Return the draft without what began with this kind of prompt."""
        left = self.without([id for id in self.ids if self.talks.get(id, Talk("painted")).kind == kind])
        if kind == "points":
            left = left.with_points({}, gone=True)
        return left if left.ids else Draft()

    def kept(self) -> Draft:
        """Return the draft with every mask as it is: the points that made them are no longer there."""
        draft = self
        for id, talk in self.talks.items():
            if talk.pointed:
                draft = draft._kept(id, talk)
        return draft

    def released(self, above: int) -> Draft:
        """Return the draft after another layer of points came into use.

        Masks of the former points go with them. What else there is stays, as do masks that were painted in or
        accepted; each has a number beyond ``above``, so that the points of the new layer are not about it.
        """
        gone = [id for id, talk in self.talks.items() if talk.kind == "points" and not talk.settled]
        draft = self.without(gone).kept()
        low = [id for id in draft.ids if id <= above]
        first = max(draft.objects.next_id, above + 1)
        number = {id: first + at for at, id in enumerate(low)}
        items = tuple(replace(item, id=number.get(item.id, item.id)) for item in draft.objects)
        talks = {number.get(id, id): talk for id, talk in draft.talks.items()}
        return Draft(Objects(items, first + len(low)), talks)

    def beyond(self, number: int) -> Draft:
        """Return the draft such that numbers up to this one are given to no new object."""
        if self.objects.next_id > number:
            return self
        return replace(self, objects=replace(self.objects, next_id=number + 1))

    def set_aside(self, points: Points) -> Draft:
        """Return the draft with points that stay where they are, and are asked about again once they change."""
        talks = {id: Talk(asked=Prompts(points=own)) for id, own in points.items() if id not in self.talks}
        next_id = max(self.objects.next_id, 1 + max(talks, default=0))
        return replace(self, objects=replace(self.objects, next_id=next_id), talks={**self.talks, **talks})

    def has(self, id: int) -> bool:
        """Whether the object has a mask."""
        return any(item.id == id for item in self.objects)

    def _with_talk(self, id: int, talk: Talk) -> Draft:
        objects = self.objects if id < self.objects.next_id else replace(self.objects, next_id=id + 1)
        return replace(self, objects=objects, talks={**self.talks, id: talk})

    def _with_status(self, status: Status, talks: Mapping[int, Talk]) -> Draft:
        """Return the draft with other talk about some objects, and what the user thinks of them; in linear time."""
        items = tuple(replace(item, status=status) if item.id in talks else item for item in self.objects)
        next_id = max(self.objects.next_id, 1 + max(talks, default=0))
        return replace(self, objects=Objects(items, next_id), talks={**self.talks, **talks})

    def _masked(self, id: int, mask: PlacedMask | None) -> Draft:
        if mask is None or not mask.area:
            return replace(self, objects=self.objects.remove([id])) if self.has(id) else self
        if self.has(id):
            return replace(self, objects=self.objects.replace(id, mask=mask, status="unreviewed"))
        return replace(self, objects=self.objects.put(id, mask))

    def _without_points(self, id: int, talk: Talk) -> Draft:
        """Return the draft after an object's points were taken away: what it began with is left."""
        if talk.ground is not None:
            asked = talk.base if not talk.base.empty else None
            left = replace(talk, asked=asked, chosen=None, reading=0, answer=None)
            return self._with_talk(id, left)._masked(id, talk.ground.mask)
        return self._with_talk(id, replace(talk, asked=None)) if not talk.base.empty else self.without([id])

    def _kept(self, id: int, talk: Talk) -> Draft:
        if not self.has(id):
            return self.without([id])
        return self._with_talk(id, Talk(talk.kind, ground=MaskPrompt(self.objects[id].mask), accepted=talk.accepted))

    def _painted(self, id: int, mask: PlacedMask) -> Draft:
        talk = self.talks.get(id, Talk("painted"))
        talk = replace(talk, ground=MaskPrompt(mask), chosen=None, reading=0, edited=True)
        if talk.asked is not None:
            talk = replace(talk, asked=talk.prompts(talk.asked.points))
        draft = self._with_talk(id, talk)
        return replace(draft, objects=draft.objects.replace(id, status="unreviewed"))
