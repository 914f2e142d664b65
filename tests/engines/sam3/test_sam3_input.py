"""What users do to SAM3: many points, long phrases, odd windows, folders that lack something."""

import gc
import json
import shutil

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import (
    Cancelled,
    DeviceError,
    EngineError,
    ModelFolderError,
    PromptError,
    Unsupported,
)
from napari_sam3_assistant.core.geometry import Box, PlacedMask, mask_iou
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts, Query, TextPrompt
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.engines import devices, registry
from napari_sam3_assistant.testing import assert_same, assert_sound, blobs, click, noise
from tests.engines.sam3.conftest import WHY

torch = pytest.importorskip("torch", reason=WHY)
pytest.importorskip("transformers", reason=WHY)

from napari_sam3_assistant.engines.sam3 import precision, text, upstream  # noqa: E402
from napari_sam3_assistant.engines.sam3.image import Sam3Engine  # noqa: E402

SHAPE = (128, 160)


def encode(engine, image):
    return engine.encode(image, progress=no_progress, cancel=CancelToken())


def loaded(folder, **options):
    made = Sam3Engine(folder, **{"device": "cpu", "precision": "float32", **options})
    made.load(progress=no_progress, cancel=CancelToken())
    return made


@pytest.fixture(scope="module")
def embedding(engine):
    return encode(engine, blobs())


@pytest.fixture
def folder(tiny_folder, tmp_path):
    """A copy of the model folder, to be spoiled."""
    return shutil.copytree(tiny_folder, tmp_path / "model")


# -- one encoding ---------------------------------------------------------------------------------


def test_every_kind_of_prompt_is_answered_from_one_encoding(engine):
    runs = []
    backbone = engine._reader.model.net.detector_model.vision_encoder.backbone
    hook = backbone.register_forward_hook(lambda *given: runs.append(1))
    embedding = encode(engine, blobs())

    for row in range(20):
        engine.segment(embedding, click(5 * row, 7 * row))
    for row in (10, 30, 50):
        engine.segment(embedding, Prompts(box=BoxPrompt(Box(row, 20, row + 40, 80))))
    for words in ("cell", "nucleus", "dark disc", "cell"):
        found = engine.find(embedding, Query((TextPrompt(words),)))
        found.above(0.4), found.above(0.6)
    engine.find(embedding, Query(exemplars=(BoxPrompt(Box(10, 20, 60, 70)),)))
    hook.remove()

    assert len(runs) == 1


def test_phrase_is_read_once(engine, embedding):
    runs = []
    tower = engine._reader.model.net.detector_model.text_encoder
    hook = tower.register_forward_hook(lambda *given: runs.append(1))

    for _ in range(3):
        engine.find(embedding, Query((TextPrompt("a phrase that is new here"),)))
    hook.remove()

    assert len(runs) == 1


def test_threshold_makes_masks_of_the_survivors_no_larger_than_they_are(engine, embedding):
    found = engine.find(embedding, Query((TextPrompt("cell"),)))

    some, most = found.above(float(np.median(found.scores))), found.above(0)

    assert 0 < len(some) < len(most)
    assert all(one.mask.trimmed().mask.shape == one.mask.mask.shape for one in most)
    assert all(values.base is None and values.size <= 32 * 32 for values in found.logits)


def test_found_masks_are_not_cut_by_the_boxes_they_are_kept_in(engine, embedding):
    found = engine.find(embedding, Query((TextPrompt("cell"),)))

    for one, box in zip(found.above(0), found.boxes[np.argsort(-found.scores, kind="stable")], strict=True):
        assert one.mask.box.top >= box[0] and one.mask.box.bottom <= box[2]
        assert box[0] == 0 or one.mask.box.top > box[0]
        assert box[2] == SHAPE[0] or one.mask.box.bottom < box[2]


