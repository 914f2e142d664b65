"""Each script in examples/ runs as it is, without warnings, and says something."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines.sam3.conftest import tiny_folder  # noqa: F401

NEED_A_SERVER = {"realtime_click", "realtime_client", "realtime_follow"}
"""Those that talk to a server: tests/server/test_examples_*.py start one for them."""
FOLDER = Path(__file__).resolve().parent.parent / "examples"
EXAMPLES = sorted(path for path in FOLDER.glob("*.py") if path.stem not in NEED_A_SERVER)
NEED_A_MODEL = {"find_by_words", "many_pictures_and_phrases"}
"""Those that are told the folder of a SAM3."""


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs(script, tmp_path, tmp_path_factory, request, monkeypatch):
    told = [request.getfixturevalue("tiny_folder")] if script.stem in NEED_A_MODEL else []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))

    done = subprocess.run(
        [sys.executable, "-W", "error", script, *told],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert list(tmp_path.iterdir()) == []
