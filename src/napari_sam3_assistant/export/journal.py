"""A journal: the accepted objects of a picture in a file that only grows, so that none is lost with the process.

The file begins with :data:`MAGIC`. Records follow, each complete in itself: a mark, how long the rest is, its
checksum, then JSON and, of an object, its packed and compressed pixels. The newest record of a number counts.
What does not fit its checksum is passed over, so half a record at the end costs no more than that record.
"""

from __future__ import annotations

import json
import logging
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.core.fingerprints import Fingerprint
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane

logger = logging.getLogger(__name__)
MAGIC = b"napari-sam3-assistant journal 1\n"
MARK = b"\xf5JR\xfa"
HEAD = struct.Struct("<4sII")
"""Of each record: the mark, the length of what follows it in bytes, and its checksum."""
JSON_SIZE = struct.Struct("<I")
HEAD_BYTES = 2**16
"""So much of a file is read to see of which picture it is."""
MOST_PIXELS = 2**28
"""No object has a larger rectangle."""
OBJECT, GONE, PICTURES = "object", "gone", "pictures"


@dataclass(frozen=True, slots=True, eq=False)
class KeptObject:
    """An accepted object as a journal has it.

    Attributes
    ----------
    id : int
        Its label.
    mask : PlacedMask
        In pixels of the plane.
    plane : Plane
        Of the picture.
    act : int
        The first of the numbers that were given together with this one.
    score : float
    class_name, layer, prompt, engine : str
        What it is, the picture's name, what was asked, and of which engine.
    frame : int or None
    """

    id: int
    mask: PlacedMask
    plane: Plane
    act: int = 0
    score: float = 1.0
    class_name: str = ""
    layer: str = ""
    prompt: str = ""
    engine: str = ""
    frame: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A record of an object as it was read; ``raw`` is all of it."""

    told: dict[str, Any]
    pixels: bytes
    raw: bytes

    def object(self) -> KeptObject | None:
        """Return the object, or None where its record makes no sense."""
        told = self.told
        try:
            height, width = (int(length) for length in told["size"])
            if height < 1 or width < 1 or height * width > MOST_PIXELS:
                return None
            packed = np.frombuffer(zlib.decompress(self.pixels), np.uint8)
            mask = np.unpackbits(packed, count=height * width).reshape(height, width).view(bool)
            row, col, index = told["plane"]
            plane = Plane(int(row), int(col), tuple((int(axis), int(at)) for axis, at in index))
            top, left = (int(place) for place in told["at"])
            return KeptObject(
                int(told["id"]),
                PlacedMask(mask, (top, left)),
                plane,
                int(told["act"]),
                float(told["score"]),
                str(told["class"]),
                str(told["layer"]),
                str(told["prompt"]),
                str(told["engine"]),
                None if told["frame"] is None else int(told["frame"]),
            )
        except (zlib.error, KeyError, TypeError, ValueError, AssistantError) as error:
            logger.warning("A record of a journal makes no sense: %s", error)
            return None


@dataclass(slots=True, eq=False)
class Content:
    """What a journal holds.

    Attributes
    ----------
    pictures : tuple of Fingerprint
        Of the picture, one for each time that its pixels were replaced.
    objects : dict of int to Stored
        By number.
    when : float
        When the newest of them was written, in seconds since 1970.
    broken : int
        How many pieces between whole records could not be read.
    end : int
        Where the last whole record ends, in bytes.
    """

    pictures: tuple[Fingerprint, ...] = ()
    objects: dict[int, Stored] = field(default_factory=dict)
    when: float = 0.0
    broken: int = 0
    end: int = 0


# -- writing --------------------------------------------------------------------------------------


def pictures_record(pictures: Sequence[Fingerprint]) -> bytes:
    """Return the record that says of which picture a journal is."""
    return _record({"is": PICTURES, "pictures": [asdict(one) for one in pictures]})


def gone_record(ids: Iterable[int]) -> bytes:
    """Return the record that says which objects are in the journal no longer."""
    return _record({"is": GONE, "ids": list(ids)})


def object_record(one: KeptObject, when: float) -> bytes:
    """Return the record of an object that was accepted, or changed, at ``when``."""
    plane = one.plane
    told = {
        "is": OBJECT,
        "id": one.id,
        "at": one.mask.offset,
        "size": one.mask.mask.shape,
        "plane": (plane.row_axis, plane.col_axis, plane.index),
        "act": one.act,
        "score": one.score,
        "class": one.class_name,
        "layer": one.layer,
        "prompt": one.prompt,
        "engine": one.engine,
        "frame": one.frame,
        "time": when,
    }
    return _record(told, zlib.compress(np.packbits(one.mask.mask).tobytes(), 1))


def _record(told: dict[str, Any], pixels: bytes = b"") -> bytes:
    words = json.dumps(told, separators=(",", ":"), default=_plain).encode()
    payload = JSON_SIZE.pack(len(words)) + words + pixels
    return HEAD.pack(MARK, len(payload), zlib.crc32(payload)) + payload


def _plain(value: Any) -> Any:
    """Return a number of NumPy's as one of Python's."""
    return value.item() if isinstance(value, np.generic) else str(value)


# -- reading --------------------------------------------------------------------------------------


def read(path: Path) -> Content:
    """Return what a journal holds; what cannot be read of it is left out.

    Raises
    ------
    OSError
        If the file cannot be read at all.
    """
    return parse(path.read_bytes())


def pictures_in(path: Path) -> tuple[Fingerprint, ...]:
    """Return of which picture a journal is; empty where it does not tell.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with open(path, "rb") as file:
        return parse(file.read(HEAD_BYTES)).pictures


