"""What strangers say: each row of the table of errors that a message alone can cause."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_sam3_assistant.wire import parsing
from napari_sam3_assistant.wire.json_guard import DEEPEST, MOST_VALUES, read_json
from napari_sam3_assistant.wire.messages import CLIENT_MESSAGES, Click, Hello, Init, Restore, SetOptions
from napari_sam3_assistant.wire.parsing import parse_client, parse_server
from napari_sam3_assistant.wire.refusals import KINDS, Refusal
from napari_sam3_assistant.wire.replies import SERVER_MESSAGES, Error, ImageLoaded, SegmentationResult, SessionCreated
from napari_sam3_assistant.wire.values import Message

NOT_NUMBERS = ["null", '"100"', '""', "true", "false", "NaN", "Infinity", "-Infinity", "1e400", "[1]", "{}", "9" * 400]
COORDINATES = ("bad_coordinates", "Invalid click coordinates")
LABEL = ("bad_label", "Failed to add point: label must be 0 (background) or 1 (foreground)")


def refused(text: str | bytes, **options) -> Refusal:
    with pytest.raises(Refusal) as caught:
        parse_client(text, **options)
    return caught.value


def said(type: str, **fields) -> str:
    return json.dumps({"type": type, **fields})


@pytest.mark.parametrize("number", NOT_NUMBERS)
@pytest.mark.parametrize("axis", ["x", "y"])
def test_what_is_no_finite_number_is_no_coordinate(axis, number):
    other = {"x": "y", "y": "x"}[axis]

    refusal = refused(f'{{"type":"click","{axis}":{number},"{other}":5,"id":"a7"}}')

    assert (refusal.code, refusal.message) == COORDINATES
    assert refusal.id == "a7"


@pytest.mark.parametrize("fields", [{}, {"x": 5}, {"y": 5}])
def test_a_click_needs_both_coordinates(fields):
    refusal = refused(said("click", **fields))

    assert (refusal.code, refusal.message) == COORDINATES


@pytest.mark.parametrize(("x", "expected"), [(10.7, 10), (-0.5, 0), (-5.9, -5), (7, 7), (1e15, 10**15)])
def test_coordinates_are_cut_toward_zero(x, expected):
    assert parse_client(said("click", x=x, y=0)).x == expected


@pytest.mark.parametrize("label", ["2", "-1", "0.5", '"1"', "true", "false", "null", "NaN", "[]"])
def test_a_label_is_0_or_1(label):
    refusal = refused(f'{{"type":"click","x":1,"y":2,"label":{label}}}')

    assert (refusal.code, refusal.message) == LABEL


@pytest.mark.parametrize(("label", "expected"), [({}, 1), ({"label": 0}, 0), ({"label": 1.0}, 1)])
def test_a_label_may_be_missing(label, expected):
    assert parse_client(said("click", x=1, y=2, **label)) == Click(x=1, y=2, label=expected)


@pytest.mark.parametrize("fields", [{}, {"image": ""}, {"image": None}, {"image": 5}, {"image": ["a"]}, {"image": {}}])
def test_a_picture_must_be_given(fields):
    refusal = refused(said("init", **fields))

    assert (refusal.code, refusal.message) == ("no_image_data", "No image provided")


def test_a_picture_may_be_named_by_its_hash():
    assert parse_client(said("init", image_id="af")) == Init(image_id="af")


UNKNOWN = [
    ({}, "None"),
    ({"type": None}, "None"),
    ({"type": "jump"}, "jump"),
    ({"type": 5}, "5"),
    ({"type": ["init"]}, "['init']"),
    ({"type": "y" * 99}, "y" * 64),
    ({"type": "segmentation_result"}, "segmentation_result"),
    ({"type": "Init"}, "Init"),
]


@pytest.mark.parametrize(("message", "shown"), UNKNOWN)
def test_types_that_are_not_known_are_named(message, shown):
    refusal = refused(json.dumps({**message, "id": "q"}))

    assert (refusal.code, refusal.message) == ("unknown_type", f"Unknown message type: {shown}")
    assert refusal.id == "q"


BROKEN = ["", " ", "{", "{'type':'reset'}", '{"type":"reset"}x', '{"type":"reset",}', '{"a":"\\ud800"}', "\ud800", "\0"]


@pytest.mark.parametrize("text", [*BROKEN, "[" * 100_000, '{"a":' * 100_000, '{"x":' + "9" * 5000 + "}"])
def test_what_is_no_json_is_said_to_be_none(text):
    refusal = refused(text)

    assert (refusal.code, refusal.message, refusal.id) == ("bad_message", "Invalid JSON", None)


@pytest.mark.parametrize("text", ["[]", "5", '"reset"', "null", "true", "NaN", '[{"type":"reset"}]'])
def test_a_message_is_an_object(text):
    refusal = refused(text)

    assert (refusal.code, refusal.message) == ("bad_message", "Message must be a JSON object")


@pytest.mark.parametrize("data", [b"", b"\x89PNG", b'{"type":"reset"}', b"SM3\x01\x02\0\0\0{}"])
def test_binary_messages_need_hello(data):
    refusal = refused(data)

    assert (refusal.code, refusal.message) == ("bad_message", "Binary messages need hello")


def nested(depth: int) -> str:
    return '{"type":"reset","a":' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


def test_depth_is_bounded_and_what_is_ignored_may_be_as_deep():
    assert parse_client(nested(DEEPEST)).type == "reset"

    refusal = refused(nested(DEEPEST + 1))

    assert refusal.code == "bad_message"
    assert "in one another" in refusal.message


def test_many_values_are_refused_before_they_are_read():
    refusal = refused('{"type":"reset","a":[' + "0," * MOST_VALUES + "0]}")

    assert "values" in refusal.message


MANY_WRONG = [
    ("predict", '"image_id":"a","prompts":{"points":[%s]}', '{"x":"a"}'),
    ("restore", '"objects":[%s]', '{"a":1}'),
    ("find", '"exemplars":[%s]', "5"),
]


@pytest.mark.parametrize(("type", "field", "wrong"), MANY_WRONG)
def test_one_fault_is_found_where_there_are_a_hundred_thousand(type, field, wrong, monkeypatch):
    counts = []
    errors = ValidationError.errors
    monkeypatch.setattr(parsing, "_first", lambda error: counts.append(error.error_count()) or errors(error)[0])

    refused(f'{{"type":"{type}",{field % ",".join([wrong] * 100_000)}}}')

    assert counts[0] < 10


def test_more_points_than_any_server_takes_are_not_looked_at():
    points = ",".join(['{"x":1,"y":2}'] * 10_001)

    refusal = refused(f'{{"type":"predict","image_id":"a","prompts":{{"points":[{points}]}}}}')

    assert refusal.message == "Invalid predict: `prompts.points` must not have more than 10000 entries"


def test_a_long_text_is_no_trouble():
    picture = "data:image/png;base64," + "A" * 2**22

    assert parse_client(said("init", image=picture)).image == picture


def test_of_a_field_that_stands_twice_the_last_counts():
    assert parse_client('{"type":"click","x":1,"y":2,"x":9}').x == 9


@pytest.mark.parametrize("id", [5, True, [], {}, "z" * 65, 1e400])
def test_an_id_that_is_none_is_not_looked_at(id):
    assert parse_client(said("reset", id=id)).id is None
    assert refused(said("jump", id=id)).id is None


@pytest.mark.parametrize("id", ["", "z" * 64, "é\0"])
def test_ids_come_back_as_they_are(id):
    assert parse_client(said("reset", id=id)).id == id
    assert refused(said("click", id=id)).id == id


FIELDS = [
    ("text", {}, "`text` is missing"),
    ("text", {"text": 5}, "`text` must be a text"),
    ("text", {"text": ""}, "`text` must not be empty"),
    ("text", {"text": "a", "threshold": 2}, "`threshold` must be 1 or less"),
    ("text", {"text": "a", "threshold": "0.5"}, "`threshold` must be a finite number"),
    ("text", {"text": "a", "max_objects": 0}, "`max_objects` must be 1 or more"),
    ("remove_point", {"index": 1.5}, "`index` must be a whole number"),
    ("remove_point", {"index": True}, "`index` must be a whole number"),
    ("remove_point", {"index": -1}, "`index` must be 0 or more"),
    ("select_object", {"object_id": "1"}, "`object_id` must be a whole number"),
    ("set", {"return": "none"}, "`return` must be 'object' or 'all'"),
    ("set", {"multimask": "maybe"}, "`multimask` must be true or false"),
    ("predict", {"image_id": "a", "prompts": {"points": 5}}, "`prompts.points` must be a list"),
    ("predict", {"image_id": "a", "prompts": []}, "`prompts` must be an object"),
    ("restore", {"objects": [{}]}, "`objects.0.object_id` is missing"),
    ("cancel", {}, "`id` is missing"),
]


@pytest.mark.parametrize(("type", "fields", "why"), FIELDS)
def test_the_field_that_is_wrong_is_named_in_plain_words(type, fields, why):
    refusal = refused(said(type, **fields))

    assert (refusal.code, refusal.message) == ("bad_message", f"Invalid {type}: {why}")


OF_KIND = [
    ("box", {"x1": 0, "y1": 0, "x2": None, "y2": 5}, "bad_coordinates", "Invalid box coordinates"),
    ("hover", {"x": "a", "y": 1}, "bad_coordinates", "Invalid hover coordinates"),
    ("predict", {"image_id": "a", "prompts": {"points": [{"x": 1}]}}, "bad_coordinates", "Invalid predict coordinates"),
    ("box", {"x1": 0, "y1": 0, "x2": 9, "y2": 5, "label": 3}, "bad_label", "Invalid box: label must be 0"),
    ("mask_prompt", {"mask": 5}, "bad_mask", "Invalid mask"),
    ("predict", {"image_id": "a", "prompts": {"mask": {"mask": 3}}}, "bad_mask", "Invalid mask"),
]


@pytest.mark.parametrize(("type", "fields", "code", "message"), OF_KIND)
def test_places_labels_and_masks_are_refused_alike_in_all_messages(type, fields, code, message):
    refusal = refused(said(type, **fields))

    assert refusal.code == code
    assert refusal.message.startswith(message)


def test_hello_bears_what_later_clients_will_say():
    hello = parse_client(said("hello", protocol="2.1", mask_formats=["av1", 7, "rle"], client="n" * 500, colour="red"))

    assert (hello.protocol, hello.mask_formats, len(hello.client)) == (1, ("av1", "rle"), 200)


def test_hello_without_a_field_asks_for_nothing():
    assert parse_client(said("hello")) == Hello(mask_formats=("png",), binary=False, coalesce=False, progress=False)


def test_the_python_name_of_a_field_is_not_that_of_the_protocol():
    assert parse_client(said("set", **{"return": "all"})) == SetOptions(return_="all")


def test_a_restored_state_may_be_what_list_has_said():
    state = {"type": "state", "width": 5, "height": 5, "selected": 2, "objects": [{"object_id": 2, "score": 0.5}]}

    assert isinstance(parse_client(json.dumps({**state, "type": "restore"})), Restore)


@settings(max_examples=300, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=9,
    ),
    type=st.sampled_from(sorted(CLIENT_MESSAGES)),
    name=st.sampled_from(sorted({name for model in CLIENT_MESSAGES.values() for name in model.model_fields})),
)
def test_any_value_in_any_field_is_a_message_or_a_refusal_of_the_table(value, type, name):
    try:
        message = parse_client(json.dumps({"type": type, name: value}))
    except Refusal as refusal:
        message = refusal.reply()
        known = refusal.code in KINDS
    else:
        known = message.type in CLIENT_MESSAGES
    assert known
    assert "Error" not in getattr(message, "message", "") and "pydantic" not in str(message)


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=40) | st.text(alphabet='{}[]",:\\u019aeE.-', max_size=40))
def test_any_text_is_json_or_refused(text):
    with suppress(Refusal):
        assert json.dumps(read_json(text)) == json.dumps(json.loads(text))


def test_a_client_reads_what_the_first_server_of_its_kind_says():
    said_by_it = [
        ({"type": "session_created", "session_id": "uuid-here"}, SessionCreated(session_id="uuid-here")),
        ({"type": "image_loaded", "width": 1920, "height": 1080}, ImageLoaded(width=1920, height=1080)),
        (
            {"type": "segmentation_result", "mask": "aGk=", "score": 0.95, "num_points": 3},
            SegmentationResult(mask="aGk=", score=0.95, num_points=3),
        ),
        ({"type": "error", "message": "Error description"}, Error(message="Error description")),
    ]

    for text, message in said_by_it:
        assert parse_server(json.dumps(text)) == message


def test_a_client_passes_over_what_later_servers_will_say():
    message = parse_server('{"type":"weather","id":"a","sun":true}')

    assert type(message) is Message
    assert (message.type, message.id) == ("weather", "a")
    assert "weather" not in SERVER_MESSAGES
    assert parse_server('{"type":"pong","queue":1,"sun":true}').queue == 1


@pytest.mark.parametrize("text", ["", "[]", '{"type":"pong"}', '{"type":"pong","queue":"many"}', '{"type":null}', "{}"])
def test_a_client_refuses_what_is_no_message(text):
    with pytest.raises(Refusal) as caught:
        parse_server(text)

    assert caught.value.code == "bad_message"
