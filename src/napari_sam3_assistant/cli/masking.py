"""The work of ``masks``: one file after another; one that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam3_assistant.cli import screen
from napari_sam3_assistant.core.errors import AssistantError, SaveError
from napari_sam3_assistant.core.progress import Watch
from napari_sam3_assistant.export.annotated import OBJECT, Annotated, LabelClass, Meaning
from napari_sam3_assistant.export.exports import EXPORTS, export_masks, import_masks, kind_of
from napari_sam3_assistant.export.names import picture_stem
from napari_sam3_assistant.export.painting import Imported
from napari_sam3_assistant.export.places import Place
from napari_sam3_assistant.masks import cleanup, holes, morphology
from napari_sam3_assistant.masks import merge as merging
from napari_sam3_assistant.masks.edits import Edit
from napari_sam3_assistant.masks.placed import Placed
from napari_sam3_assistant.tasks.objects import make_folder

Say = Callable[[str], None]
Step = Callable[[Any, Watch], Edit | None]
OVERLAPS = {
    "earlier": merging.Overlap.EARLIER,
    "later": merging.Overlap.LATER,
    "larger": merging.Overlap.LARGER,
    "smaller": merging.Overlap.SMALLER,
    "background": merging.Overlap.BACKGROUND,
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where files go: a folder (None: beside each), a format (None: that of each), and the end of their names there."""

    folder: Path | None
    kind: str | None
    overwrite: bool
    beside: str = ""

    def path(self, source: Path, stem: str) -> Path:
        """Return the path of the file that is made of ``source``."""
        kind = self.kind or kind_of(source) or "tiff"
        folder = source.parent if self.folder is None else self.folder
        end = self.beside if self.folder is None else ""
        return folder.expanduser().absolute() / f"{stem}{end}{EXPORTS[kind].suffix}"


def steps(
    remove_small: int, fill_holes: int | None, smooth: int, *, keep_largest: bool, clear_border: bool
) -> tuple[Step, ...]:
    """Return the operations that were asked for, in the order in which they are done."""
    found: list[Step] = []
    if remove_small:
        found.append(lambda labels, watch: cleanup.remove_small(labels, remove_small, watch=watch))
    if fill_holes is not None:
        found.append(lambda labels, watch: holes.fill_holes(labels, fill_holes, watch=watch))
    if smooth:
        found.append(lambda labels, watch: morphology.smooth(labels, smooth, watch=watch))
    if keep_largest:
        found.append(lambda labels, watch: cleanup.keep_largest(labels, watch=watch))
    if clear_border:
        found.append(lambda labels, watch: cleanup.clear_border(labels, watch=watch))
    return tuple(found)


def clean(
    files: Sequence[Path], operations: Sequence[Step], target: Target, size: tuple[int, int] | None, say: Say
) -> int:
    """Clean each file and return the exit code."""

    def work(one: Imported, watch: Watch) -> tuple[Imported, str]:
        labels, changed = np.array(one.labels), 0
        for at, operation in enumerate(operations):
            edit = operation(labels, watch.share(at / len(operations), (at + 1) / len(operations)))
            if edit is not None:
                changed += edit.changed
                edit.write(labels)
        return replace(one, labels=labels), f"{changed:,} pixel(s) changed"

    return _each(
        files, target, size, work, lambda one, path: export_masks(_meant(one), path, overwrite=target.overwrite), say
    )


def convert(
    files: Sequence[Path],
    target: Target,
    size: tuple[int, int] | None,
    meaning: str | None,
    classes: Mapping[int, str],
    options: Mapping[str, Any],
    say: Say,
) -> int:
    """Convert each file and return the exit code."""

    def write(one: Imported, path: Path) -> Path:
        masks = _meant(one, meaning, classes)
        kind = kind_of(path)
        if options and kind is not None:
            return EXPORTS[kind].write(path, masks, overwrite=target.overwrite, **options)
        return export_masks(masks, path, overwrite=target.overwrite)

    return _each(files, target, size, lambda one, watch: (one, ""), write, say)


def merge(files: Sequence[Path], out: Path, mode: str, overlap: str, overwrite: bool, say: Say) -> int:
    """Merge files into one and return the exit code."""
    path = out.expanduser().absolute()
    try:
        with screen.working(f"Merging {len(files)} files") as update:
            watch = _watch(update, "Merging")
            layers = [one for file in files for one in import_masks(file.expanduser(), watch=watch)]
            made, place = _merged(layers, mode, overlap, watch)
            picture = next((one.picture for one in layers if one.picture), path.name)
            meaning = Meaning.OBJECTS if mode == "instance" else Meaning.CLASSES
            classes = (
                {label: kind for one in layers for label, kind in one.classes.items()} if mode == "semantic" else {}
            )
            make_folder(path.parent)
            masks = Annotated(made, place, picture, meaning, classes)
            written = export_masks(masks, path, overwrite=overwrite, watch=watch)
    except KeyboardInterrupt:
        say("Stopped; nothing was written.")
        return screen.STOPPED
    except AssistantError as error:
        screen.complain(error)
        return screen.FAILED
    screen.emit(f"{written}\n")
    return 0


