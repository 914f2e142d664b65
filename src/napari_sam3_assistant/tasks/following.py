"""The engine's sessions, and what is known of them: whom they have followed, up to which frame."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from napari_sam3_assistant.core.errors import Cancelled
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.engines.protocol import Embedding, VideoSession

Masks = Mapping[int, PlacedMask]
EmbeddingOf = Callable[[int], Embedding]


class Follower:
    """A session whose objects were prompted. All masks and prompts are in pixels of what it sees.

    Parameters
    ----------
    session : VideoSession
        Without objects.
    """

    def __init__(self, session: VideoSession) -> None:
        self._session = session
        self._at: int | None = None
        self._following: frozenset[int] = frozenset()
        self._embedding: Embedding | None = None
        self.prompted: frozenset[int] = frozenset()
        """The objects that it was told of by what was said of them."""

    def known(self, frame: int) -> frozenset[int]:
        """Return the objects that it has followed onto a frame, and can follow on from there."""
        return self._following if frame == self._at else frozenset()

    def prompt(
        self,
        frame: int,
        embedding: Embedding,
        said: Mapping[int, Prompts],
        present: Masks,
        cancel: CancelToken,
    ) -> dict[int, Segmentation]:
        """Return the objects that prompts on a frame are about; ``present`` are those that they correct."""
        self._at = None  # until all are answered, nobody knows what the session has
        found = {
            object_id: self._session.prompt(frame, embedding, object_id, prompts, present.get(object_id), cancel=cancel)
            for object_id, prompts in said.items()
        }
        self._at, self._following, self._embedding = frame, frozenset(found), embedding
        self.prompted |= frozenset(found)
        return found

    def begin(self, frame: int, masks: Masks, embedding_of: EmbeddingOf) -> None:
        """Follow objects on from a frame, beside those that it has followed onto it."""
        known = self.known(frame)
        if masks:
            if frame != self._at or self._embedding is None:
                self._embedding = embedding_of(frame)
            self._at = None
            self._session.begin(frame, self._embedding, masks)
        self._at, self._following = frame, known | frozenset(masks)

    def step(self, frame: int, embedding: Embedding, ids: Collection[int], cancel: CancelToken) -> FrameResult:
        """Return where some of the objects are on the next frame."""
        at, self._at = self._at, None
        try:
            found = self._session.step(frame, embedding, frozenset(ids), cancel=cancel)
        except Cancelled:  # the session is as it was
            self._at = at
            raise
        self._at, self._following, self._embedding = frame, frozenset(ids) - found.lost, embedding
        return found

    def remove(self, object_id: int) -> None:
        """Follow an object no longer."""
        self._following -= {object_id}
        self._session.remove(object_id)

    def close(self) -> None:
        """Give back what the session keeps."""
        self._session.close()


class Finder:
    """A session that finds its objects by words. Its numbers are its own; they become some that nobody else has.

    Parameters
    ----------
    session : VideoSession
        Without objects.
    """

    def __init__(self, session: VideoSession) -> None:
        self._session = session
        self._at: int | None = None
        self._fresh = True
        self._numbers: dict[int, int | None] = {}

    def reach(self, frame: int, there: Masks, embedding_of: EmbeddingOf) -> None:
        """Be ready to go on from a frame, on which objects found before are ``there``, by their numbers."""
        if frame == self._at:
            return
        own = {number: one for one, number in self._numbers.items() if number is not None}
        masks = {own.get(number, number): mask for number, mask in there.items()}
        self._numbers |= dict(zip(masks, there, strict=True))
        if masks or not self._fresh:
            embedding, self._at = embedding_of(frame), None
            self._session.begin(frame, embedding, masks)
        self._at, self._fresh = frame, False

    def look(
        self,
        frame: int,
        embedding: Embedding,
        used: Collection[int],
        not_wanted: Collection[int],
        cancel: CancelToken,
    ) -> FrameResult:
        """Return what is found on a frame.

        Parameters
        ----------
        frame : int
        embedding : Embedding
        used : collection of int
            Numbers that no new object gets.
        not_wanted : collection of int
            Its objects that are others' now, or nobody's.
        cancel : CancelToken
        """
        for one, number in self._numbers.items():
            if number in not_wanted:
                self._session.remove(one)
                self._numbers[one] = None
        at, self._at = self._at, None
        try:
            found = self._session.step(frame, embedding, cancel=cancel)
        except Cancelled:
            self._at = at
            raise
        self._at, self._fresh = frame, False
        for one in sorted(found.objects):
            if one not in self._numbers:
                self._numbers[one] = _free(one, {*used, *not_wanted, *self._numbers.values()})

        numbers = {one: number for one, number in self._numbers.items() if number is not None}
        return FrameResult(
            frame,
            {numbers[one]: item for one, item in found.objects.items() if one in numbers},
            frozenset(numbers[one] for one in found.lost if one in numbers),
            {numbers[one]: name for one, name in found.names.items() if one in numbers},
        )

    def close(self) -> None:
        """Give back what the session keeps."""
        self._session.close()


def _free(number: int, used: Collection[int | None]) -> int:
    if number > 0 and number not in used:
        return number
    return max((one for one in used if one is not None), default=0) + 1
