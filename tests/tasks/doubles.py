"""Engines that follow by arithmetic, and count what they are asked; pictures that say which frame they are."""

from __future__ import annotations

import weakref
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.core.sources import array_source
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.protocol import VideoLimits
from napari_sam3_assistant.tasks.view import View

SIDE = 40


def view_at(data, frame=0, axis=0, window=None, index=()) -> View:
    """A view of a frame of a grey picture."""
    source = array_source(data, identity="stack", rgb=False)
    free = [one for one in range(len(source.shape)) if one not in (axis, *dict(index))]
    plane = Plane(free[0], free[1], tuple(sorted([(axis, frame), *index])))
    return View(source, plane, window or whole(source.plane_shape(plane)))


def numbered(frames: int, side: int = SIDE) -> np.ndarray:
    """A stack whose pixels say which frame they lie on."""
    return np.broadcast_to(np.arange(frames, dtype=np.uint8)[:, None, None], (frames, side, side))


def bar(row: int, col: int = 10, height: int = 2, width: int = 4) -> PlacedMask:
    return PlacedMask(np.ones((height, width), bool), (row, col))


@dataclass(frozen=True)
class Picture:
    """An embedding: which frame was encoded, and how large it is."""

    frame: int
    shape: tuple[int, int]
    nbytes: int = 0


class Shifting:
    """Follows without memory: a mask goes one column to the right a frame, and is lost where nothing of it is left."""

    name, weights = "shifting", "none"
    capabilities = replace(BuiltinEngine.capabilities, video=VideoLimits(text=True))

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.steps: list[tuple[int, tuple[int, ...]]] = []
        self.open = 0
        self.hidden: dict[int, set[int]] = {}
        """By frame, the objects that are not seen on it but may come back."""
        self.words: dict[int, list[tuple[int, str, PlacedMask]]] = {}
        """By frame, what words find there: number of the session's own, phrase, mask."""

    def load(self, **_: object) -> None:
        self.asked["load"] += 1

    def encode(self, image: np.ndarray, **_: object) -> Picture:
        self.asked["encode"] += 1
        return Picture(int(image[0, 0, 0]), image.shape[:2])

    def start(self, query=None):
        self.open += 1
        return Words(self) if query is not None else Shifted(self)

    def close(self) -> None: ...


class Shifted:
    def __init__(self, engine: Shifting) -> None:
        self.engine, self.masks, self.frame = engine, {}, None

    def prompt(self, frame, embedding, object_id, prompts, present=None, cancel=None) -> Segmentation:
        assert embedding.frame == frame
        self.engine.asked["prompt"] += 1
        if prompts.mask is not None:
            mask = prompts.mask.mask
        elif prompts.box is not None:
            box = prompts.box.box
            mask = PlacedMask(np.ones(tuple(map(int, box.size)), bool), (int(box.top), int(box.left)))
        else:
            row, col = prompts.points[-1].pixel
            mask = bar(row, col)
        self.begin(frame, embedding, {object_id: mask})
        return Segmentation(mask, 0.9)

    def begin(self, frame, embedding, masks) -> None:
        assert embedding.frame == frame
        self.engine.asked["begin"] += 1
        if frame != self.frame:
            self.frame, self.masks = frame, {}
        self.masks |= {id: (mask, frame) for id, mask in masks.items()}

    def step(self, frame, embedding, ids=None, cancel=None) -> FrameResult:
        assert embedding.frame == frame
        assert abs(frame - self.frame) >= 1
        hidden = self.engine.hidden.get(frame, set())
        found, lost, masks = {}, set(), {}
        for id, (mask, at) in self.masks.items():
            if ids is not None and id not in ids:
                continue
            moved = mask.shifted(0, frame - at)
            seen = PlacedMask(moved.within(whole(embedding.shape).box), (0, 0)).trimmed()
            if not seen.area:
                lost.add(id)
                continue
            masks[id] = (mask, at)
            if id not in hidden:
                found[id] = Segmentation(seen, 0.9)
        self.engine.steps.append((frame, tuple(sorted(masks))))
        self.frame, self.masks = frame, masks
        return FrameResult(frame, found, frozenset(lost))

    def remove(self, object_id) -> None:
        self.masks.pop(object_id, None)

    def close(self) -> None:
        self.engine.open -= 1


