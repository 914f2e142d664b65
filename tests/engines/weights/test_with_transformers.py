"""The converted model is the original: every value, every answer. Needs torch and transformers."""

from collections import OrderedDict

import numpy as np
import pytest

from napari_sam3_assistant.engines.weights import names
from napari_sam3_assistant.engines.weights.archives import Archive
from napari_sam3_assistant.engines.weights.convert import prepare
from napari_sam3_assistant.engines.weights.files import entries_of
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.kinds import Kind
from tests.engines.weights import small

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("safetensors")

SIDE, WIDTH, TOWER = 112, 128, 32


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def model_class():
    """Return the class, with torchvision installed or not."""
    try:
        from napari_sam3_assistant.engines.sam3 import upstream
    except ImportError:
        from transformers.models.sam3_video.modeling_sam3_video import Sam3VideoModel

        return Sam3VideoModel
    return upstream.model_class()


def small_config():
    """Return the configuration of a model of a few million values."""
    vision = {
        "model_type": "sam3_vision_model",
        "fpn_hidden_size": WIDTH,
        "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
        "backbone_config": {
            "model_type": "sam3_vit_model",
            "hidden_size": TOWER,
            "intermediate_size": 2 * TOWER,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": SIDE,
            "pretrain_image_size": SIDE // 2,
            "window_size": 4,
            "global_attn_indexes": [1],
        },
    }
    text = {
        "model_type": "clip_text_model",
        "vocab_size": small.TOKENS,
        "hidden_size": TOWER,
        "intermediate_size": 2 * TOWER,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "projection_dim": 16,
        "max_position_embeddings": 32,
    }
    block = {"hidden_size": WIDTH, "num_layers": 1, "num_attention_heads": 4, "intermediate_size": WIDTH}
    detector = transformers.Sam3Config(
        vision_config=vision,
        text_config=text,
        geometry_encoder_config=block,
        detr_encoder_config=block,
        detr_decoder_config={**block, "num_queries": 8},
        mask_decoder_config={"hidden_size": WIDTH, "num_attention_heads": 4},
    )
    tracker = transformers.Sam3TrackerVideoConfig(
        vision_config=vision,
        image_size=SIDE,
        prompt_encoder_config={"hidden_size": WIDTH, "image_size": SIDE},
        mask_decoder_config={"hidden_size": WIDTH, "mlp_dim": WIDTH, "num_attention_heads": 4},
        memory_attention_hidden_size=WIDTH,
        memory_attention_feed_forward_hidden_size=WIDTH,
        memory_attention_num_layers=1,
        memory_encoder_hidden_size=WIDTH,
        mask_downsampler_embed_dim=WIDTH,
        memory_fuser_embed_dim=WIDTH,
        memory_fuser_intermediate_dim=WIDTH,
    )
    return transformers.Sam3VideoConfig(detector_config=detector.to_dict(), tracker_config=tracker.to_dict())


def in_metas_form(weights):
    """Return transformers' weights as Meta's package saves them."""
    made = OrderedDict()
    for name in small.meta_names():
        new = names.renamed(name)
        if new is None:
            made[name] = torch.zeros(2, dtype=torch.complex64)
        elif kind := names.POINT.fullmatch(new):
            made[name] = weights[names.POINTS][int(kind[1])][None]
        elif names.SPLIT in new:
            thirds = [weights.get(new.replace(names.SPLIT, letter)) for letter in names.PARTS]
            if thirds[0] is not None:
                made[name] = torch.cat(thirds)
        elif new in weights:
            made[name] = weights[new].T.contiguous() if new == names.TRANSPOSED else weights[new]
            if new == names.CLASS_TOKEN:
                made[name] = torch.cat([torch.full((1, 1, TOWER), 9.0), weights[new]], dim=1)
    return made


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return a small random model, and the folder with Meta's form of it."""
    folder = tmp_path_factory.mktemp("meta")
    torch.manual_seed(0)
    net = model_class()(small_config()).eval()
    with torch.no_grad():
        for one in net.parameters():
            one.copy_(torch.randn(one.shape) * (0.3 if one.ndim == 1 else one[0].numel() ** -0.5))
    net.tracker_model.shared_image_embedding.positional_embedding.copy_(net.state_dict()[names.GRID])
    meta = in_metas_form(net.state_dict())
    torch.save({"model": meta}, folder / "sam3.pt")
    net.config.save_pretrained(folder)
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(small.merges()) + "\n")
    return net, meta, folder


@pytest.fixture(scope="module")
def converted(models):
    path = prepare(models[2])
    other, notes = model_class().from_pretrained(
        path, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
    )
    return path, other.eval(), notes


def test_a_file_that_torch_wrote_is_read_as_torch_reads_it(models):
    _, meta, folder = models

    with Archive(folder / "sam3.pt") as archive:
        assert list(archive.tensors) == list(meta)
        for name in meta:
            theirs = meta[name].contiguous().numpy()
            assert archive.array(name).tobytes() == theirs.tobytes(), name
            assert sum(archive.check(name)) >= theirs.nbytes


