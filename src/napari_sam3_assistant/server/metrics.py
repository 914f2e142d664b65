"""What is counted and timed, for Prometheus. A registry a server, so that two servers of a process do not mix."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from napari_sam3_assistant import __version__
from napari_sam3_assistant.server.model.inference import Inference
from napari_sam3_assistant.server.socket.admission import Sessions

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Buckets of all times: from a click of the built-in engine to a picture that a CPU reads with SAM3."""
PREFIX = "napari_sam3"
UNKNOWN = "unknown"


class Metrics:
    """Counts and times of one server: the ``Observer`` of its inference, and who else has something to count.

    Its verbs are cheap, and may be called on any thread.

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
        self._requests = self._counter("requests", "Requests, by path and status.", ("path", "status"))
        self._queue = self._histogram("queue_seconds", "How long a question waited for the engine.")
        self._encode = self._histogram("encode_seconds", "How long the engine took to read a picture.")
        self._decode = self._histogram("decode_seconds", "How long it took to answer a question about one.")
        self._frames = self._counter("frames", "Frames onto which objects were followed.")
        self._failures = self._counter("engine_failures", "Questions that were not answered, by code.", ("code",))
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
        """Count a request that was answered; ``path`` is that of its route."""
        self._requests.labels(path, str(status)).inc()

    def waited(self, seconds: float) -> None:
        """Time how long a question waited for the engine's thread."""
        self._queue.observe(seconds)

    def encoded(self, seconds: float) -> None:
        """Time how long the engine took to read a picture."""
        self._encode.observe(seconds)

    def decoded(self, seconds: float) -> None:
        """Time how long it took to answer a question about a picture it has read."""
        self._decode.observe(seconds)

    def followed(self) -> None:
        """Count a frame onto which objects were followed."""
        self._frames.inc()

    def failed(self, code: str) -> None:
        """Count a question that was not answered."""
        self._failures.labels(code).inc()

    def mask(self, seconds: float) -> None:
        """Time how long a mask took to write."""
        self._mask.observe(seconds)

    def watch(self, inference: Inference, sessions: Sessions) -> None:
        """Show, whenever somebody looks, who is connected, what waits, and what is kept."""
        self._gauge("sessions", "Sessions.").set_function(lambda: len(sessions))
        self._gauge("backlog", "Questions that wait for the engine.").set_function(lambda: inference.backlog)
        self._gauge("ready", "1 while the engine takes questions.").set_function(lambda: inference.state == "ready")
        self.registry.register(_Cache(inference))

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self.registry)

    def _counter(self, name: str, help: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(name, help, labels, namespace=PREFIX, registry=self.registry)

    def _gauge(self, name: str, help: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(name, help, labels, namespace=PREFIX, registry=self.registry)

    def _histogram(self, name: str, help: str, labels: tuple[str, ...] = ()) -> Histogram:
        return Histogram(name, help, labels, namespace=PREFIX, registry=self.registry, buckets=SECONDS)


class _Cache(Collector):
    """Shows what an inference keeps."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference

    def collect(self) -> Iterator[Metric]:
        """Return the numbers of this moment."""
        kept = self._inference.kept
        now = (
            ("cache_bytes", "Memory of pictures as the engine has read them.", kept.embedding_bytes),
            ("cache_embeddings", "Pictures that need not be read again.", kept.embeddings),
            ("picture_bytes", "Memory of the pixels of pictures.", kept.picture_bytes),
            ("pictures", "Pictures whose pixels are kept.", kept.pictures),
        )
        so_far = (
            ("cache_hits", "Questions about a picture that was read before.", kept.hits),
            ("cache_misses", "Questions for which a picture was read.", kept.misses),
            ("cache_evictions", "Pictures given up for want of memory.", kept.evictions),
        )
        for name, help, value in now:
            yield GaugeMetricFamily(f"{PREFIX}_{name}", help, value)
        for name, help, value in so_far:
            yield CounterMetricFamily(f"{PREFIX}_{name}", help, value)


def gpu_memory() -> float:
    """Return the bytes that torch has taken on the GPU; 0 where no engine has loaded torch, or there is no GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0.0
    return float(torch.cuda.memory_allocated())
