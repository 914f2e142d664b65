"""What a batch does to drafts: answers put beside those of the same batch, in place of those of an earlier one.

Values, as drafts are. What a user has corrected, painted in or accepted stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from napari_sam3_assistant.app.batched import Batched
from napari_sam3_assistant.app.drafts import SAME_IOU, Draft, Talk
from napari_sam3_assistant.core.geometry import mask_iou
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.masks.registry import MaskObject, Objects, Origin
from napari_sam3_assistant.tasks.batch import Picture, Step
from napari_sam3_assistant.tasks.image import PlaneResult
from napari_sam3_assistant.tasks.reading import Named

Parts = tuple[tuple[str, tuple[MaskObject, ...]], ...]
"""The results of a plane: a phrase, or nothing where no words were asked, and its objects."""


def fresh(draft: Draft, run: int) -> Draft:
    """Return the draft without what an earlier batch than ``run`` has made and nobody has touched since."""
    batch = draft.batch
    if batch is None or batch.run == run:
        return draft
    left = draft.without([item.id for item in draft.objects if batch.made.get(item.id) is item])
    return replace(left, batch=None) if left.ids else Draft()


def with_found(draft: Draft, run: int, kind: str, found: Sequence[Named], origin: Origin) -> Draft:
    """Return the draft with what one question of a batch has found.

    The first of the batch takes the place of what was found on the plane before, by a single question too.
    """
    draft = fresh(draft, run)
    if draft.batch is None:
        draft = replace(draft.with_found(kind, (), origin), batch=Batched(run))
    made = draft.batch.made if draft.batch is not None else {}
    touched = [item.mask for item in draft.objects if made.get(item.id) is not item and _kind(draft, item) == kind]
    new: list[MaskObject] = []
    for one in found:
        mask = one.segmentation.mask.trimmed()
        if any(mask_iou(mask, other) > SAME_IOU for other in touched):
            continue  # it is there, as the user left it
        by = replace(origin, prompt=one.class_name or origin.prompt)
        id = draft.objects.next_id + len(new)
        new.append(MaskObject(id, mask, one.segmentation.score, one.class_name, origin=by))
    return replace(
        draft,
        objects=Objects((*draft.objects, *new), draft.objects.next_id + len(new)),
        talks={**draft.talks, **{item.id: Talk(kind, ground=MaskPrompt(item.mask)) for item in new}},
        batch=Batched(run, {**made, **{item.id: item for item in new}}),
    )


def with_answer(draft: Draft, run: int, kind: str, step: Step, result: PlaneResult, origin: Origin) -> Draft:
    """Return the draft with the answer to the prompts of one object; not where the object is the user's by now."""
    draft = fresh(draft, run)
    made = draft.batch.made if draft.batch is not None else {}
    draft = replace(_with_prompts(draft, kind, step.picture), batch=Batched(run, made))
    id = _number(draft, kind, step)
    if id is None or draft.talks[id].settled or not isinstance(step.question.asked, Prompts):
        return draft
    draft = draft.answered(id, step.question.asked, result, origin)
    if not draft.has(id):
        return draft
    return replace(draft, batch=Batched(run, {**made, id: draft.objects[id]}))


def parts(draft: Draft) -> Parts:
    """Return the results of a plane: of a batch with words one for each phrase, else all objects as one."""
    if draft.batch is None:
        return (("", draft.objects.items),) if len(draft.objects) else ()
    found: dict[str, list[MaskObject]] = {}
    for item in draft.objects:
        found.setdefault(item.class_name, []).append(item)
    return tuple((words, tuple(items)) for words, items in found.items())


def _kind(draft: Draft, item: MaskObject) -> str:
    talk = draft.talks.get(item.id)
    return "" if talk is None else talk.kind


def _with_prompts(draft: Draft, kind: str, picture: Picture) -> Draft:
    """Return the draft with talk about every object that the prompts on a picture show."""
    asked = [(one.key, one.asked) for one in picture.questions if isinstance(one.asked, Prompts)]
    if kind == "points":
        return draft.with_points({key: one.points for key, one in asked if isinstance(key, int)}, gone=False)
    return draft.with_shapes(kind, [(key, one) for key, one in asked if isinstance(key, tuple)])


def _number(draft: Draft, kind: str, step: Step) -> int | None:
    """Return the number of the object that a step is about."""
    key = step.question.key
    if kind == "points":
        return key if isinstance(key, int) else None
    return next((id for id, talk in draft.talks.items() if talk.kind == kind and talk.key == key), None)
