"""The blocks of Python and of shell on all pages are run, or the page says why one is not.

The blocks of a page share a folder and the names that they define. What a page takes as given (``cells.tif``,
``image``) is made before. A line of the shell runs in this process: ``napari-sam3-assistant`` and ``python -c`` alone
are known.
"""

from __future__ import annotations

import ast
import contextlib
import glob
import io
import itertools
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr

from napari_sam3_assistant import segment
from napari_sam3_assistant.cli.main import main
from napari_sam3_assistant.masks.scopes import Scope
from napari_sam3_assistant.samples import nuclei
from tests.blocks import PAGES, Block, blocks_of, name_of

RUN = ("python", "bash")
KINDS = (*RUN, "text", "json", "toml", "diff", "ini", "nginx", "yaml", "powershell", "http", "js", "javascript")
END = Block("", "", "", 0, "")
BLOCKS = {name_of(page): blocks_of(page) for page in PAGES}
RUNNABLE = [page for page, blocks in BLOCKS.items() if any(one.kind in RUN and not one.why_not for one in blocks)]
ELSEWHERE = {"CONTRIBUTING.md"}
"""Pages whose blocks another test runs: tests/test_contributing.py."""


# -- what pages take as given ---------------------------------------------------------------------


def _film() -> None:
    film = np.stack([np.stack([nuclei().image] * 2)] * 4)
    tifffile.imwrite("film.ome.tif", film, metadata={"axes": "TCYX"})


def _slide() -> zarr.Array:
    """Write a plane of 60,000 pixels a side, with the picture of nuclei where pages click on it."""
    slide = zarr.create_array("slide.zarr", shape=(60_000, 60_000), chunks=(1024, 1024), dtype="u1", fill_value=18)
    row, col = 41303 - 343, 20811 - 331
    slide[row : row + 512, col : col + 512] = nuclei().image
    return slide


def _reviewed() -> Any:
    layer = napari.layers.Labels(nuclei().truth)
    layer.features = pd.DataFrame({"index": [1, 2], "review_status": ["accepted", "rejected"]})
    return layer


FILES: dict[str, Callable[[], object]] = {
    "cells.tif": lambda: tifffile.imwrite("cells.tif", nuclei().image),
    "nucleus.tif": lambda: tifffile.imwrite("nucleus.tif", nuclei().image[316:371, 305:359]),
    "other.tif": lambda: tifffile.imwrite("other.tif", nuclei().image),
    "film.ome.tif": _film,
    "slide.zarr": _slide,
    "slide_roi_mask_01.tif": lambda: segment(_slide(), points=[(41303, 20811)]).save("slide_roi_mask_01.tif"),
}
NAMES: dict[str, Callable[[], Any]] = {
    "image": lambda: nuclei().image,
    "stack": lambda: np.stack([np.stack([nuclei().image])] * 4),
    "image_with_channels_last": lambda: np.stack([nuclei().image] * 2, axis=-1),
    "slide": _slide,
    "viewer": napari.components.ViewerModel,
    "layer": _reviewed,
    "labels": lambda: nuclei().truth,
    "scope": lambda: Scope((slice(0, 512), slice(0, 512))),
}
PICTURES = ["cells.tif"]
"""What ``*.tif`` stands for: the pictures of whoever reads, and not all else that a page makes."""


def _given(block: Block, names: dict[str, Any]) -> None:
    """Make what a block takes as given: files that it reads and are not there, names that it uses and are unknown."""
    text = block.text.replace("*.tif", " ".join(PICTURES))
    for name, make in FILES.items():
        written = f"imwrite('{name}'" in text
        if re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w.])", text) and not written and not Path(name).exists():
            make()
    if block.kind == "python":
        used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
        names.update({name: make() for name, make in NAMES.items() if name in used and name not in names})


# -- running --------------------------------------------------------------------------------------


def _found(word: str) -> list[str]:
    """Return what the shell makes of a word."""
    return PICTURES if word == "*.tif" else sorted(glob.glob(word)) if "*" in word else [word]


def _shell(text: str, _names: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run lines of the shell one after the other."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        words, target = (words[:-2], words[-1]) if words[-2:-1] == [">"] else (words, None)
        with contextlib.redirect_stdout(io.StringIO()) if target else contextlib.nullcontext() as told:
            if words[:2] == ["python", "-c"]:
                exec(compile(words[2], "python -c", "exec"), {})
            else:
                known = words[0] == "napari-sam3-assistant" and words[1] not in ("serve", "get-model", "demo")
                assert known, f"This is not run here; say so above the block: {line}"
                monkeypatch.setattr(sys, "argv", [found for word in words for found in _found(word)])
                assert main() == 0, line
        if target and told:
            Path(target).write_text(told.getvalue(), encoding="utf-8")


def _python(text: str, names: dict[str, Any], _monkeypatch: pytest.MonkeyPatch) -> None:
    exec(compile(text, "a block of Python", "exec"), names)


@pytest.mark.parametrize("page", [page for page in RUNNABLE if page not in ELSEWHERE])
def test_the_blocks_of_the_page_run_and_print_what_it_shows(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    names: dict[str, Any] = {}

    for block, following in itertools.pairwise([*BLOCKS[page], END]):
        if block.kind not in RUN or block.why_not:
            continue
        _given(block, names)
        capsys.readouterr()
        try:
            {"python": _python, "bash": _shell}[block.kind](block.text, names, monkeypatch)
        except BaseException as error:
            error.add_note(f"In the block at line {block.line} of {page}.")
            raise
        if "print(" in block.text and following.kind == "text":
            assert capsys.readouterr().out == following.text


def test_each_block_that_is_not_run_says_why():
    for page, blocks in BLOCKS.items():
        for block in blocks:
            assert not block.why_not or len(block.why_not) > 10, f"{page}:{block.line}"


def test_a_remark_that_a_block_is_not_run_stands_above_one():
    for page in PAGES:
        remarks = len(re.findall(r"<!-- not run: ", page.read_text(encoding="utf-8")))
        kept = re.findall(r"<!-- not run: [^>]*-->\s*```(?:python|bash)", page.read_text(encoding="utf-8"))
        assert page.name == "CONTRIBUTING.md" or remarks == len(kept), name_of(page)


def test_all_kinds_of_block_are_known():
    kinds = {block.kind for blocks in BLOCKS.values() for block in blocks}

    assert kinds <= set(KINDS), "A block of shell is called bash, so that it is run or says why it is not."
