"""The work of ``propagate``: frame after frame, written as they come; stopped at any time, and gone on with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_sam3_assistant.cli import screen
from napari_sam3_assistant.cli.stack_arguments import TypedOnFrames
from napari_sam3_assistant.core.errors import AssistantError, ImageError, ModelFolderError, Unsupported
from napari_sam3_assistant.export.images import read_labels
from napari_sam3_assistant.tasks.followed import Followed
from napari_sam3_assistant.tasks.propagation import Step
from napari_sam3_assistant.tasks.stack_output import Target
from napari_sam3_assistant.tasks.stack_run import Ask, StackRun

Say = Callable[[str], None]
MOST_NAMED = 8
"""So many frames are named in a message, of more it says how many."""


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """What ``propagate`` was told."""

    stack: str
    prompts: TypedOnFrames
    masks: tuple[tuple[Path, int | None], ...]
    axis: int | str | None
    frames: tuple[int | None, int | None] | None
    direction: str
    plane: Sequence[int] | Mapping[str, int] | None
    window: int | tuple[int, int, int, int] | None
    channel_axis: int | None
    rgb: bool | None
    engine: str
    model: Path | None
    out: Path | None
    format: str
    resume: bool
    overwrite: bool
    server: str | None = None
    token: str | None = None
    python: str | None = None


def run(options: Options, say: Say) -> int:
    """Follow objects through a stack, show what came out on standard output, and return the exit code.

    Frames that cannot be read are left out and named, and are no failure.
    """
    try:
        started = _started(options)
    except (Unsupported, ModelFolderError) as error:
        screen.stop(error, screen.WRONG_USE)
    except AssistantError as error:
        screen.stop(error)
    with started as work:
        say(work.reason)
        if work.resumed:
            say(f"Going on with {_name(work)}: {work.total} frames to do." if work.total else "Nothing is left to do.")
        elif options.resume:
            say("There is no record of an earlier run: beginning anew.")
        try:
            followed = _through(work, options, say)
        except KeyboardInterrupt:
            say(f"Stopped after {work.done} of {work.total} frames. {_kept(work)}")
            return screen.STOPPED
        except AssistantError as error:
            screen.complain(error, f"After {work.done} of {work.total} frames")
            say(_kept(work))
            return screen.FAILED
    screen.show(_table(followed))
    if followed.problems:
        say(_unread(followed.problems))
    say(f"Saved {followed.saved} and {followed.table}.")
    return 0


def _started(options: Options) -> StackRun:
    typed = options.prompts
    folder = options.out or Path(options.stack).expanduser().absolute().parent
    ask = Ask(
        typed.points,
        typed.boxes,
        dict(_mask(file, frame, options) for file, frame in options.masks),
        typed.texts,
        options.axis,
        options.frames,
        options.direction,
        options.plane,
        options.window,
        options.channel_axis,
        options.rgb,
    )
    target = Target(folder, options.format, options.overwrite, options.resume)
    return StackRun(
        options.stack,
        ask,
        target,
        options.engine,
        options.model,
        server=options.server,
        token=options.token,
        python=options.python,
    )


def _mask(path: Path, frame: int | None, options: Options) -> tuple[int, Any]:
    """Return the frame of a mask, and the mask."""
    saved = read_labels(path)
    if saved.labels.ndim != 2:
        raise ImageError(f"{path.name} has shape {saved.labels.shape}.", hint="Give a mask of one frame.")
    if frame is None and saved.place.plane is not None and len(saved.place.plane) == 1:
        ((_, frame),) = saved.place.plane
    if frame is None:
        raise ImageError(f"{path.name} does not say of which frame it is.", hint="Give --mask-frame Z.")
    return frame, saved.labels


def _through(work: StackRun, options: Options, say: Say) -> Followed:
    title = Path(options.stack).name
    with screen.working(title) as update:

        def tell(fraction: float | None, message: str = "") -> None:
            update(f"{title}: {message}" + ("" if fraction is None else f" {fraction:.0%}"))

        for step in work.steps(tell):
            _say_step(step, say)
        update(f"{title}: writing")
        return work.finish(lambda fraction, _="": tell(fraction, "writing"))


def _say_step(step: Step, say: Say) -> None:
    frame = step.found.frame
    if step.problem is not None:
        say(f"Left out: {step.problem.message}")
    for id in sorted(step.lost):
        say(f"Object {id} is gone on frame {frame}.")


def _name(work: StackRun) -> str:
    return "the record" if work.output is None else work.output.record.name


def _kept(work: StackRun) -> str:
    """Return where what is done can be seen, and how to go on."""
    kept = "" if work.output is None else f"What is done is in {work.output.kept}. "
    return f"{kept}To go on, give the same command with --resume."


def _unread(problems: Mapping[int, str]) -> str:
    some = ", ".join(map(str, sorted(problems)[:MOST_NAMED]))
    more = f" and {len(problems) - MOST_NAMED} more" if len(problems) > MOST_NAMED else ""
    return f"Warning: {len(problems)} frame(s) could not be read and have no masks: {some}{more}."


def _table(followed: Followed) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("object", "frames", "first", "last", "mean area px", "mean score", "doubtful"):
        table.add_column(name, justify="right", no_wrap=True)
    rows = followed.rows
    for id in followed.objects:
        own = [row for row in rows if row.object_id == id]
        area, score = (sum(values) / len(own) for values in ([row.area for row in own], [row.score for row in own]))
        doubtful = sum(bool(row.why) for row in own)
        cells = len(own), own[0].frame, own[-1].frame, f"{area:.0f}", f"{score:.2f}", doubtful
        table.add_row(str(id), *map(str, cells))
    return table
