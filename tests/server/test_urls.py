"""Pictures named by URL, read from real servers of this machine, and what may not be reached."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import pytest

from napari_sam3_assistant.server.rest import urls
from napari_sam3_assistant.server.rest.problems import BAD_URL, Problem
from napari_sam3_assistant.server.rest.routes import url_reader
from napari_sam3_assistant.server.rest.urls import UrlReader, is_elsewhere, is_public
from tests.server.stub import StubEngine
from tests.server.test_rest import BOX, PNG, Reader, client_of, masks_of

FIELDS = {
    "text": {"text": "x"},
    "box": BOX,
    "points": {"points_x": [30], "points_y": [30], "labels": [1]},
    "auto": {"points_per_side": 4},
}


@dataclass
class Elsewhere:
    """A server of pictures, and what it was asked."""

    port: int
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.elsewhere.asked.append((self.path, dict(self.headers)))
        answer = getattr(self, self.path.strip("/").split("?")[0].replace(".", "_"), None)
        try:
            answer() if answer is not None else self.send_error(404)
        except OSError:  # the reader has had enough
            self.close_connection = True

    def picture_png(self) -> None:
        self.head(200, ("Content-Length", str(len(PNG))), ("Set-Cookie", "a=b"))
        self.wfile.write(PNG)

    def text(self) -> None:
        self.head(200, ("Content-Length", "5"))
        self.wfile.write(b"hello")

    def moved(self) -> None:
        self.head(302, ("Location", "/picture.png"), ("Content-Length", "0"))

    def nothing(self) -> None:
        self.head(204)

    def endless(self) -> None:
        self.head(200, ("Connection", "close"))
        while True:
            self.wfile.write(bytes(65536))

    def large(self) -> None:
        self.head(200, ("Content-Length", str(50 * 2**20)))
        self.wfile.write(bytes(1000))

    def slow(self) -> None:
        self.head(200, ("Content-Length", "1000"))
        for _ in range(1000):
            self.wfile.write(b"x")
            time.sleep(0.05)

    def packed(self) -> None:
        self.head(200, ("Content-Encoding", "gzip"), ("Content-Length", str(len(PNG))))
        self.wfile.write(PNG)

    def broken(self) -> None:
        self.head(200, ("Content-Length", "1000"))
        self.wfile.write(b"x")
        self.close_connection = True

    def head(self, status: int, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args) -> None:
        logging.getLogger(__name__).debug("%s", args)


@pytest.fixture(scope="module")
def elsewhere():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.elsewhere = Elsewhere(server.server_port)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.elsewhere
        server.shutdown()
        thread.join(10)


def read(url: str, most: int = 2**20, **options) -> bytes:
    options.setdefault("allowed", lambda address: address.is_loopback)
    return asyncio.run(UrlReader(most, **options).read(url))


def refused(url: str, **options) -> Problem:
    with pytest.raises(Problem) as caught:
        read(url, **options)
    return caught.value


def answers(*addresses: str):
    """Return a resolver that answers always the same, and counts."""

    async def resolve(host: str, port: int):
        resolve.asked.append((host, port))
        return [ip_address(one) for one in addresses]

    resolve.asked = []
    return resolve


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.192",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_addresses_of_this_machine_and_its_neighbours_are_not_public(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450::1"])
def test_addresses_of_the_internet_are_public(address):
    assert is_public(ip_address(address))


def test_a_picture_is_read(elsewhere):
    assert read(f"{elsewhere.url}/picture.png?size=large#part") == PNG
    path, headers = elsewhere.asked[-1]
    assert path == "/picture.png?size=large"
    assert headers["Host"] == f"127.0.0.1:{elsewhere.port}"
    assert "Cookie" not in headers and "Authorization" not in headers


def test_a_name_is_resolved_once_and_the_address_that_was_looked_at_is_asked(elsewhere):
    resolve = answers("127.0.0.1")

    data = read(f"http://pictures.example:{elsewhere.port}/picture.png", resolve=resolve)

    assert data == PNG
    assert resolve.asked == [("pictures.example", elsewhere.port)]
    assert elsewhere.asked[-1][1]["Host"] == f"pictures.example:{elsewhere.port}"


@pytest.mark.parametrize(
    "addresses", [("10.0.0.1",), ("127.0.0.1",), ("8.8.8.8", "192.168.0.1"), ("::ffff:127.0.0.1",), ()]
)
def test_a_name_that_leads_inside_is_refused_without_a_connection(elsewhere, addresses):
    before = len(elsewhere.asked)

    problem = refused(
        f"http://pictures.example:{elsewhere.port}/picture.png", allowed=is_public, resolve=answers(*addresses)
    )

    assert (problem.status_code, problem.detail) == (400, BAD_URL)
    assert len(elsewhere.asked) == before


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0"])
def test_this_machine_by_any_spelling_is_refused(elsewhere, host):
    before = len(elsewhere.asked)

    problem = refused(f"http://{host}:{elsewhere.port}/picture.png", allowed=is_elsewhere)

    assert problem.detail == BAD_URL
    assert len(elsewhere.asked) == before


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("missing", 400, "Failed to download image from URL. Status code: 404"),
        ("moved", 400, "Failed to download image from URL. Status code: 302"),
        ("nothing", 400, "Failed to download image from URL. Status code: 204"),
        ("large", 400, "Image too large (50.0 MB). Maximum size is 1MB."),
        ("broken", 400, BAD_URL),
    ],
)
def test_what_cannot_be_downloaded_is_told(elsewhere, path, status, detail):
    problem = refused(f"{elsewhere.url}/{path}")

    assert (problem.status_code, problem.detail) == (status, detail)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_this_machine_is_refused_though_its_address_is_public(elsewhere, monkeypatch, address):
    monkeypatch.setattr(urls, "is_public", lambda address: True)
    before = len(elsewhere.asked)

    problem = refused(
        f"http://pictures.example:{elsewhere.port}/picture.png", allowed=is_elsewhere, resolve=answers(address)
    )

    assert problem.detail == BAD_URL
    assert len(elsewhere.asked) == before


def test_an_address_of_the_internet_is_elsewhere():
    assert is_elsewhere(ip_address("8.8.8.8"))
    assert is_elsewhere(ip_address("2606:4700:4700::1111"))


def test_one_address_that_may_not_be_reached_spoils_a_name(elsewhere):
    before = len(elsewhere.asked)

    problem = refused(
        f"http://pictures.example:{elsewhere.port}/picture.png", resolve=answers("127.0.0.1", "192.168.0.1")
    )

    assert problem.detail == BAD_URL
    assert len(elsewhere.asked) == before


def test_redirects_are_not_followed(elsewhere):
    refused(f"{elsewhere.url}/moved")

    assert elsewhere.asked[-1][0] == "/moved"


def test_a_file_that_never_ends_is_cut_off(elsewhere):
    problem = refused(f"{elsewhere.url}/endless")

    assert problem.detail.startswith("Image too large (1.")


def test_a_file_that_comes_too_slowly_is_given_up(elsewhere):
    problem = refused(f"{elsewhere.url}/slow", seconds=0.5)

    assert (problem.status_code, problem.detail) == (408, "Timeout while downloading image from URL")


def test_a_name_that_is_resolved_too_slowly_is_given_up():
    async def resolve(host, port):
        await asyncio.sleep(60)

    problem = refused("http://pictures.example/", resolve=resolve, seconds=0.1)

    assert problem.status_code == 408


def test_what_would_unfold_is_asked_not_to_be_packed_and_not_unpacked(elsewhere):
    assert read(f"{elsewhere.url}/packed") == PNG
    assert elsewhere.asked[-1][1]["Accept-Encoding"] == "identity"


def test_proxies_of_the_environment_are_not_used(elsewhere, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert read(f"{elsewhere.url}/picture.png") == PNG


@pytest.mark.parametrize(
    "url", ["http://user:word@127.0.0.1:{}/picture.png", "http://127.0.0.1:1/", "https://127.0.0.1:{}/"]
)
def test_passwords_closed_ports_and_failed_handshakes_look_alike(elsewhere, url):
    problem = refused(url.format(elsewhere.port))

    assert (problem.status_code, problem.detail) == (400, BAD_URL)


@pytest.fixture(scope="module")
def server():
    from tests.server.conftest import running

    with running(Reader(), allow_urls=True) as server, client_of(server) as client:
        yield server, client


@pytest.fixture
def near(server, monkeypatch):
    """A client of a server that reads from this machine too."""
    running, client = server
    reader = UrlReader(2**20, allowed=lambda address: True)
    monkeypatch.setitem(running.app.dependency_overrides, url_reader, lambda: reader)
    return client


@pytest.mark.parametrize("kind", FIELDS)
def test_every_question_can_be_asked_about_a_url(near, elsewhere, kind):
    answer = near.post(f"/segment/{kind}/url", json={"image_url": f"{elsewhere.url}/picture.png", **FIELDS[kind]})

    assert masks_of(answer)[0].shape == (128, 128)


def test_a_drawn_picture_comes_in_masks(near, elsewhere):
    fields = {"image_url": f"{elsewhere.url}/picture.png", "return_visualization": True, **BOX}

    answer = near.post("/segment/box/url", json=fields)

    assert answer.json()["message"] == "Visualization returned in masks[0]"


def test_what_is_no_picture_and_what_may_not_be_read_look_alike(server, near, elsewhere):
    no_picture = near.post("/segment/box/url", json={"image_url": f"{elsewhere.url}/text", **BOX})
    server[0].app.dependency_overrides.clear()
    inside = near.post("/segment/box/url", json={"image_url": f"{elsewhere.url}/picture.png", **BOX})

    assert no_picture.status_code == inside.status_code == 400
    assert no_picture.json() == inside.json() == {"detail": BAD_URL}


@pytest.mark.parametrize(
    "url", ["ftp://example.org/a.png", "file:///etc/passwd", "gopher://x/", "a.png", "", "http://"]
)
def test_only_http_is_read(near, url):
    answer = near.post("/segment/box/url", json={"image_url": url, **BOX})

    assert answer.status_code == 422


@pytest.mark.parametrize("kind", FIELDS)
def test_urls_are_off_unless_the_server_was_told(kind):
    from tests.server.conftest import running

    with running(StubEngine(), warm_up=False) as server, client_of(server) as client:
        answer = client.post(f"/segment/{kind}/url", json={"image_url": "http://127.0.0.1/", **FIELDS[kind]})
        malformed = client.post(f"/segment/{kind}/url", json={})

    for one in (answer, malformed):
        assert (one.status_code, one.json()) == (403, {"detail": "URL input is disabled on this server"})
