"""A viewer without a window: everything here works on napari's own model."""

import pytest
from napari.components import ViewerModel


@pytest.fixture
def viewer():
    return ViewerModel()
