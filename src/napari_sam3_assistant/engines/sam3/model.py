"""SAM3 in memory: which files a folder holds, and how they become a model.

The folder is laid out as ``facebook/sam3`` is: ``config.json`` (of type ``sam3_video``, the one that
holds every part), weights in ``*.safetensors``, and a tokenizer. Weights are read from safetensors
only, which cannot hold code; nothing is ever downloaded.
"""

from __future__ import annotations

import hashlib
import json
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
from napari_sam3_assistant.engines.sam3 import precision, upstream

KIND = "sam3_video"
WHAT_IS_NEEDED = "Choose a folder with config.json, model.safetensors and tokenizer.json, as facebook/sam3 has them."


@dataclass(frozen=True, slots=True)
class Files:
    """What a model folder holds.

    Attributes
    ----------
    folder : Path
        The folder.
    signature : str
        The same text for the same files.
    reads : bool
        Whether there is a tokenizer: without one there are no words and no exemplars.
    """

    folder: Path
    signature: str
    reads: bool


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """SAM3 in memory.

    Attributes
    ----------
    net : Sam3VideoModel
        In evaluation mode. Its towers are in ``precision``, the rest in float32.
    tokenizer : CLIPTokenizer or None
        None where the folder has none.
    device, precision : str
        Such as ``"cpu"`` and ``"bfloat16"``.
    weights : str
        The same text for the same answers.
    """

    net: Any
    tokenizer: Any
    device: str
    precision: str
    weights: str

    @property
    def side(self) -> int:
        """Side of the square that pictures are brought to, in pixels."""
        return int(self.net.tracker_model.prompt_encoder.input_image_size)


def files_in(folder: str | Path | None) -> Files:
    """Return what a folder holds. Reads a few kilobytes.

    Raises
    ------
    ModelFolderError
        If there is no folder, or no SAM3 in it.
    """
    if folder is None or not str(folder):
        raise ModelFolderError("No model folder is chosen.", hint=WHAT_IS_NEEDED)
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise ModelFolderError(f"There is no folder {path}.", hint=WHAT_IS_NEEDED)
    try:
        text = _config_of(path)
        stats = [(one.name, one.stat()) for one in sorted(path.glob("*.safetensors"))]
    except OSError as error:
        raise ModelFolderError(f"{path} cannot be read: {error.strerror}.", hint="Check its permissions.") from error
    if not stats:
        raise ModelFolderError(f"There is no model.safetensors in {path}.", hint=WHAT_IS_NEEDED)
    seen = [text, *(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats)]
    signature = hashlib.blake2b("\n".join(seen).encode(), digest_size=8).hexdigest()
    reads = (path / "tokenizer.json").is_file() or all((path / f).is_file() for f in ("vocab.json", "merges.txt"))
    return Files(path, signature, reads)


def load(files: Files, device: str, wanted: str, *, progress: Progress, cancel: CancelToken) -> Model:
    """Return the model that a folder holds. Slow: seconds.

    Parameters
    ----------
    files : Files
        From :func:`files_in`.
    device : str
        ``"auto"``, or one that :func:`devices.report` names.
    wanted : str
        ``"float32"``, ``"bfloat16"``, or ``"auto"``: what suits the device.

    Raises
    ------
    ModelFolderError
        If the files are damaged, or are another model's.
    EngineError
        If torch or transformers is too old.
    DeviceError
        If the device is not there.
    Cancelled
        If ``cancel`` was raised.
    """
    progress(None, "Loading SAM3")
    kind, device = upstream.model_class(), devices.pick(device)
    chosen = devices.precision_on(device, precision.quicker_on_cpu) if wanted == "auto" else wanted
    cancel.raise_if_cancelled()
    net = _read(kind, files.folder)
    cancel.raise_if_cancelled()
    tokenizer = _tokenizer_in(files.folder) if files.reads else None
    precision.cast_towers(net, chosen)
    with devices.memory_errors():
        net = net.to(device).eval()
    progress(1.0, f"SAM3 is ready on {device.upper()}")
    return Model(net, tokenizer, device, chosen, f"{files.signature}-{chosen}-{device}")


def _config_of(folder: Path) -> str:
    """Return the text of ``config.json``, after a look at what kind of model it describes."""
    path = folder / "config.json"
    if not path.is_file():
        raise ModelFolderError(f"There is no config.json in {folder}.", hint=WHAT_IS_NEEDED)
    try:
        text = path.read_text(encoding="utf-8")
        config = json.loads(text)
    except ValueError as error:
        raise ModelFolderError(f"{path} is damaged: it is no JSON.", hint="Get this file again.") from error
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != KIND:
        raise ModelFolderError(f"{folder} holds a model of type {kind}, not {KIND}.", hint=WHAT_IS_NEEDED)
    return text


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


def _tokenizer_in(folder: Path) -> Any:
    try:
        return transformers.CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # whatever a damaged file makes transformers raise
        raise ModelFolderError(
            f"The tokenizer in {folder} cannot be read ({type(error).__name__}).",
            hint="Get tokenizer.json and tokenizer_config.json again.",
        ) from error


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
