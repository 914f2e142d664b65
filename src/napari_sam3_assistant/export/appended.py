"""A file that only grows: what was appended is with the system at once, so it outlives the process."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from pathlib import Path

from napari_sam3_assistant.export.atomic import save_error

logger = logging.getLogger(__name__)


class AppendedFile:
    """A file that is appended to. All but :meth:`sync` is called on one thread.

    Parameters
    ----------
    path : Path
        Made if it is not there.
    end : int
        So many bytes of it are kept: what follows is half a record.

    Raises
    ------
    OSError
        If it cannot be opened.
    """

    def __init__(self, path: Path, end: int) -> None:
        self._path = path
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115  # held until close
        self._lock = threading.Lock()
        self._dirty = False
        try:
            self._file.truncate(end)
        except OSError:
            self._file.close()
            raise

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self._file.seek(0, os.SEEK_END)

    def append(self, data: bytes) -> None:
        """Write ``data`` at its end.

        Raises
        ------
        SaveError
            If that fails; what was there before is as it was.
        """
        good = self.size
        try:
            self._write(data)
        except OSError as error:
            with contextlib.suppress(OSError):  # what is left of the record is passed over when it is read
                self._file.truncate(good)
            raise save_error(self._path, error) from error
        self._dirty = True

    def sync(self) -> None:
        """Bring what was written to the disk itself. Callable from any thread; may take long."""
        with self._lock:
            handle = os.dup(self._file.fileno()) if not self._file.closed and self._dirty else None
            self._dirty = False
        if handle is None:
            return
        try:
            os.fsync(handle)
        except OSError as error:
            logger.warning("%s was not brought to the disk: %s", self._path.name, error)
        finally:
            os.close(handle)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._file.close()
