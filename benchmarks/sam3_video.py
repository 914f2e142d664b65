"""SAM3 through a film: a prompt, a step, what is remembered, beside transformers' own calls in the same run.

python -m benchmarks sam3_video [--model FOLDER] [--full] [--precision NAME] [--frames N]

Encodings are not counted: benchmark sam3 has them. A small random model by default; --full makes one of the released
size, which takes 3.4 GB of disk and 6 GB of memory.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.rows import Row, show
from napari_sam3_assistant.core.progress import CancelToken, no_progress

FRAMES, WITHIN = 9, 1.05
"""Frames to step onto: from the seventh on a step looks at as many as it ever does. Ours may take so many times bare."""


class Watch(CancelToken):
    """Never raised; notes the longest time between two looks at it."""

    __slots__ = ("_last", "longest")

    def begin(self) -> None:
        """Begin anew."""
        self.longest, self._last = 0.0, time.perf_counter()

    def raise_if_cancelled(self) -> None:
        """Note how long nobody has looked."""
        now = time.perf_counter()
        self.longest, self._last = max(self.longest, now - self._last), now


class Bare:
    """``Sam3TrackerVideoModel`` with the weights and the features that the engine has in memory."""

    def __init__(self, model: Any, embedding: Any) -> None:
        import torch

        from napari_sam3_assistant.engines.sam3.tracking import features_of

        code = import_module("transformers.models.sam3_tracker_video.modeling_sam3_tracker_video")
        self._tracker = model.net.tracker_model
        self.session = code.Sam3TrackerVideoInferenceSession(
            inference_device=model.device, inference_state_device=model.device, dtype=torch.float32
        )
        self.session.processed_frames = range(1000)
        with torch.inference_mode():
            features = features_of(model, embedding)
        maps = [one.flatten(2).permute(2, 0, 1) for one in features.maps]
        kept = {"vision_feats": maps, "vision_pos_embeds": [features.position]}
        self.session.cache.get_vision_features = lambda frame: kept
        places = torch.full((1, 1, 1, 2), model.side / 2, device=model.device)
        self._asked = {"point_coords": places, "point_labels": torch.ones(1, 1, 1, dtype=torch.int32)}

    def prompt(self) -> None:
        """Ask for what is at a point in the middle of frame 0."""
        self.session.add_point_inputs(self.session.obj_id_to_idx(1), 0, self._asked)
        self.session.obj_with_new_inputs = [1]
        self._tracker(self.session, frame_idx=0).pred_masks.cpu()

    def step(self, frame: int) -> None:
        """Follow it onto a frame."""
        self._tracker(self.session, frame_idx=frame).pred_masks.cpu()

    @property
    def nbytes(self) -> int:
        """Memory that is taken by what is remembered, in bytes."""
        stores = (store for one in self.session.output_dict_per_obj.values() for store in one.values())
        tensors = (tensor for store in stores for out in store.values() for tensor in out.values())
        seen = {one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in tensors}
        return sum(seen.values())


def measure(folder: Path, precision: str, frames: int, bound: bool) -> tuple[str, list[Row]]:
    """Return the table, with its heading; ``bound`` where masks take little of a step, as in the released size."""
    from napari_sam3_assistant.core.prompts import PointPrompt, Prompts
    from napari_sam3_assistant.engines.sam3.image import Sam3Engine
    from napari_sam3_assistant.testing import blobs

    engine: Any = Sam3Engine(folder, precision=precision)
    engine.load(progress=no_progress, cancel=CancelToken())
    embedding = engine.encode(blobs((768, 1024)), progress=no_progress, cancel=CancelToken())
    model = engine._reader.model
    session, bare, watch = engine.start(), Bare(model, embedding), Watch()
    point = Prompts((PointPrompt(384, 512),))
    prompts = [(_ms(lambda: session.prompt(0, embedding, 1, point)), _ms(bare.prompt)) for _ in range(3)]
    watch.begin()
    steps = []
    for frame in range(1, frames + 1):
        ours = _ms(lambda at=frame: session.step(at, embedding, cancel=watch))  # type: ignore[misc]
        steps.append((ours, _ms(lambda at=frame: bare.step(at))))  # type: ignore[misc]
        watch._last = time.perf_counter()
    prompt, last = (tuple(map(min, zip(*some, strict=True))) for some in (prompts, steps[6:] or steps[-1:]))
    rows = [
        _row("a prompt", *prompt, note="ours draws the mask in the frame's size"),
        _row("the first step, one object", *steps[0]),
        _row("a step that looks at all it can, one object", *last, bound=bound),
        Row("longest time in which Cancel is not seen", 1e3 * watch.longest, note="in a step"),
        Row(
            f"remembered after {frames} frames",
            session.nbytes / 1e6,
            "MB",
            bare.nbytes / 1e6,
            "transformers",
            note="ours grows no more from the 33rd frame on",
        ),
    ]
    return f"Through a film ({model.precision} towers, on {model.device})", rows


def _ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - start)


def _row(what: str, ours: float, theirs: float, note: str = "", *, bound: bool = False) -> Row:
    return Row(what, ours, bare=theirs, bare_name="transformers", target=WITHIN * theirs if bound else None, note=note)


def main(arguments: list[str]) -> int:
    """Print the table; return 1 where packages are missing or a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks sam3_video", description=__doc__)
    parser.add_argument("--model", type=Path, help="a model folder")
    parser.add_argument("--full", action="store_true", help="random weights of the released size")
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument("--frames", type=int, default=FRAMES)
    asked = parser.parse_args(arguments)
    missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if missing:
        print(f"SAM3 needs {' and '.join(missing)}: pip install 'napari-sam3-assistant[sam3]'", file=sys.stderr)
        return 1
    from benchmarks.sam3 import made_folder

    with tempfile.TemporaryDirectory() as made:
        title, rows = measure(asked.model or made_folder(Path(made), asked.full), asked.precision, asked.frames, asked.full)
    show(title, rows)
    return int(any(row.held is False for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
