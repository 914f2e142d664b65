"""Whether windows can be opened."""

from __future__ import annotations

import os
import sys


def has_screen() -> bool:
    """Return whether windows can be opened."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