def _merged(layers: Sequence[Imported], mode: str, overlap: str, watch: Watch) -> tuple[Any, Place]:
    """Return the labels of all layers as one array, and where it lies."""
    first = layers[0]
    for one in layers[1:]:
        if one.labels.ndim != first.labels.ndim:
            raise SaveError(
                f"The files have {first.labels.ndim} and {one.labels.ndim} axes.",
                hint="Merge files of as many axes each.",
            )
        own, other = first.place.scale, one.place.scale
        if own is not None and other is not None and not np.allclose(own, other):
            raise SaveError(
                f"Pixels are {own} in one file, {other} in another.",
                hint="Merge files of one pixel size.",
            )
        if one.place.offset is None and first.place.offset is None and one.labels.shape != first.labels.shape:
            raise SaveError(
                f"The files have shape {first.labels.shape} and {one.labels.shape}.",
                hint="Merge files of one picture, or such that say where on it they lie.",
            )
    placed = [Placed(one.labels, one.place.offset or (0,) * one.labels.ndim) for one in layers]
    rule = OVERLAPS[overlap]
    if mode == "instance":
        made, _ = merging.merge_apart(placed, rule, watch=watch)
    else:
        made = merging.merge(placed, rule, 1 if mode == "binary" else None, watch=watch)
    labels = merging.binary(made.labels) if mode == "binary" else made.labels
    told = next((one.place for one in layers if one.place.plane_shape is not None), first.place)
    scale = next((one.place for one in layers if one.place.scale is not None), told)
    offset = made.offset if any(made.offset) or told.plane_shape not in (None, labels.shape) else None
    return labels, replace(told, offset=offset, scale=scale.scale, units=scale.units)


def _each(
    files: Sequence[Path],
    target: Target,
    size: tuple[int, int] | None,
    work: Callable[[Imported, Watch], tuple[Imported, str]],
    write: Callable[[Imported, Path], Path],
    say: Say,
) -> int:
    failed = done = 0
    try:
        if target.folder is not None:
            make_folder(target.folder.expanduser())
        for number, file in enumerate(files, 1):
            title = f"[{number}/{len(files)}] {file}"
            try:
                with screen.working(title) as update:
                    watch = _watch(update, title)
                    for stem, one in _read(file.expanduser(), size, watch):
                        made, remark = work(one, watch)
                        path = write(made, target.path(file.expanduser(), stem))
                        screen.emit(f"{path}\n")
                        words = ". ".join(filter(None, (remark, one.told)))
                        say(f"{title}: {words}" if words else f"{title}: done")
            except AssistantError as error:
                screen.complain(error, title)
                failed += 1
            done += 1
    except KeyboardInterrupt:
        say(f"Stopped after {done} of {len(files)} files.")
        return screen.STOPPED
    except AssistantError as error:  # of the folder
        screen.complain(error)
        return screen.FAILED
    return screen.FAILED if failed else 0


def _read(file: Path, size: tuple[int, int] | None, watch: Watch) -> Iterator[tuple[str, Imported]]:
    """Yield the label images of a file, each with what the name of its own file begins with."""
    found = import_masks(file, shape=size, watch=watch)
    own = picture_stem(file.name) if kind_of(file) in ("tiff", "png", "npy", "zarr") else file.name.rpartition(".")[0]
    for one in found:
        yield (own if len(found) == 1 else f"{own}_{picture_stem(one.picture)}"), one


def _meant(one: Imported, meaning: str | None = None, classes: Mapping[int, str] = {}) -> Annotated:
    """Return what was read with what its labels mean; the class of label 0 is that of all others."""
    told = {None: one.meaning, "objects": Meaning.OBJECTS, "classes": Meaning.CLASSES}[meaning] or Meaning.OBJECTS
    names = list(dict.fromkeys(classes.values()))
    # Of classes the label is the value; of objects, classes are numbered as they are named.
    named = {
        label: LabelClass(name, label if label and told is Meaning.CLASSES else names.index(name) + 1)
        for label, name in classes.items()
    }
    default = named.pop(0, OBJECT)
    known = {} if 0 in classes else one.classes
    return Annotated(one.labels, one.place, one.picture or "image", told, {**known, **named}, default=default)


def _watch(update: Say, title: str) -> Watch:
    def tell(fraction: float | None, message: str = "") -> None:
        update(title if fraction is None else f"{title}: {fraction:.0%}")

    return Watch(tell)
