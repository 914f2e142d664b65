"""Messages as what goes over the socket: JSON text."""

from __future__ import annotations

from napari_sam3_assistant.wire.values import Message


def packed(message: Message, *, binary: bool = False) -> str | bytes:
    """Return a message as JSON text, without fields that are None; bytes need ``binary``, and a binary frame."""
    return message.model_dump_json(exclude_none=True, by_alias=True)
