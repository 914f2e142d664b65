"""The built-in engine: masks without weights, from a tree of regions made once per image.

It is stateless: every answer comes from the tree and all the prompts, so the order in which
prompts were made, and what was answered before, do not matter (but of two points on one pixel
the newer counts).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import EngineError, PromptError, Unsupported
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.intensity import check_image
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.core.prompts import CropExemplar, PointPrompt, Prompts, Query
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.engines.builtin.boxes import box_on
from napari_sam3_assistant.engines.builtin.clicks import reading_of_clicks
from napari_sam3_assistant.engines.builtin.exemplars import ALIKE, candidates_like
from napari_sam3_assistant.engines.builtin.follow import mask_on, reading_of_mask
from napari_sam3_assistant.engines.builtin.grow import grow
from napari_sam3_assistant.engines.builtin.necks import part_under
from napari_sam3_assistant.engines.builtin.paint import NO_CLICKS, Clicks, Reading, clicks_on, drawn, overlap, painted
from napari_sam3_assistant.engines.builtin.proposals import LEAST_SCORE, proposals
from napari_sam3_assistant.engines.builtin.readings import MOST_READINGS, SAME, reading_of_box, readings
from napari_sam3_assistant.engines.builtin.session import BuiltinSession
from napari_sam3_assistant.engines.builtin.tree import RegionTree, grown
from napari_sam3_assistant.engines.proposing import Places, Steps, completed
from napari_sam3_assistant.engines.protocol import Capabilities, Embedding, Proposals, VideoLimits, check

INSTEAD = "Draw a box round an example (Exemplar), or install SAM3 and choose it as the engine."


_MET = 0.5
"""An answer to a mask that holds less of it than this has missed the object: the mask's middle shows it."""


class BuiltinEngine:
    """An image and video engine that needs no model. Ready as soon as it is made.

    The score of its answers is the overlap (IoU) that it expects between the mask and the object
    meant. For a click it follows from how much better the chosen node of the tree is than its
    rivals, for several clicks from each region's own score, for a box or mask from how well the
    object found fits it. It is an estimate on which to sort, not a probability.
    """

    name = "builtin"
    weights = "tree-3"
    capabilities = Capabilities(
        text=False,
        crops=True,
        video=VideoLimits(),
        proposals=Proposals(least_score=LEAST_SCORE, steps=True),
        honours_clicks=True,
        refines=False,
        threshold=ALIKE,
        instead=INSTEAD,
    )

    def __init__(self) -> None:
        self._closed = False

    def load(self, *, progress: Progress, cancel: CancelToken) -> None:
        """Make ready to encode, which takes no time."""
        cancel.raise_if_cancelled()
        self._closed = False
        progress(1.0, "The built-in engine is ready")

    def encode(self, image: npt.NDArray[np.uint8], *, progress: Progress, cancel: CancelToken) -> RegionTree:
        """Return the tree of regions of an image; see :meth:`ImageEngine.encode`."""
        self._check_open()
        check_image(image)

        def tell(done: float) -> None:
            cancel.raise_if_cancelled()
            progress(done, "Encoding the image")

        return grow(image, tell)

    def segment(self, embedding: Embedding, prompts: Prompts, previous: Segmentation | None = None) -> Segmentation:
        """Return the object that ``prompts`` are about; see :meth:`ImageEngine.segment`.

        A mask says what the object is, a box how far it may reach, points correct both.
        ``previous`` changes nothing.
        """
        self._check_open()
        return segment(_tree(embedding), prompts)

    def find(self, embedding: Embedding, query: Query) -> Candidates:
        """Return all objects like the examples of ``query``; see :meth:`ImageEngine.find`."""
        self._check_open()
        tree = _tree(embedding)
        if query.texts:
            raise Unsupported("The built-in engine does not read words.", hint=INSTEAD)
        boxes = [(box_on(tree, one.box), one.positive) for one in query.exemplars]
        crop = query.crop if isinstance(query.crop, CropExemplar) else None
        return candidates_like(tree, [b for b, yes in boxes if yes], [b for b, yes in boxes if not yes], crop)

    def propose(self, embedding: Embedding, places: Places) -> Candidates:
        """Return every object that stands out by itself, none of which overlap; ``places`` change nothing."""
        return completed(self.propose_in_steps(embedding))

    def propose_in_steps(self, embedding: Embedding) -> Steps[Candidates]:
        """Find what :meth:`propose` does, in steps; see :meth:`ProposingEngine.propose_in_steps`."""
        self._check_open()
        return (yield from proposals(_tree(embedding)))

    def start(self, query: Query | None = None) -> BuiltinSession:
        """Return a session without objects; see :meth:`VideoEngine.start`."""
        self._check_open()
        if query is not None:
            raise Unsupported("The built-in engine does not read words.", hint=INSTEAD)
        return BuiltinSession(self.segment, self._open_tree)

    def close(self) -> None:
        """Refuse further work until it is loaded again. It keeps no memory of its own."""
        self._closed = True

    def _open_tree(self, embedding: Embedding) -> RegionTree:
        self._check_open()
        return _tree(embedding)

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError("The built-in engine is closed.", hint="Load it again.")


