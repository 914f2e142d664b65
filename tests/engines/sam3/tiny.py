"""A SAM3 of a few million random weights, made in seconds: every path of the real one, and answers that
depend on pictures and prompts. Nothing that it answers means anything.
"""

from pathlib import Path

import torch
import transformers

from napari_sam3_assistant.engines.sam3 import upstream

PATCH, GRID = 14, 8
SIDE = PATCH * GRID
# The tracker cuts its memories into pieces 64 wide: its width is a multiple of that, above it.
WIDTH, TOWER = 128, 32
QUERIES = 12
START, END = "<|startoftext|>", "<|endoftext|>"


def tokenizer():
    """Return CLIP's tokenizer without a merge: each byte is a token, so it knows every script."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters), START, END]
    return transformers.CLIPTokenizer(
        vocab={word: index for index, word in enumerate(words)}, merges=[], model_max_length=32
    )


def config():
    """Return the configuration of the small model."""
    block = {"hidden_size": WIDTH, "intermediate_size": WIDTH, "num_attention_heads": 4, "num_layers": 1}
    heads = {"hidden_size": WIDTH, "num_attention_heads": 4}
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
        "vocab_size": 514,
        "hidden_size": TOWER,
        "intermediate_size": 2 * TOWER,
        "projection_dim": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 32,
        "bos_token_id": 512,
        "eos_token_id": 513,
        "pad_token_id": 513,
    }
    detector = transformers.Sam3Config(
        vision_config=vision,
        text_config=text,
        geometry_encoder_config={**block, "roi_size": 3},
        detr_encoder_config=block,
        detr_decoder_config={**block, "num_layers": 2, "num_queries": QUERIES},
        mask_decoder_config=heads,
    )
    memory = {
        f"{name}": WIDTH
        for name in (
            "memory_attention_hidden_size",
            "memory_attention_feed_forward_hidden_size",
            "memory_encoder_hidden_size",
            "mask_downsampler_embed_dim",
            "memory_fuser_embed_dim",
            "memory_fuser_intermediate_dim",
        )
    }
    tracker = transformers.Sam3TrackerVideoConfig(
        vision_config=vision,
        image_size=SIDE,
        prompt_encoder_config={"hidden_size": WIDTH, "image_size": SIDE, "patch_size": PATCH},
        mask_decoder_config={**heads, "mlp_dim": WIDTH, "iou_head_hidden_dim": WIDTH},
        memory_attention_num_layers=1,
        memory_encoder_output_channels=64,
        **memory,
    )
    return transformers.Sam3VideoConfig(
        detector_config=detector.to_dict(), tracker_config=tracker.to_dict(), low_res_mask_size=4 * GRID
    )


@torch.no_grad()
def enliven(net, seed=0):
    """Give a model weights strong enough that pictures and prompts change what it answers.

    Gains stay under 0.9: above, the video tracker of random weights blows rounding up into other masks.
    """
    random = torch.Generator().manual_seed(seed)
    for name, one in net.named_parameters():
        noise = torch.randn(one.shape, generator=random)
        if name.endswith("bias"):
            one.copy_(0.05 * noise)
        elif one.ndim == 1:  # of normalisations
            one.copy_(1 + 0.1 * noise)
        elif any(part in name for part in ("embed", "token", "positional", "no_")):
            one.copy_(noise)
        else:
            transposed = "scale_layers" in name or "upscale_conv" in name
            one.copy_(0.8 * noise * (one.shape[0] if transposed else one[0].numel()) ** -0.5)
    tracker, detector = net.tracker_model, net.detector_model
    for weight in (tracker.no_memory_embedding, tracker.occlusion_spatial_embedding_parameter):
        weight.copy_(0.5 * torch.randn(weight.shape, generator=random))
    # Meta's model has it once.
    tracker.shared_image_embedding.positional_embedding.copy_(
        tracker.prompt_encoder.shared_embedding.positional_embedding
    )
    # What is asked for is on the picture, and about as likely as not it is this one.
    for head in (detector.detr_decoder.presence_head.layer3, tracker.mask_decoder.pred_obj_score_head.proj_out):
        head.weight.mul_(0.2)
        head.bias.fill_(5.0)
    for layer in (detector.dot_product_scoring.text_proj, detector.dot_product_scoring.query_proj):
        layer.weight.mul_(0.6)
    _centre_found(net, random)
    _centre_clicked(net, random)


def _picture(random):
    coarse = torch.rand(1, 3, GRID, GRID, generator=random)
    return torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bilinear") * 2 - 1


def _centre_found(net, random):
    """Shift what the detector compares, so that masks cover a part of the picture and scores lie round a half.

    Logits of masks come to a size as of a real model: of thousands, as random weights give, rounding is all one sees.
    """
    detector = net.detector_model
    for layer, axes in (
        (detector.mask_decoder.instance_projection, (0, 2, 3)),
        (detector.dot_product_scoring.query_proj, None),
    ):
        seen = []
        hook = layer.register_forward_hook(
            lambda module, given, out, axes=axes, seen=seen: seen.append(out.mean(axes or tuple(range(out.ndim - 1))))
        )
        for _ in range(4):
            words = torch.randint(0, 512, (1, 32), generator=random)
            detector(pixel_values=_picture(random), input_ids=words, attention_mask=torch.ones_like(words))
        hook.remove()
        layer.bias -= torch.stack(seen).mean(0)
    projection = detector.mask_decoder.instance_projection
    words = torch.randint(0, 512, (1, 32), generator=random)
    said = detector(pixel_values=_picture(random), input_ids=words, attention_mask=torch.ones_like(words))
    for weight in (projection.weight, projection.bias):
        weight.mul_(5.0 / said.pred_masks.std())


def _centre_clicked(net, random):
    """Give each mask token of the decoder of clicks a constant that cancels its mean logit.

    One channel of the upscaled features is made constant to carry it.
    """
    tracker, decoder, constant = net.tracker_model, net.tracker_model.mask_decoder, 5.0
    for weight in (decoder.upscale_conv2.weight[:, 0], decoder.conv_s0.weight[0], decoder.conv_s0.bias[:1]):
        weight.zero_()
    decoder.upscale_conv2.bias[0] = constant
    for token in decoder.output_hypernetworks_mlps:
        token.proj_out.weight[0] = 0
        token.proj_out.bias[0] = 0
    stable, decoder.dynamic_multimask_via_stability = decoder.dynamic_multimask_via_stability, False
    means = []
    for _ in range(6):
        maps, _ = net.get_vision_features_for_tracker(net.detector_model.get_vision_features(_picture(random)))
        maps[-1] = maps[-1] + tracker.no_memory_embedding
        fine, middle, last = (
            one.permute(1, 2, 0).reshape(1, -1, *size)
            for one, size in zip(maps, tracker.backbone_feature_sizes, strict=True)
        )
        places = torch.rand(1, 4, 1, 2, generator=random) * SIDE
        prompts = tracker.prompt_encoder(places, torch.ones(1, 4, 1, dtype=torch.int64), None, None)
        where = tracker.get_image_wide_positional_embeddings()
        one, three = (decoder(last, where, *prompts, many, [fine, middle])[0] for many in (False, True))
        means.append(torch.cat([one, three], dim=2).mean((0, 1, 3, 4)))
    decoder.dynamic_multimask_via_stability = stable
    for token, mean in zip(decoder.output_hypernetworks_mlps, torch.stack(means).mean(0), strict=True):
        token.proj_out.bias[0] = -(mean + 0.3 * mean.abs()) / constant


def make(folder: Path, seed: int = 2) -> Path:
    """Write the model, its tokenizer and its processor's settings, as ``facebook/sam3`` has them."""
    torch.manual_seed(seed)
    net = upstream.model_class()(config()).eval()
    enliven(net, seed)
    # The names as they are: transformers 5.23 otherwise writes the tracker's with their prefix twice.
    net.save_pretrained(folder, save_original_format=False)
    tokenizer().save_pretrained(folder)
    return folder
