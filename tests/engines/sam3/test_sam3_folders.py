"""Model folders as users have them: Meta's file, read-only ones, and those that lack something."""

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import (
    Cancelled,
    DeviceError,
    EngineError,
    ModelFolderError,
    Unsupported,
)
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, Query, TextPrompt
from napari_sam3_assistant.engines import devices, registry
from napari_sam3_assistant.testing import assert_same, assert_sound, blobs, click
from tests.engines.sam3.asking import SHAPE, encode, loaded
from tests.engines.sam3.conftest import WHY
from tests.engines.weights.test_with_transformers import in_metas_form

torch = pytest.importorskip("torch", reason=WHY)
pytest.importorskip("transformers", reason=WHY)

from napari_sam3_assistant.engines.sam3 import upstream  # noqa: E402
from napari_sam3_assistant.engines.sam3.image import Sam3Engine  # noqa: E402


@pytest.fixture(scope="module")
def embedding(engine):
    return encode(engine, blobs())


@pytest.fixture
def folder(tiny_folder, tmp_path):
    """A copy of the model folder, to be spoiled."""
    return shutil.copytree(tiny_folder, tmp_path / "model")


# -- folders --------------------------------------------------------------------------------------


def test_registry_makes_it_with_a_folder_and_says_so(tiny_folder):
    choice = registry.choose("auto", tiny_folder)

    engine = registry.create(choice.name, folder=tiny_folder)

    assert (choice.name, engine.name) == ("sam3", "sam3")
    assert str(tiny_folder) in choice.reason
    with pytest.raises(EngineError):
        encode(engine, blobs())


def test_the_device_chosen_is_the_one_it_says_it_runs_on(tiny_folder, monkeypatch):
    both = devices.DeviceReport(("cuda", "cpu"), "CUDA: a GPU.", probed=True)
    monkeypatch.setattr(devices, "report", lambda probe=False: both)
    engine = Sam3Engine(tiny_folder, device="cpu")

    engine.load(progress=no_progress, cancel=CancelToken())

    assert engine.capabilities.devices == ("cpu", "cuda") and engine.weights.endswith("-cpu")


def test_a_device_that_is_not_there_is_refused_with_those_that_are(tiny_folder, monkeypatch):
    monkeypatch.setattr(devices, "report", lambda probe=False: devices.DeviceReport(("cpu",), "CPU: no GPU."))

    with pytest.raises(DeviceError, match="has no CUDA to compute on, only CPU"):
        Sam3Engine(tiny_folder, device="cuda").load(progress=no_progress, cancel=CancelToken())


@pytest.fixture(scope="module")
def meta_folder(tiny_folder, tmp_path_factory):
    """The same model as Meta saves it, with the config.json that belongs to its size."""
    from safetensors.torch import load_file

    folder = tmp_path_factory.mktemp("meta")
    torch.save({"model": in_metas_form(load_file(tiny_folder / "model.safetensors"))}, folder / "sam3.pt")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_folder / name, folder)
    return folder


@pytest.mark.parametrize("writable", [True, False])
def test_metas_file_is_converted_once_and_answers_the_same(
    engine, embedding, meta_folder, tmp_path, empty_cache, monkeypatch, writable
):
    folder, make = shutil.copytree(meta_folder, tmp_path / "model"), os.mkdir

    def mkdir(path, *given, **options):  # whoever runs the tests may write anywhere
        if Path(path).is_relative_to(folder) and not writable:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        make(path, *given, **options)

    monkeypatch.setattr(os, "mkdir", mkdir)
    before, said = sorted(folder.iterdir()), []
    made = registry.create("sam3", folder=folder, device="cpu", precision="float32", hole_area=0)

    made.load(progress=lambda share, message="": said.append(message), cancel=CancelToken())
    answers = made.segment(encode(made, blobs()), click(64, 80))
    found = made.find(encode(made, blobs()), Query((TextPrompt("cell"),)))
    again = Sam3Engine(folder, device="cpu", precision="float32", hole_area=0)
    later = []
    again.load(progress=lambda share, message="": later.append(message), cancel=CancelToken())

    assert any("Converting" in one for one in said) and not any("Converting" in one for one in later)
    assert (sorted(folder.iterdir()) == before) is not writable
    assert_same(answers, engine.segment(embedding, click(64, 80)))
    np.testing.assert_array_equal(found.scores, engine.find(embedding, Query((TextPrompt("cell"),))).scores)
    assert again.weights == made.weights


def test_cancelled_conversion_leaves_an_engine_that_can_be_loaded_later(meta_folder, tmp_path, empty_cache):
    folder, cancel = shutil.copytree(meta_folder, tmp_path / "model"), CancelToken()
    made = Sam3Engine(folder, device="cpu", precision="float32")

    with pytest.raises(Cancelled):
        made.load(
            progress=lambda share, message="": cancel.cancel() if "Converting" in message else None, cancel=cancel
        )
    made.load(progress=no_progress, cancel=CancelToken())

    assert made.capabilities.text
    assert_sound(made.segment(encode(made, blobs()), click(5, 5)), SHAPE)


