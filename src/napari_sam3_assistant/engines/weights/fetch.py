"""One file from the hub: gone on with where it stopped, compared with the hub's checksum, there whole or not at all.

``huggingface_hub`` knows the hub's addresses, its answers and the network's settings. What has come is kept by us:
the package, since its version 2, forgets it when a download ends early.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.engines.weights.looks import PARTS

TRIES = 5
"""So often in a row nothing may come before it is given up."""

_CHUNK = 1 << 18
_PATIENCE = 30.0  # seconds without a byte


@dataclass(frozen=True, slots=True)
class Origin:
    """Where files are from.

    Attributes
    ----------
    repository, revision : str
        Such as ``"facebook/sam3"``, and a commit.
    endpoint : str or None
        The address of the hub, where it is another than usual.
    token : str or None
        Shows who asks.
    """

    repository: str
    revision: str
    endpoint: str | None
    token: str | None

    def __repr__(self) -> str:
        return f"Origin({self.repository!r}, {self.revision!r})"  # without the token, whoever prints it


@dataclass(frozen=True, slots=True)
class _Remote:
    """A file as the hub has it."""

    address: str
    headers: dict[str, str]
    etag: str
    size: int


def begun(folder: Path) -> int:
    """Return how many bytes of files that are not whole yet are in a folder."""
    return sum(part.stat().st_size for part in (folder / PARTS).glob("*.part"))


def fetch(origin: Origin, name: str, folder: Path, *, tell: Callable[[int], None], cancel: CancelToken) -> None:
    """Bring a file into a folder, in place of one of its name.

    Parameters
    ----------
    origin : Origin
        Where it is from.
    name : str
        Its name there, and here.
    folder : Path
        Where it goes.
    tell : callable
        Told how many of its bytes there are.
    cancel : CancelToken
        Stops it; what has come is kept.

    Raises
    ------
    EngineError
        If what has come is not what the hub has.
    Cancelled
        If ``cancel`` was raised.
    Exception
        What ``huggingface_hub``, the network and the disk raise.
    """
    remote = _look(origin, name)
    parts = folder / PARTS
    parts.mkdir(exist_ok=True)
    part = parts / f"{name}-{hashlib.sha256(remote.etag.encode()).hexdigest()[:16]}.part"
    for old in parts.glob(f"{name}-*.part"):
        if old != part:  # of an older state of the repository
            old.unlink()
    _stream(remote, part, tell, cancel)
    if not _is_whole(part, remote.etag, cancel):
        part.unlink()
        raise EngineError(
            f"The file {name} was damaged on its way.",
            hint="Try again: this file is fetched anew, the others are kept.",
        )
    os.replace(part, folder / name)


def _look(origin: Origin, name: str) -> _Remote:
    """Ask the hub where a file is. A token is not sent on to other hosts: the hub signs addresses for those."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    url = hf_hub_url(origin.repository, name, revision=origin.revision, endpoint=origin.endpoint)
    said = get_hf_file_metadata(url, token=origin.token, endpoint=origin.endpoint)
    here = urlsplit(said.location).netloc == urlsplit(url).netloc
    headers = build_hf_headers(token=origin.token if here else False)
    if said.etag is None or said.size is None:
        raise EngineError("The hub's answer is incomplete.", hint="Check the proxy, or HF_ENDPOINT if it is set.")
    return _Remote(said.location, {**headers, "Accept-Encoding": "identity"}, said.etag, said.size)


def _stream(remote: _Remote, part: Path, tell: Callable[[int], None], cancel: CancelToken) -> None:
    """Write what is missing of a file, and start again where the line breaks."""
    from huggingface_hub import errors

    tries = 0
    while (start := _length(part)) < remote.size or not part.exists():
        cancel.raise_if_cancelled()
        try:
            _stream_once(remote, part, start, tell, cancel)
        except errors.HfHubHTTPError:
            raise
        except errors.HTTPError:  # of the network
            tries = 1 if _length(part) > start else tries + 1
            if tries >= TRIES:
                raise
            time.sleep(min(2.0**tries / 2, 8.0))
    tell(remote.size)


def _stream_once(remote: _Remote, part: Path, start: int, tell: Callable[[int], None], cancel: CancelToken) -> None:
    from huggingface_hub import get_session
    from huggingface_hub.utils import hf_raise_for_status

    headers = {**remote.headers, "Range": f"bytes={start}-"} if start else remote.headers
    client: Any = get_session()
    with client.stream("GET", remote.address, headers=headers, timeout=_PATIENCE, follow_redirects=True) as answer:
        hf_raise_for_status(answer)
        goes_on = answer.status_code == 206
        with open(part, "ab" if goes_on else "wb") as file:
            count = start if goes_on else 0
            tell(count)
            for chunk in answer.iter_bytes(_CHUNK):
                cancel.raise_if_cancelled()
                file.write(chunk)
                count += len(chunk)
                tell(count)


def _is_whole(part: Path, etag: str, cancel: CancelToken) -> bool:
    """Return whether a file has the checksum that its etag is: of large files SHA-256, of small ones Git's."""
    if len(etag) == 64:
        digest = hashlib.sha256()
    elif len(etag) == 40:
        digest = hashlib.sha1(b"blob %d\0" % _length(part), usedforsecurity=False)
    else:
        return True
    with open(part, "rb") as file:
        while chunk := file.read(1 << 24):
            cancel.raise_if_cancelled()
            digest.update(chunk)
    return digest.hexdigest() == etag


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
