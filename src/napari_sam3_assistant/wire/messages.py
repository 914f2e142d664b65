"""What a client of the real-time server says: every message as a frozen model, by its ``type``.

The first five are the seed's protocol. The others are known once the client has said ``hello``, which also says in
which form it wants its answers; before that a server takes them for types that do not exist. The server's side is
:mod:`~napari_sam3_assistant.wire.replies`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from napari_sam3_assistant.wire.values import (
    Asked,
    Corners,
    Label,
    MaskData,
    MaskFormat,
    Message,
    Number,
    ObjectId,
    ObjectStates,
    Pixel,
    Places,
    Rectangles,
    Share,
    Value,
    by_type,
)
from napari_sam3_assistant.wire.video_messages import VIDEO_MESSAGES

MOST_FORMATS = 50
"""Of a list of mask formats that are looked at."""
MOST_NAME = 200
"""Characters of a client's name; the others are cut off."""


class Init(Message):
    """Use this picture; what was said about the last one is forgotten. The newest one counts.

    Attributes
    ----------
    image : str or None
        A data URL of any media type, or bare base64. In a binary frame it is the payload.
    image_id : str or None
        Of a picture that the server may have already; where it has not, ``image_needed`` asks for it.
    """

    type: Literal["init"] = "init"
    image: str | bytes | None = None
    image_id: str | None = None


class Click(Message):
    """Add a point to an object."""

    type: Literal["click"] = "click"
    x: Pixel
    y: Pixel
    label: Label = 1
    object_id: ObjectId | None = None


class Reset(Message):
    """Forget what was said about an object, or about all of them.

    Attributes
    ----------
    object_id : int or None
        The object; all of them unless it is named.
    """

    type: Literal["reset"] = "reset"
    object_id: ObjectId | None = None


class Close(Message):
    """End the session; the server closes the connection."""

    type: Literal["close"] = "close"


class Segment(Message):
    """Answer once more with the prompts as they are."""

    type: Literal["segment"] = "segment"
    object_id: ObjectId | None = None


def _version(value: object) -> int:
    """Return the version a client speaks; what is no version is 1."""
    return value if type(value) is int else 1


def _names(value: object) -> tuple[str, ...]:
    """Return the texts of a list; there may be formats among them that this server has not heard of."""
    names = value[:MOST_FORMATS] if isinstance(value, list | tuple) else ()
    return tuple(name for name in names if isinstance(name, str))


class Hello(Message):
    """Ask for what goes beyond the first protocol, and say in which form answers come; before the first ``init``.

    Attributes
    ----------
    protocol : int
        The newest version that the client speaks; ``welcome`` says which one is spoken.
    client : str
        A name for the log.
    mask_formats : tuple of str
        What the client reads, best first; the first one that the server knows is taken, ``png`` if it knows none.
    """

    type: Literal["hello"] = "hello"
    protocol: Annotated[int, BeforeValidator(_version)] = 1
    client: Annotated[str, AfterValidator(lambda name: name[:MOST_NAME])] = ""
    mask_formats: Annotated[tuple[str, ...], BeforeValidator(_names)] = ("png",)
    binary: bool = False
    coalesce: bool = False
    progress: bool = False


class Undo(Message):
    """Take back the last step, of an object or of all.

    Attributes
    ----------
    object_id : int or None
        Whose last step; the last one of all unless it is named.
    """

    type: Literal["undo"] = "undo"
    object_id: ObjectId | None = None


class Redo(Message):
    """Do again what was taken back last.

    Attributes
    ----------
    object_id : int or None
        Whose step; the one taken back last of all unless it is named.
    """

    type: Literal["redo"] = "redo"
    object_id: ObjectId | None = None


class RemovePoint(Message):
    """Take back one point of an object, by its number from 0.

    Attributes
    ----------
    index : int
        The point, from 0, oldest first.
    """

    type: Literal["remove_point"] = "remove_point"
    index: int = Field(strict=True, ge=0)
    object_id: ObjectId | None = None


class DrawBox(Message):
    """Set the box round an object; a later one takes its place."""

    type: Literal["box"] = "box"
    x1: Number
    y1: Number
    x2: Number
    y2: Number
    label: Label = 1
    object_id: ObjectId | None = None


