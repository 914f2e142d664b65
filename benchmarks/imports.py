"""What importing both widgets costs beyond what napari has loaded by then, each time in a fresh process.

python -m benchmarks imports [--times N]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from benchmarks.rows import Row, show
from benchmarks.screen import has_screen

HEAVY = (
    "torch",
    "transformers",
    "sam3",
    "fastapi",
    "dask.array",
    "scipy",
    "skimage",
    "zarr",
    "ome_zarr",
    "tifffile",
)
"""What opening a widget must not load."""

PROGRAM = """
import json, sys, time
start = time.perf_counter()
import napari
viewer = napari.Viewer()
from qtpy.QtWidgets import QApplication
QApplication.processEvents()
opened, before = time.perf_counter(), set(sys.modules)
import napari_sam3_assistant.widgets.main_widget as main
import napari_sam3_assistant.widgets.mask_operations_widget as masks
imported, after = time.perf_counter(), set(sys.modules)
main.MainWidget(viewer)
masks.MaskOperationsWidget(viewer)
made = time.perf_counter()
found = {"napari": opened - start, "import": imported - opened, "made": made - imported, "new": sorted(after - before),
         "late": sorted(set(sys.modules) - after)}
print(json.dumps(found), flush=True)
import os
os._exit(0)  # nobody looks at how it closes
"""


def heavy_among(modules: list[str]) -> list[str]:
    """Return those of ``modules`` that are, or belong to, one of :data:`HEAVY`."""
    return [name for name in modules if any(name == root or name.startswith(root + ".") for root in HEAVY)]


def measured(times: int) -> list[dict[str, Any]]:
    """Return the times, in seconds, and the modules of ``times`` fresh processes."""
    found = []
    with tempfile.TemporaryDirectory() as settings:
        surroundings = os.environ | {"XDG_CONFIG_HOME": settings}
        for _ in range(times):
            command = [sys.executable, "-c", PROGRAM]
            done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
    return found


def rows_of(found: list[dict[str, Any]]) -> list[Row]:
    """Return the rows of the table: the least of several runs."""
    least = {key: min(one[key] for one in found) * 1000 for key in ("napari", "import", "made")}
    new = found[0]["new"]
    heavy, late = heavy_among(new), heavy_among(found[0]["late"])
    note = f"least of {len(found)} processes; {len(new)} modules"
    name = "napari imported, and a viewer opened"
    return [
        Row("import of both widgets", least["import"], "ms", least["napari"], name, "loads torch", 300, note),
        Row("both widgets made", least["made"], "ms", least["napari"], name),
        Row("heavy packages loaded by the import", len(heavy), "", target=0, note=", ".join(heavy) or "none"),
        Row("heavy packages loaded by making them", len(late), "", target=0, note=", ".join(late) or "none"),
    ]


def main(arguments: list[str]) -> int:
    """Print the table; return 1 where there is no screen or a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks imports", description=__doc__)
    parser.add_argument("--times", type=int, default=7, help="processes that are measured")
    asked = parser.parse_args(arguments)
    if not has_screen():
        print(
            "Imports are measured beside an open viewer, which needs a screen: make bench ARGS=imports", file=sys.stderr
        )
        return 1
    rows = rows_of(measured(asked.times))
    show("Importing the widgets, beyond napari's own", rows)
    return int(any(row.held is False for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
