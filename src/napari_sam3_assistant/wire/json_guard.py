"""JSON from strangers: what it costs to read is bounded, however it is made.

Of a key that stands twice, the last one counts. ``NaN`` and ``Infinity`` are read as numbers, so that the field that
holds one can be named; no field takes them.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from napari_sam3_assistant.wire.refusals import Refusal

DEEPEST = 32
"""Lists and objects in one another."""
MOST_VALUES = 2**19
"""Commas, lists and objects of a message: what it takes in memory goes with them, not with the length of its texts."""


def read_json(data: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises
    ------
    Refusal
        ``bad_message``: if it is none, or too deep, or has too many values.
    """
    text = isinstance(data, str)
    commas, lists, objects = (data.count(sign if text else sign.encode()) for sign in ",[{")  # type: ignore[arg-type]
    if commas + lists + objects > MOST_VALUES:
        raise Refusal("bad_message", f"Message has more than {MOST_VALUES} values; send masks as png or bits")
    try:
        value = from_json(data)
    except (ValueError, TypeError) as error:  # of a text that is no Unicode, a TypeError
        raise Refusal("bad_message", "Invalid JSON") from error
    if lists + objects > DEEPEST and _deeper(value):
        raise Refusal("bad_message", f"Message has more than {DEEPEST} lists and objects in one another")
    return value


def _deeper(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        within = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        if not within:
            return False
        level = [one for many in within for one in many]
    return True
