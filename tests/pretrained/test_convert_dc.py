"""AutoencoderDC: its layers, and configs of diffusers; its numbers beside the original's are in test_parity."""

import keras
import numpy as np
import pytest
from tiny import tiny

from zoo import backbones
from zoo.errors import ZooError
from zoo.layers.blocks.pixel_shuffle import pixel_shuffle, pixel_unshuffle
from zoo.models import registry
from zoo.pretrained.converters.autoencoder_dc import config


def test_pixels_become_maps_and_pixels_again():
    x = np.arange(2 * 4 * 6 * 3, dtype="float32").reshape(2, 4, 6, 3)
    maps = np.asarray(pixel_unshuffle(x, 2))
    assert maps.shape == (2, 2, 3, 12)
    # Of map 1 at place (0, 2): the four pixels, row by row.
    np.testing.assert_array_equal(maps[0, 0, 2, 4:8], [x[0, 0, 4, 1], x[0, 0, 5, 1], x[0, 1, 4, 1], x[0, 1, 5, 1]])
    np.testing.assert_array_equal(pixel_shuffle(maps, 2), x)


@pytest.mark.slow
@pytest.mark.parametrize("kind, precision", [("residual", "float32"), ("attention", "mixed_bfloat16")])
def test_it_learns_in_either_precision(kind, precision, policy, images):
    policy(precision)
    keras.utils.set_random_seed(0)
    model = tiny("autoencoder_dc_dcae", kinds=kind, decoder_norms="batch_norm")
    losses = model.fit(images, batch_size=8, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


PUBLIC = {"_class_name": "AutoencoderDC", "encoder_block_types": "EfficientViTBlock", "downsample_block_type": "Conv"}
SMALL = {
    "encoder_block_out_channels": [4, 8],
    "decoder_block_out_channels": [4, 8],
    "encoder_layers_per_block": [1, 1],
    "decoder_layers_per_block": [0, 1],
    "encoder_qkv_multiscales": [[], [3, 5]],
    "decoder_qkv_multiscales": [[], []],
    "decoder_norm_types": ["rms_norm", "batch_norm"],
    "attention_head_dim": 4,
    "latent_channels": 2,
}


def test_the_config_is_what_the_model_has():
    ours = config({**PUBLIC, **SMALL}, (6, 8, 3))
    assert registry.build(ours).config == ours
    assert config(PUBLIC)["input_shape"] == [256, 256, 3]


@pytest.mark.parametrize(
    "option, message",
    [
        ({"encoder_block_types": ["ResBlock", "Other"]}, "encoder_block_types=.*expected ResBlock or EfficientViTBlock"),
        ({"decoder_norm_types": "layer_norm"}, "decoder_norm_types='layer_norm', expected rms_norm or batch_norm"),
        ({"decoder_act_fns": ["gelu"]}, "decoder_act_fns="),
        ({"upsample_block_type": "bilinear"}, "upsample_block_type='bilinear', expected pixel_shuffle or interpolate"),
        ({"in_channels": 1}, "in_channels=1"),
        ({"dropout": 0.1}, "dropout=0.1, which the zoo does not support"),
    ],
)
def test_what_is_not_supported_is_named(option, message):
    with pytest.raises(ZooError, match=message):
        config({**PUBLIC, **option}, (64, 64, 3))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"input_shape": (8, 6, 1)}, "8 x 6 for 3 stages, expected height and width divisible by 4"),
        ({"filters": (4,)}, "expected at least two"),
        ({"blocks": (1, 0, 1)}, "only the first stage"),
        ({"decoder_blocks": (1, 1)}, "decoder_blocks for 2 stages, but filters for 3"),
        ({"kinds": "dense"}, "kinds='dense', expected 'residual' or 'attention'"),
        ({"downsample": "max"}, "downsample='max', expected 'conv'"),
        ({"head_dim": 9}, "head_dim=9 for attention with 8 filters"),
        ({"filters": (4, 6, 8)}, "shortcut from 16 maps to 6"),
    ],
)
def test_impossible_options_are_refused(options, message):
    small = {"filters": (4, 8, 8), "blocks": (1, 1, 1), "kinds": ("residual", "residual", "attention"), "scales": ((),) * 3}
    options = {"input_shape": (8, 8, 1), "head_dim": 4, "latent_channels": 4, **small, **options}
    with pytest.raises(ZooError, match=message):
        backbones.build(options.pop("backbone", "dcae"), **options).encoder.build((None, 8, 8, 1))
