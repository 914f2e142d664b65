"""What a server is told: where it listens, what it takes, and how long it waits."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_sam3_assistant.server.addresses import is_loopback

MIB = 2**20


class Limits(BaseModel):
    """What a client may send. All of it stands in ``session_created`` and in ``/openapi.json``."""

    model_config = ConfigDict(frozen=True)

    message_bytes: int = Field(28 * MIB, description="Largest message of a WebSocket, in bytes.")
    image_bytes: int = Field(20 * MIB, description="Largest file of a picture, in bytes.")
    body_bytes: int = Field(21 * MIB, description="Largest multipart body of a request, in bytes.")
    json_body_bytes: int = Field(28 * MIB, description="Largest JSON body of a request, in bytes.")
    image_pixels: int = Field(50_000_000, description="Most pixels of a picture.")
    image_side: int = Field(16_384, description="Most pixels along a side of a picture.")
    points_per_object: int = Field(100, description="Most points for one object.")
    objects: int = Field(50, description="Most objects in a session.")
    text_length: int = Field(256, description="Longest phrase, in characters.")
    waiting: int = Field(32, description="Most messages of a session that wait; later ones are answered `busy`.")
    waiting_bytes: int = Field(512 * MIB, description="Memory for messages that wait, of all sessions, in bytes.")
    refused: int = Field(1000, description="More messages than this without an answer end the connection.")
    messages_per_s: float = Field(40.0, description="Messages of a session, a second.")
    messages_burst: int = Field(80, description="Messages of a session at once.")
    inits_per_s: float = Field(1.0, description="Pictures of a session, a second.")
    inits_burst: int = Field(4, description="Pictures of a session at once.")
    encodes_per_s: float = Field(30.0, description="Pictures that a session makes ready with `encode`, a second.")
    encodes_burst: int = Field(60, description="Pictures that a session makes ready with `encode` at once.")
    hovers_per_s: float = Field(20.0, description="Previews of a session, a second.")
    invalid_in_a_row: int = Field(20, description="So many invalid messages in a row end the connection.")
    sessions: int = Field(64, description="Most sessions.")
    sessions_per_address: int = Field(8, description="Most sessions of one address; this machine's own may have more.")
    requests: int = Field(32, description="Most requests over HTTP that are answered at once.")
    requests_per_address: int = Field(8, description="Most of them from one address; this machine's own may have more.")
    points_per_side: int = Field(64, description="Most points along a side of the grid that finds every object.")
    videos: int = Field(2, description="Most videos of a session.")
    video_frames: int = Field(1_000_000, description="Most frames of a video.")
    video_idle_s: float = Field(600.0, description="A video that nothing is asked of is closed after so many seconds.")
    frame_s: float = Field(30.0, description="Longest wait for a frame of a video that was asked for, in seconds.")
    everything_s: float = Field(120.0, description="Longest time for finding every object, in seconds.")


class ServerSettings(BaseModel):
    """How a server runs."""

    model_config = ConfigDict(frozen=True)

    host: str = Field("127.0.0.1", description="Address that is listened on.")
    port: int = Field(8000, ge=0, le=65535, description="Port; 0 takes a free one.")
    tokens: tuple[str, ...] = Field((), description="Who knows one of these may come in; none lets in everybody.")
    insecure: bool = Field(False, description="Whether other machines may come in without a token.")
    allow_origins: tuple[str, ...] = Field((), description="Pages of other origins that may use the server.")
    allow_hosts: tuple[str, ...] = Field((), description="Further names of this server, as in the header `Host`.")
    forwarded_allow_ips: str = Field("", description="Proxies whose `X-Forwarded-For` is believed, by commas.")
    root_path: str = Field("", description="Where a proxy puts the server, such as /sam3.")
    allow_urls: bool = Field(False, description="Whether pictures may be named by URL.")
    cache_bytes: int | None = Field(None, description="Memory for embeddings; None for the usual.")
    picture_bytes: int = Field(1024 * MIB, description="Memory for pictures that no session uses.")
    idle_s: float = Field(1800.0, gt=0, description="A session without an action ends after so many seconds.")
    warn_s: float = Field(60.0, description="So many seconds before that it is told.")
    ping_s: float = Field(20.0, gt=0, description="A connection is asked for a sign of life so often, in seconds.")
    send_s: float = Field(30.0, gt=0, description="A client that takes no message for so long is let go.")
    heartbeat_s: float = Field(10.0, gt=0, description="Silent for so long, an engine is stuck; a slow one has longer.")
    drain_s: float = Field(10.0, ge=0, description="How long sessions may go on once the server was told to end.")
    warm_up: bool = Field(True, description="Whether the engine is asked about a small picture once it is loaded.")
    backlog: int = Field(64, ge=1, description="While so many questions wait, `/readyz` sends new sessions elsewhere.")
    age_s: float = Field(0.5, gt=0, description="What has waited so long counts as shorter work, in seconds.")
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _check_tokens(self) -> Self:
        if not (self.tokens or self.insecure or is_loopback(self.host)):
            raise ValueError("A server that other machines reach needs a token, or insecure=True.")
        return self
