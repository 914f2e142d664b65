"""What a client says that keeps objects of its own, beside single questions: make a picture ready, and follow objects.

The server has no film: it asks for a frame, by ``frame_needed``, when it looks at it. The server's side is
:mod:`~napari_sam3_assistant.wire.video_replies`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import FailFast, Field

from napari_sam3_assistant.wire.values import MOST_LISTED, Asked, Drawn, Message, ObjectId, by_type

FrameIndex = Annotated[int, Field(strict=True, ge=0)]
Side = Annotated[int, Field(strict=True, ge=1)]
ObjectIds = Annotated[tuple[ObjectId, ...], Field(max_length=MOST_LISTED)]


class Encode(Message):
    """Make a picture ready to be asked about, without using it: no object of the session is touched.

    Attributes
    ----------
    image : str or None
        A data URL of any media type, or bare base64. In a binary frame it is the payload.
    image_id : str or None
        Of a picture that the server may have already; where it has not, ``image_needed`` asks for it.
    """

    type: Literal["encode"] = "encode"
    image: str | bytes | None = None
    image_id: str | None = None


class VideoOpen(Message):
    """Begin to follow objects from frame to frame.

    Attributes
    ----------
    frames : int
        How many there are: their numbers are 0 to one less.
    shape : tuple of int
        Height and width of every frame, in pixels.
    text : str or None
        Words: what they name is found on every frame that is come to.
    """

    type: Literal["video_open"] = "video_open"
    frames: Side
    shape: tuple[Side, Side]
    text: str | None = None


class VideoPrompt(Message):
    """Say what an object is on a frame, or correct it there; it is followed from there.

    Attributes
    ----------
    prompts : Asked
        All that is said about the object on this frame. A mask alone is taken as it is.
    present : Drawn or None
        Where the object was followed to on this frame, if it was: what is corrected.
    """

    type: Literal["video_prompt"] = "video_prompt"
    video_id: str
    index: FrameIndex
    object_id: ObjectId
    prompts: Asked
    present: Drawn | None = None


class Placed(Drawn):
    """A mask of an object on a frame."""

    object_id: ObjectId


class VideoBegin(Message):
    """Go on from a frame, where objects are what masks say; what was followed onto it is followed on as well.

    Attributes
    ----------
    objects : tuple of Placed
        What is not known on this frame yet.
    """

    type: Literal["video_begin"] = "video_begin"
    video_id: str
    index: FrameIndex
    objects: Annotated[tuple[Placed, ...], Field(max_length=MOST_LISTED), FailFast()] = ()


class Propagate(Message):
    """Follow the objects, frame by frame, from the frame that was answered, or begun on, last.

    Attributes
    ----------
    start : int
        The first frame that is answered: a neighbour of that on which the objects are known.
    direction : int
        1 forward, -1 backward.
    end : int
        The last frame that is answered.
    object_ids : tuple of int or None
        Those that are followed; the others rest until they are begun again. All unless they are named.
    """

    type: Literal["propagate"] = "propagate"
    video_id: str
    start: FrameIndex
    direction: Literal[1, -1] = 1
    end: FrameIndex
    object_ids: ObjectIds | None = None


class VideoFrame(Message):
    """A frame that the server has asked for.

    Attributes
    ----------
    image : str or None
        As ``init`` has it.
    image_id : str or None
        Of a picture that the server has; if it has lost it, it asks again with `"image": true`.
    """

    type: Literal["frame"] = "frame"
    video_id: str
    index: FrameIndex
    image: str | bytes | None = None
    image_id: str | None = None


class VideoCancel(Message):
    """Stop: what was asked of this video and is not answered yet is not answered any more. The objects stay."""

    type: Literal["video_cancel"] = "video_cancel"
    video_id: str


class VideoRemove(Message):
    """Follow an object no longer."""

    type: Literal["video_remove"] = "video_remove"
    video_id: str
    object_id: ObjectId


class VideoClose(Message):
    """Give a video up."""

    type: Literal["video_close"] = "video_close"
    video_id: str


VIDEO_MESSAGES = by_type(globals())
"""``type`` to model."""
