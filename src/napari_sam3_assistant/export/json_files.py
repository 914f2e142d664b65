"""JSON files of others, read with care: what they are, and errors in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_sam3_assistant.core.errors import ImageError

MOST_BYTES = 2**29
"""Of a file that is read: parsed, it takes ten times as much memory."""
BROKEN = "Write it again where it was made."


def load(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises
    ------
    ImageError
        If there is no such file, it is too large, or it is no JSON.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ImageError(
                f"{path.name} has {path.stat().st_size:,} bytes, too many to be read at once.",
                hint="Split it into files of fewer pictures.",
            )
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ImageError(f"There is no file {path}.", hint="Check the folder and the name.") from error
    except OSError as error:
        raise ImageError(
            f"{path.name} cannot be read: {error.strerror}.", hint="Check the file and the disk."
        ) from error
    except (ValueError, RecursionError) as error:
        raise ImageError(f"{path.name} is no JSON text, or a part of one.", hint=BROKEN) from error
