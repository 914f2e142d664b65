"""An engine whose embeddings stay: looked for on the disk first, and written there when they were made.

The work is done where the embedding is, in the engine's process. What is written is written on a thread of its own,
after the answer; who asks never waits for it.
"""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.core.intensity import check_image
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine
from napari_sam3_assistant.engines.store import Store, Stored
from napari_sam3_assistant.engines.storing import (
    StorableEngine,
    StoreCounts,
    StoreOptions,
    finite,
    key_of,
    storable,
)

MOST_WAITING = 2
"""So many embeddings may wait to be written, for memory's sake; one more is not kept."""
CLOSE_S = 30.0
"""How long the end of an engine waits for what is being written, in seconds."""

_log = logging.getLogger(__name__)


class Keeper:
    """Reads embeddings from a folder, and writes them there on a thread of its own, begun with the first.

    Whatever goes wrong with the folder, nothing is raised: :attr:`counts` says it, and no more is written.

    Parameters
    ----------
    options : StoreOptions
    """

    def __init__(self, options: StoreOptions) -> None:
        self._store = Store(options)
        self._lock = threading.Lock()
        self._counts = StoreCounts()
        self._waiting: queue.Queue[tuple[str, Stored] | None] = queue.Queue(MOST_WAITING)
        self._writer: threading.Thread | None = None
        self._ending = False
        try:
            self._store.check()
        except AssistantError as error:
            self._stop(error)

    @property
    def counts(self) -> StoreCounts:
        """What came of it so far. Callable from any thread."""
        with self._lock:
            return self._counts

    def holds(self, key: str) -> bool:
        """Whether there is a file of this key; nothing of it is read."""
        return key in self._store

    def find(self, key: str, engine: StorableEngine) -> Embedding | None:
        """Return the embedding of a key, on the engine's device; None where there is none that can be used."""
        kept = self._store.read(key)
        if kept is None:
            return None
        try:
            found = engine.unpack(kept.arrays, kept.shape)
        except (ValueError, TypeError, LookupError) as error:  # written by a defect, or by somebody else
            self._store.drop(key, f"{type(error).__name__}: {error}")
            return None
        self._count(found=1)
        return found

    def keep(self, key: str, engine: StorableEngine, made: Embedding, *, wait: bool = False) -> None:
        """Have an embedding written; with ``wait``, where others wait already, not before one of them is."""
        self._count(encoded=1)
        if self.counts.problem is not None:
            return
        try:
            arrays = engine.pack(made)
        except Exception as error:  # it is made, and who asked for it shall have it
            self._fail(error)
            return
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_all, name="embeddings", daemon=True)
            self._writer.start()
        try:
            self._waiting.put((key, Stored(arrays, made.shape)), block=wait)
        except queue.Full:
            _log.info("An embedding is not kept: the disk is slower than the engine.")

    def close(self, patience_s: float = CLOSE_S) -> None:
        """Wait until all is written, or for so long; what is half written then is lost. Callable by any thread."""
        with self._lock:
            writer, ending, self._ending = self._writer, self._ending, True
        if writer is not None:
            try:
                if not ending:
                    self._waiting.put(None, timeout=patience_s)
                writer.join(patience_s)
            except queue.Full:
                _log.warning("Embeddings are still being written; they are given up.")
        with self._lock:
            self._writer, self._ending = None, False

    def _write_all(self) -> None:
        while (one := self._waiting.get()) is not None:
            if self.counts.problem is None:
                self._write(*one)

    def _write(self, key: str, embedding: Stored) -> None:
        if not finite(embedding.arrays):
            _log.warning("An embedding is not kept: it holds what is no number.")
            return
        try:
            if self._store.write(key, embedding):
                self._count(written=1)
        except OSError as error:
            self._stop(self._store.problem(error))
        except Exception as error:  # nobody waits for this thread, and the next embedding would fail as well
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        _log.exception("An embedding could not be written.")
        self._stop(
            AssistantError(
                f"Embeddings are not kept: writing them failed ({type(error).__name__}).",
                hint="Update zarr where the engine runs. Work goes on without.",
            )
        )

    def _stop(self, problem: AssistantError) -> None:
        with self._lock:
            self._counts = replace(self._counts, problem=problem)

    def _count(self, *, found: int = 0, encoded: int = 0, written: int = 0) -> None:
        with self._lock:
            now = self._counts
            self._counts = replace(
                now, found=now.found + found, encoded=now.encoded + encoded, written=now.written + written
            )


