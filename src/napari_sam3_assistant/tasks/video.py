"""Video: objects followed through depth or time from the frames where they were prompted, one frame a step.

A :class:`Video` is what was said of objects on the frames of a picture, and what was found. A :class:`Propagation`
is one run through it: first what was said and not answered yet, then forward, then backward, only the frames that
are not done. A step reads one frame, encodes it, and carries objects onto it. It is short, so that whoever runs steps
can stop, or do something else, between any two. Nothing is kept of a frame but what the engine needs for the next
one, and masks.

Masks and prompts are in pixels of the plane; frames are positions on one axis of the picture.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from napari_sam3_assistant.core.errors import ImageError, PromptError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import Prompts, Query
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.core.windows import Window, whole
from napari_sam3_assistant.engines.protocol import check_number
from napari_sam3_assistant.tasks.frames import Ahead, Direction
from napari_sam3_assistant.tasks.ledger import Ledger
from napari_sam3_assistant.tasks.plan import WORDS
from napari_sam3_assistant.tasks.propagation import Propagation, Step
from napari_sam3_assistant.tasks.stepping import Stepper
from napari_sam3_assistant.tasks.tracks import Tracks
from napari_sam3_assistant.tasks.view import View

__all__ = ["Propagation", "Step", "Video"]


class Video:
    """What was said of objects on the frames of a picture, what was found, and what the engine remembers.

    Parameters
    ----------
    view : View
        Of the frame where one begins. Its window is looked at in every frame; on a larger plane it moves with the
        objects.
    axis : int
        The axis of the frames.
    tracks : Tracks or None
        What is known already; None for nothing.
    query : Query or None
        Words: what they are about is found on the frame of the view and on all others. The window then stays.

    Raises
    ------
    ImageError
        If the axis lies in the plane.
    """

    def __init__(self, view: View, axis: int, tracks: Tracks | None = None, query: Query | None = None) -> None:
        frame = view.plane.position(axis)
        if frame is None:
            raise ImageError(f"Axis {axis} lies in the plane.", hint="Choose an axis with a slider.")
        self.view, self.axis, self.frame = view, axis, frame
        self.count = view.source.shape[axis]
        self.plane_shape = view.source.plane_shape(view.plane)
        self.tracks = tracks if tracks is not None else Tracks(view.source.identity, view.plane, axis)
        self.ledger = Ledger(self.count)
        self.given: dict[int, dict[int, Prompts]] = {}
        """By frame and object, all that was said."""
        self.unanswered: dict[int, dict[int, Prompts]] = {}
        self.brought: dict[int, frozenset[int]] = {}
        """By frame, the objects that a program has brought there, and not a user."""
        self.query, self.unanswered_words = query, query is not None
        self.by_words: frozenset[int] = frozenset()
        """The objects that were found by words, and not prompted since."""
        self._removed: frozenset[int] = frozenset()
        self._run: Propagation | None = None
        if query is not None:
            self.ledger.say([(WORDS, frame)])
        self.stepper = Stepper(self)

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers that objects have, or had."""
        return self.tracks.ids.union(self.ledger.said, self.by_words, self._removed)

    @property
    def not_found_by_words(self) -> frozenset[int]:
        """The objects that were prompted, and those that were removed: what words find of them does not count."""
        return self._removed.union(self.ledger.said)

    @property
    def open_prompts(self) -> Iterator[Prompts]:
        """What was said and is not answered yet."""
        return (one for said in self.unanswered.values() for one in said.values())

    @property
    def prompted(self) -> dict[Plane, frozenset[int]]:
        """By plane, the objects of which something was said there."""
        return {self.plane_at(frame): frozenset(prompts) for frame, prompts in self.given.items()}

    def plane_at(self, frame: int) -> Plane:
        """Return the plane of a frame."""
        return self.view.plane.at(self.axis, frame)

    def give_on(self, plane: Plane, prompts: Mapping[int, Prompts]) -> None:
        """Say what objects are on a plane of one of the frames; see :meth:`give`.

        Raises
        ------
        PromptError
            If a prompt cannot be used.
        """
        self.give(plane.position(self.axis) or 0, prompts)

    def give(self, frame: int, prompts: Mapping[int, Prompts], *, by_user: bool = True) -> None:
        """Say what objects, by number from 1, are on a frame. It takes the place of what was said of them there.

        A mask alone is what the object is: it is there at once. Anything else is answered by the next run, or by
        the one that goes on. An object that words have found is followed by itself from now on.

        Parameters
        ----------
        frame : int
        prompts : mapping of int to Prompts
            All of each object on this frame, in pixels of the plane.
        by_user : bool
            Whether a user says so, and not a program that brings objects from elsewhere.

        Raises
        ------
        PromptError
            If there is no such frame, a number is below 1, or a prompt is empty or lies outside the plane.
        """
        if not 0 <= frame < self.count:
            raise PromptError(f"There is no frame {frame}.", hint=f"Frames go from 0 to {self.count - 1}.")
        for object_id, one in prompts.items():
            self._check(object_id, one)
        if not prompts:
            return
        self.ledger.say((object_id, frame) for object_id in prompts)
        self.by_words -= set(prompts)
        self._removed -= set(prompts)
        for said in (self.given, self.unanswered):
            said[frame] = {**said.get(frame, {}), **prompts}
        masks = {id: Segmentation(one.mask.mask, 1.0) for id, one in prompts.items() if one.mask and one.is_mask}
        brought = self.brought.get(frame, frozenset()) - set(prompts)
        self.brought[frame] = brought if by_user else brought.union(prompts)
        if masks:
            self.tracks.put(self.plane_at(frame), masks, masks, said=masks if by_user else ())
        self._renew()

    def remove(self, object_id: int) -> list[Plane]:
        """Forget an object; return the planes where it was."""
        self.ledger.remove(object_id)
        self.stepper.remove(object_id)
        if object_id in self.by_words:
            self.by_words -= {object_id}
            self._removed |= {object_id}
        for said in (self.given, self.unanswered):
            for frame in [frame for frame, prompts in said.items() if object_id in prompts]:
                _let_go(said, frame, [object_id])
        self._renew()
        own = (plane for plane in self.tracks.planes if plane.at(self.axis, self.frame) == self.view.plane)
        return self.tracks.drop([object_id], own)

    def run(
        self, direction: Direction = Direction.BOTH, frames: range | None = None, ahead: Ahead | None = None
    ) -> Propagation:
        """Return a run over what is still to be done; it takes the place of one before.

        Parameters
        ----------
        direction : Direction
        frames : range or None
            Those that are wanted, in rising order; None for all.
        ahead : callable or None
            Reads the next frame on another thread; None reads it when its turn comes.

        Raises
        ------
        PromptError
            If there is no object, or nothing left to do.
        """
        self._run = Propagation(self, direction, frames if frames is not None else range(self.count), ahead)
        return self._run

    def has_more(self, direction: Direction = Direction.BOTH, frames: range | None = None) -> bool:
        """Whether a run would find anything that is not known yet."""
        asked = self.unanswered_words or not all(one.is_mask for one in self.open_prompts)
        return asked or bool(self.ledger.legs(frames if frames is not None else range(self.count), direction))

    def copy(self, tracks: Tracks | None = None) -> Video:
        """Return the same, independent of what comes after; the engine remembers nothing of it.

        ``tracks`` are a copy of the tracks, where there is one already.
        """
        other = Video(self.view, self.axis, self.tracks.copy() if tracks is None else tracks, self.query)
        other.frame, other.brought = self.frame, dict(self.brought)
        other.ledger, other.unanswered_words = self.ledger.copy(), self.unanswered_words
        other.by_words, other._removed = self.by_words, self._removed
        other.given = {frame: dict(prompts) for frame, prompts in self.given.items()}
        other.unanswered = {frame: dict(prompts) for frame, prompts in self.unanswered.items()}
        return other

    def close(self) -> None:
        """Give back what the engine keeps of the frames. A later run begins with the masks that are there."""
        self.stepper.close()

    # -- for runs ---------------------------------------------------------------------------------

    def look_at(self, window: Window) -> None:
        """Look at another window of the plane from now on."""
        self.view = replace(self.view, window=window)

    def answered(self, frame: int, ids: Collection[int], *, words: bool) -> None:
        """Note that what was said of objects on a frame is answered."""
        _let_go(self.unanswered, frame, ids)
        self.unanswered_words = self.unanswered_words and not words

    def found_by_words(self, names: Mapping[int, str], asked: Collection[int]) -> None:
        """Note which objects words have found."""
        self.by_words |= (set(names) | (set(asked) & self.tracks.ids)) - self.not_found_by_words

    # -- for records ------------------------------------------------------------------------------

    @property
    def words(self) -> tuple[frozenset[int], frozenset[int], bool]:
        """The objects that words have found, those removed since, and whether words are still to be answered."""
        return self.by_words, self._removed, self.unanswered_words

    def restore_words(self, found: frozenset[int], removed: frozenset[int], waiting: bool) -> None:
        """Take what was known, see :attr:`words`, in place of what is there."""
        self.by_words, self._removed, self.unanswered_words = found, removed, waiting

    def _renew(self) -> None:
        if self._run is not None:
            self._run.renew()

    def _check(self, object_id: int, prompts: Prompts) -> None:
        check_number(object_id)
        if prompts.empty or (prompts.mask is not None and not prompts.mask.mask.area):
            raise PromptError(f"Object {object_id} has no prompt.", hint="Click on it, or draw a box round it.")
        room = self.view.window if self.query is not None else whole(self.plane_shape)
        if replace(self.view, window=room).seen(prompts).empty:
            raise PromptError(f"Object {object_id} lies outside what is looked at.", hint="Prompt it anew.")


def _let_go(said: dict[int, dict[int, Prompts]], frame: int, ids: Collection[int]) -> None:
    """Leave out what was said of objects on a frame. What others may read meanwhile is replaced, not changed."""
    left = {id: one for id, one in said.pop(frame, {}).items() if id not in ids}
    if left:
        said[frame] = left
