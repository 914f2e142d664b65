"""``serve``: the real-time server and its page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_sam3_assistant.cli.elsewhere import TOKEN_VARIABLE, Python


def serve(
    engine: Annotated[str, typer.Option(metavar="NAME", help="Who answers.")] = "auto",
    model: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the model is, for engines that have one.")
    ] = None,
    python: Python = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 is for other machines too.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", help="Which port; 0 takes a free one.")] = 8000,
    devices: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="One process on each of these, such as cuda:0,cuda:1, on ports from --port on.",
            show_default=False,
        ),
    ] = "",
    token: Annotated[
        list[str],
        typer.Option(
            metavar="TOKEN",
            help=f"Who knows it may come in. Better set {TOKEN_VARIABLE}: others see what a command was told.",
            show_default=False,
        ),
    ] = [],  # noqa: B006 - typer copies it
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let in everybody who reaches the server, from other machines too.")
    ] = False,
    allow_origin: Annotated[
        list[str], typer.Option(metavar="URL", help="A page elsewhere that may use the server.", show_default=False)
    ] = [],  # noqa: B006
    allow_host: Annotated[
        list[str], typer.Option(metavar="NAME", help="A further name of this server.", show_default=False)
    ] = [],  # noqa: B006
    cache_gib: Annotated[
        float | None,
        typer.Option(metavar="N", help="Memory for pictures as the engine reads them.", show_default="2 or less"),
    ] = None,
    sessions: Annotated[
        int | None, typer.Option(metavar="N", help="How many may be connected at once.", show_default="64")
    ] = None,
    idle_minutes: Annotated[
        float | None, typer.Option(metavar="N", help="Who does nothing for so long is let go.", show_default="30")
    ] = None,
    drain_seconds: Annotated[
        float | None,
        typer.Option(metavar="N", help="How long sessions go on after SIGTERM.", show_default="10"),
    ] = None,
    allow_urls: Annotated[bool, typer.Option("--allow-urls", help="Fetch pictures from URLs of clients.")] = False,
    root_path: Annotated[
        str, typer.Option(metavar="PATH", help="Where a proxy puts the server, such as /sam3.", show_default=False)
    ] = "",
    forwarded_allow_ips: Annotated[
        str,
        typer.Option(metavar="IPS", help="Proxies whose X-Forwarded-For is believed, by commas.", show_default=False),
    ] = "",
    workers: Annotated[int, typer.Option(hidden=True)] = 1,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log lines of JSON.")] = False,
) -> None:
    """Serve masks in real time: a page to click on, and an interface for programs.

    Open the address that it says. Ctrl+C ends it. On another address than 127.0.0.1 a token is needed; where none
    is given, one is made and said.
    """
    from napari_sam3_assistant.cli import arguments, serving

    if workers != 1:
        raise typer.BadParameter(
            "One process serves one device: several would each load the model and keep pictures of their own. "
            "Give --devices for one process a device, and put a proxy before them.",
            param_hint="--workers",
        )
    options = serving.Options(
        engine=engine,
        model=arguments.model_of(model),
        host=host,
        port=port,
        tokens=tuple(token),
        insecure=insecure,
        allow_origins=tuple(allow_origin),
        allow_hosts=tuple(allow_host),
        cache_gib=cache_gib,
        sessions=sessions,
        idle_minutes=idle_minutes,
        drain_seconds=drain_seconds,
        allow_urls=allow_urls,
        root_path=root_path,
        forwarded_allow_ips=forwarded_allow_ips,
        log_json=log_json,
        python=python,
        devices=tuple(one.strip() for one in devices.split(",")) if devices else (),
    )
    raise typer.Exit(serving.run(options))
