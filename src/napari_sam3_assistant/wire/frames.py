"""Messages as what goes over the socket: JSON text, or a binary frame that holds bytes as they are.

A binary frame begins with ``SM3``, a byte 1, and the length of its header, an unsigned number of 32 bits,
the lowest byte first. The header follows, which is the message as UTF-8 JSON, and then the payload to the end.

* Where ``image`` or ``mask`` of the message itself is all there is in bytes, the payload is that field, the header
  lacks it, and ``encoding`` of the header says what it is: ``file`` for a picture's file, or the mask's format.
* Where bytes stand elsewhere too, in ``objects`` or ``candidates``, each place holds ``{"part": k}``, ``parts`` of the
  header says how many bytes each part has, from part 0, and the payload is the parts one after the other.

Without binary frames, the same bytes are base64 text.
"""

from __future__ import annotations

import base64
import struct
from itertools import accumulate
from typing import Any

from pydantic_core import to_json

from napari_sam3_assistant.wire.json_guard import read_json
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.values import Message

MAGIC = b"SM3\x01"
FILE = "file"
"""The ``encoding`` of a picture."""

_LENGTH = struct.Struct("<I")
_HEADER = len(MAGIC) + _LENGTH.size


def packed(message: Message, *, binary: bool = False) -> str | bytes:
    """Return a message as JSON text without fields that are None; if it holds bytes, and may, as a binary frame."""
    value = message.model_dump(by_alias=True, exclude_none=True)
    parts: list[bytes] = []
    _take_bytes(value, parts if binary else None)
    if not parts:
        return to_json(value, inf_nan_mode="null").decode()
    alone = next((name for name in ("image", "mask") if value.get(name) == {"part": 0}), None)
    if len(parts) == 1 and alone is not None:
        del value[alone]
        value["encoding"] = FILE if alone == "image" else value.get("mask_format", "")
    else:
        value["parts"] = [len(part) for part in parts]
    header = to_json(value, inf_nan_mode="null")
    return b"".join((MAGIC, _LENGTH.pack(len(header)), header, *parts))


def unpacked(frame: bytes) -> dict[str, Any]:
    """Return the fields of the message in a binary frame, with bytes where its payload belongs.

    Raises
    ------
    Refusal
        ``bad_message``: if it is no such frame.
    """
    if len(frame) < _HEADER or not frame.startswith(MAGIC):
        raise Refusal("bad_message", "Invalid binary frame: it must begin with SM3, a byte 1, and a length")
    (length,) = _LENGTH.unpack_from(frame, len(MAGIC))
    if length > len(frame) - _HEADER:
        raise Refusal("bad_message", "Invalid binary frame: its header is longer than the frame")
    value = read_json(frame[_HEADER : _HEADER + length])
    if not isinstance(value, dict):
        raise Refusal("bad_message", "Invalid binary frame: its header must be a JSON object")
    payload = frame[_HEADER + length :]
    lengths, encoding = value.pop("parts", None), value.pop("encoding", None)
    if lengths is not None:
        _put_bytes(value, _cut(payload, lengths))
    elif encoding == FILE:
        value["image"] = payload
    elif isinstance(encoding, str):
        value = {"mask_format": encoding, **value, "mask": payload}
    else:
        raise Refusal("bad_message", "Invalid binary frame: its header needs `encoding` or `parts`")
    return value


def _take_bytes(value: Any, parts: list[bytes] | None) -> None:
    """Take the bytes out of a message's fields into ``parts``; make base64 text of them where that is None."""
    for name, field in value.items():
        if isinstance(field, bytes):
            if parts is None:
                value[name] = base64.b64encode(field).decode("ascii")
            else:
                value[name] = {"part": len(parts)}
                parts.append(field)
        else:
            for one in _objects_in(field):
                _take_bytes(one, parts)


def _put_bytes(value: dict[str, Any], parts: list[bytes]) -> None:
    """Put parts in the places of a message's fields that name them."""
    for name, field in value.items():
        if name in ("image", "mask") and isinstance(field, dict) and field.keys() == {"part"}:
            part = field["part"]
            if type(part) is not int or not 0 <= part < len(parts):
                raise Refusal("bad_message", "Invalid binary frame: its header names a part that is not there")
            value[name] = parts[part]
        else:
            for one in _objects_in(field):
                _put_bytes(one, parts)


def _objects_in(field: Any) -> list[dict[str, Any]]:
    """Return the objects that a field is, or lists; the corners of polygons are not looked at."""
    if isinstance(field, list | tuple):
        return [one for one in field if isinstance(one, dict)]
    return [field] if isinstance(field, dict) else []


def _cut(payload: bytes, lengths: Any) -> list[bytes]:
    if not isinstance(lengths, list) or not all(type(length) is int and length >= 0 for length in lengths):
        raise Refusal("bad_message", "Invalid binary frame: `parts` must list lengths in bytes")
    if sum(lengths) != len(payload):
        raise Refusal("bad_message", "Invalid binary frame: `parts` do not add up to its payload")
    ends = list(accumulate(lengths))
    return [payload[end - length : end] for end, length in zip(ends, lengths, strict=True)]
