"""What a model folder holds, and what is said about it."""

import json
import subprocess
import sys

import numpy as np
import pytest

from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.kinds import Kind
from tests.engines.weights import small


def inspect(folder) -> ModelFolder:
    """Inspect, and check what holds for every folder."""
    known = ModelFolder.inspect(folder)
    assert known.ready == (not known.problem)
    assert known.ready or known.advice
    assert not known.problem or (known.problem.endswith(".") and not known.problem.endswith(".."))
    return known


def test_a_whole_folder_is_ready_for_every_task(tmp_path):
    known = inspect(small.write_sam3(tmp_path))

    assert known.kind is Kind.SAM3
    assert known.tasks == ("points", "boxes", "masks", "text", "exemplars", "video")
    assert known.loads_from == tmp_path
    assert known.missing == ()
    assert known.reason == f"model in {tmp_path}"


def test_without_a_tokenizer_it_serves_clicks_and_says_how_to_get_words(tmp_path):
    small.write_sam3(tmp_path)
    (tmp_path / "tokenizer.json").unlink()

    known = inspect(tmp_path)

    assert known.ready
    assert known.missing == ("tokenizer.json",)
    assert "text" not in known.tasks and "points" in known.tasks
    assert "tokenizer.json" in known.advice
    assert "without words" in known.reason


@pytest.mark.parametrize("read_only", [False, True])
def test_looking_writes_nothing_and_takes_a_read_only_folder(tmp_path, read_only):
    small.write_meta(tmp_path)
    before = sorted(tmp_path.iterdir())
    tmp_path.chmod(0o555 if read_only else 0o755)

    known = inspect(tmp_path)

    tmp_path.chmod(0o755)
    assert known.ready
    assert sorted(tmp_path.iterdir()) == before


def test_meta_s_file_is_known_by_its_names_and_is_to_be_converted(tmp_path):
    known = inspect(small.write_meta(tmp_path))

    assert known.kind is Kind.META
    assert known.ready and known.loads_from is None
    assert "converted once" in known.reason
    assert known.tokenizer == "merges.txt"


def test_safetensors_go_before_meta_s_file(tmp_path):
    small.write_meta(tmp_path)
    small.write_sam3(tmp_path)

    assert inspect(tmp_path).kind is Kind.SAM3


def test_meta_s_file_is_used_where_the_safetensors_are_half_there(tmp_path):
    small.write_sam3(tmp_path)
    small.write_pt(tmp_path / "sam3.pt", small.meta_tensors())
    truncate(tmp_path / "model.safetensors")

    assert inspect(tmp_path).kind is Kind.META


def truncate(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


@pytest.mark.parametrize("name", ["sam3.pt", "sam3.1_multiplex.pt", "model.safetensors"])
@pytest.mark.parametrize("sign", ["interactive_convs.0.conv_1x1.weight", "tracker.model.interactive_x.weight"])
def test_sam_3_1_is_never_taken_for_sam3(tmp_path, name, sign):
    small.write_config(tmp_path)
    tensors = small.meta_tensors()
    tensors = {key: value for key, value in tensors.items() if "sam2_convs" not in key}
    tensors[sign if sign.startswith("tracker") else f"detector.backbone.vision_backbone.{sign}"] = np.zeros(3, "f4")
    write = small.write_safetensors if name.endswith("safetensors") else small.write_pt
    write(tmp_path / name, tensors)

    known = inspect(tmp_path)

    assert known.kind is Kind.SAM31 and known.multiplex == tmp_path / name
    assert not known.ready
    assert "SAM 3.1" in known.why_not
    assert "facebook/sam3" in known.advice


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["image_encoder.trunk.blocks.0.norm1.weight", "sam_mask_decoder.iou_token.weight"], Kind.SAM2),
        (["image_encoder.blocks.0.norm1.weight", "mask_decoder.iou_token.weight"], Kind.SAM1),
        (["detector_model.vision_encoder.backbone.layer_norm.weight"], Kind.DETECTOR),
        (["vision_encoder.backbone.layers.0.x", "prompt_encoder.point_embed.weight"], Kind.TRACKER),
        (["encoder.layer.0.weight"], Kind.OTHER),
    ],
)
def test_other_models_are_named(tmp_path, names, kind):
    small.write_config(tmp_path)
    small.write_safetensors(tmp_path / "model.safetensors", {name: np.zeros(2, "f4") for name in names})

    known = inspect(tmp_path)

    assert known.kind is kind
    assert not known.ready
    assert "not SAM3" in known.problem or "without its" in known.problem


