"""An engine that lives on a server of ours: its pictures go there once, its masks come back as packed bits.

A picture is known by its hash, so that one that the server has already, from this program or another, is not sent
again. Questions change nothing there: one whose answer is lost with the connection is asked again, and where the
server has forgotten the picture meanwhile, or was started anew, the picture is sent again. An answer that was refined
is refined there by what it keeps; where that is lost, it is made again from the prompts, one after another, by which
it came about, so that the masks are the same.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import EngineError, PromptError, Unsupported
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.core.prompts import CropExemplar, Prompts, Query, TextPrompt
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.engines.proposing import Places, Steps, proposing
from napari_sam3_assistant.engines.protocol import Capabilities, Embedding, check, video_of
from napari_sam3_assistant.engines.remote.addresses import server_address
from napari_sam3_assistant.engines.remote.dialling import BUILTIN, HELLO, Line, dial
from napari_sam3_assistant.engines.remote.link import PATIENCE_S, Link, State
from napari_sam3_assistant.engines.remote.pictures import MOST_TIMES, RemotePicture, Store, own
from napari_sam3_assistant.engines.remote.reading import (
    asked_of,
    candidates_of,
    capabilities_of,
    rectangle_of,
    segmentations_of,
)
from napari_sam3_assistant.engines.remote.session import RemoteSession
from napari_sam3_assistant.engines.remote.talk import Talk
from napari_sam3_assistant.wire.messages import CropExample, Find, Predict, Propose
from napari_sam3_assistant.wire.replies import CandidatesFound, Error, Prediction, Welcome
from napari_sam3_assistant.wire.values import Asked, Found, Place

DIAL_S = 5.0
"""How long a server may take to answer, in seconds."""
LOADING_S = 0.5
"""How often a server that loads its model is asked whether it has, in seconds."""
INSTEAD = f"Choose a server whose engine takes it, {BUILTIN}"
LOADING = "The server is loading its model"


@dataclass(slots=True, eq=False)
class Refinement:
    """What a later answer about the same object starts from.

    Attributes
    ----------
    picture : str
        Which picture it is about.
    asked : Asked
        What was asked.
    before : Refinement or None
        What that started from.
    key : str
        Under which the server keeps it.
    talk : int
        On which connection.
    """

    picture: str
    asked: Asked
    before: Refinement | None
    key: str
    talk: int


class RemoteEngine:
    """An :class:`~napari_sam3_assistant.engines.protocol.ImageEngine` on a server of ours.

    It follows objects from frame to frame, and finds them by itself, where the server's engine does.

    Parameters
    ----------
    address : str
        Of the server; see :func:`~napari_sam3_assistant.engines.remote.addresses.server_address`.
    token : str or None
        For servers that ask for one.
    patience_s : float
        How long a connection that was lost is tried for again before a question fails, in seconds.
    on_lost : callable or None
        Called where another model answers than before: what is kept of pictures is not its. On any thread.
    on_state : callable or None
        Told the new :attr:`state`. On any thread; must return at once.

    Raises
    ------
    EngineError
        If ``address`` is none.
    """

    def __init__(
        self,
        address: str,
        token: str | None = None,
        *,
        patience_s: float = PATIENCE_S,
        on_lost: Callable[[], None] | None = None,
        on_state: Callable[[State], None] | None = None,
    ) -> None:
        self.name, self.weights = "remote", ""
        self.capabilities = Capabilities(instead=INSTEAD, devices=("server",))
        self.address = server_address(address)
        self._dial: Callable[[], Line] = partial(dial, self.address, token, timeout_s=DIAL_S)
        self._patience_s, self._on_lost, self._on_state = patience_s, on_lost, on_state
        self._link: Link | None = None
        self._end: weakref.finalize[..., RemoteEngine] | None = None
        self._told: int | None = None

    @property
    def state(self) -> State:
        """``"connected"``, ``"connecting"`` or ``"offline"``."""
        link = self._link
        return "offline" if link is None else link.state

    @property
    def latency_s(self) -> float | None:
        """The newest round trip of a ping, in seconds; None while there is no connection."""
        link = self._link
        return None if link is None else link.latency_s

    def load(self, *, progress: Progress, cancel: CancelToken) -> None:
        """Connect, and wait until the server's model is there; see :meth:`ImageEngine.load`.

        Raises
        ------
        ServerUnreachable
            If the server does not answer.
        TokenRefused
            If it asks for another token.
        EngineError
            If it is none of ours, or its model does not work.
        """
        cancel.raise_if_cancelled()
        if self._link is None:
            self._link = Link(self._dial, patience_s=self._patience_s, on_state=self._on_state)
            self._end = weakref.finalize(self, self._link.close)
        talk = self._link.connected(cancel=cancel, progress=progress)
        if talk.number != self._told:
            self._take(self._ready(talk, progress, cancel))
            self._told = talk.number

    def encode(self, image: npt.NDArray[np.uint8], *, progress: Progress, cancel: CancelToken) -> RemotePicture:
        """Have the server make a picture ready, which is sent if it has not got it; see :meth:`ImageEngine.encode`.

        Raises
        ------
        TooLargeError
            If the picture is larger than the server takes.
        """
        store = Store(self._open())
        cancel.raise_if_cancelled()
        progress(0.0, "The server looks at the picture")
        cancel.raise_if_cancelled()
        picture = RemotePicture.of(image)
        store.make_ready(picture, progress=progress, cancel=cancel)
        progress(1.0, "The server has the picture")
        return picture

    def segment(self, embedding: Embedding, prompts: Prompts, previous: Segmentation | None = None) -> Segmentation:
        """Return the object that ``prompts`` are about; see :meth:`ImageEngine.segment`."""
        self._open()
        picture = own(embedding)
        check(prompts, self.capabilities)
        state = None if previous is None else previous.state
        before = state if isinstance(state, Refinement) and state.picture == picture.image_id else None
        asked = asked_of(prompts, picture.shape)
        if before is None and not prompts.positive and asked.box is None and asked.mask is None:
            raise PromptError("There are only negative points.", hint="Add a positive one: click on the object.")
        answer, talk = self._predicted(picture, asked, before)
        key = answer.objects[0].refinement
        kept = None if key is None else Refinement(picture.image_id, asked, before, key, talk)
        best, *others = segmentations_of((answer.objects[0], *answer.alternatives), picture.shape)
        return Segmentation(best.mask, best.score, tuple(other.mask for other in others), kept)

    def find(self, embedding: Embedding, query: Query) -> Candidates:
        """Return all that is like the examples, or that words mean; see :meth:`ImageEngine.find`.

        What scores less than 0.01 is left there.
        """
        store, picture = Store(self._open()), own(embedding)
        self._check_query(query)
        boxes = tuple(rectangle_of(one, picture.shape) for one in query.exemplars)
        shown, crop = [picture], None
        if isinstance(query.crop, CropExemplar):
            example = RemotePicture.of(query.crop.picture)
            store.make_ready(example)
            top, left, bottom, right = query.crop.box.corners
            crop = CropExample(image_id=example.image_id, x1=left, y1=top, x2=right, y2=bottom)
            shown.append(example)
        texts: tuple[TextPrompt | None, ...] = query.texts or (None,)
        found: list[Found] = []
        for text in texts:
            words = None if text is None else text.text
            message = Find(image_id=picture.image_id, text=words, exemplars=boxes, crop=crop, every=True)
            found += _candidates(store.ask(message, *shown)).objects
        return candidates_of(found, picture.shape)

    def propose(self, embedding: Embedding, places: Places) -> Candidates:
        """Return what may be an object; see :meth:`ProposingEngine.propose`."""
        store, picture = Store(self._open()), own(embedding)
        proposing(self)
        for row, col in places:
            if not (-0.5 <= row < picture.shape[0] - 0.5 and -0.5 <= col < picture.shape[1] - 0.5):
                raise PromptError("A place lies outside the image.", hint="Ask about the picture itself.")
        points = tuple(Place(x=float(col), y=float(row)) for row, col in places)
        answer = store.ask(Propose(image_id=picture.image_id, points=points), picture)
        return candidates_of(_candidates(answer).objects, picture.shape)

    def propose_in_steps(self, embedding: Embedding) -> Steps[Candidates]:
        """Return what :meth:`propose` does, in a single step: the server is asked once."""
        yield 0.0
        return self.propose(embedding, np.zeros((0, 2)))

    def start(self, query: Query | None = None) -> RemoteSession:
        """Return a session without objects, on the server; see :meth:`VideoEngine.start`."""
        link = self._open()
        video_of(self)
        limits = self.capabilities.video
        if query is not None and (limits is None or not limits.text):
            raise Unsupported("The server's engine finds nothing by words.", hint=self.capabilities.instead)
        if query is not None and (query.exemplars or query.crop is not None):
            raise Unsupported("In a film objects are found by words alone.", hint="Type a phrase, without examples.")
        return RemoteSession(link, self._open, query, self.capabilities)

    def close(self) -> None:
        """End the connection, on any thread. Later calls but :meth:`load` raise EngineError."""
        link, self._link, self._told = self._link, None, None
        end, self._end = self._end, None
        if end is not None:
            end.detach()
        if link is not None:
            link.close()

    def _ready(self, talk: Talk, progress: Progress, cancel: CancelToken) -> Welcome:
        """Return what the server says of itself once its model is there."""
        link, welcome = self._open(), talk.line.welcome
        while welcome.model == "loading":
            progress(None, LOADING)
            link.pause(LOADING_S, cancel)
            again = link.ask(HELLO, cancel=cancel, progress=progress)
            if not isinstance(again, Welcome):
                raise EngineError("The server does not say what it can do.", hint=f"Try again, {BUILTIN}")
            welcome = again
        if welcome.model in ("failed", "closed"):
            raise EngineError("The server's model could not be loaded.", hint=f"Ask who runs the server, {BUILTIN}")
        return welcome

    def _take(self, welcome: Welcome) -> None:
        told = welcome.capabilities
        if told is None:
            raise EngineError("The server does not say what it can do.", hint=INSTEAD)
        weights = f"{told.engine}:{told.weights}"
        changed = self.weights not in ("", weights)
        self.weights, self.capabilities = weights, capabilities_of(told, welcome.limits, INSTEAD)
        if changed and self._on_lost is not None:
            self._on_lost()

    def _predicted(self, picture: RemotePicture, asked: Asked, before: Refinement | None) -> tuple[Prediction, int]:
        """Return an answer, and on which connection it came."""
        link = self._open()
        store = Store(link)
        for _ in range(MOST_TIMES):
            talk = link.connected()
            key = None if before is None else self._kept(picture, before, talk)
            message = Predict(image_id=picture.image_id, prompts=asked, previous=key, multimask=True)
            answer = store.ask(message, picture)
            if isinstance(answer, Prediction) and answer.objects:
                return answer, talk.number
            if not isinstance(answer, Error) or before is None:
                break
            one: Refinement | None = before
            while one is not None:  # it is not kept there any more, nor is what is older
                one.talk, one = -1, one.before
        raise _astray()

    def _kept(self, picture: RemotePicture, wanted: Refinement, talk: Talk) -> str:
        """Return the key of what was answered before; made again, from the first answer on, where it is lost."""
        lost = []
        one: Refinement | None = wanted
        while one is not None and one.talk != talk.number:
            lost.append(one)
            one = one.before
        for again in reversed(lost):
            previous = None if again.before is None else again.before.key
            answer = Store(self._open()).ask(
                Predict(image_id=picture.image_id, prompts=again.asked, previous=previous), picture
            )
            key = answer.objects[0].refinement if isinstance(answer, Prediction) and answer.objects else None
            if key is None:
                raise EngineError("What this object was refined from is lost.", hint="Click on it once more.")
            again.key, again.talk = key, talk.number
        return wanted.key

    def _check_query(self, query: Query) -> None:
        can = self.capabilities
        for what, used, taken in (
            ("words", bool(query.texts), can.text),
            ("examples", bool(query.exemplars), can.exemplars),
            ("examples in a picture of their own", query.crop is not None, can.crops),
        ):
            if used and not taken:
                raise Unsupported(f"The server's engine takes no {what}.", hint=can.instead)

    def _open(self) -> Link:
        if self._link is None:
            raise EngineError("The server's engine is closed.", hint="Load it again.")
        return self._link


def _candidates(answer: object) -> CandidatesFound:
    if not isinstance(answer, CandidatesFound):
        raise _astray()
    return answer


def _astray() -> EngineError:
    return EngineError("The server has not answered what was asked.", hint=f"Try again, {BUILTIN}")
