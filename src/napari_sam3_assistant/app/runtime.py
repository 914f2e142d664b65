"""What a process has once: the scheduler, the cache of embeddings, the engines.

It is counted: the last one that lets go ends the threads and closes the engines.
"""

from __future__ import annotations

import threading

from napari_sam3_assistant.app.preferences import Preferences
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.tasks.scheduler import Scheduler
from napari_sam3_assistant.tasks.session import EngineHandle, ImageSession

CLOSE_TIMEOUT_S = 1.0


class Runtime:
    """Engines and the threads they run on."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self.embeddings = EmbeddingCache()
        self._engines: dict[str, ImageEngine] = {}
        self._lock = threading.Lock()

    def handle(self, name: str) -> EngineHandle:
        """Return a handle of engine ``name``, which is made when a worker first needs it."""

        def get() -> ImageEngine:
            with self._lock:
                engine = self._engines.get(name)
            if engine is None:  # made by this engine's only worker: nobody else makes it meanwhile
                engine = registry.create(name)
                with self._lock:
                    self._engines[name] = engine
            return engine

        return EngineHandle(name, get)

    def session(self, name: str) -> ImageSession:
        """Return a new session that asks engine ``name``."""
        return ImageSession(self.scheduler, self.embeddings, self.handle(name))

    def close(self) -> None:
        """End every thread and close every engine."""
        with self._lock:
            engines, self._engines = list(self._engines.values()), {}
        for engine in engines:
            self.scheduler.close_engine(engine.name, engine.close, timeout=CLOSE_TIMEOUT_S)
        self.scheduler.close(timeout=CLOSE_TIMEOUT_S)
        self.embeddings.clear()


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