def config_of(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def cut_short(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100_000])


def hostile(folder):
    """A pickle that would run code, in place of the weights and beside them."""
    import pickle

    class Evil:
        def __reduce__(self):
            return exec, ("raise SystemExit('code of a model file has run')",)

    for name in ("pytorch_model.bin", "model.safetensors"):
        (folder / name).write_bytes(pickle.dumps(Evil()))


def other_sizes(folder):
    config = json.loads((folder / "config.json").read_text())
    config["detector_config"]["detr_decoder_config"]["num_queries"] = 20
    (folder / "config.json").write_text(json.dumps(config))


def of_another_model(folder):
    config = json.loads((folder / "config.json").read_text())
    config["detector_config"]["vision_config"]["backbone_config"]["hidden_size"] = 1024
    (folder / "config.json").write_text(json.dumps(config))


def without_some(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    kept = {name: one for name, one in weights.items() if "prompt_encoder" not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: shutil.rmtree(folder), "no folder"),
        (lambda folder: (folder / "config.json").unlink(), "config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "damaged"),
        (lambda folder: (folder / "config.json").write_text("[]"), "type None"),
        (lambda folder: config_of(folder, model_type="sam2_video"), "sam2_video"),
        (lambda folder: config_of(folder, detector_config={"vision_config": 3}), "do not belong together"),
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b""), "model.safetensors"),
        (cut_short, "model.safetensors"),
        (hostile, "model.safetensors"),
        (other_sizes, "cannot be read"),
        (of_another_model, "do not belong together"),
        (without_some, "lacks"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "tokenizer"),
    ],
    ids=[
        "none", "no config", "half a config", "a list", "SAM2", "a wrong config", "no weights", "empty weights",
        "half the weights", "a pickle", "other sizes", "another model's", "some weights", "half a tokenizer",
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_folder_that_is_no_model_says_what_is_wrong_and_what_to_do(folder, spoil, words):
    spoil(folder)

    with pytest.raises(ModelFolderError, match=words) as caught:
        loaded(folder)

    assert caught.value.hint


def test_no_folder_at_all_says_what_to_do():
    for nothing in (None, ""):
        with pytest.raises(ModelFolderError) as caught:
            registry.create("sam3", folder=nothing)
        assert "Get SAM3" in caught.value.hint


@pytest.mark.parametrize("spoil", [lambda folder: (folder / "config.json").write_text("{"), cut_short])
def test_folder_is_judged_before_anything_is_loaded(folder, spoil):
    spoil(folder)

    with pytest.raises(ModelFolderError):
        Sam3Engine(folder)


def test_folder_without_a_tokenizer_takes_clicks_and_says_what_words_need(folder):
    (folder / "tokenizer.json").unlink()
    engine = loaded(folder)
    embedding = encode(engine, blobs())

    assert not engine.capabilities.text and not engine.capabilities.exemplars
    assert_sound(engine.segment(embedding, click(64, 80)), SHAPE)
    for query in (Query((TextPrompt("cell"),)), Query(exemplars=(BoxPrompt(Box(5, 5, 50, 50)),))):
        with pytest.raises(Unsupported) as caught:
            engine.find(embedding, query)
        assert "tokenizer.json" in caught.value.hint


def test_read_only_folder_is_enough_and_nothing_is_written_into_it(folder):
    before = sorted((one.name, one.stat().st_mtime_ns) for one in folder.iterdir())
    folder.chmod(0o555)

    engine = loaded(folder)
    engine.find(encode(engine, blobs()), Query((TextPrompt("cell"),)))

    folder.chmod(0o755)
    assert sorted((one.name, one.stat().st_mtime_ns) for one in folder.iterdir()) == before


def test_embedding_of_other_weights_is_refused(engine, embedding, folder):
    (folder / "config.json").write_text((folder / "config.json").read_text() + "\n")
    other = loaded(folder)

    assert other.weights != engine.weights
    assert loaded(folder).weights == other.weights
    os.utime(folder / "model.safetensors", ns=(1, 1))  # another file of the same size
    assert loaded(folder).weights not in (other.weights, engine.weights)
    with pytest.raises(EngineError):
        other.segment(embedding, click(5, 5))


@pytest.mark.parametrize(("package", "old"), [("torch", "2.5.1"), ("transformers", "4.57.3")])
def test_package_that_is_too_old_is_named_with_the_version_needed(tiny_folder, monkeypatch, package, old):
    real = upstream.version
    monkeypatch.setattr(upstream, "version", lambda name: old if name == package else real(name))

    with pytest.raises(EngineError, match=old) as caught:
        loaded(tiny_folder)

    assert f"{package}>=" in caught.value.hint
