"""What a process has once: the scheduler, the cache of embeddings, the engines.

It is counted: the last one that lets go ends the threads and closes the engines.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from psygnal import Signal

from napari_sam3_assistant.app.loaded import Loaded
from napari_sam3_assistant.app.preferences import Preferences
from napari_sam3_assistant.core.errors import Cancelled
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.devices import AUTO
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import Capabilities, ImageEngine
from napari_sam3_assistant.tasks.jobs import Job, Kind
from napari_sam3_assistant.tasks.scheduler import Scheduler
from napari_sam3_assistant.tasks.session import EngineHandle, ImageSession

CLOSE_TIMEOUT_S = 1.0
SESSION = "runtime"


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """An engine, and the model folder and the device that it was made for."""

    engine: Loaded
    folder: Path | None
    device: str

    def serves(self, folder: Path | None, device: str) -> bool:
        """Whether it is what is wanted."""
        return (self.folder, self.device) == (folder, device)


class Runtime:
    """Engines and the threads they run on."""

    changed = Signal(str)
    """Emitted on any thread, with the name of an engine that has been loaded, or is loaded no longer."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self.embeddings = EmbeddingCache()
        self.preferences = Preferences()
        self._engines: dict[str, _Made] = {}
        self._lock = threading.Lock()
        self._closed = False

    def handle(self, name: str, folder: Path | None = None, device: str = AUTO) -> EngineHandle:
        """Return a handle of engine ``name``, which is made when a worker first needs it.

        Parameters
        ----------
        name : str
            As in the registry.
        folder : Path or None
            The model folder, for an engine that has one. An engine of this name that was made for another
            folder is closed first: there is never more than one in memory.
        device : str
            Where an engine with a model runs: ``"auto"``, ``"cuda"``, ``"mps"`` or ``"cpu"``. One that was made
            for another device is closed first too.
        """

        def get() -> ImageEngine:
            made = self._made(name)
            if made is not None and made.serves(folder, device):
                return cast(ImageEngine, made.engine)
            if made is not None:
                self._close(name)
            # On this engine's only worker: nobody else makes it meanwhile.
            return cast(ImageEngine, self._make(name, folder, device))

        def loaded() -> ImageEngine | None:
            made = self._made(name)
            there = made is not None and made.serves(folder, device) and made.engine.ready
            return cast(ImageEngine, made.engine) if made is not None and there else None

        return EngineHandle(name, get, slow=folder is not None, loaded=loaded)

    def session(self, name: str) -> ImageSession:
        """Return a new session that asks engine ``name``."""
        return ImageSession(self.scheduler, self.embeddings, self.handle(name))

    def loaded(self, name: str) -> Capabilities | None:
        """Return what engine ``name`` says that it can do, or None if it is not loaded. Callable from any thread."""
        made = self._made(name)
        return made.engine.capabilities if made is not None and made.engine.ready else None

    def unload(self, name: str) -> Future[None]:
        """Give back the memory of engine ``name`` when what it does now is done; the next question loads it again.

        Never waits; the future says when it is done. One that has taken its place meanwhile stays.
        """
        made = self._made(name)
        if made is None:
            nothing: Future[None] = Future()
            nothing.set_result(None)
            return nothing

        def run(progress: Progress, cancel: CancelToken) -> None:
            if self._made(name) is made:
                self._close(name)

        return self.scheduler.submit(Job(name, run), session=SESSION, kind=Kind.DECODE, key=("unload", name))

    def end(self, name: str) -> None:
        """End the process of engine ``name`` though it works: what was asked of it fails. Never waits."""
        made = self._made(name)
        if made is None:
            return

        def run(progress: Progress, cancel: CancelToken) -> None:
            made.engine.close()
            self.embeddings.drop(name)

        self.scheduler.submit(Job(f"end-{name}", run), session=SESSION, kind=Kind.DECODE)

    def close(self) -> None:
        """End every thread and close every engine."""
        with self._lock:
            self._closed = True
            engines, self._engines = list(self._engines.values()), {}
        for made in engines:
            self.scheduler.close_engine(made.engine.name, made.engine.close, timeout=CLOSE_TIMEOUT_S)
        self.scheduler.close(timeout=CLOSE_TIMEOUT_S)
        self.embeddings.clear()

    def _made(self, name: str) -> _Made | None:
        with self._lock:
            return self._engines.get(name)

    def _make(self, name: str, folder: Path | None, device: str) -> Loaded:
        """Make an engine, on its worker's thread: one with a model in a process of its own, the others here."""
        if folder is None:
            engine = Loaded(registry.create(name), lambda: self.changed.emit(name))
        else:
            hosted = registry.host(name, on_lost=lambda: self._lost(name), folder=folder, device=device)
            engine = Loaded(cast(ImageEngine, hosted), lambda: self.changed.emit(name))
        with self._lock:
            closed = self._closed
            if not closed:
                self._engines[name] = _Made(engine, folder, device)
        if closed:
            engine.close()
            raise Cancelled
        return engine

    def _lost(self, name: str) -> None:
        """Give up what the process of an engine took with it. Callable from any thread."""
        self.embeddings.drop(name)
        made = self._made(name)
        if made is not None:
            made.engine.lost()

    def _close(self, name: str) -> None:
        """Close an engine, on its worker's thread, and give up its embeddings."""
        with self._lock:
            made = self._engines.pop(name, None)
        self.embeddings.drop(name)
        if made is not None:
            made.engine.close()


_lock = threading.Lock()
_runtime: Runtime | None = None
_users = 0


def acquire() -> Runtime:
    """Return the process's runtime, made for the first one that asks. Each call is paired with :func:`release`."""
    global _runtime, _users
    with _lock:
        if _runtime is None:
            _runtime = Runtime()
        _users += 1
        return _runtime


def prefer(preferences: Preferences) -> None:
    """Follow what the user has set once; without a runtime there is nothing to do."""
    with _lock:
        runtime = _runtime
    if runtime is not None:
        runtime.preferences = preferences
        runtime.embeddings.resize(preferences.cache_bytes)


def release() -> None:
    """Let go of the runtime; the last one ends it."""
    global _runtime, _users
    with _lock:
        _users -= 1
        ended = _runtime if _users == 0 else None
        if ended is not None:
            _runtime = None
    if ended is not None:
        ended.close()
