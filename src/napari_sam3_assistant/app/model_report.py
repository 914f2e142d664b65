"""What ``Validate`` says of the model folder: what is there, what each kind of task needs, what is wrong."""

from __future__ import annotations

from dataclasses import dataclass

from napari_sam3_assistant.app import meta_hints, model_hints
from napari_sam3_assistant.app.meta_state import META, MetaState
from napari_sam3_assistant.app.model_state import ModelState
from napari_sam3_assistant.engines.registry import UNVERIFIED
from napari_sam3_assistant.engines.weights.inspect import MULTIPLEX as MULTIPLEX_FILE
from napari_sam3_assistant.engines.weights.inspect import ORIGINAL, ModelFolder

VALID = "Model directory looks valid."
NEEDS = (
    ("points", "2D and Live Points need config.json and model.safetensors, or sam3.pt"),
    ("text", "Text and Exemplar need tokenizer.json, or merges.txt, too"),
    ("video", "3D/video needs what 2D needs"),
)
"""A kind of prompt that stands for a kind of task, and what that needs."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found.

    Attributes
    ----------
    text : str
        In a sentence or two.
    problem : bool
        Whether it tells why the folder cannot be used.
    hint : str
        What to do now.
    lines : tuple of str
        The particulars, for the log.
    """

    text: str
    problem: bool
    hint: str
    lines: tuple[str, ...]


def report(model: ModelState, meta: MetaState) -> Report:
    """Return what is known of the folder that was looked into."""
    known = model.known
    if known is None:
        return Report("No model folder selected.", True, "Choose a Model Folder first, or press Get SAM3.", ())
    lines = (f"Selected model directory: {known.path}", *_needs(model, known), _packages(model, meta), _device(model))
    if model.multiplex or model.engine == META:
        return _of_meta(model, meta, (*lines, meta_hints.where(meta)))
    if not known.ready:
        return Report(known.problem, True, known.advice, lines)
    size = f", {known.nbytes / 1e9:.1f} GB" if known.nbytes >= 5e7 else ""
    serves = "2D, Text, Exemplar and 3D/video" if "text" in known.tasks else "2D and 3D/video, but no words"
    text = f"{VALID} SAM3.0{size}: {serves}."
    if model.lacks:
        return Report(f"{text} But SAM3 cannot run: {model_hints.lacking(model)}.", True, _get(model), lines)
    return Report(text, False, known.advice, lines)


def _of_meta(model: ModelState, meta: MetaState, lines: tuple[str, ...]) -> Report:
    no_file, todo = meta_hints.no_file(model)
    if no_file:
        return Report(f"{no_file[:1].upper()}{no_file[1:]}.", True, todo, lines)
    why_not, todo = meta_hints.why_not(model, meta)
    if model.multiplex:
        what = f"SAM3.1 multiplex: 3D/video only ({UNVERIFIED})"
    else:
        what = "SAM3.0 for Meta's package: 2D, Text, Exemplar and 3D/video"
    if why_not:
        return Report(f"{VALID} {what}. But it cannot run: {why_not}.", True, todo, lines)
    return Report(f"{VALID} {what}.", False, model_hints.NOT_MULTIPLEX if model.multiplex else "", lines)


def _needs(model: ModelState, known: ModelFolder) -> tuple[str, ...]:
    if model.multiplex:
        there = "missing" if known.multiplex is None else f"there ({known.multiplex.name})"
        return (f"3D/video with SAM3.1 needs {MULTIPLEX_FILE}: {there}.",)
    if model.engine == META:
        return (f"Meta's package needs {ORIGINAL}: {'missing' if known.original is None else 'there'}.",)
    missing = f"missing ({', '.join(known.missing)})" if known.missing else "missing"
    return tuple(
        f"{needs}: {'there' if known.ready and serves in known.tasks else missing}." for serves, needs in NEEDS
    )


def _packages(model: ModelState, meta: MetaState) -> str:
    if model.multiplex or model.engine == META:
        lacks = f"{' and '.join(meta.missing)} not installed here" if meta.missing else "as that Python has them"
        return f"Packages: {lacks}."
    return f"Packages: {model_hints.lacking(model) or 'all there'}."


def _device(model: ModelState) -> str:
    return f"Device: {model.device}" if model.device else ""


def _get(model: ModelState) -> str:
    return f"{model_hints.PRESS}: it says how to install {'it' if len(model.lacks) == 1 else 'them'}."
