"""From what a client sends to a message, or to what is wrong with it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from napari_sam3_assistant.wire.messages import CLIENT_MESSAGES
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.values import Message

MOST_TYPE = 64
_OF_FIELD = {
    ("click", "x"): "bad_coordinates",
    ("click", "y"): "bad_coordinates",
    ("click", "label"): "bad_label",
    ("init", "image"): "no_image_data",
}


def parse_client(text: str | bytes) -> Message:
    """Return the message of a client.

    Raises
    ------
    Refusal
        If it is none; ``Refusal.id`` is that of the message, if it has one.
    """
    try:
        value = from_json(text)
    except ValueError as error:
        raise Refusal("bad_message", "Invalid JSON") from error
    return client_message(value)


def client_message(value: Any) -> Message:
    """Return the message that a value of JSON is; errors as :func:`parse_client`."""
    if not isinstance(value, dict):
        raise Refusal("bad_message", "Message must be a JSON object")
    kind, number = value.get("type"), value.get("id")
    about = number if isinstance(number, str) and len(number) <= MOST_TYPE else None
    model = CLIENT_MESSAGES.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise Refusal("unknown_type", f"Unknown message type: {str(kind)[:MOST_TYPE]}", id=about)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _refusal(model, error, about) from error


def _refusal(model: type[Message], error: ValidationError, about: str | None) -> Refusal:
    kind = str(model.model_fields["type"].default)
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    code = _OF_FIELD.get((kind, str(first["loc"][0]) if first["loc"] else ""), "bad_message")
    return Refusal(code, f"Invalid {kind}: {place}: {first['msg']}", id=about)
