"""``python -m napari_sam3_assistant.demo``: open napari, click on objects, and see how well the masks fit."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from napari_sam3_assistant.demo.cases import CASES, PASS_IOU, Row, run_case


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; return 0 where every mask fits the truth, else 1."""
    options = _parse(arguments)
    # Qt reads this once: what the demo chooses must not become what the user finds remembered.
    with tempfile.TemporaryDirectory() as settings:
        os.environ["XDG_CONFIG_HOME"] = settings
        return _run(options.out, options.keep_open)


def _run(out: Path, keep_open: bool) -> int:
    import napari

    from napari_sam3_assistant.demo.driver import Driver, NoAnswer

    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    console.print("Opening napari with SAM3 Assistant, and clicking on objects in its canvas.")
    driver = Driver()
    driver.viewer.window.resize(1366, 768)
    driver.pump(0.3)
    rows: list[Row] = []
    try:
        for case in CASES:
            rows.append(run_case(driver, case, out))
            driver.screenshot(str(out / f"{case.sample}_{case.title.replace(' ', '_')}.png"))
    except NoAnswer as error:
        console.print(f"The demo stopped: {error}")
        return 1
    finally:
        if not keep_open:
            driver.viewer.close()
            driver.pump(0.1)
    _tell(console, rows, out)
    if keep_open:
        console.print("napari stays open: click on more nuclei. Close its window to end the demo.")
        napari.run()
    return outcome(rows)


def outcome(rows: list[Row]) -> int:
    """Return the exit status: 0 where every mask fits the truth, else 1."""
    return 0 if all(row.passed for row in rows) else 1


def _tell(console: Console, rows: list[Row], out: Path) -> None:
    table = Table("sample", "prompt", "IoU", "score", "encode ms", "decode ms", "plugin ms")
    for row in rows:
        table.add_row(
            row.sample,
            row.prompt,
            ", ".join(f"{value:.2f}" for value in row.ious) + ("" if row.passed else " too low"),
            f"{row.score:.2f}",
            *(f"{value:.1f}" for value in (row.encode_ms, row.decode_ms, row.plugin_ms)),
        )
    console.print(table)
    console.print(f"Masks and screenshots are in {out}/: " + ", ".join(row.saved.name for row in rows))
    failed = sum(not row.passed for row in rows)
    console.print(
        f"All {len(rows)} masks fit the truth (IoU of {PASS_IOU} or more)."
        if not failed
        else f"{failed} of {len(rows)} masks fit the truth too badly (IoU below {PASS_IOU})."
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
