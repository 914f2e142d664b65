"""SAM3 through Meta's own package, as an engine: no conversion, and the numbers of Meta's code."""

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
from napari_sam3_assistant.engines.meta import embedding as embeddings
from napari_sam3_assistant.engines.meta import prompts as answers
from napari_sam3_assistant.engines.meta.embedding import MetaEmbedding
from napari_sam3_assistant.engines.meta.model import MetaModel, checkpoint_in, load
from napari_sam3_assistant.engines.meta.video import LIMITS, ObjectsSession
from napari_sam3_assistant.engines.meta.words import WordsSession
from napari_sam3_assistant.engines.proposing import Places
from napari_sam3_assistant.engines.protocol import Capabilities, Embedding, VideoSession, check
from napari_sam3_assistant.engines.registry import NO_FOLDER
from napari_sam3_assistant.engines.sam3 import prompting, proposals
from napari_sam3_assistant.engines.sam3.masks import HOLE_AREA
from napari_sam3_assistant.engines.storing import Arrays
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.signature import signature_of

INSTEAD = "Use points, a box or a painted mask, or choose the engine Built-in."
WITHOUT_TOKENIZER = "Put tokenizer.json of facebook/sam3, or merges.txt, into the model folder, and load it again."
SHORT_S = 1.0
"""Seconds up to which nobody has to be told how long an encoding takes."""


class MetaEngine:
    """Meta's SAM3, through Meta's own package.

    Parameters
    ----------
    folder : str, Path or None
        With Meta's ``sam3.pt``, and a tokenizer for words and examples.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.

    Raises
    ------
    ModelFolderError
        If the folder does not hold a model of this kind.
    """

    name = "meta"

    def __init__(self, folder: str | Path | None = None, *, device: str = devices.AUTO) -> None:
        self._folder = ModelFolder.inspect(folder) if folder else NO_FOLDER
        self._signature = signature_of(self._folder, checkpoint_in(self._folder))
        self._device = device
        self._reader: answers.Reader | None = None
        reads = bool(self._folder.tokenizer)
        self.capabilities = Capabilities(
            text=reads,
            exemplars=reads,
            refines=True,
            video=replace(LIMITS, text=reads),
            proposals=proposals.limits_on("cpu"),
            devices=devices.report(probe=True).devices,
            instead=INSTEAD if reads else WITHOUT_TOKENIZER,
            stores=True,
        )

    @property
    def weights(self) -> str:
        """The same text for the same answers: it names the files and, once loaded, package and device."""
        return self._signature if self._reader is None else self._reader.model.weights

    def load(self, *, progress: Progress, cancel: CancelToken) -> None:
        """Bring the model into memory; see :func:`~napari_sam3_assistant.engines.meta.model.load`."""
        cancel.raise_if_cancelled()
        if self._reader is None:
            model = load(self._folder, self._device, progress=progress, cancel=cancel)
            self._reader = answers.Reader(model)
            others = tuple(one for one in self.capabilities.devices if one != model.device)
            limits = proposals.limits_on(model.device)
            self.capabilities = replace(self.capabilities, devices=(model.device, *others), proposals=limits)

    def encode(self, image: npt.NDArray[np.uint8], *, progress: Progress, cancel: CancelToken) -> MetaEmbedding:
        """Return the embedding of an image; told and stopped before each layer of the vision transformer."""

        def tell(done: float) -> None:
            cancel.raise_if_cancelled()
            progress(done, "SAM3 reads the image")

        model, start = self._loaded().model, time.perf_counter()
        made = embeddings.embed(model, image, tell)
        seconds = time.perf_counter() - start
        self.capabilities = replace(self.capabilities, encode_s=seconds if seconds > SHORT_S else None)
        return made

    def segment(self, embedding: Embedding, prompts: Prompts, previous: Segmentation | None = None) -> Segmentation:
        """Return the object that ``prompts`` are about; see :meth:`ImageEngine.segment`.

        Points, a box and a mask go to the model together. ``previous`` is refined where it is an answer
        about the same picture.
        """
        model = self._loaded().model
        known = self._own(embedding)
        check(prompts, self.capabilities)
        decode = functools.partial(answers.decoded, model, known)
        return prompting.segment(decode, answers.grid_of(model), known, prompts, previous, HOLE_AREA)

    def find(self, embedding: Embedding, query: Query) -> Candidates:
        """Return all that each phrase, or the examples, of ``query`` find; see :meth:`ImageEngine.find`."""
        reader = self._loaded()
        known = self._own(embedding)
        self._check_reads()
        if query.crop is not None:
            raise Unsupported("SAM3 takes examples in the picture itself.", hint="Show the crop beside it, as one.")
        return prompting.find(functools.partial(answers.asked, reader, known), known.shape, query)

    def propose(self, embedding: Embedding, places: Places) -> Candidates:
        """Return every reading of each place, clicked alone, all in one batch; see :meth:`ProposingEngine.propose`."""
        known = self._own(embedding)
        decode = functools.partial(answers.decoded, self._loaded().model, known)
        return prompting.proposals(decode, known.shape, places, HOLE_AREA)

    def start(self, query: Query | None = None) -> VideoSession:
        """Return a session that follows objects through frames; see :meth:`VideoEngine.start`.

        With words it finds all objects that they mean on each frame, too.
        """
        self._loaded()
        if query is None:
            return ObjectsSession(self._known, self.capabilities.instead)
        self._check_reads()
        if query.exemplars or query.crop is not None or not query.texts:
            raise Unsupported("In a film SAM3 finds objects by words alone.", hint="Type a phrase, without examples.")
        return WordsSession(self._known, [one.text for one in query.texts])

    def pack(self, embedding: Embedding) -> Arrays:
        """Return what is stored of an embedding; see :meth:`StorableEngine.pack`."""
        return embeddings.pack(self._own(embedding))

    def unpack(self, arrays: Arrays, shape: tuple[int, int]) -> MetaEmbedding:
        """Return the embedding that was packed; see :meth:`StorableEngine.unpack`."""
        model = self._loaded().model
        with devices.memory_errors():
            return embeddings.unpack(model, arrays, shape)

    def close(self) -> None:
        """Give back the model's memory. Later calls raise until it is loaded again."""
        if self._reader is not None:
            device = self._reader.model.device
            self._reader = None
            gc.collect()
            devices.release(device)

    def _check_reads(self) -> None:
        if not self._folder.tokenizer:
            raise Unsupported("This model folder has no tokenizer: words and examples need it.", hint=WITHOUT_TOKENIZER)

    def _loaded(self) -> answers.Reader:
        if self._reader is None:
            raise EngineError("SAM3 is not loaded.", hint="Load it first, or again.")
        return self._reader

    def _known(self, embedding: Embedding) -> tuple[MetaModel, MetaEmbedding]:
        return self._loaded().model, self._own(embedding)

    def _own(self, embedding: Embedding) -> MetaEmbedding:
        if not isinstance(embedding, MetaEmbedding) or embedding.weights != self.weights:
            raise EngineError("This embedding is another engine's.", hint="Encode the image again.")
        return embedding
