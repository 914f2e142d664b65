"""The work of ``segment``: one image after another; one that fails does not stop the others."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_sam3_assistant import __version__
from napari_sam3_assistant.cli import screen
from napari_sam3_assistant.cli.arguments import Options
from napari_sam3_assistant.core.errors import AssistantError, ImageError, ModelFolderError, Unsupported
from napari_sam3_assistant.core.labels import to_masks
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.export.images import read_labels
from napari_sam3_assistant.export.own_masks import is_own_mask
from napari_sam3_assistant.export.pictures import read_image
from napari_sam3_assistant.export.stacks import Picture
from napari_sam3_assistant.tasks.asked import MaskLike
from napari_sam3_assistant.tasks.objects import Result, make_folder
from napari_sam3_assistant.tasks.segmenter import Segmenter

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of one image: a result, its file and what that does not show; or an error (and perhaps a result)."""

    image: str
    result: Result | None = None
    saved: Path | None = None
    covered: tuple[int, ...] = ()
    error: AssistantError | None = None


def run(images: Sequence[str], options: Options, *, as_json: bool, say: Say) -> int:
    """Segment ``images``, show what came out on standard output, and return the exit code."""
    outcomes: list[Outcome] = []
    stopped = False
    images = _pictures(images, say)
    try:
        with _segmenter(options) as segmenter:
            say(segmenter.reason)
            if options.prompts.texts:
                segmenter.check_reads()
            files = _Files(_masks(options), _crop(options))
            if options.out is not None:
                make_folder(options.out.expanduser())
            _each(images, options, segmenter, files, outcomes, say)
    except KeyboardInterrupt:
        stopped = True
        say(f"Stopped after {len(outcomes)} of {len(images)} images.")
    except AssistantError as error:  # before the first image: of a file of prompts or the folder
        screen.stop(error)
    if as_json:
        screen.emit(json.dumps(_report(outcomes), indent=2) + "\n")
    elif outcomes:
        screen.show(_table(outcomes))
    if stopped:
        return screen.STOPPED
    return screen.FAILED if any(outcome.error for outcome in outcomes) else 0


def _pictures(images: Sequence[str], say: Say) -> Sequence[str]:
    """Return ``images`` without masks of earlier runs, which ``*.tif`` takes too; one alone is what was meant."""
    if len(images) < 2:
        return images
    masks = [image for image in images if is_own_mask(Path(image).expanduser())]
    if len(masks) == len(images):
        screen.stop(ImageError("All these files are masks of earlier runs.", hint="Name one alone to segment it."))
    if masks:
        names = ", ".join(Path(mask).name for mask in masks[:3]) + (
            f" and {len(masks) - 3} more" if len(masks) > 3 else ""
        )
        what = "a mask of an earlier run" if len(masks) == 1 else f"{len(masks)} masks of earlier runs"
        say(f"Left out {what}: {names}. Name one alone to segment it.")
    left_out = set(masks)
    return [image for image in images if image not in left_out]


def _segmenter(options: Options) -> Segmenter:
    try:
        return Segmenter(
            options.engine, options.model, server=options.server, token=options.token, python=options.python
        )
    except (Unsupported, ModelFolderError) as error:
        screen.stop(error, screen.WRONG_USE)


@dataclass(frozen=True, slots=True, eq=False)
class _Files:
    """What was read once for all images: masks, and an example in a picture of its own."""

    masks: list[MaskLike]
    crop: Picture | None


def _crop(options: Options) -> Picture | None:
    return None if options.prompts.crop is None else read_image(options.prompts.crop.file)


def _masks(options: Options) -> list[MaskLike]:
    """Return the masks of files; one that was saved of a part of a plane lies where it was."""
    masks: list[MaskLike] = []
    for path in options.mask_files:
        saved = read_labels(path)
        if saved.labels.ndim != 2:
            raise ImageError(f"{path.name} has shape {saved.labels.shape}.", hint="Give a mask of one plane.")
        offset = saved.place.offset
        if offset is None or saved.place.plane_shape in (None, saved.labels.shape):
            masks.append(saved.labels)
        else:
            masks.extend(to_masks(saved.labels, (offset[0], offset[1])).values())
    return masks


