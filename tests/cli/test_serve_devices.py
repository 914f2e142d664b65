"""napari-sam3-assistant serve --devices: real processes, one a device, and what becomes of them."""

import json
import re
import signal
import socket
import urllib.error
import urllib.request

import psutil
import pytest

from napari_sam3_assistant.cli.elsewhere import TOKEN_VARIABLE
from napari_sam3_assistant.cli.several import names_of, ports_from
from napari_sam3_assistant.core.errors import AssistantError
from tests.cli.serving import serve
from tests.server.haproxy import free_ports, wait_for

pytest.importorskip("fastapi")
SECRET = "token-of-the-environment"


def get(port: int, path: str) -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {SECRET}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def is_up(port: int) -> bool:
    try:
        return json.loads(get(port, "/readyz"))["ready"]
    except OSError:
        return False


def test_one_process_a_device_is_started_again_when_it_is_killed_and_all_drain_at_sigterm():
    with serve("--devices", "cpu,cpu", "--log-json", environment={TOKEN_VARIABLE: SECRET}) as server:
        ports = [int(port) for port in re.findall(r"^cpu#\d  http://127.0.0.1:(\d+)/app$", server.said, re.MULTILINE)]
        wait_for(lambda: all(map(is_up, ports)))
        members = psutil.Process(server.process.pid).children()
        assert len(ports) == len(members) == 2
        assert SECRET not in str([one.cmdline() for one in members])
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}/metrics", timeout=10)

        members[0].kill()

        wait_for(lambda: len(psutil.Process(server.process.pid).children()) == 2 and all(map(is_up, ports)))
        code, said = server.end(signal.SIGTERM)
        assert not [one for one in members if one.is_running()]

    assert code == 0
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert {"cpu#1", "cpu#2"} <= {line.get("device") for line in lines if "told to end" in line["event"]}
    assert any("was ended by signal 9: it is started again" in line["event"] for line in lines)
    assert "Traceback" not in said and SECRET not in said


def test_ctrl_c_ends_all_and_so_does_the_end_of_who_started_them():
    with serve("--devices", "cpu") as server:
        code, said = server.end(signal.SIGINT)
    with serve("--devices", "cpu") as orphaned:
        (member,) = psutil.Process(orphaned.process.pid).children()

        orphaned.process.kill()

        member.wait(30)

    assert code == 130
    assert re.search(r"^cpu  http://127.0.0.1:\d+/app$", said, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--devices", "gpu"], 2, "'gpu' is no device, such as cuda:0"),
        (["--devices", "cpu,"], 2, "'' is no device"),
        (["--devices", "cpu,cpu", "--port", "65535"], 1, "There are no 2 ports from 65535 on."),
        (["--devices", "cpu", "--model", "nowhere"], 2, "There is no folder nowhere"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_started(shell, arguments, code, says):
    ended = shell("serve", *arguments)

    assert ended.code == code
    assert says in " ".join(ended.err.replace("│", " ").split())


def test_gpus_that_cuda_does_not_show_are_not_waited_for(shell, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")

    ended = shell("serve", "--devices", "cuda:0,cuda:1", "--port", "0")

    assert ended.code == 1
    assert ended.err.startswith("There is no CUDA:1 to compute on.")


def test_ports_follow_each_other_and_one_that_is_taken_is_named():
    (first,) = free_ports(1)

    with socket.create_server(("127.0.0.1", first)), pytest.raises(AssistantError, match=f"Port {first} is in use"):
        ports_from("127.0.0.1", first, 2)
    assert ports_from("127.0.0.1", first, 1) == [first]
    assert len(set(ports_from("127.0.0.1", 0, 3))) == 3


def test_a_device_that_is_named_twice_has_a_number_in_the_log():
    assert names_of(("cuda:0", "cpu", "cpu")) == ["cuda:0", "cpu#1", "cpu#2"]
