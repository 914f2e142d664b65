"""SAM3 in memory, as Meta's package builds it: how ``sam3.pt`` becomes a model.

There is one set of weights. Meta's model for films holds a detector and a tracker; its model for pictures is made of
the very same parts. Weights are read without running anything that is in them, and nothing is ever downloaded.
"""

from __future__ import annotations

import gzip
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from napari_sam3_assistant.core.errors import ModelFolderError
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.engines import devices
from napari_sam3_assistant.engines.meta import compat
from napari_sam3_assistant.engines.weights import tokenizer
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.kinds import Kind
from napari_sam3_assistant.engines.weights.looks import look_at
from napari_sam3_assistant.engines.weights.signature import signature_of

CHECKPOINT = "sam3.pt"
_TOKENS = "detector.backbone.language_backbone.encoder.token_embedding.weight"
# Tables that every constructor computes; converted and cut files leave them out.
_COMPUTED = "freqs_cis"


@dataclass(frozen=True, slots=True, eq=False)
class MetaModel:
    """SAM3 in memory.

    Attributes
    ----------
    video : Sam3VideoInferenceWithInstanceInteractivity
        Meta's model for films. It holds everything.
    detector : Sam3Image
        Meta's model for pictures, of the same parts: words, examples, and clicks by its ``inst_interactive_predictor``.
    tracker : Sam3TrackerPredictor
        That of ``video``.
    device : str
        Such as ``"cpu"``.
    weights : str
        The same text for the same answers.
    """

    video: Any
    detector: Any
    tracker: Any
    device: str
    weights: str

    @property
    def side(self) -> int:
        """Side of the square that pictures are brought to, in pixels."""
        return int(self.tracker.image_size)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute as Meta's package does: without gradients, and in bfloat16 on CUDA. For one call, never for a yield.

        What runs out of memory raises MemoryError.
        """
        with ExitStack() as stack:
            stack.enter_context(devices.memory_errors())
            stack.enter_context(torch.inference_mode())
            if devices.kind_of(self.device) == "cuda":
                stack.enter_context(torch.cuda.device(self.device))
                stack.enter_context(torch.autocast("cuda", dtype=torch.bfloat16))
            yield


def checkpoint_in(known: ModelFolder) -> Path:
    """Return Meta's file in a folder, which may lie beside one of transformers'.

    Raises
    ------
    ModelFolderError
        If there is none that Meta's package can load.
    """
    if known.kind is Kind.META and known.weights is not None:
        known.check()
        return known.weights
    path = known.path / CHECKPOINT
    if known.kind is not Kind.SAM3 or not path.is_file():
        known.check()
        raise ModelFolderError(
            f"There is no {CHECKPOINT} in {known.path}: Meta's package reads nothing else.",
            hint=f"Put {CHECKPOINT} of facebook/sam3 into it, or choose the engine SAM3.",
        )
    look = look_at(known.path, path)
    if look.problem or look.kind is not Kind.META:
        raise ModelFolderError(
            look.problem or f"{path} holds {look.kind.value}, not SAM3.",
            hint=look.advice or f"Get {CHECKPOINT} of facebook/sam3 again.",
        )
    return look.weights


def load(known: ModelFolder, device: str, *, progress: Progress, cancel: CancelToken) -> MetaModel:
    """Return the model that a folder holds. Slow: tens of seconds.

    Parameters
    ----------
    known : ModelFolder
        The folder.
    device : str
        ``"auto"``, or one that :func:`devices.report` names.
    progress, cancel
        Told of, and looked at, between the steps.

    Raises
    ------
    ModelFolderError
        If the file is damaged, incomplete or another model's.
    EngineError
        If Meta's package, or what it needs, is not there or broken.
    DeviceError
        If the device is not there.
    Cancelled
        If ``cancel`` was raised.
    """
    progress(None, "Loading Meta's package")
    path = checkpoint_in(known)
    with compat.importing():
        device = devices.pick(device)
    compat.prepare(device)
    cancel.raise_if_cancelled()
    progress(None, f"Reading {path.name}")
    signature = signature_of(known, path)
    state = _read(path)
    cancel.raise_if_cancelled()
    progress(None, "Building SAM3")
    with devices.memory_errors():
        video = _built(known, state)
        cancel.raise_if_cancelled()
        _fill(video, state, path)
        del state
        cancel.raise_if_cancelled()
        video = video.to(device).eval().requires_grad_(False)
    progress(1.0, f"SAM3 is ready on {device.upper()}")
    name = f"{signature}-meta-{devices.kind_of(device)}"
    return MetaModel(video, _for_pictures(video), video.tracker, device, name)


def _read(path: Path) -> Mapping[str, torch.Tensor]:
    """Return the tensors of a checkpoint; they stay in the file until they are copied."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            said = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file makes torch raise anything
        raise ModelFolderError(
            f"The file {path.name} cannot be read: it is damaged ({type(error).__name__}).",
            hint=f"Get {path.name} again.",
        ) from error
    inner = said.get("model") if isinstance(said.get("model"), dict) else said
    return {name: one for name, one in inner.items() if isinstance(one, torch.Tensor)}


