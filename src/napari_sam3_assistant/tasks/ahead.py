"""Pictures encoded ahead of time: each plane as a click in napari would have it read, and kept on disk.

A plane of up to 2,048 pixels a side is read whole, whatever is asked, with the limits of intensity of its picture; so
what a click will need is known before there is one. A window of a larger plane depends on where the click is.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import product
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Any

from napari_sam3_assistant.core.errors import Unsupported
from napari_sam3_assistant.core.intensity import Limits, to_rgb
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.core.sources import Source, estimate_limits
from napari_sam3_assistant.core.window_rule import BY_SIZE
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.engines.stored import StoredEngine
from napari_sam3_assistant.engines.storing import StoreCounts, StoreOptions
from napari_sam3_assistant.export.pictures import picture_given
from napari_sam3_assistant.tasks.engine_given import engine_given
from napari_sam3_assistant.tasks.image import engine_errors, limits_on
from napari_sam3_assistant.tasks.view import view_of


class Kept(StrEnum):
    """What became of a plane."""

    NEW = "new"
    """It was encoded, and is being written."""
    THERE = "there"
    """It was on the disk."""
    LARGE = "large"
    """It is not read whole, and was left out."""


class Planes:
    """The planes of a picture: all positions of the axes beyond rows, columns and colour, channels too.

    Parameters
    ----------
    image : array, Picture, str or Path
    rgb, channel_axis
        As for :func:`napari_sam3_assistant.segment`.

    Raises
    ------
    ImageError
        If it cannot be read, or is no picture.
    """

    def __init__(self, image: Any, rgb: bool | None = None, channel_axis: int | None = None) -> None:
        picture = picture_given(image, rgb, channel_axis)
        self._source = picture.source()
        self._rows, self._cols = picture.rows_and_columns
        self._further = picture.further
        self._limits: dict[tuple[int | None, ...], Limits] = {}

    def __len__(self) -> int:
        return prod(self._source.shape[axis] for axis in self._further)

    def __iter__(self) -> Iterator[Plane]:
        for at in product(*(range(self._source.shape[axis]) for axis in self._further)):
            yield Plane(self._rows, self._cols, tuple(zip(self._further, at, strict=True)))

    @property
    def source(self) -> Source:
        """Where the pixels come from."""
        return self._source

    def limits(self, source: Source, plane: Plane) -> Limits:
        """Return the limits of intensity of the picture, estimated once for each channel."""
        key = source.channels_of(plane)
        if key not in self._limits:
            self._limits[key] = estimate_limits(source, plane)
        return self._limits[key]


class Encoder:
    """An engine that encodes what is not on the disk yet. Use it in a ``with`` statement.

    Parameters
    ----------
    engine : str
        Its name, or ``"auto"``.
    model : str, Path or None
        Folder of the model.
    options : StoreOptions
        Where embeddings are kept.
    device : str or None
        Where SAM3 runs; None for the best there is.

    Attributes
    ----------
    reason : str
        Which engine encodes and why, for a user.

    Raises
    ------
    Unsupported
        If there is no such engine, or nothing of what it encodes is worth keeping.
    ModelFolderError
        If there is no folder ``model``.
    EngineError
        If the engine cannot be made.
    """

    def __init__(
        self, engine: str, model: str | Path | None, options: StoreOptions, *, device: str | None = None
    ) -> None:
        choice, made = engine_given(engine, model, device=device, embeddings=options, wait=True)
        self.reason = choice.reason
        if not isinstance(made, StoredEngine):
            made.close()
            raise Unsupported(
                f"There is nothing to keep ({choice.reason}): what this engine makes of a picture is not stored.",
                hint="Name a folder with SAM3: model=.",
                in_shell="Give --model FOLDER, a folder with SAM3.",
            )
        self._engine = made

    @property
    def counts(self) -> StoreCounts:
        """What came of it so far."""
        return self._engine.stored

    def load(self, progress: Progress = no_progress, cancel: CancelToken | None = None) -> None:
        """Load the engine; see :meth:`ImageEngine.load`."""
        self._engine.load(progress=progress, cancel=cancel or CancelToken())

    def keep(
        self, planes: Planes, plane: Plane, progress: Progress = no_progress, cancel: CancelToken | None = None
    ) -> Kept:
        """Encode a plane of a picture unless that is on the disk, and return what became of it.

        Raises
        ------
        ImageError
            If the pixels cannot be read.
        EngineError
            If they cannot be encoded.
        """
        source, shape = planes.source, planes.source.plane_shape(plane)
        if not BY_SIZE.takes_whole(shape):
            return Kept.LARGE
        view = view_of(source, plane, whole(shape))
        pixels = to_rgb(view.read(), limits_on(view, planes.limits))
        if self._engine.holds(pixels):
            return Kept.THERE
        with engine_errors(self._engine):
            self._engine.encode(pixels, progress=progress, cancel=cancel or CancelToken())
        return Kept.NEW

    def close(self) -> None:
        """Close the engine, once all is written."""
        self._engine.close()

    def __enter__(self) -> Encoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
