"""A small SAM3, made once, in a folder as users have it; without torch the tests here are left out."""

from __future__ import annotations

import pytest

WHY = "SAM3 needs torch and transformers: pip install 'napari-sam3-assistant[sam3]'"


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """The folder of a small random model, for all tests to read."""
    torch = pytest.importorskip("torch", reason=WHY)
    pytest.importorskip("transformers", reason=WHY)
    torch.set_num_threads(1)  # on tensors this small threads only get in each other's way
    from tests.engines.sam3.tiny import make

    return make(tmp_path_factory.mktemp("sam3") / "tiny")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Measurements of this machine stay out of the user's folder, and are made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """Nothing has been measured yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def engine(tiny_folder):
    """A loaded engine that answers as transformers does where Meta's package differs in the masks (no holes filled)."""
    from napari_sam3_assistant.core.progress import CancelToken, no_progress
    from napari_sam3_assistant.engines.sam3.image import Sam3Engine

    made = Sam3Engine(tiny_folder, device="cpu", precision="float32", hole_area=0)
    made.load(progress=no_progress, cancel=CancelToken())
    yield made
    made.close()


@pytest.fixture(scope="session")
def exact(tiny_folder):
    """A loaded engine that rounds as transformers does, by the same products: trackers make much of little."""
    from napari_sam3_assistant.engines.sam3 import precision
    from tests.engines.sam3.asking import loaded

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "on_cpu", lambda wanted: precision.Way("float32"))
        made = loaded(tiny_folder)
    yield made
    made.close()


@pytest.fixture(scope="session")
def frames():
    """A film of three discs."""
    from tests.engines.sam3.films import film

    return film()


@pytest.fixture(scope="session")
def encoded(exact, frames):
    """Its frames, each encoded once."""
    from tests.engines.sam3.asking import encode

    return [encode(exact, frame) for frame in frames]
