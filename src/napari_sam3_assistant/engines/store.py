"""Embeddings on disk: a folder of files, one for each embedding, bounded in bytes.

A file is a zip of one zarr group with an array for each part of the embedding, uncompressed: features hardly
compress. It is written under another name and renamed once it is whole, so that a file with the right name was
whole; the checksums that zip keeps tell where it was damaged later. The time of a file is that of its last use. Any
number of processes may use one folder at once. Files of others in it are left alone.

Called on any thread. zarr is imported when the first file is read or written.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import stat
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.engines.storing import FORM, Arrays, StoreOptions
from napari_sam3_assistant.engines.weights.amounts import SPARE, free_at

SUFFIX = ".zarr.zip"
OLD_S = 3600.0
"""An unfinished file is swept when nobody has written to it for so long, in seconds."""
_OWN = re.compile(r"[0-9a-f]{32}" + re.escape(SUFFIX))
_DRAFT = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{32}\.part")
_ALL = {"write_empty_chunks": True}
"""Has zarr write noughts too: what is not there is missing."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ELSEWHERE = "Choose another folder for embeddings, or leave them off. Work goes on without."

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """What a file holds: the arrays of an embedding, and height and width of its picture in pixels."""

    arrays: Arrays
    shape: tuple[int, int]


class Store:
    """The embeddings in a folder.

    Parameters
    ----------
    options : StoreOptions
    """

    def __init__(self, options: StoreOptions) -> None:
        self.folder, self.most_bytes = Path(os.path.expanduser(options.folder)), options.most_bytes

    def check(self) -> None:
        """Make the folder, and sweep what was never finished in it.

        Raises
        ------
        AssistantError
            If there can be no such folder, it cannot be written to, or zarr is not installed.
        """
        if find_spec("zarr") is None:
            raise AssistantError(
                "Embeddings are not kept: the Python that runs the engine has no zarr.",
                hint="Install it there: pip install zarr. Work goes on without.",
            )
        try:
            if str(self.folder).startswith("~"):
                raise NotADirectoryError(errno.ENOTDIR, "There is no such user")
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self._draft("0" * 32)
            probe.touch()
            probe.unlink()
        except ValueError as error:  # a zero in the name
            raise self.problem(NotADirectoryError()) from error
        except OSError as error:
            raise self.problem(error) from error
        for path, _, last_used in self._files(_DRAFT):
            if time.time() - last_used > OLD_S:
                _remove(path)

    def __contains__(self, key: str) -> bool:
        return os.path.isfile(self._path(key))

    def read(self, key: str) -> Stored | None:
        """Return the embedding of a key; None where there is none. One that is damaged is removed."""
        path = self._path(key)
        try:
            found = _read(path)
        except FileNotFoundError:
            return None
        except (ImportError, MemoryError, OSError) as error:  # nothing is wrong with the file as far as one can tell
            _log.warning("%s cannot be read now (%s).", path, error)
            return None
        except Exception as error:  # whatever zip, JSON or zarr make of damaged bytes: it can be made anew
            self.drop(key, f"{type(error).__name__}: {error}")
            return None
        _used(path)
        return found

    def write(self, key: str, embedding: Stored) -> bool:
        """Keep an embedding, give up older ones for it, and return whether it is there now.

        It is not where it is too large, or another process clears the folder meanwhile.

        Raises
        ------
        OSError
            If it cannot be written; nothing is left of it then.
        """
        size = sum(array.nbytes for array in embedding.arrays.values())
        if size > self.most_bytes:
            return False
        draft = self._draft(key)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)  # somebody may have removed it
            self.trim(self.most_bytes - size)
            if free_at(self.folder) < size + SPARE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            _write(draft, embedding)
            self._place(draft, key)
            self.trim(self.most_bytes)  # a file is a little larger than its arrays
        except FileNotFoundError as error:
            _log.info("%s is removed while it is written (%s).", draft, error)
            return False
        except BaseException:
            _remove(draft)
            raise
        return True

    def _place(self, draft: Path, key: str) -> None:
        """Give a finished file its name; where another process has made one, it is the same embedding."""
        try:
            os.replace(draft, self._path(key))
        except PermissionError:
            if key not in self:
                raise
            _remove(draft)  # Windows: somebody reads the other one

    def drop(self, key: str, why: str) -> None:
        """Remove an embedding that cannot be used, and log why."""
        _log.warning("The stored embedding %s is dropped: %s", self._path(key), why)
        _remove(self._path(key))

    def trim(self, most_bytes: int) -> None:
        """Give up the least recently used embeddings, of whatever form, until all take ``most_bytes`` at most."""
        files = sorted(self._files(_OWN), key=lambda file: file[2])
        total = sum(size for _, size, _ in files)
        for path, size, _ in files:
            if total <= most_bytes:
                return
            if _remove(path):
                total -= size

    def clear(self) -> int:
        """Remove all embeddings, finished or not, and return how many bytes that gave back."""
        return sum(size for pattern in (_OWN, _DRAFT) for path, size, _ in list(self._files(pattern)) if _remove(path))

    def totals(self) -> tuple[int, int]:
        """Return how many embeddings there are, and how many bytes they take."""
        sizes = [size for _, size, _ in self._files(_OWN)]
        return len(sizes), sum(sizes)

    def problem(self, error: OSError) -> AssistantError:
        """Return what a user is told of a failure to write."""
        if error.errno in _FULL:
            return AssistantError(
                f"No more embeddings are kept: the disk of {self.folder} is full, or no more is allowed there.",
                hint="Make room, or choose another folder or a smaller size. Work goes on without.",
            )
        if isinstance(error, (FileExistsError, NotADirectoryError)):
            return AssistantError(f"Embeddings are not kept: {self.folder} is no folder.", hint=_ELSEWHERE)
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            return AssistantError(f"Embeddings are not kept: {self.folder} cannot be written to.", hint=_ELSEWHERE)
        why = error.strerror or type(error).__name__
        return AssistantError(f"Embeddings are not kept in {self.folder}: {why}.", hint=_ELSEWHERE)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{SUFFIX}"

    def _draft(self, key: str) -> Path:
        return self.folder / f"{key}.{uuid.uuid4().hex}.part"

    def _files(self, pattern: re.Pattern[str]) -> Iterator[tuple[Path, int, float]]:
        """Yield path, size in bytes and time of last use of the files that are ours."""
        try:
            entries = list(os.scandir(self.folder))
        except (OSError, ValueError):  # gone, never made, or no name of a folder: there are none
            return
        for entry in entries:
            if not pattern.fullmatch(entry.name):
                continue
            try:
                seen = entry.stat(follow_symlinks=False)
            except OSError:  # another process has removed it
                continue
            if stat.S_ISREG(seen.st_mode):
                yield Path(entry.path), seen.st_size, seen.st_mtime


