"""Who may come in: names of the server, pages of other origins, tokens; before anything is read."""

import http.client
import json
from contextlib import closing

import pytest
from websockets.exceptions import InvalidStatus

from napari_sam3_assistant.server.security import HostNames, Tokens, tenant_of
from napari_sam3_assistant.server.settings import ServerSettings
from tests.server.conftest import running
from tests.server.pictures import SQUARES

TOKEN, OTHER = "first-token-of-two", "other-token-of-two"


@pytest.fixture(scope="module")
def open_server():
    with running(allow_hosts=("my.name",), allow_origins=("https://friend.example/",)) as server:
        yield server


@pytest.fixture(scope="module")
def locked():
    with running(tokens=(TOKEN, OTHER)) as server:
        yield server


def answer(server, path="/healthz", method="GET", body=None, **headers):
    """Return status, headers and body of a request whose headers are exactly these."""
    headers = {"Host": f"127.0.0.1:{server.port}"} | {name.replace("_", "-"): text for name, text in headers.items()}
    if body is not None:
        headers["Content-Length"] = str(len(body))
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
        connection.putrequest(method, path, skip_host=True)
        for name, text in headers.items():
            connection.putheader(name, text)
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, response.headers, response.read()


def handshake(server, **options):
    """Return the status of a handshake: 101 where the socket opens."""
    try:
        with server.connect(**options):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST", "my.name"])
def test_a_name_of_the_server_is_let_in_with_any_port(open_server, host):
    assert answer(open_server, Host=host)[0] == 200
    assert answer(open_server, Host=f"{host}:9999")[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "evil.example@localhost",
        "192.168.1.7",
        "",
        "[",
        "a:b:c",
    ],
)
def test_another_name_is_not_even_with_the_same_origin(open_server, host):
    status, _, body = answer(open_server, Host=host, Origin=f"http://{host}")

    assert status == 403
    assert "--allow-host" in json.loads(body)["detail"]


def test_a_rebound_name_gets_no_socket(open_server):
    origin = f"http://evil.example:{open_server.port}"
    headers = {"Host": f"evil.example:{open_server.port}"}

    status, headers, _ = answer(
        open_server,
        "/ws/realtime",
        Host=headers["Host"],
        Origin=origin,
        Connection="Upgrade",
        Upgrade="websocket",
        Sec_WebSocket_Version="13",
        Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
    )

    assert status == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:{port}", 101),
        ("https://127.0.0.1:{port}", 101),
        ("https://friend.example", 101),
        ("https://friend.example:444", 403),
        ("http://friend.example", 403),
        ("http://127.0.0.1:1", 403),
        ("http://127.0.0.1", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("file://", 403),
        ("http://[", 403),
        ("", 403),
    ],
)
def test_sockets_are_for_the_page_of_the_server_and_for_listed_origins(open_server, origin, status):
    assert handshake(open_server, origin=origin.format(port=open_server.port)) == status


def test_a_page_without_an_origin_is_let_in_where_that_is_listed(serving):
    with serving(allow_origins=("null",)) as server:
        assert handshake(server, origin="null") == 101


def test_requests_of_other_pages_are_refused(open_server):
    assert answer(open_server, Origin="https://evil.example")[0] == 403
    assert answer(open_server, Origin=f"http://127.0.0.1:{open_server.port}")[0] == 200


def test_a_listed_origin_may_ask_and_read_the_answer(serving):
    ask = {"Origin": "https://friend.example", "Access_Control_Request_Method": "POST"}
    with serving(allow_origins=("https://friend.example",), tokens=(TOKEN,)) as server:
        status, headers, _ = answer(
            server, "/segment/text", "OPTIONS", Access_Control_Request_Headers="authorization,content-type", **ask
        )
        refused = answer(server, "/metrics", Origin="https://friend.example")

    assert (status, headers["Access-Control-Allow-Origin"]) == (200, "https://friend.example")
    assert (refused[0], refused[1]["Access-Control-Allow-Origin"]) == (401, "https://friend.example")


def test_no_other_origin_may_read_an_answer(locked):
    preflight = answer(
        locked, "/segment/text", "OPTIONS", Origin="https://evil.example", Access_Control_Request_Method="POST"
    )

    assert preflight[0] == 403
    assert "Access-Control-Allow-Origin" not in preflight[1]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_form_of_plain_text_is_not_taken(open_server, method):
    status, _, body = answer(open_server, "/segment/text/base64", method, b"{}", Content_Type="text/plain")

    assert status == 415
    assert "application/json" in json.loads(body)["detail"]


@pytest.mark.parametrize("path", ["/metrics", "/openapi.json", "/segment/text", "/static", "/appendix", "/health/"])
def test_what_is_not_open_needs_the_token(locked, path):
    without = answer(locked, path)
    wrong = answer(locked, path, Authorization="Bearer wrong-token")
    right = [answer(locked, path, Authorization=f"Bearer {token}")[0] for token in (TOKEN, OTHER)]

    assert (without[0], without[2]) == (wrong[0], wrong[2]), "no oracle"
    assert without[0] == 401 and without[1]["WWW-Authenticate"] == "Bearer"
    assert 401 not in right


