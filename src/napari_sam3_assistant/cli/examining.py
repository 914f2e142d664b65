"""The work of ``doctor``: findings, one a row. Nothing heavy is imported but torch, and that only if asked."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from napari_sam3_assistant import __version__
from napari_sam3_assistant.cli import screen
from napari_sam3_assistant.cli.demo import QT_BINDINGS, has_display
from napari_sam3_assistant.cli.embeddings import FOLDER_VARIABLE
from napari_sam3_assistant.cli.finding import Finding
from napari_sam3_assistant.cli.of_meta import of_metas_package
from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.engines import devices, machine, registry
from napari_sam3_assistant.engines.store import default_folder
from napari_sam3_assistant.engines.weights import copies
from napari_sam3_assistant.engines.weights.amounts import free_at, gigabytes
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.kinds import Kind
from napari_sam3_assistant.engines.weights.looks import CONFIG, get_command
from napari_sam3_assistant.engines.weights.places import own_folder
from napari_sam3_assistant.engines.weights.tokenizer import source_in
from napari_sam3_assistant.export import journal_folder

_BASE = ("numpy", "scipy", "scikit-image", "tifffile", "pillow", "zarr", "dask", "typer", "rich")
_SAM3 = ("torch", "transformers", "safetensors", "huggingface_hub")
_SERVER = ("fastapi", "uvicorn", "websockets", "pydantic", "prometheus-client")
_FAST = ("numba", "fastremap", "connected-components-3d", "fill-voids")


def examine(model: Path | None, *, probe: bool, python: str | None = None) -> list[Finding]:
    """Return all findings, of the model folder ``model`` too if there is one; ``probe`` imports torch.

    Meta's package is looked for in this Python, and in the one that ``python`` names, or the environment.
    """
    own = [*_program(), *_window(), *_extras(), *_device(probe), *_engines(model), *_model(model), *_disk()]
    return [*own, *of_metas_package(python)]


def show(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Write the findings to standard output: a table, or JSON."""
    if as_json:
        rows = [asdict(finding) for finding in findings]
        screen.emit(json.dumps({"version": __version__, "findings": rows}, indent=2) + "\n")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    last = ""
    for one, following in zip(findings, [*findings[1:], None], strict=True):
        mark = Text("yes", "green") if one.ok else Text("no", "bold red" if one.needed else "yellow")
        text = Text(one.detail)
        again = following is not None and not following.ok and following.remedy == one.remedy
        if not one.ok and not again:  # several that one remedy mends have it once
            text.append(("\n" if one.detail else "") + one.remedy, "cyan")
        table.add_row(one.group if one.group != last else "", one.name, mark, text)
        last = one.group
    screen.show(table)


def _program() -> Iterator[Finding]:
    group = "Program"
    yield Finding(group, "napari-sam3-assistant", True, __version__)
    recent = sys.version_info >= (3, 11)
    yield Finding(group, "Python", recent, platform.python_version(), "Install Python 3.11 or newer.", needed=True)
    yield Finding(group, "system", True, platform.platform(terse=True))
    for name in _BASE:
        yield _package(group, name, "Install the program again: pip install napari-sam3-assistant.", needed=True)


def _window() -> Iterator[Finding]:
    group, remedy = "Window", 'pip install "napari-sam3-assistant[gui]"'
    yield _package(group, "napari", remedy)
    found = {name: number for name in QT_BINDINGS if (number := _version(name))}
    detail = ", ".join(f"{name} {number}" for name, number in found.items()) or "not installed"
    yield Finding(group, "Qt binding", bool(found), detail, remedy)
    display = has_display()
    remedy = "Log in with a desktop, or use a virtual one: xvfb-run -a COMMAND. The shell and Python need none."
    yield Finding(group, "display", display, "" if display else "neither DISPLAY nor WAYLAND_DISPLAY is set", remedy)


def _extras() -> Iterator[Finding]:
    command = machine.install_command(machine.look(), [name for name in _SAM3 if _version(name) is None])
    for name in _SAM3:
        yield _package("SAM3", name, command)
    for group, names, extra in (
        ("Server", _SERVER, "server"),
        ("Speed", _FAST, "fast"),
    ):
        for name in names:
            yield _package(group, name, f'pip install "napari-sam3-assistant[{extra}]"')