def _built(known: ModelFolder, state: Mapping[str, torch.Tensor]) -> Any:
    """Return Meta's model for films, without weights yet."""
    tokens = state[_TOKENS].shape[0] if _TOKENS in state else tokenizer.USUAL
    with bpe_file(known, tokens) as bpe, compat.importing():
        from sam3 import model_builder

        video = model_builder.build_sam3_video_model(bpe_path=str(bpe), load_from_HF=False, device="cpu")
        # The constructor has switched bfloat16 on for this thread, and for good: computing() does so for each call.
        video.tracker.bf16_context.__exit__(None, None, None)
    return video


@contextmanager
def bpe_file(known: ModelFolder, tokens: int = tokenizer.USUAL) -> Iterator[Path]:
    """Yield the merges of a folder's tokenizer as Meta's package reads them, in a file for as long as it is built.

    The wheel of the package has none. Without a tokenizer there are no merges, and nobody may ask by words.
    """
    merges = tokenizer.merges_in(known.path, tokens) if tokenizer.source_in(known.path) else []
    lines = ["#version: 0.2", *(" ".join(merge) for merge in merges)]
    with tempfile.TemporaryDirectory(prefix="sam3-bpe-") as folder:
        path = Path(folder) / "bpe_simple_vocab_16e6.txt.gz"
        path.write_bytes(gzip.compress("\n".join(lines).encode(), compresslevel=1))
        yield path


def _fill(video: Any, state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Put the weights into the model; all of them must be there, and fit: Meta's own loaders let some stay random."""
    try:
        missing, _ = video.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ModelFolderError(
            f"The weights in {path.name} have other sizes than SAM3.", hint=f"Get {path.name} of facebook/sam3 again."
        ) from error
    lacking = [name for name in missing if not name.endswith(_COMPUTED)]
    if lacking:
        raise ModelFolderError(
            f"{path.name} lacks {len(lacking)} of the tensors that SAM3 consists of, such as {lacking[0]}.",
            hint="It is another model's (such as SAM3.1 multiplex), or incomplete: get sam3.pt of facebook/sam3.",
        )


def _for_pictures(video: Any) -> Any:
    """Return Meta's model for pictures, of the parts of its model for films."""
    with compat.importing():
        from sam3 import model_builder
        from sam3.model.sam1_task_predictor import SAM3InteractiveImagePredictor

        whole = video.detector
        made = model_builder._create_sam3_model(
            whole.backbone,
            whole.transformer,
            whole.geometry_encoder,
            whole.segmentation_head,
            whole.dot_prod_scoring,
            SAM3InteractiveImagePredictor(video.tracker),
            True,
        )
    return made.eval()
