"""What is said of a propagation, before, meanwhile and at its end; and what an engine does not take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from napari_sam3_assistant.app.hints import count_of
from napari_sam3_assistant.app.propagating.saying import Saying
from napari_sam3_assistant.core.errors import AssistantError, PromptError, Unsupported
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.engines.protocol import VideoLimits
from napari_sam3_assistant.tasks.video import Step

NO_FRAMES = "{} has no frames to go through."
NO_FRAMES_HINT = "Choose a stack or a film: an image with a slider of depth or time. For one plane, choose 2D."
NO_SESSION = "No active {}video session."
NO_SESSION_HINT = "Run a 3D/video task first."
GONE = "The previous {}video session is no longer active."
EXPIRED = "The {}video session expired or was cancelled."
AGAIN = "Run a new 3D/video preview before propagating again."
STARTED = "Started video propagation from frame {}."
READY = "Video session ready: {}"
GOES_ON = "Propagating existing session {}."
LOCAL = "3D/video local ROI ON: using fixed XY ROI ({} x {}) across all frames; y={}:{}, x={}:{}."
RESUME = "Propagate goes on with what is left."
ELSEWHERE = "This slice is not one of the session's."
BACK = "Move the other sliders back, and turn the axes as they were."
FEW = 4
"""So many frames are named; of more, how many there are."""


def frames_in_words(frames: Collection[int]) -> str:
    """Return frames by their numbers, the first few of many: ``"frames 3, 4, 5, 6 and 12 more"``."""
    ordered = sorted(frames)
    named = ", ".join(map(str, ordered[:FEW]))
    more = f" and {len(ordered) - FEW} more" if len(ordered) > FEW else ""
    return f"frame{'' if len(ordered) == 1 else 's'} {named}{more}"


def objects_in_words(ids: Collection[int]) -> str:
    """Return objects by their numbers: ``"Objects 1, 2 are"``."""
    named = ", ".join(map(str, sorted(ids)))
    return f"Object {named} is" if len(ids) == 1 else f"Objects {named} are"


def local_roi(window: Window) -> str:
    """Return that a window is looked at on all frames."""
    height, width = window.shape
    return LOCAL.format(width, height, window.top, window.bottom, window.left, window.right)


def check_range(first: int, last: int | None, count: int) -> range:
    """Return the frames that are wanted, cut to those there are.

    Raises
    ------
    PromptError
        If there are none.
    """
    end = count - 1 if last is None else min(last, count - 1)
    wanted = range(max(first, 0), end + 1)
    if not wanted:
        said = f"from {first} to {'the last' if last is None else last}"
        raise PromptError(f"The range of frames is empty: {said}.", hint=f"Frames go from 0 to {count - 1}.")
    return wanted


def inside(sayings: Sequence[Saying], frames: range, on_screen: int) -> tuple[list[Saying], str]:
    """Return what was said on frames of the range, and in words what is left out.

    Raises
    ------
    PromptError
        If something is said outside on the frame on screen, or everywhere: it names the frames.
    """
    kept = [one for one in sayings if one.frame in frames]
    outside = {one.frame for one in sayings} - set(frames)
    if outside and (on_screen in outside or not kept):
        named = {on_screen} if on_screen in outside else outside
        raise PromptError(
            f"What is said on {frames_in_words(named)} lies outside the range of frames {frames[0]} to {frames[-1]}.",
            hint="Widen the range, or move the slider into it.",
        )
    return kept, f"What is said on {frames_in_words(outside)}, outside the range, is left out." if outside else ""


def check_limits(sayings: Iterable[Saying], limits: VideoLimits, title: str, instead: str) -> None:
    """Check that an engine takes what is said, before it is asked.

    Parameters
    ----------
    sayings : iterable of Saying
    limits : VideoLimits
    title : str
        Of the engine.
    instead : str
        What to do for a kind of prompt that it does not take.

    Raises
    ------
    PromptError, Unsupported
        Naming the frame.
    """
    boxes: Counter[int] = Counter()
    for one in sayings:
        _check_kinds(one, limits, title, instead)
        boxes[one.frame] += one.prompts.box is not None
        if limits.max_boxes is not None and boxes[one.frame] > limits.max_boxes:
            most = _at_most(limits.max_boxes, "initial visual box")
            raise PromptError(
                f"{title} 3D/video propagation supports {most} per prompted frame; frame {one.frame} has more.",
                hint="Use one box, or points, or make the masks first with the task 2D.",
            )


def _check_kinds(one: Saying, limits: VideoLimits, title: str, instead: str) -> None:
    prompts = one.prompts
    if not limits.masks and (prompts.mask is not None or one.mask is not None):
        raise Unsupported(
            f"Labels-mask prompts are not supported by {title} for 3D/video propagation (frame {one.frame}).",
            hint="Use a box or point prompt on that frame, or run labels-mask prompting as a 2D image task.",
        )
    for kind, used, taken in (
        ("point", bool(prompts.points), limits.points),
        ("box", prompts.box is not None and prompts.mask is None, limits.boxes),
    ):
        if used and not taken:
            raise Unsupported(f"{title} video takes no {kind} prompts (frame {one.frame}).", hint=instead)
    if limits.max_points is not None and len(prompts.points) > limits.max_points:
        raise PromptError(
            f"{title} video point prompts support up to {limits.max_points} points per request; object {one.number} "
            f"has {len(prompts.points)} on frame {one.frame}.",
            hint="Use fewer points or split corrections into separate runs.",
        )
    if prompts.points and (prompts.box is not None or prompts.mask is not None) and not limits.mixes:
        raise Unsupported(
            f"{title} video point prompts cannot be combined with text or box prompts in one request "
            f"(frame {one.frame}).",
            hint="Use points alone for tracker refinement, or run a separate text/box 3D prompt.",
        )


def check_points(sayings: Iterable[Saying], known: Collection[int]) -> None:
    """Check that each object which begins with points has a positive one.

    Raises
    ------
    PromptError
        Naming the frame.
    """
    there = list(sayings)
    begun = {*known, *(one.number for one in there if one.mask is not None or one.prompts.positive)}
    begun |= {one.number for one in there if one.prompts.box is not None or one.prompts.mask is not None}
    for one in there:
        if one.number not in begun:
            raise PromptError(
                f"Object {one.number} has only negative points (frame {one.frame}).",
                hint="Click on the object first; a negative point then takes a part away.",
            )


def _at_most(count: int, noun: str) -> str:
    return f"one {noun}" if count == 1 else f"up to {count} {noun}es"


class Summary:
    """What came of a run: which frames were left out, which objects are gone, and which were not seen."""

    def __init__(self) -> None:
        self._gone: list[str] = []
        self._left_out: set[int] = set()
        self._unseen: dict[int, set[int]] = {}
        self.problem: AssistantError | None = None
        """Why the first of those frames was left out."""

    def take(self, step: Step) -> None:
        """Note what came of a frame."""
        frame = step.found.frame
        if step.problem is not None:
            self._left_out.add(frame)
            self.problem = self.problem or step.problem
            return
        if step.lost:
            on = step.legs[0].frames.step if step.legs else 0
            side = "before" if on < 0 else "after"
            self._gone.append(f"{objects_in_words(step.lost)} gone {side} frame {frame - on}.")
        for id in step.asked - step.lost - step.found.objects.keys() - step.said:
            self._unseen.setdefault(id, set()).add(frame)

    def sentences(self) -> list[str]:
        """Return it in words."""
        said = list(self._gone[:3])
        if len(self._gone) > 3:
            said.append(f"{len(self._gone) - 3} more are gone.")
        for id, frames in sorted(self._unseen.items())[:3]:
            said.append(f"Object {id} was not seen on {frames_in_words(frames)}.")
        if len(self._unseen) > 3:
            said.append(f"{count_of(len(self._unseen) - 3)} more were not seen on some frames.")
        if self._left_out:
            many = f" ({len(self._left_out)} in all)" if len(self._left_out) > FEW else ""
            said.append(f"Left out: {frames_in_words(self._left_out)}{many}.")
        return said
