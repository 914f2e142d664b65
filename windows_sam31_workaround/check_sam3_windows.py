"""Say what Meta's package ``sam3`` lacks on this machine, and whether napari-sam3-assistant's patches mend it.

    python windows_sam31_workaround/check_sam3_windows.py [--python PYTHON] [--device cpu]

``PYTHON`` is the interpreter of the environment that has ``sam3``; without it, the one that runs this. Nothing is
installed and no file is changed. It ends with 0 if ``sam3`` can be used from napari-sam3-assistant, and with 1 if not.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).resolve().parent.parent / "src"
LIMIT = 300
"""Seconds for each look: the first import of torch reads gigabytes."""
PACKAGES = ("sam3", "torch", "torchvision", "triton", "triton-windows")
HINT = " " * 18
UNDO = "Put them back as they were: pip install --force-reinstall --no-deps sam3=={version}"


def look() -> dict[str, Any]:
    """Return the packages that are here, and those files of ``sam3`` that are not as they were installed."""
    versions = {name: number for name in PACKAGES if (number := _version(name))}
    changed = _changed(importlib.metadata.distribution("sam3")) if "sam3" in versions else []
    return {"versions": versions, "triton": find_spec("triton") is not None, "changed": changed}


def use(device: str, *, mended: bool) -> dict[str, Any]:
    """Import ``sam3``, after our patches if ``mended``, and return what was patched and what its parts answer."""
    patches = []
    if mended:
        from napari_sam3_assistant.core.errors import AssistantError
        from napari_sam3_assistant.engines.meta import compat

        try:
            patches = [{"name": one.name, "why": one.why} for one in compat.prepare(device)]
        except AssistantError as error:
            return {"problem": error.message, "hint": error.hint}
    import sam3.model_builder  # noqa: F401 -- that it can be imported is what is asked
    from sam3.model.edt import edt_triton

    answer: dict[str, Any] = {"patches": patches}
    if mended:
        import torch

        square = torch.zeros(1, 9, 9)
        square[0, 2:7, 2:7] = 1
        answer["distance"] = float(edt_triton(square.to(device)).max())
    return answer


def ask(python: str, *arguments: str) -> tuple[dict[str, Any], str]:
    """Return what this script answers in another process, or nothing and the last line of its error."""
    around = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (str(SOURCES), os.environ.get("PYTHONPATH"))))}
    command = [python, str(Path(__file__).resolve()), *arguments]
    try:
        ended = subprocess.run(command, env=around, capture_output=True, text=True, timeout=LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {}, f"{type(error).__name__}: {python} gave no answer"
    if ended.returncode:
        return {}, (ended.stderr.strip().splitlines() or ["no message"])[-1]
    return json.loads(ended.stdout.splitlines()[-1]), ""


def check(python: str, device: str) -> bool:
    """Print what is found, and return whether ``sam3`` can be used."""
    found, problem = ask(python, "--look")
    if problem:
        print(f"{python} cannot be asked ({problem}).\nGive the Python of the environment that has sam3: --python PATH")
        return False
    versions: dict[str, str] = found["versions"]
    print(f"System            {platform.platform(terse=True)}")
    print(f"Packages          {', '.join(f'{name} {number}' for name, number in versions.items()) or 'none'}")
    if "sam3" not in versions:
        print(
            'sam3              not installed. In an environment of its own: pip install "napari-sam3-assistant[meta]"'
        )
        return False
    if not found["triton"]:
        print("triton            not there. Meta's package imports it, and uses it for what this program does not ask")
    _say_changed(found["changed"], versions["sam3"])
    _, problem = ask(python, "--bare", "--device", device)
    print(f"sam3 by itself    {f'cannot be imported ({problem})' if problem else 'can be imported'}")
    answer, problem = ask(python, "--mended", "--device", device)
    if problem:
        answer = {"problem": f"it stopped with: {problem}", "hint": f"Install it again, or look with: {_doctor()}"}
    if "problem" in answer:
        print(f"sam3 with patches cannot be used: {answer['problem']}\n{HINT}{answer['hint']}")
        return False
    for one in answer["patches"]:
        print(f"  patched         {one['name']}: {one['why']}")
    right = answer["distance"] == 3.0
    print(f"sam3 with patches {'can be used' if right else 'measures distances wrongly: say so, with these lines'}")
    return right


def _say_changed(changed: list[str], version: str) -> None:
    """Tell files that were overwritten, as the older workaround had it."""
    if not changed:
        print("Installed files   as they were installed")
        return
    print(f"Installed files   {len(changed)} are not as they were installed: {', '.join(changed[:5])}")
    print(f"{HINT}{UNDO.format(version=version)}")


def _doctor() -> str:
    return f"{Path(sys.executable).name} -m napari_sam3_assistant doctor"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _changed(package: importlib.metadata.Distribution) -> list[str]:
    """Return the package's files whose digest is not the one that was recorded when they were installed."""
    changed = []
    for file in package.files or ():
        path = Path(str(file.locate()))
        if file.hash is None or file.suffix != ".py":
            continue
        digest = hashlib.new(file.hash.mode, path.read_bytes()).digest() if path.is_file() else b""
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            changed.append(file.as_posix())
    return changed


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default=sys.executable, help="the Python that has sam3")
    parser.add_argument("--device", default="cpu", help="cpu or cuda: for which the patches are made")
    for one in ("--look", "--bare", "--mended"):  # what it asks itself, in other processes
        parser.add_argument(one, action="store_true", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.look:
        print(json.dumps(look()))
    elif wanted.bare or wanted.mended:
        print(json.dumps(use(wanted.device, mended=wanted.mended)))
    else:
        return 0 if check(wanted.python, wanted.device) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
