"""What ``doctor`` says of Meta's package: in this Python, and in the one that was named for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from napari_sam3_assistant.cli.finding import Finding
from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.engines.interpreters import VARIABLE, fatal_in, meta_python
from napari_sam3_assistant.engines.meta import installed
from napari_sam3_assistant.engines.meta.installed import Installed
from napari_sam3_assistant.engines.registry import UNVERIFIED

HERE, THERE = "Meta's package, here", "Meta's package, there"
NAMED = ("sam3", "torch", "torchvision", "triton", "numpy")
"""Packages that have a line of their own; a problem names the others."""
ELSEWHERE = f"Install it in an environment of its own, and name its Python with --python or {VARIABLE}."
NO_MULTIPLEX = "SAM3.1 needs a version of sam3 that has its code; SAM3.0 does not."


def of_metas_package(named: str | None) -> Iterator[Finding]:
    """Say what this Python has of Meta's package, then the one named, or that the environment names.

    A Python that was ``named`` is needed; this one is not.
    """
    yield from _of(HERE, installed.look(), needed=False)
    needed = named is not None
    try:
        interpreter = meta_python(named)
        found = installed.look_in(interpreter) if interpreter else None
    except AssistantError as error:
        yield Finding(THERE, "Python", False, error.message, error.hint, needed=needed)
        return
    if found is None:
        yield Finding(THERE, "Python", True, f"none named; {VARIABLE} or --python names one")
        return
    yield Finding(THERE, "Python", True, f"{found.python}, {interpreter}")
    yield from _of(THERE, found, needed=needed)


def _of(group: str, found: Installed, *, needed: bool) -> Iterator[Finding]:
    fatal = fatal_in(found)
    if "sam3" not in found.versions and not needed and group == HERE:
        yield Finding(group, "sam3", False, f"not installed in {sys.executable}", ELSEWHERE)
        return
    detail = "can be used" if fatal is None else fatal.what
    yield Finding(group, "usable", fatal is None, detail, "" if fatal is None else fatal.advice, needed=needed)
    for name in NAMED:
        number, may_lack = found.versions.get(name, ""), name == "triton"
        detail = number or (
            "not installed: not needed on a CPU, on Windows and on macOS" if may_lack else "not installed"
        )
        remedy = f"{found.interpreter} -m pip install {name}"
        yield Finding(group, name, bool(number) or may_lack, detail, remedy, needed=needed)
    if "torch" in found.versions:
        yield Finding(group, "CUDA", True, found.cuda or "torch was built without it: it runs on the CPU")
    if "sam3" in found.versions:
        yield from _inside(group, found)
    for one in found.problems:
        if one != fatal:
            yield Finding(group, "note", False, one.what, one.advice)


def _inside(group: str, found: Installed) -> Iterator[Finding]:
    """Say what is in the package itself."""
    yield Finding(group, "tokenizer (BPE)", True, found.bpe or "not in the package: made of the model folder's")
    yield Finding(
        group,
        "SAM3.1 multiplex",
        found.multiplex,
        f"its code is there ({UNVERIFIED})" if found.multiplex else f"no code for it ({UNVERIFIED})",
        NO_MULTIPLEX,
    )
