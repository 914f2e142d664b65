"""The built-in engine's session: objects followed from frame to frame by what is seen of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.engines.builtin.flow import SoftMask, softened
from napari_sam3_assistant.engines.builtin.follow import followed, mask_on
from napari_sam3_assistant.engines.builtin.standing import standing_out
from napari_sam3_assistant.engines.builtin.tree import RegionTree
from napari_sam3_assistant.engines.protocol import Embedding, check_number, corrected

Answer = Callable[[Embedding, Prompts], Segmentation]


class BuiltinSession:
    """Objects followed from frame to frame by where their masks were last, and by what was seen there.

    It keeps the tree of one frame: that which was answered, or begun on, last.

    Parameters
    ----------
    answer : callable
        Returns the object that prompts on an embedding are about.
    tree_of : callable
        Returns the tree that an embedding is.
    """

    def __init__(self, answer: Answer, tree_of: Callable[[Embedding], RegionTree]) -> None:
        self._answer, self._tree_of = answer, tree_of
        self._frame: int | None = None
        self._last: RegionTree | None = None
        self._masks: dict[int, SoftMask] = {}
        self._stood: dict[int, float] = {}

    def prompt(
        self,
        frame: int,
        embedding: Embedding,
        object_id: int,
        prompts: Prompts,
        present: PlacedMask | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> Segmentation:
        """Set or correct an object on ``frame``; see :meth:`VideoSession.prompt`.

        A mask alone is taken as it is: it was drawn, or corrected, for this very frame. Negative points alone
        correct what is ``present``.
        """
        if cancel is not None:
            cancel.raise_if_cancelled()
        check_number(object_id)
        tree = self._tree_of(embedding)
        if prompts.mask is not None and prompts.is_mask:
            answer = Segmentation(mask_on(tree, prompts.mask.mask), 1.0)
        else:
            answer = self._answer(tree, corrected(prompts, present))
        self._stood[object_id] = standing_out(tree, answer.mask)
        self.begin(frame, embedding, {object_id: answer.mask})
        return answer

    def begin(self, frame: int, embedding: Embedding, masks: Mapping[int, PlacedMask]) -> None:
        """Follow objects on from ``frame``; see :meth:`VideoSession.begin`."""
        tree = self._tree_of(embedding)
        if frame != self._frame:
            self._frame, self._masks = frame, {}
        self._last = tree
        for object_id, mask in masks.items():
            inside = mask_on(tree, mask)
            self._masks[object_id] = softened(inside)
            if object_id not in self._stood:
                self._stood[object_id] = standing_out(tree, inside)

    def step(
        self,
        frame: int,
        embedding: Embedding,
        ids: Collection[int] | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> FrameResult:
        """Return the objects on ``frame``; see :meth:`VideoSession.step`. One that is not seen is lost."""
        if self._last is None:
            raise PromptError("There is no object to follow.", hint="Click on one first.")
        tree = self._tree_of(embedding)
        masks = {id: mask for id, mask in self._masks.items() if ids is None or id in ids}

        def drawn_anew(mask: PlacedMask) -> PlacedMask:
            return self._answer(tree, Prompts(mask=MaskPrompt(mask))).mask

        found = followed(tree, masks, self._last, self._stood, drawn_anew, cancel or CancelToken())
        self._frame, self._last = frame, tree
        self._masks = {object_id: one.soft for object_id, one in found.items()}
        objects = {object_id: Segmentation(one.mask, one.score) for object_id, one in found.items()}
        return FrameResult(frame, objects, frozenset(masks) - frozenset(found))

    def remove(self, object_id: int) -> None:
        """Follow the object no longer."""
        self._masks.pop(object_id, None)
        self._stood.pop(object_id, None)

    def close(self) -> None:
        """Forget all objects."""
        self._masks.clear()
        self._stood.clear()
        self._last = self._frame = None
