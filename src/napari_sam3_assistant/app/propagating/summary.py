"""What came of a run through a stack, in words."""

from __future__ import annotations

from collections.abc import Iterable

from napari_sam3_assistant.app.hints import count_of
from napari_sam3_assistant.app.propagating.words import FEW, frames_in_words, objects_in_words
from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.tasks.video import Step


class Summary:
    """What came of a run: which frames were left out, which objects are gone, and which were not seen.

    Parameters
    ----------
    over : str
        What a second axis is called, at each position of which objects are followed; empty where there is none.
        That an object ends along the first one is no news then.
    """

    def __init__(self, over: str = "") -> None:
        self._over = over
        self._gone: list[str] = []
        self._left_out: dict[Plane, int] = {}
        self._unseen: dict[int, set[int]] = {}
        self._leaving: set[int] = set()
        self.problem: AssistantError | None = None
        """Why the first of those frames was left out."""

    def take(self, step: Step) -> None:
        """Note what came of a frame."""
        frame = step.found.frame
        if step.problem is not None:
            self._left_out[step.plane] = frame
            self.problem = self.problem or step.problem
        self._leaving |= step.leaving
        if step.problem is not None or self._over:
            return
        if step.lost:
            on = step.legs[0].frames.step if step.legs else 0
            side = "before" if on < 0 else "after"
            self._gone.append(f"{objects_in_words(step.lost)} gone {side} frame {frame - on}.")
        for id in step.asked - step.lost - step.found.objects.keys() - step.said:
            self._unseen.setdefault(id, set()).add(frame)

    def take_ended(self, ended: Iterable[tuple[int, int]]) -> None:
        """Note of which objects nothing was left, and the position of the second axis after which that was so."""
        self._gone += [f"{objects_in_words([id])} gone after {self._over} {position}." for id, position in ended]

    def sentences(self) -> list[str]:
        """Return it in words."""
        said = list(self._gone[:3])
        if len(self._gone) > 3:
            said.append("Others end elsewhere: see the strip.")
        for id, frames in sorted(self._unseen.items())[:3]:
            said.append(f"Object {id} was not seen on {frames_in_words(frames)}.")
        if len(self._unseen) > 3:
            said.append(f"{count_of(len(self._unseen) - 3)} more were not seen on some frames.")
        if self._leaving:
            said.append(f"{objects_in_words(self._leaving)} cut off at the edge of the ROI: follow them by themselves.")
        count = len(self._left_out)
        if count and self._over:
            said.append(f"Left out: {count} plane{'' if count == 1 else 's'}.")
        elif count:
            many = f" ({count} in all)" if count > FEW else ""
            said.append(f"Left out: {frames_in_words(self._left_out.values())}{many}.")
        return said
