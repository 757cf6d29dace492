"""The models of transformers and diffusers that the zoo's copies are held against: configs, and sizes of images to give them.

Small ones go down every branch of the code; the others are public architectures.
"""

_SMALL_KL = {"block_out_channels": [8, 16, 16], "layers_per_block": 2, "norm_num_groups": 4}
_ATTENDING = {
    "down_block_types": ["DownEncoderBlock2D", "AttnDownEncoderBlock2D"],
    "up_block_types": ["AttnUpDecoderBlock2D", "UpDecoderBlock2D"],
    "block_out_channels": [8, 16],
    "layers_per_block": 1,
    "norm_num_groups": 4,
}
_FULL_KL = {"block_out_channels": [128, 256, 512, 512], "layers_per_block": 2}
_FLUX = {"use_quant_conv": False, "use_post_quant_conv": False, "shift_factor": 0.1159, "scaling_factor": 0.3611}
_SMALL_VIT = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 48,
    "image_size": 32,
    "patch_size": 8,
    "decoder_hidden_size": 16,
    "decoder_num_hidden_layers": 2,
    "decoder_num_attention_heads": 4,
    "decoder_intermediate_size": 32,
}
_SMALL_DC = {"attention_head_dim": 4, "latent_channels": 4, "scaling_factor": 0.4}
_SANA_KINDS = ["ResBlock"] * 3 + ["EfficientViTBlock"] * 3


_SMALL_RAE = {
    "encoder_hidden_size": 64,
    "encoder_num_hidden_layers": 2,
    "decoder_hidden_size": 24,
    "decoder_num_hidden_layers": 2,
    "decoder_num_attention_heads": 3,
    "decoder_intermediate_size": 32,
    "patch_size": 8,
}
_RAE_XL = {
    "decoder_hidden_size": 1152,
    "decoder_num_hidden_layers": 28,
    "decoder_num_attention_heads": 16,
    "decoder_intermediate_size": 4096,
}


def _blocks(stages):
    return {"down_block_types": ["DownEncoderBlock2D"] * stages, "up_block_types": ["UpDecoderBlock2D"] * stages}


