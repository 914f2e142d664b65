"""What is delivered to start servers: the unit for systemd, and the recipe for a container."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from napari_sam3_assistant.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "deploy" / "systemd" / "sam3@.service"
DROP_IN = ROOT / "deploy" / "systemd" / "sam3@.service.d-example.conf"
RECIPE = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")
ANALYZE = shutil.which("systemd-analyze")


def options_of_serve() -> set[str]:
    command = typer.main.get_command(app).commands["serve"]
    return {name for parameter in command.params for name in parameter.opts}


def instructions(name: str) -> list[str]:
    """Return the arguments of each instruction of the recipe; lines that go on are joined."""
    lines = re.sub(r"\\\n\s*", "", RECIPE).splitlines()
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{name} ")]


@pytest.mark.skipif(ANALYZE is None, reason="needs systemd-analyze")
def test_systemd_finds_no_fault_in_the_unit_and_its_drop_in(tmp_path):
    program = tmp_path / "napari-sam3-assistant"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = UNIT.read_text(encoding="utf-8").replace("/opt/sam3/bin/napari-sam3-assistant", str(program))
    (tmp_path / UNIT.name).write_text(unit, encoding="utf-8")
    (tmp_path / "sam3@.service.d").mkdir()
    shutil.copy(DROP_IN, tmp_path / "sam3@.service.d" / "local.conf")

    looked = subprocess.run(
        [ANALYZE, "verify", tmp_path / "sam3@0.service"], capture_output=True, text=True, check=False, timeout=60
    )

    assert (looked.returncode, looked.stderr) == (0, "")


def test_the_unit_gives_options_that_there_are_and_has_time_to_drain():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(UNIT)
    start = unit["Service"]["ExecStart"]
    drained = int(re.search(r"--drain-seconds (\d+)", start)[1])
    told = set(re.findall(r"--[a-z-]+", start + DROP_IN.read_text(encoding="utf-8")))

    assert "serve" in start.split() and told <= options_of_serve(), told
    assert int(unit["Service"]["TimeoutStopSec"]) > drained
    # The others of a control group must not be told twice: the second time ends a server at once.
    assert unit["Service"]["KillMode"] == "mixed"
    assert unit["Service"]["DynamicUser"] == unit["Service"]["NoNewPrivileges"] == "yes"
    assert unit["Service"]["User"] == "sam3"  # one for all instances, which share the folder of the cache


def test_the_recipe_runs_the_server_without_rights_and_without_a_model_inside():
    (entry,) = map(json.loads, instructions("ENTRYPOINT"))
    copied = {part for line in instructions("COPY") if "--from" not in line for part in line.split()[:-1]}

    assert entry[:2] == ["napari-sam3-assistant", "serve"]
    assert {part for part in entry if part.startswith("--")} <= options_of_serve()
    assert instructions("USER") == ["10001"]
    assert instructions("VOLUME") == ['["/model"]']
    assert all((ROOT / part).exists() for part in copied), copied
    assert copied == {"pyproject.toml", "README.md", "LICENSE", "constraints.txt", "src"}
    (health,) = instructions("HEALTHCHECK")
    compile(json.loads(health.partition("CMD ")[2])[2], "health", "exec")
    assert "/healthz" in health