def _each(
    images: Sequence[str],
    options: Options,
    segmenter: Segmenter,
    files: _Files,
    outcomes: list[Outcome],
    say: Say,
) -> None:
    for number, image in enumerate(images, 1):
        title = f"[{number}/{len(images)}] {image}"
        with screen.working(title) as update:

            def tell(fraction: float | None, message: str = "", *, update: Say = update, title: str = title) -> None:
                update(f"{title}: {message}" + ("" if fraction is None else f" {fraction:.0%}"))

            outcome = _one(image, options, segmenter, files, tell)
        outcomes.append(outcome)
        if outcome.error is not None:
            screen.complain(outcome.error, title)
        elif outcome.result is not None:
            for note in outcome.result.notes:
                say(f"{title}: {note}")
            say(f"{title}: {_count(outcome.result)}, {outcome.saved or 'nothing to save'}{_looked_at(outcome.result)}")
            if outcome.covered:
                say(f"{title}: {_covered(outcome.covered)}")


def _one(image: str, options: Options, segmenter: Segmenter, files: _Files, tell: Any) -> Outcome:
    result = None
    prompts = options.prompts
    try:
        result = segmenter.segment(
            image,
            points=prompts.points,
            boxes=prompts.boxes,
            masks=files.masks,
            exemplars=prompts.exemplars,
            exemplar_image=files.crop,
            exemplar_box=None if prompts.crop is None else prompts.crop.box,
            text=prompts.texts,
            everything=prompts.everything,
            points_per_side=options.points_per_side,
            threshold=options.threshold,
            plane=options.plane,
            window=options.window,
            channel_axis=options.channel_axis,
            rgb=options.rgb,
            progress=tell,
        )
        if not any(one.area for one in result.objects):
            return Outcome(image, result)
        folder = (options.out or Path(image).expanduser().absolute().parent).expanduser().absolute()
        saved = result.save(folder, format=options.format, folder=True)
        return Outcome(image, result, saved, result.covered)
    except AssistantError as error:
        return Outcome(image, result, error=error)


def _count(result: Result) -> str:
    return f"{len(result.objects)} object{'' if len(result.objects) == 1 else 's'}"


def _covered(labels: tuple[int, ...]) -> str:
    """Return which objects the file does not show, in words."""
    some = ", ".join(map(str, labels[:8])) + (f" and {len(labels) - 8} more" if len(labels) > 8 else "")
    return f"The file shows nothing of {some}: better objects lie on all their pixels. Ask for them alone."


def _looked_at(result: Result) -> str:
    """Return which part of a large plane was looked at, in words."""
    parts = [window for window in result.windows if window != whole(result.shape)]
    if not parts:
        return ""
    words = "; ".join(f"{w.top},{w.left},{w.bottom},{w.right}" for w in parts[:4])
    return f" (looked at {words} of {result.shape[0]} x {result.shape[1]}; --window looks elsewhere)"


def _table(outcomes: Sequence[Outcome]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("file", overflow="fold")
    table.add_column("prompt")
    for name in ("object", "score", "area px"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("saved", overflow="fold")
    table.add_column("ms", justify="right", no_wrap=True)
    for outcome in outcomes:
        name, saved = Path(outcome.image).name or outcome.image, str(outcome.saved or "")
        result = outcome.result
        if outcome.error is not None or result is None:
            table.add_row(Text(name), Text("failed", "red"))
            continue
        first = Text(name), Text(saved), f"{result.encode_ms + result.decode_ms:.0f}"
        if not result.objects:
            table.add_row(first[0], "nothing found", "", "", "", *first[1:])
        for one in result.objects:
            file, *rest = first if one is result.objects[0] else ("", "", "")
            table.add_row(file, Text(one.prompt), str(one.label), f"{one.score:.2f}", str(one.area), *rest)
    return table


def _report(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return what ``--json`` prints; the page on the shell describes it."""
    return {"version": __version__, "images": [_entry(outcome) for outcome in outcomes]}


def _entry(outcome: Outcome) -> dict[str, Any]:
    entry: dict[str, Any] = {"image": outcome.image, "ok": outcome.error is None}
    entry["saved"] = None if outcome.saved is None else str(outcome.saved)
    if outcome.error is not None:
        error = outcome.error
        entry["error"] = {"kind": type(error).__name__, "message": error.message, "hint": error.in_shell}
    result = outcome.result
    if result is not None:
        entry["covered"] = list(outcome.covered)
        entry |= {
            "engine": result.engine,
            "shape": list(result.shape),
            "windows": [[w.top, w.left, w.bottom, w.right] for w in result.windows],
            "encode_ms": round(result.encode_ms, 1),
            "decode_ms": round(result.decode_ms, 1),
            "notes": list(result.notes),
            "objects": [
                {
                    "label": one.label,
                    "prompt": one.prompt,
                    "class": one.class_name or None,
                    "class_value": one.class_value or None,
                    "score": round(one.score, 4),
                    "area": one.area,
                    "box": None if one.box is None else list(one.box),
                }
                for one in result.objects
            ],
        }
    return entry
