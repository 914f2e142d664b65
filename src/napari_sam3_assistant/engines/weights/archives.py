"""What is in a ``.pt`` file, read without torch and without running anything.

Such a file is a zip archive: the bytes of each tensor, stored as they are, and a pickle that says which
tensor is where.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import ModelFolderError
from napari_sam3_assistant.engines.weights import pickles
from napari_sam3_assistant.engines.weights.files import GET_AGAIN, SIZES, half, unreadable
from napari_sam3_assistant.engines.weights.pickles import Storage, Stored

_LONGEST = 64_000_000
_SAFE = "Do not open it elsewhere, and get sam3.pt from huggingface.co/facebook/sam3."

# Whole numbers as wide as a value: bfloat16 is no type of numpy's, and values are moved, not read.
_RAW: dict[int, np.dtype[Any]] = {1: np.dtype("u1"), 2: np.dtype("<u2"), 4: np.dtype("<u4"), 8: np.dtype("<u8")}


class Archive:
    """A ``.pt`` file, opened for reading. Close it, or use it in ``with``.

    Attributes
    ----------
    tensors : mapping of str to Stored
        By name, also where they stand under ``"model"`` in the file.

    Raises
    ------
    ModelFolderError
        If it is no such file, is damaged, or asks for code to be run.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            raise half(path.name, path.stat().st_size, None) from error
        except OSError as error:
            raise unreadable(path, error) from error
        try:
            self.tensors: Mapping[str, Stored] = self._read()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Arrays of it stay valid."""
        self._zip.close()

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return a tensor as whole numbers of its width, read when looked at. Its CRC is checked first.

        Raises
        ------
        ModelFolderError
            If its bytes are damaged.
        """
        one = self.tensors[name]
        wide = SIZES[one.storage.dtype]
        raw = self._record(one.storage)
        values = raw[: one.storage.count * wide].view(_RAW[wide])[one.offset :]
        return np.lib.stride_tricks.as_strided(
            values, one.entry.shape, [step * wide for step in one.strides], writeable=False
        )

    def check(self, name: str) -> Iterator[int]:
        """Compare the bytes of a tensor with the file's checksum; yields how many were read at each step.

        Raises
        ------
        ModelFolderError
            If they differ.
        """
        storage = self.tensors[name].storage
        if not self._has_checksums:
            return
        raw, crc, step = self._record(storage), 0, 1 << 24
        for start in range(0, len(raw), step):
            piece = raw[start : start + step].data
            crc = zlib.crc32(piece, crc)
            yield len(piece)
        if crc != self._zip.getinfo(f"{self._root}data/{storage.key}").CRC:
            raise self._damaged(f"the checksum of {name} is wrong")

    def _read(self) -> dict[str, Stored]:
        found = [info for info in self._zip.infolist() if info.filename.split("/", 1)[-1] == "data.pkl"]
        if len(found) != 1:
            raise self._damaged("it is no file of torch")
        self._root = found[0].filename[: -len("data.pkl")]
        if found[0].file_size > _LONGEST:
            raise self._damaged("its table of contents is too long")
        table = self._bytes(found[0]).tobytes()
        self._has_checksums = zlib.crc32(table) == found[0].CRC  # torch can be told to leave them out
        return pickles.tensors_in(self._contents(table))

    def _contents(self, table: bytes) -> object:
        """Return what the pickle ``table`` says, with records of ours for tensors."""
        try:
            return pickles.read(table, self._storage)
        except pickles.Forbidden as error:
            raise ModelFolderError(
                f"The file {self._path.name} asks for {error} to be run when it is opened, which may do harm;"
                " nothing of it was run.",
                hint=_SAFE,
            ) from error
        except ModelFolderError:
            raise
        except Exception as error:  # a damaged pickle makes the reader raise anything
            raise self._damaged("its table of contents cannot be read") from error

    def _storage(self, said: Any) -> Storage:
        kind, dtype, key, _, count = said
        if kind != "storage" or not isinstance(dtype, str) or not isinstance(key, str):
            raise ValueError(said)
        info = self._zip.getinfo(f"{self._root}data/{key}")
        if int(count) < 0 or info.file_size < int(count) * SIZES[dtype]:
            raise ValueError(said)
        return Storage(key, dtype, int(count))

    def _record(self, storage: Storage) -> npt.NDArray[Any]:
        return self._bytes(self._zip.getinfo(f"{self._root}data/{storage.key}"))

    def _bytes(self, info: zipfile.ZipInfo) -> npt.NDArray[Any]:
        """Return the bytes of a record, mapped into memory."""
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise self._damaged("torch packs nothing, and this is packed")
        if info.file_size == 0:
            return np.empty(0, np.uint8)
        with open(self._path, "rb") as file:
            file.seek(info.header_offset)
            local = file.read(30)
        if len(local) < 30 or local[:4] != b"PK\x03\x04":
            raise self._damaged("a part of it is not where it should be")
        start = (
            info.header_offset + 30 + int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
        )
        if start + info.file_size > self._path.stat().st_size:
            raise self._damaged("a part of it is missing")
        return np.memmap(self._path, np.uint8, "r", start, (info.file_size,))

    def _damaged(self, how: str) -> ModelFolderError:
        return ModelFolderError(f"The file {self._path.name} is damaged: {how}.", hint=GET_AGAIN)
