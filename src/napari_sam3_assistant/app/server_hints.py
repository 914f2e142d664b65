"""The lines about a server, and what its dialog shows: pure functions of the state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam3_assistant.app.server_state import REMOTE, Link, ServerState
from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.app.views import Action, action
from napari_sam3_assistant.engines.protocol import Capabilities

if TYPE_CHECKING:
    from napari_sam3_assistant.engines.remote.trial import ServerReport

STATUS = "Model: on a server"
ON_SERVER = "The server loads its model, and chooses its device, by itself."
NONE_CHOSEN = "Built-in: no server chosen"
CHOOSE = "Press Server... and enter its address."
ABOUT = (
    "The images that you segment are sent to this server, and its engine answers. "
    "It runs napari-sam3-assistant serve on a computer with a GPU, for example."
)
KEEP = "Keep the token in the {}, for the next time. It is never written to a file of ours."
NO_KEYRING = "No keyring of this system can be used: the token is asked for once in each session of napari."
LOOKING = "The keyring is being looked for."
AGAIN = "It goes on by itself when the server is back. Use Built-in goes on without it."
MEANWHILE = "The built-in engine answers clicks meanwhile."
TODO = {
    Link.REFUSED: "Press Server... and enter the one you were given.",
    Link.FAILED: "Press Server... and Test: it says why. Use Built-in goes on without it.",
}
CONNECTS = "Connecting to the server{}."
AWAY = "The server cannot be reached{}."


@dataclass(frozen=True, slots=True)
class ServerView:
    """The dialog.

    Attributes
    ----------
    text : str
        What a test has shown; or why it failed, and what to do now.
    problem : bool
        Whether ``text`` tells of a problem.
    busy : bool
        Whether a test runs.
    test, stop, keep : Action
    kept : bool
        Whether tokens are kept in the keyring.
    """

    text: str
    problem: bool
    busy: bool
    test: Action
    stop: Action
    keep: Action
    kept: bool


def place(address: str) -> str:
    """Return an address as short as one says it: without ``http://``, with which it is kept."""
    return address.removeprefix("http://")


def server_view(server: ServerState) -> ServerView:
    """Return what the dialog shows."""
    trial, there = server.trial, bool(server.keyring)
    looked = LOOKING if server.keyring is None else NO_KEYRING
    return ServerView(
        text=" ".join(filter(None, (trial.problem, trial.hint))) if trial.problem else trial.text,
        problem=bool(trial.problem),
        busy=trial.running,
        test=action(not trial.running, "Ask the server what it is and what it can do.", "The server is being asked."),
        stop=action(trial.running, "Stop asking.", "Nothing is being asked."),
        keep=action(there, KEEP.format(server.keyring), looked),
        kept=server.keep and there,
    )


def line(server: ServerState) -> str:
    """Return which server answers, and how one stands with it."""
    match server.link:
        case Link.CONNECTED:
            latency = "" if server.latency_ms is None else f", {server.latency_ms} ms"
            return f"Server: {server.title} at {place(server.address)}{latency}"
        case Link.CONNECTING:
            return f"Server: connecting to {place(server.address)}..."
        case Link.OFFLINE:
            return f"Server: {place(server.address)} cannot be reached"
        case Link.REFUSED:
            return f"Server: {place(server.address)} refuses the token"
        case Link.FAILED:
            return f"Server: {place(server.address)} cannot be used"
    return f"Server: {place(server.address)}, not asked yet"


def tip(state: AppState) -> str:
    """Return all that is known of the server."""
    known = can_do(state.model.can) if state.model.can is not None else "It is asked when you segment something."
    return "\n".join((line(state.server), known, ON_SERVER))


def advice(state: AppState) -> str:
    """Return what is wrong with the server and what to do now; empty where nothing is."""
    server = state.server
    if state.model.engine == REMOTE and not server.address:
        return f"{NONE_CHOSEN}. {CHOOSE}"
    if state.model.in_use != REMOTE:
        return ""
    if server.link is Link.OFFLINE:
        return f"{line(server)}. {MEANWHILE} {AGAIN}"
    todo = TODO.get(server.link, "")
    return f"{line(server)}. {todo}" if todo else ""


def waits(server: ServerState, meanwhile: str) -> str:
    """Return what one waits for, while the engine on the server is not ready."""
    return (AWAY if server.link is Link.OFFLINE else CONNECTS).format(meanwhile)


def can_do(can: Capabilities) -> str:
    """Return what an engine takes, in one sentence."""
    kinds = {"points": can.points, "boxes": can.boxes, "masks": can.masks, "examples": can.exemplars, "words": can.text}
    *rest, last = [name for name, taken in kinds.items() if taken] or ["nothing"]
    frames = "" if can.video is None else " and follows objects through frames"
    if can.video is not None and can.video.text:
        frames = f"{frames}, also by words"
    return f"It takes {', '.join(rest)}{' and ' if rest else ''}{last}{frames}."


def report(found: ServerReport) -> str:
    """Return what a test has shown."""
    device = f" on {found.capabilities.devices[0].upper()}" if found.capabilities.devices else ""
    weights = f" ({found.weights})" if found.weights and found.weights != found.engine else ""
    first = f"{found.server} answers in {found.latency_s * 1000:.0f} ms."
    return f"{first} Its engine is {found.engine}{weights}{device}. {can_do(found.capabilities)}"
