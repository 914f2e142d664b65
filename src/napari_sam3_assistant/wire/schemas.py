"""The protocol as others read it: JSON Schemas and an AsyncAPI document, made from the models.

What a field means stands where it is declared: in its message's docstring or, if it means the same in all of them, in
:data:`EVERYWHERE`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic.json_schema import DEFAULT_REF_TEMPLATE, GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from napari_sam3_assistant.wire.messages import CLIENT_MESSAGES
from napari_sam3_assistant.wire.replies import SERVER_MESSAGES
from napari_sam3_assistant.wire.values import PROTOCOL, Message, Value

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
CLIENT_FILE, SERVER_FILE, ASYNCAPI_FILE = "client.schema.json", "server.schema.json", "asyncapi.json"
ADDRESS = "/ws/realtime"

EVERYWHERE = {
    "type": "Which message it is.",
    "x": "Pixels to the right; of what a client sends, cut to a whole number toward zero.",
    "y": "Pixels down; of what a client sends, cut to a whole number toward zero.",
    "x1": "Left side, in pixels.",
    "y1": "Upper side, in pixels.",
    "x2": "Right side, in pixels; the pixel at it is outside.",
    "y2": "Lower side, in pixels; the pixel at it is outside.",
    "label": "1 for the object, 0 for what is not the object.",
    "object_id": "The object it is about; where a client may leave it out, the selected one.",
    "image_id": "The picture's hash, as `image_loaded` says it.",
    "total_points": "Points of the object now, of both labels.",
    "point_index": "Which of the object's points it is, from 0.",
    "mask": "The pixels of the object, as `mask_format` says.",
    "mask_format": "How the mask is written.",
    "bbox": "`x1, y1, x2, y2` of the object's pixels, half-open; all 0 where there is none.",
    "area": "Number of the object's pixels.",
    "score": "0 to 1; 0 where the mask is empty.",
    "timing_ms": "Where the time went.",
    "limits": "What the server takes.",
    "protocol": "The version that the server speaks.",
    "objects": "The objects, best or oldest first.",
    "name": "The phrase that found the object.",
    "threshold": "Objects of a lower score are left out, 0 to 1.",
    "multimask": "Whether other readings of the prompts come along.",
    "selected": "The object that is selected.",
    "message": "What is wrong, for a user.",
    "width": "Of the picture, in pixels, as a browser shows it; 0 where there is none.",
    "height": "Of the picture, in pixels, as a browser shows it; 0 where there is none.",
    "binary": "Whether binary frames may be sent, and will be.",
    "coalesce": "Whether a click that waits may give way to a newer one of the same object.",
    "progress": "Whether `progress`, `expiring` and `draining` come unasked.",
    "return_": '`"object"`: results are about the object concerned; `"all"`: they carry every object.',
    "video_id": "The video, as `video_opened` says it.",
    "index": "Number of the frame, from 0.",
    "intensity_window": "What was taken for black and white, of a picture of more than 8 bits.",
    "t": "Any number, such as the time by the client's clock; it comes back.",
}
"""By name: what a field means if its message says nothing else."""


class _Plain(GenerateJsonSchema):
    """Schemas without titles of fields; what may be None may be missing, and bytes are base64 where they are JSON."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if made.get("default", ...) is None:
            del made["default"]
        return made

    def bytes_schema(self, schema: core_schema.BytesSchema) -> JsonSchemaValue:
        return {"type": "string"}


def client_schema() -> Schema:
    """Return the JSON Schema of what a client says."""
    return _union(CLIENT_MESSAGES.values(), "What a client of the real-time server says")


def server_schema() -> Schema:
    """Return the JSON Schema of what the server says. Others than these may come: a client passes over them."""
    return _union(SERVER_MESSAGES.values(), "What the real-time server says")


