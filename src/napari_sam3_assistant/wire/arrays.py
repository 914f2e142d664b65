"""Values as bytes for another process of this machine; large arrays through memory that both see.

That memory has no name in the file system: the system takes it back when the last of the
two processes ends, however it ends.
"""

from __future__ import annotations

import mmap
import os
import pickle
import secrets
import sys
import tempfile
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

LARGE = 1 << 17
"""From how many bytes, all its arrays together, a message's arrays go through shared memory."""
KEPT = 1 << 24
"""How much shared memory stays for the next message, in bytes: room for an image of 2,048 pixels a side."""

_OURS = ("napari_sam3_assistant", "numpy")


class Pad:
    """Memory that two processes see. One writes, says so, and the other reads; never both at once.

    Parameters
    ----------
    ticket : str
        What :attr:`ticket` of the other process's pad says; empty makes a new one.

    Attributes
    ----------
    ticket : str
        What the other process needs to see the same memory.
    inherit : tuple of int
        File descriptors that the other process has to inherit, under the same numbers.

    Notes
    -----
    ``multiprocessing.shared_memory`` is not used: its blocks have names, which outlive a process that
    is killed unless a third process takes care; in a container they share 64 MB, and who writes beyond
    is ended by a signal.
    """

    def __init__(self, ticket: str = "") -> None:
        self._writes = 0
        self._map: mmap.mmap | None = None
        if sys.platform == "win32":
            self.ticket, self.inherit = ticket or f"napari-sam3-assistant-{secrets.token_hex(16)}", ()
        else:
            self._file = int(ticket) if ticket else _unnamed()
            self.ticket, self.inherit = str(self._file), (self._file,)

    def write(self, parts: Sequence[memoryview]) -> str:
        """Put ``parts`` into the memory, one after the other, and return where; what was there is gone.

        Raises
        ------
        OSError
            If there is not that much memory.
        """
        self._writes += 1
        where = f"{self.ticket}-{os.getpid()}-{self._writes}"
        shared = self._opened(where, sum(part.nbytes for part in parts), to_write=True)
        start = 0
        for part in parts:
            shared[start : start + part.nbytes] = part
            start += part.nbytes
        return where

    def read(self, where: str, sizes: Sequence[int]) -> list[npt.NDArray[np.uint8]]:
        """Return copies of the parts of ``sizes`` bytes that the other process has put there.

        Raises
        ------
        OSError, ValueError
            If there is less.
        """
        with memoryview(self._opened(where, sum(sizes), to_write=False)) as seen:
            ends = np.cumsum(sizes)
            return [np.array(seen[end - size : end], np.uint8) for end, size in zip(ends, sizes, strict=True)]

    def empty(self) -> None:
        """Give the memory back to the system, but for :data:`KEPT` bytes; the pad can be written again."""
        if self._map is not None and (sys.platform == "win32" or len(self._map) > KEPT):
            self._unmap()
            if sys.platform != "win32":
                os.ftruncate(self._file, 0)

    def close(self) -> None:
        """Give back everything on this side. A second call does nothing."""
        self._unmap()
        if sys.platform != "win32" and self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _unmap(self) -> None:
        if self._map is not None:
            self._map.close()
            self._map = None

    def _opened(self, where: str, size: int, *, to_write: bool) -> mmap.mmap:
        """Return the memory, at least ``size`` bytes of it; it stays open, since opening it costs most."""
        if sys.platform == "win32":
            self._unmap()
            self._map = mmap.mmap(-1, size, tagname=where)
            return self._map
        if os.fstat(self._file).st_size < size:
            if not to_write:  # to touch what is not there would end this process
                raise ValueError(f"there are less than {size} bytes")
            os.ftruncate(self._file, size)
        if self._map is None or len(self._map) < size:
            self._unmap()
            self._map = mmap.mmap(self._file, size)
        return self._map


def _unnamed() -> int:
    """Return a file that has no name: in memory on Linux, else among the temporary ones."""
    if sys.platform == "linux":
        return os.memfd_create("napari-sam3-assistant")
    else:
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())


def pack(value: object, pad: Pad, large: int = LARGE) -> bytes:
    """Return a message that :func:`unpack` turns into ``value`` in the other process.

    Parameters
    ----------
    value : object
        Anything that can be pickled.
    pad : Pad
        Holds the arrays of ``value`` from ``large`` bytes, until the next message.
    large : int
        In bytes.

    Raises
    ------
    OSError
        If memory for the arrays cannot be had.
    """
    parts: list[memoryview] = []
    body = pickle.dumps(value, protocol=5, buffer_callback=lambda part: parts.append(part.raw()))
    sizes = [part.nbytes for part in parts]
    if sum(sizes) >= max(large, 1):
        return pickle.dumps((body, sizes, pad.write(parts), ()), protocol=5)
    return pickle.dumps((body, sizes, "", [bytes(part) for part in parts]), protocol=5)


def unpack(message: bytes, pad: Pad, loads: Callable[..., Any] = pickle.loads) -> Any:
    """Return the value of a message. Its arrays are its own: the pad may be written again.

    Parameters
    ----------
    message : bytes
        From :func:`pack`.
    pad : Pad
        The one that belongs to the sender's.
    loads : callable
        :func:`pickle.loads`, or :func:`known` where nothing may be imported.
    """
    body, sizes, where, inline = pickle.loads(message)
    parts = pad.read(where, sizes) if where else [bytearray(part) for part in inline]
    return loads(body, buffers=parts)


def known(data: bytes, *, buffers: Sequence[object] = ()) -> Any:
    """Return what was pickled, importing nothing but numpy, this package and Python's own modules.

    Raises
    ------
    pickle.UnpicklingError
        If it holds an object of a module that is not loaded in this process, such as a tensor.
    """
    return _Known(BytesIO(data), buffers=buffers).load()


class _Known(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        first = module.partition(".")[0]
        if module in sys.modules or first in _OURS or first in sys.stdlib_module_names:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not known in this process")
