"""SAM3.1 multiplex through Meta's own package: objects that are followed through frames, many at once.

*Unverified*: neither the package's code nor the weights could be had where this was written. It makes those calls alone
that are reported in public: https://github.com/facebookresearch/sam3 issues 526 and 544 and pull requests 503 and 600.
They are ``build_sam3_multiplex_video_predictor``; ``start_session``, ``add_prompt`` and ``close_session`` of
``handle_request``; ``propagate_in_video`` of ``handle_stream_request``. Pictures by themselves are not served.
"""

from __future__ import annotations

import gc
import inspect
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import DeviceError, EngineError, ModelFolderError, Unsupported
from napari_sam3_assistant.core.intensity import check_image
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.core.prompts import Prompts, Query
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.engines import devices
from napari_sam3_assistant.engines.meta import compat, diagnostics
from napari_sam3_assistant.engines.meta.model import bpe_file
from napari_sam3_assistant.engines.protocol import Capabilities, Embedding, VideoLimits, VideoSession
from napari_sam3_assistant.engines.weights import tokenizer
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.signature import signature_of

UNVERIFIED = "SAM3.1 multiplex is unverified: written from public reports of its calls, and never run with its weights."
MOST_POINTS = 16
LIMITS = VideoLimits(masks=False, max_points=MOST_POINTS, mixes=False)
NOT_PICTURES = "SAM3.1 multiplex checkpoints are supported for 3D/video propagation."
FOR_PICTURES = "Use a SAM3 3.0 image checkpoint such as sam3.pt for 2D image tasks."
BUILDER = "build_sam3_multiplex_video_predictor"


Objects = dict[int, tuple[npt.NDArray[np.bool_], float]]
"""The objects of a frame: by number, mask and score."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Frame:
    """A frame as it was shown: this engine encodes it anew in every run."""

    picture: npt.NDArray[np.uint8]
    weights: str

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, in pixels."""
        return self.picture.shape[0], self.picture.shape[1]

    @property
    def nbytes(self) -> int:
        """Memory that it takes, in bytes."""
        return self.picture.nbytes


