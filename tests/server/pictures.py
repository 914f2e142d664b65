"""Pictures as a client sends them."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from tests.conftest import squares


def file_of(pixels: np.ndarray, format: str = "PNG", **options) -> bytes:
    """Return the bytes of a picture's file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format, **options)
    return file.getvalue()


def data_url(data: bytes, media: str = "image/png") -> str:
    return f"data:{media};base64,{base64.b64encode(data).decode()}"


SQUARES = data_url(file_of(squares()))


def mask_in(result: dict) -> np.ndarray:
    """Return the mask of a result as values 0 and 255, shape (H, W)."""
    with Image.open(io.BytesIO(base64.b64decode(result["mask"]))) as image:
        assert image.mode in ("L", "1"), image.mode
        return np.asarray(image.convert("L"))
