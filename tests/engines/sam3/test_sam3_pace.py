"""Devices, precision, how long one waits, and memory."""

import gc
import json

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import (
    Cancelled,
    DeviceError,
)
from napari_sam3_assistant.core.geometry import Box, mask_iou
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, Prompts, Query, TextPrompt
from napari_sam3_assistant.engines import devices
from napari_sam3_assistant.testing import blobs, click
from tests.engines.sam3.asking import encode, loaded
from tests.engines.sam3.conftest import WHY

torch = pytest.importorskip("torch", reason=WHY)
pytest.importorskip("transformers", reason=WHY)

from napari_sam3_assistant.engines.sam3 import linear, precision, remembered, waits  # noqa: E402
from napari_sam3_assistant.engines.sam3.image import Sam3Engine  # noqa: E402


@pytest.fixture(scope="module")
def embedding(engine):
    return encode(engine, blobs())


# -- devices and precision ------------------------------------------------------------------------


def test_device_that_is_not_there_is_an_error_that_says_why(tiny_folder):
    missing = next(name for name in ("mps", "cuda") if name not in devices.report(probe=True).devices)

    with pytest.raises(DeviceError) as caught:
        loaded(tiny_folder, device=missing)

    assert missing.upper() in caught.value.message and caught.value.hint


SECONDS = {"float32": 60.0, "float32 by oneDNN": 30.0, "bfloat16": 19.0}


def test_quickest_way_is_measured_once_and_remembered(empty_cache, monkeypatch):
    asked = []
    monkeypatch.setattr(precision, "measured", lambda: asked.append(1) or SECONDS)

    first, second = precision.on_cpu(), precision.on_cpu()

    assert first == second == precision.Way("bfloat16", True, 19.0)
    assert len(asked) == 1
    assert list(json.loads(precision.cache_file().read_text()).values()) == [SECONDS]


@pytest.mark.parametrize(
    ("changes", "wanted", "expected"),
    [
        ({}, "float32", ("float32", True, 30.0)),
        ({"bfloat16": 28.0}, "auto", ("float32", True, 30.0)),  # not worth rounding
        ({"float32 by oneDNN": 58.0}, "auto", ("bfloat16", False, 19.0)),
        ({"float32 by oneDNN": 58.0}, "float32", ("float32", False, 60.0)),
    ],
)
def test_way_that_is_hardly_quicker_is_not_taken(empty_cache, monkeypatch, changes, wanted, expected):
    monkeypatch.setattr(precision, "measured", lambda: SECONDS | changes)

    assert precision.on_cpu(wanted) == precision.Way(*expected)


def test_processor_without_units_for_bfloat16_runs_in_float32(empty_cache, monkeypatch):
    monkeypatch.setattr(precision, "measured", lambda: {"float32": 80.0})

    assert precision.on_cpu() == precision.Way("float32", False, 80.0)
    assert precision.on_cpu("bfloat16") == precision.Way("bfloat16")


DAMAGED = ["", "[1]", "{", '{"KEY": "float32"}', '{"KEY": {"float32": "x"}}', '{"KEY": {"bfloat16": 1.0}}', "\ufffd"]


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_memory_of_the_measurement_is_made_anew(empty_cache, monkeypatch, damage):
    precision.cache_file().parent.mkdir(parents=True)
    precision.cache_file().write_text(damage.replace("KEY", remembered.machine()))
    monkeypatch.setattr(precision, "measured", lambda: SECONDS)

    assert precision.on_cpu().precision == "bfloat16"
    assert json.loads(precision.cache_file().read_text())[remembered.machine()] == SECONDS


def test_measurement_that_cannot_be_kept_is_used_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))  # no folder can be made in it
    monkeypatch.setattr(precision, "measured", lambda: SECONDS)

    assert precision.on_cpu().precision == "bfloat16"


def test_measuring_gives_seconds_for_each_way():
    seconds = precision.measured()

    assert seconds["float32"] > 0
    assert set(seconds) <= set(SECONDS)


