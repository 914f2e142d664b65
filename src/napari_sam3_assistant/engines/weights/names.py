"""Names of SAM3's weights: Meta's, and those of transformers.

Meta's file has two halves, ``detector`` and ``tracker``; transformers' has ``detector_model``,
``tracker_model`` and, taken out of the detector, ``tracker_neck``. What is computed is the same.
"""

from __future__ import annotations

import functools
import re

SPLIT = "*"
"""Stands in a new name for q, k and v, which Meta keeps in one tensor."""
PARTS = "qkv"

CLASS_TOKEN = "detector_model.vision_encoder.backbone.embeddings.position_embeddings"
"""Meta's positions start with one for a class token, which this model has not got."""
TRANSPOSED = "detector_model.text_encoder.text_projection.weight"
"""A matrix in Meta's file, the weight of a linear layer in transformers'."""
POINT = re.compile(r"tracker_model\.prompt_encoder\.point_embeddings\.(\d)\.weight")
POINTS = "tracker_model.prompt_encoder.point_embed.weight"
"""All kinds of points in one tensor, where Meta has one each."""
GRID = "tracker_model.prompt_encoder.shared_embedding.positional_embedding"
GRID_AGAIN = "tracker_model.shared_image_embedding.positional_embedding"
"""Two places in transformers' model hold the same positions."""

_UNUSED = re.compile(r"freqs_cis$|^detector\.geometry_encoder\.points_")

_Rules = tuple[tuple[str, str], ...]

# Of layers of a transformer: their normalisations, attention and perceptron.
_NORMS: _Rules = ((r"\.norm(\d)\.", r".layer_norm\1."),)
_ATTENTION: _Rules = ((r"\.in_proj_(weight|bias)$", rf".{SPLIT}_proj.\1"), (r"\.out_proj\.", ".o_proj."))
_LAYER: _Rules = (*_ATTENTION, *_NORMS, (r"\.linear(\d)\.", r".mlp.fc\1."))
# Of small perceptrons of three layers, as the two halves name them.
_DETECTOR_HEAD: _Rules = tuple(
    (rf"(_head|_embed_[xy]|text_mlp)\.layers\.{old}\.", rf"\1.layer{old + 1}.") for old in range(3)
)
_TRACKER_HEAD: _Rules = tuple(
    (rf"(_mlps\.\d|_head|object_pointer_proj)\.layers\.{old}\.", rf"\1.{new}.")
    for old, new in enumerate(("proj_in", "layers.0", "proj_out"))
)

