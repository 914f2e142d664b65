"""SAM3 as an engine: a picture is encoded once, and every kind of prompt is answered from that."""

from __future__ import annotations

import functools
import gc
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import EngineError, Unsupported
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.core.prompts import Prompts, Query
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.engines import devices
from napari_sam3_assistant.engines.proposing import Places
from napari_sam3_assistant.engines.protocol import Capabilities, Embedding, VideoSession, check
from napari_sam3_assistant.engines.registry import NO_FOLDER
from napari_sam3_assistant.engines.sam3 import clicks, prompting, proposals, text, waits
from napari_sam3_assistant.engines.sam3.embedding import Sam3Embedding, embed
from napari_sam3_assistant.engines.sam3.masks import HOLE_AREA
from napari_sam3_assistant.engines.sam3.model import Model, load
from napari_sam3_assistant.engines.sam3.video import LIMITS, TrackerSession
from napari_sam3_assistant.engines.sam3.words import WordsSession
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.signature import signature_of

INSTEAD = "Use points, a box or a painted mask, or choose the engine Built-in."
WITHOUT_TOKENIZER = "Put tokenizer.json of facebook/sam3 into the model folder, and load it again."


class Sam3Engine:
    """Meta's SAM3, through transformers.

    The model is in memory once: one vision encoder serves the detector (words, examples) and the decoder
    of clicks (points, boxes, masks). Answers are those of Meta's package with its defaults.

    Parameters
    ----------
    folder : str, Path or None
        As ``facebook/sam3`` has it, or with Meta's ``sam3.pt``, of which a converted copy is made at the first load.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    precision : str
        Of the towers: ``"float32"``, ``"bfloat16"``, or ``"auto"`` for what suits the device.
    hole_area : int
        Holes of a clicked mask up to this area are filled, in cells of the decoder's grid; 0 fills none.

    Raises
    ------
    ModelFolderError
        If the folder does not hold a model of this kind.
    """

    name = "sam3"

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        device: str = devices.AUTO,
        precision: str = "auto",
        hole_area: int = HOLE_AREA,
    ) -> None:
        self._folder = ModelFolder.inspect(folder) if folder else NO_FOLDER
        self._folder.check()
        self._signature = signature_of(self._folder)
        self._device, self._precision, self._hole_area = device, precision, hole_area
        self._reader: text.Reader | None = None
        self.capabilities = Capabilities(
            text=True,
            refines=True,
            video=replace(LIMITS, text=True),
            proposals=proposals.limits_on("cpu"),
            devices=devices.report(probe=True).devices,
            instead=INSTEAD,
        )
        if not self._folder.tokenizer:
            self.capabilities = replace(
                self.capabilities, text=False, exemplars=False, video=LIMITS, instead=WITHOUT_TOKENIZER
            )

    @property
    def weights(self) -> str:
        """The same text for the same answers: it names the files and, once loaded, precision and device."""
        return self._signature if self._reader is None else self._reader.model.weights

    def load(self, *, progress: Progress, cancel: CancelToken) -> None:
        """Bring the model into memory; see :func:`~napari_sam3_assistant.engines.sam3.model.load`."""
        cancel.raise_if_cancelled()
        if self._reader is None:
            model = load(self._folder, self._device, self._precision, progress=progress, cancel=cancel)
            self._reader = text.Reader(model)
            others = tuple(one for one in self.capabilities.devices if one != model.device)
            proposed = proposals.limits_on(model.device)
            self.capabilities = replace(self.capabilities, devices=(model.device, *others), proposals=proposed)
            self._expect(model)

    def encode(self, image: npt.NDArray[np.uint8], *, progress: Progress, cancel: CancelToken) -> Sam3Embedding:
        """Return the embedding of an image; told and stopped several times in each block of the vision encoder."""

        def tell(done: float) -> None:
            cancel.raise_if_cancelled()
            progress(done, "SAM3 reads the image")

        model, start = self._loaded().model, time.perf_counter()
        with devices.memory_errors():
            made = embed(model, image, tell)
        waits.note(model.pace, time.perf_counter() - start)
        self._expect(model)
        return made

    def segment(self, embedding: Embedding, prompts: Prompts, previous: Segmentation | None = None) -> Segmentation:
        """Return the object that ``prompts`` are about; see :meth:`ImageEngine.segment`.

        Points, a box and a mask go to the model together. ``previous`` is refined where it is an answer
        about the same picture.
        """
        model = self._loaded().model
        known = self._own(embedding)
        check(prompts, self.capabilities)
        with devices.memory_errors():
            return clicks.segment(model, known, prompts, previous, self._hole_area)

    def find(self, embedding: Embedding, query: Query) -> Candidates:
        """Return all that each phrase, or the examples, of ``query`` find; see :meth:`ImageEngine.find`."""
        reader = self._loaded()
        known = self._own(embedding)
        if not self._folder.tokenizer:
            raise Unsupported("This model folder has no tokenizer: words and examples need it.", hint=WITHOUT_TOKENIZER)
        if query.crop is not None:
            raise Unsupported("SAM3 takes examples in the picture itself.", hint="Show the crop beside it, as one.")
        with devices.memory_errors():
            return text.find(reader, known, query)

    def propose(self, embedding: Embedding, places: Places) -> Candidates:
        """Return every reading of each place, clicked alone, all in one batch; see :meth:`ProposingEngine.propose`."""
        model = self._loaded().model
        known = self._own(embedding)
        with devices.memory_errors():
            decode = functools.partial(clicks.decoded, model, known)
            return prompting.proposals(decode, known.shape, places, self._hole_area)

    def start(self, query: Query | None = None) -> VideoSession:
        """Return a session that follows objects through frames; see :meth:`VideoEngine.start`.

        With words it finds all objects that they mean on each frame, too.
        """
        self._loaded()
        if query is None:
            instead = self.capabilities.instead
            return TrackerSession(lambda embedding: (self._loaded().model, self._own(embedding)), instead)
        if not self._folder.tokenizer:
            raise Unsupported("This model folder has no tokenizer: words need it.", hint=WITHOUT_TOKENIZER)
        if query.exemplars or query.crop is not None or not query.texts:
            raise Unsupported("In a film SAM3 finds objects by words alone.", hint="Type a phrase, without examples.")
        phrases = [one.text for one in query.texts]
        return WordsSession(lambda embedding: (self._loaded(), self._own(embedding)), phrases)

    def close(self) -> None:
        """Give back the model's memory. Later calls raise until it is loaded again."""
        if self._reader is not None:
            device = self._reader.model.device
            self._reader = None
            gc.collect()
            devices.release(device)

    def _expect(self, model: Model) -> None:
        self.capabilities = replace(self.capabilities, encode_s=waits.expected(model.pace, model.guess))

    def _loaded(self) -> text.Reader:
        if self._reader is None:
            raise EngineError("SAM3 is not loaded.", hint="Load it first, or again.")
        return self._reader

    def _own(self, embedding: Embedding) -> Sam3Embedding:
        if not isinstance(embedding, Sam3Embedding) or embedding.weights != self.weights:
            raise EngineError("This embedding is another engine's.", hint="Encode the image again.")
        return embedding
