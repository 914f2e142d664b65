"""The journal that a process writes: appended to, and written anew where most of it is out of date."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.core.fingerprints import Fingerprint
from napari_sam3_assistant.export import journal
from napari_sam3_assistant.export.appended import AppendedFile
from napari_sam3_assistant.export.atomic import save_error, write_file
from napari_sam3_assistant.export.journal import KeptObject, Stored
from napari_sam3_assistant.export.journal_folder import Claim

logger = logging.getLogger(__name__)
CHUNK = 2**16
"""Records are handed to the system once so many bytes of them are there, and at the end."""
ROOM = 2**20
"""A journal is written anew once what is out of date takes so many bytes more than what counts."""


class Journal:
    """A journal in use. All but :meth:`sync` is called on one thread.

    Parameters
    ----------
    path : Path
        One that is there already, left by this process, is gone on with. Nothing is made before there is something
        to write.
    clock : callable
        Seconds since 1970, for the records.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path, self._clock = path, clock
        self._pictures: tuple[Fingerprint, ...] = ()
        self._sizes: dict[int, int] = {}
        self._file: AppendedFile | None = None
        self._claim: Claim | None = None

    def open(self) -> dict[int, Stored]:
        """Return the objects that are in the file already; makes it where it is not there, and locks it.

        Raises
        ------
        SaveError
            If it cannot be written, or another process writes it.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            reason = f"The folder {self.path.parent} cannot be made: {error.strerror}."
            raise SaveError(reason, hint="Make it, or name another one.") from error
        try:
            self._claim = Claim.take(self.path)
            if self._claim is None:
                raise SaveError(f"Another napari writes {self.path.name}.", hint="Close that one.")
            found = journal.read(self.path) if self.path.exists() else journal.Content()
            self._pictures = found.pictures
            self._sizes = {id: len(one.raw) for id, one in found.objects.items()}
            self._file = AppendedFile(self.path, found.end)
            if not found.end:
                self._file.append(journal.MAGIC)
        except OSError as error:
            self._let_go()
            raise save_error(self.path, error) from error
        except SaveError:
            self._let_go()
            raise
        return found.objects

    @property
    def opened(self) -> bool:
        """Whether the file is there and locked."""
        return self._file is not None

    def of(self, pictures: Sequence[Fingerprint]) -> None:
        """Say of which picture it is; what was said before counts too.

        Raises
        ------
        SaveError
            If that cannot be written.
        """
        known = (*self._pictures, *(one for one in pictures if one not in self._pictures))
        if known == self._pictures:
            return
        first, self._pictures = not self._pictures, known
        if first and not self._sizes:
            self.write([journal.pictures_record(known)])
        else:
            self._write_anew()

    def put(self, made: Iterable[KeptObject]) -> Iterator[int]:
        """Append objects; yields their numbers once the system has them.

        Raises
        ------
        SaveError
            If one cannot be written; those whose numbers were told are.
        """
        waiting: dict[int, bytes] = {}
        for one in made:
            waiting[one.id] = journal.object_record(one, self._clock())
            if sum(map(len, waiting.values())) >= CHUNK:
                yield from self._put(waiting)
                waiting = {}
        yield from self._put(waiting)

    def _put(self, records: dict[int, bytes]) -> list[int]:
        self.write(records.values())
        self._sizes |= {id: len(record) for id, record in records.items()}
        return list(records)

    def drop(self, ids: Sequence[int]) -> None:
        """Say that objects are in the journal no longer; without any, it is removed.

        Raises
        ------
        SaveError
            If that cannot be written.
        """
        gone = set(ids)
        left = {id: size for id, size in self._sizes.items() if id not in gone}
        if left:
            self.write([journal.gone_record(ids)])
        self._sizes = left

    def write(self, records: Iterable[bytes]) -> None:
        """Append records.

        Raises
        ------
        SaveError
            If that fails; what was there before is as it was.
        """
        data = b"".join(records)
        if self._file is None:
            raise SaveError(f"{self.path.name} is not open.", hint="Save the accepted objects.")
        if data:
            self._file.append(data)

    def tidy(self) -> None:
        """Remove the file where it holds nothing, and write it anew where most of it is out of date."""
        if self._file is None:
            return
        if not self._sizes:
            self.close()
        elif self._file.size > 2 * sum(self._sizes.values()) + ROOM:
            try:
                self._write_anew()
            except SaveError as error:
                logger.warning("A journal could not be written anew: %s", error)

    def sync(self) -> None:
        """Bring what was written to the disk itself. Callable from any thread; may take long."""
        file = self._file
        if file is not None:
            file.sync()

    def close(self) -> None:
        """Let go of the file; it stays where it holds objects."""
        if self._file is None:
            return
        if self._sizes:
            self.sync()
        self._let_go()

    # -- the file ---------------------------------------------------------------------------------

    def _write_anew(self) -> None:
        """Write what counts under another name, and give it this one's place.

        Raises
        ------
        SaveError
            If that fails; the file is as it was.
        """
        try:
            objects = journal.read(self.path).objects
        except OSError as error:
            raise save_error(self.path, error) from error
        kept = [one.raw for id, one in objects.items() if id in self._sizes]
        data = b"".join([journal.MAGIC, journal.pictures_record(self._pictures), *kept])
        self._close_file()
        try:
            write_file(self.path, lambda file: file.write(data), overwrite=True)
        finally:
            self._open_file()

    def _open_file(self) -> None:
        try:
            self._file = AppendedFile(self.path, self.path.stat().st_size)
        except OSError as error:
            raise save_error(self.path, error) from error

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _let_go(self) -> None:
        self._close_file()
        if not self._sizes and self._claim is not None:
            with contextlib.suppress(OSError):  # an empty journal is offered to nobody
                self.path.unlink(missing_ok=True)
        if self._claim is not None:
            self._claim.let_go()
            self._claim = None
