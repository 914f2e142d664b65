"""How words become the numbers that SAM3 reads: from whichever files a folder has, in memory.

The tokenizer is CLIP's. Its vocabulary follows from its merges: the 256 bytes, each once more as the end of a
word, what each merge makes, and a start and an end. So ``merges.txt``, or the file that Meta's package reads,
is enough. Nothing is written into the folder.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_sam3_assistant.core.errors import ModelFolderError
from napari_sam3_assistant.engines.weights.files import GET_AGAIN, half, read_json, unreadable

READY = "tokenizer.json"
SETTINGS = "tokenizer_config.json"
VOCABULARY, MERGES = "vocab.json", "merges.txt"
MERGE_FILES = (MERGES, "merges.txt.gz", "bpe_simple_vocab_16e6.txt.gz")
USUAL = 49_408
"""Tokens of the released model."""
LONGEST = 32
"""Tokens of a phrase that the released model reads."""
START, END = "<|startoftext|>", "<|endoftext|>"

_BESIDE_MERGES = 2 * 256 + 2
_LONGEST_FILE = 20_000_000


@dataclass(frozen=True, slots=True)
class Bpe:
    """A tokenizer's vocabulary, with the number of each token, and its merges, the most frequent first."""

    vocabulary: dict[str, int]
    merges: list[tuple[str, str]]


def source_in(folder: Path) -> str:
    """Return the file that a tokenizer is made from, or an empty text: then there are no words."""
    for name in (READY, *MERGE_FILES):
        if (folder / name).is_file():
            return name
    return ""


def check(folder: Path, size: int = USUAL) -> str:
    """Check the tokenizer of a folder without making it.

    Parameters
    ----------
    folder : Path
        A model folder.
    size : int
        How many tokens the model knows. One fewer in the tokenizer, and words would become others.

    Returns
    -------
    str
        The file that it is made from; empty if there is none.

    Raises
    ------
    ModelFolderError
        If that file is damaged, incomplete, or another model's.
    """
    name = source_in(folder)
    if name == READY:
        _check_count(name, len(_ready_vocabulary(folder / name)), size)
    elif name:
        read_bpe(folder, size)
    return name


def load(folder: Path, size: int = USUAL) -> Any:
    """Return the tokenizer of a folder, a ``transformers.CLIPTokenizer``.

    Raises
    ------
    ModelFolderError
        If there is none, or it is damaged.
    """
    import transformers

    name = check(folder, size)
    if not name:
        raise ModelFolderError(
            f"There is no tokenizer in {folder}, which words and exemplars need.",
            hint=f"Put {READY} of facebook/sam3 into it.",
        )
    try:
        if name == READY:
            return transformers.CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        bpe = read_bpe(folder, size)
        return transformers.CLIPTokenizer(vocab=bpe.vocabulary, merges=bpe.merges, model_max_length=LONGEST)
    except Exception as error:  # whatever a damaged file makes transformers raise
        raise ModelFolderError(
            f"The tokenizer of {folder} cannot be made from {name} ({type(error).__name__}).", hint=GET_AGAIN
        ) from error


def read_bpe(folder: Path, size: int = USUAL) -> Bpe:
    """Return the vocabulary and the merges of a folder that has one of :data:`MERGE_FILES`.

    Raises
    ------
    ModelFolderError
        If the file is damaged, or has fewer merges than ``size`` tokens need.
    """
    path = next(folder / name for name in MERGE_FILES if (folder / name).is_file())
    merges = []
    lines = [line for line in _text(path).splitlines() if line.strip()]
    if lines and "#version" in lines[0]:
        del lines[0]
    for line in lines[: max(size - _BESIDE_MERGES, 0)]:  # Meta's file goes on with merges that nobody uses
        left, _, right = line.strip().partition(" ")
        if not right or " " in right:
            raise ModelFolderError(f"The file {path.name} is damaged: it has a line {line[:40]!r}.", hint=GET_AGAIN)
        merges.append((left, right))
    if len(merges) < size - _BESIDE_MERGES:
        raise ModelFolderError(
            f"The file {path.name} has {len(merges):,} merges, and this model needs {size - _BESIDE_MERGES:,}.",
            hint=GET_AGAIN,
        )
    tokens = [*letters(), *(f"{letter}</w>" for letter in letters())]
    tokens += [left + right for left, right in merges] + [START, END]
    bpe = Bpe({token: number for number, token in enumerate(tokens)}, merges)
    if path.name == MERGES and (folder / VOCABULARY).is_file() and read_json(folder / VOCABULARY) != bpe.vocabulary:
        raise ModelFolderError(
            f"The files {VOCABULARY} and {MERGES} do not belong together, or {VOCABULARY} is damaged.",
            hint=f"Get {VOCABULARY} again, or remove it: {MERGES} is enough.",
        )
    return bpe


