"""Which window of a plane answers: the rule, a fixed side, or the whole plane because the user says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import union
from napari_sam3_assistant.core.prompts import BoxPrompt, PointPrompt, Prompts, Query
from napari_sam3_assistant.core.windows import WHOLE_SIDE, Window, choose_window, whole

SIDES = (512, 1024, 2048, 4096, 8192)
"""The sides, in pixels, of which a user may fix one."""
MOST_SIDE = SIDES[-1]
"""A window that holds the points of one object is no longer than this."""


@dataclass(frozen=True, slots=True)
class WindowRule:
    """What a user has chosen about windows: nothing, a fixed side, or the whole plane.

    Attributes
    ----------
    side : int or None
        A fixed side in pixels, for planes that are larger; None applies the rule of
        :mod:`~napari_sam3_assistant.core.windows`.
    whole : bool
        Whether the whole plane is looked at, whatever its size.
    """

    side: int | None = None
    whole: bool = False

    def takes_whole(self, shape: tuple[int, int]) -> bool:
        """Return whether a plane of this shape is looked at as a whole, whatever is asked."""
        return self.whole or max(shape) <= (self.side or WHOLE_SIDE)

    def for_prompts(self, shape: tuple[int, int], prompts: Prompts, kept: Iterable[Window] = ()) -> Window:
        """Return the window that answers ``prompts``.

        Parameters
        ----------
        shape : tuple of int
            Height and width of the plane, in pixels.
        prompts : Prompts
            In pixels of the plane.
        kept : iterable of Window
            Windows in use, the object's own first: the first one that still serves is returned again.

        Raises
        ------
        PromptError
            If no prompt lies on the plane, or the points lie too far apart for one object.
        """
        if self.takes_whole(shape):
            return whole(shape)
        _check_spread(prompts)
        for window in kept:
            if choose_window(shape, prompts, window, side=self.side) == window:
                return window
        return choose_window(shape, prompts, side=self.side)

    def for_query(self, shape: tuple[int, int], query: Query, view: Window | None) -> Window:
        """Return the window that answers ``query``: where its examples are, and what is in view.

        Parameters
        ----------
        shape : tuple of int
            Height and width of the plane, in pixels.
        query : Query
            Examples in pixels of the plane.
        view : Window or None
            What of the plane is in view; None where that is not known.

        Raises
        ------
        PromptError
            If no example lies on the plane.
        """
        if self.takes_whole(shape):
            return whole(shape)
        boxes = [one.box for one in query.exemplars]
        if not boxes:
            return self.in_view(shape, view)
        if self.side is None and view is not None and max(view.shape) <= WHOLE_SIDE:
            boxes.append(view.box)
        return choose_window(shape, Prompts(box=BoxPrompt(union(boxes))), side=self.side)

    def in_view(self, shape: tuple[int, int], view: Window | None) -> Window:
        """Return the window of a question that says no place: what is in view, or a fixed side in its middle."""
        view = view or whole(shape)
        if self.side is None:
            return choose_window(shape, Prompts(box=BoxPrompt(view.box))) if max(view.shape) <= WHOLE_SIDE else view
        return choose_window(shape, Prompts((PointPrompt(*view.box.center),)), side=self.side)


def _check_spread(prompts: Prompts) -> None:
    """Check that the points of an object lie in one window: else a click far away would read half the plane."""
    if len(prompts.points) < 2:
        return
    height, width = Prompts(prompts.points).extent().size
    if max(height, width) > MOST_SIDE:
        raise PromptError(
            f"The points of this object lie {max(height, width):,.0f} px apart.",
            hint="Take the last one back (Ctrl+Z) and press N: the next click then begins another object.",
        )


BY_SIZE = WindowRule()
"""What is so unless the user chooses."""
