"""Configs of diffusers' AutoencoderTiny; its numbers are in test_parity."""

import pytest

from zoo import backbones
from zoo.errors import ZooError
from zoo.models import registry
from zoo.pretrained.converters.autoencoder_tiny import config

PUBLIC = {"_class_name": "AutoencoderTiny", "latent_magnitude": 3, "latent_shift": 0.5, "force_upcast": False}


def test_the_config_is_what_the_model_has():
    ours = config({**PUBLIC, "latent_channels": 16}, (32, 16, 3))
    assert registry.build(ours).config == ours
    assert config(PUBLIC)["input_shape"] == [256, 256, 3]


@pytest.mark.parametrize(
    "option, message",
    [
        ({"upsample_fn": "bilinear"}, "upsample_fn='bilinear', expected nearest"),
        ({"upsampling_scaling_factor": 4}, "upsampling_scaling_factor=4, expected 2"),
        ({"act_fn": "selu"}, "act_fn='selu', expected relu or silu"),
        ({"encoder_block_out_channels": [64, 32]}, "expected equal numbers of channels"),
        ({"out_channels": 4}, "out_channels=4, expected in_channels=3"),
        ({"in_channels": 1, "out_channels": 1}, "in_channels=1"),
        ({"dropout": 0.1}, "dropout=0.1, which the zoo does not support"),
    ],
)
def test_what_is_not_supported_is_named(option, message):
    with pytest.raises(ZooError, match=message):
        config({**PUBLIC, **option}, (64, 64, 3))


@pytest.mark.parametrize(
    "shape, options, message",
    [
        ((64, 60, 3), {}, "64 x 60 for 4 resolutions, expected height and width divisible by 8"),
        ((64, 64, 3), {"decoder_blocks": (1, 1)}, "expected one number per resolution"),
    ],
)
def test_impossible_options_are_refused(shape, options, message):
    with pytest.raises(ZooError, match=message):
        backbones.build("taesd", shape, **options)
