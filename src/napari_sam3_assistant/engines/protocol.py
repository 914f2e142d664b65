"""What an engine is: one RGB image and prompts in, masks out.

Coordinates are (row, col) pixels of the image that was encoded. An engine's methods are
called on its own worker thread only, one at a time. Errors for a user are
:class:`~napari_sam3_assistant.core.errors.AssistantError`; anything else is a defect.

Every engine passes :class:`napari_sam3_assistant.testing.EngineTests`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError, Unsupported
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts, Query
from napari_sam3_assistant.core.results import Candidates, FrameResult, Segmentation
from napari_sam3_assistant.engines.places import check_shape as check_shape


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """What an engine takes for objects that it follows from frame to frame.

    Attributes
    ----------
    points, boxes, masks : bool
        The kinds of prompt by which an object is begun or corrected.
    text : bool
        Whether it finds objects by words on every frame.
    max_points : int or None
        Most points for one object on one frame; None for any number.
    max_boxes : int or None
        Most objects that are begun by a box on one frame; None for any number.
    mixes : bool
        Whether one prompt may hold points together with a box or a mask.
    """

    points: bool = True
    boxes: bool = True
    masks: bool = True
    text: bool = False
    max_points: int | None = None
    max_boxes: int | None = None
    mixes: bool = True


@dataclass(frozen=True, slots=True)
class Proposals:
    """How an engine finds objects that nobody points at; see :mod:`~napari_sam3_assistant.engines.proposing`.

    Attributes
    ----------
    points : int or None
        Most points of a grid that one call of ``propose`` reads: about as many as take 200 ms. None where it needs
        none: one call finds every object.
    steps : bool
        Whether :meth:`~napari_sam3_assistant.engines.proposing.ProposingEngine.propose_in_steps` may be called, of an
        engine without ``points``: it is for what takes longer than 200 ms.
    least_score, least_stability : float
        The score and the stability from which objects are kept unless the user says; see
        :class:`~napari_sam3_assistant.core.results.Candidates`.
    """

    points: int | None = None
    least_score: float = 0.5
    least_stability: float = 0.0
    steps: bool = False


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do.

    Attributes
    ----------
    points, boxes, masks, exemplars, text : bool
        The kinds of prompt it takes.
    crops : bool
        Whether :meth:`ImageEngine.find` compares with an example in a picture of its own. Where it does not, tasks
        show that picture beside the image, as one, and the example is a box on it.
    video : VideoLimits or None
        What it takes for objects that it follows from frame to frame (:class:`VideoEngine`); None where it follows
        nothing.
    proposals : Proposals or None
        How it finds every object of an image; None where tasks have to ask :meth:`ImageEngine.segment` about each
        point of a grid.
    honours_clicks : bool
        Whether each positive point surely lies in the mask and each negative one outside.
    refines : bool
        Whether ``previous`` of :meth:`ImageEngine.segment` changes the answer.
    max_points : int or None
        Most points for one object; None for any number.
    threshold : float
        The score from which objects that :meth:`ImageEngine.find` finds are kept unless the user says.
    devices : tuple of str
        Where it can run, such as ``("cuda", "cpu")``; once it is loaded, the one it runs on first.
    encode_s : float or None
        About how long an encoding takes here, in seconds; None where nobody has to wait, or it is not known.
    instead : str
        What to choose for a kind of prompt that it does not take.
    stores : bool
        Whether its embeddings can be kept on disk; see :mod:`~napari_sam3_assistant.engines.storing`.
    """

    points: bool = True
    boxes: bool = True
    masks: bool = True
    exemplars: bool = True
    text: bool = False
    crops: bool = False
    video: VideoLimits | None = None
    proposals: Proposals | None = None
    honours_clicks: bool = False
    refines: bool = False
    max_points: int | None = None
    threshold: float = 0.5
    devices: tuple[str, ...] = ("cpu",)
    encode_s: float | None = None
    instead: str = "Choose another engine."
    stores: bool = False