@pytest.mark.parametrize("path", ["/", "/health", "/healthz", "/readyz", "/favicon.ico"])
def test_probes_are_open(locked, path):
    assert answer(locked, path)[0] in (200, 204)


@pytest.mark.parametrize(
    "given",
    [
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": "Bearer t\xf6ken"},
        {"Cookie": f"token={TOKEN}"},
    ],
)
def test_what_is_no_token_lets_nobody_in(locked, given):
    assert answer(locked, "/metrics", **given)[0] == 401


def test_a_token_in_the_query_is_none(locked):
    assert answer(locked, f"/metrics?token={TOKEN}")[0] == 401


def test_python_opens_a_socket_with_a_header(locked):
    assert handshake(locked) == 401
    assert handshake(locked, additional_headers={"Authorization": "Bearer wrong-token"}) == 401
    assert handshake(locked, additional_headers={"Authorization": f"Bearer {TOKEN}"}) == 101


def test_a_browser_opens_a_socket_with_a_subprotocol_which_is_not_echoed(locked):
    offered = ["sam3.v1", f"bearer.{TOKEN}"]
    assert handshake(locked, subprotocols=["sam3.v1", "bearer.wrong-token"]) == 401
    with locked.connect(subprotocols=offered) as socket:
        assert socket.subprotocol == "sam3.v1"
        assert TOKEN not in str(socket.response.headers)


def test_a_subprotocol_without_a_token_is_answered_too(open_server):
    with open_server.connect(subprotocols=["sam3.v1"]) as socket:
        assert socket.subprotocol == "sam3.v1"


def test_tokens_have_names_of_their_own_that_say_nothing_of_them():
    tokens = Tokens((TOKEN, OTHER))

    first, other = tokens.tenant(TOKEN.encode()), tokens.tenant(OTHER.encode())

    assert first and other and first != other
    assert first == tokens.tenant(TOKEN.encode())
    assert first != Tokens((TOKEN,)).tenant(TOKEN.encode()), "another process, another name"
    assert tokens.tenant(b"wrong") is None and tokens.tenant(None) is None
    assert Tokens(()).tenant(None) == ""


def test_pictures_of_two_tokens_share_nothing(locked):
    loaded = []
    for token in (TOKEN, TOKEN, OTHER):
        with locked.client(additional_headers={"Authorization": f"Bearer {token}"}) as client:
            loaded.append(client.ask("init", image=SQUARES)["cached"])

    assert loaded == [False, True, False]


def test_a_request_without_the_middleware_is_nobody_s():
    assert tenant_of({"type": "http"}) == ""


def test_every_answer_says_what_a_browser_may_do_with_it(open_server):
    answers = [answer(open_server, path)[1] for path in ("/", "/static/none.js", "/none")]

    for headers in answers:
        rules = headers["Content-Security-Policy"]
        assert "default-src 'self'" in rules and "frame-ancestors 'none'" in rules and "unsafe" not in rules
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "camera=(self)" in headers["Permissions-Policy"]
        assert headers["Cache-Control"] in ("no-store", "no-cache")


def test_a_refused_handshake_says_so_too(locked):
    with pytest.raises(InvalidStatus) as refused, locked.connect():
        pass

    headers = refused.value.response.headers
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"


def test_an_address_is_a_name_of_a_server_that_others_reach():
    names = HostNames(ServerSettings(host="0.0.0.0", insecure=True))

    assert names.holds("192.168.1.7:8000") and names.holds("[fe80::1]") and names.holds("localhost")
    assert not names.holds("evil.example")


def test_a_server_that_others_reach_needs_a_token_or_a_word():
    with pytest.raises(ValueError, match="token"):
        ServerSettings(host="0.0.0.0")
    assert ServerSettings(host="::1").tokens == () and ServerSettings(host="localhost").tokens == ()
    assert ServerSettings(host="192.168.1.7", tokens=(TOKEN,)).tokens == (TOKEN,)


@pytest.mark.parametrize("cut", [True, False], ids=["the proxy cuts the prefix off", "the proxy leaves it"])
def test_behind_a_prefix_everything_is_found(serving, cut):
    prefix = "" if cut else "/sam3"
    with serving(root_path="/sam3", tokens=(TOKEN,)) as server:
        assert answer(server, f"{prefix}/healthz")[0] == 200
        assert answer(server, f"{prefix}/metrics")[0] == 401
        assert answer(server, f"{prefix}/metrics", Authorization=f"Bearer {TOKEN}")[0] == 200
        document = json.loads(answer(server, f"{prefix}/openapi.json", Authorization=f"Bearer {TOKEN}")[2])

    assert document["servers"] == [{"url": "/sam3"}]


@pytest.mark.parametrize("path", ["box", "text"])
def test_a_body_of_a_million_keys_is_not_read(open_server, path):
    body = json.dumps(dict.fromkeys(map(str, range(100_000)), 1)).encode()

    status, _, said = answer(open_server, f"/segment/{path}/base64", "POST", body, Content_Type="application/json")

    assert (status, json.loads(said)) == (400, {"detail": "The body has more than 65536 values"})
