"""Export and import of masks: which layer, as what, where to; files are written and read on the worker."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.app.masking.final import Final
from napari_sam3_assistant.app.masking.several import WAIT
from napari_sam3_assistant.app.views import Action, action
from napari_sam3_assistant.core.errors import AssistantError, ImageError, PromptError, SaveError
from napari_sam3_assistant.core.progress import Watch
from napari_sam3_assistant.export.annotated import Annotated, Meaning
from napari_sam3_assistant.export.exports import EXPORTS, export_masks, import_masks, kind_of, with_suffix
from napari_sam3_assistant.export.names import file_name
from napari_sam3_assistant.export.painting import Imported
from napari_sam3_assistant.layers import marks, mask_files

NO_PATH = SaveError("Choose an export path first.", hint="Type one, or press Browse.")
NO_OUTPUT = PromptError("Output layer was not found.", hint="Merge first or choose an existing output name.")
NO_LAYER = PromptError("The layer to be exported is gone.", hint="Choose another one.")


@dataclass(eq=False)
class ExportState:
    """What the user sets.

    ``kind`` is one of :data:`~napari_sam3_assistant.export.exports.EXPORTS`. ``layer`` is the unique id of the layer
    to be exported, None for the output of the final merge. ``meaning`` None: as the layer itself tells.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    kind: str = "tiff"
    path: str = ""
    layer: str | None = None
    meaning: Meaning | None = None