class Embedding(Protocol):
    """What an engine keeps of an image, to answer any number of prompts. Never changed once made."""

    @property
    def nbytes(self) -> int:
        """Memory that it takes, in bytes."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the image, in pixels."""


class ImageEngine(Protocol):
    """Masks from prompts (``capabilities`` says from which), in two speeds. On this engine's worker thread only."""

    name: str
    """As in the registry, and as answers are signed."""
    weights: str
    """Which weights: the same text for the same answers. Part of the key of cached embeddings."""
    capabilities: Capabilities

    def load(self, *, progress: Progress, cancel: CancelToken) -> None:
        """Make ready to encode. Slow; a second call returns at once.

        Raises
        ------
        AssistantError
            If it cannot be loaded; another call may try again.
        """

    def encode(self, image: npt.NDArray[np.uint8], *, progress: Progress, cancel: CancelToken) -> Embedding:
        """Return the embedding of an image. Slow, once per image.

        Parameters
        ----------
        image : ndarray of shape (H, W, 3), uint8
            RGB, any height and width from 1 pixel.

        Raises
        ------
        Cancelled
            Soon after ``cancel`` was raised.
        EngineError
            If the image is none, or the engine is closed.
        """

    def segment(self, embedding: Embedding, prompts: Prompts, previous: Segmentation | None = None) -> Segmentation:
        """Return the one object that ``prompts`` are about. Fast.

        Parameters
        ----------
        embedding : Embedding
            From this engine.
        prompts : Prompts
            In pixels of the encoded image.
        previous : Segmentation or None
            The last answer about the same object.

        Raises
        ------
        PromptError
            If there is nothing to go by, or a prompt lies outside the image.
        Unsupported
            For a kind of prompt that the engine does not take.
        """

    def find(self, embedding: Embedding, query: Query) -> Candidates:
        """Return all objects like the examples or words of ``query``; thresholds come later.

        Raises
        ------
        PromptError
            If an example lies outside the image.
        Unsupported
            For words, if the engine does not read, or for examples.
        """

    def close(self) -> None:
        """Give back all memory. Later calls but :meth:`load` raise EngineError."""


class VideoEngine(Protocol):
    """An engine that also follows objects through frames: its ``capabilities.video`` says so (:func:`video_of`)."""

    def start(self, query: Query | None = None) -> VideoSession:
        """Return a session without objects.

        Parameters
        ----------
        query : Query or None
            Words: the session then finds its objects itself on every frame that it steps onto.

        Raises
        ------
        Unsupported
            For a query, if the engine finds nothing by words.
        """


