"""The Python client of examples/, which stands alone and is no part of a package, as a module."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "realtime_client.py"


def loaded() -> ModuleType:
    """Return the example as a module, which waits less between its tries to connect."""
    spec = importlib.util.spec_from_file_location("realtime_client", EXAMPLE)
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found
    spec.loader.exec_module(found)
    found.FIRST_S = 0.05
    return found


example = loaded()