def test_products_of_onednn_are_those_of_torch_within_rounding(engine, embedding, tiny_folder, monkeypatch):
    if not linear.there():
        pytest.skip("this torch has no oneDNN for this processor")
    ways = [precision.Way("float32", quick) for quick in (False, True)]
    made = []
    for way in ways:
        monkeypatch.setattr(precision, "on_cpu", lambda wanted, way=way: way)
        one = loaded(tiny_folder, hole_area=0)
        there = encode(one, blobs())
        made.append((one.segment(there, click(64, 80)), one.find(there, Query((TextPrompt("cell"),)))))
    (plain, plainly), (quick, quickly) = made

    np.testing.assert_allclose(quick.state.logits, plain.state.logits, atol=2e-3)
    assert mask_iou(quick.mask, plain.mask) >= 0.999
    np.testing.assert_allclose(quickly.scores, plainly.scores, atol=1e-5)


# -- how long one waits ---------------------------------------------------------------------------


def test_wait_is_what_was_measured_until_there_are_real_ones(empty_cache):
    assert waits.expected("this", None) is None
    assert waits.expected("this", 25.0) == 25.0

    for seconds in (31.0, 20.0, 22.0, 21.0, 90.0, 23.0):
        waits.note("this", seconds)

    assert waits.expected("this", 25.0) == 22.0  # the middle of the last five
    assert waits.expected("other", 25.0) == 25.0


def test_short_wait_is_not_told(empty_cache):
    waits.note("a GPU", 0.2)

    assert waits.expected("a GPU", 25.0) is None
    assert waits.expected("unknown", 0.3) is None


@pytest.mark.parametrize("damage", ["", "[1]", "{", '{"this": "x"}', '{"this": [1, "x"]}', '{"this": [-4]}', "\ufffd"])
def test_damaged_memory_of_waits_is_begun_anew(empty_cache, damage):
    waits.cache_file().parent.mkdir(parents=True)
    waits.cache_file().write_text(damage)

    assert waits.expected("this", 25.0) == 25.0
    waits.note("this", 30.0)
    assert waits.expected("this", 25.0) == 30.0


def test_engine_says_how_long_an_encoding_will_take_here(empty_cache, tiny_folder, monkeypatch):
    monkeypatch.setattr(precision, "on_cpu", lambda wanted: precision.Way("float32", seconds=1e7))
    engine = Sam3Engine(tiny_folder, device="cpu")
    before = engine.capabilities.encode_s
    engine.load(progress=no_progress, cancel=CancelToken())
    guess = engine.capabilities.encode_s

    encode(engine, blobs())

    assert before is None
    assert 1 < guess < 1e5  # of a tower so much smaller than the released one
    assert list(map(len, json.loads(waits.cache_file().read_text()).values())) == [1]
    assert engine.capabilities.encode_s is None  # it took less than a second


def test_cancelled_encoding_is_not_counted(empty_cache, engine):
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        engine.encode(blobs(), progress=lambda *given: cancel.cancel(), cancel=cancel)

    assert not waits.cache_file().exists()


def test_bfloat16_towers_give_nearly_the_same_answer_and_another_name(tiny_folder, engine, embedding):
    rough = loaded(tiny_folder, precision="bfloat16", hole_area=0)
    there = encode(rough, blobs())

    close = rough.segment(there, Prompts(box=BoxPrompt(Box(10, 10, 100, 120))))
    exact = engine.segment(embedding, Prompts(box=BoxPrompt(Box(10, 10, 100, 120))))
    found = rough.find(there, Query((TextPrompt("cell"),)))

    assert rough.weights != engine.weights
    assert all(one.dtype == torch.float32 for one in (there.levels[2], *there.clicks))
    assert all(one.dtype == torch.float16 for one in there.levels[:2])
    assert there.nbytes < embedding.nbytes
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


def test_benchmark_asks_everything_beside_transformers(tiny_folder):
    from benchmarks import sam3

    parts = dict(sam3.measure(tiny_folder, "float32", 1))

    rows = [row for part in parts.values() for row in part]
    assert len(parts) == 3
    assert all(np.isfinite(row.ours) for row in rows)
    assert [row.what for row in rows if row.ratio] == ["encode a picture", "a click", "read a phrase", "find it"]