# Name -> class, config, sizes (N, height, width) of the images.
MODELS = {
    "kl": ("AutoencoderKL", {**_blocks(3), **_SMALL_KL}, [(2, 40, 56), (1, 16, 8)]),
    "kl_plain": ("AutoencoderKL", {**_ATTENDING, **_FLUX, "latent_channels": 6, "mid_block_add_attention": False}, [(3, 18, 22)]),
    "sd_vae": ("AutoencoderKL", {**_blocks(4), **_FULL_KL, "sample_size": 512}, [(1, 64, 64)]),
    "flux_vae": ("AutoencoderKL", {**_blocks(4), **_FULL_KL, **_FLUX, "latent_channels": 16}, [(1, 64, 64)]),
    "flux2": (
        "AutoencoderKLFlux2",
        {**_blocks(3), **_SMALL_KL, "decoder_block_out_channels": [8, 8, 16], "latent_channels": 3},
        [(2, 40, 24)],
    ),
    "flux2_vae": ("AutoencoderKLFlux2", {}, [(1, 64, 64)]),
    "asymmetric": (
        "AsymmetricAutoencoderKL",
        {
            **_blocks(2),
            "down_block_out_channels": [8, 16],
            "layers_per_down_block": 1,
            "up_block_out_channels": [12, 24],
            "layers_per_up_block": 2,
            "norm_num_groups": 4,
        },
        [(2, 12, 20)],
    ),
    "hunyuan": (
        "AutoencoderKLHunyuanImage",
        {
            "in_channels": 3,
            "out_channels": 3,
            "latent_channels": 8,
            "block_out_channels": [32, 32, 64],
            "layers_per_block": 1,
            "spatial_compression_ratio": 4,
            "sample_size": 32,
            "scaling_factor": 0.75,
        },
        [(2, 12, 20)],
    ),
    "vq": ("VQModel", {**_ATTENDING, "num_vq_embeddings": 20, "vq_embed_dim": 5}, [(2, 18, 22)]),
    "mae": ("ViTMAEForPreTraining", {**_SMALL_VIT, "norm_pix_loss": True}, [(2, 32, 32), (1, 48, 40)]),
    "mae_pixels": ("ViTMAEForPreTraining", _SMALL_VIT, [(2, 32, 32)]),
    # The encoder in the layout of the original code, which is that of timm.
    "mae_encoder": (
        "VisionTransformer",
        {"img_size": 32, "patch_size": 8, "embed_dim": 192, "depth": 2, "num_heads": 3, "num_classes": 0},
        [(2, 32, 32)],
    ),
    "convnextv2": ("ConvNeXt", {"depths": [1, 1, 2, 1], "dims": [4, 8, 12, 16], "use_grn": True}, [(2, 32, 64)]),
    "hiera": (
        "HieraForPreTraining",
        {
            "embed_dim": 8,
            "image_size": [64, 64],
            "depths": [1, 2, 2, 1],
            "num_heads": [1, 2, 4, 8],
            "decoder_hidden_size": 16,
            "decoder_depth": 2,
            "decoder_num_heads": 4,
        },
        [(2, 64, 64)],
    ),
    # The encoder alone, in the layout of timm.
    "hiera_encoder": ("Hiera", {"img_size": 64, "embed_dim": 8, "num_heads": 1, "stages": [1, 2, 2, 1]}, [(2, 64, 64)]),
    # At the other size, windows are padded and the last stage has more than one.
    "swin": (
        "SwinForMaskedImageModeling",
        {
            "image_size": 64,
            "embed_dim": 8,
            "depths": [1, 2, 2],
            "num_heads": [1, 2, 4],
            "window_size": 4,
            "encoder_stride": 16,
        },
        [(2, 64, 64), (1, 80, 96)],
    ),
    "simmim_swin_base": (
        "SwinForMaskedImageModeling",
        {"image_size": 192, "embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32], "window_size": 6},
        [(1, 192, 192)],
    ),
    "rae_mae": (
        "AutoencoderRAE",
        {**_SMALL_RAE, "encoder_type": "mae", "encoder_patch_size": 8, "encoder_input_size": 32},
        [(2, 32, 32)],
    ),
    # Images are resized, and the positions of 37 x 37 patches interpolated.
    "rae_dinov2": (
        "AutoencoderRAE",
        {**_SMALL_RAE, "encoder_patch_size": 14, "encoder_input_size": 56, "patch_size": 16, "scaling_factor": 0.5},
        [(2, 64, 64)],
    ),
    "rae_dinov2_base": ("AutoencoderRAE", {**_RAE_XL}, [(1, 256, 256)]),
    "mae_vit_base": ("ViTMAEForPreTraining", {"norm_pix_loss": True}, [(1, 224, 224)]),
    "tiny": (
        "AutoencoderTiny",
        {
            "encoder_block_out_channels": [6, 6, 6],
            "decoder_block_out_channels": [8, 8, 8],
            "num_encoder_blocks": [1, 0, 2],
            "num_decoder_blocks": [2, 1, 1],
            "act_fn": "gelu",
            "latent_channels": 5,
            "scaling_factor": 0.8,
            "shift_factor": 0.1,
        },
        [(2, 12, 20), (1, 4, 4)],
    ),
    "taesd": ("AutoencoderTiny", {}, [(1, 64, 48)]),
    # As those for ImageNet: the first stage skipped, pixels to maps and back, batch normalization, attention to single pixels.
    "shuffling": (
        "AutoencoderDC",
        {
            "encoder_block_types": ["ResBlock", "ResBlock", "EfficientViTBlock"],
            "decoder_block_types": ["ResBlock", "ResBlock", "EfficientViTBlock"],
            "encoder_block_out_channels": [4, 8, 16],
            "decoder_block_out_channels": [4, 8, 16],
            "encoder_layers_per_block": [0, 1, 2],
            "decoder_layers_per_block": [0, 2, 1],
            "encoder_qkv_multiscales": [[], [], []],
            "decoder_qkv_multiscales": [[], [], []],
            "decoder_norm_types": ["batch_norm", "batch_norm", "rms_norm"],
            "decoder_act_fns": ["relu", "relu", "silu"],
            **_SMALL_DC,
        },
        [(2, 16, 24), (1, 4, 4)],
    ),
    # As Sana's, with what none of the public ones has: heads that leave maps over, two windows, no shortcuts at the code.
    "interpolating": (
        "AutoencoderDC",
        {
            "encoder_block_types": ["ResBlock", "EfficientViTBlock", "EfficientViTBlock"],
            "decoder_block_types": ["EfficientViTBlock", "ResBlock", "EfficientViTBlock"],
            "encoder_block_out_channels": [6, 12, 12],
            "decoder_block_out_channels": [6, 6, 12],
            "encoder_layers_per_block": [1, 1, 2],
            "decoder_layers_per_block": [1, 1, 1],
            "encoder_qkv_multiscales": [[], [5], [3, 5]],
            "decoder_qkv_multiscales": [[3], [], [5]],
            "decoder_norm_types": ["rms_norm", "rms_norm", "batch_norm"],
            "downsample_block_type": "conv",
            "upsample_block_type": "interpolate",
            "encoder_out_shortcut": False,
            "decoder_in_shortcut": False,
            "decoder_conv_act_fn": "silu",
            **_SMALL_DC,
            "attention_head_dim": 5,
        },
        [(2, 16, 24), (1, 4, 8)],
    ),
    # dc-ae-f32c32-sana-1.0, the smallest.
    "sana": (
        "AutoencoderDC",
        {
            "encoder_block_types": _SANA_KINDS,
            "decoder_block_types": _SANA_KINDS,
            "downsample_block_type": "conv",
            "upsample_block_type": "interpolate",
            "scaling_factor": 0.41407,
        },
        [(1, 64, 96)],
    ),
}
