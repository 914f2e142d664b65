"""What the messages of the real-time protocol are made of.

Coordinates are pixels of the picture as ``image_loaded`` reports it: ``x`` to the right, ``y`` down, the first pixel
is 0, 0. A box is half-open: it holds the pixels ``x1 <= x < x2`` and ``y1 <= y < y2``.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, WithJsonSchema

PROTOCOL = 1
"""The version of the protocol. It rises when a message changes in a way that an older client cannot live with."""

MaskFormat = Literal["png", "png1", "rle", "bits", "polygon"]
MASK_FORMATS: tuple[MaskFormat, ...] = ("bits", "rle", "png1", "png", "polygon")
"""How a mask may be written, see :mod:`~napari_sam3_assistant.wire.masks`."""


def _number(value: object) -> float:
    """Return a number of JSON; a boolean, a text, NaN and what is larger than any double are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("no number")
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError("no finite number") from error
    if not math.isfinite(number):
        raise ValueError("no finite number")
    return number


def _polarity(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value not in (0, 1):
        raise ValueError("label must be 0 (background) or 1 (foreground)")
    return int(value)


Number = Annotated[float, BeforeValidator(_number)]
"""A finite number."""
Pixel = Annotated[int, BeforeValidator(lambda value: math.trunc(_number(value))), WithJsonSchema({"type": "number"})]
"""A finite number, cut to a whole one toward zero."""
Label = Annotated[int, BeforeValidator(_polarity), WithJsonSchema({"enum": [0, 1]})]
"""1 for foreground, 0 for background."""
Share = Annotated[Number, Field(ge=0, le=1), WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})]
"""A number from 0 to 1."""
ObjectId = Annotated[int, Field(strict=True, ge=1)]
MOST_ID = 64
"""Characters of the ``id`` of a message."""
MessageId = Annotated[str, Field(strict=True, max_length=MOST_ID)]
Corners = tuple[int, int, int, int]
"""``x1, y1, x2, y2`` of a half-open box."""


class Value(BaseModel):
    """A frozen part of a message. Fields that are not known are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Message(Value):
    """A message; ``type`` says which one.

    Attributes
    ----------
    id : str or None
        Chosen by the client, and echoed in every reply to its message.
    """

    type: str
    id: MessageId | None = None


def by_type(names: dict[str, object]) -> dict[str, type[Message]]:
    """Return the messages among the names of a module, by their ``type``."""
    models = (one for one in names.values() if isinstance(one, type) and issubclass(one, Message))
    kinds = ((model.model_fields["type"].default, model) for model in models)
    return {kind: model for kind, model in kinds if isinstance(kind, str)}


class Point(Value):
    """A click. ``label`` is 1 on the object and 0 beside it."""

    x: Pixel
    y: Pixel
    label: Label = 1


class Rectangle(Value):
    """A half-open box. ``label`` is 0 for an example of what is not meant."""

    x1: Number
    y1: Number
    x2: Number
    y2: Number
    label: Label = 1


class Place(Value):
    """A click in a question of a client that keeps its own objects: it may lie between the middles of pixels.

    Attributes
    ----------
    x : float
        Pixels to the right.
    y : float
        Pixels down.
    """

    x: Number
    y: Number
    label: Label = 1


MOST_LISTED = 10_000
"""Points, boxes or objects in one list of a message. A server's limits are lower; this bounds what looking costs."""
Points = Annotated[tuple[Point, ...], Field(max_length=MOST_LISTED), FailFast()]
Places = Annotated[tuple[Place, ...], Field(max_length=MOST_LISTED), FailFast()]
Rectangles = Annotated[tuple[Rectangle, ...], Field(max_length=MOST_LISTED), FailFast()]


class Run(Value):
    """A mask as COCO's compressed run-length code.

    Attributes
    ----------
    size : tuple of int
        Height and width of the picture.
    counts : str
        Lengths of runs, column by column, as COCO compresses them.
    """

    size: tuple[int, int]
    counts: str


_CORNER = {"type": "array", "prefixItems": [{"type": "number"}] * 2, "minItems": 2, "maxItems": 2}
_RINGS = {"type": "array", "items": {"type": "array", "items": _CORNER}}
Rings = Annotated[list[Any], WithJsonSchema(_RINGS)]
"""Rings of corners ``[x, y]``; as there may be very many, they are looked at where they are decoded."""
MaskData = str | Run | Rings | bytes
"""A mask as a message holds it: base64 text (``png``, ``png1``, ``bits``), a run-length code (``rle``), rings of
corners ``[x, y]`` (``polygon``), or bytes that go in a binary frame."""


class Drawn(Value):
    """A mask that a client sends.

    Attributes
    ----------
    mask : str, Run or rings
        As ``mask_format`` says, of the whole picture; with ``bits``, of ``bbox``.
    """

    mask: MaskData
    mask_format: MaskFormat = "png"
    bbox: Corners | None = None


class Asked(Value):
    """All that is said about one object, in a stateless request.

    Attributes
    ----------
    points : tuple of Place
        On and beside the object. The middle of a pixel is a whole number; what lies between counts.
    box : Rectangle or None
        Round the object.
    mask : Drawn or None
        A rough mask of the object.
    """

    points: Places = ()
    box: Rectangle | None = None
    mask: Drawn | None = None


class CropExample(Value):
    """An example in a picture of its own, of which a pixel is as large as one of the picture that is searched.

    Attributes
    ----------
    image_id : str
        That picture, which the server has.
    """

    image_id: str
    x1: Number
    y1: Number
    x2: Number
    y2: Number