def test_progress_comes_between_blocks_and_cancel_stops_at_the_next_one(engine):
    blocks = engine._reader.model.net.detector_model.vision_encoder.backbone.layers
    ran, seen, cancel = [], [], CancelToken()
    hooks = [block.register_forward_hook(lambda *given: ran.append(1)) for block in blocks]

    def progress(fraction, message=""):
        seen.append(fraction)
        if len(ran) == 2:
            cancel.cancel()

    with pytest.raises(Cancelled):
        engine.encode(blobs(), progress=progress, cancel=cancel)
    for hook in hooks:
        hook.remove()

    assert len(ran) == 3 < len(blocks)
    assert seen == sorted(seen) and len(seen) == 3
    assert not any(block._forward_pre_hooks for block in blocks)
    assert_sound(engine.segment(encode(engine, blobs()), click(5, 5)), SHAPE)


# -- refining -------------------------------------------------------------------------------------


def test_answer_about_another_picture_or_without_a_state_is_not_refined(engine, embedding):
    other = encode(engine, noise(SHAPE))
    prompts = click(64, 80, (20, 30, False))
    alone = engine.segment(embedding, prompts)

    for previous in (
        engine.segment(other, click(64, 80)),
        Segmentation(PlacedMask(np.ones((9, 9), bool), (60, 75)), 0.5),
        Segmentation(PlacedMask(np.ones((9, 9), bool), (60, 75)), 0.5, state="of another engine"),
    ):
        assert_same(engine.segment(embedding, prompts, previous), alone)


def test_answer_is_refined_after_the_same_picture_was_encoded_again(engine, embedding):
    before, again = engine.segment(embedding, click(64, 80)), encode(engine, blobs())
    prompts = click(64, 80, (20, 30, False))

    assert_same(engine.segment(again, prompts, before), engine.segment(embedding, prompts, before))
    assert engine.segment(embedding, prompts, before).mask.area != engine.segment(embedding, prompts).mask.area


def test_mask_that_was_painted_anew_counts_more_than_the_last_answer(engine, embedding):
    first, second = (MaskPrompt(PlacedMask(np.ones((20, 30), bool), (row, 40))) for row in (10, 80))
    points = (PointPrompt(64, 80),)
    before = engine.segment(embedding, Prompts(mask=first))

    anew = engine.segment(embedding, Prompts(points, mask=second), before)
    refined = engine.segment(embedding, Prompts(points, mask=first), before)

    assert_same(anew, engine.segment(embedding, Prompts(points, mask=second)))
    assert refined.score != engine.segment(embedding, Prompts(points, mask=first)).score


# -- prompts --------------------------------------------------------------------------------------


def test_thousand_points_are_answered(engine, embedding):
    random = np.random.default_rng(0)
    places = zip(random.uniform(0, 127, 1000), random.uniform(0, 159, 1000), [1, 0] * 500, strict=True)

    answer = engine.segment(embedding, Prompts(tuple(PointPrompt(r, c, bool(p)) for r, c, p in places)))

    assert_sound(answer, SHAPE)


def test_two_hundred_phrases_are_asked_one_by_one(engine, embedding):
    found = engine.find(embedding, Query(tuple(TextPrompt(f"cell {index}") for index in range(200))))

    assert 200 <= len(found) <= 200 * 12
    assert found.scores.min() >= text.LEAST_SCORE
    assert len(engine._reader._known) <= text.MOST_PHRASES


@pytest.mark.parametrize(
    "words",
    [
        "cell " * 2000,
        "x" * 10_000,
        "🧫🔬 " * 3000,
        "細胞核",
        "клетка",
        "خلية",
        "🧬",
        "a\u200bb",
        "\x00cell\n\t",
        "<|endoftext|>",
    ],
    ids=[
        "10,000 letters",
        "one long word",
        "emoji for ever",
        "han",
        "cyrillic",
        "arabic",
        "emoji",
        "hidden",
        "control",
        "end",
    ],
)
def test_any_phrase_is_answered(engine, embedding, words):
    found = engine.find(embedding, Query((TextPrompt(words),)))

    assert len(found) and np.isfinite(found.scores).all()
    for one in found.above(0):
        assert_sound(one, SHAPE)