class Text(Message):
    """Find all objects that words name; each becomes one of the session's.

    Attributes
    ----------
    text : str
        A noun phrase, such as `cell nucleus`.
    max_objects : int
        The best ones are kept.
    """

    type: Literal["text"] = "text"
    text: str = Field(strict=True, min_length=1)
    threshold: Share = 0.5
    max_objects: int = Field(50, strict=True, ge=1)


class NewObject(Message):
    """Begin another object, and select it."""

    type: Literal["new_object"] = "new_object"


class SelectObject(Message):
    """What follows is about this object."""

    type: Literal["select_object"] = "select_object"
    object_id: ObjectId


class DeleteObject(Message):
    """Give up an object."""

    type: Literal["delete_object"] = "delete_object"
    object_id: ObjectId


class ListObjects(Message):
    """Ask for the state of the session."""

    type: Literal["list"] = "list"


class MaskHint(Message):
    """Set a rough mask of an object, to be drawn to its outline."""

    type: Literal["mask_prompt"] = "mask_prompt"
    mask: MaskData
    mask_format: MaskFormat = "png"
    bbox: Corners | None = None
    object_id: ObjectId | None = None


class Hover(Message):
    """Show what a click here would find; changes nothing."""

    type: Literal["hover"] = "hover"
    x: Pixel
    y: Pixel


class SetOptions(Message):
    """Choose how results come.

    Attributes
    ----------
    mask_format : str or None
    """

    type: Literal["set"] = "set"
    multimask: bool | None = None
    mask_format: MaskFormat | None = None
    return_: Literal["object", "all"] | None = Field(None, alias="return")


class CancelWork(Message):
    """Drop the message of this ``id``, if it has not been answered; a point or box that was added stays."""

    # Without an id there is nothing to drop; `wire.parsing` refuses it.
    model_config = ConfigDict(json_schema_extra={"required": ["id"]})

    type: Literal["cancel"] = "cancel"


class Ping(Message):
    """Ask whether the server is there; ``t`` comes back."""

    type: Literal["ping"] = "ping"
    t: Number | None = None


class Restore(Message):
    """Set all objects at once, as after a lost connection."""

    type: Literal["restore"] = "restore"
    objects: ObjectStates
    selected: ObjectId | None = None


class Predict(Message):
    """Ask about one object without touching those of the session.

    Attributes
    ----------
    previous : str or None
        ``refinement`` of the last answer about the same object.
    prompts : Asked
        What is said about the object.
    """

    type: Literal["predict"] = "predict"
    image_id: str
    prompts: Asked
    previous: str | None = None
    multimask: bool = False


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


class Find(Message):
    """Ask for all objects that words or examples mean, without touching those of the session.

    Attributes
    ----------
    find_id : str or None
        Of an earlier answer that was kept: another threshold then needs no model.
    keep : bool
        Whether the answer is kept for another threshold: the newest few of a connection are, and end with it.
    threshold : float or None
        Objects of a lower score are left out, 0 to 1; the engine's own, ``capabilities.threshold``, unless it is said.
    text : str or None
        A noun phrase; several phrases are several messages.
    exemplars : tuple of Rectangle
        Boxes round examples of what is meant, and of what is not.
    crop : CropExample or None
        An example in a picture of its own.
    every : bool
        Whether all that was found is wanted as the engine has it, also what scores less than any threshold and what
        overlaps; the threshold, if one is said, is the least score.
    """

    type: Literal["find"] = "find"
    image_id: str | None = None
    find_id: str | None = None
    text: str | None = None
    exemplars: Rectangles = ()
    crop: CropExample | None = None
    threshold: Share | None = None
    keep: bool = False
    every: bool = False


class Propose(Message):
    """Ask for objects that nobody points at, good and bad; they may overlap. The answer is ``candidates``.

    Attributes
    ----------
    points : tuple of Place
        Every reading of each of them, clicked alone, is answered. None where the engine needs none.
    """

    type: Literal["propose"] = "propose"
    image_id: str
    points: Places = ()


CLIENT_MESSAGES = by_type(globals()) | VIDEO_MESSAGES
"""``type`` to model."""
