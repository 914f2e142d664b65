"""Where a model goes that was given no other place."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def own_folder() -> Path:
    """Return the user's own folder for SAM3. It need not be there."""
    return platformdirs.user_data_path("napari-sam3-assistant", appauthor=False) / "sam3"
