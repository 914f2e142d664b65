"""windows_sam31_workaround: Meta's package where there is no triton, as on Windows, and with files overwritten."""

import hashlib
import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from napari_sam3_assistant.engines.meta.patches_attention import widened

# Each run of the script starts three more Pythons, and two of them import torch and sam3.
pytestmark = pytest.mark.timeout(590)

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "windows_sam31_workaround" / "check_sam3_windows.py"
WITHOUT_TRITON = """
import sys
from importlib.machinery import PathFinder


class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] == "triton" else super().find_spec(name, path, target)


sys.meta_path[sys.meta_path.index(PathFinder)] = Without
"""


def check(place: Path, sitecustomize: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the script in an environment whose Python runs ``sitecustomize`` first."""
    (place / "sitecustomize.py").write_text(sitecustomize)
    around = os.environ | {"PYTHONPATH": f"{place}{os.pathsep}{ROOT / 'src'}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), *more]
    return subprocess.run(command, env=around, capture_output=True, text=True, check=False, timeout=400)


def digests() -> dict[str, str]:
    """Return what is in each of the package's files."""
    files = [Path(str(file.locate())) for file in distribution("sam3").files or () if file.suffix == ".py"]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_without_triton_the_package_is_used_by_patches_and_no_file_changes(tmp_path):
    before = digests()

    ended = check(tmp_path, WITHOUT_TRITON)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "triton            not there" in ended.stdout
    assert "sam3 by itself    cannot be imported (ModuleNotFoundError: No module named 'triton')" in ended.stdout
    assert "patched         sam3.model.edt" in ended.stdout
    assert "sam3 with patches can be used" in ended.stdout
    assert "as they were installed" in ended.stdout
    assert digests() == before and len(before) > 50


def test_a_package_that_cannot_be_used_is_told_with_what_to_do(tmp_path):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms')\n")

    ended = check(tmp_path, "")

    assert ended.returncode == 1
    assert "sam3 with patches cannot be used: torchvision" in ended.stdout
    assert "pip install" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr


def test_files_that_were_overwritten_are_named_with_how_to_put_them_back(tmp_path):
    package = tmp_path / "sam3"
    (package / "model").mkdir(parents=True)
    (package / "model" / "edt.py").write_text("# a patched copy\n")
    (package / "__init__.py").write_text("")
    information = tmp_path / "sam3-0.1.4.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: sam3\nVersion: 0.1.4\n")
    empty = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    (information / "RECORD").write_text(f"sam3/__init__.py,{empty},0\nsam3/model/edt.py,{empty},0\n")

    ended = check(tmp_path, "")

    assert "1 are not as they were installed: sam3/model/edt.py" in ended.stdout
    assert "pip install --force-reinstall --no-deps sam3==0.1.4" in ended.stdout


def test_a_python_that_cannot_be_asked_is_told(tmp_path):
    ended = check(tmp_path, "", "--python", str(tmp_path / "nowhere"))

    assert ended.returncode == 1
    assert "--python PATH" in ended.stdout


def test_attention_by_one_kernel_falls_back_to_the_others():
    values = torch.rand(1, 1, 4, 8)
    expected = scaled_dot_product_attention(values, values, values)

    with pytest.raises(RuntimeError, match="No viable backend"), sdpa_kernel(SDPBackend.EFFICIENT_ATTENTION):
        scaled_dot_product_attention(values, values, values)
    with widened(sdpa_kernel)(SDPBackend.EFFICIENT_ATTENTION):
        found = scaled_dot_product_attention(values, values, values)

    assert torch.allclose(found, expected)