def default_folder() -> Path:
    """Return where embeddings are kept unless the user says: in the folder of this user's caches."""
    import platformdirs

    return platformdirs.user_cache_path("napari-sam3-assistant", appauthor=False) / "embeddings"


def _zarr() -> Any:
    """Return zarr; whatever is wrong with it is ImportError: no file is to blame."""
    try:
        import zarr
        import zarr.storage
    except Exception as error:  # such as ValueError, where it was built for another numpy
        raise ImportError(f"zarr cannot be imported ({type(error).__name__}).") from error
    if not hasattr(zarr, "create_group"):
        raise ImportError(f"zarr {zarr.__version__} is too old.")
    return zarr


def _write(path: Path, embedding: Stored) -> None:
    zarr = _zarr()
    about: dict[str, Any] = {"form": FORM, "shape": list(embedding.shape)}
    path.touch()  # what is in the way is said by the system: zarr would raise AttributeError
    with zarr.storage.ZipStore(path, mode="w") as store:
        group = zarr.create_group(store, attributes=about, zarr_format=3)
        for name, array in embedding.arrays.items():
            group.create_array(name, data=array, chunks=array.shape, compressors=None, config=_ALL)


def _read(path: Path) -> Stored:
    if not path.is_file():
        raise FileNotFoundError(path)
    zarr = _zarr()
    with zarr.storage.ZipStore(path, mode="r") as store:
        group = zarr.open_group(store, mode="r", zarr_format=3)
        if group.attrs["form"] != FORM:
            raise ValueError("it is of another form")
        height, width = group.attrs["shape"]
        found = dict(group.arrays())
        if any(array.nchunks_initialized != array.nchunks for array in found.values()):
            raise ValueError("a part is missing")  # zarr would take noughts for it
        arrays = {str(name): np.asarray(array[...]) for name, array in found.items()}
    return Stored(arrays, (int(height), int(width)))


def _used(path: Path) -> None:
    """Note that a file is used now; where that may not be, it is given up as if it were not."""
    try:
        os.utime(path)
    except OSError as error:
        _log.info("%s keeps the time of its last use (%s).", path, error)


def _remove(path: Path) -> bool:
    """Remove a file, and return whether it is gone; one that another process has open may stay (Windows)."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("%s could not be removed (%s).", path, error)
        return False
    return True
