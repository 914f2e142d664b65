"""Engines that misbehave on purpose, for a process of their own: the first pixel, or the click's row, says how."""

import os
import signal
import time
import weakref

import numpy as np

from napari_sam3_assistant.core.errors import EngineError, PromptError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import PointPrompt, Prompts
from napari_sam3_assistant.core.results import Candidates, FrameResult, Segmentation
from napari_sam3_assistant.engines.protocol import Capabilities, VideoLimits

WELL, DEAF, POLITE, EXIT, SEGFAULT, KILLED, MEMORY, FOREIGN, OURS, DERIVED, CHATTY = range(11)
# Clicks only.
COUNT, STATE, STRANGER, ARGUMENTS = range(20, 24)
# Prompts of a session only.
SESSIONS = 30
FACTORY = f"{__name__}:Odd"
LONG_S = 60.0
MODEL_BYTES = 300 * 2**20


def image(does=WELL, shape=(16, 16)):
    """Return an image that makes the engine do this when it is encoded."""
    return np.full((*shape, 3), does, np.uint8)


def click(does=WELL):
    """Return a click that makes the engine do this."""
    return Prompts((PointPrompt(does, 0),))


def encode(engine, does=WELL, shape=(16, 16), progress=no_progress, cancel=None):
    return engine.encode(image(does, shape), progress=progress, cancel=cancel or CancelToken())


def load(engine, progress=no_progress, cancel=None):
    engine.load(progress=progress, cancel=cancel or CancelToken())
    return engine


class Derived(PromptError):
    """An error of an engine's own, which nobody else knows."""


class Stranger:
    """Something that only this module knows."""


class Kept:
    def __init__(self, picture):
        self.picture, self.nbytes, self.shape = picture, picture.nbytes, picture.shape[:2]


class Odd:
    """Does as it is told; ``large`` takes as much memory as a small model, ``slow`` takes long to load."""

    name = "odd"
    weights = "odd-1"
    capabilities = Capabilities(text=True, video=VideoLimits(), refines=True, instead="Be kind.")

    def __init__(self, large=False, loading=WELL, folder=None):
        self._loading, self._kept, self._sessions = loading, weakref.WeakSet(), weakref.WeakSet()
        self._model = np.ones(MODEL_BYTES, np.uint8) if large else None

    def load(self, *, progress, cancel):
        progress(0.5, "Loading")
        misbehave(self._loading, progress, cancel)
        progress(1.0, "Loaded")

    def encode(self, image, *, progress, cancel):
        cancel.raise_if_cancelled()
        if image.ndim != 3 or not image.size:
            raise EngineError("This is no image.", hint="Take one.")
        misbehave(int(image[0, 0, 0]), progress, cancel)
        made = Kept(image)
        self._kept.add(made)
        return made

    def segment(self, embedding, prompts, previous=None):
        does = int(prompts.points[0].row)
        misbehave(does, no_progress, CancelToken())
        mask, state = PlacedMask(embedding.picture[..., 0] == embedding.picture[0, 0, 0]), None
        if does == COUNT:
            mask = PlacedMask(np.ones((1, len(self._kept)), bool))
        elif does == STATE:
            state = 1 if previous is None else previous.state + 1
            mask = PlacedMask(np.ones((1, state), bool))
        elif does == STRANGER:
            mask = PlacedMask(mask.mask, Stranger())
        elif does == ARGUMENTS and previous is not None:
            mask = previous.mask
        return Segmentation(mask, 1.0, state=state)

    def find(self, embedding, query):
        misbehave(int(query.exemplars[0].box.top), no_progress, CancelToken())
        n = int(query.exemplars[0].box.left)
        boxes = np.tile(np.float32([0, 0, 288, 288]), (n, 1))
        grids = tuple(np.full((288, 288), index, np.float32) for index in range(n))
        return Candidates(np.linspace(0, 1, n, dtype=np.float32), boxes, grids, boxes.copy(), embedding.shape)

    def start(self, query=None):
        made = OddSession(self._sessions)
        self._sessions.add(made)
        return made

    def close(self):
        self._model = None


class OddSession:
    """Does at a step what the frame's second pixel says (:func:`frame`), and at a prompt what the click says."""

    def __init__(self, others):
        self._others, self._masks = others, {}

    def prompt(self, frame, embedding, object_id, prompts, present=None, *, cancel=None):
        if prompts.points:
            does = int(prompts.points[0].row)
            misbehave(does, no_progress, cancel or CancelToken())
            area = len(self._others) if does == SESSIONS else 1
            self._masks[object_id] = PlacedMask(np.ones((1, area), bool))
        else:
            self._masks[object_id] = prompts.mask.mask
        return Segmentation(self._masks[object_id], 1.0, state=Stranger())

    def begin(self, frame, embedding, masks):
        self._masks.update(masks)

    def step(self, frame, embedding, ids=None, *, cancel=None):
        misbehave(int(embedding.picture[0, 1, 0]), no_progress, cancel or CancelToken())
        kept = {id: mask for id, mask in self._masks.items() if ids is None or id in ids}
        return FrameResult(frame, {id: Segmentation(mask, 1.0, state=Stranger()) for id, mask in kept.items()})

    def remove(self, object_id):
        self._masks.pop(object_id, None)

    def close(self):
        self._masks.clear()


def frame(engine, does=WELL):
    """Return the embedding of a frame at which a session does this when it steps onto it."""
    made = image()
    made[0, 1] = does
    return engine.encode(made, progress=no_progress, cancel=CancelToken())


def misbehave(does, progress, cancel):
    """Do what is asked for, for :data:`LONG_S` where it takes time."""
    end = time.monotonic() + LONG_S
    if does == DEAF:
        progress(0.0, "deaf")
        while time.monotonic() < end:
            pass
    elif does == POLITE:
        while time.monotonic() < end:
            progress(0.0, "polite")
            cancel.raise_if_cancelled()
            time.sleep(0.01)
    elif does == CHATTY:
        for step in range(5001):
            progress(step / 5000, f"step {step}")
    elif does == EXIT:
        os.write(2, b"no more of this\n")
        os._exit(3)
    elif does in (SEGFAULT, KILLED):
        os.kill(os.getpid(), signal.SIGSEGV if does == SEGFAULT else signal.SIGKILL)
    elif does in (MEMORY, FOREIGN, OURS, DERIVED):
        raise {
            MEMORY: MemoryError("no more"),
            FOREIGN: KeyError("what"),
            OURS: PromptError("Ours.", hint="Do that.", in_shell="Do this."),
            DERIVED: Derived("Derived.", hint="Do that."),
        }[does]
