"""The work of ``encode`` and ``embeddings``: one plane after another; one that fails does not stop the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from napari_sam3_assistant.cli import screen
from napari_sam3_assistant.cli.embeddings import FOLDER_VARIABLE
from napari_sam3_assistant.core.errors import AssistantError, ModelFolderError, Unsupported
from napari_sam3_assistant.engines.storing import StoreOptions
from napari_sam3_assistant.engines.weights.amounts import gigabytes
from napari_sam3_assistant.tasks.ahead import Encoder, Planes

GIB = 2**30


@dataclass(frozen=True, slots=True)
class Options:
    """What ``encode`` was told."""

    engine: str
    model: Path | None
    device: str | None
    folder: Path | None
    limit_gib: float
    channel_axis: int | None
    rgb: bool | None


@dataclass(slots=True, eq=False)
class _Summary:
    """How many planes have been encoded, were there, are too large, and could not be read or encoded."""

    new: int = 0
    there: int = 0
    large: int = 0
    failed: int = 0
    problem: AssistantError | None = field(default=None)


def run(images: Sequence[str], options: Options) -> int:
    """Encode every plane of ``images`` that is not on the disk, and return the exit code."""
    from napari_sam3_assistant.engines.store import Store, default_folder

    kept = StoreOptions((options.folder or default_folder()).expanduser(), int(options.limit_gib * GIB))
    summary, stopped = _Summary(), False
    try:
        with _encoder(options, kept) as encoder:
            if encoder.counts.problem is not None:  # before the model is loaded, which takes longest
                raise encoder.counts.problem
            screen.note(encoder.reason)
            encoder.load()
            try:
                for number, image in enumerate(images, 1):
                    _one(f"[{number}/{len(images)}] {image}", image, options, encoder, summary)
                    if summary.problem is not None:
                        break
            except KeyboardInterrupt:
                stopped = True
    except AssistantError as error:
        screen.stop(error)
    summary.problem = summary.problem or encoder.counts.problem
    lost, summary.new = summary.new - encoder.counts.written, encoder.counts.written
    count, size = Store(kept).totals()
    screen.emit(f"{_told(summary)}. {_plural(count, 'embedding')}, {gigabytes(size)}, in {kept.folder}\n")
    if summary.problem is None:
        _tell_room(lost, summary.new and count, size, kept)
    if stopped:
        screen.note("Stopped. The same command goes on from here.")
        return screen.STOPPED
    if summary.problem is not None:
        screen.complain(summary.problem)
    return screen.FAILED if summary.failed or summary.problem is not None else 0


def tell(folder: Path | None, *, clear: bool) -> int:
    """Say what a folder of embeddings holds, or empty it, and return the exit code."""
    from napari_sam3_assistant.engines.store import Store, default_folder

    named = folder or (Path(os.environ[FOLDER_VARIABLE]) if os.environ.get(FOLDER_VARIABLE) else default_folder())
    store = Store(StoreOptions(named.expanduser()))
    count, size = store.totals()
    if not clear:
        screen.emit(f"{_plural(count, 'embedding')}, {gigabytes(size)}, in {store.folder}\n")
        return 0
    freed = store.clear()
    screen.emit(f"Removed {gigabytes(freed)} from {store.folder}\n")
    left, _ = store.totals()
    if left:
        screen.note(f"{_plural(left, 'embedding')} could not be removed: another program has them open, or owns them.")
    return screen.FAILED if left else 0


def _tell_room(lost: int, count: int, size: int, kept: StoreOptions) -> None:
    """Say what the size of the folder was too small for, and that the next embedding takes the place of others."""
    if lost:
        screen.note(f"{lost} encoded and not kept: what was made of them is larger than --limit-size, or no numbers.")
    if count and size + size / count > kept.most_bytes:
        most = gigabytes(kept.most_bytes)
        screen.note(f"The folder is full: of {most}, the least recently used make room. --limit-size gives it more.")


def _encoder(options: Options, kept: StoreOptions) -> Encoder:
    try:
        return Encoder(options.engine, options.model, kept, device=options.device)
    except (Unsupported, ModelFolderError) as error:
        screen.stop(error, screen.WRONG_USE)


def _one(title: str, image: str, options: Options, encoder: Encoder, summary: _Summary) -> None:
    """Encode the planes of one image, and say what came of it."""
    before = replace(summary)
    try:
        planes = Planes(image, options.rgb, options.channel_axis)
    except AssistantError as error:
        summary.failed += 1
        screen.complain(error, title)
        return
    with screen.working(title) as update:
        for number, plane in enumerate(planes, 1):
            where = f"{title}: plane {number} of {len(planes)}"
            _plane(where, lambda tell, plane=plane: encoder.keep(planes, plane, tell), update, summary)
            summary.problem = encoder.counts.problem
            if summary.problem is not None:
                return
    done = _Summary(*(getattr(summary, name) - getattr(before, name) for name in ("new", "there", "large", "failed")))
    screen.note(f"{title}: {_told(done)}")


def _plane(where: str, keep: Callable[..., str], update: Callable[[str], None], summary: _Summary) -> None:
    def tell(fraction: float | None, message: str = "") -> None:
        update(f"{where}: {message}" + ("" if fraction is None else f" {fraction:.0%}"))

    tell(None, "looked for on the disk")
    try:
        became = keep(tell)
    except AssistantError as error:
        summary.failed += 1
        screen.complain(error, where)
        return
    setattr(summary, became, getattr(summary, became) + 1)


def _told(summary: _Summary) -> str:
    """Return what came of it, in words."""
    parts = [f"{summary.new} new", f"{summary.there} there already"]
    if summary.large:
        parts.append(f"{summary.large} left out: more than 2048 px a side")
    if summary.failed:
        parts.append(f"{summary.failed} failed")
    return ", ".join(parts)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