class VideoSession(Protocol):
    """Objects on their way through frames that are encoded one at a time.

    Frames are whole numbers; neighbours differ by one. A session goes forward or backward, and may be begun
    anew at any frame. It is called on its engine's thread only, one call at a time.

    Every session passes :class:`napari_sam3_assistant.testing_video.VideoEngineTests`.
    """

    def prompt(
        self,
        frame: int,
        embedding: Embedding,
        object_id: int,
        prompts: Prompts,
        present: PlacedMask | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> Segmentation:
        """Set or correct object ``object_id`` (1 or more) on ``frame`` and return it; it is followed from there.

        Parameters
        ----------
        frame : int
        embedding : Embedding
            Of the frame.
        object_id : int
        prompts : Prompts
            All of the object on this frame. A mask alone is taken as it is.
        present : PlacedMask or None
            Where the object was followed to on this frame, if it was: what is corrected.
        cancel : CancelToken or None

        Raises
        ------
        PromptError, Unsupported
            As :meth:`ImageEngine.segment`; the session is as it was.
        Cancelled
            Soon after ``cancel`` was raised; the call may be made again.
        EmbeddingLost
            If what the session remembers is lost with the process that kept it: start another one.
        EngineError
            If the engine fails, or was closed.
        """

    def begin(self, frame: int, embedding: Embedding, masks: Mapping[int, PlacedMask]) -> None:
        """Follow objects on from ``frame``, where they are what ``masks`` say.

        What the session remembers of an object on this frame stays as it is. Objects that it has followed onto
        this frame are followed on as well.

        Raises
        ------
        PromptError
            If a mask lies outside the frame.
        EmbeddingLost, EngineError
            As :meth:`prompt`.
        """

    def step(
        self,
        frame: int,
        embedding: Embedding,
        ids: Collection[int] | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> FrameResult:
        """Return the objects on ``frame``, followed from the frame that was answered, or begun on, last.

        Parameters
        ----------
        frame : int
        embedding : Embedding
            Of the frame.
        ids : collection of int or None
            Which objects are followed on; the others rest, until they are begun again. None for all.
        cancel : CancelToken or None

        Raises
        ------
        PromptError
            If the session has no object yet.
        Cancelled
            Soon after ``cancel`` was raised; the call may be made again.
        EmbeddingLost, EngineError
            As :meth:`prompt`.
        """

    def remove(self, object_id: int) -> None:
        """Follow the object no longer. Of one that is not known there is nothing to do."""

    def close(self) -> None:
        """Give back what is kept of frames and objects; it is then as it was started. A second call does nothing."""


def video_of(engine: ImageEngine) -> VideoEngine:
    """Return an engine as one that follows objects through frames.

    Raises
    ------
    Unsupported
        If it does not, as its capabilities say. Whether it has the methods is not looked at: what passes calls on to
        an engine, in its process or elsewhere, has them all.
    """
    if engine.capabilities.video is None:
        raise Unsupported(f"The engine {engine.name} follows nothing.", hint=engine.capabilities.instead)
    return cast(VideoEngine, engine)


def check(prompts: Prompts, capabilities: Capabilities) -> None:
    """Check that an engine takes these kinds of prompt.

    Raises
    ------
    PromptError
        If there is no prompt at all, or there are too many points.
    Unsupported
        If a kind is not taken.
    """
    if prompts.empty:
        raise PromptError("There is no prompt.", hint="Click on an object, or draw a box round one.")
    for kind, used, taken in (
        ("points", bool(prompts.points), capabilities.points),
        ("boxes", prompts.box is not None, capabilities.boxes),
        ("masks", prompts.mask is not None, capabilities.masks),
    ):
        if used and not taken:
            raise Unsupported(f"This engine takes no {kind}.", hint=capabilities.instead)
    if capabilities.max_points is not None and len(prompts.points) > capabilities.max_points:
        raise PromptError(
            f"This engine takes up to {capabilities.max_points} points for one object, not {len(prompts.points)}.",
            hint="Delete some points, or start a new object.",
        )


def check_number(object_id: int) -> None:
    """Raise PromptError where no object can have this number."""
    if object_id < 1:
        raise PromptError(f"An object cannot have the number {object_id}.", hint="Numbers start at 1.")


def corrected(prompts: Prompts, present: PlacedMask | None) -> Prompts:
    """Return points alone together with the mask that is ``present``, which they correct; else ``prompts``."""
    if present is None or prompts.mask is not None or prompts.box is not None:
        return prompts
    return Prompts(prompts.points, mask=MaskPrompt(present))


def check_video(prompts: Prompts, limits: VideoLimits, instead: str) -> None:
    """Check that an engine takes these prompts of one object on a frame of a film.

    Parameters
    ----------
    prompts : Prompts
    limits : VideoLimits
    instead : str
        What to do for a kind that is not taken.

    Raises
    ------
    PromptError
        If there is none, or there are too many points.
    Unsupported
        If a kind, or that they stand together, is not taken.
    """
    kinds = Capabilities(limits.points, limits.boxes, limits.masks, max_points=limits.max_points, instead=instead)
    check(prompts, kinds)
    if prompts.points and (prompts.box is not None or prompts.mask is not None) and not limits.mixes:
        raise Unsupported(
            "This engine takes points, or a box or mask, of an object on one frame, not both.",
            hint="Start with the box or mask, then correct with points.",
        )