class MultiplexEngine:
    """SAM3.1 multiplex, for films and stacks; :data:`UNVERIFIED`.

    Parameters
    ----------
    folder : ModelFolder
        With ``sam3.1_multiplex.pt``.
    device : str
        ``"auto"`` or a CUDA device: it runs on nothing else.
    diagnostics : bool
        Whether to write what :mod:`~napari_sam3_assistant.engines.meta.diagnostics` tells.

    Raises
    ------
    ModelFolderError
        If there is no SAM3.1 in the folder.
    """

    name = "meta"
    about = UNVERIFIED

    def __init__(self, folder: ModelFolder, *, device: str = devices.AUTO, diagnostics: bool = False) -> None:
        if folder.multiplex is None:
            raise ModelFolderError(
                f"There is no SAM3.1 in {folder.path}.", hint="Put sam3.1_multiplex.pt of facebook/sam3.1 into it."
            )
        self._folder, self._device, self._told = folder, device, diagnostics
        self._signature = f"{signature_of(folder, folder.multiplex)}-multiplex"
        self._predictor: Any = None
        self.capabilities = Capabilities(
            points=False,
            boxes=False,
            masks=False,
            exemplars=False,
            video=LIMITS,
            devices=("cuda",),
            instead=FOR_PICTURES,
        )

    @property
    def weights(self) -> str:
        """The same text for the same answers."""
        return self._signature

    def load(self, *, progress: Progress, cancel: CancelToken) -> None:
        """Build the predictor. Slow.

        Raises
        ------
        DeviceError
            If there is no GPU with CUDA.
        EngineError
            If Meta's package has no code for SAM3.1, or cannot be used.
        """
        cancel.raise_if_cancelled()
        if self._predictor is not None:
            return
        progress(None, "Loading Meta's package")
        with compat.importing():
            device = devices.pick(self._device)
        if devices.kind_of(device) != "cuda":
            raise DeviceError(
                "SAM3.1 multiplex requires CUDA with an NVIDIA GPU.",
                hint="Choose the device GPU / CUDA, or the model type SAM3.0, which runs on a CPU too.",
            )
        compat.prepare(device)
        cancel.raise_if_cancelled()
        progress(None, "Building SAM3.1")
        teller = diagnostics.Teller(self._told)
        teller.cuda("before load")
        with _explained(), devices.memory_errors():
            self._predictor = _built(self._folder, device)
        teller.cuda("after load")
        teller.runtime("after load", self._predictor, "sam3.1")
        progress(1.0, f"SAM3.1 is ready on {device.upper()}")

    def encode(self, image: npt.NDArray[np.uint8], *, progress: Progress, cancel: CancelToken) -> Frame:
        """Return a frame; it is read in each run."""
        cancel.raise_if_cancelled()
        self._loaded()
        check_image(image)
        return Frame(np.ascontiguousarray(image), self.weights)

    def segment(self, embedding: Embedding, prompts: Prompts, previous: Segmentation | None = None) -> NoReturn:
        """Raise Unsupported: it follows objects only."""
        raise Unsupported(NOT_PICTURES, hint=FOR_PICTURES)

    def find(self, embedding: Embedding, query: Query) -> Candidates:
        """Raise Unsupported: it follows objects only."""
        raise Unsupported(NOT_PICTURES, hint=FOR_PICTURES)

    def start(self, query: Query | None = None) -> VideoSession:
        """Return a session without objects; see :meth:`VideoEngine.start`."""
        from napari_sam3_assistant.engines.meta.multiplex_session import MultiplexSession

        if query is not None:
            raise Unsupported(
                "SAM3.1 video multiplex reads no words here.", hint="Use points or boxes, or the model type SAM3.0."
            )
        return MultiplexSession(
            lambda embedding: (self._loaded(), self._own(embedding)), diagnostics.Teller(self._told)
        )

    def close(self) -> None:
        """Give back the model's memory."""
        if self._predictor is not None:
            self._predictor = None
            gc.collect()
            devices.release("cuda")

    def _loaded(self) -> Runs:
        if self._predictor is None:
            raise EngineError("SAM3.1 is not loaded.", hint="Load it first, or again.")
        return Runs(self._predictor)

    def _own(self, embedding: Embedding) -> Frame:
        if not isinstance(embedding, Frame) or embedding.weights != self.weights:
            raise EngineError("This embedding is another engine's.", hint="Encode the image again.")
        return embedding


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of an object on a frame, as Meta's package takes it.

    Attributes
    ----------
    position : int
        Of the frame, among those of a run.
    object_id : int
    points : list of tuple
        ``(x, y)``, fractions of the frame.
    labels : list of int
        1 on the object, 0 beside it; 2 and 3 for the first and last corner of a box.
    """

    position: int
    object_id: int
    points: list[tuple[float, float]]
    labels: list[int]


@dataclass(frozen=True, slots=True)
class Runs:
    """A predictor, asked about one run of frames after another; nothing of a run stays in it."""

    predictor: Any

    @contextmanager
    def session(self, pictures: list[npt.NDArray[np.uint8]], teller: diagnostics.Teller) -> Iterator[Session]:
        """Yield a session with these frames; it is closed, whatever happens."""
        from PIL import Image

        teller.cuda("before session start")
        began = time.perf_counter()
        request = {"type": "start_session", "resource_path": [Image.fromarray(one) for one in pictures]}
        with ExitStack() as stack:
            stack.enter_context(_explained())
            stack.enter_context(devices.memory_errors())
            name = self.predictor.handle_request(request)["session_id"]
            stack.callback(self.predictor.handle_request, {"type": "close_session", "session_id": name})
            teller.line(f"session start finished in {time.perf_counter() - began:.2f} sec.")
            session = Session(self.predictor, name, teller)
            session.fill_cache(len(pictures))
            teller.session("session start", session.state)
            yield session


@dataclass(frozen=True, slots=True)
class Session:
    """A session of the predictor: frames, prompts, and what becomes of them."""

    predictor: Any
    name: str
    teller: diagnostics.Teller

    @property
    def state(self) -> Mapping[str, Any]:
        """What the predictor keeps of it; empty where that is not found."""
        every = getattr(self.predictor, "_all_inference_states", None)
        known = every.get(self.name) if isinstance(every, Mapping) else None
        state = known.get("state") if isinstance(known, Mapping) else None
        return state if isinstance(state, Mapping) else {}

    def fill_cache(self, frames: int) -> None:
        """Say that nothing was found on any frame so far: a point on a frame that is not in the list fails (reported).

        It is what the plugin napari-sam3-assistant 4.2 did.
        """
        cache = self.state.get("cached_frame_outputs")
        if isinstance(cache, dict):
            for frame in range(frames):
                cache.setdefault(frame, {})

    def add(self, said: Said) -> Objects:
        """Return the objects of the frame after something was said there: by number, mask and score."""
        began = time.perf_counter()
        request = {
            "type": "add_prompt",
            "session_id": self.name,
            "frame_index": said.position,
            "points": said.points,
            "point_labels": said.labels,
            "obj_id": said.object_id,
        }
        answer = self.predictor.handle_request(request)
        self.teller.line(f"prompt insertion finished in {time.perf_counter() - began:.2f} sec.")
        return _read(answer.get("outputs") or {})

    def follow(self, start: int, backward: bool) -> Generator[tuple[int, Objects], None, None]:
        """Yield the position of one frame after the other, and its objects. Leaving it stops the run."""
        request = {
            "type": "propagate_in_video",
            "session_id": self.name,
            "propagation_direction": "backward" if backward else "forward",
            "start_frame_index": start,
        }
        began = before = time.perf_counter()
        frames, stream = 0, self.predictor.handle_stream_request(request)
        try:
            for frames, one in enumerate(stream, 1):
                now = time.perf_counter()
                told = (
                    f"index={frames - 1}, frame={one['frame_index']}, dt={now - before:.3f}, elapsed={now - began:.3f}"
                )
                self.teller.line(f"propagation yield: {told}")
                before = now
                yield int(one["frame_index"]), _read(one.get("outputs") or {})
        finally:
            stream.close()
            self.teller.line(f"propagation finished in {time.perf_counter() - began:.2f} sec; frames={frames}.")


def _read(outputs: Mapping[str, Any]) -> Objects:
    """Return what Meta's package says of a frame: by number, mask and score."""
    ids = [int(one) for one in _array(outputs.get("out_obj_ids", ()))]
    masks = _array(outputs.get("out_binary_masks", ())) > 0
    scores = [float(one) for one in _array(outputs.get("out_probs", ()))] or [1.0] * len(ids)
    return {
        number: (mask.reshape(mask.shape[-2:]), min(max(score, 0.0), 1.0))
        for number, mask, score in zip(ids, masks, scores, strict=True)
    }


