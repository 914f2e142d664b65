"""The published protocol is that of the models, and others can read it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from napari_sam3_assistant.wire.frames import packed
from napari_sam3_assistant.wire.masks import decode
from napari_sam3_assistant.wire.messages import CLIENT_MESSAGES
from napari_sam3_assistant.wire.parsing import parse_client, parse_server
from napari_sam3_assistant.wire.refusals import KINDS, Refusal
from napari_sam3_assistant.wire.replies import SERVER_MESSAGES
from napari_sam3_assistant.wire.schemas import meaning_of, parts
from napari_sam3_assistant.wire.values import MaskFormat, Run

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
FOLDER = REFERENCE / "protocol"
EXAMPLES = json.loads((FOLDER / "examples.json").read_text(encoding="utf-8"))
SIDES = {"client": (CLIENT_MESSAGES, parse_client), "server": (SERVER_MESSAGES, parse_server)}
CASES = [(side, type) for side, examples in EXAMPLES.items() for type in examples]


def published(name: str) -> dict:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def validator(side: str) -> Draft202012Validator:
    return Draft202012Validator(published(f"{side}.schema.json"))


def run(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "protocol.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_what_is_published_is_what_the_models_say():
    done = run("--check")

    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_what_is_out_of_date_is_named(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "protocol")
    shutil.copy(REFERENCE / "protocol.md", tmp_path)
    stale = tmp_path / "protocol" / "client.schema.json"
    stale.write_text(stale.read_text(encoding="utf-8").replace("bad", "good") + "\n", encoding="utf-8")

    checked = run("--check", "--into", tmp_path)
    mended = run("--into", tmp_path)

    assert (checked.returncode, mended.returncode) == (1, 0)
    assert checked.stdout.startswith(str(Path("protocol", "client.schema.json")))
    assert len(checked.stdout.splitlines()) == 1
    assert stale.read_bytes() == (FOLDER / "client.schema.json").read_bytes()


@pytest.mark.parametrize("side", SIDES)
def test_schemas_are_schemas(side):
    Draft202012Validator.check_schema(published(f"{side}.schema.json"))


@pytest.mark.parametrize("side", SIDES)
def test_each_message_has_an_example(side):
    assert list(EXAMPLES[side]) == list(SIDES[side][0])


def lies_in(part, whole) -> bool:
    """Return whether a value is another one, in which more fields may stand."""
    if isinstance(part, dict):
        return all(name in whole and lies_in(value, whole[name]) for name, value in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(lies_in, part, whole))
    return part == whole


@pytest.mark.parametrize(("side", "type"), CASES)
def test_an_example_is_read_by_the_schema_and_by_the_models_and_written_again(side, type):
    example = EXAMPLES[side][type]
    models, parse = SIDES[side]

    message = parse(json.dumps(example))

    assert [error.message for error in validator(side).iter_errors(example)] == []
    assert message.__class__ is models[type]
    again = json.loads(packed(message))
    assert lies_in(example, again)
    assert [error.message for error in validator(side).iter_errors(again)] == []


def masks_in(value, found):
    if isinstance(value, list):
        for one in value:
            masks_in(one, found)
    elif isinstance(value, dict):
        if "mask" in value and "queue" not in value:  # that is a time
            found.append(value)
        masks_in(list(value.values()), found)
    return found


@pytest.mark.parametrize("holder", masks_in(list(EXAMPLES.values()), []), ids=lambda one: one.get("type", "object"))
def test_masks_of_examples_are_the_same_six_pixels(holder):
    format: MaskFormat = holder.get("mask_format", "png")
    data = Run(**holder["mask"]) if format == "rle" else holder["mask"]

    mask = decode(data, format, (4, 6), tuple(holder["bbox"]) if format == "bits" else None)

    assert (mask.area, mask.trimmed().offset) == (6, (1, 2))


BAD = [
    ("client", {"type": "click", "x": 1}),
    ("client", {"type": "click", "x": "1", "y": 2}),
    ("client", {"type": "click", "x": 1, "y": 2, "label": 2}),
    ("client", {"type": "box", "x1": 1, "y1": 2, "x2": 3}),
    ("client", {"type": "text", "text": "a", "threshold": 1.5}),
    ("client", {"type": "cancel"}),
    ("client", {"type": "jump"}),
    ("client", {"type": "restore", "objects": [{"object_id": 0}]}),
    ("client", {"type": "mask_prompt", "mask": 5}),
    ("server", {"type": "pong"}),
    ("server", {"type": "segmentation_result", "mask": "", "score": "high", "num_points": 1}),
    ("server", {"type": "image_loaded", "width": 6}),
]


@pytest.mark.parametrize(("side", "message"), BAD, ids=lambda value: value if isinstance(value, str) else value["type"])
def test_the_schema_refuses_what_the_models_refuse(side, message):
    with pytest.raises(Refusal):
        SIDES[side][1](json.dumps(message))

    assert not validator(side).is_valid(message)


@pytest.mark.parametrize("part", list(parts()), ids=lambda part: part.__name__)
def test_each_field_says_what_it_means(part):
    meaning, fields = meaning_of(part)

    assert part.__name__.startswith("_") or meaning
    assert [name for name, text in fields.items() if not text] == []


REFERENCE_TO = {"type": "object", "required": ["$ref"], "properties": {"$ref": {"type": "string"}}}
MESSAGE = {
    "type": "object",
    "required": ["name", "payload"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "summary": {"type": "string"},
        "payload": {
            "type": "object",
            "required": ["schemaFormat", "schema"],
            "additionalProperties": False,
            "properties": {"schemaFormat": {"type": "string"}, "schema": REFERENCE_TO},
        },
        "examples": {"type": "array", "items": {"type": "object", "required": ["payload"]}},
    },
}
OPERATION = {
    "type": "object",
    "required": ["action", "channel"],
    "additionalProperties": False,
    "properties": {
        "action": {"enum": ["send", "receive"]},
        "summary": {"type": "string"},
        "channel": REFERENCE_TO,
        "messages": {"type": "array", "items": REFERENCE_TO},
    },
}
NAMED = {"propertyNames": {"pattern": r"^[\w.-]+$"}}
ASYNCAPI = {
    "description": "What the AsyncAPI specification 3.0.0 asks of the objects that are used here.",
    "type": "object",
    "required": ["asyncapi", "info"],
    "additionalProperties": False,
    "properties": {
        "asyncapi": {"const": "3.0.0"},
        "info": {
            "type": "object",
            "required": ["title", "version"],
            "additionalProperties": False,
            "properties": {
                "title": {"type": "string"},
                "version": {"type": "string"},
                "description": {"type": "string"},
                "license": {"type": "object", "required": ["name"]},
            },
        },
        "defaultContentType": {"type": "string"},
        "servers": {
            **NAMED,
            "additionalProperties": {
                "type": "object",
                "required": ["host", "protocol"],
                "additionalProperties": False,
                "properties": {name: {"type": "string"} for name in ("host", "protocol", "description")},
            },
        },
        "channels": {
            **NAMED,
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "address": {"type": "string"},
                    "messages": {**NAMED, "additionalProperties": REFERENCE_TO},
                },
            },
        },
        "operations": {**NAMED, "additionalProperties": OPERATION},
        "components": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"messages": {**NAMED, "additionalProperties": MESSAGE}},
        },
    },
}


def test_the_asyncapi_document_has_the_shape_of_one():
    assert [error.message for error in Draft202012Validator(ASYNCAPI).iter_errors(published("asyncapi.json"))] == []


def followed(reference: str, document: dict):
    """Return what a reference of the AsyncAPI document leads to."""
    file, _, path = reference.partition("#")
    at = published(file) if file else document
    for name in path.strip("/").split("/"):
        at = at[name]
    return at


def test_every_reference_of_the_asyncapi_document_leads_somewhere():
    document = published("asyncapi.json")
    references = re.findall(r'"\$ref": "([^"]+)"', json.dumps(document))

    found = [followed(reference, document) for reference in references]

    assert len(found) > 3 * len(CLIENT_MESSAGES)
    assert all(found)


@pytest.mark.parametrize(("action", "side"), [("receive", "client"), ("send", "server")])
def test_each_message_belongs_to_the_operation_of_its_side(action, side):
    document = published("asyncapi.json")
    (operation,) = (one for one in document["operations"].values() if one["action"] == action)

    messages = [followed(followed(ref["$ref"], document)["$ref"], document) for ref in operation["messages"]]

    assert [message["name"] for message in messages] == list(SIDES[side][0])
    for message in messages:
        payload = followed(message["payload"]["schema"]["$ref"], document)
        assert payload["properties"]["type"]["const"] == message["name"]


def test_the_page_names_every_message_and_every_error():
    page = (REFERENCE / "protocol.md").read_text(encoding="utf-8")

    headings = re.findall(r"^### (\w+)$", page, re.MULTILINE)

    assert {*CLIENT_MESSAGES, *SERVER_MESSAGES} <= set(headings)
    assert all(f"| `{code}` |" in page for code in KINDS)
    assert "{{" not in page
