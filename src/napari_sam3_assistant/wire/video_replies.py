"""What the server says to a client that keeps objects of its own, beside single answers.

The client's side is :mod:`~napari_sam3_assistant.wire.video_messages`.
"""

from __future__ import annotations

from typing import Literal

from napari_sam3_assistant.wire.values import Found, Message, Timing, by_type


class Encoded(Message):
    """A picture is ready: the answer to ``encode``.

    Attributes
    ----------
    cached : bool
        Whether it had been encoded before.
    """

    type: Literal["encoded"] = "encoded"
    image_id: str
    width: int
    height: int
    cached: bool
    intensity_window: tuple[float, float] | None = None
    timing_ms: Timing | None = None


class VideoOpened(Message):
    """A video may be prompted."""

    type: Literal["video_opened"] = "video_opened"
    video_id: str


class VideoBegun(Message):
    """The objects are followed on from this frame."""

    type: Literal["video_begun"] = "video_begun"
    video_id: str
    index: int


class FrameNeeded(Message):
    """Send this frame, by ``frame``. There is one such question at a time for each video.

    Attributes
    ----------
    image : bool or None
        True where `image_id` was sent of a picture that is not there any more: send `image`.
    """

    type: Literal["frame_needed"] = "frame_needed"
    video_id: str
    index: int
    image: bool | None = None


class FrameResult(Message):
    """The objects of a frame: those that were followed onto it, or the one that was prompted.

    Attributes
    ----------
    objects : tuple of Found
        Those that are seen there, by number; ``name`` says which words have found one.
    lost : tuple of int
        Objects that are followed no further. Those that are in neither may be seen again on a later frame.
    """

    type: Literal["frame_result"] = "frame_result"
    video_id: str
    index: int
    objects: tuple[Found, ...]
    lost: tuple[int, ...] = ()
    timing_ms: Timing | None = None


class Propagated(Message):
    """The last frame was answered."""

    type: Literal["propagated"] = "propagated"
    video_id: str


class VideoCancelled(Message):
    """Nothing of this video is under way any more."""

    type: Literal["video_cancelled"] = "video_cancelled"
    video_id: str


class VideoRemoved(Message):
    """The object is followed no longer: it is in no later result."""

    type: Literal["video_removed"] = "video_removed"
    video_id: str
    object_id: int


class VideoClosed(Message):
    """The video is given up: the client has asked for that, or nobody has used it for long.

    Attributes
    ----------
    reason : str or None
        Why, where the client has not asked for it.
    """

    type: Literal["video_closed"] = "video_closed"
    video_id: str
    reason: str | None = None


VIDEO_REPLIES = by_type(globals())
"""``type`` to model."""