class Exporting:
    """Verbs of export and import.

    Parameters
    ----------
    desk : Desk
    final : Final
        The tab's merge, of which the output is exported unless another layer is chosen.
    """

    def __init__(self, desk: Desk, final: Final) -> None:
        self._desk, self.final = desk, final
        self.state = ExportState()

    # -- what can be done -------------------------------------------------------------------------

    @property
    def can_export(self) -> Action:
        """Whether there is a layer to be written."""
        if self._desk.state.busy:
            return Action(False, WAIT)
        missing = NO_LAYER if self.state.layer is not None else NO_OUTPUT
        return action(self.layer() is not None, "Write the layer chosen above to the export path.", str(missing))

    @property
    def can_merge(self) -> Action:
        """Whether there is something to merge and write."""
        can = self.final.can_merge
        return (
            Action(can.enabled, "Merge the selected masks, then write the new layer to the export path.")
            if can.enabled
            else can
        )

    @property
    def can_import(self) -> Action:
        """Whether files can be read."""
        return action(not self._desk.state.busy, "Open masks from files, each as a Labels layer.", WAIT)

    @property
    def meaning(self) -> Meaning:
        """What the labels of the layer stand for: as the user says, or as it tells itself."""
        layer = self.layer()
        if self.state.meaning is not None or layer is None:
            return self.state.meaning or Meaning.OBJECTS
        return mask_files.meaning_of(layer)

    def layer(self) -> Any | None:
        """Return the layer to be exported, or None where there is none."""
        return self.final.output() if self.state.layer is None else self._desk.layer(self.state.layer)

    def output_name(self) -> str:
        """Return the name of the layer that the final merge has made, empty where there is none."""
        layer = self.final.output()
        return "" if layer is None else str(layer.name)

    def standing(self) -> Path | None:
        """Return what stands where the file would go, or None."""
        path = self._path()
        return path if path is not None and os.path.lexists(path) else None

    # -- verbs ------------------------------------------------------------------------------------

    def choose_layer(self, identity: str | None) -> None:
        """Export this layer; None: the output of the final merge."""
        if identity != self.state.layer:
            self.state.layer, self.state.meaning = identity, None

    def choose_kind(self, kind: str) -> None:
        """Write files of this kind; the path is told so."""
        self.state.kind = kind
        self.correct()

    def choose_path(self, path: str) -> None:
        """Write there; an ending that means another format chooses that."""
        kind = kind_of(Path(path))
        self.state.path = path
        if kind is not None:
            self.state.kind = kind
        self.correct()

    def correct(self) -> None:
        """Let the path end as files of the chosen kind do."""
        if self._path() is not None:
            self.state.path = str(with_suffix(Path(self.state.path.strip()), self.state.kind))

    def number(self) -> None:
        """Let the path be the first free one: with a number at its end."""
        path = self._path()
        if path is not None:
            suffix = next(one for one in EXPORTS[self.state.kind].suffixes if path.name.lower().endswith(one))
            self.state.path = str(file_name(path.name[: -len(suffix)], path.parent, suffix))

    def export(self, *, overwrite: bool = False) -> None:
        """Write the chosen layer; ``overwrite`` allows to replace what stands there."""
        layer = self.layer()
        if layer is None:
            self._desk.fail(NO_LAYER if self.state.layer is not None else NO_OUTPUT)
        else:
            self._write(layer, overwrite)

    def merge_and_export(self, *, overwrite: bool = False) -> None:
        """Merge the chosen masks and write the result."""
        if self._path() is None:
            self._desk.fail(NO_PATH)
            return
        self.final.merge(lambda layer: self._write(layer, overwrite))

    def import_files(self, paths: Sequence[Path]) -> None:
        """Add a Labels layer for each label image in files; one that cannot be read stops none of the others."""
        viewer = self._desk.viewer
        shape, wanted = mask_files.shape_of_picture(viewer), mask_files.names_of_pictures(viewer)

        def make(watch: Watch) -> list[tuple[Path, tuple[Imported, ...] | AssistantError]]:
            return [
                (path, _read(path, shape, wanted, watch.share(at / len(paths), (at + 1) / len(paths))))
                for at, path in enumerate(paths)
            ]

        if paths:
            self._desk.run("Importing...", make, self._imported)

    # -- how --------------------------------------------------------------------------------------

    def _path(self) -> Path | None:
        text = self.state.path.strip()
        return Path(os.path.abspath(os.path.expanduser(text))) if text else None

    def _write(self, layer: Any, overwrite: bool) -> None:
        desk, kind = self._desk, self.state.kind
        self.correct()
        path = self._path()
        if path is None:
            desk.fail(NO_PATH)
            return
        meaning = self.state.meaning or mask_files.meaning_of(layer)
        try:
            masks = mask_files.annotated(desk.viewer, layer, meaning)
        except AssistantError as error:
            desk.fail(error)
            return
        name = str(layer.name)
        rejected = marks.rejected_values(layer) if EXPORTS[kind].objects else ()

        def make(watch: Watch) -> tuple[Path, str]:
            try:
                now, gone = _read_now(masks, rejected)
                now = now if EXPORTS[kind].objects else now.whole()
                empty = "" if np.any(now.labels > 0) else ". There is no object in it."
                written = export_masks(now, path, kind, overwrite=overwrite, watch=watch)
                return written, marks.left_out(gone) + empty.removeprefix("." if gone else "")
            except MemoryError as error:
                raise SaveError(
                    f"There is no memory to write {path.name}.", hint="Close other layers, or export a part."
                ) from error

        def done(made: tuple[Path, str]) -> None:
            written, remark = made
            desk.say(f"Exported mask '{name}' to {written}{remark}")

        desk.run(f"Writing {path.name}...", make, done, str(layer.unique_id))

    def _imported(self, found: Sequence[tuple[Path, tuple[Imported, ...] | AssistantError]]) -> None:
        made, told, failed = [], [], []
        for path, result in found:
            if isinstance(result, AssistantError):
                failed.append(result)
                continue
            for one in result:
                title = one.picture if len(result) > 1 and one.picture else path.name
                layer = mask_files.add_imported(self._desk.viewer, one, title)
                made.append(str(layer.name))
                told += [one.told] if one.told else []
        words = (
            [f"Imported {', '.join(made[:3])}{f' and {len(made) - 3} more' if len(made) > 3 else ''}."] if made else []
        )
        words += told[:3]
        if not failed:
            self._desk.say(" ".join(words))
            return
        more = f" {len(failed) - 1} more file(s) could not be read." if len(failed) > 1 else ""
        self._desk.fail(ImageError(" ".join([*words, failed[0].message]), hint=f"{failed[0].hint}{more}"))


def _read(
    path: Path, shape: Sequence[int] | None, wanted: Sequence[str], watch: Watch
) -> tuple[Imported, ...] | AssistantError:
    try:
        return import_masks(path, shape=shape, wanted=wanted, watch=watch)
    except ImageError as error:
        return error


def _read_now(masks: Annotated, rejected: Sequence[int]) -> tuple[Annotated, int]:
    """Return masks whose pixels are read, and how many rejected objects they are without.

    The pixels of a layer may be painted meanwhile, or lie on a disk.
    """
    labels = np.array(masks.labels)
    if not rejected:
        return replace(masks, labels=labels), 0
    gone = np.isin(labels, rejected)
    count = int(np.unique(labels[gone]).size)
    labels[gone] = 0
    return replace(masks, labels=labels), count
