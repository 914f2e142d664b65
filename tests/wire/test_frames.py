"""Binary frames: what goes in comes out, and hostile ones are refused."""

import base64
import json
import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.wire.frames import MAGIC, packed, unpacked
from napari_sam3_assistant.wire.messages import Asked, Click, Init, MaskHint, Predict, Restore
from napari_sam3_assistant.wire.parsing import parse_client, parse_server
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.replies import CandidatesFound, Options, Pong, Prediction, SegmentationResult
from napari_sam3_assistant.wire.values import Drawn, Found, ObjectState, Point

masks = st.binary(max_size=40)
found = st.builds(
    Found,
    score=st.floats(0, 1),
    bbox=st.just((1, 2, 3, 4)),
    area=st.integers(0, 9),
    mask=masks,
    mask_format=st.just("bits"),
)
results = st.builds(
    SegmentationResult,
    id=st.none() | st.text(max_size=64),
    mask=masks,
    score=st.floats(0, 1),
    num_points=st.integers(0, 100),
    mask_format=st.just("bits"),
    candidates=st.none() | st.lists(found, max_size=3).map(tuple),
    objects=st.none() | st.lists(found, max_size=3).map(tuple),
)
answers = results | st.builds(Prediction, objects=st.lists(found).map(tuple), alternatives=st.lists(found).map(tuple))
drawn = st.builds(Drawn, mask=masks, mask_format=st.just("bits"), bbox=st.just((0, 0, 2, 2)))
questions = (
    st.builds(Init, image=st.binary(min_size=1, max_size=60), id=st.none() | st.text(max_size=64))
    | st.builds(MaskHint, mask=masks, mask_format=st.just("bits"))
    | st.builds(Predict, image_id=st.text(), prompts=st.builds(Asked, mask=drawn))
    | st.builds(
        Restore,
        objects=st.lists(st.builds(ObjectState, object_id=st.integers(1, 50), mask=st.none() | drawn)).map(tuple),
    )
)


@settings(max_examples=200, deadline=None)
@given(message=answers)
def test_a_server_and_a_client_agree_on_what_was_said(message):
    assert parse_server(packed(message, binary=True)) == message


@settings(max_examples=200, deadline=None)
@given(message=questions)
def test_a_client_and_a_server_agree_on_what_was_said(message):
    assert parse_client(packed(message, binary=True), binary=True) == message


def header_of(frame: bytes) -> tuple[dict, bytes]:
    (length,) = struct.unpack("<I", frame[4:8])
    return json.loads(frame[8 : 8 + length]), frame[8 + length :]


def test_one_mask_is_the_payload_and_the_header_says_what_it_is():
    frame = packed(SegmentationResult(mask=b"abc", score=0.5, num_points=1, mask_format="bits", id="7"), binary=True)

    header, payload = header_of(frame)

    assert frame[:4] == b"SM3\x01"
    assert (header["type"], header["encoding"], header["id"]) == ("segmentation_result", "bits", "7")
    assert "mask" not in header and "parts" not in header
    assert payload == b"abc"


def test_several_masks_are_parts_of_the_payload():
    one = Found(score=1, bbox=(0, 0, 1, 1), area=1, mask=b"ab", mask_format="bits")
    frame = packed(CandidatesFound(threshold=0.5, objects=(one, one.model_copy(update={"mask": b"cde"}))), binary=True)

    header, payload = header_of(frame)

    assert header["parts"] == [2, 3]
    assert [found["mask"] for found in header["objects"]] == [{"part": 0}, {"part": 1}]
    assert payload == b"abcde"


def test_a_picture_goes_up_as_it_is():
    header, payload = header_of(packed(Init(image=b"\xff\xd8\xff"), binary=True))

    assert header == {"type": "init", "encoding": "file"}
    assert payload == b"\xff\xd8\xff"


def test_without_binary_frames_bytes_are_base64_that_every_browser_reads():
    data = bytes(range(256)) + b"\xfb\xff\xfe"

    message = json.loads(packed(SegmentationResult(mask=data, score=1, num_points=1)))

    assert base64.b64decode(message["mask"], validate=True) == data


def test_messages_without_bytes_are_text_even_where_frames_are_agreed_on():
    assert json.loads(packed(Click(x=3, y=4), binary=True)) == {"type": "click", "x": 3, "y": 4, "label": 1}


def test_fields_that_are_none_are_not_sent_and_names_are_those_of_the_protocol():
    assert json.loads(packed(Pong(queue=2))) == {"type": "pong", "queue": 2}
    assert json.loads(packed(Options(multimask=False, mask_format="png", return_="all")))["return"] == "all"


def test_what_is_no_number_never_makes_the_json_invalid():
    def refuse(word):
        raise AssertionError(word)

    json.loads(packed(SegmentationResult(mask="", score=float("nan"), num_points=0)), parse_constant=refuse)


def frame(header: bytes, payload: bytes = b"", *, magic: bytes = MAGIC, length: int | None = None) -> bytes:
    return magic + struct.pack("<I", len(header) if length is None else length) + header + payload


HOSTILE = {
    "empty": b"",
    "magic alone": MAGIC,
    "another magic": frame(b'{"type":"init","encoding":"file"}', magic=b"SM3\x02"),
    "header past the end": frame(b"{}", length=3),
    "header of 4 GiB": frame(b"{}", length=2**32 - 1),
    "no header": frame(b""),
    "broken header": frame(b'{"type":'),
    "header in Latin 1": frame(b'{"type":"\xe9"}'),
    "header is a list": frame(b"[]"),
    "deep header": frame(b"[" * 5000 + b"]" * 5000),
    "neither encoding nor parts": frame(b'{"type":"init"}', b"abc"),
    "encoding is a number": frame(b'{"type":"init","encoding":5}', b"abc"),
    "parts too short": frame(b'{"type":"mask_prompt","mask":{"part":0},"parts":[2]}', b"abc"),
    "parts too long": frame(b'{"type":"mask_prompt","mask":{"part":0},"parts":[4]}', b"abc"),
    "parts below 0": frame(b'{"type":"mask_prompt","mask":{"part":0},"parts":[-1,4]}', b"abc"),
    "parts are truths": frame(b'{"type":"mask_prompt","mask":{"part":0},"parts":[true]}', b"a"),
    "parts are no list": frame(b'{"type":"mask_prompt","mask":{"part":0},"parts":3}', b"abc"),
    "part that is not there": frame(b'{"type":"mask_prompt","mask":{"part":1},"parts":[3]}', b"abc"),
    "part below 0": frame(b'{"type":"mask_prompt","mask":{"part":-1},"parts":[3]}', b"abc"),
    "part is a text": frame(b'{"type":"mask_prompt","mask":{"part":"0"},"parts":[3]}', b"abc"),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_frames_are_refused(data):
    with pytest.raises(Refusal) as caught:
        parse_client(data, binary=True)

    assert caught.value.code == "bad_message"


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=60) | st.binary(max_size=60).map(lambda rest: MAGIC + b"\x10\0\0\0" + rest))
def test_any_bytes_are_a_message_or_refused(data):
    with suppress(Refusal):
        assert isinstance(unpacked(data), dict)


def test_an_unused_part_harms_nobody():
    data = frame(b'{"type":"click","x":1,"y":2,"parts":[3]}', b"abc")

    assert parse_client(data, binary=True) == Click(x=1, y=2)


def test_points_come_through_a_restored_state():
    state = ObjectState(object_id=2, points=(Point(x=1, y=2, label=0),), mask=Drawn(mask=b"x", mask_format="bits"))

    assert parse_client(packed(Restore(objects=(state,)), binary=True), binary=True).objects == (state,)
