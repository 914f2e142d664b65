"""A SAM3 of a few million random weights, as Meta's own builder makes it: every path of the real one, in seconds.

Meta's builder has its sizes written into it; :func:`shrink` gives the classes that it calls smaller ones. Whatever
process loads what :func:`make` has written has to shrink the builder first. Nothing that it answers means anything.
"""

import functools
import gzip
import json
from pathlib import Path

import torch

from napari_sam3_assistant.engines.meta import compat

PATCH, GRID = 14, 16
SIDE = PATCH * GRID
WIDTH, TOWER, HIDDEN, QUERIES = 256, 32, 128, 24
MERGES = ("c e", "l l</w>", "ce ll</w>")
TOKENS = 2 * 256 + 2 + len(MERGES)
BPE = "bpe_simple_vocab_16e6.txt.gz"

_VIT = {
    "img_size": SIDE,
    "pretrain_img_size": SIDE // 2,
    "embed_dim": TOWER,
    "depth": 4,
    "num_heads": 2,
    "mlp_ratio": 2.0,
    "drop_path_rate": 0.0,
    "global_att_blocks": (1, 3),
    "window_size": GRID // 2,
}
_SIZES = {
    "ViT": _VIT,
    "VETextEncoder": {"width": TOWER, "heads": 2, "layers": 2, "vocab_size": TOKENS},
    "TransformerEncoderLayer": {"dim_feedforward": HIDDEN},
    "TransformerEncoderFusion": {"num_layers": 2},
    "TransformerDecoderLayer": {"dim_feedforward": HIDDEN},
    "TransformerDecoder": {"num_layers": 2, "num_queries": QUERIES, "resolution": SIDE},
    "SequenceGeometryEncoder": {"num_layers": 1},
    "TransformerDecoderLayerv2": {"dim_feedforward": HIDDEN},
    "TransformerEncoderCrossAttention": {"num_layers": 2},
    "RoPEAttention": {"feat_sizes": [GRID, GRID]},
    "SimpleMaskDownSampler": {"interpol_size": [16 * GRID] * 2},
    "Sam3TrackerPredictor": {"image_size": SIDE},
    "Sam3VideoInferenceWithInstanceInteractivity": {"image_size": SIDE},
    "MLP": {"hidden_dim": HIDDEN},
}


def shrink():
    """Make Meta's builder build small models in this process, from now on; a second call does nothing."""
    compat.prepare("cpu")
    from sam3 import model_builder
    from sam3.model.sam1_task_predictor import SAM3InteractiveImagePredictor

    if isinstance(model_builder.ViT, functools.partial):
        return
    for name, sizes in _SIZES.items():
        kind = getattr(model_builder, name)
        setattr(model_builder, name, _Sized(kind, sizes))
    original = SAM3InteractiveImagePredictor.__init__

    def init(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self._bb_feat_sizes = [(GRID * times, GRID * times) for times in (4, 2, 1)]

    SAM3InteractiveImagePredictor.__init__ = init


class _Sized(functools.partial):
    """A class that is called with other sizes than its caller says."""

    def __new__(cls, kind, sizes):
        return super().__new__(cls, lambda *args, **kwargs: kind(*args, **(kwargs | sizes)))


def small_engine(folder, **options):
    """Return MetaEngine for a folder of :func:`make`; the factory for a process of its own."""
    torch.set_num_threads(1)
    shrink()
    from napari_sam3_assistant.engines.meta.image import MetaEngine

    return MetaEngine(folder, **options)


FACTORY = "tests.meta.small:small_engine"


def config():
    """Return what transformers calls a model of these sizes."""
    heads = {"hidden_size": WIDTH, "num_attention_heads": 8}
    block = {**heads, "intermediate_size": HIDDEN}
    vision = {
        "model_type": "sam3_vision_model",
        "fpn_hidden_size": WIDTH,
        "backbone_feature_sizes": [[GRID * times] * 2 for times in (4, 2, 1)],
        "backbone_config": {
            "model_type": "sam3_vit_model",
            "hidden_size": TOWER,
            "intermediate_size": 2 * TOWER,
            "num_hidden_layers": 4,
            "num_attention_heads": 2,
            "image_size": SIDE,
            "pretrain_image_size": SIDE // 2,
            "patch_size": PATCH,
            "window_size": GRID // 2,
            "global_attn_indexes": [1, 3],
        },
    }
    text = {
        "model_type": "clip_text_model",
        "vocab_size": TOKENS,
        "hidden_size": TOWER,
        "hidden_act": "gelu",
        "intermediate_size": 4 * TOWER,
        "projection_dim": 512,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 32,
        "bos_token_id": TOKENS - 2,
        "eos_token_id": TOKENS - 1,
        "pad_token_id": 0,
    }
    detector = {
        "model_type": "sam3",
        "vision_config": vision,
        "text_config": text,
        "geometry_encoder_config": {**block, "num_layers": 1},
        "detr_encoder_config": {**block, "num_layers": 2},
        "detr_decoder_config": {**block, "num_layers": 2, "num_queries": QUERIES},
        "mask_decoder_config": heads,
    }
    tracker = {
        "model_type": "sam3_tracker_video",
        "vision_config": vision,
        "image_size": SIDE,
        "prompt_encoder_config": {"hidden_size": WIDTH, "image_size": SIDE, "patch_size": PATCH},
        "memory_attention_num_layers": 2,
        "memory_attention_feed_forward_hidden_size": HIDDEN,
        "memory_attention_rope_feat_sizes": [GRID, GRID],
    }
    return {
        "model_type": "sam3_video",
        "architectures": ["Sam3VideoModel"],
        "low_res_mask_size": 4 * GRID,
        "detector_config": detector,
        "tracker_config": tracker,
    }


@torch.no_grad()
def enliven(net, seed):
    """Give a model weights strong enough that pictures and prompts change what it answers, and weak enough to track."""
    random = torch.Generator().manual_seed(seed)
    for name, one in net.named_parameters():
        noise = torch.randn(one.shape, generator=random)
        if name.endswith("bias"):
            one.copy_(0.05 * noise)
        elif one.ndim == 1:
            one.copy_(1 + 0.1 * noise)
        elif "embed" in name or "token" in name or "no_" in name:
            one.copy_(0.5 * noise)
        else:
            transposed = "dconv" in name or "output_upscaling" in name
            one.copy_(0.8 * noise * (one.shape[0] if transposed else one[0].numel()) ** -0.5)
    for name, one in net.named_parameters():
        # What is asked for is on the picture.
        if name.endswith(("presence_token_head.layers.2.bias", "pred_obj_score_head.layers.2.bias")):
            one.fill_(5.0)


def write_bpe(path):
    """Write a tokenizer as Meta's package reads it."""
    path.write_bytes(gzip.compress("\n".join(["#version: 0.2", *MERGES]).encode()))


def make(folder: Path, seed: int = 0) -> Path:
    """Write ``sam3.pt``, its tokenizer, and the ``config.json`` that tells its sizes."""
    shrink()
    from sam3.model_builder import build_sam3_video_model

    folder.mkdir(parents=True, exist_ok=True)
    write_bpe(folder / BPE)
    (folder / "config.json").write_text(json.dumps(config()))
    with compat.importing(), torch.random.fork_rng():
        torch.manual_seed(seed)  # not all that is random are parameters
        net = build_sam3_video_model(bpe_path=str(folder / BPE), load_from_HF=False, device="cpu")
        net.tracker.bf16_context.__exit__(None, None, None)
    enliven(net, seed)
    torch.save({"model": net.state_dict()}, folder / "sam3.pt")
    return folder