def _array(values: Any) -> npt.NDArray[Any]:
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values  # numpy has no such type
    return np.asarray(values)


def _built(folder: ModelFolder, device: str) -> Any:
    """Return Meta's predictor with the weights of a folder."""
    import torch
    from sam3 import model_builder

    build: Callable[..., Any] | None = getattr(model_builder, BUILDER, None)
    if build is None:
        raise without_code(Path(str(model_builder.__file__)).parent)
    torch.cuda.set_device(device if ":" in device else 0)  # the builder has no argument for it
    with bpe_file(folder) as bpe:
        words = {"bpe_path": str(bpe)} if tokenizer.source_in(folder.path) else {}  # else that of the package
        predictor = build(
            checkpoint_path=str(folder.multiplex),
            **words,
            use_fa3=False,  # Flash Attention 3 is in no wheel, and for a few GPUs
            use_rope_real=True,
            async_loading_frames=False,
            compile=False,
        )
    _without_state_argument(predictor.model)
    return predictor


def without_code(package: Path) -> EngineError:
    """Return that Meta's package in a folder has no code for SAM3.1."""
    return EngineError(
        f"Meta's package in {package} has no code for SAM3.1: it lacks {BUILDER}.",
        hint="The package on PyPI (0.1.4) serves SAM3.0 only. Install the one on GitHub, facebookresearch/sam3, or "
        "choose the model type SAM3.0.",
    )


def _without_state_argument(model: Any) -> None:
    """Have ``init_state`` called without ``offload_state_to_cpu`` where it does not take it (issue 544)."""
    original = model.init_state
    taken = inspect.signature(original).parameters
    if "offload_state_to_cpu" in taken or any(one.kind is one.VAR_KEYWORD for one in taken.values()):
        return

    def init_state(*args: Any, **kwargs: Any) -> Any:
        kwargs.pop("offload_state_to_cpu", None)
        return original(*args, **kwargs)

    model.init_state = init_state


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what Meta's code raises into EngineError; its reasons are in its own words only."""
    from napari_sam3_assistant.core.errors import AssistantError

    try:
        yield
    except (AssistantError, MemoryError):
        raise
    except Exception as error:
        if "Cannot find session" in str(error):
            raise EngineError(
                "The SAM3 video session expired or was cancelled.",
                hint="Run a new 3D/video preview before propagating again.",
            ) from error
        if "No available kernel" in str(error):
            raise EngineError(
                "torch has no kernel for what SAM3.1 computes on this GPU.",
                hint="On Windows see windows_sam31_workaround/README.md, or choose the model type SAM3.0.",
            ) from error
        raise EngineError(
            f"SAM3.1 multiplex has failed in Meta's package ({type(error).__name__}).",
            hint="It is unverified. Choose the model type SAM3.0, and report this with the log.",
        ) from error
