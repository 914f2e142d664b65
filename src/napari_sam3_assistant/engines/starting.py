"""What an engine's process begins with: run as a script, by this Python or any other one.

This package is taken from where this file lies, whatever that Python has installed: it need not have it, and has no
other version of it. It needs numpy, and what the engine itself imports.
"""

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path


def environment_of(interpreter: str) -> dict[str, str]:
    """Return the environment that a Python runs with: without PYTHONHOME if it is not this one, which alone it fits."""
    here = {**os.environ}
    if os.path.abspath(interpreter) != os.path.abspath(sys.executable):
        here.pop("PYTHONHOME", None)
    return here


def main() -> None:
    """Make this package known, and answer questions until the other end is gone."""
    root = Path(__file__).resolve().parents[1]
    spec = spec_from_file_location(root.name, root / "__init__.py", submodule_search_locations=[str(root)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{root} cannot be imported.")
    package = sys.modules[root.name] = module_from_spec(spec)
    spec.loader.exec_module(package)

    from napari_sam3_assistant.engines import hosting

    hosting.main()


if __name__ == "__main__":
    main()
