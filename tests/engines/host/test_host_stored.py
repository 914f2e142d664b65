"""Embeddings that stay, of an engine in a process of its own: read and written there."""

from __future__ import annotations

import pytest

from napari_sam3_assistant.engines.host import HostedEngine
from napari_sam3_assistant.engines.store import SUFFIX
from napari_sam3_assistant.engines.storing import StoreOptions
from tests.engines.host.conftest import gone, until
from tests.engines.host.odd import load
from tests.engines.storing import FACTORY, SLOW_FACTORY, encode, picture


@pytest.fixture
def plain():
    """Return a function that makes a hosted engine whose embeddings stay, loaded; all are closed at the end."""
    made = []

    def make(folder, factory=FACTORY, **more):
        engine = HostedEngine(factory, name="plain", title="Plain", embeddings=StoreOptions(folder), **more)
        made.append(engine)
        return load(engine)

    yield make
    for engine in made:
        engine.close()


def test_another_process_finds_what_the_first_one_has_encoded(plain, tmp_path):
    first = plain(tmp_path)
    encode(first, picture())
    first.close()
    until(lambda: list(tmp_path.glob(f"*{SUFFIX}")))  # it goes on for that, if need be, and nobody waits for it
    told = []

    second = plain(tmp_path)
    found = encode(second, picture(), lambda *said: told.append(said))

    assert (1.0, "Read from disk") in told and found.shape == (40, 50)
    assert (second.stored.found, second.stored.encoded) == (1, 0)


def test_what_is_written_slowly_is_still_written_and_the_process_ends_then(plain, tmp_path):
    engine = plain(tmp_path, SLOW_FACTORY)
    encode(engine, picture())
    pid = engine.pid

    engine.close()

    assert not list(tmp_path.glob(f"*{SUFFIX}"))
    until(lambda: list(tmp_path.glob(f"*{SUFFIX}")))
    until(lambda: gone(pid))


def test_a_folder_that_cannot_be_is_told_once_and_pictures_are_encoded(plain, tmp_path):
    (tmp_path / "file").write_text("")
    problems = []
    engine = plain(tmp_path / "file", on_problem=problems.append)

    for seed in range(3):
        encode(engine, picture(seed))

    assert [one.message for one in problems] == [f"Embeddings are not kept: {tmp_path / 'file'} is no folder."]
    assert engine.stored.encoded == 3
