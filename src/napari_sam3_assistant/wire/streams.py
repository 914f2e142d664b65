"""zlib's streams of data that begin and end with many zeros, as the masks of small objects on large pictures do."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

BLOCK = 2**16
"""So many zeros were compressed beforehand; what is left of them is compressed with the rest."""
_HEADER, _END = b"\x78\x01", b"\x03\x00"
_ADLER = 65521


def compressed(data: npt.NDArray[np.uint8], first: int, last: int) -> bytes:
    """Return ``data`` as a zlib stream, in a time that goes with ``last - first``.

    Parameters
    ----------
    data : ndarray of shape (N,), uint8
    first, last : int
        All is 0 but ``data[first:last]``.

    Notes
    -----
    RFC 1950 and 1951: blocks that end with a full flush refer to nothing before them, so they can be put together
    like bricks, and n zeros add n times the low half of the Adler-32 checksum to its high half.
    """
    before, after = first // BLOCK, (len(data) - last) // BLOCK
    middle = data[before * BLOCK : len(data) - after * BLOCK].data
    checksum = _with_zeros(zlib.adler32(middle, _with_zeros(1, before)), after)
    return b"".join((_HEADER, _ZEROS * before, _brick(middle), _ZEROS * after, _END, struct.pack(">I", checksum)))


def _brick(data: bytes | memoryview) -> bytes:
    # Z_RLE is twice as fast on masks as what else there is.
    stream = zlib.compressobj(1, wbits=-zlib.MAX_WBITS, strategy=zlib.Z_RLE)
    return stream.compress(data) + stream.flush(zlib.Z_FULL_FLUSH)


def _with_zeros(checksum: int, blocks: int) -> int:
    low, high = checksum & 0xFFFF, checksum >> 16
    return (high + blocks * BLOCK * low) % _ADLER << 16 | low


_ZEROS = _brick(bytes(BLOCK))
