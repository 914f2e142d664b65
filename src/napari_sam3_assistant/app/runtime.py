"""What a process has once: the scheduler, the cache of embeddings, the engines.

It is counted: the last one that lets go ends the threads and closes the engines.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from psygnal import Signal

from napari_sam3_assistant.app import tokens
from napari_sam3_assistant.app.loaded import Loaded
from napari_sam3_assistant.app.preferences import Preferences
from napari_sam3_assistant.app.server_state import Link
from napari_sam3_assistant.core.errors import Cancelled
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.devices import AUTO
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.interpreters import check_meta
from napari_sam3_assistant.engines.protocol import Capabilities, ImageEngine
from napari_sam3_assistant.tasks.jobs import Job, Kind
from napari_sam3_assistant.tasks.scheduler import Scheduler
from napari_sam3_assistant.tasks.session import EngineHandle, ImageSession

CLOSE_TIMEOUT_S = 1.0
SESSION = "runtime"
CONNECTED = Link.CONNECTED.value


class Linked(Protocol):
    """An engine on a server. Read on any thread."""

    @property
    def state(self) -> str:
        """``connected``, ``connecting`` or ``offline``."""

    @property
    def latency_s(self) -> float | None:
        """The newest round trip, in seconds."""


@dataclass(frozen=True, slots=True)
class _Target:
    """What an engine is made for: a model folder and a device, or the address of a server.

    Of Meta's package also the Python that runs it (empty for this one), and whether it says what it does.
    """

    folder: Path | None
    device: str
    server: str
    interpreter: str = ""
    diagnostics: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """An engine, and what it was made for; on a server, how one stands with that, and whose token it has."""

    engine: Loaded
    target: _Target
    turn: int
    link: Linked | None = None

    def serves(self, target: _Target) -> bool:
        """Whether it is what is wanted, and has the token that was told last."""
        return self.target == target and self.turn == tokens.turn(target.server)


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

    def handle(
        self,
        name: str,
        folder: Path | None = None,
        device: str = AUTO,
        *,
        server: str = "",
        interpreter: str = "",
        diagnostics: bool = False,
    ) -> EngineHandle:
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
        server : str
            The address of the server that it lives on, for one that is not here; as with folders.
        interpreter : str
            The Python that runs it, for one that is not to run in this one; as with folders.
        diagnostics : bool
            Whether it says what it does, for one that can.
        """
        target = _Target(folder, device, server, interpreter, diagnostics)

        def get() -> ImageEngine:
            made = self._made(name)
            if made is not None and made.serves(target):
                return cast(ImageEngine, made.engine)
            if made is not None:
                self._close(name)
            # On this engine's only worker: nobody else makes it meanwhile.
            return cast(ImageEngine, self._make(name, target))

        def loaded() -> ImageEngine | None:
            made = self._made(name)
            there = made is not None and made.serves(target) and made.engine.ready
            return cast(ImageEngine, made.engine) if made is not None and there else None

        return EngineHandle(name, get, slow=folder is not None or bool(server), loaded=loaded)

    def session(self, name: str) -> ImageSession:
        """Return a new session that asks engine ``name``."""
        return ImageSession(self.scheduler, self.embeddings, self.handle(name))

    def loaded(self, name: str) -> Capabilities | None:
        """Return what engine ``name`` says that it can do, or None if it is not loaded. Callable from any thread."""
        made = self._made(name)
        return made.engine.capabilities if made is not None and made.engine.ready else None

    def link(self, name: str) -> tuple[str, float | None] | None:
        """Return how one stands with the server of engine ``name``, and the newest round trip in seconds.

        None where it was not made yet, or is not on a server. Callable from any thread; never waits.
        """
        made = self._made(name)
        return None if made is None or made.link is None else (made.link.state, made.link.latency_s)

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

    def _make(self, name: str, target: _Target) -> Loaded:
        """Make an engine, on its worker's thread."""
        turn, made = tokens.turn(target.server), self._create(name, target)
        engine = Loaded(made, lambda: self.changed.emit(name))
        link = cast(Linked, made) if target.server else None
        with self._lock:
            closed = self._closed
            if not closed:
                self._engines[name] = _Made(engine, target, turn, link)
        if closed:
            engine.close()
            raise Cancelled
        return engine

    def _create(self, name: str, target: _Target) -> ImageEngine:
        """Return a new engine: on a server, one with a model in a process of its own, the others here."""
        if target.server:
            return registry.create(
                name,
                address=target.server,
                token=tokens.find(target.server),
                on_lost=lambda: self._lost(name),
                on_state=lambda state: self._stands(name, state),
            )
        if target.folder is None:
            return registry.create(name)
        if target.interpreter:
            check_meta(target.interpreter)
        options: dict[str, object] = {"folder": target.folder, "device": target.device}
        if target.diagnostics:
            options["diagnostics"] = True
        hosted = registry.host(name, interpreter=target.interpreter, on_lost=lambda: self._lost(name), **options)
        return cast(ImageEngine, hosted)

    def _lost(self, name: str) -> None:
        """Give up what the process of an engine took with it. Callable from any thread."""
        self.embeddings.drop(name)
        made = self._made(name)
        if made is not None:
            made.engine.lost()

    def _stands(self, name: str, state: str) -> None:
        """Note how one stands with a server: it is not waited for while it is away. Callable from any thread."""
        made = self._made(name)
        if made is not None and state == CONNECTED:
            made.engine.back()
        elif made is not None:
            made.engine.lost()
        self.changed.emit(name)

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
