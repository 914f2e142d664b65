"""What an engine's process and the one that started it say to each other.

Questions and answers are made bytes by :func:`~napari_sam3_assistant.wire.arrays.pack` and travel in
an :class:`Ask` or an :class:`Answer`. Only the process that unpacks a question may import for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.prompts import Prompts, Query
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.engines.storing import StoreCounts, StoreOptions

# -- to the engine's process ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """A question, packed. The next one comes after its answer."""

    question: bytes


@dataclass(frozen=True, slots=True)
class Stop:
    """The answer to the question asked last is no longer wanted."""


@dataclass(frozen=True, slots=True)
class Forget:
    """The embedding of this number is no longer wanted."""

    embedding: int


@dataclass(frozen=True, slots=True)
class Leave:
    """The session of this number is no longer wanted."""

    session: int


@dataclass(frozen=True, slots=True)
class Remove:
    """A session follows this object no longer."""

    session: int
    object_id: int


Note = Forget | Leave | Remove
"""What is told, without an answer; several travel as a tuple, in their order."""


@dataclass(frozen=True, slots=True)
class End:
    """Close the engine and end."""


@dataclass(frozen=True, slots=True)
class Load:
    """Make the engine, if that was not done, and load it; answered by :class:`About`.

    Attributes
    ----------
    title : str
        As users see it, for messages.
    factory : str
        ``"module:callable"``.
    options : mapping
        What it is called with.
    embeddings : StoreOptions or None
        Where its embeddings are kept on disk; None for nowhere.
    """

    title: str
    factory: str
    options: Mapping[str, object]
    embeddings: StoreOptions | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Encode:
    """Encode an image (anything, if it is none); answered by :class:`Encoded`."""

    image: npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One object; answered by a ``Segmentation`` whose state is None or a :class:`PackedState`."""

    embedding: int
    prompts: Prompts
    previous: Segmentation | None


@dataclass(frozen=True, slots=True, eq=False)
class Find:
    """All objects; answered by ``Candidates``."""

    embedding: int
    query: Query


@dataclass(frozen=True, slots=True, eq=False)
class Propose:
    """What may be an object at some places; answered by ``Candidates``."""

    embedding: int
    places: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Start:
    """A session; answered by :class:`Started`."""

    query: Query | None


@dataclass(frozen=True, slots=True, eq=False)
class Prompted:
    """An object of a session, set or corrected; answered by a ``Segmentation`` without a state."""

    session: int
    frame: int
    embedding: int
    object_id: int
    prompts: Prompts
    present: PlacedMask | None


@dataclass(frozen=True, slots=True, eq=False)
class Begin:
    """Objects that a session follows on from a frame; answered by :class:`Begun`."""

    session: int
    frame: int
    embedding: int
    masks: Mapping[int, PlacedMask]


@dataclass(frozen=True, slots=True)
class Step:
    """A frame that a session goes on to; answered by a ``FrameResult`` whose objects have no state."""

    session: int
    frame: int
    embedding: int
    ids: frozenset[int] | None


Question = Load | Encode | Segment | Find | Propose | Start | Prompted | Begin | Step

# -- from the engine's process --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """The process has started; it has imported nothing heavy yet."""


@dataclass(frozen=True, slots=True)
class Told:
    """How far the work on a question is."""

    fraction: float | None
    message: str


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """A line for the log of diagnostics (:mod:`~napari_sam3_assistant.engines.diagnosing`)."""

    line: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, packed."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """A question could not be answered; ``trace`` says where, if it was not an error of ours."""

    error: AssistantError
    trace: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What a loaded engine says of itself."""

    name: str
    weights: str
    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class Encoded:
    """An embedding that the engine's process keeps until it is told to forget it.

    ``stored`` is what came of keeping embeddings on disk so far.
    """

    embedding: int
    nbytes: int
    shape: tuple[int, int]
    about: About
    stored: StoreCounts | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A session that the engine's process keeps until it is told to leave it."""

    session: int


@dataclass(frozen=True, slots=True)
class Begun:
    """A session has begun on a frame."""


@dataclass(frozen=True, slots=True, eq=False)
class PackedState:
    """The state of a ``Segmentation``, pickled: only the engine's process opens it.

    Attributes
    ----------
    pickled : ndarray of shape (n,), uint8
        The bytes, as an array: logits are large enough for shared memory.
    """

    pickled: npt.NDArray[np.uint8]
