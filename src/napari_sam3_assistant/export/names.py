"""File names for masks, made from names of pictures as users and napari write them."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

# Longer endings first: ".ome.tif" is one.
PICTURE_SUFFIXES = (
    *(".ome.tiff", ".ome.tif", ".ome.zarr", ".ome.btf", ".nii.gz"),
    *(
        ".tiff",
        ".tif",
        ".btf",
        ".tf8",
        ".zarr",
        ".n5",
        ".png",
        ".jpeg",
        ".jpg",
        ".jp2",
        ".bmp",
        ".gif",
        ".webp",
    ),
    *(".npy", ".npz", ".h5", ".hdf5", ".czi", ".nd2", ".lif", ".lof", ".lsm", ".oib", ".oif", ".oir", ".vsi"),
    *(".ims", ".svs", ".ndpi", ".scn", ".mrxs", ".qptiff", ".bif", ".stk", ".dv", ".dcm", ".nii", ".mrc"),
)
# What Windows, macOS or Linux does not allow in a file name.
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]')
# What Windows keeps for devices, whatever stands behind the first dot.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(\.|$)", re.IGNORECASE)
# A name may have 255 bytes on most disks; this leaves room for "_z003_phrase_roi_mask_NN.ext".
_MOST_BYTES = 150
_MOST_PHRASE = 40
"""Bytes of a phrase: what is left of the room for the end of a name."""
_MOST_LETTERS = 8
"""Of the name of an axis."""
_SLICE = re.compile(rf"_[^\W\d_]{{1,{_MOST_LETTERS}}}\d+(-\d+)*$")


def picture_stem(image_name: str) -> str:
    """Return the name of a picture as the start of a file name.

    A known picture suffix is left out, every other dot stays: ``img.ome.tif`` gives ``img``,
    ``scan_0.5um`` stays as it is. What file systems forbid becomes ``_``, a name that is too
    long is cut, and one of which nothing remains becomes ``image``.
    """
    name = unicodedata.normalize("NFC", image_name).strip()
    for suffix in PICTURE_SUFFIXES:
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    name = _FORBIDDEN.sub("_", name)
    name = name.encode("utf-8")[:_MOST_BYTES].decode("utf-8", "ignore")
    # A dot in front would hide the file.
    name = name.lstrip(". ").rstrip() or "image"
    return f"_{name}" if _RESERVED.match(name) else name


def slice_name(cuts: Sequence[tuple[str, int, int]]) -> str:
    """Return what a file name says of a slice: ``_t012_z003``, or ``_slice003`` where the axis has no name.

    Parameters
    ----------
    cuts : sequence of (name, position, length)
        Of each axis with a slider. One of length 1 is left out.
    """
    found: list[str] = []
    nameless: list[str] = []
    for name, position, length in cuts:
        if length < 2:
            continue
        number = f"{position:0{max(3, len(str(length - 1)))}d}"
        letters = re.sub(r"[\W\d_]", "", unicodedata.normalize("NFC", name))[:_MOST_LETTERS]
        if letters:
            found.append(f"_{letters}{number}")
        else:
            nameless.append(number)
    return "".join(found) + (f"_slice{'-'.join(nameless)}" if nameless else "")


def phrase_name(words: str) -> str:
    """Return what a file name says of the phrase that its objects were found by: ``_red_cell``; nothing of none."""
    said = "_".join(re.findall(r"[^\W_]+(?:-[^\W_]+)*", unicodedata.normalize("NFC", words)))
    return f"_{said.encode()[:_MOST_PHRASE].decode('utf-8', 'ignore')}" if said else "_phrase" if words else ""


def without_slice(stem: str) -> list[str]:
    """Return the names of the pictures that a file may be a slice of: ``a_t1_z2`` of ``a_t1`` or ``a``, or no slice."""
    found = [stem]
    while (cut := _SLICE.search(found[-1])) is not None and cut.start():
        found.append(found[-1][: cut.start()])
    return found


def file_name(name: str, folder: Path, suffix: str, cut: str = "", several: bool = False) -> Path:
    """Return the path of a file that a user has named: ``{name}{suffix}``, or the first free ``{name}_NN{suffix}``.

    What the name ends in, if it is the suffix of a picture, and what file systems forbid are as for
    :func:`picture_stem`; the other parameters as for :func:`mask_name`. Of ``several`` files of one name each
    has its number, and says which slice it is.
    """
    stem = f"{picture_stem(name)}{cut if several else ''}"
    if not several and _same(f"{stem}{suffix}") not in {_same(one) for one in _entries(folder)}:
        return folder / f"{stem}{suffix}"
    return _numbered(f"{stem}_", folder, suffix)


def mask_name(image_name: str, folder: Path, suffix: str, window: bool = False, cut: str = "") -> Path:
    """Return the first free ``{image}{cut}[_roi]_mask_NN{suffix}`` of a folder, NN from 01.

    Parameters
    ----------
    image_name : str
        Name of the picture or its layer.
    folder : Path
        Where the mask will be saved; it need not be there yet.
    suffix : str
        With its dot, as of :data:`~napari_sam3_assistant.export.images.FORMATS`.
    window : bool
        Whether the mask is that of a window of the picture; adds ``_roi``.
    cut : str
        Which slice of the picture it is of, see :func:`slice_name`.
    """
    return _numbered(f"{picture_stem(image_name)}{cut}{'_roi' if window else ''}_mask_", folder, suffix)


def _numbered(start: str, folder: Path, suffix: str) -> Path:
    taken = {_same(name) for name in _entries(folder)}
    number = 1
    while _same(f"{start}{number:02d}{suffix}") in taken:
        number += 1
    return folder / f"{start}{number:02d}{suffix}"


def _same(name: str) -> str:
    """Return one form of all names that some disk takes for the same: "A" and "a", "é" as one sign or two."""
    return unicodedata.normalize("NFC", name.casefold())


def _entries(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (OSError, ValueError):  # no such folder, or not ours to look into: saving will say so
        return []