def asyncapi(version: str, examples: dict[str, dict[str, Schema]]) -> Schema:
    """Return the AsyncAPI document of the socket; it stands beside the two schemas.

    Parameters
    ----------
    version : str
        Of the package.
    examples : dict
        ``"client"`` and ``"server"`` to ``type`` to message.
    """
    sides = (("client", CLIENT_MESSAGES, CLIENT_FILE), ("server", SERVER_MESSAGES, SERVER_FILE))
    messages = {
        model.__name__: _asyncapi_message(model, file, examples[side].get(kind))
        for side, models, file in sides
        for kind, model in models.items()
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "napari-sam3-assistant, the real-time server",
            "version": version,
            "description": f"Protocol sam3.realtime, version {PROTOCOL}: click, and the mask is there.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {"local": {"host": "127.0.0.1:8000", "protocol": "ws", "description": "As `serve` starts it."}},
        "channels": {
            "realtime": {
                "address": ADDRESS,
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            "hear": _operation("receive", CLIENT_MESSAGES.values(), "What the server takes."),
            "answer": _operation("send", SERVER_MESSAGES.values(), "What the server says."),
        },
        "components": {"messages": messages},
    }


def meaning_of(model: type[Value]) -> tuple[str, dict[str, str]]:
    """Return what a message or a part of one means, and what each of its fields does, from the docstrings."""
    fields = dict(EVERYWHERE)
    for one in reversed(model.__mro__):
        fields |= dict(_attributes(inspect.cleandoc(vars(one).get("__doc__") or "")))
    summary = inspect.cleandoc(model.__doc__ or "").partition("\n\n")[0]
    return _plain(summary), {name: fields.get(name, "") for name in model.model_fields}


def parts(model: type[Value] = Value) -> Iterator[type[Value]]:
    """Yield every message and every part of one."""
    for one in model.__subclasses__():
        yield one
        yield from parts(one)


def _union(models: Iterable[type[Message]], title: str) -> Schema:
    models = tuple(models)
    _, made = models_json_schema(
        [(model, "validation") for model in models], ref_template=DEFAULT_REF_TEMPLATE, schema_generator=_Plain
    )
    known = {model.__name__: model for model in parts()}
    for name, schema in made["$defs"].items():
        _describe(schema, known[name])
    union = [{"$ref": f"#/$defs/{model.__name__}"} for model in models]
    return {"$schema": DIALECT, "title": title, "oneOf": union, "$defs": made["$defs"]}


def _describe(schema: Schema, model: type[Value]) -> None:
    schema["description"], meanings = meaning_of(model)
    for name, field in model.model_fields.items():
        about = schema["properties"][field.alias or name]
        if meanings[name]:
            about["description"] = meanings[name]
    if issubclass(model, Message):
        schema["required"] = ["type", *schema.get("required", [])]
        schema["properties"]["type"].pop("default", None)


def _attributes(docstring: str) -> Iterator[tuple[str, str]]:
    """Yield the names and meanings of a numpydoc section *Attributes*."""
    section = docstring.partition("\nAttributes\n----------\n")[2]
    for entry in re.findall(r"^(\w[^\n]*) : [^\n]*((?:\n {4}[^\n]*)*)", section, re.MULTILINE):
        for name in entry[0].split(", "):
            if entry[1].strip():
                yield name, _plain(" ".join(line.strip() for line in entry[1].splitlines())).strip()


def _plain(text: str) -> str:
    """Return text of a docstring for readers of the protocol: Markdown, without roles."""
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", text)
    return " ".join(text.replace("``", "`").split())


def _asyncapi_message(model: type[Message], file: str, example: Schema | None) -> Schema:
    kind = str(model.model_fields["type"].default)
    message: Schema = {
        "name": kind,
        "summary": meaning_of(model)[0],
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./{file}#/$defs/{model.__name__}"},
        },
    }
    if example is not None:
        message["examples"] = [{"payload": example}]
    return message


def _operation(action: str, models: Iterable[type[Message]], summary: str) -> Schema:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": "#/channels/realtime"},
        "messages": [{"$ref": f"#/channels/realtime/messages/{model.__name__}"} for model in models],
    }
