"""Folders and environments that Meta's engine cannot use, or only in part."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from napari_sam3_assistant.core.errors import ModelFolderError, Unsupported
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, Query, TextPrompt
from napari_sam3_assistant.testing import FIRST_SQUARE, assert_sound, click, rgb, two_squares
from tests.meta.conftest import WHY

pytest.importorskip("sam3", reason=WHY)
pytestmark = pytest.mark.timeout(600)  # processes of their own import torch, which takes long where others compute

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(small_folder, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(small_folder, tmp_path / "model")


def engine_for(folder):
    from tests.meta.small import small_engine

    return small_engine(folder, device="cpu")


def load(engine):
    engine.load(progress=no_progress, cancel=CancelToken())
    return engine


def rewrite(folder, change):
    """Write the checkpoint anew with other tensors."""
    import torch

    state = torch.load(folder / "sam3.pt", weights_only=True)["model"]
    torch.save({"model": change(state)}, folder / "sam3.pt")


def test_sam31_is_refused_by_what_is_in_it(folder):
    rewrite(
        folder, lambda state: {name.replace("tracker.", "tracker.model.interactive_"): v for name, v in state.items()}
    )

    with pytest.raises(ModelFolderError, match=r"SAM 3\.1 multiplex"):
        engine_for(folder)


def test_no_part_of_the_click_decoder_may_stay_random(folder):
    gone = "tracker.sam_mask_decoder.iou_prediction_head.layers.2.weight"
    rewrite(folder, lambda state: {name: v for name, v in state.items() if name != gone})

    with pytest.raises(ModelFolderError, match=r"iou_prediction_head") as caught:
        load(engine_for(folder))

    assert caught.value.hint


def test_weights_of_another_size_are_refused(folder):
    name = "tracker.sam_mask_decoder.iou_prediction_head.layers.2.weight"
    rewrite(folder, lambda state: state | {name: state[name][:2].clone()})

    with pytest.raises(ModelFolderError) as caught:
        load(engine_for(folder))

    assert caught.value.hint


@pytest.mark.parametrize("kept", [0, 100, 5_000_000])
def test_a_half_written_checkpoint_is_refused(folder, kept):
    (folder / "sam3.pt").write_bytes((folder / "sam3.pt").read_bytes()[:kept])

    with pytest.raises(ModelFolderError) as caught:
        load(engine_for(folder))

    assert caught.value.hint


def test_a_folder_without_metas_file_says_so(tmp_path):
    with pytest.raises(ModelFolderError):
        engine_for(tmp_path)


def test_a_checkpoint_that_changed_under_its_name_has_other_weights(folder):
    before = engine_for(folder).weights
    stat = (folder / "sam3.pt").stat()
    os.utime(folder / "sam3.pt", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))

    assert engine_for(folder).weights != before


def test_without_a_tokenizer_clicks_are_answered_and_words_refused(folder):
    from tests.meta.small import BPE

    (folder / BPE).unlink()
    engine = load(engine_for(folder))

    embedding = engine.encode(rgb(two_squares()), progress=no_progress, cancel=CancelToken())

    assert_sound(engine.segment(embedding, click(15, 15)), (64, 72))
    assert not engine.capabilities.text
    assert not engine.capabilities.exemplars
    for query in (Query(texts=(TextPrompt("square"),)), Query(exemplars=(BoxPrompt(FIRST_SQUARE),))):
        with pytest.raises(Unsupported, match="no tokenizer"):
            engine.find(embedding, query)


def run(code, **environment):
    """Run code in a process of its own; return what it has printed."""
    lines = textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", lines],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])} | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


HIDE = """
    import sys

    class Hidden:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in NAMES:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    import importlib.util

    seen = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *rest: None if name.partition(".")[0] in NAMES else seen(name, *rest)

    sys.meta_path.insert(0, Hidden())
"""


def test_without_triton_and_all_that_napari_brings_every_kind_is_answered(small_folder):
    told = run(
        '    NAMES = ("triton", "transformers", "platformdirs", "pydantic", "skimage", "napari", "qtpy", "zarr")'
        + HIDE
        + f"""
    import numpy as np
    from napari_sam3_assistant.core.geometry import Box
    from napari_sam3_assistant.core.progress import CancelToken, no_progress
    from napari_sam3_assistant.core.prompts import BoxPrompt, PointPrompt, Prompts, Query, TextPrompt
    from tests.meta.small import small_engine

    engine = small_engine({str(small_folder)!r}, device="cpu")
    engine.load(progress=no_progress, cancel=CancelToken())
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    embedding = engine.encode(picture, progress=no_progress, cancel=CancelToken())
    engine.segment(embedding, Prompts((PointPrompt(20, 30),)))
    print(len(engine.find(embedding, Query(texts=(TextPrompt("cell"),)))))
    print(len(engine.find(embedding, Query(exemplars=(BoxPrompt(Box(5, 5, 20, 20)),)))))
    """
    )

    assert [line.isdigit() for line in told.split()[-2:]] == [True, True]


PREPARE = """
    from napari_sam3_assistant.core.errors import EngineError
    from napari_sam3_assistant.engines.meta import compat

    try:
        compat.prepare("cpu")
    except EngineError as error:
        print(error.message, "|", error.hint)
"""


def test_a_broken_torchvision_is_named_with_what_to_do(tmp_path):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision/__init__.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")

    told = run(f"    import sys\n    sys.path.insert(0, {str(tmp_path)!r})" + PREPARE)

    assert "torchvision in" in told
    assert "pip install --force-reinstall torch torchvision" in told


def test_without_the_package_it_is_said_how_to_install_it():
    told = run('    NAMES = ("sam3",)' + HIDE + PREPARE)

    assert "sam3 is not installed" in told
    assert "pip install sam3" in told
