"""Write the published protocol: JSON Schemas, an AsyncAPI document, and the reference page, made from the models.

``python scripts/protocol.py`` writes them below docs/reference/; with ``--check`` it writes nothing, names what is out
of date, and fails if there is any. ``--into`` takes another folder in the place of docs/reference/.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari_sam3_assistant import __version__
from napari_sam3_assistant.server.settings import Limits
from napari_sam3_assistant.wire import json_guard, masks, schemas
from napari_sam3_assistant.wire.refusals import KINDS
from napari_sam3_assistant.wire.values import MOST_ID, PROTOCOL

HERE = Path(__file__).resolve().parent
REFERENCE = HERE.parent / "docs" / "reference"
EXAMPLES = REFERENCE / "protocol" / "examples.json"
TEMPLATE = HERE / "protocol_page.md"
WIDTH = 120


def files(reference: Path = REFERENCE) -> dict[Path, str]:
    """Return what is published: path to text."""
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    client, server = schemas.client_schema(), schemas.server_schema()
    made = {
        schemas.CLIENT_FILE: client,
        schemas.SERVER_FILE: server,
        schemas.ASYNCAPI_FILE: schemas.asyncapi(__version__, examples),
    }
    published = {reference / "protocol" / name: written(value) + "\n" for name, value in made.items()}
    return {**published, reference / "protocol.md": page(client, server, examples)}


def written(value: Any, indent: int = 0) -> str:
    """Return JSON in which all that fits on a line stands on one."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    inner = " " * (indent + 1)
    if isinstance(value, list):
        return "[\n" + ",\n".join(inner + written(one, indent + 1) for one in value) + "\n" + " " * indent + "]"
    entries = (f"{inner}{json.dumps(name)}: {written(one, indent + 1)}" for name, one in value.items())
    return "{\n" + ",\n".join(entries) + "\n" + " " * indent + "}"


def page(client: dict[str, Any], server: dict[str, Any], examples: dict[str, Any]) -> str:
    """Return the reference page."""
    messages = {ref["$ref"].rpartition("/")[2] for schema in (client, server) for ref in schema["oneOf"]}
    definitions = {**client["$defs"], **server["$defs"]}
    values = {name: schema for name, schema in definitions.items() if name not in messages}
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, content in {
        "version": str(PROTOCOL),
        "address": schemas.ADDRESS,
        "most_id": str(MOST_ID),
        "client_messages": sections(client, examples["client"]),
        "server_messages": sections(server, examples["server"]),
        "parts": "\n\n".join(
            f"### {name}\n\n{schema['description']}\n\n{fields(schema).strip()}"
            for name, schema in sorted(values.items())
        ),
        "errors": errors(),
        "limits": limits(),
        "most_png": f"{masks.MOST_PNG:,}",
        "most_letters": f"{masks.MOST_LETTERS:,}",
        "most_rings": f"{masks.MOST_RINGS:,}",
        "most_written": f"{masks.MOST_WRITTEN:,}",
        "most_corners": f"{masks.MOST_CORNERS:,}",
        "most_values": f"{json_guard.MOST_VALUES:,}",
        "deepest": str(json_guard.DEEPEST),
    }.items():
        text = text.replace("{{" + name + "}}", content)
    return text


def sections(schema: dict[str, Any], examples: dict[str, Any]) -> str:
    """Return what is to be read about each message: its meaning, its fields, an example."""
    made = []
    for ref in schema["oneOf"]:
        message = schema["$defs"][ref["$ref"].rpartition("/")[2]]
        kind = message["properties"]["type"]["const"]
        example = json.dumps(examples[kind], ensure_ascii=False)
        made.append(f"### {kind}\n\n{message['description']}\n\n{fields(message)}```json\n{example}\n```")
    return "\n\n".join(made)


def fields(schema: dict[str, Any]) -> str:
    """Return the table of the fields of an object, but for ``type`` and ``id``."""
    rows = []
    for name, field in schema["properties"].items():
        if name in ("type", "id"):
            continue
        default = "required" if name in schema.get("required", ()) else usual(field)
        rows.append((f"`{name}`", kind_of(field), default, field.get("description", "")))
    return table(("Field", "Value", "If missing", "Meaning"), rows) + "\n\n" if rows else ""


def usual(field: dict[str, Any]) -> str:
    return f"`{json.dumps(field['default'])}`" if "default" in field else ""


def kind_of(schema: dict[str, Any]) -> str:
    """Return the type of a field in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "allOf" in schema:
        return kind_of(schema["allOf"][0])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind_of(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(one)}`" for one in schema["enum"])
    if schema.get("type") == "array":
        each = schema.get("items") or schema["prefixItems"][0]
        return (
            f"{schema['maxItems']} {kind_of({**each, 'minimum': None})}s"
            if "prefixItems" in schema
            else f"list of {kind_of(each)}"
        )
    plain = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
    return plain[schema["type"]] + bounds(schema)


def bounds(schema: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f", {low} to {high}"
    return f" from {low}" if low is not None else ""


def errors() -> str:
    """Return the table of what a message is refused with."""
    rows = [
        (
            f"`{code}`",
            kind.text,
            "yes" if kind.retryable else "no",
            f"is closed with {kind.close}" if kind.close else "goes on",
        )
        for code, kind in KINDS.items()
    ]
    return table(("Code", "Message", "May succeed later", "Connection"), rows)


def limits() -> str:
    """Return the table of what a client may send."""
    rows = [(f"`{name}`", f"{field.default:,}", field.description or "") for name, field in Limits.model_fields.items()]
    return table(("Name", "Usually", "Meaning"), rows)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="write nothing, and fail if something is out of date")
    parser.add_argument("--into", type=Path, default=REFERENCE, help="in the place of docs/reference/")
    told = parser.parse_args()
    stale = 0
    for path, text in files(told.into).items():
        if told.check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                print(f"{path.relative_to(told.into)} is out of date: run python scripts/protocol.py")
                stale += 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return int(stale > 0)


if __name__ == "__main__":
    sys.exit(main())
