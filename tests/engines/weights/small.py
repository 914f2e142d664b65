"""Model folders in miniature, written without torch: names as the real ones have them, values that mean nothing."""

import itertools
import json
import re
import zipfile
from pathlib import Path

import numpy as np

from napari_sam3_assistant.engines.weights import names
from napari_sam3_assistant.engines.weights.tokenizer import END, START, letters

META_NAMES = Path(__file__).with_name("meta_names.txt")
WIDTH, MERGES = 6, 3
TOKENS = 2 * 256 + 2 + MERGES
CONFIG = {
    "model_type": "sam3_video",
    "detector_config": {
        "vision_config": {"fpn_hidden_size": WIDTH, "backbone_config": {"hidden_size": WIDTH}},
        "text_config": {"vocab_size": TOKENS, "hidden_size": WIDTH},
    },
    "tracker_config": {"prompt_encoder_config": {"hidden_size": WIDTH}},
}


def meta_names() -> list[str]:
    """Return the names of all tensors in the model that Meta's package 0.1.4 builds."""
    return [name for line in META_NAMES.read_text().split() for name in _each(line)]


def _each(line: str) -> list[str]:
    """Return what a line stands for: ``0-3`` for four numbers, ``a|b`` for two words."""
    choices = []
    for part in line.split("."):
        ends = re.fullmatch(r"(\d+)-(\d+)", part)
        choices.append([str(n) for n in range(int(ends[1]), int(ends[2]) + 1)] if ends else part.split("|"))
    return [".".join(chosen) for chosen in itertools.product(*choices)]


def meta_tensors() -> dict[str, np.ndarray]:
    """Return tensors of Meta's names, as small as their shapes may be."""
    random = np.random.default_rng(0)
    return {name: random.random(_shape_of(name), dtype=np.float32) for name in meta_names()}


def _shape_of(name: str) -> tuple[int, ...]:
    if name.endswith("pos_embed"):
        return (1, 5, WIDTH)
    if "qkv" in name or "in_proj" in name:
        return (3 * WIDTH, WIDTH) if name.endswith("weight") else (3 * WIDTH,)
    if name.endswith("token_embedding.weight"):
        return (TOKENS, WIDTH)
    if name.endswith("text_projection"):
        return (WIDTH, 4)
    if name.endswith(("ln_pre.weight", "bias")):
        return (WIDTH,)
    return (1, WIDTH) if "point_embeddings" in name else (WIDTH, WIDTH)


def sam3_tensors() -> dict[str, np.ndarray]:
    """Return tensors of transformers' names that fit :data:`CONFIG`."""
    tensors = {}
    for name, array in meta_tensors().items():
        new = names.renamed(name)
        if new is None or names.POINT.fullmatch(new):
            continue
        for letter in names.PARTS if names.SPLIT in new else "-":
            tensors[new.replace(names.SPLIT, letter)] = array
    tensors[names.POINTS] = np.zeros((4, WIDTH), np.float32)
    return tensors


def write_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> Path:
    header, place = {"__metadata__": {"format": "pt"}}, 0
    for name, array in tensors.items():
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [place, place + array.nbytes]}
        place += array.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(a.tobytes() for a in tensors.values()))
    return path


def write_pt(path: Path, tensors: dict[str, np.ndarray], pickled: bytes = b"") -> Path:
    """Write tensors as ``torch.save`` does; or any pickle with them."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/data.pkl", pickled or pickle_of(tensors))
        for key, array in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{key}", array.tobytes())
    return path


def pickle_of(tensors: dict[str, np.ndarray]) -> bytes:
    """Return the table of contents that ``torch.save({"model": tensors})`` writes."""
    body = b"".join(_text(name) + _tensor(key, array) for key, (name, array) in enumerate(tensors.items()))
    return b"\x80\x02}" + _text("model") + b"}(" + body + b"us."


def _text(text: str) -> bytes:
    return b"X" + len(text.encode()).to_bytes(4, "little") + text.encode()


def _number(number: int) -> bytes:
    return b"J" + number.to_bytes(4, "little", signed=True)


def _tensor(key: int, array: np.ndarray) -> bytes:
    storage = b"(" + _text("storage") + b"ctorch\nFloatStorage\n" + _text(str(key)) + _text("cpu")
    storage += _number(array.size) + b"tQ"
    shape = b"(" + b"".join(map(_number, array.shape)) + b"t"
    strides = b"(" + b"".join(_number(step // array.itemsize) for step in array.strides) + b"t"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + _number(0) + shape + strides + b"\x89}tR"


def write_config(folder: Path, **more: object) -> Path:
    (folder / "config.json").write_text(json.dumps(CONFIG | more))
    return folder


def write_tokenizer(folder: Path) -> Path:
    """Write a tokenizer.json that has a vocabulary, and little else."""
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": dict.fromkeys(map(str, range(TOKENS)), 0)}}))
    return folder


def merges() -> list[str]:
    return ["i n", "t h", "a n</w>"][:MERGES]


def vocabulary() -> dict[str, int]:
    tokens = [*letters(), *(one + "</w>" for one in letters()), *(one.replace(" ", "") for one in merges()), START, END]
    return {token: number for number, token in enumerate(tokens)}


def write_sam3(folder: Path) -> Path:
    """Write a whole folder as ``facebook/sam3`` has it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / "model.safetensors", sam3_tensors())
    return write_tokenizer(write_config(folder))


def write_meta(folder: Path) -> Path:
    """Write a folder with Meta's file, a config.json that fits, and merges."""
    folder.mkdir(parents=True, exist_ok=True)
    write_pt(folder / "sam3.pt", meta_tensors())
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges()) + "\n")
    return write_config(folder)