def merges_in(folder: Path, size: int = USUAL) -> list[tuple[str, str]]:
    """Return the merges of a folder's tokenizer, whichever file it has: what Meta's package makes its own from.

    Raises
    ------
    ModelFolderError
        If there is none, or it is damaged.
    """
    if check(folder, size) != READY:
        return read_bpe(folder, size).merges
    said: Any = read_json(folder / READY)
    pairs = [one.split(" ") if isinstance(one, str) else one for one in said["model"].get("merges") or ()]
    if any(len(pair) != 2 for pair in pairs) or len(pairs) != size - _BESIDE_MERGES:
        raise ModelFolderError(f"The file {READY} is damaged: its merges are not those of CLIP.", hint=GET_AGAIN)
    return [(left, right) for left, right in pairs]


def files_for(folder: Path, size: int = USUAL) -> Iterator[tuple[str, bytes]]:
    """Yield the names and the contents of files that give a folder of transformers' this folder's tokenizer.

    Raises
    ------
    ModelFolderError
        If the tokenizer is damaged.
    """
    name = check(folder, size)
    if name == READY:
        for one in (READY, SETTINGS):
            if (folder / one).is_file():
                yield one, (folder / one).read_bytes()
    elif name:
        bpe = read_bpe(folder, size)
        yield VOCABULARY, json.dumps(bpe.vocabulary, ensure_ascii=False).encode()
        lines = ["#version: 0.2", *(" ".join(merge) for merge in bpe.merges)]
        yield MERGES, ("\n".join(lines) + "\n").encode()
        settings = {"model_max_length": LONGEST, "tokenizer_class": "CLIPTokenizer"}
        yield SETTINGS, json.dumps(settings, indent=2).encode()


def letters() -> list[str]:
    """Return a visible character for each byte, those that are visible themselves first.

    Notes
    -----
    As GPT-2's and CLIP's tokenizers have them: bytes that are no visible characters of Latin-1
    take characters from 256 on.
    """
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [*map(chr, visible), *(chr(256 + number) for number in range(256 - len(visible)))]


def _ready_vocabulary(path: Path) -> dict[str, int]:
    said = read_json(path)
    model = said.get("model") if isinstance(said, dict) else None
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(vocabulary, dict):
        raise ModelFolderError(f"The file {path.name} is damaged: it has no vocabulary.", hint=GET_AGAIN)
    return vocabulary


def _check_count(name: str, count: int, size: int) -> None:
    if count != size:
        raise ModelFolderError(
            f"The file {name} has {count:,} tokens, and this model knows {size:,}: it is another model's.",
            hint=f"Get {name} from where the weights are from.",
        )


def _text(path: Path) -> str:
    try:
        if path.suffix != ".gz":
            with open(path, "rb") as file:
                return file.read(_LONGEST_FILE).decode("utf-8-sig")
        with gzip.open(path, "rb") as file:
            return file.read(_LONGEST_FILE).decode()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise half(path.name, path.stat().st_size, None) from error
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise ModelFolderError(f"The file {path.name} is damaged: it is no text.", hint=GET_AGAIN) from error
