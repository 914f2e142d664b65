"""``serve`` in several processes behind Debian's HAProxy, which reads deploy/haproxy.cfg."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from napari_sam3_assistant.cli.elsewhere import TOKEN_VARIABLE

CONFIGURATION = Path(__file__).resolve().parents[2] / "deploy" / "haproxy.cfg"
HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
TOKEN = "token-of-this-test"
START_S = 60
"""A hang guard: a server answers after about two seconds where nothing else runs."""


@dataclass
class Node:
    """One server, which may be ended and started again on its port.

    Attributes
    ----------
    port : int
    log : Path
        What it writes; a pipe that nobody reads would hold it up.
    arguments : tuple of str
        For ``serve``.
    """

    port: int
    log: Path
    arguments: tuple[str, ...] = ()
    process: subprocess.Popen = field(init=False)

    def start(self) -> None:
        command = [sys.executable, "-m", "napari_sam3_assistant", "serve", "--port", str(self.port), *self.arguments]
        with self.log.open("ab") as log:
            env = os.environ | {TOKEN_VARIABLE: TOKEN}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=env)

    def end(self, by: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit code."""
        self.process.send_signal(by)
        return self.process.wait(START_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return self._get("/readyz")[0] == 200

    @property
    def sessions(self) -> int:
        return int(float(re.search(r"^napari_sam3_sessions (\S+)", self._get("/metrics")[1], re.MULTILINE)[1]))

    def _get(self, path: str) -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        request.add_header("Authorization", f"Bearer {TOKEN}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""


@dataclass(frozen=True)
class House:
    """Servers and what stands before them.

    Attributes
    ----------
    nodes : list of Node
    plain, secure, told : int
        Ports: of http, of https, and of https that is told by the PROXY protocol where a client comes from.
    tls : ssl.SSLContext
        Which trusts the certificate.
    proxy : subprocess.Popen
    """

    nodes: list[Node]
    plain: int
    secure: int
    told: int
    tls: ssl.SSLContext
    proxy: subprocess.Popen

    @property
    def address(self) -> str:
        return f"wss://localhost:{self.secure}/ws/realtime"


def free_ports(count: int) -> list[int]:
    """Return ports that nobody has now."""
    with ExitStack() as kept:
        taken = [kept.enter_context(closing(socket.create_server(("127.0.0.1", 0)))) for _ in range(count)]
        return [one.getsockname()[1] for one in taken]


def wait_for(happened, seconds: float = START_S) -> None:
    """Wait until ``happened()`` is true; the time is a hang guard."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@contextmanager
def house(folder: Path, *arguments: str, count: int = 2) -> Iterator[House]:
    """Run servers behind HAProxy, until they are ready and it knows."""
    plain, secure, told, *ports = free_ports(3 + count)
    nodes = [Node(port, folder / f"node{number}.log", arguments) for number, port in enumerate(ports)]
    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "sam3.pem")
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    text = configuration(plain, secure, told, ports, folder / "sam3.pem")
    (folder / "haproxy.cfg").write_text(text, encoding="utf-8")
    with ExitStack() as ending, (folder / "haproxy.log").open("wb") as log:
        for node in nodes:
            node.start()
            ending.callback(node.kill)
        wait_for(lambda: all(node.ready for node in nodes))
        proxy = subprocess.Popen([HAPROXY, "-db", "-f", folder / "haproxy.cfg"], stdout=log, stderr=log)
        ending.callback(proxy.wait)
        ending.callback(proxy.kill)
        it = House(nodes, plain, secure, told, tls, proxy)
        wait_for(lambda: _answers(it))
        yield it


def configuration(plain: int, secure: int, told: int, ports: Sequence[int], certificate: Path) -> str:
    """Return deploy/haproxy.cfg for other ports, servers and another certificate; not as root, for our own user."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    assert "    user haproxy\n    group haproxy\n" in text
    if os.geteuid() != 0:  # only root may become another user
        text = text.replace("    user haproxy\n    group haproxy\n", "")
    secured = next(line for line in text.splitlines() if line.strip().startswith("bind :443"))
    here = secured.replace("/etc/haproxy/sam3.pem", str(certificate))
    both = "\n".join(
        (here.replace(":443", f"127.0.0.1:{secure}"), here.replace(":443", f"127.0.0.1:{told}") + " accept-proxy")
    )
    servers = re.findall(r"^ +server .*$", text, re.MULTILINE)
    assert len(servers) == 2 and "bind :80\n" in text and str(certificate) in both
    text = text.replace(secured, both).replace("bind :80\n", f"bind 127.0.0.1:{plain}\n")
    text = text.replace(servers[1] + "\n", "")
    lines = "\n".join(f"    server gpu{number} 127.0.0.1:{port}" for number, port in enumerate(ports))
    return text.replace(servers[0], lines)


def _answers(it: House) -> bool:
    assert it.proxy.poll() is None, "HAProxy has ended"
    try:
        with urllib.request.urlopen(f"https://localhost:{it.secure}/health", timeout=10, context=it.tls) as answer:
            return answer.status == 200
    except OSError:
        return False
