"""SAM3's files from the Hugging Face hub: what is still missing, into a folder of the user's.

The model is free, and behind a licence that Meta wants accepted: the hub gives its files to who has done so and
shows it with a token. The token is sent to the hub, and kept nowhere: not in a file, not in a log, not in a message.
What was begun is gone on with, also after weeks.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from napari_sam3_assistant.core.errors import AssistantError, EngineError, ModelFolderError, SaveError
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.engines.weights import fetch, refusals, tokenizer
from napari_sam3_assistant.engines.weights.amounts import Pace, check_free, gigabytes
from napari_sam3_assistant.engines.weights.fetch import Origin
from napari_sam3_assistant.engines.weights.files import entries_of, read_json
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.kinds import Kind, kind_of
from napari_sam3_assistant.engines.weights.looks import CONFIG, PARTS, REPOSITORY, WEIGHTS, config_of

TOKEN = "HF_TOKEN"
ENDPOINT = "HF_ENDPOINT"
FILES = (
    CONFIG,
    WEIGHTS,
    tokenizer.READY,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "processor_config.json",
    "LICENSE",
)
"""What is wanted of those that the hub has. It also has Meta's ``sam3.pt``: the same once more."""
NEEDED = (CONFIG, WEIGHTS)
WEIGHTS_BYTES = 3_400_000_000
"""How large the weights are, about: a disk without room for them is told before the hub is asked."""

_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Files that are still to come.

    Attributes
    ----------
    sizes : mapping of str to int
        Bytes of each.
    begun : int
        How many of them are there already.
    revision : str
        Which state of the repository they are of.
    """

    sizes: Mapping[str, int]
    begun: int
    revision: str

    @property
    def nbytes(self) -> int:
        """How many bytes are still to come."""
        return max(sum(self.sizes.values()) - self.begun, 0)


def token_from(environment: Mapping[str, str]) -> str | None:
    """Return the token that ``HF_TOKEN`` holds, or None.

    Raises
    ------
    EngineError
        If it cannot be a token.
    """
    return checked(environment.get(TOKEN, ""), f"The token in {TOKEN}") or None


def checked(token: str, what: str = "The token") -> str:
    """Return a token without blanks round it.

    Raises
    ------
    EngineError
        If it has characters that no token has. The message does not show it.
    """
    token = token.strip()
    if token and not _TOKEN.fullmatch(token):
        raise EngineError(f"{what} has characters that no token has.", hint="Copy it again: it starts with hf_.")
    return token


def get_model(
    folder: Path,
    *,
    token: str | None = None,
    repository: str = REPOSITORY,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> ModelFolder:
    """Bring a model folder what it lacks, and return what it holds then.

    Parameters
    ----------
    folder : Path
        Made if it is not there. What is whole in it is left as it is.
    token : str or None
        None: the one of ``hf auth login``, if there is one.
    repository : str
        Where the files are from.
    progress : Progress
        Told the fraction of all bytes.
    cancel : CancelToken or None
        What has come is kept, and the next time goes on from there.

    Raises
    ------
    EngineError
        If the hub refuses, cannot be reached, or ``huggingface_hub`` is not installed.
    SaveError
        If the folder cannot be written to, or its disk has too little room; then nothing was begun.
    ModelFolderError
        If what has come is no model that the engine can load.
    Cancelled
        If ``cancel`` was raised.
    """
    known = ModelFolder.inspect(folder)
    if known.ready and known.tokenizer:
        return known
    _check_packages()
    _check_folder(known, repository)
    progress(None, f"Asking for the files of {repository}")
    with _explained(repository, bool(token)):
        _bring(known, repository, token, progress, cancel or CancelToken())
    known = ModelFolder.inspect(folder)
    known.check()
    return known


def _bring(known: ModelFolder, repository: str, token: str | None, progress: Progress, cancel: CancelToken) -> None:
    folder = known.path
    wanted = _wanted(folder, known, repository, token)
    check_free(folder, wanted.nbytes, "The download")
    _make(folder)
    _fetch(folder, wanted, Origin(repository, wanted.revision, _endpoint(), token), progress, cancel)


def _check_packages() -> None:
    if find_spec("huggingface_hub") is None:
        raise EngineError(
            "huggingface_hub is not installed, which the download needs.",
            hint='Run: pip install huggingface_hub (or "napari-sam3-assistant[sam3]", with all that SAM3 needs).',
        )
    there = version("huggingface_hub")
    if there.startswith("0."):
        raise EngineError(
            f"The download needs huggingface_hub 1.0 or newer; {there} is installed.",
            hint="Run: pip install --upgrade huggingface_hub.",
        )


def _check_folder(known: ModelFolder, repository: str) -> None:
    """Check, before anyone is asked, that the folder can be made and written to, and has room for what is known."""
    folder = place = known.path
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise SaveError(f"{folder} cannot be made: {place} is a file.", hint="Choose a folder of your own.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise SaveError(f"{place} may not be written to.", hint="Choose a folder of your own.")
    empty = repository == REPOSITORY and _endpoint() is None and not known.ready and not (folder / WEIGHTS).exists()
    check_free(folder, max(WEIGHTS_BYTES - fetch.begun(folder), 1) if empty else 1, "The download")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveError(
            f"The folder {folder} cannot be made: {error.strerror}.", hint="Choose a folder of your own."
        ) from error
    if not os.access(folder, os.W_OK):
        raise SaveError(f"{folder} may not be written to.", hint="Choose a folder of your own.")


def _wanted(folder: Path, known: ModelFolder, repository: str, token: str | None) -> Wanted:
    """Return which of the hub's files are wanted and not there yet."""
    from huggingface_hub import HfApi

    said = HfApi(endpoint=_endpoint()).model_info(repository, files_metadata=True, token=token)
    there = {one.rfilename: int(one.size or 0) for one in said.siblings or ()}
    if any(name not in there for name in NEEDED):
        raise EngineError(
            f"{repository} on the hub has no {' and '.join(name for name in NEEDED if name not in there)}.",
            hint=refusals.BY_HAND,
        )
    sizes = {name: there[name] for name in FILES if name in there and _is_wanted(folder, known, name)}
    return Wanted(sizes, fetch.begun(folder), said.sha or "main")


