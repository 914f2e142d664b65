"""What is counted and timed, for Prometheus. A registry a server, so that two servers of a process do not mix."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from napari_sam3_assistant import __version__

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Buckets of all times: from a click of the built-in engine to a picture that a CPU reads with SAM3."""
UNKNOWN = "unknown"


class Metrics:
    """Counts and times of one server. Its verbs are cheap, and may be called on any thread.

    Parameters
    ----------
    types : iterable of str
        The types of messages there are; what else a client sends is counted as ``unknown``, so that nobody can make
        as many series as he likes.
    """

    def __init__(self, types: Iterable[str]) -> None:
        self.registry = CollectorRegistry()
        self._types = frozenset(types)
        self._gauge("info", "What runs.", labels=("version",)).labels(__version__).set(1)
        self._connections = self._gauge("connections", "WebSockets that are open.")
        self._messages = self._counter("messages", "Messages of clients, by type.", ("type",))
        self._errors = self._counter("errors", "Errors that clients were told, by code.", ("code",))
        self._refused = self._counter("refused", "Requests and connections not let in, by reason.", ("reason",))
        self._requests = self._counter("requests", "Requests to segment, by path and status.", ("path", "status"))
        self._queue = self._histogram("queue_seconds", "How long a question waited for the engine, by kind.", ("kind",))
        self._work = self._histogram("engine_seconds", "How long the engine took, by kind.", ("kind",))
        self._mask = self._histogram("mask_seconds", "How long it took to write a mask.")
        self._gauge("gpu_memory_bytes", "Memory of the GPU that tensors take.").set_function(gpu_memory)

    def connected(self) -> None:
        """Count a WebSocket that was opened."""
        self._connections.inc()

    def disconnected(self) -> None:
        """Count it off."""
        self._connections.dec()

    def message(self, type: str) -> None:
        """Count a message of a client."""
        self._messages.labels(type if type in self._types else UNKNOWN).inc()

    def error(self, code: str) -> None:
        """Count an error that a client is told; codes are those of ``wire.refusals.KINDS``."""
        self._errors.labels(code).inc()

    def refused(self, reason: str) -> None:
        """Count what is not let in: ``host``, ``origin``, ``token``, ``content_type``, ``full``, ``draining``."""
        self._refused.labels(reason).inc()

    def request(self, path: str, status: int) -> None:
        """Count a request; ``path`` is that of its route."""
        self._requests.labels(path, str(status)).inc()

    def waited(self, kind: str, seconds: float) -> None:
        """Time how long a question of ``kind`` (``encode``, ``decode`` or ``batch``) waited."""
        self._queue.labels(kind).observe(seconds)

    def worked(self, kind: str, seconds: float) -> None:
        """Time how long the engine took for it."""
        self._work.labels(kind).observe(seconds)

    def mask(self, seconds: float) -> None:
        """Time how long a mask took to write."""
        self._mask.observe(seconds)

    def watch(self, name: str, help: str, value: Callable[[], float]) -> None:
        """Show a number as it is whenever somebody looks: ``napari_sam3_<name>``."""
        self._gauge(name, help).set_function(value)

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self.registry)

    def _counter(self, name: str, help: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(name, help, labels, namespace="napari_sam3", registry=self.registry)

    def _gauge(self, name: str, help: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(name, help, labels, namespace="napari_sam3", registry=self.registry)

    def _histogram(self, name: str, help: str, labels: tuple[str, ...] = ()) -> Histogram:
        return Histogram(name, help, labels, namespace="napari_sam3", registry=self.registry, buckets=SECONDS)


def gpu_memory() -> float:
    """Return the bytes that torch has taken on the GPU; 0 where no engine has loaded torch, or there is no GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0.0
    return float(torch.cuda.memory_allocated())
