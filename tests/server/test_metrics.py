"""What Prometheus is told: counted over real sockets and requests."""

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from napari_sam3_assistant.server.metrics import Metrics, gpu_memory
from tests.server.conftest import until
from tests.server.pictures import SQUARES
from tests.server.stub import StubEngine


def numbers(server) -> dict:
    """Return all samples: ``{(name, *labels): value}``."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = answer.read().decode()
    return {
        (sample.name.removeprefix("napari_sam3_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_click_is_counted_and_timed(serving):
    with serving() as server:
        with server.client() as client:
            client.ask("init", image=SQUARES)
            client.ask("click", x=30, y=40)
            client.receive()
            client.ask("click", x=30, y=4000)
            now = numbers(server)
        until(lambda: numbers(server)["sessions",] == 0)
        left = numbers(server)

    assert (now["sessions",], now["connections",]) == (1, 1)
    assert (left["sessions",], left["connections",]) == (0, 0)
    assert (now["messages_total", "init"], now["messages_total", "click"]) == (1, 2)
    assert now["errors_total", "out_of_bounds"] == 1
    assert (now["encode_seconds_count",], now["decode_seconds_count",]) == (1, 1)
    assert now["queue_seconds_count",] >= 2 and now["mask_seconds_count",] == 1
    assert now["cache_embeddings",] == 1 and now["cache_bytes",] > 0 and now["pictures",] == 1
    assert (now["cache_misses_total",], now["cache_evictions_total",]) == (1, 0)
    assert now["ready",] == 1 and now["backlog",] == 0


def test_what_is_not_let_in_is_counted_by_its_reason(serving):
    with serving() as server:
        for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
            request = urllib.request.Request(f"{server.url}/", headers=headers)
            try:
                urllib.request.urlopen(request, timeout=10)
            except urllib.error.HTTPError as refused:
                refused.close()
        now = numbers(server)

    assert (now["refused_total", "host"], now["refused_total", "origin"]) == (1, 1)


def test_requests_are_counted_by_route_and_not_by_what_was_asked_for(serving):
    with serving() as server:
        for path in ("/healthz", "/a", "/b"):
            try:
                urllib.request.urlopen(f"{server.url}{path}", timeout=10).close()
            except urllib.error.HTTPError as refused:
                refused.close()
        now = numbers(server)

    assert now["requests_total", "/healthz", "200"] == 1
    assert now["requests_total", "other", "404"] == 2


def test_what_the_engine_fails_with_is_counted(serving):
    def fail(what):
        if what == "segment":
            raise ValueError("broken")

    with serving(StubEngine(fail=fail)) as server, server.client() as client:
        client.ask("init", image=SQUARES)
        client.ask("click", x=30, y=40)
        assert client.receive()["code"] == "inference_failed"
        now = numbers(server)

    assert now["engine_failures_total", "inference_failed"] == now["errors_total", "inference_failed"] == 1


def test_two_servers_of_a_process_count_for_themselves():
    one, other = Metrics(("click",)), Metrics(("click",))

    one.message("click")
    one.message("a type of nobody's")

    assert b'messages_total{type="click"} 1.0' in one.text()
    assert b'messages_total{type="unknown"} 1.0' in one.text()
    assert b'messages_total{type="click"}' not in other.text()


def test_without_torch_no_memory_of_a_gpu_is_taken(monkeypatch):
    monkeypatch.delitem(__import__("sys").modules, "torch", raising=False)

    assert gpu_memory() == 0