_TOWER: _Rules = (
    (r"^pos_embed$", "embeddings.position_embeddings"),
    (r"^patch_embed\.proj\.", "embeddings.patch_embeddings.projection."),
    (r"^ln_pre\.", "layer_norm."),
    (r"^blocks\.", "layers."),
    (r"\.attn\.proj\.", ".attention.o_proj."),
    (r"\.attn\.qkv\.", f".attention.{SPLIT}_proj."),
    *_NORMS,
)
_NECK: _Rules = (
    (r"\.dconv_2x2_1\.", ".scale_layers.2."),
    (r"\.dconv_2x2(_0)?\.", ".scale_layers.0."),
    (r"\.conv_1x1\.", ".proj1."),
    (r"\.conv_3x3\.", ".proj2."),
)
_WORDS: _Rules = (
    (r"^text_projection$", "text_projection.weight"),
    (r"^positional_embedding$", "text_model.embeddings.position_embedding.weight"),
    (r"^token_embedding\.", "text_model.embeddings.token_embedding."),
    (r"^ln_final\.", "text_model.final_layer_norm."),
    (r"^transformer\.resblocks\.", "text_model.encoder.layers."),
    (r"\.attn\.in_proj_(weight|bias)$", rf".self_attn.{SPLIT}_proj.\1"),
    (r"\.attn\.", ".self_attn."),
    (r"\.ln_(\d)\.", r".layer_norm\1."),
    (r"\.c_fc\.", ".fc1."),
    (r"\.c_proj\.", ".fc2."),
)
_EXAMPLES: _Rules = (
    (r"^encode\.", "layers."),
    (r"^norm\.", "prompt_layer_norm."),
    (r"^img_pre_norm\.", "vision_layer_norm."),
    (r"^encode_norm\.", "output_layer_norm."),
    (r"\.cross_attn_image\.", ".cross_attn."),
    *_LAYER,
)
_MIXER: _Rules = ((r"\.cross_attn_image\.", ".cross_attn."), *_LAYER)
_QUERIES: _Rules = (
    (r"\.cross_attn\.", ".vision_cross_attn."),
    (r"\.ca_text\.", ".text_cross_attn."),
    (r"\.catext_norm\.", ".text_cross_attn_layer_norm."),
    (r"\.norm1\.", ".vision_cross_attn_layer_norm."),
    (r"\.norm2\.", ".self_attn_layer_norm."),
    (r"\.norm3\.", ".mlp_layer_norm."),
    (r"^norm\.", "output_layer_norm."),
    (r"^presence_token_out_norm\.", "presence_layer_norm."),
    (r"^presence_token_head\.", "presence_head."),
    (r"^bbox_embed\.", "box_head."),
    (r"^boxRPB_embed_", "box_rpb_embed_"),
    *_LAYER,
    *_DETECTOR_HEAD,
)
_FOUND: _Rules = (
    (r"^mask_predictor\.mask_embed\.", "mask_embedder."),
    (r"^cross_attend_prompt\.", "prompt_cross_attn."),
    (r"^cross_attn_norm\.", "prompt_cross_attn_norm."),
    (r"^semantic_seg_head\.", "semantic_projection."),
    (r"^instance_seg_head\.", "instance_projection."),
    *_ATTENTION,
)
_SCORES: _Rules = (
    (r"^prompt_mlp\.out_norm\.", "text_mlp_out_norm."),
    (r"^prompt_mlp\.", "text_mlp."),
    (r"^prompt_proj\.", "text_proj."),
    (r"^hs_proj\.", "query_proj."),
    *_DETECTOR_HEAD,
)
_MEMORIES: _Rules = ((r"^norm\.", "layer_norm."), *_NORMS, *_ATTENTION)
_MEMORY: _Rules = (
    (r"^pix_feat_proj\.", "feature_projection."),
    (r"^out_proj\.", "projection."),
    (r"^fuser\.", "memory_fuser."),
    (r"^mask_downsampler\.encoder\.12\.", "mask_downsampler.final_conv."),
    *((rf"^mask_downsampler\.encoder\.{3 * n}\.", f"mask_downsampler.layers.{n}.conv.") for n in range(4)),
    *((rf"^mask_downsampler\.encoder\.{3 * n + 1}\.", f"mask_downsampler.layers.{n}.layer_norm.") for n in range(4)),
    (r"\.gamma$", ".scale"),
    (r"\.dwconv\.", ".depthwise_conv."),
    (r"\.norm\.", ".layer_norm."),
    (r"\.pwconv", ".pointwise_conv"),
)
_PROMPTS: _Rules = (
    (r"^pe_layer\.positional_encoding_gaussian_matrix$", "shared_embedding.positional_embedding"),
    *((rf"^mask_downscaling\.{3 * n}\.", f"mask_embed.conv{n + 1}.") for n in range(3)),
    *((rf"^mask_downscaling\.{3 * n + 1}\.", f"mask_embed.layer_norm{n + 1}.") for n in range(2)),
)
_MASKS: _Rules = (
    (r"^output_upscaling\.0\.", "upscale_conv1."),
    (r"^output_upscaling\.1\.", "upscale_layer_norm."),
    (r"^output_upscaling\.3\.", "upscale_conv2."),
    (r"\.lin1\.", ".proj_in."),
    (r"\.lin2\.", ".proj_out."),
    (r"\.norm_final_attn\.", ".layer_norm_final_attn."),
    *_NORMS,
    *_ATTENTION,
    *_TRACKER_HEAD,
)
_TRACKER: _Rules = (
    (r"^maskmem_tpos_enc$", "memory_temporal_positional_encoding"),
    (r"^no_mem_embed$", "no_memory_embedding"),
    (r"^no_mem_pos_enc$", "no_memory_positional_encoding"),
    (r"^no_obj_ptr$", "no_object_pointer"),
    (r"^no_obj_embed_spatial$", "occlusion_spatial_embedding_parameter"),
    (r"^obj_ptr_tpos_proj\.", "temporal_positional_encoding_projection_layer."),
    (r"^obj_ptr_proj\.", "object_pointer_proj."),
    *_TRACKER_HEAD,
)

# The first that a name starts with says how it goes on.
_PLACES: tuple[tuple[str, str, _Rules], ...] = (
    ("detector.backbone.vision_backbone.trunk.", "detector_model.vision_encoder.backbone.", _TOWER),
    ("detector.backbone.vision_backbone.convs.", "detector_model.vision_encoder.neck.fpn_layers.", _NECK),
    ("detector.backbone.vision_backbone.sam2_convs.", "tracker_neck.fpn_layers.", _NECK),
    ("detector.backbone.language_backbone.resizer.", "detector_model.text_projection.", ()),
    ("detector.backbone.language_backbone.encoder.", "detector_model.text_encoder.", _WORDS),
    ("detector.geometry_encoder.", "detector_model.geometry_encoder.", _EXAMPLES),
    ("detector.transformer.encoder.", "detector_model.detr_encoder.", _MIXER),
    ("detector.transformer.decoder.", "detector_model.detr_decoder.", _QUERIES),
    ("detector.segmentation_head.", "detector_model.mask_decoder.", _FOUND),
    ("detector.dot_prod_scoring.", "detector_model.dot_product_scoring.", _SCORES),
    ("tracker.transformer.encoder.", "tracker_model.memory_attention.", _MEMORIES),
    ("tracker.maskmem_backbone.", "tracker_model.memory_encoder.", _MEMORY),
    ("tracker.sam_prompt_encoder.", "tracker_model.prompt_encoder.", _PROMPTS),
    ("tracker.sam_mask_decoder.", "tracker_model.mask_decoder.", _MASKS),
    ("tracker.", "tracker_model.", _TRACKER),
)


@functools.cache
def renamed(name: str) -> str | None:
    """Return transformers' name for one of Meta's.

    Returns
    -------
    str or None
        With :data:`SPLIT` where one tensor becomes three; None where transformers has no use for it.

    Raises
    ------
    KeyError
        If it is no name of SAM3's.
    """
    if _UNUSED.search(name):
        return None
    for old, new, rules in _PLACES:
        if name.startswith(old):
            rest = name[len(old) :]
            for pattern, replacement in rules:
                rest = re.sub(pattern, replacement, rest)
            return new + rest
    raise KeyError(name)
