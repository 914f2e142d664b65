"""What ``/openapi.json`` says of single requests, held against what the server does."""

from __future__ import annotations

import json

import pytest

from napari_sam3_assistant.server.app import create_app
from napari_sam3_assistant.server.settings import MIB, Limits, ServerSettings
from tests.server.stub import StubEngine

KINDS = ("text", "box", "points", "auto")
WAYS = ("", "/base64", "/url")
FIELDS = {
    "text": {"text", "mask_threshold"},
    "box": {"x1", "y1", "x2", "y2"},
    "points": {"points_x", "points_y", "labels"},
    "auto": {"points_per_side", "pred_iou_thresh", "stability_score_thresh"},
}
PICTURE = {"": "image", "/base64": "image_base64", "/url": "image_url"}
DEFAULTS = {
    "return_visualization": False,
    "mask_threshold": 0.5,
    "points_per_side": 32,
}
UNLESS_GIVEN = {"pred_iou_thresh", "stability_score_thresh"}
"""What the engine chooses; no default is described."""


@pytest.fixture(scope="module")
def described() -> dict:
    limits = Limits(image_bytes=3 * MIB, body_bytes=4 * MIB, json_body_bytes=5 * MIB, everything_s=7, image_side=77)
    return create_app(StubEngine(), ServerSettings(limits=limits)).openapi()


def schema_of(described: dict, path: str) -> tuple[str, dict]:
    """Return the media type of a request's body, and its schema."""
    ((media, content),) = described["paths"][path]["post"]["requestBody"]["content"].items()
    schema = content["schema"]
    if "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return media, schema


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_request_is_described_with_its_fields_and_defaults(described, kind, way):
    media, schema = schema_of(described, f"/segment/{kind}{way}")

    assert media == ("application/json" if way else "multipart/form-data")
    fields = schema["properties"]
    assert set(fields) == FIELDS[kind] | {PICTURE[way], "return_visualization"}
    assert all(field.get("description") for field in fields.values())
    assert {name: field["default"] for name, field in fields.items() if field.get("default") is not None} == {
        name: value for name, value in DEFAULTS.items() if name in fields
    }
    assert set(schema["required"]) == {name for name in fields if name not in DEFAULTS.keys() | UNLESS_GIVEN}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_is_described(described, kind, way):
    answers = described["paths"][f"/segment/{kind}{way}"]["post"]["responses"]

    assert set(answers["200"]["content"]) == {"application/json"} | ({"image/png"} if not way else set())
    assert answers["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/SegmentationResponse")
    expected = {"200", "400", "408", "413", "422", "429", "500", "503"}
    expected |= {"text": {"501"}, "auto": {"504"}}.get(kind, set()) | ({"403"} if way == "/url" else set())
    assert set(answers) == expected
    for status in expected - {"200", "422"}:
        examples = answers[status]["content"]["application/json"]["examples"].values()
        assert all(set(one["value"]) == {"detail"} for one in examples)


def test_the_limits_of_this_server_are_said(described):
    def said(path: str) -> str:
        return described["paths"][f"/segment/{path}"]["post"]["description"]

    assert "at most 3 MiB" in said("box") and "at most 4 MiB" in said("box")
    assert "5 MiB" in said("box/base64")
    assert "3 MiB" in said("box/url")
    assert "7 s" in said("auto")
    assert "77 pixels along a side" in said("points")


def test_examples_are_what_the_schemas_allow(described):
    for kind in KINDS:
        _, schema = schema_of(described, f"/segment/{kind}/base64")
        for name, field in schema["properties"].items():
            for example in field.get("examples", ()):
                kinds = {"integer": int, "string": str, "array": list, "number": float, "boolean": bool}
                assert isinstance(example, kinds[field["type"]]), name
    json.dumps(described, allow_nan=False)