class Found(Value):
    """An object that was found.

    Attributes
    ----------
    object_id : int or None
        Missing in answers to stateless requests.
    score : float or None
        0 to 1; missing where the engine gives none, as for other readings of the same prompts.
    bbox : tuple of int
        ``x1, y1, x2, y2`` of its pixels, half-open; all 0 where there is none.
    area : int
        Number of its pixels.
    mask : MaskData
    refinement : str or None
        Opaque; what ``predict`` takes as ``previous``.
    name : str or None
        The phrase that found it.
    stability : float or None
        How little its mask depends on where it is cut, 0 to 1; missing where that is not known.
    """

    object_id: int | None = None
    score: float | None = None
    bbox: Corners
    area: int
    mask: MaskData
    mask_format: MaskFormat = "png"
    refinement: str | None = None
    name: str | None = None
    stability: float | None = None


class ObjectState(Value):
    """What was said about an object, and how it stands.

    Attributes
    ----------
    points : tuple of Point
        Oldest first.
    boxes : tuple of Rectangle
        One at most round the object.
    mask : Drawn or None
        The rough mask that was set, if one was.
    """

    object_id: ObjectId
    points: Points = ()
    boxes: Rectangles = ()
    mask: Drawn | None = None
    score: float = 0.0
    bbox: Corners = (0, 0, 0, 0)
    area: int = 0
    name: str | None = None


ObjectStates = Annotated[tuple[ObjectState, ...], Field(max_length=MOST_LISTED), FailFast()]


class Timing(Value):
    """Where the time of an answer went, in milliseconds.

    Attributes
    ----------
    queue : float
        Waiting for the engine.
    encode : float
        Encoding the picture; 0 where that was done before.
    decode : float
        From prompts to a mask.
    mask : float
        Writing the mask.
    """

    queue: float = 0.0
    encode: float = 0.0
    decode: float = 0.0
    mask: float = 0.0


class LimitsInfo(Value):
    """What the server takes: the first of its limits, with which all others come along.

    Attributes
    ----------
    message_bytes : int
        Largest message, in bytes.
    image_bytes : int
        Largest file of a picture, in bytes.
    image_pixels : int
        Most pixels of a picture.
    image_side : int
        Most pixels along a side of a picture.
    points_per_object : int
        Most points for one object.
    objects : int
        Most objects in a session.
    text_length : int
        Longest phrase, in characters.
    """

    model_config = ConfigDict(extra="allow")

    message_bytes: int
    image_bytes: int
    image_pixels: int
    image_side: int
    points_per_object: int
    objects: int
    text_length: int


class VideoInfo(Value):
    """What the server's engine takes for objects that it follows from frame to frame.

    Attributes
    ----------
    points : bool
        Whether an object is begun or corrected by points.
    boxes : bool
        Whether by a box.
    masks : bool
        Whether by a mask.
    text : bool
        Whether it finds objects by words on every frame.
    max_points : int or None
        Most points for one object on one frame; missing where there is no limit.
    max_boxes : int or None
        Most objects that are begun by a box on one frame; missing where there is no limit.
    mixes : bool
        Whether one prompt may hold points together with a box or a mask.
    """

    points: bool
    boxes: bool
    masks: bool
    text: bool
    max_points: int | None = None
    max_boxes: int | None = None
    mixes: bool


class ProposalsInfo(Value):
    """How the server's engine finds objects that nobody points at.

    Attributes
    ----------
    points : int or None
        Most places of one `propose`; missing where it needs none, and one question finds every object.
    least_score : float
        The score from which objects are kept unless the user says.
    least_stability : float
        The stability from which they are.
    """

    points: int | None = None
    least_score: float
    least_stability: float


class CapabilitiesInfo(Value):
    """What the server's engine takes: :class:`napari_sam3_assistant.engines.protocol.Capabilities`, as JSON.

    Attributes
    ----------
    engine : str
        Its name.
    weights : str
        Which weights it has loaded; empty where it needs none.
    points : bool
        Whether it takes points.
    boxes : bool
        Whether it takes boxes.
    masks : bool
        Whether it takes rough masks.
    exemplars : bool
        Whether it finds all that look like an example.
    text : bool
        Whether it reads words.
    refines : bool
        Whether it starts from its last answer.
    max_points : int or None
        Most points for one object; missing where there is no limit.
    threshold : float
        Its usual score for what is found, 0 to 1.
    title : str
        As users read which engine it is.
    crops : bool
        Whether it compares with an example in a picture of its own.
    honours_clicks : bool
        Whether each point on the object surely lies in the mask, and each one beside it outside.
    encode_s : float or None
        About how long it takes to encode a picture, in seconds; missing where nobody has to wait.
    devices : tuple of str
        What it runs on, such as `cuda`, best first.
    instead : str
        What to choose for what it does not take.
    video : VideoInfo or None
        What it takes for objects that it follows from frame to frame; missing where it follows none.
    proposals : ProposalsInfo or None
        How it finds objects that nobody points at; missing where it does not.
    """

    model_config = ConfigDict(extra="allow")

    engine: str
    weights: str
    points: bool
    boxes: bool
    masks: bool
    exemplars: bool
    text: bool
    refines: bool
    max_points: int | None = None
    threshold: float
    title: str = ""
    crops: bool = False
    honours_clicks: bool = False
    encode_s: float | None = None
    devices: tuple[str, ...] = ()
    instead: str = ""
    video: VideoInfo | None = None
    proposals: ProposalsInfo | None = None