def encode_through(
    keeper: Keeper | None,
    engine: ImageEngine,
    image: npt.NDArray[np.uint8],
    *,
    progress: Progress,
    cancel: CancelToken,
    wait: bool = False,
) -> Embedding:
    """Return the embedding of an image: read from the disk where it is there, else made, and written there later.

    Parameters
    ----------
    keeper : Keeper or None
        None encodes, and keeps nothing; as for an engine that cannot be stored.
    engine : ImageEngine
    image : ndarray of shape (H, W, 3), uint8
    progress, cancel
        Of the job.
    wait : bool
        Whether every embedding has to be written, though the disk be slower than the engine.

    Raises
    ------
    AssistantError
        As :meth:`ImageEngine.encode`; never because of the disk.
    """
    able = storable(engine)
    if keeper is None or able is None:
        return engine.encode(image, progress=progress, cancel=cancel)
    check_image(image)
    key = key_of(engine.name, engine.weights, image)
    found = keeper.find(key, able)
    if found is not None:
        progress(1.0, "Read from disk")
        return found
    made = engine.encode(image, progress=progress, cancel=cancel)
    keeper.keep(key, able, made, wait=wait)
    return made


class StoredEngine:
    """Passes all on to an engine but what it encodes: that is looked for on the disk first.

    Parameters
    ----------
    engine : ImageEngine
    options : StoreOptions
    wait : bool
        See :func:`encode_through`.
    """

    def __init__(self, engine: ImageEngine, options: StoreOptions, *, wait: bool = False) -> None:
        self._engine, self._keeper, self._wait = engine, Keeper(options), wait

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    @property
    def bare(self) -> ImageEngine:
        """The engine itself, of whose answers nothing is kept."""
        return self._engine

    @property
    def stored(self) -> StoreCounts:
        """What came of keeping embeddings so far. Callable from any thread."""
        return self._keeper.counts

    def holds(self, image: npt.NDArray[np.uint8]) -> bool:
        """Whether the embedding of an image is on the disk, as far as can be told without reading it."""
        check_image(image)
        return self._keeper.holds(key_of(self._engine.name, self._engine.weights, image))

    def encode(self, image: npt.NDArray[np.uint8], *, progress: Progress, cancel: CancelToken) -> Embedding:
        """Return the embedding of an image; see :func:`encode_through`."""
        cancel.raise_if_cancelled()
        return encode_through(self._keeper, self._engine, image, progress=progress, cancel=cancel, wait=self._wait)

    def finish(self) -> None:
        """Wait for what is being written."""
        self._keeper.close()

    def close(self) -> None:
        """Close the engine, and wait for what is being written."""
        try:
            self._engine.close()
        finally:
            self.finish()


def counts_of(engine: ImageEngine) -> StoreCounts | None:
    """Return what came of keeping an engine's embeddings so far; None of one whose embeddings do not stay."""
    return engine.stored if isinstance(engine, StoredEngine) else None


def stored(engine: ImageEngine, options: StoreOptions | None, *, wait: bool = False) -> ImageEngine:
    """Return an engine whose embeddings stay; the engine itself without ``options``, or where it cannot be stored."""
    if options is None or storable(engine) is None:
        return engine
    return cast(ImageEngine, StoredEngine(engine, options, wait=wait))


def bare(engine: ImageEngine) -> ImageEngine:
    """Return the engine itself, for what is not to be kept: it then encodes as if there were no folder."""
    return engine.bare if isinstance(engine, StoredEngine) else engine


def finish(engine: ImageEngine | None) -> None:
    """Wait until what is to be kept of an engine's embeddings is written, :data:`CLOSE_S` at most. From any thread."""
    if isinstance(engine, StoredEngine):
        engine.finish()
