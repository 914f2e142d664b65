"""What following objects through a stack costs beyond the engine: time per frame, memory, starts and cancels.

python -m benchmarks propagation            # about two minutes
python -m benchmarks propagation --quick    # fewer frames, fewer starts

The bare loop beside ours reads a frame, makes it 8-bit and gives it to the same engine, in the same run.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path

import numpy as np

from benchmarks.propagation_parts import MB, rss, run_through, stack_on_disk, view_of_stack
from benchmarks.rows import Row, middle, show
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.host import HostedEngine
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.samples.nuclei_stack import nuclei_stack
from napari_sam3_assistant.tasks.scheduler import Scheduler
from napari_sam3_assistant.tasks.session import EngineHandle, ImageSession
from napari_sam3_assistant.tasks.video import Video

FACTORY = "napari_sam3_assistant.engines.builtin.engine:BuiltinEngine"


def own_time(what: str, shape: tuple[int, int, int], objects: int, times: int, target: float | None) -> Row:
    """Return our own time per frame: the whole of a run through a session, less what the engine took."""
    data = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    own, bare, longest = [], [], 0.0
    for _ in range(times):
        spent = run_through(data, objects)
        own.append(1000 * (spent.wall_s - spent.engine_s) / shape[0])
        bare.append(1000 * (spent.bare_s - spent.bare_engine_s) / shape[0])
        longest = max(longest, 1000 * spent.longest_take_s)
    note = f"{shape[0]} frames, median of {times}; longest stay on the owner's thread {longest:.1f} ms"
    return Row(what, middle(own), "ms", middle(bare), "reading and 8-bit RGB alone", "12 to 15 ms", target, note)


def memory(frames: list[int]) -> list[Row]:
    """Return the peak memory of runs through lazy stacks, each in a process of its own."""
    rows, before = list[Row](), None
    for count in frames:
        with tempfile.TemporaryDirectory() as folder:
            stack_on_disk(Path(folder), count)
            command = [sys.executable, "-m", "benchmarks.propagation", "--child", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        said = json.loads(done.stdout.splitlines()[-1])
        what = f"peak memory beyond what was there, {count:,} frames of 512² on disk"
        name = f"the same with {frames[0]} frames"
        note = f"masks of all frames take {said['masks_mb']:.1f} MB of it; {said['wall_s']:.0f} s"
        rows.append(Row(what, said["grown_mb"], "MB", before, name if before else "", "the whole stack", None, note))
        before = before or said["grown_mb"]
    return rows


def child(folder: Path) -> int:
    """Run through a stack on disk and print by how much memory has grown."""
    import zarr

    data = zarr.open_array(str(folder / "stack.zarr"), mode="r")
    run_through(data[:4], 2, bare=False)  # all is imported now
    gc.collect()
    had = rss()
    start = time.perf_counter()
    spent = run_through(data, 2, bare=False)
    masks = sum(item.bits.nbytes for plane in spent.tracks.planes for item in spent.tracks.seen(plane).values())
    told = {"grown_mb": rss() - had, "masks_mb": masks / MB, "wall_s": time.perf_counter() - start}
    print(json.dumps(told))
    return 0


def started_and_cancelled(title: str, engine: ImageEngine, times: int) -> list[Row]:
    """Return what is left of starts that are cancelled, and how long a cancel takes at most."""
    sample = nuclei_stack()
    scheduler, cache, longest = Scheduler(), EmbeddingCache(64 * MB), 0.0
    handle = EngineHandle(title, lambda: engine)

    def once(number: int) -> None:
        nonlocal longest
        session = ImageSession(scheduler, cache, handle)
        view, prompts = view_of_stack(sample.image, 12, sample.truth[12])
        session.set_source(view.source)
        video = Video(view, 0)
        video.give(12, prompts)
        run = video.run(ahead=session.read_ahead)
        for _ in range(1 + number % 3):
            run.take(session.follow(run).result(60))
        future = session.follow(run)
        time.sleep(0.002 * (number % 7))
        start = time.perf_counter()
        session.cancel()
        with suppress(CancelledError):  # however it ends
            future.exception(60)
        longest = max(longest, 1000 * (time.perf_counter() - start))
        session.work(video.close).result(60)

    for number in range(6):
        once(number)
    gc.collect()
    had = threading.active_count(), _files(), _children(), rss(now=True)
    for number in range(times):
        once(number)
    gc.collect()
    now = threading.active_count(), _files(), _children(), rss(now=True)
    scheduler.close()
    engine.close()
    name = f"{times} starts and cancels, {title}"
    left = [now[k] - had[k] for k in range(4)]
    return [
        Row(f"threads left of {name}", left[0], "", target=0),
        Row(f"open files left of {name}", left[1], "", target=0),
        Row(f"processes left of {name}", left[2], "", target=0),
        Row(f"memory left of {name}", left[3], "MB", target=10, note="what the allocator keeps wobbles by a few MB"),
        Row(f"longest wait from Cancel to free, {title}", longest, "ms", target=500),
    ]


def _files() -> int:
    return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0


def _children() -> int:
    folder = Path(f"/proc/{os.getpid()}/task")
    if not folder.exists():
        return 0
    return sum(
        len((task / "children").read_text().split()) for task in folder.iterdir() if (task / "children").exists()
    )


def main(arguments: list[str]) -> int:
    """Measure all, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks propagation", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer frames, fewer starts")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child is not None:
        return child(options.child)
    frames, times, tiny, starts = (20, 1, 500, 10) if options.quick else (100, 3, 5000, 100)
    rows = [
        own_time("own time per frame, 512², one object", (frames, 512, 512), 1, times, 5),
        own_time("own time per frame, 512², 50 objects", (frames, 512, 512), 50, times, None),
        own_time(f"own time per frame, {tiny:,} frames of 32²", (tiny, 32, 32), 1, 1, 5),
        own_time(f"the same with {tiny // 10:,} frames", (tiny // 10, 32, 32), 1, 1, 5),
        *memory([50, 200 if options.quick else 2000]),
        *started_and_cancelled("built-in", BuiltinEngine(), starts),
        *started_and_cancelled("built-in, hosted", HostedEngine(FACTORY, name="hosted"), starts),
    ]
    show("Following objects through a stack", rows)
    return 0 if all(row.held is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
