"""A small SAM3 in Meta's form, made once by Meta's own builder; without its package the tests here are left out."""

import pytest

WHY = "Meta's package is in .venv-meta: make setup-meta, and run these with its Python"


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory):
    """The folder of a small random ``sam3.pt``, for all tests to read."""
    pytest.importorskip("sam3", reason=WHY)
    import torch

    torch.set_num_threads(1)  # on tensors this small threads only get in each other's way
    from tests.meta.small import make

    return make(tmp_path_factory.mktemp("meta") / "small")


@pytest.fixture(scope="session")
def model(small_folder):
    """It, loaded."""
    from napari_sam3_assistant.core.progress import CancelToken, no_progress
    from napari_sam3_assistant.engines.meta.model import load
    from napari_sam3_assistant.engines.weights.inspect import ModelFolder

    return load(ModelFolder.inspect(small_folder), "cpu", progress=no_progress, cancel=CancelToken())


@pytest.fixture(scope="session")
def engine(small_folder):
    """An engine with it, loaded."""
    from napari_sam3_assistant.core.progress import CancelToken, no_progress
    from tests.meta.small import small_engine

    made = small_engine(small_folder, device="cpu")
    made.load(progress=no_progress, cancel=CancelToken())
    yield made
    made.close()


@pytest.fixture(scope="session")
def features(model):
    """What Meta's tracker takes of each frame of a small film."""
    from tests.meta.films import features_of, film

    return [features_of(model, frame) for frame in film()]


@pytest.fixture(scope="session")
def encoded(features):
    """Embeddings of them."""
    from tests.meta.films import shown

    return [shown(one) for one in features]


@pytest.fixture
def session(model):
    """A session of objects, without an engine round it."""
    from napari_sam3_assistant.engines.meta.video import ObjectsSession

    session = ObjectsSession(lambda embedding: (model, embedding), "Use points, a box or a mask.")
    yield session
    session.close()
