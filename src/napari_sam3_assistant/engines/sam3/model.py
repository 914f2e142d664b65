"""SAM3 in memory: how the files of a model folder become a model.

What a folder holds is known by :class:`~napari_sam3_assistant.engines.weights.inspect.ModelFolder`. Weights
are read from safetensors only, which cannot hold code; nothing is ever downloaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from napari_sam3_assistant.core.errors import ModelFolderError
from napari_sam3_assistant.core.progress import CancelToken, Progress
from napari_sam3_assistant.engines import devices
from napari_sam3_assistant.engines.sam3 import linear, precision, remembered, upstream
from napari_sam3_assistant.engines.sam3.precision import Way
from napari_sam3_assistant.engines.weights import tokenizer
from napari_sam3_assistant.engines.weights.convert import prepare
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.signature import signature_of

# The released vision tower: what measured times are of.
_PARAMETERS, _PATCHES = 446e6, 5184


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """SAM3 in memory.

    Attributes
    ----------
    net : Sam3VideoModel
        In evaluation mode. Its towers are in ``precision``, the rest in float32.
    tokenizer : CLIPTokenizer or None
        None where the folder has none.
    device : str
        Such as ``"cpu"``.
    way : Way
        How it is computed.
    weights : str
        The same text for the same answers.
    """

    net: Any
    tokenizer: Any
    device: str
    way: Way
    weights: str

    @property
    def precision(self) -> str:
        """Of the towers: ``"float32"`` or ``"bfloat16"``."""
        return self.way.precision

    @property
    def side(self) -> int:
        """Side of the square that pictures are brought to, in pixels."""
        return int(self.net.tracker_model.prompt_encoder.input_image_size)

    @property
    def pace(self) -> str:
        """The same text for models and machines that take the same time to encode."""
        parameters = sum(one.numel() for one in self.net.parameters()) / 1e6
        library = "by oneDNN" if self.way.onednn else "by torch"
        return f"{remembered.machine()}, {self.device}, {self.precision} {library}, {parameters:.1f} M, {self.side} px"

    @property
    def guess(self) -> float | None:
        """About how long an encoding takes, in seconds, by what was measured on this CPU; else None."""
        if self.way.seconds is None:
            return None
        tower = self.net.detector_model.vision_encoder.backbone
        parameters: int = sum(one.numel() for one in tower.parameters())
        patches: int = (self.side // tower.config.patch_size) ** 2
        return self.way.seconds * parameters * patches / (_PARAMETERS * _PATCHES)


def load(known: ModelFolder, device: str, wanted: str, *, progress: Progress, cancel: CancelToken) -> Model:
    """Return the model that a folder holds. Slow: seconds, and a minute where Meta's file has to be converted.

    Parameters
    ----------
    known : ModelFolder
        The folder.
    device : str
        ``"auto"``, or one that :func:`devices.report` names.
    wanted : str
        ``"float32"``, ``"bfloat16"``, or ``"auto"``: what suits the device.

    Raises
    ------
    ModelFolderError
        If the files are damaged, or are another model's.
    SaveError
        If there is no room for the converted copy.
    EngineError
        If torch or transformers is too old.
    DeviceError
        If the device is not there.
    Cancelled
        If ``cancel`` was raised.
    """
    progress(None, "Loading SAM3")
    kind, device = upstream.model_class(), devices.pick(device)
    signature = signature_of(known)
    folder = prepare(known.path, progress=progress, cancel=cancel)
    progress(None, "Loading SAM3")
    way = precision.on_cpu(wanted) if device == "cpu" else Way(devices.precision_on(device, wanted))
    cancel.raise_if_cancelled()
    net = _read(kind, folder)
    cancel.raise_if_cancelled()
    tokens = net.detector_model.text_encoder.get_input_embeddings().weight.shape[0]
    reads = tokenizer.load(known.path, tokens) if known.tokenizer else None
    precision.cast_towers(net, way.precision)
    if way.onednn:
        linear.use(net)
    with devices.memory_errors():
        net = net.to(device).eval()
    progress(1.0, f"SAM3 is ready on {device.upper()}")
    return Model(net, reads, device, way, f"{signature}-{way.precision}-{devices.kind_of(device)}")


def _read(kind: Any, folder: Path) -> Any:
    """Return the network with the weights of a folder; every parameter must be there, and fit."""
    try:
        with devices.memory_errors(), _quiet():
            net, notes = kind.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
            )
    except MemoryError:
        raise
    except Exception as error:  # transformers and safetensors raise anything for a damaged file
        said = (str(error).strip().splitlines() or [""])[0]
        raise ModelFolderError(
            f"The model in {folder} cannot be read: {type(error).__name__}: {said[:200]}",
            hint="Get its files again: one may be damaged, incomplete or another model's.",
        ) from error
    lacking = sorted(set(notes["missing_keys"]) & {name for name, _ in net.named_parameters()})
    if lacking:
        raise ModelFolderError(
            f"The weights in {folder} lack {len(lacking)} of SAM3's parameters, such as {lacking[0]}.",
            hint="They are another model's, or incomplete: get model.safetensors of facebook/sam3 again.",
        )
    return net


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from drawing a bar of its own: progress is told to who asked."""
    shown = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers.utils.logging.enable_progress_bar()
