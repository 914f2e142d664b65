"""A stand-in for SAM3 in pictures: it reads words, and draws what a sample's truth holds under them.

SAM3's weights lie behind a licence. The stand-in stands in the row ``Engine`` under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from pictures import Tour

from napari_sam3_assistant.core.prompts import Query
from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.protocol import Capabilities, Embedding
from napari_sam3_assistant.engines.registry import EngineSpec

Labels = npt.NDArray[np.integer]
TITLE = "A stand-in for SAM3"


class StandIn(BuiltinEngine):
    """The built-in engine, and for each picture, told by its size, labels under each phrase."""

    name = "stand_in"
    capabilities = Capabilities(text=True)

    def __init__(self, words: Mapping[tuple[int, int], Mapping[str, Labels]]) -> None:
        super().__init__()
        self._words = words

    def find(self, embedding: Embedding, query: Query) -> Candidates:
        """Return what a phrase names; larger objects have better scores."""
        shape = tuple(embedding.shape[:2])
        truth = self._words[shape].get(query.texts[0].text, np.zeros(shape, int))
        masks = [truth == label for label in np.unique(truth[truth > 0])]
        areas = np.array([mask.sum() for mask in masks], np.float32)
        frames = np.array([(0, 0, *shape)] * len(masks), np.float32).reshape(-1, 4)
        scores = 0.5 + 0.45 * areas / areas.max(initial=1)
        return Candidates(scores.astype(np.float32), frames, tuple(masks), frames, shape)


def let_read(tour: Tour, words: Mapping[tuple[int, int], Mapping[str, Labels]]) -> None:
    """Let the stand-in answer in this viewer."""
    reader, usual = StandIn(words), registry.create
    spec = EngineSpec(StandIn.name, TITLE, factory="nowhere:made", capabilities=StandIn.capabilities)
    registry._OURS = (*registry._OURS, spec)
    registry.create = lambda name, **options: reader if name == StandIn.name else usual(name, **options)
    tour.driver.widget.top._entries.append((TITLE, StandIn.name))
    tour.driver.widget.controller.model.choose_engine(StandIn.name)
    tour.driver.wait_until_idle()