def _is_wanted(folder: Path, known: ModelFolder, name: str) -> bool:
    """Return whether a file is missing or damaged; what is whole is never replaced.

    Raises
    ------
    SaveError
        If a file of something else has its name.
    """
    path = folder / name
    if known.ready and name in NEEDED:  # its weights are whole, in Meta's form perhaps: words are what is missing
        return False
    if not path.exists():
        return True
    try:
        if name == WEIGHTS:
            foreign = kind_of(entries_of(path)) is not Kind.SAM3
        else:
            foreign = name.endswith(".json") and not isinstance(read_json(path), dict)
            foreign = foreign or (name == CONFIG and config_of(folder) is None)
    except ModelFolderError:
        return True
    if foreign:
        raise SaveError(
            f"There is another {name} in {folder}, not of SAM3; it is left as it is.", hint="Choose an empty folder."
        )
    return False


def _fetch(folder: Path, wanted: Wanted, origin: Origin, progress: Progress, cancel: CancelToken) -> None:
    total, done, pace = sum(wanted.sizes.values()), 0, Pace()
    for name, size in wanted.sizes.items():
        cancel.raise_if_cancelled()
        fetch.fetch(origin, name, folder, tell=partial(_tell, progress, pace, name, total, done), cancel=cancel)
        done += size
    with contextlib.suppress(OSError):
        (folder / PARTS).rmdir()


def _tell(progress: Progress, pace: Pace, name: str, total: int, before: int, count: int) -> None:
    done = before + count
    pace.note(done)
    progress(min(done / max(total, 1), 1.0), f"{name}: {gigabytes(done)} of {gigabytes(total)}{pace.words}")


def _endpoint() -> str | None:
    """Return the address of the hub, where it is another than usual. Read now: the package reads it once."""
    return (os.environ.get(ENDPOINT) or "").rstrip("/") or None


@contextmanager
def _explained(repository: str, has_token: bool) -> Iterator[None]:
    """Turn what the hub and the network raise into errors that say what to do."""
    hub = logging.getLogger("huggingface_hub")
    level = hub.level
    hub.setLevel(logging.ERROR)  # its warnings are about retries, and it would print them between ours
    try:
        yield
    except AssistantError:
        raise
    except Exception as error:
        raise refusals.explained(error, repository, has_token) from error
    finally:
        hub.setLevel(level)
