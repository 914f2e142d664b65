"""What a user waits for between a click and its mask, beside the bare work and beside the public plugin.

python -m benchmarks clicks            # everything, two to three minutes
python -m benchmarks clicks --quick    # each thing fewer times
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import freezes
from benchmarks.rows import Row, middle, show
from benchmarks.scenes import in_memory, on_disk
from benchmarks.screen import has_screen
from napari_sam3_assistant.export.journal_folder import ENVIRONMENT

PUBLIC_2048 = "390 ms"
PUBLIC_LARGE = "5,400 to 17,200 ms"
PUBLIC_MEMORY = "2.6 to 3.2 GB"
WHAT = {
    "image opened": "opening the image",
    "its encoding": "encoding it",
    "first click": "the first click, engine loaded",
    "correction": "a correction",
}
NO_RUN = "image opened"


def measure(folder: Path, times: int) -> Iterator[tuple[str, list[Row]]]:
    """Yield the parts of the table, each with its heading, as they are measured."""
    from benchmarks import waits
    from benchmarks.opened import Opened

    opened = Opened()
    small, large = in_memory(2048), on_disk(folder / "16384", 16_384)
    huge = on_disk(folder / "60000", 60_000)
    eight_bit = in_memory(2048, "uint8")
    rows = waits.own_time(opened, small, "2,048², uint16", times, public=PUBLIC_2048, target=20)
    rows += waits.own_time(opened, eight_bit, "2,048², uint8", times, public=PUBLIC_2048, target=20)
    rows += waits.own_time(opened, large, "window in 16,384²", times, public=PUBLIC_LARGE, target=30)
    rows += waits.own_time(opened, huge, "window in 60,000²", times, public="needs 14 GB", target=30)
    yield "The plugin's own time per Live Points click, beyond the engine", rows
    rows = waits.memory(opened, large, "window in 16,384²", public=PUBLIC_MEMORY, target=50)
    rows += waits.memory(opened, huge, "window in 60,000²", public="needs 14 GB", target=50)
    yield "What a click reads and holds", rows
    rows = waits.encodes(opened, small, 20) + waits.lost(opened, small, 200)
    rows += waits.cancelled(opened, small, times)
    yield "Encoded once, none lost, stopped at once", rows
    rows = waits.prompt_layer(opened, large, times) + waits.saved(opened, large, folder / "masks", times)
    yield "Around a click, in 16,384²", rows
    opened.close()
    rows = []
    freezes.keep(small, folder / "2048.npz")
    for path, side, public in (
        (folder / "2048.npz", 2048, "240 to 350 ms"),
        (folder / "16384", 16_384, "12 to 19 s"),
    ):
        rows += freeze_rows(path, side, max(times // 3, 1), public)
    yield "The longest freeze of the window, each in a process of its own", rows


def freeze_rows(path: Path, side: int, times: int, public: str) -> list[Row]:
    """Return the longest freezes of a scene beyond napari's own, from ``times`` pairs of fresh processes."""
    ours, bare = [], []
    for _ in range(times):
        for found, more in ((ours, []), (bare, ["--bare"])):
            command = [sys.executable, "-m", "benchmarks.freezes", str(path), "--side", str(side), *more]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
    rows = []
    for phase in freezes.PHASES:
        mine, own = (middle(one[phase] for one in found) for found in (ours, bare))
        row = Row(
            f"freeze beyond napari's own: {WHAT[phase]}, {side:,}²",
            max(mine - own, 0.0),
            public=public,
            target=None if phase == NO_RUN else 50,
            note=f"{mine:.0f} ms in all, {own:.0f} ms for napari alone with the same layers, medians of {times}",
        )
        rows.append(row)
    return rows


@contextmanager
def own_settings() -> Iterator[Path]:
    """Give what is measured a folder, and settings that are not the user's."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"] = os.environ[ENVIRONMENT] = str(Path(folder, "settings"))
        yield Path(folder)


def main(arguments: list[str]) -> int:
    """Print the tables; return 1 where there is no screen or a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks clicks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="each thing fewer times")
    asked = parser.parse_args(arguments)
    if not has_screen():
        print("Clicks need a screen, real or virtual: make bench ARGS=clicks", file=sys.stderr)
        return 1
    missed = 0
    with own_settings() as folder:
        for title, rows in measure(folder, 3 if asked.quick else 9):
            show(title, rows)
            print(flush=True)
            missed += sum(row.held is False for row in rows)
    print("Every target is held." if not missed else f"{missed} target(s) are missed; see NO above.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