class Seeing(Shifting):
    """Its objects are what is bright in the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: list[weakref.ref] = []
        self.most = 0

    def encode(self, image: np.ndarray, **_: object) -> Pixels:
        made = Pixels(image)
        self.alive = [one for one in self.alive if one() is not None] + [weakref.ref(made)]
        self.most = max(self.most, len(self.alive))
        return made

    def start(self, query=None):
        return Bright(self)


@dataclass(eq=False)
class Pixels:
    """An embedding that is the picture."""

    image: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        return self.image.shape[:2]

    @property
    def nbytes(self) -> int:
        return self.image.nbytes


class Bright:
    def __init__(self, engine: Seeing) -> None:
        self.ids, self.frame = set(), None

    def prompt(self, frame, embedding, object_id, prompts, present=None, cancel=None) -> Segmentation:
        self.begin(frame, embedding, {object_id: prompts.mask.mask})
        return Segmentation(prompts.mask.mask, 1.0)

    def begin(self, frame, embedding, masks) -> None:
        for mask in masks.values():  # where it is said to be, it is seen
            assert (embedding.image[..., 0] > 100)[
                tuple(slice(a, a + n) for a, n in zip(mask.offset, mask.mask.shape, strict=True))
            ].all()
        self.ids = set(masks) if frame != self.frame else self.ids | set(masks)
        self.frame = frame

    def step(self, frame, embedding, ids=None, cancel=None) -> FrameResult:
        assert abs(frame - self.frame) == 1
        mask = PlacedMask(embedding.image[..., 0] > 100).trimmed()
        wanted = self.ids if ids is None else self.ids & set(ids)
        self.frame = frame
        if not mask.area:
            return FrameResult(frame, {}, frozenset(wanted))
        return FrameResult(frame, {id: Segmentation(mask, 1.0) for id in wanted})

    def remove(self, object_id) -> None:
        self.ids.discard(object_id)

    def close(self) -> None: ...


class Words(Shifted):
    """Finds what the engine says on each frame, under numbers of its own; what was found before goes on."""

    def __init__(self, engine: Shifting) -> None:
        super().__init__(engine)
        self.names, self.gone = {}, set()

    def begin(self, frame, embedding, masks) -> None:
        super().begin(frame, embedding, masks)
        self.engine.asked["begin words"] += 1

    def step(self, frame, embedding, ids=None, cancel=None) -> FrameResult:
        there = {}
        if self.frame is not None:
            there = super().step(frame, embedding, ids).objects
        for own, name, mask in self.engine.words.get(frame, ()):
            if own not in self.gone:
                there[own], self.names[own] = Segmentation(mask, 0.8), name
                self.masks[own] = (mask, frame)
        self.frame = frame
        return FrameResult(frame, there, frozenset(), {id: self.names.get(id, "thing") for id in there})

    def remove(self, object_id) -> None:
        self.gone.add(object_id)
        super().remove(object_id)


def moving_square(frames: int, shape: tuple[int, int], side: int, step: tuple[float, float], start=(20, 20)):
    """A lazy stack with one bright square that moves, and where it is on a frame."""

    def corner(frame: int) -> tuple[int, int]:
        return round(start[0] + step[0] * frame), round(start[1] + step[1] * frame)

    class Stack:
        dtype = np.dtype("uint8")

        def __init__(self) -> None:
            self.shape, self.read = (frames, *shape), []

        def __getitem__(self, key):
            frame, rows, cols = key
            self.read.append((frame, rows.start, cols.start))
            made = np.full((rows.stop - rows.start, cols.stop - cols.start), 20, np.uint8)
            row, col = corner(frame)
            top, left = max(row - rows.start, 0), max(col - cols.start, 0)
            made[top : max(row + side - rows.start, 0), left : max(col + side - cols.start, 0)] = 200
            return made

    return Stack(), lambda frame: PlacedMask(np.ones((side, side), bool), corner(frame))