def test_empty_phrase_is_refused_before_it_comes_here():
    for words in ("", "  \n"):
        with pytest.raises(PromptError):
            TextPrompt(words)


def test_phrase_is_cut_after_thirty_two_tokens(engine, embedding):
    long, longer = (engine.find(embedding, Query((TextPrompt("y" * count),))) for count in (40, 4000))

    np.testing.assert_array_equal(long.scores, longer.scores)


def test_box_is_cut_to_the_picture_and_one_outside_is_an_error(engine, embedding):
    inside, over = (
        engine.segment(embedding, Prompts(box=BoxPrompt(box))) for box in (Box(0, 0, 50, 60), Box(-40, -9, 50, 60))
    )
    assert_same(inside, over)

    with pytest.raises(PromptError) as caught:
        engine.segment(embedding, Prompts(box=BoxPrompt(Box(200, 200, 220, 220))))
    assert caught.value.hint


def test_what_shows_no_object_is_an_error_that_says_what_does(engine, embedding):
    outside = MaskPrompt(PlacedMask(np.ones((4, 4), bool), (300, 300)))
    for prompts in (Prompts((PointPrompt(5, 5, False), PointPrompt(9, 9, False))), Prompts(mask=outside)):
        with pytest.raises(PromptError) as caught:
            engine.segment(embedding, prompts)
        assert caught.value.hint
    with pytest.raises(Unsupported):
        engine.segment(embedding, Prompts(box=BoxPrompt(Box(5, 5, 50, 50), positive=False)))


def test_negative_points_correct_a_box_a_mask_and_an_earlier_answer(engine, embedding):
    away, box = (PointPrompt(30, 30, False),), BoxPrompt(Box(10, 10, 60, 60))
    before = engine.segment(embedding, Prompts(box=box))

    for prompts, previous in (
        (Prompts(away, box), None),
        (Prompts(away, mask=MaskPrompt(PlacedMask(np.ones((9, 9), bool), (20, 20)))), None),
        (Prompts(away), before),
    ):
        assert_sound(engine.segment(embedding, prompts, previous), SHAPE)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_every_kind_of_prompt_is_answered_on_odd_windows(engine, shape):
    embedding, box = encode(engine, noise(shape)), BoxPrompt(Box(0, 0, *shape))
    mask = MaskPrompt(PlacedMask(np.ones((1, 1), bool), (shape[0] - 1, shape[1] - 1)))

    for prompts in (click(shape[0] - 1, shape[1] - 1), Prompts(box=box), Prompts(mask=mask)):
        assert_sound(engine.segment(embedding, prompts), shape)
    for query in (Query((TextPrompt("cell"),)), Query(exemplars=(box,)), Query((TextPrompt("cell"),), (box,))):
        found = engine.find(embedding, query)
        for one in found.above(0):
            assert_sound(one, shape)


def test_mask_of_a_wide_window_is_made_in_its_full_size(engine):
    shape = 300, 1000
    image = blobs(shape)

    answer = engine.segment(encode(engine, image), click(150, 500))

    assert answer.mask.area > 1000
    assert max(one.mask.shape[1] for one in (answer.mask, *answer.alternatives)) > 112


# -- folders --------------------------------------------------------------------------------------


