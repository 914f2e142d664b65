"""Fail where a module of the package is longer than 400 lines, docstrings included."""

import sys
from pathlib import Path

MOST = 400
ROOT = Path(__file__).resolve().parent.parent


def too_long(root: Path = ROOT, most: int = MOST) -> list[str]:
    """Return ``path: lines`` of each module under ``root/src`` that passes ``most`` lines."""
    lengths = {
        path.relative_to(root): len(path.read_text(encoding="utf-8").splitlines())
        for path in sorted((root / "src").rglob("*.py"))
    }
    return [f"{path}: {lines}" for path, lines in lengths.items() if lines > most]


if __name__ == "__main__":
    found = too_long()
    for entry in found:
        print(f"{entry} lines; the most is {MOST}: cut it in two.")
    sys.exit(bool(found))
