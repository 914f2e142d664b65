"""``python -m napari_sam3_assistant.demo``: open napari, click on objects, and see how well the masks fit."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from napari_sam3_assistant.demo.cases import CASES, MARKS, MEASURES, Row
from napari_sam3_assistant.export.journal_folder import ENVIRONMENT


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; return 0 where every mask fits the truth, else 1."""
    options = _parse(arguments)
    # Qt reads this once: what the demo chooses, and accepts, must not become what the user finds remembered.
    with tempfile.TemporaryDirectory() as settings:
        os.environ["XDG_CONFIG_HOME"] = os.environ[ENVIRONMENT] = settings
        return _run(options.out, options.keep_open)


def _run(out: Path, keep_open: bool) -> int:
    import napari

    from napari_sam3_assistant.demo.driver import Driver, NoAnswer
    from napari_sam3_assistant.demo.play import run_case

    console, began = Console(), time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    console.print("Opening napari with SAM3 Assistant, and clicking, drawing and painting in its canvas.")
    driver = Driver()
    driver.viewer.window.resize(1366, 768)
    driver.pump(0.3)
    rows: list[Row] = []
    try:
        for number, case in enumerate(CASES, 1):
            rows.append(run_case(driver, case, out))
            driver.screenshot(str(out / f"{number:02d}_{case.sample}_{case.kind.name.lower()}.png"))
    except NoAnswer as error:
        console.print(f"The demo stopped: {error}")
        return 1
    finally:
        if not keep_open:
            driver.viewer.close()
            driver.pump(0.1)
    _tell(console, rows, out, time.perf_counter() - began)
    if keep_open:
        console.print("napari stays open: click on more cells. Close its window to end the demo.")
        napari.run()
    return outcome(rows)


def outcome(rows: list[Row]) -> int:
    """Return the exit status: 0 where every mask fits the truth, else 1."""
    return 0 if all(row.passed for row in rows) else 1


def _tell(console: Console, rows: list[Row], out: Path, seconds: float) -> None:
    table = Table("sample", "pointed at by", "done", "fit to the truth", "score")
    for head in ("actions", "encode ms", "decode ms", "plugin ms"):
        table.add_column(head, justify="right")
    for before, row in zip([None, *rows], rows, strict=False):
        if before is not None and before.sample != row.sample:
            table.add_section()
        fits = ", ".join(f"{value:.2f}" for value in row.fits)
        table.add_row(
            row.sample,
            row.kind,
            row.prompt,
            f"{MEASURES[row.kind]} {fits}" + ("" if row.passed else " too low"),
            f"{row.score:.2f}",
            f"{row.actions}",
            *(f"{value:.1f}" for value in (row.encode_ms, row.decode_ms, row.plugin_ms)),
        )
    console.print(table)
    marks = ", ".join(f"{kind} {MEASURES[kind]} {mark:.2f}" for kind, mark in MARKS.items())
    console.print(f"What the last mask of a row must reach: {marks}.")
    console.print(f"Masks and screenshots are in {out}/. All of it took {seconds:.0f} s.")
    failed = sum(not row.passed for row in rows)
    console.print(
        f"All {len(rows)} rows fit the truth."
        if not failed
        else f"{failed} of {len(rows)} rows fit the truth too badly."
    )


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="napari-sam3-assistant demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo-output"), help="where masks and screenshots go")
    seen = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform in ("win32", "darwin"))
    parser.add_argument(
        "--keep-open",
        action=argparse.BooleanOptionalAction,
        default=seen and not os.environ.get("SAM3_ASSISTANT_VIRTUAL_SCREEN"),
        help="leave napari open at the end",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
