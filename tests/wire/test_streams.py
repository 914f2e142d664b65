import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam3_assistant.wire import streams
from napari_sam3_assistant.wire.streams import BLOCK, compressed

LENGTHS = st.sampled_from((0, 1, 99, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7))


@given(LENGTHS, LENGTHS, LENGTHS)
def test_a_stream_reads_as_the_data_wherever_its_zeros_are(before, between, after):
    data = np.zeros(before + between + after, np.uint8)
    data[before : before + between] = 255

    assert zlib.decompress(compressed(data, before, before + between)) == data.tobytes()


@pytest.mark.parametrize("at", [0, 40 * BLOCK, 99 * BLOCK])
def test_zeros_around_a_small_object_are_not_compressed_again(monkeypatch, at):
    sizes = []
    brick = streams._brick
    monkeypatch.setattr(streams, "_brick", lambda data: sizes.append(len(data)) or brick(data))

    compressed(np.zeros(100 * BLOCK, np.uint8), at, at + 1000)

    assert sum(sizes) <= 3 * BLOCK