def test_a_part_that_is_missing_is_named(tmp_path):
    small.write_sam3(tmp_path)
    tensors = {key: one for key, one in small.sam3_tensors().items() if "tracker_model.prompt_encoder" not in key}
    small.write_safetensors(tmp_path / "model.safetensors", tensors)

    assert "tracker_model.prompt_encoder" in inspect(tmp_path).problem


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no config.json"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "None"),
        ('{"model_type": "sam2"}', "sam2"),
        (json.dumps({"model_type": "sam3_video"}), "do not belong together"),
    ],
)
def test_a_wrong_config_is_told(tmp_path, content, says):
    small.write_sam3(tmp_path)
    (tmp_path / "config.json").unlink()
    if content is not None:
        (tmp_path / "config.json").write_text(content)

    assert says in inspect(tmp_path).problem


def test_weights_of_another_size_ask_for_their_config(tmp_path):
    small.write_meta(tmp_path)
    (tmp_path / "config.json").unlink()

    known = inspect(tmp_path)

    assert "not of the size" in known.problem
    assert known.missing == ("config.json",)


@pytest.mark.parametrize("name", ["model.safetensors", "sam3.pt"])
def test_half_a_file_is_told_from_a_whole_one(tmp_path, name):
    (small.write_sam3 if name.startswith("model") else small.write_meta)(tmp_path)
    truncate(tmp_path / name)

    assert "half downloaded" in inspect(tmp_path).problem


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "placeholder of Git"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\x00" * 4096, "damaged"),
        (b"\xff" * 4096, "damaged"),
        (b"\x02\0\0\0\0\0\0\0{}", "lacks"),
        (b"\x80\x02]q\x00.", "may hold programs"),
        (b"PK\x03\x04" + b"\0" * 200, "half downloaded"),
    ],
)
@pytest.mark.parametrize("name", ["model.safetensors", "sam3.pt"])
def test_what_is_no_weights_is_told(tmp_path, name, content, says):
    small.write_config(tmp_path)
    (tmp_path / name).write_bytes(content)

    known = inspect(tmp_path)

    assert says in known.problem or (says == "lacks" and "has no weights" in known.problem)


def test_a_folder_with_nothing_in_it_says_how_to_fill_it(tmp_path):
    known = inspect(tmp_path)

    assert "nothing in" in known.problem
    assert "get-model" in known.advice
    assert "config.json, model.safetensors and tokenizer.json" in known.advice


@pytest.mark.parametrize("name", ["model.safetensors.part", ".cache/huggingface/download/abc.incomplete"])
def test_a_download_under_way_is_told(tmp_path, name):
    small.write_config(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"x")

    assert "half downloaded" in inspect(tmp_path).problem


@pytest.mark.parametrize("below", ["sam3", "snapshots/0123abc"])
def test_a_model_in_a_folder_below_is_pointed_at(tmp_path, below):
    small.write_sam3(tmp_path / below)

    assert str(tmp_path / below) in inspect(tmp_path).advice


def test_missing_parts_of_weights_in_several_files_are_named(tmp_path):
    small.write_sam3(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))

    assert inspect(tmp_path).missing == ("model-00002-of-00002.safetensors",)

    small.write_safetensors(tmp_path / "model-00002-of-00002.safetensors", {"more": np.zeros(2, "f4")})
    assert inspect(tmp_path).ready


def test_weights_of_another_name_are_to_be_renamed(tmp_path):
    small.write_sam3(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "sam3.safetensors")

    assert "Rename sam3.safetensors" in inspect(tmp_path).advice


@pytest.mark.parametrize("path", ["nowhere", "~nobody-of-this-name/x", "a\0b", "x" * 5000])
def test_a_folder_that_cannot_be_never_raises(tmp_path, path):
    assert not inspect(tmp_path / path if path == "nowhere" else path).ready


def test_a_file_in_place_of_a_folder_is_told(tmp_path):
    small.write_sam3(tmp_path)

    known = inspect(tmp_path / "model.safetensors")

    assert "not a folder" in known.problem
    assert str(tmp_path) in known.advice


@pytest.mark.parametrize("name", ["tokenizer.json", "merges.txt"])
def test_a_damaged_tokenizer_is_told_before_words_go_wrong(tmp_path, name):
    small.write_sam3(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / name).write_text('{"model": {"vocab": {"a": 0}}}' if name == "tokenizer.json" else "#version\nt h\n")

    known = inspect(tmp_path)

    assert not known.ready
    assert name in known.problem


def test_a_file_that_changes_is_looked_at_again(tmp_path):
    small.write_sam3(tmp_path)
    assert inspect(tmp_path).ready

    truncate(tmp_path / "model.safetensors")

    assert not inspect(tmp_path).ready


def test_looking_needs_neither_torch_nor_transformers(tmp_path):
    small.write_meta(tmp_path)
    code = (
        "import sys; from napari_sam3_assistant.engines.weights.inspect import ModelFolder;"
        f"print(ModelFolder.inspect({str(tmp_path)!r}).ready, [m for m in ('torch', 'transformers', 'safetensors')"
        " if m in sys.modules])"
    )

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "True []"
