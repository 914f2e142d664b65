"""The public Python functions: one call from an image and prompts to masks.

All coordinates are (row, col) pixels; the centre of the first pixel is (0, 0). Boxes and windows are
half-open. Neither napari nor Qt is needed, and nothing runs on another thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from napari_sam3_assistant.core.progress import Progress, no_progress
from napari_sam3_assistant.export.annotated import Annotated, LabelClass, Meaning
from napari_sam3_assistant.export.exports import export_masks, import_masks
from napari_sam3_assistant.export.pictures import read_image
from napari_sam3_assistant.export.stacks import At, Picture
from napari_sam3_assistant.tasks.asked import BoxLike, MaskLike, PointLike, TextLike
from napari_sam3_assistant.tasks.everything import POINTS_PER_SIDE
from napari_sam3_assistant.tasks.followed import Followed, FrameRow
from napari_sam3_assistant.tasks.frame_prompts import BoxesLike, PointsLike
from napari_sam3_assistant.tasks.objects import FoundObject, Result
from napari_sam3_assistant.tasks.questions import WindowLike
from napari_sam3_assistant.tasks.segmenter import Segmenter
from napari_sam3_assistant.tasks.stack_given import AxisLike
from napari_sam3_assistant.tasks.stack_output import Target
from napari_sam3_assistant.tasks.stack_run import Ask, FramesLike, StackRun

__all__ = [
    "Annotated",
    "Followed",
    "FoundObject",
    "FrameRow",
    "LabelClass",
    "Meaning",
    "Picture",
    "Result",
    "Segmenter",
    "export_masks",
    "import_masks",
    "propagate",
    "read_image",
    "segment",
]


def segment(
    image: Any,
    *,
    points: Iterable[PointLike] = (),
    boxes: Iterable[BoxLike] = (),
    masks: Iterable[MaskLike] = (),
    exemplars: Iterable[BoxLike] = (),
    exemplar_image: Any = None,
    exemplar_box: BoxLike | None = None,
    text: TextLike = (),
    everything: bool = False,
    points_per_side: int = POINTS_PER_SIDE,
    engine: str = "auto",
    model: str | Path | None = None,
    server: str | None = None,
    token: str | None = None,
    python: str | Path | None = None,
    threshold: float | None = None,
    plane: At | None = None,
    window: WindowLike | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    progress: Progress = no_progress,
) -> Result:
    """Return the objects that the prompts point at.

    Parameters
    ----------
    image : array, Picture, str or Path
        NumPy, dask or zarr array of shape (H, W), (H, W, 3) or (H, W, 4), or with further axes; what
        :func:`read_image` returns; or the path of what it reads. Any real data type. Bool and 8-bit data
        are taken as they are, of others the 0.1 and 99.9 percentiles of the picture are black and white;
        NaN is black.
    points : sequence of (row, col) or (row, col, sign)
        All about one object, the newest last. ``sign`` is a boolean, 1, 0 or -1, or a word: ``"-"``,
        ``"neg"``, ``"+"``, ``"pos"``. Pixels of the plane, which ``plane`` chooses.
    boxes : sequence of (top, left, bottom, right)
        One object in each, half-open, in pixels. A part outside the image is cut off.
    masks : sequence of ndarray of shape (H, W), bool or integer
        A rough mask of one object each, which is drawn to its outline; of a label image, one object for
        each label above 0.
    exemplars : sequence of (top, left, bottom, right) or (top, left, bottom, right, positive)
        Boxes round examples: all objects like the positive ones, and unlike the negative ones, are found.
    exemplar_image : array, Picture, str, Path or None
        An example in a picture of its own, one plane: all objects of ``image`` that look like it are found. Its
        intensities are brought to 8 bits by limits of its own. Where both pictures tell the size of a pixel as a
        length (files do, and a :class:`Picture`), it is resampled to that of ``image``; else pixel stands for pixel.
    exemplar_box : (top, left, bottom, right) or None
        Round the example, in pixels of ``exemplar_image``; None takes all of it as the example, of which the built-in
        engine takes what lies in the middle.
    text : str or sequence of str
        Phrases that name what to find all of, for engines that read (SAM3): ``"nucleus"``, or several, parted by
        commas, semicolons or line breaks: ``"nucleus, mitotic cell"``. Exemplars beside them say what is meant.
    everything : bool
        Whether every object is looked for; no prompt goes with it.
    points_per_side : int
        To look for every object, engines that read points are asked about a grid of so many rows and columns of them,
        up to 256; the built-in engine needs none.
    engine : str
        Who answers; ``"auto"`` takes SAM3 if it can run here with ``model``, else the built-in engine.
        ``"meta"`` is SAM3 by Meta's own package.
    model : str, Path or None
        Folder of the model, for engines that have one.
    server : str or None
        Address of a server of ours, such as ``"gpu-box:8000"``: its engine answers, wherever it is.
    token : str or None
        What that server asks for, if it does.
    python : str, Path or None
        For ``engine="meta"``: the Python, or its environment's folder, that has Meta's package, which then runs in a
        process of its own. None takes what ``NAPARI_SAM3_META_PYTHON`` names, or this Python.
    threshold : float or None
        Objects that the text names, or that are like the exemplars, are kept from this score, 0 to 1. None takes
        0.35 for text and the engine's usual one for exemplars. A phrase of which no object reaches it is tried
        with lower ones, down to 0.1; ``Result.notes`` says which. Below 0.01 text finds nothing. With ``everything``
        it is the score from which objects are kept, and None takes the engine's usual one.
    plane : int, sequence of int, mapping or None
        Which plane of a stack, from 0: one position for each axis beyond rows, columns and colour, in order
        (axes of length 1 may be left out), or by number or name of the axis: ``{"t": 3, "c": 0}``.
    window : int, (top, left, bottom, right) or None
        What part of the plane is looked at: a square of so many pixels round the prompts, or a rectangle.
        None takes planes of up to 2,048 pixels a side whole, and of a larger one 1,024 pixels round the
        prompts. Objects like the exemplars are looked for in the window only; ``Result.windows`` says where.
        For text alone, or everything, planes of up to 4,096 pixels a side are taken whole, larger ones where the
        picture has a smaller copy of up to 4,096, and of others it must be told. Of more than 2,016 pixels the
        smallest copy is read that has as many; masks lie at full resolution all the same.
    channel_axis : int or None
        The axis of channels, if there is one; ``plane`` says which is looked at.
    rgb : bool or None
        Whether the channel axis (the last, if none is told) holds red, green and blue. None believes the
        file, and takes 8-bit arrays with a last axis of 3 or 4 for colour.
    progress : callable
        ``progress(fraction, message)`` is told how far the work is.

    Returns
    -------
    Result
        The object of the points, or one for each box, then for each mask; then those like the exemplars, or
        those of each phrase, whose ``class_name`` is the phrase. Or every object, the best first.

    Raises
    ------
    PromptError
        If there is no prompt, or one beside ``everything``, one lies outside the image or cannot be understood, all
        points are negative, it is not clear which of several objects the points are about, or the exemplar image
        shows nothing, or is larger than what is searched.
    ImageError
        If the image cannot be read, is empty, complex or no picture, or is a stack and ``plane`` does
        not say which plane.
    ModelFolderError
        If there is no folder ``model``, or it does not hold a model.
    Unsupported
        If there is no such engine, or it takes no such prompts.
    EngineError, DeviceError
        If the engine fails.

    Notes
    -----
    Points beside exactly one box, or one mask, are about the same object as it: they correct it.

    The image is encoded once for all prompts of a call (of a large plane, once for each window). To ask
    again without encoding again, use a :class:`Segmenter`.

    Of two masks that text finds and that are one object (IoU above 0.8), the one with the better score counts,
    whichever phrase it is of.

    Examples
    --------
    >>> from napari_sam3_assistant import segment
    >>> from napari_sam3_assistant.samples import nuclei
    >>> result = segment(nuclei().image, points=[(40, 60), (80, 60, "-")])
    >>> len(result.objects)
    1
    """
    with Segmenter(engine, model, server=server, token=token, python=python) as segmenter:
        return segmenter.segment(
            image,
            points=points,
            boxes=boxes,
            masks=masks,
            exemplars=exemplars,
            exemplar_image=exemplar_image,
            exemplar_box=exemplar_box,
            text=text,
            everything=everything,
            points_per_side=points_per_side,
            threshold=threshold,
            plane=plane,
            window=window,
            channel_axis=channel_axis,
            rgb=rgb,
            progress=progress,
        )


def propagate(
    image: Any,
    *,
    points: PointsLike = (),
    boxes: BoxesLike = (),
    masks: Mapping[int, MaskLike] | None = None,
    text: TextLike = (),
    axis: AxisLike | None = None,
    frames: FramesLike | None = None,
    direction: str = "both",
    engine: str = "auto",
    model: str | Path | None = None,
    server: str | None = None,
    token: str | None = None,
    python: str | Path | None = None,
    out: str | Path | None = None,
    format: str = "tiff",
    overwrite: bool = False,
    resume: bool = False,
    plane: At | None = None,
    window: WindowLike | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    progress: Progress = no_progress,
) -> Followed:
    """Follow objects through the frames of a stack or film, from the frames where prompts point at them.

    One frame is read at a time, and none is kept: memory does not depend on their number.

    Parameters
    ----------
    image : array, Picture, str or Path
        As for :func:`segment`, with one axis more: of shape (N, H, W), (N, H, W, 3), (T, Z, H, W) ...
    points : sequence of (frame, row, col) or (frame, row, col, sign), or mapping of int to such sequences
        By the number of the object, from 1. A sequence is about one object: that of the box or mask, if there is
        one alone.
    boxes : sequence of (frame, top, left, bottom, right), or mapping of int to such sequences
        In a sequence, each is an object of its own.
    masks : mapping of int to ndarray of shape (H, W), bool or integer
        By frame. Of a label image, each label is the object of this number. A mask alone is what the object is.
    text : str or sequence of str
        Phrases that name what to find, and follow, on all frames, for engines that read (SAM3).
    axis : int, str or None
        The axis of the frames, by number or name; None takes the one called z or t, or of several the longest.
    frames : range, slice, (int, int) or None
        Those that are wanted, from 0; the last one is left out. None takes all. To get there from a frame with
        prompts, those in between are gone through too.
    direction : {"both", "forward", "backward"}
        Which way objects are followed from a frame with prompts.
    engine : str
        Who answers; ``"auto"`` takes SAM3 if it can run here with ``model``, else the built-in engine.
        ``"meta"`` is SAM3 by Meta's own package.
    model : str, Path or None
        Folder of the model, for engines that have one.
    server : str or None
        Address of a server of ours, such as ``"gpu-box:8000"``: its engine answers, wherever it is.
    token : str or None
        What that server asks for, if it does.
    python : str, Path or None
        For ``engine="meta"``: the Python, or its environment's folder, that has Meta's package, which then runs in a
        process of its own. None takes what ``NAPARI_SAM3_META_PYTHON`` names, or this Python.
    out : str, Path or None
        A folder, made if need be, for ``NAME_tracks`` (the label stack), ``NAME_rows.csv`` and ``NAME.video.jsonl``
        (the record). None writes nothing.
    format : {"tiff", "zarr", "npy"}
        Of the label stack. It is written as OME-Zarr while frames come; the other two are made of that at the end.
    overwrite : bool
        Whether files of these names may be replaced.
    resume : bool
        Whether to go on with the record in ``out``, if there is one: what it has found is not looked for again.
        Prompts that it does not know yet are added, as corrections.
    plane : int, sequence of int, mapping or None
        Where the other axes are, from 0: one position for each, in order (those of length 1 may be left out), or by
        number or name: ``{"t": 3, "c": 0}``.
    window : int, (top, left, bottom, right) or None
        What is looked at of each frame: a square of so many pixels round the prompts, or a rectangle. None takes
        planes of up to 2,048 pixels a side whole, and of a larger one 1,024 pixels round the prompts.
    channel_axis, rgb
        As for :func:`segment`.
    progress : callable
        ``progress(fraction, message)`` is told how far the work is.

    Returns
    -------
    Followed
        The masks of each frame, the rows, and which frames could not be read.

    Raises
    ------
    PromptError
        If there is no prompt, one lies outside, no frame is left to do, or it is not clear which object points are
        about.
    ImageError
        If the image cannot be read, has no frames, is not what the record was made of, or it is not told where its
        other axes are.
    SaveError
        If a file is there already, or cannot be written. What is done stays.
    ModelFolderError, Unsupported, EngineError, DeviceError
        As :func:`segment`. Where the engine fails on the way, what is done stays, and ``resume`` goes on.

    Examples
    --------
    >>> from napari_sam3_assistant import propagate
    >>> from napari_sam3_assistant.samples import nuclei_stack
    >>> followed = propagate(nuclei_stack().image[8:16], points=[(4, 60, 60)], frames=(3, 6))
    >>> followed.count
    8
    """
    ask = Ask(
        points, boxes, masks or {}, text, axis, frames, direction, plane, window, channel_axis=channel_axis, rgb=rgb
    )
    target = None if out is None else Target(Path(out), format, overwrite, resume)
    with StackRun(image, ask, target, engine, model, server=server, token=token, python=python) as run:
        for _ in run.steps(progress):
            pass
        return run.finish()
