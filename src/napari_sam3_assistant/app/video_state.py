"""The state of what is followed through depth or time; the controller writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from psygnal import SignalGroupDescriptor


@dataclass(eq=False)
class VideoState:
    """What is followed, and how far.

    Attributes
    ----------
    axis : str
        What the axis of the frames of the image in use is called, such as ``"z"``; empty where there is none.
    axes : tuple of str
        What may be gone through instead, by name; a name such as ``"z, at each t"`` stands for two axes.
    frames : int
        Number of frames along it; 0 where there is none.
    frame : int or None
        Which of them is on screen; None where there are none.
    outer : int or None
        Where the image on screen stands on a second axis, where there are frames at each position of one.
    said : int
        On how many frames prompts of the kind in use lie, or may lie; known in the task ``3D/Video``.
    running : bool
        Whether objects are being followed.
    progress : float or None
        How much is done, 0 to 1.
    step : str
        What goes on, in words.
    session : bool
        Whether there is a session that can go on from another frame.
    done, objects : int
        Frames of the image in use that have masks, and the objects on them.
    volumes : bool
        Whether those frames lie at several positions of a second axis.
    version : int
        Raised whenever other objects are on other frames: what is drawn of them is drawn anew.
    doubtful : int
        Frames on which an object is doubtful.
    resumable : str
        What an earlier run through this image has left, in words; empty where it has left nothing.
    resuming : bool
        Whether that is being brought back.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    axis: str = ""
    axes: tuple[str, ...] = ()
    frames: int = 0
    frame: int | None = None
    outer: int | None = None
    said: int = 0
    running: bool = False
    progress: float | None = None
    step: str = ""
    session: bool = False
    done: int = 0
    objects: int = 0
    volumes: bool = False
    version: int = 0
    doubtful: int = 0
    resumable: str = ""
    resuming: bool = False