def test_the_small_file_in_the_tests_is_one_that_torch_reads(tmp_path):
    tensors = dict(list(small.meta_tensors().items())[:30])
    small.write_pt(tmp_path / "sam3.pt", tensors)

    theirs = torch.load(tmp_path / "sam3.pt", weights_only=True)["model"]

    for name, one in tensors.items():
        np.testing.assert_array_equal(theirs[name].numpy(), one)


def test_every_value_is_there_again(models, converted):
    net, (_, other, notes) = models[0], converted

    assert not notes["missing_keys"] and not notes["unexpected_keys"] and not notes["mismatched_keys"]
    ours, theirs = other.state_dict(), net.state_dict()
    assert ours.keys() == theirs.keys()
    assert [name for name in theirs if not torch.equal(ours[name], theirs[name])] == []


@torch.inference_mode()
def answers(net):
    """Return what a model answers to words, and to a point."""
    random = torch.Generator().manual_seed(1)
    pixels = torch.randn(1, 3, SIDE, SIDE, generator=random)
    words = torch.randint(0, small.TOKENS, (1, 32), generator=random)
    found = net.detector_model(pixel_values=pixels, input_ids=words, attention_mask=torch.ones_like(words))
    maps, _ = net.get_vision_features_for_tracker(net.detector_model.get_vision_features(pixels))
    tracker = net.tracker_model
    fine, middle, last = (
        one.permute(1, 2, 0).reshape(1, -1, *size)
        for one, size in zip(maps, tracker.backbone_feature_sizes, strict=True)
    )
    prompts = tracker.prompt_encoder(
        torch.tensor([[[[30.0, 40.0]]]]), torch.ones(1, 1, 1, dtype=torch.long), None, None
    )
    where = tracker.get_image_wide_positional_embeddings()
    clicked = tracker.mask_decoder(
        last + tracker.no_memory_embedding.reshape(1, -1, 1, 1), where, *prompts, True, [fine, middle]
    )
    return [found.pred_masks, found.pred_logits, found.pred_boxes, found.presence_logits, clicked[0], clicked[1]]


def test_it_answers_as_the_original(models, converted):
    ours, theirs = answers(converted[1]), answers(models[0])

    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)  # memory lies otherwise, so sums round otherwise
    assert ours[0].std() > 0 and ours[4].std() > 0


def test_a_wrong_third_of_the_attention_changes_the_answer(models, converted):
    """So that the test above can fail."""
    net = converted[1]
    attention = net.detector_model.vision_encoder.backbone.layers[0].attention
    before = attention.q_proj.weight.data.clone()
    attention.q_proj.weight.data.copy_(attention.k_proj.weight.data)
    try:
        assert not torch.allclose(answers(net)[0], answers(models[0])[0], rtol=1e-3, atol=1e-3)
    finally:
        attention.q_proj.weight.data.copy_(before)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_other_precisions_keep_their_bits(models, tmp_path, dtype):
    net, meta, _ = models
    half = {name: one.to(getattr(torch, dtype)) if one.is_floating_point() else one for name, one in meta.items()}
    torch.save(half, tmp_path / "sam3.pt")
    net.config.save_pretrained(tmp_path)

    copy = prepare(tmp_path) / "model.safetensors"

    safetensors = pytest.importorskip("safetensors.torch")
    ours = safetensors.load_file(copy)
    assert {one.dtype for one in ours.values()} == {getattr(torch, dtype)}
    name = "tracker_model.no_memory_embedding"
    assert torch.equal(ours[name], net.state_dict()[name].to(getattr(torch, dtype)))


def test_a_file_without_checksums_is_read_too(models, tmp_path):
    _, meta, folder = models
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"model": meta}, tmp_path / "sam3.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())

    copy = prepare(tmp_path)

    assert (copy / "model.safetensors").read_bytes() == (prepare(folder) / "model.safetensors").read_bytes()


def test_names_at_full_size_are_those_of_the_released_model():
    with torch.device("meta"):
        net = model_class()(transformers.Sam3VideoConfig())
    made = {names.renamed(name) for name in small.meta_names()} - {None}
    made = {name.replace(names.SPLIT, letter) for name in made for letter in names.PARTS}
    made = {name for name in made if not names.POINT.fullmatch(name)} | {names.POINTS, names.GRID_AGAIN}

    assert made == set(net.state_dict())


def test_a_folder_that_transformers_saved_is_ready(models, tmp_path):
    models[0].save_pretrained(tmp_path, save_original_format=False)

    known = ModelFolder.inspect(tmp_path)

    assert known.kind is Kind.SAM3 and known.ready
    assert len(entries_of(tmp_path / "model.safetensors")) == len(models[0].state_dict())
