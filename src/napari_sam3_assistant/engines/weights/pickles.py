"""What a pickle of tensors says, read without running anything.

A pickle can ask for any function to be called. The one that reads here knows the few names that a plain
dictionary of tensors needs, each standing for a record of ours, and refuses the rest.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from napari_sam3_assistant.engines.weights.files import Entry

_STORAGES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "ComplexFloatStorage": "C64",
}
# All that pickles of numbers, texts, lists, tuples and dictionaries consist of.
_PLAIN = """PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1
    FLOAT BINFLOAT UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 STRING BINSTRING SHORT_BINSTRING BINBYTES
    SHORT_BINBYTES EMPTY_LIST APPEND APPENDS LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT DICT SETITEM
    SETITEMS GET BINGET LONG_BINGET PUT BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL REDUCE BUILD BINPERSID"""
_OPCODES = frozenset(_PLAIN.split())


@dataclass(frozen=True, slots=True)
class Storage:
    """The bytes of tensors: ``key`` names them in the archive."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor of an archive: ``offset`` and ``strides`` count values of its storage."""

    storage: Storage
    entry: Entry
    offset: int
    strides: tuple[int, ...]


class Forbidden(Exception):
    """A pickle asks for something that no dictionary of tensors needs."""


class _Reader(pickle.Unpickler):
    """Reads a pickle whose every name stands for something of ours."""

    def __init__(self, table: bytes, storage: Callable[[Any], Storage]) -> None:
        super().__init__(io.BytesIO(table), encoding="utf-8")
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        known = _KNOWN.get((module, name))
        if known is None:
            raise Forbidden(f"{module}.{name}")
        return known

    def persistent_load(self, said: Any) -> Storage:
        return self._storage(said)


def _tensor(storage: Any, offset: int, shape: Any, strides: Any, *_: object) -> Stored:
    """Stand in for the function of torch that makes a tensor of a storage."""
    shape, strides = tuple(map(int, shape)), tuple(map(int, strides))
    if type(storage) is not Storage or len(shape) != len(strides) or min((offset, *shape, *strides)) < 0:
        raise ValueError(storage)
    last = offset + sum((length - 1) * step for length, step in zip(shape, strides, strict=True))
    if 0 not in shape and (last >= storage.count or math.prod(shape) > storage.count):
        raise ValueError(storage)
    return Stored(storage, Entry(storage.dtype, shape), int(offset), strides)


def _parameter(tensor: object, *_: object) -> object:
    """Stand in for the function of torch that makes a parameter of a tensor."""
    return tensor


def _nothing(*_: object) -> None:
    """Stand in for what says nothing about the tensors."""


_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch", "Size"): _nothing,
    ("torch", "device"): _nothing,
}


def read(table: bytes, storage: Callable[[Any], Storage]) -> object:
    """Return what the pickle ``table`` holds, with :class:`Stored` in place of tensors.

    Parameters
    ----------
    table : bytes
        The pickle.
    storage : callable
        Returns the storage that the pickle describes by what it is given.

    Raises
    ------
    Forbidden
        If it asks for something to be run.
    Exception
        Of any kind, if it is damaged.
    """
    _check_opcodes(table)
    return _Reader(table, storage).load()


def _check_opcodes(table: bytes) -> None:
    """Check what a pickle consists of, before it is read: it may also be made to fill the memory."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(table), 1):
        if opcode.name not in _OPCODES:
            raise Forbidden(opcode.name)
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > count:
            raise Forbidden(opcode.name)


def tensors_in(contents: object) -> dict[str, Stored]:
    """Return the tensors of a dictionary; of that under ``"model"`` where there is one."""
    for _ in range(2):
        if not isinstance(contents, dict):
            return {}
        found = {key: one for key, one in dict.items(contents) if isinstance(key, str) and isinstance(one, Stored)}
        if found:
            return found
        contents = dict.get(contents, "model", dict.get(contents, "state_dict"))
    return {}