def _device(probe: bool) -> Iterator[Finding]:
    found, seen = devices.report(probe=probe), machine.look()
    remedy = "CUDA alone needs one: install the driver of your NVIDIA GPU, if there is one."
    yield Finding("Device", "NVIDIA driver", seen.nvidia, "" if seen.nvidia else "none seen", remedy)
    if found.probed or _version("torch") is None:
        yield Finding("Device", found.best, True, found.reason)
        return
    yield Finding("Device", "SAM3 would take", True, machine.device_words(seen))
    yield Finding("Device", "GPU", False, "torch was not asked", "napari-sam3-assistant doctor --probe")


def _engines(model: Path | None) -> Iterator[Finding]:
    for spec in registry.available():
        problem = spec.problem or (f"{', '.join(spec.missing)} not installed" if spec.missing else "")
        remedy = f"Install what {spec.title} needs, or update its package."
        ours = spec == registry.BUILTIN
        yield Finding(
            "Engines", spec.name, not problem, f"{spec.title}{': ' + problem if problem else ''}", remedy, ours
        )
    try:
        reason = registry.choose(registry.AUTO, model).reason
    except AssistantError as error:
        yield Finding("Engines", registry.AUTO, False, error.message, error.hint)
    else:
        yield Finding("Engines", registry.AUTO, True, reason)


def _model(model: Path | None) -> Iterator[Finding]:
    """Say what the folder named holds; where none is, the one that ``get-model`` fills."""
    group, folder = "Model folder", model or own_folder()
    known = ModelFolder.inspect(folder)
    if model is None and not folder.exists():
        detail, remedy = f"none named, and no {folder}", "napari-sam3-assistant get-model, or doctor --model FOLDER."
        yield Finding(group, "folder", False, detail, f"{remedy} The built-in engine needs none.")
        return
    named = model is not None
    yield Finding(group, "folder", known.ready, known.problem or str(known.path), known.advice, needed=named)
    if known.path.is_dir():
        for one in _contents(group, known):
            yield replace(one, needed=one.needed and named)


def _disk() -> Iterator[Finding]:
    """Say where things are kept, and how much room there is."""
    embeddings = Path(os.environ.get(FOLDER_VARIABLE) or default_folder()).expanduser()
    kept = {"models": own_folder(), "converted copies": copies.cache_folder(), "embeddings": embeddings}
    for name, folder in kept.items():
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        held = gigabytes(size) if size else "nothing"
        yield Finding("Kept", name, True, f"{held} in {folder}, {gigabytes(free_at(folder))} free")
    folder = journal_folder.journal_folder()
    journals = journal_folder.count(folder)
    held = f"{journals} of pictures whose accepted objects are in no file" if journals else "none"
    yield Finding("Kept", "journals", True, f"{held}, in {folder}")


def _contents(group: str, known: ModelFolder) -> Iterator[Finding]:
    """Say what is in a model folder, file by file."""
    yield Finding(group, "model", known.ready, known.kind.value, known.advice, needed=True)
    held = known.weights is not None and known.weights.exists()
    size = f" ({gigabytes(known.nbytes)})" if known.nbytes else ""
    said = f"{known.weights.name}{size}" if known.weights else "none"
    yield Finding(group, "weights", held, said, known.advice, needed=True)
    there = CONFIG not in known.missing
    remedy = f"Get it from where the weights are from, or run: {get_command(known.path)}"
    detail = "" if (known.path / CONFIG).is_file() else "not needed" if there else "missing"
    yield Finding(group, CONFIG, there, detail, remedy, needed=True)
    words = known.tokenizer or (source_in(known.path) if known.problem else "")
    yield Finding(group, "tokenizer", bool(words), words or "none: no words", remedy)
    if known.kind is Kind.META:
        detail = str(known.copy or "not made yet: it is made before the first use")
        yield Finding(group, "converted copy", True, detail)
    serves = known.tasks if known.ready else ()
    yield Finding(group, "serves", bool(serves), ", ".join(serves) or "nothing", known.advice)
    yield Finding(group, "disk", True, f"{gigabytes(free_at(known.path))} free")


def _package(group: str, name: str, remedy: str, *, needed: bool = False) -> Finding:
    number = _version(name)
    return Finding(group, name, number is not None, number or "not installed", remedy, needed)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