def parse(data: bytes) -> Content:
    """Return what the bytes of a journal hold."""
    found = Content()
    for told, pixels, start, end in _records(data, found):
        found.end = end
        if told.get("is") == OBJECT and isinstance(told.get("id"), int):
            found.objects[told["id"]] = Stored(told, pixels, data[start:end])
            found.when = max(found.when, float(told.get("time") or 0))
        elif told.get("is") == GONE:
            for id in told.get("ids", ()):
                found.objects.pop(id, None)
        elif told.get("is") == PICTURES:
            found.pictures = tuple(filter(None, map(_picture, told.get("pictures", ()))))
    return found


def _records(data: bytes, found: Content) -> Iterator[tuple[dict[str, Any], bytes, int, int]]:
    """Yield the JSON and the pixels of each whole record, and where it begins and ends; count what lies between."""
    at = len(MAGIC) if data.startswith(MAGIC) else 0
    torn = at == 0
    while at < len(data):
        whole = _payload(data, at)
        if whole is None:
            torn, after = True, data.find(MARK, at + 1)
            at = after if after >= 0 else len(data)
            continue
        found.broken += torn
        torn, end = False, at + HEAD.size + len(whole)
        words = JSON_SIZE.unpack_from(whole)[0] + JSON_SIZE.size
        try:
            told = json.loads(whole[JSON_SIZE.size : words])
        except ValueError:
            told = None
        if isinstance(told, dict):
            yield told, whole[words:], at, end
        at = end


def _payload(data: bytes, at: int) -> bytes | None:
    """Return what the record at a place holds, or None where there is no whole one."""
    if len(data) < at + HEAD.size:
        return None
    mark, length, checksum = HEAD.unpack_from(data, at)
    payload = data[at + HEAD.size : at + HEAD.size + length]
    whole = mark == MARK and len(payload) == length >= JSON_SIZE.size and zlib.crc32(payload) == checksum
    return payload if whole else None


def _picture(told: Any) -> Fingerprint | None:
    try:
        return Fingerprint(**{**told, "shape": tuple(told["shape"])})
    except (TypeError, KeyError):
        return None
