"""Pictures from files and folders: TIFF, PNG, JPEG, NPY and (OME-)Zarr, read as late as they can be.

What is large stays where it is: zarr arrays, NPY files and uncompressed or large TIFF files are
sliced first and read last, so that a window of a plane costs a window.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_sam3_assistant.core.errors import AssistantError, ImageError
from napari_sam3_assistant.export.picture_files import READERS
from napari_sam3_assistant.export.picture_folders import is_zarr, read_zarr
from napari_sam3_assistant.export.stacks import Picture, picture_of, told


def read_image(path: str | Path) -> Picture:
    """Return the picture of a file or folder.

    Parameters
    ----------
    path : str or Path
        A TIFF, PNG, JPEG or NPY file, or the folder of a zarr array or of an OME-Zarr picture. Of a TIFF
        file with several pictures the first counts. JPEG files are not turned by their EXIF note.

    Raises
    ------
    ImageError
        If it is not there, cannot be read, or is of a kind that is not known.
    """
    path = Path(path).expanduser()
    try:
        if not path.exists():
            raise ImageError(f"There is no file {path}.", hint="Check the folder and the name.")
        read = _reader(path)
        return read(path)
    except AssistantError:
        raise
    except PermissionError as error:
        raise ImageError(f"{path.name} may not be read.", hint="Ask its owner for the right to read it.") from error
    except MemoryError as error:
        raise ImageError(
            f"{path.name} is larger than the memory of this machine.", hint="Save it as OME-Zarr, or tiled TIFF."
        ) from error
    except Exception as error:  # what a decoder makes of broken bytes is anyone's guess
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(
            f"{path.name} cannot be read: {reason[:200].rstrip('.')}.",
            hint="Open it where it was made, and save or copy it again.",
        ) from error


def picture_given(image: Any, rgb: bool | None, channel_axis: int | None) -> Picture:
    """Return an array, a picture, or what the file of a name holds, with what the user says of its channels.

    Raises
    ------
    ImageError
        If it is none, cannot be read, or has no such axis.
    """
    if isinstance(image, str | Path):
        return told(read_image(image), rgb=rgb, channel_axis=channel_axis)
    if isinstance(image, Picture):
        return told(image, rgb=rgb, channel_axis=channel_axis)
    return picture_of(image, rgb=rgb, channel_axis=channel_axis)


def _reader(path: Path) -> Callable[[Path], Picture]:
    if path.is_dir():
        if is_zarr(path):
            return read_zarr
        raise ImageError(f"{path} is a folder, and not one of zarr.", hint="Name the images in it: folder/*.tif.")
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise ImageError(
            f"{path.name} is of a kind that cannot be read.",
            hint=f"Save it as one of {', '.join(sorted(READERS))} or OME-Zarr.",
        )
    return read
