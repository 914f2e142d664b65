"""Make the picture that the web page offers to try: cells of three dyes, by our own code.

Run it as ``.venv/bin/python scripts/sample_picture.py``, with another file to write if need be.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from napari_sam3_assistant.samples import multichannel

FILE = Path(__file__).parents[1] / "src/napari_sam3_assistant/server/static/sample.jpg"
DYES = np.array([[0.95, 0.55, 0.15], [0.42, 0.46, 0.44], [0.6, 0.1, 0.35]])
"""Red, green and blue of each channel."""


def picture() -> np.ndarray:
    """Return cells as 8-bit RGB, each channel in its colour and stretched to what it holds."""
    channels = np.asarray(multichannel().image, float)
    low, high = np.percentile(channels, (2, 99.7), axis=(1, 2), keepdims=True)
    light = np.clip((channels - low) / (high - low), 0, 1) ** 0.8
    return (np.clip(np.tensordot(light, DYES, (0, 0)), 0, 1) * 255).astype(np.uint8)


if __name__ == "__main__":
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    Image.fromarray(picture()).save(file, quality=80, optimize=True)
    print(file, file.stat().st_size, "bytes")
