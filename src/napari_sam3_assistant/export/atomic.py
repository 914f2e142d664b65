"""Files, and folders that are one file to a user, that are there whole or not at all.

One is written under another name in its folder, brought to the disk and then given its
name. Whatever fails on the way, what was there before stays as it was, and no rest remains.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from napari_sam3_assistant.core.errors import SaveError

# What os.link says where the file system (FAT, some network shares) has no hard links.
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_FOLDER = {errno.ENOENT, errno.ENOTDIR}
REMOVE_TRIES, REMOVE_PAUSE_S = 40, 0.05


def write_file(path: Path, write: Callable[[BinaryIO], object], *, overwrite: bool = False) -> Path:
    """Write a file at once and return its path.

    Parameters
    ----------
    path : Path
        Where it shall stand. Its folder must be there.
    write : callable
        Writes the content into the binary file it is given, which can seek.
    overwrite : bool
        Whether a file that is there already may be replaced. If not, it stays, even where it
        appears while this one is being written.

    Raises
    ------
    SaveError
        If the file is there already, or cannot be written.
    """
    if not overwrite and os.path.lexists(path):
        raise exists_error(path)
    draft = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(draft, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            os.replace(draft, path)
        else:
            _name(draft, path)
    except OSError as error:
        raise save_error(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    _settle(path.parent)
    return path


def write_folder(path: Path, write: Callable[[Path], object], *, overwrite: bool = False) -> Path:
    """Make a folder with all that is in it at once and return its path.

    Parameters
    ----------
    path : Path
        Where it shall stand. The folder that holds it must be there.
    write : callable
        Writes the content into the empty folder it is given.
    overwrite : bool
        Whether what has that name already may be replaced; it stays until the new one is complete.

    Raises
    ------
    SaveError
        If something has that name already, or it cannot be written.
    """
    if not overwrite and os.path.lexists(path):
        raise exists_error(path)
    draft = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        draft.mkdir()
        write(draft)
        _settle_all(draft)
        if overwrite and os.path.lexists(path):
            _replace(path, draft)
        else:
            os.rename(draft, path)
    except OSError as error:
        raise save_error(path, error) from error
    finally:
        _remove(draft)
    _settle(path.parent)
    return path


def _remove(draft: Path) -> None:
    """Remove a folder that was not finished, if it is there.

    Threads of a writer that failed may write into it for a moment longer, and make it again.
    """
    for _ in range(REMOVE_TRIES):
        if not os.path.lexists(draft):
            return
        shutil.rmtree(draft, ignore_errors=True)
        time.sleep(REMOVE_PAUSE_S)


def _replace(path: Path, draft: Path) -> None:
    """Put a finished folder in the place of what is there, which comes back if that fails."""
    old = path.with_name(f".{secrets.token_hex(8)}.part")
    os.rename(path, old)
    try:
        os.rename(draft, path)
    except OSError:
        os.rename(old, path)
        raise
    if old.is_dir() and not old.is_symlink():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.unlink()


def save_error(path: Path, error: OSError) -> SaveError:
    """Return ``error``, met while ``path`` was written, as one that says what to do now."""
    name, folder = path.name, path.parent
    if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
        return exists_error(path)
    if error.errno in _FULL:
        return SaveError(f"The disk is full; {name} was not saved.", hint="Free some space or choose another folder.")
    if error.errno in _FORBIDDEN:
        return SaveError(f"{folder} may not be written to; {name} was not saved.", hint="Choose another folder.")
    if error.errno in _NO_FOLDER:
        return SaveError(
            f"There is no folder {folder}; {name} was not saved.", hint="Make it, or choose another folder."
        )
    if error.errno == errno.EFBIG:
        return SaveError(f"{name} would be larger than this disk allows.", hint="Choose another folder.")
    if error.errno == errno.EISDIR:
        return SaveError(f"{name} is a folder.", hint="Choose another file name.")
    if error.errno == errno.ENAMETOOLONG:
        return SaveError("The file name is too long for this disk.", hint="Choose a shorter one.")
    reason = error.strerror or str(error) or type(error).__name__
    return SaveError(
        f"{name} was not saved: {reason}.",
        hint="Check the disk and its free space, or choose another folder.",
    )


def exists_error(path: Path) -> SaveError:
    """Return what is said where ``path`` may not be replaced."""
    return SaveError(
        f"{path.name} is there already.",
        hint="Choose another file name, or allow it to be replaced.",
        in_shell="Choose another folder or name, or give --overwrite.",
    )


def _name(draft: Path, path: Path) -> None:
    """Give the finished file its name, unless something has that name by now."""
    try:
        os.link(draft, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    else:
        return
    # Without links: take the name with an empty file, which fails where another one has it, and replace that.
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    try:
        os.replace(draft, path)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _settle_all(folder: Path) -> None:
    """Bring every file of a folder to the disk; a disk that is full may say so only then."""
    for parent, _, files in os.walk(folder):
        for name in files:
            with open(os.path.join(parent, name), "rb+") as file:
                os.fsync(file.fileno())


def _settle(folder: Path) -> None:
    """Bring the folder's new entry to the disk, where the system can do that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