def segment(tree: RegionTree, prompts: Prompts) -> Segmentation:
    """Return the object that ``prompts`` are about.

    Raises
    ------
    PromptError
        If all that there is are negative points, or a prompt lies outside the image.
    Unsupported
        For a negative box.
    """
    check(prompts, BuiltinEngine.capabilities)
    clicks = clicks_on(tree, prompts.points)
    if prompts.box is not None and not prompts.box.positive:
        raise Unsupported("A negative box does not show an object.", hint="Use negative points instead.")
    box = box_on(tree, prompts.box.box) if prompts.box is not None else None
    if prompts.mask is not None:
        given = mask_on(tree, prompts.mask.mask)
        if not len(clicks):
            reach = grown(box, tree.shape, 1) if box is not None else None
            answer = _painted(tree, reading_of_mask(tree, given), clicks, reach)
            if given.box is not None and (answer.mask.within(given.box) & given.mask).sum() < _MET * given.area:
                return _from_clicks(tree, clicks_on(tree, [_on(given)]))
            return answer
    elif box is not None:
        one = reading_of_box(tree, box)
        given = drawn(tree, one.outline, NO_CLICKS, grown(box, tree.shape, 1))
        if not len(clicks):
            return Segmentation(given, one.score if given.area else 0.0)
    else:
        return _from_clicks(tree, clicks)
    prior = tree.share_under(given.mask, given.offset)
    return _painted(tree, reading_of_clicks(tree, clicks, prior), clicks, box)


def _on(given: PlacedMask) -> PointPrompt:
    """Return a point in the middle of a hint: it covers but a part of a flat object."""
    pixels = np.argwhere(given.mask)
    row, col = pixels[((pixels - pixels.mean(axis=0)) ** 2).sum(axis=1).argmin()] + given.offset
    return PointPrompt(float(row), float(col))


def _from_clicks(tree: RegionTree, clicks: Clicks) -> Segmentation:
    if not clicks.positive.any():
        raise PromptError("There are only negative points.", hint="Add a positive one: click on the object.")
    found = readings(tree, clicks)
    masks = [drawn(tree, one.outline, clicks) for one in found]
    if len(clicks) == 1:
        row, col = clicks.pixels[0]
        part = part_under(masks[0], (int(row), int(col)))
        if part is not None:
            masks = [part, *(mask for mask in masks if overlap(mask, part) < SAME)]
    return Segmentation(masks[0], found[0].score, tuple(masks[1:MOST_READINGS]))


def _painted(
    tree: RegionTree, reading: Reading, clicks: Clicks, within: Box | None = None, *, finish: bool = True
) -> Segmentation:
    mask = painted(tree, reading.on, clicks, within, finish=finish)
    return Segmentation(mask, min(max(reading.score, 0.0), 1.0) if mask.area else 0.0)


def _tree(embedding: Embedding) -> RegionTree:
    if not isinstance(embedding, RegionTree):
        raise EngineError("This embedding is another engine's.", hint="Encode the image again.")
    return embedding
