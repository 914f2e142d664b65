from collections.abc import Callable

import pytest

from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine


@pytest.fixture
def count_encodes(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return a function that tells how often the built-in engine has encoded."""
    count, encode = [0], BuiltinEngine.encode

    def counted(self, image, **more):
        count[0] += 1
        return encode(self, image, **more)

    monkeypatch.setattr(BuiltinEngine, "encode", counted)
    return lambda: count[0]
