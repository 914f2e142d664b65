"""The cache of embeddings: an image is encoded once, whoever asks, as long as memory allows."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from napari_sam3_assistant.core.intensity import Limits
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.engines.protocol import Embedding

MOST_BYTES = 2 * 1024**3
MOST_SHARE = 0.15
_MEMORY_IF_UNKNOWN = 8 * 1024**3


@dataclass(frozen=True, slots=True)
class EmbeddingKey:
    """What an embedding depends on.

    Attributes
    ----------
    engine, weights : str
        Name and weights of the engine.
    identity : str
        Of the source.
    version, checksum : int
        Of its pixels.
    plane : Plane
        The plane.
    channels : tuple of int or None
        Positions on the channel axis that are seen, in order of the colours.
    level : int
        Of the pyramid.
    window : Window
        In pixels of the plane, at full resolution.
    limits : Limits
        Of intensity.
    beside : str
        What is shown beside the window, as one picture with it; empty for nothing.
    """

    engine: str
    weights: str
    identity: str
    version: int
    checksum: int
    plane: Plane
    channels: tuple[int | None, ...]
    level: int
    window: Window
    limits: Limits
    beside: str = ""


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """What a cache has done so far.

    Attributes
    ----------
    hits, misses : int
        Questions for an embedding that was there, or that another one was making; and that was not.
    evictions : int
        Embeddings given up for others.
    """

    hits: int = 0
    misses: int = 0
    evictions: int = 0


@dataclass(slots=True, eq=False)
class _Flight:
    """An embedding that is being made (None if that failed); ``keep`` falls if it was dropped meanwhile."""

    made: Future[Embedding | None]
    keep: bool = True


class EmbeddingCache:
    """Embeddings by key, the least recently used given up first. Used from any thread.

    Parameters
    ----------
    most_bytes : int or None
        Memory that all embeddings together may take; None takes :func:`default_bytes`.
    """

    def __init__(self, most_bytes: int | None = None) -> None:
        self.most_bytes = default_bytes() if most_bytes is None else most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[EmbeddingKey, Embedding] = OrderedDict()
        self._flights: dict[EmbeddingKey, _Flight] = {}
        self._hits = self._misses = self._evictions = 0

    def __len__(self) -> int:
        with self._lock:
            return len(self._kept)

    def __contains__(self, key: EmbeddingKey) -> bool:
        with self._lock:
            return key in self._kept

    def holds(self, which: Callable[[EmbeddingKey], bool]) -> bool:
        """Whether there is an embedding whose key ``which`` is true of."""
        with self._lock:
            return any(map(which, self._kept))

    @property
    def counts(self) -> CacheCounts:
        """What was found, made and given up so far."""
        with self._lock:
            return CacheCounts(self._hits, self._misses, self._evictions)

    @property
    def nbytes(self) -> int:
        """Memory that the embeddings take, in bytes."""
        with self._lock:
            return self._total()

    def get(self, key: EmbeddingKey, make: Callable[[], Embedding]) -> Embedding:
        """Return the embedding of ``key``, which ``make`` makes if it is not there.

        Parameters
        ----------
        key : EmbeddingKey
        make : callable
            Called at once, on this thread. Other callers with the same key wait for its result; if it
            fails, or is cancelled, the error goes to this caller and one of those that wait makes it.

        Returns
        -------
        Embedding
            One that alone is larger than the cache may be is returned, not kept.
        """
        while True:
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    self._hits += 1
                    return self._kept[key]
                flight = self._flights.get(key)
                mine = flight is None
                if flight is None:
                    self._misses += 1
                    flight = self._flights[key] = _Flight(Future())
            if mine:
                return self._make(key, flight, make)
            made = flight.made.result()
            if made is not None:
                with self._lock:
                    self._hits += 1
                return made

    def drop(self, which: str | Callable[[EmbeddingKey], bool]) -> int:
        """Give up the embeddings of an engine, or those whose key ``which`` is true of; return how many.

        One that is being made reaches those who wait for it, and is not kept.
        """

        def matches(key: EmbeddingKey) -> bool:
            return key.engine == which if isinstance(which, str) else which(key)

        with self._lock:
            dropped = [key for key in self._kept if matches(key)]
            for key in dropped:
                del self._kept[key]
            for key in [key for key in self._flights if matches(key)]:
                # Off the list, so that who asks from now on makes a new one.
                self._flights.pop(key).keep = False
        return len(dropped)

    def clear(self) -> None:
        """Give up all embeddings."""
        self.drop(lambda key: True)

    def resize(self, most_bytes: int | None) -> None:
        """Let all embeddings together take ``most_bytes``, or what is usual (None); give up what no longer fits."""
        with self._lock:
            self.most_bytes = default_bytes() if most_bytes is None else most_bytes
            self._shrink()

    def _make(self, key: EmbeddingKey, flight: _Flight, make: Callable[[], Embedding]) -> Embedding:
        try:
            made = make()
        except BaseException:
            self._land(key, flight)
            flight.made.set_result(None)
            raise
        with self._lock:
            if flight.keep and made.nbytes <= self.most_bytes:
                self._kept[key] = made
                self._shrink()
        self._land(key, flight)
        flight.made.set_result(made)
        return made

    def _land(self, key: EmbeddingKey, flight: _Flight) -> None:
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]

    def _shrink(self) -> None:
        while self._total() > self.most_bytes:
            self._kept.popitem(last=False)
            self._evictions += 1

    def _total(self) -> int:
        return sum(embedding.nbytes for embedding in self._kept.values())


def default_bytes() -> int:
    """Return the smaller of :data:`MOST_BYTES` and :data:`MOST_SHARE` of this machine's memory."""
    return min(MOST_BYTES, int(MOST_SHARE * memory_bytes()))


def memory_bytes() -> int:
    """Return how much memory this machine has; 8 GiB where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows, or a system that does not know the names
        return _MEMORY_IF_UNKNOWN
