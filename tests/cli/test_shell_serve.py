"""napari-sam3-assistant serve: a real process, its signals, and what it says."""

import json
import re
import signal
import socket
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from napari_sam3_assistant.cli import serving
from napari_sam3_assistant.cli.elsewhere import TOKEN_VARIABLE
from tests.cli.conftest import run_apart
from tests.cli.serving import START, serve

pytest.importorskip("fastapi")


def options(**given) -> serving.Options:
    usual = {
        "engine": "auto",
        "model": None,
        "host": "127.0.0.1",
        "port": 0,
        "tokens": (),
        "insecure": False,
        "allow_origins": (),
        "allow_hosts": (),
        "cache_gib": None,
        "sessions": None,
        "idle_minutes": None,
        "drain_seconds": None,
        "allow_urls": False,
        "root_path": "",
        "forwarded_allow_ips": "",
        "log_json": False,
    }
    return serving.Options(**usual | given)


@pytest.fixture(autouse=True)
def no_token_around(monkeypatch):
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)


def test_it_says_who_answers_and_where_and_ctrl_c_ends_it():
    with serve() as server:
        assert json.loads(server.get("/"))["status"] == "running"
        assert b"<html" in server.get("/app")

        code, said = server.end(signal.SIGINT)

    assert code == 130
    assert said.startswith("Built-in: no model folder chosen\n")
    assert f"http://127.0.0.1:{server.port}/app\n" in said
    assert f"ws://127.0.0.1:{server.port}/ws/realtime" in said
    assert "token" not in said and "Traceback" not in said


def test_sigterm_ends_it_with_0_and_neither_napari_nor_qt_was_loaded():
    listing = "print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}), file=sys.__stderr__)"
    with serve(code=f"{START}; {listing}; sys.exit(code)") as server:
        assert json.loads(server.get("/healthz"))["alive"]

        code, said = server.end(signal.SIGTERM)

    assert code == 0 and "Traceback" not in said
    loaded = set(said.partition("LOADED ")[2].split())
    assert "uvicorn" in loaded
    assert not loaded & {"napari", "vispy", "qtpy", "superqt", "magicgui", "PyQt6", "PySide6", "torch", "dask"}


def test_where_others_reach_it_a_token_is_made_and_asked_for():
    with serve("--host", "0.0.0.0") as server:
        token = re.search(r"/app#token=(\S+)", server.said)[1]
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}/metrics")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(request, timeout=10)
        request.add_header("Authorization", f"Bearer {token}")

        with urllib.request.urlopen(request, timeout=10) as answer:
            assert b"napari_sam3_info" in answer.read()
        _, said = server.end(signal.SIGTERM)

    assert len(token) >= 32
    assert said.count(token) == 1, "only in the address"


def test_insecure_says_so_and_asks_nobody():
    with serve("--host", "0.0.0.0", "--insecure", "--log-json") as server:
        assert b"napari_sam3_info" in server.get("/metrics")

        _, said = server.end(signal.SIGTERM)

    assert "Everybody who reaches this machine may come in." in said
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert lines and {"time", "level", "event"} <= set(lines[0])


def test_a_token_from_the_environment_is_asked_for_and_not_said():
    with serve(environment={TOKEN_VARIABLE: "token-of-the-environment"}) as server:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            server.get("/metrics")

        _, said = server.end(signal.SIGTERM)

    assert "token-of-the-environment" not in said
    assert "put #token= and yours behind its address" in said


def test_a_port_in_use_is_said_in_one_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run_apart("serve", "--port", port, cwd=tmp_path)

    assert ended.code == 1
    assert ended.err == f"Port {port} is in use. End the program that has it, or give another one with --port.\n"


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-name.invalid"])
def test_an_address_of_another_machine_is_said(shell, host):
    ended = shell("serve", "--host", host, "--insecure")

    assert ended.code == 1
    assert ended.err.startswith(f"{host} is no address of this machine. Give --host 127.0.0.1")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--port", "70000"], "70000 is no port: 0 to 65535"),
        (["--port", "-1"], "-1 is no port"),
        (["--model", "nowhere"], "There is no folder nowhere"),
        (["--engine", "none"], "There is no engine 'none'. Choose one of: auto, builtin"),
        (["--workers", "2"], "One process serves one device"),
        (["--token", "short"], "A token is 8 or more"),
        (["--token", "with a blank"], "A token is 8 or more"),
        (["--cache-gib", "-1"], "-1.0 is not a number from 0.0 on"),
        (["--cache-gib", "nan"], "nan is not a number"),
        (["--sessions", "0"], "0 is not a number from 1 on"),
        (["--idle-minutes", "inf"], "inf is not a number"),
        (["--drain-seconds", "-1"], "-1.0 is not a number"),
        (["--root-path", "sam3"], "'sam3' does not begin with /"),
        (["--allow-origin", "example.org"], "'example.org' is no origin"),
        (["--allow-origin", "https://example.org/page"], "is no origin"),
    ],
)
def test_what_cannot_be_is_wrong_use(shell, arguments, says):
    ended = shell("serve", *arguments)

    assert ended.code == 2
    assert says in " ".join(ended.err.replace("│", " ").split())


def test_a_folder_without_a_model_is_wrong_use_for_sam3(shell, tmp_path):
    ended = shell("serve", "--engine", "sam3", "--model", tmp_path)

    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1


def test_every_package_of_the_extra_is_looked_for():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {canonicalize_name(Requirement(text).name) for text in project["optional-dependencies"]["server"]}

    distributions = packages_distributions()
    assert wanted <= {canonicalize_name(name) for package in serving.NEEDS for name in distributions[package]}


def test_a_missing_package_is_named_with_what_installs_it(shell, monkeypatch):
    monkeypatch.setattr(serving, "NEEDS", ("fastapi", "no_such_package"))

    ended = shell("serve")

    assert ended.code == 1
    assert ended.err == (
        'The server needs no_such_package, not installed. Install it: pip install "napari-sam3-assistant[server]".\n'
    )


def test_what_is_typed_becomes_settings():
    settings, made = serving.settings_of(
        options(
            tokens=("first-token", "other-token"),
            cache_gib=0.5,
            sessions=3,
            idle_minutes=2,
            drain_seconds=0,
            root_path="/sam3/",
            allow_origins=("https://friend.example", "null"),
        )
    )

    assert not made
    assert (settings.cache_bytes, settings.limits.sessions, settings.idle_s, settings.drain_s) == (2**29, 3, 120, 0)
    assert (settings.tokens, settings.root_path) == (("first-token", "other-token"), "/sam3")
    assert settings.allow_origins == ("https://friend.example", "null")


def test_tokens_of_the_command_go_before_that_of_the_environment(monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, "token-of-the-environment")

    assert serving.settings_of(options())[0].tokens == ("token-of-the-environment",)
    assert serving.settings_of(options(tokens=("first-token",)))[0].tokens == ("first-token",)


def test_a_name_with_several_addresses_is_listened_on_at_one_port():
    listening = serving.listen("localhost", 0)
    try:
        assert len({one.getsockname()[1] for one in listening}) == 1
        assert {one.getsockname()[0] for one in listening} <= {"127.0.0.1", "::1"}
    finally:
        for one in listening:
            one.close()


def test_help_loads_nothing_of_the_server():
    program = (
        "import sys; sys.argv = ['x', 'serve', '--help']\n"
        "from napari_sam3_assistant.cli.main import main\n"
        "code = main()\n"
        "print(sorted({'fastapi', 'uvicorn', 'numpy', 'prometheus_client'} & set(sys.modules)), code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[] 0"
