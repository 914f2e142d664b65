"""Meta's engine beside the bare calls of Meta's package, in the same run: ``.venv-meta/bin/python -m benchmarks.meta``.

With an argument, the folder of a real or full-size ``sam3.pt``, that is measured; else a small random one.
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import PointPrompt, Prompts, Query, TextPrompt
from napari_sam3_assistant.testing import blobs

SHAPE = (512, 640)


def seconds(ask, rounds=5):
    """Return the median time of a call, after one that is not counted."""
    ask()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - start)
    return median(taken)


def main():
    """Measure, and print a line for each call."""
    from napari_sam3_assistant.engines.meta.image import MetaEngine

    with tempfile.TemporaryDirectory() as scratch:
        if len(sys.argv) > 1:
            folder = Path(sys.argv[1])
        else:
            from tests.meta.small import make

            folder = make(Path(scratch))
        engine = MetaEngine(folder, device="cpu")
        engine.load(progress=no_progress, cancel=CancelToken())
        report(engine)
        engine.close()


def report(engine):
    """Print what each call takes, ours and the bare one, and their ratio."""
    from PIL import Image
    from sam3.model.sam3_image_processor import Sam3Processor

    model, picture = engine._loaded().model, blobs(SHAPE)
    processor = Sam3Processor(model.detector, resolution=model.side, device="cpu")
    state = processor.set_image(Image.fromarray(picture))
    embedding = engine.encode(picture, progress=no_progress, cancel=CancelToken())
    at, on = np.array([[300.0, 200.0]]), np.array([1])
    pairs = {
        "encode": (
            lambda: engine.encode(picture, progress=no_progress, cancel=CancelToken()),
            lambda: processor.set_image(Image.fromarray(picture)),
        ),
        "click": (
            lambda: engine.segment(embedding, Prompts((PointPrompt(200, 300),))),
            lambda: model.detector.predict_inst(state, point_coords=at, point_labels=on, multimask_output=True),
        ),
        "words": (
            lambda: engine.find(embedding, Query(texts=(TextPrompt("cell"),))),
            lambda: processor.set_text_prompt("cell", state),
        ),
    }
    for name, (ours, bare) in pairs.items():
        one, other = seconds(ours), seconds(bare)
        print(f"{name:8} ours {one * 1000:8.1f} ms, bare {other * 1000:8.1f} ms, ratio {one / other:.2f}")


if __name__ == "__main__":
    main()
