"""What the real-time server says: every message as a frozen model, by its ``type``.

Fields that are None are not sent. Clients ignore fields and types that they do not know.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_sam3_assistant.wire.values import (
    PROTOCOL,
    CapabilitiesInfo,
    Corners,
    Found,
    LimitsInfo,
    MaskData,
    MaskFormat,
    Message,
    ObjectState,
    Timing,
    by_type,
)
from napari_sam3_assistant.wire.video_replies import VIDEO_REPLIES

ModelState = Literal["loading", "ready", "failed", "stuck", "closed"]
Stage = Literal["queued", "decoding", "encoding"]


class SessionCreated(Message):
    """The first message of every connection.

    Attributes
    ----------
    session_id : str
        Not to be guessed, and another one for each connection.
    server : str
        Name and version of the server.
    features : tuple of str
        What the server offers beyond the first protocol.
    """

    type: Literal["session_created"] = "session_created"
    session_id: str
    protocol: int = PROTOCOL
    server: str = ""
    limits: LimitsInfo | None = None
    features: tuple[str, ...] = ()


class ImageLoaded(Message):
    """The picture is encoded: clicks are fast now. Points were cleared.

    Attributes
    ----------
    image_id : str or None
        The picture's hash, for ``init`` without an upload.
    cached : bool or None
        Whether it had been encoded before.
    intensity_window : tuple of float or None
        What was taken for black and white, of a picture of more than 8 bits.
    """

    type: Literal["image_loaded"] = "image_loaded"
    width: int
    height: int
    image_id: str | None = None
    cached: bool | None = None
    intensity_window: tuple[float, float] | None = None


class ImageNeeded(Message):
    """The server does not have this picture: send ``init`` with ``image``."""

    type: Literal["image_needed"] = "image_needed"
    image_id: str


class _PointOf(Message):
    x: int
    y: int
    label: int
    total_points: int
    object_id: int | None = None
    point_index: int | None = None


class PointAdded(_PointOf):
    """A point was taken; the result follows."""

    type: Literal["point_added"] = "point_added"


class PointRemoved(_PointOf):
    """A point was taken back; the result follows."""

    type: Literal["point_removed"] = "point_removed"


class BoxAdded(Message):
    """A box was taken, cut to the picture; the result follows."""

    type: Literal["box_added"] = "box_added"
    x1: float
    y1: float
    x2: float
    y2: float
    label: int
    object_id: int


class BoxRemoved(Message):
    """A box was taken back; the result follows."""

    type: Literal["box_removed"] = "box_removed"
    object_id: int


class MaskAdded(Message):
    """A rough mask was taken; the result follows."""

    type: Literal["mask_added"] = "mask_added"
    object_id: int
    area: int


class MaskRemoved(Message):
    """A rough mask was taken back; the result follows."""

    type: Literal["mask_removed"] = "mask_removed"
    object_id: int


class SegmentationResult(Message):
    """An object, from all that was said about it.

    Attributes
    ----------
    mask : MaskData
    score : float
        0 to 1; 0 where the mask is empty.
    num_points : int
        Points of the object, of both labels.
    seq : int or None
        Grows: a client drops a result whose number is lower than that of the one it shows.
    candidates : tuple of Found or None
        Other readings, after ``set{multimask: true}``.
    objects : tuple of Found or None
        Every object, after ``set{return: "all"}``.
    warning : str or None
        ``no_foreground_point``: nothing was said but where the object is not.
    """

    type: Literal["segmentation_result"] = "segmentation_result"
    mask: MaskData
    score: float
    num_points: int
    object_id: int | None = None
    bbox: Corners | None = None
    area: int | None = None
    mask_format: MaskFormat = "png"
    seq: int | None = None
    warning: str | None = None
    candidates: tuple[Found, ...] | None = None
    objects: tuple[Found, ...] | None = None
    timing_ms: Timing | None = None


class PointsCleared(Message):
    """What was said is forgotten, of one object or of all; the picture stays."""

    type: Literal["points_cleared"] = "points_cleared"
    object_id: int | None = None


class Error(Message):
    """A message was refused, or failed.

    Attributes
    ----------
    code : str or None
        For a program; see the reference.
    retryable : bool or None
        Whether the same message may succeed later.
    """

    type: Literal["error"] = "error"
    message: str
    code: str | None = None
    retryable: bool | None = None


class Welcome(Message):
    """The answer to ``hello``: what was agreed on.

    Attributes
    ----------
    capabilities : CapabilitiesInfo or None
        What the engine takes.
    model : str
        Whether the model is there: `loading` is over in a while, and `hello` may be said again then.
    """

    type: Literal["welcome"] = "welcome"
    protocol: int = PROTOCOL
    mask_format: MaskFormat
    binary: bool
    coalesce: bool
    progress: bool
    limits: LimitsInfo
    capabilities: CapabilitiesInfo | None = None
    model: ModelState = "ready"


class TextResult(Message):
    """The objects that words name; an empty list where there are none.

    Attributes
    ----------
    prompt : str
        The phrase that was asked for.
    """

    type: Literal["text_result"] = "text_result"
    objects: tuple[Found, ...]
    prompt: str
    timing_ms: Timing | None = None


class TextRemoved(Message):
    """The objects of a phrase were taken back.

    Attributes
    ----------
    object_ids : tuple of int
        Those that are gone.
    """

    type: Literal["text_removed"] = "text_removed"
    object_ids: tuple[int, ...]


class ObjectCreated(Message):
    """An object was begun, or came back, and is selected."""

    type: Literal["object_created"] = "object_created"
    object_id: int


class ObjectSelected(Message):
    """Another object is selected."""

    type: Literal["object_selected"] = "object_selected"
    object_id: int


class ObjectDeleted(Message):
    """An object was given up.

    Attributes
    ----------
    selected : int
        The object that is selected now.
    """

    type: Literal["object_deleted"] = "object_deleted"
    object_id: int
    selected: int


class State(Message):
    """The picture and the objects of the session; sizes are 0 before the first ``init``."""

    type: Literal["state"] = "state"
    image_id: str | None = None
    width: int = 0
    height: int = 0
    selected: int = 1
    objects: tuple[ObjectState, ...] = ()


class Preview(Message):
    """What a click where the pointer rests would find."""

    type: Literal["preview"] = "preview"
    mask: MaskData
    score: float
    bbox: Corners
    area: int
    mask_format: MaskFormat = "png"
    x: int
    y: int


class Options(Message):
    """How results come from now on."""

    type: Literal["options"] = "options"
    multimask: bool
    mask_format: MaskFormat
    return_: Literal["object", "all"] = Field("object", alias="return")


class WorkCancelled(Message):
    """The message of this ``id`` is not answered any more: `cancel` was said, or a newer `init`."""

    type: Literal["cancelled"] = "cancelled"


class Pong(Message):
    """The answer to ``ping``; ``queue`` is how many of the session's messages wait.

    Attributes
    ----------
    queue : int
        How many of the session's messages wait.
    """

    type: Literal["pong"] = "pong"
    t: float | None = None
    queue: int


class Working(Message):
    """How far the answer to a message is.

    Attributes
    ----------
    stage : str
        What is being done.
    position : int or None
        How many are to be done before it, while it is queued.
    """

    type: Literal["progress"] = "progress"
    stage: Stage
    position: int | None = None


class Expiring(Message):
    """The session ends in so many seconds unless something is asked.

    Attributes
    ----------
    seconds : float
        How long the session still has.
    """

    type: Literal["expiring"] = "expiring"
    seconds: float


class Superseded(Message):
    """A newer message took the place of the one of this ``id``."""

    type: Literal["superseded"] = "superseded"


class Draining(Message):
    """The server is about to end: connect again soon."""

    type: Literal["draining"] = "draining"


class Prediction(Message):
    """The answer to ``predict``.

    Attributes
    ----------
    alternatives : tuple of Found
        Other readings, after `multimask`.
    """

    type: Literal["prediction"] = "prediction"
    objects: tuple[Found, ...]
    alternatives: tuple[Found, ...] = ()
    timing_ms: Timing | None = None


class CandidatesFound(Message):
    """The answer to ``find``.

    Attributes
    ----------
    find_id : str or None
        For another threshold on what was kept; only if `keep` was asked for.
    """

    type: Literal["candidates"] = "candidates"
    find_id: str | None = None
    threshold: float
    objects: tuple[Found, ...]
    timing_ms: Timing | None = None


SERVER_MESSAGES = by_type(globals()) | VIDEO_REPLIES
"""``type`` to model."""