def test_registry_makes_it_with_a_folder_and_says_so(tiny_folder):
    choice = registry.choose("auto", tiny_folder)

    engine = registry.create(choice.name, folder=tiny_folder)

    assert (choice.name, engine.name) == ("sam3", "sam3")
    assert str(tiny_folder) in choice.reason
    with pytest.raises(EngineError):
        encode(engine, blobs())


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
        (lambda folder: config_of(folder, detector_config={"vision_config": 3}), "cannot be read"),
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b""), "cannot be read"),
        (cut_short, "cannot be read"),
        (hostile, "cannot be read"),
        (other_sizes, "cannot be read"),
        (without_some, "lack"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "tokenizer"),
    ],
    ids=[
        "none", "no config", "half a config", "a list", "SAM2", "a wrong config", "no weights", "empty weights",
        "half the weights", "a pickle", "other sizes", "some weights", "half a tokenizer",
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_folder_that_is_no_model_says_what_is_wrong_and_what_to_do(folder, spoil, words):
    spoil(folder)

    with pytest.raises(ModelFolderError, match=words) as caught:
        loaded(folder)

    assert caught.value.hint


def test_no_folder_at_all_says_which_files_it_takes():
    for nothing in (None, ""):
        with pytest.raises(ModelFolderError) as caught:
            registry.create("sam3", folder=nothing)
        assert "model.safetensors" in caught.value.hint


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
    with pytest.raises(EngineError):
        other.segment(embedding, click(5, 5))


@pytest.mark.parametrize(("package", "old"), [("torch", "2.5.1"), ("transformers", "4.57.3")])
def test_package_that_is_too_old_is_named_with_the_version_needed(tiny_folder, monkeypatch, package, old):
    real = upstream.version
    monkeypatch.setattr(upstream, "version", lambda name: old if name == package else real(name))

    with pytest.raises(EngineError, match=old) as caught:
        loaded(tiny_folder)

    assert f"{package}>=" in caught.value.hint


# -- devices and precision ------------------------------------------------------------------------


def test_device_that_is_not_there_is_an_error_that_says_why(tiny_folder):
    missing = next(name for name in ("mps", "cuda") if name not in devices.report(probe=True).devices)

    with pytest.raises(DeviceError) as caught:
        loaded(tiny_folder, device=missing)

    assert missing.upper() in caught.value.message and caught.value.hint


def test_quicker_precision_is_measured_once_and_remembered(monkeypatch):
    asked = []
    monkeypatch.setattr(precision, "measured", lambda: asked.append(1) or precision.BFLOAT16)

    first, second = precision.quicker_on_cpu(), precision.quicker_on_cpu()

    assert (first, second, len(asked)) == ("bfloat16", "bfloat16", 1)
    assert list(json.loads(precision.cache_file().read_text()).values()) == ["bfloat16"]


@pytest.mark.parametrize("damage", ["", "[1]", "{", '{"other": "float32"}'])
def test_damaged_memory_of_the_measurement_is_made_anew(monkeypatch, damage):
    precision.cache_file().parent.mkdir(parents=True)
    precision.cache_file().write_text(damage)
    monkeypatch.setattr(precision, "measured", lambda: precision.FLOAT32)

    assert precision.quicker_on_cpu() == "float32"
    assert "float32" in precision.cache_file().read_text()


def test_measuring_takes_little_time_and_names_a_precision():
    assert precision.measured() in ("float32", "bfloat16")


def test_bfloat16_towers_give_nearly_the_same_answer_and_another_name(tiny_folder, engine, embedding):
    rough = loaded(tiny_folder, precision="bfloat16", hole_area=0)
    there = encode(rough, blobs())

    close = rough.segment(there, Prompts(box=BoxPrompt(Box(10, 10, 100, 120))))
    exact = engine.segment(embedding, Prompts(box=BoxPrompt(Box(10, 10, 100, 120))))
    found = rough.find(there, Query((TextPrompt("cell"),)))

    assert rough.weights != engine.weights
    assert all(one.dtype == torch.float32 for one in (*there.levels, *there.clicks))
    assert mask_iou(close.mask, exact.mask) > 0.9
    np.testing.assert_allclose(
        np.sort(found.scores), np.sort(engine.find(embedding, Query((TextPrompt("cell"),))).scores), atol=0.05
    )


def test_running_out_of_memory_is_a_memory_error(engine, embedding, monkeypatch):
    with pytest.raises(MemoryError), devices.memory_errors():
        torch.empty(1 << 50)
    with pytest.raises(RuntimeError), devices.memory_errors():
        raise RuntimeError("of another kind")


def test_closing_gives_the_model_back(tiny_folder):
    import weakref

    engine = loaded(tiny_folder)
    gone = weakref.ref(engine._reader.model.net)

    engine.close()
    gc.collect()

    assert gone() is None
