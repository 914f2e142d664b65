"""A hub on this machine: what ``huggingface_hub`` asks for when it downloads, and the ways in which that fails."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPOSITORY = "facebook/sam3"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_secretOfTheTests0123456789"


@dataclass
class Hub:
    """What the hub holds, and how it behaves.

    Attributes
    ----------
    files : dict
        Contents by name.
    tokens : set of str
        Those that may read; empty: everybody may.
    refuse : int
        With which status it refuses those with a token that may not.
    cut_after : int or None
        Break each answer off after so many bytes.
    status : int
        Answer everything with this, if it is not 0.
    damage : str
        The file that comes with a wrong byte.
    asked : list of tuple
        Method, path and ``Range`` of each request.
    sent : list of str
        The tokens that came.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    refuse: int = 401
    cut_after: int | None = None
    status: int = 0
    damage: str = ""
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    address: str = ""

    def got(self, name: str) -> list[str | None]:
        """Return the ``Range`` of each time that a file was fetched."""
        return [part for method, path, part in self.asked if method == "GET" and path.endswith("/" + name)]


@contextmanager
def running(hub: Hub) -> Iterator[Hub]:
    """Run a hub until the end of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, *, with_body: bool) -> None:
            path = self.path.partition("?")[0]
            token = (self.headers.get("authorization") or "").removeprefix("Bearer ")
            hub.asked.append((self.command, path, self.headers.get("range")))
            if token:
                hub.sent.append(token)
            if hub.status:
                self._say(hub.status, b"trouble", with_body)
            elif path.startswith(f"/api/models/{REPOSITORY}"):
                self._say(200, _listing(hub), with_body)
            elif not path.startswith(f"/{REPOSITORY}/resolve/"):
                self._say(404, b"", with_body, "RepoNotFound")
            elif hub.tokens and token not in hub.tokens:
                status = hub.refuse if token else 401
                self._say(status, b"", with_body, "GatedRepo")
            else:
                self._file(path.rpartition("/")[2], with_body)

        def _file(self, name: str, with_body: bool) -> None:
            if name not in hub.files:
                self._say(404, b"", with_body, "EntryNotFound")
                return
            content = hub.files[name]
            part = self.headers.get("range") or "bytes=0-"
            start = int(part.removeprefix("bytes=").partition("-")[0])
            body = content[start:]
            if name == hub.damage:
                body = body[:-1] + bytes([body[-1] ^ 1])
            self.send_response(206 if start else 200)
            self.send_header("ETag", f'"{_etag(name, content)}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(body)))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            if not with_body:
                return
            if hub.cut_after is not None and len(body) > hub.cut_after:
                self.wfile.write(body[: hub.cut_after])
                self.close_connection = True
                return
            self.wfile.write(body)

        def _say(self, status: int, body: bytes, with_body: bool, code: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if code:
                self.send_header("X-Error-Code", code)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    return Handler


def _etag(name: str, content: bytes) -> str:
    """Return what the hub gives: SHA-256 of large files, Git's SHA-1 of small ones."""
    if name.endswith((".safetensors", ".pt")):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _listing(hub: Hub) -> bytes:
    siblings = [{"rfilename": name, "size": len(content)} for name, content in hub.files.items()]
    return json.dumps(
        {"id": REPOSITORY, "modelId": REPOSITORY, "sha": COMMIT, "gated": "manual", "siblings": siblings, "tags": []}
    ).encode()
