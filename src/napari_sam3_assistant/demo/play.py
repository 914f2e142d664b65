"""Plays a case: opens its sample, points at the object, saves the masks, and says how well they fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.demo.cases import MARKS, MOST_CLICKS, Case, Kind, Row
from napari_sam3_assistant.demo.driver import Driver, NoAnswer
from napari_sam3_assistant.demo.fit import Mask, box_round, deepest, f1, iou, matched, next_click, zigzag
from napari_sam3_assistant.demo.hand import Hand
from napari_sam3_assistant.samples import SAMPLES, Sample
from napari_sam3_assistant.tasks.jobs import Task

BEYOND = 3
"""How far outside an object its box is drawn, in pixels."""

PAINTED = 0.8
"""How much of an object's width and height is painted over."""

Played = tuple[str, list[float]]
"""What was done, in words, and how well the mask fitted after each step."""


def run_case(driver: Driver, case: Case, folder: Path) -> Row:
    """Open the sample, point at the object, save what was found; return the row of the table."""
    sample = SAMPLES[case.sample].make()
    hand = Hand(driver, _opened(driver, case.sample, sample), sample.truth.shape)
    if case.kind is not Kind.REFINED:
        hand.clear()
    prompt, fits = PLAYS[case.kind](hand, case, sample)
    return Row(
        sample=sample.name,
        kind=case.kind,
        prompt=prompt,
        fits=tuple(fits),
        score=hand.score,
        actions=hand.actions,
        encode_ms=driver.widget.controller.encode_ms,
        decode_ms=hand.decode_ms,
        plugin_ms=hand.plugin_ms,
        saved=_save(driver, folder),
    )


def _point(hand: Hand, case: Case, sample: Sample) -> Played:
    hand.choose(Task.LIVE_POINTS)
    return _corrected(hand, case.kind, sample.truth == case.label, np.zeros(sample.truth.shape, bool), 1)


def _points(hand: Hand, case: Case, sample: Sample) -> Played:
    hand.choose(Task.LIVE_POINTS)
    return _corrected(hand, case.kind, sample.truth == case.label, np.zeros(sample.truth.shape, bool), MOST_CLICKS)


def _box(hand: Hand, case: Case, sample: Sample) -> Played:
    truth = sample.truth == case.label
    hand.choose(Task.IMAGE, PromptKind.BOX)
    hand.draw(*box_round(truth, BEYOND))
    return "drag, U", [iou(truth, hand.run()[0])]


def _painted(hand: Hand, case: Case, sample: Sample) -> Played:
    truth = sample.truth == case.label
    hand.choose(Task.IMAGE, PromptKind.LABELS)
    paint = hand.paint(zigzag(truth, hand.brush, PAINTED))
    return "stroke, U", [iou(truth, paint), iou(truth, hand.run()[0])]


def _example(hand: Hand, case: Case, sample: Sample) -> Played:
    hand.choose(Task.EXEMPLAR)
    hand.draw(*box_round(sample.truth == case.label, BEYOND))
    prompt, fits = "drag, U", [f1(hand.run(), sample.truth)]
    if case.counter is not None:
        hand.key("J")
        hand.draw(*case.counter)
        prompt, fits = "drag, U, J, drag, U", [*fits, f1(hand.run(), sample.truth)]
    return prompt, fits


def _refined(hand: Hand, case: Case, sample: Sample) -> Played:
    """Correct the one of the objects found before that fits worst and yet is one of the truth."""
    found = [(fit, label, mask) for mask in hand.masks() for label, fit in [matched(mask, sample.truth)] if fit >= 0.5]
    if not found:
        raise NoAnswer("No object was found that could be corrected.")
    fit, label, mask = min(found, key=lambda one: one[:2])
    hand.press(hand.driver.widget.simple.setup.tasks[Task.LIVE_POINTS])
    hand.select(*deepest(mask)[:2])
    prompt, fits = _corrected(hand, case.kind, sample.truth == label, mask, MOST_CLICKS)
    return f"Live Points, click, {prompt}", [fit, *fits]


def _corrected(hand: Hand, kind: Kind, truth: Mask, mask: Mask, most: int) -> Played:
    """Click in the middle of the largest error until the mask fits, ``most`` times at most."""
    signs, fits = list[str](), list[float]()
    while len(fits) < most and (not fits or fits[-1] < MARKS[kind]):
        row, col, positive = next_click(truth, mask)
        mask = hand.click(row, col, positive)
        signs.append("+" if positive else "-")
        fits.append(iou(truth, mask))
    return " ".join(signs), fits


PLAYS: dict[Kind, Callable[[Hand, Case, Sample], Played]] = {
    Kind.POINT: _point,
    Kind.POINTS: _points,
    Kind.BOX: _box,
    Kind.PAINTED: _painted,
    Kind.EXAMPLE: _example,
    Kind.REFINED: _refined,
}


def _opened(driver: Driver, key: str, sample: Sample) -> Any:
    """Return the sample's layer, opened in place of what was open if it is not there."""
    layer = next((one for one in driver.viewer.layers if one.name == sample.name), None)
    if layer is None:
        driver.viewer.layers.clear()
        driver.pump()
        driver.widget.simple.setup.tasks[Task.LIVE_POINTS].click()
        driver.viewer.open_sample("napari-sam3-assistant", key)
        layer = driver.viewer.layers[sample.name]
        driver.wait(lambda: driver.state.task.armed, "The layer of the prompts")
        driver.pump(0.3)  # the dock takes the room that its controls need
        driver.viewer.reset_view()
    driver.wait_until_idle()
    return layer


def _save(driver: Driver, folder: Path) -> Path:
    output = driver.state.output
    output.folder = str(folder)
    before = output.saved
    driver.widget.simple.results.saving.save.click()
    driver.wait(lambda: not output.saving and output.saved not in (None, before), "The saved file")
    return Path(str(output.saved))
