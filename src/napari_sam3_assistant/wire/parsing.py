"""From what came over the socket to a message, or to what is wrong with it. Both ends read here.

An ``id`` that is no text of up to 64 characters is as none: the seed's server would not look at it either.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from napari_sam3_assistant.wire.frames import unpacked
from napari_sam3_assistant.wire.json_guard import read_json
from napari_sam3_assistant.wire.messages import CLIENT_MESSAGES, CancelWork, Init
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.replies import SERVER_MESSAGES
from napari_sam3_assistant.wire.values import MOST_ID, Message
from napari_sam3_assistant.wire.video_messages import Encode, VideoFrame

MOST_TYPE = 64
"""Letters of a type that is not known, in the answer."""

_OF_FIELD = {
    **dict.fromkeys(("x", "y", "x1", "y1", "x2", "y2"), ("bad_coordinates", "Invalid {kind} coordinates")),
    "label": ("bad_label", "Invalid {kind}: label must be 0 (background) or 1 (foreground)"),
    "mask": ("bad_mask", "Invalid mask: it is not what its mask_format says"),
}
"""Code and text, by the name of the field that is wrong."""
_OF_MESSAGE = {
    ("click", "label"): ("bad_label", ""),
    ("init", "image"): ("no_image_data", ""),
    ("encode", "image"): ("no_image_data", ""),
    ("frame", "image"): ("no_image_data", ""),
}
"""The same where a message has its own; without a text, that of the table of refusals."""

_MEANINGS = {
    "missing": "is missing",
    "string_type": "must be a text",
    "string_too_long": "must not have more than {max_length} characters",
    "string_too_short": "must not be empty",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "literal_error": "must be {expected}",
    "tuple_type": "must be a list",
    "too_long": "must not have more than {max_length} entries",
    "model_type": "must be an object",
    "value_error": "must be a finite number",
}
"""What pydantic finds, in words of ours."""


def parse_client(data: str | bytes, *, binary: bool = False) -> Message:
    """Return the message of a client.

    Parameters
    ----------
    data : str or bytes
        A text message, or a binary one.
    binary : bool
        Whether binary frames were agreed on.

    Raises
    ------
    Refusal
        If it is none; ``Refusal.id`` is that of the message, if it has one.
    """
    if isinstance(data, str):
        return client_message(read_json(data))
    if not binary:
        raise Refusal("bad_message", "Binary messages need hello")
    return client_message(unpacked(data))


def parse_server(data: str | bytes) -> Message:
    """Return the message of a server; fields that are not known are ignored.

    One of a type that is not known comes as a plain :class:`~napari_sam3_assistant.wire.values.Message`, which holds
    its ``type``: a client passes over it.

    Raises
    ------
    Refusal
        ``bad_message``: if it is none.
    """
    value = _checked(read_json(data) if isinstance(data, str) else unpacked(data))
    kind = value.get("type")
    model = SERVER_MESSAGES.get(kind, Message) if isinstance(kind, str) else Message
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Refusal("bad_message", f"Invalid {_cut(kind)}: {_meaning(_first(error))}", id=value.get("id")) from error


def client_message(value: Any) -> Message:
    """Return the message that a value of JSON is; errors as :func:`parse_client`."""
    value = _checked(value)
    kind, about = value.get("type"), value.get("id")
    model = CLIENT_MESSAGES.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise Refusal("unknown_type", f"Unknown message type: {_cut(kind)}", id=about)
    try:
        message = model.model_validate(value)
    except ValidationError as error:
        raise _refusal(str(kind), _first(error), about) from error
    match message:
        case Init() | Encode() | VideoFrame() if not message.image and message.image_id is None:
            raise Refusal("no_image_data", id=about)
        case CancelWork(id=None):
            raise Refusal("bad_message", "Invalid cancel: `id` is missing", type="cancel")
    return message


def _checked(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refusal("bad_message", "Message must be a JSON object")
    about = value.get("id")
    if about is None or (isinstance(about, str) and len(about) <= MOST_ID):
        return value
    return {name: field for name, field in value.items() if name != "id"}


def _cut(kind: Any) -> str:
    return str(kind)[:MOST_TYPE]


def _first(error: ValidationError) -> ErrorDetails:
    return error.errors(include_url=False, include_input=False)[0]


def _refusal(kind: str, first: ErrorDetails, about: str | None) -> Refusal:
    names = [part for part in first["loc"] if isinstance(part, str)]
    for name in names:
        code, text = _OF_MESSAGE.get((kind, name)) or _OF_FIELD.get(name, ("", ""))
        if code:
            return Refusal(code, text.format(kind=kind), id=about, type=kind)
    return Refusal("bad_message", f"Invalid {kind}: {_meaning(first)}", id=about, type=kind)


def _meaning(first: ErrorDetails) -> str:
    place = ".".join(str(part) for part in first["loc"])
    return f"`{place}` {_MEANINGS.get(first['type'], 'is not valid').format(**first.get('ctx', {}))}"
