"""The seed's path over a real socket, with the engine that needs no model."""

import numpy as np

from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from tests.server.pictures import SQUARES, mask_in


def test_a_click_on_a_square_gives_its_mask(serving):
    with serving(BuiltinEngine()) as server, server.client() as client:
        assert client.created["type"] == "session_created"
        loaded = client.ask("init", image=SQUARES)
        assert (loaded["type"], loaded["width"], loaded["height"]) == ("image_loaded", 128, 128)

        added = client.ask("click", x=30, y=40, label=1)
        result = client.receive()

    assert (added["type"], added["total_points"]) == ("point_added", 1)
    assert (result["type"], result["num_points"]) == ("segmentation_result", 1)
    mask = mask_in(result)
    assert mask.shape == (128, 128)
    square = np.zeros((128, 128), bool)
    square[20:50, 20:50] = True
    assert set(mask.ravel()) == {0, 255}
    assert (square & (mask > 0)).sum() / (square | (mask > 0)).sum() > 0.95
