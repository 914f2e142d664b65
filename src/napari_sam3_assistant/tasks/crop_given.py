"""Crops as Python and the shell give them: an array, a picture or a file, and a box on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_sam3_assistant.core.errors import ImageError, PromptError
from napari_sam3_assistant.export.pictures import read_image
from napari_sam3_assistant.export.places import Place
from napari_sam3_assistant.export.stacks import Picture, picture_of
from napari_sam3_assistant.tasks.asked import BoxLike, checked_box
from napari_sam3_assistant.tasks.crops import CropPlace


def crop_given(image: Any, box: BoxLike | None, target: Picture) -> CropPlace | None:
    """Return the example in a picture of its own; None where there is none.

    Parameters
    ----------
    image : array, Picture, str, Path or None
        One plane.
    box : (top, left, bottom, right) or None
        Round the example, in pixels of ``image``; None for all of it.
    target : Picture
        That is searched. Where both tell the size of a pixel as a length, the crop is brought to that of this one.

    Raises
    ------
    PromptError
        If there is a box and no image, or it cannot be or lies outside.
    ImageError
        If the image cannot be read, or is more than one plane.
    """
    if image is None:
        if box is None:
            return None
        raise PromptError(
            "There is a box on an exemplar image, and no such image.",
            hint="Pass exemplar_image= too, or the box in exemplars=.",
            in_shell="Give --exemplar-image too, or the box as --exemplar.",
        )
    picture = read_image(image) if isinstance(image, str | Path) else image
    picture = picture if isinstance(picture, Picture) else picture_of(picture, name="The exemplar image")
    source = picture.source()
    try:
        plane = picture.plane()
    except ImageError as error:
        raise ImageError(
            error.message,
            hint="An exemplar image is one plane: pass an array of its rows and columns (and colours).",
            in_shell="An exemplar image is one plane: save that of the stack to a file of its own.",
        ) from error
    drawn = None if box is None else checked_box(box, source.plane_shape(plane), "exemplar box").box
    return CropPlace(source, plane, drawn, zoom_between(_place(picture), _place(target)))


def zoom_between(crop: Place, target: Place) -> tuple[float, float]:
    """Return how many pixels of a target a pixel of a crop is high and wide; 1 where they tell no lengths."""
    one, other = crop.pixel_cm(), target.pixel_cm()
    return (1.0, 1.0) if one is None or other is None else (one[0] / other[0], one[1] / other[1])


def _place(picture: Picture) -> Place:
    return Place(scale=picture.scale, units=picture.units)
