"""What requests over HTTP say, and what they are answered.

Coordinates are pixels of the picture as a browser shows it: origin top-left, x to the right, y down.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, StringConstraints

Whole = Annotated[int, Field(ge=-(2**31), lt=2**31)]
"""A number of pixels. What lies outside the picture is refused by name, not by this range."""
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
MOST_NUMBERS = 10_000
"""More numbers in one list are not looked at."""
MOST_TEXT = 100_000
"""Longer lists, as text, are not looked at."""


class SegmentationResponse(BaseModel):
    """What was found; nothing found is a success too, and ``message`` says so."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "success": True,
                    "num_masks": 1,
                    "masks": ["iVBORw0KGgo..."],
                    "boxes": [[20, 20, 50, 50]],
                    "scores": [0.93],
                    "prompt": None,
                    "message": None,
                }
            ]
        }
    )

    success: bool = Field(True, description="Whether the request was done.")
    num_masks: int = Field(description="Number of masks.", ge=0)
    masks: list[str] = Field(
        description="Base64 of one PNG an object, the best first: greyscale, 0 and 255, of the picture's own size."
    )
    boxes: list[tuple[int, int, int, int]] | None = Field(
        None, description="`[x1, y1, x2, y2]` of each mask, x2 and y2 exclusive; of a request with a box, that box."
    )
    scores: list[float] | None = Field(None, description="How good the engine thinks each mask is, 0 to 1.")
    prompt: str | None = Field(None, description="The words that were looked for.")
    message: str | None = Field(None, description="What there is to know besides.")


class ProblemDetail(BaseModel):
    """Why a request was not done, in words for a user."""

    detail: str


class CommonFields(BaseModel):
    """What every request may ask for."""

    return_visualization: bool = Field(
        False, description="Return the picture with the masks drawn on it instead of the masks."
    )


class TextFields(CommonFields):
    """Words that name what to find."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] = Field(
        description="A short noun phrase.", examples=["nucleus"]
    )
    mask_threshold: Fraction = Field(0.5, description="The score from which objects are kept.")


class BoxFields(CommonFields):
    """A box round one object."""

    x1: Whole = Field(description="Left edge.", examples=[15])
    y1: Whole = Field(description="Top edge.", examples=[15])
    x2: Whole = Field(description="Right edge, exclusive: at most the picture's width.", examples=[55])
    y2: Whole = Field(description="Bottom edge, exclusive: at most the picture's height.", examples=[55])

    @property
    def corners(self) -> tuple[int, int, int, int]:
        """``x1, y1, x2, y2``."""
        return self.x1, self.y1, self.x2, self.y2


class PointsFields(CommonFields):
    """Points on an object (label 1) and beside it (label 0)."""

    points_x: Annotated[list[Whole], Field(max_length=MOST_NUMBERS)] = Field(
        description="Columns of the points.", examples=[[30, 100]]
    )
    points_y: Annotated[list[Whole], Field(max_length=MOST_NUMBERS)] = Field(
        description="Rows of the points.", examples=[[40, 10]]
    )
    labels: Annotated[list[Whole], Field(max_length=MOST_NUMBERS)] = Field(
        description="Of each point, 1: on the object, or 0: not on it.", examples=[[1, 0]]
    )


class PointsText(CommonFields):
    """Points as numbers with commas between them, for a form."""

    points_x: str = Field(
        max_length=MOST_TEXT, description="Columns of the points, with commas between them.", examples=["30,100"]
    )
    points_y: str = Field(
        max_length=MOST_TEXT, description="Rows of the points, with commas between them.", examples=["40,10"]
    )
    labels: str = Field(
        max_length=MOST_TEXT, description="Of each point, 1: on the object, or 0: not on it.", examples=["1,0"]
    )


class AutoFields(CommonFields):
    """How to find every object."""

    points_per_side: int = Field(32, ge=1, le=64, description="Points along each side of the grid that is tried.")
    pred_iou_thresh: Fraction | None = Field(
        None,
        description="The score from which masks are kept; where it is left out, what suits the engine: "
        "0.88 of SAM3, 0.45 of the built-in engine.",
    )
    stability_score_thresh: Fraction | None = Field(
        None,
        description="Masks that change more when the cut-off of their pixels is moved are dropped; where it is left "
        "out, what suits the engine: 0.95 of SAM3. The built-in engine knows none.",
    )


class Uploaded(BaseModel):
    """A picture as a file of a form."""

    image: UploadFile = Field(description="The file of the picture: JPEG, PNG, WebP, BMP, TIFF or GIF.")


class Written(BaseModel):
    """A picture as text."""

    image_base64: str = Field(
        description="Base64 of the picture's file; a data URL may be given as it is.", examples=["iVBORw0KGgo..."]
    )


class Linked(BaseModel):
    """A picture somewhere else."""

    image_url: HttpUrl = Field(
        description="Where the picture's file is: http or https, on a public address, without redirects.",
        examples=["https://example.org/picture.png"],
    )


class TextForm(TextFields, Uploaded):
    """Words, and a picture's file."""


class BoxForm(BoxFields, Uploaded):
    """A box, and a picture's file."""


class PointsForm(PointsText, Uploaded):
    """Points, and a picture's file."""


class AutoForm(AutoFields, Uploaded):
    """Every object, and a picture's file."""


class TextBase64(TextFields, Written):
    """Words, and a picture as text."""


class BoxBase64(BoxFields, Written):
    """A box, and a picture as text."""


class PointsBase64(PointsFields, Written):
    """Points, and a picture as text."""


class AutoBase64(AutoFields, Written):
    """Every object, and a picture as text."""


class TextUrl(TextFields, Linked):
    """Words, and a picture somewhere else."""


class BoxUrl(BoxFields, Linked):
    """A box, and a picture somewhere else."""


class PointsUrl(PointsFields, Linked):
    """Points, and a picture somewhere else."""


class AutoUrl(AutoFields, Linked):
    """Every object, and a picture somewhere else."""
