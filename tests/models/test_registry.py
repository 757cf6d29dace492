"""Names to models."""

import inspect
import json
import subprocess
import sys

import numpy as np
import pytest
from tiny import tiny

import zoo
from zoo.errors import ZooError
from zoo.models import registry


def test_names_are_variant_and_backbone():
    names = zoo.list_models()
    assert names == sorted(names)
    assert {"vae_mlp", "ae_conv", "ae_resnet", "linear_mlp", "wta_conv"} <= set(names)
    assert zoo.list_models("b*vae_mlp") == ["beta_tc_vae_mlp", "beta_vae_mlp"]
    assert zoo.list_models("nothing*") == []


def test_every_variant_says_what_it_is_and_whose():
    about = registry.variants()
    assert {name.rpartition("_")[0] for name in zoo.list_models()} == set(about)
    for name, line in about.items():
        assert any(word.strip("(),;.").isdigit() for word in line.split()), f"{name}: {line!r} names no year of a paper"


def test_every_variant_documents_its_arguments():
    for variant in registry.variants():
        build = registry._module(variant).build
        for name in inspect.signature(build).parameters:
            assert f" {name}:" in build.__doc__ or f" **{name}:" in build.__doc__, f"{variant}: {name} is not documented"


def test_a_whole_name_is_a_variant_and_its_backbone():
    model = zoo.create("vae_conv", input_shape=(8, 8, 1), latent_dim=4, filters=(4,))
    assert (model.name, model.config["variant"], model.config["backbone"]) == ("vae_conv", "vae", "conv")
    assert zoo.create("wta", input_shape=(8, 8, 1), latent_dim=4).config["backbone"] == "mlp"


def test_the_config_is_plain_data_with_every_argument():
    config = tiny("beta_vae_conv", beta=2.5).config
    assert json.loads(json.dumps(config)) == config
    assert config == {
        "variant": "beta_vae",
        "backbone": "conv",
        "input_shape": [8, 8, 1],
        "latent_dim": 4,
        "beta": 2.5,
        "warmup_steps": 0,
        "free_bits": 0.0,
        "loss": "bernoulli",
        "filters": [4, 8],
    }


@pytest.mark.parametrize(
    "arguments, options, message",
    [
        (["vea"], {}, "no variant 'vea'. Did you mean 'vae'"),
        (["vae_mpl"], {}, "no variant 'vae_mpl'.*The variants are aae, ae, annealed_vae"),
        (["vae", "cnv"], {}, "does not support the backbone 'cnv'. Did you mean 'conv'"),
        (["linear", "conv"], {}, "'linear' does not support the backbone 'conv'. Supported backbones: mlp"),
        (["vae"], {"latent_dims": 3}, "no option 'latent_dims'. Did you mean 'latent_dim'"),
        (["vae"], {"filters": (4,)}, "vae_mlp has no option 'filters'.*Its options are input_shape, latent_dim"),
        (
            ["vae", "conv"],
            {"input_shape": (8, 8)},
            r"input_shape=\(8, 8\) for the backbone 'conv', which takes images; for series, use vit, tcn, gru, lstm",
        ),
        (["vae"], {"input_shape": (8, 8, 1, 1)}, r"input_shape=\(8, 8, 1, 1\), expected \(height, width, channels\)"),
        (["vae"], {"input_shape": (8, 0, 1)}, "positive integers"),
        (["vae", "conv"], {"input_shape": (64,)}, "use 'mlp' for flat vectors"),
        (["linear"], {"hidden": (8,)}, "linear_mlp has no option 'hidden'. Its options are input_shape, latent_dim.$"),
        (
            ["ae"],
            {"hidden": 512},
            r"ae_mlp cannot be built with hidden=512: expected a tuple, such as \(512, 256\).*zoo.models.ae.build",
        ),
        (["ae"], {"latent_dim": "x"}, "ae_mlp cannot be built with latent_dim='x': expected a whole number, such as 32"),
        (["vae"], {"latent_dim": True}, "latent_dim=True: expected a whole number"),
        (["vae"], {"latent_dim": (4,)}, r"latent_dim=\(4,\): expected a whole number"),
        (["vae"], {"latent_dim": 0}, "latent_dim=0, expected a whole number from 1 on"),
        (["vae"], {"input_shape": (8, 8, True)}, r"input_shape=\(8, 8, True\): expected a tuple"),
        (["vae", "conv"], {"batch_norm": 1}, "batch_norm=1: expected True or False"),
        (["vae"], {"activation": "none such"}, "cannot be built with activation='none such'.*activation function"),
        (["beta_vae"], {"beta": -1}, "beta=-1, expected a finite number from 0 on"),
        (["beta_vae"], {"beta": float("nan")}, "beta=nan: expected a number"),
        (["sparse"], {"weight": -1.0}, "weight=-1.0, expected a finite number from 0 on"),
        (["rae_l2"], {"weight": -1.0}, "weight=-1.0, expected"),
        (["dip_vae"], {"lambda_d": -1.0}, "lambda_d=-1.0, expected"),
        (["vq_vae"], {"commitment": -1.0}, "commitment=-1.0, expected"),
        (["wae_mmd"], {"lambda_": -1.0}, "lambda_=-1.0, expected"),
        (["annealed_vae"], {"gamma": -1.0}, "gamma=-1.0, expected"),
        (["contractive"], {"weight": -1.0}, "weight=-1.0, expected"),
        (["wta"], {"rate": 0.0}, "rate=0.0, expected a fraction of the batch"),
        (["ksparse"], {"alpha": 0.0}, "alpha=0.0, expected a finite number above 0"),
        (["ae"], {"weight_decay": -1.0}, "weight_decay=-1.0, expected"),
        (["ae"], {"loss": {"name": "huber", "delta": -1}}, "delta=-1, expected a finite number above 0"),
        (["mae"], {"mean": 0.5, "deviation": 0.5}, "mean=0.5 and deviation=0.5, expected 3 numbers each"),
        (["vae"], {"loss": "bec"}, "got the loss 'bec', expected one of .* Did you mean 'bce'"),
    ],
)
def test_mistakes_get_one_clear_line(arguments, options, message):
    with pytest.raises(ZooError, match=message) as caught:
        zoo.create(*arguments, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("fault", [TypeError("a bug"), ValueError("a bug"), KeyError("a bug")])
def test_faults_of_a_builder_are_not_taken_for_the_users(fault, monkeypatch):
    def broken(*args):
        raise fault

    monkeypatch.setattr("zoo.models.vae.GaussianCode", broken)
    with pytest.raises(type(fault), match="a bug") as caught:
        zoo.create("vae", latent_dim=3)
    assert caught.value is fault


def test_numbers_of_numpy_are_numbers():
    given = {"input_shape": np.array([8, 8, 1]), "latent_dim": np.int64(4), "hidden": (np.int32(8),), "beta": np.float32(2)}
    config = zoo.create("beta_vae", **given).config
    assert json.loads(json.dumps(config)) == config
    assert config == zoo.create("beta_vae", input_shape=(8, 8, 1), latent_dim=4, hidden=(8,), beta=2.0).config


def test_an_unknown_weight_set_is_named():
    with pytest.raises(ZooError, match="no weight set 'vae_mlp.nowhere'"):
        zoo.info("vae_mlp.nowhere")


def test_listing_loads_no_framework():
    code = (
        "import sys, zoo; assert zoo.list_models(); zoo.list_weights(); "
        "print(sorted({'keras', 'tensorflow', 'jax', 'torch', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_file_without_backbones_is_refused(tmp_path, monkeypatch):
    (tmp_path / "odd.py").write_text('"""Odd (2020)."""\n')
    monkeypatch.setattr(registry, "_MODELS", tmp_path)
    registry._variants.cache_clear()
    try:
        with pytest.raises(ZooError, match="odd.py does not define BACKBONES"):
            zoo.list_models()
    finally:
        monkeypatch.undo()
        registry._variants.cache_clear()


@pytest.mark.parametrize(
    "text",
    [
        'BACKBONES: tuple = ("mlp",)',
        'a.b = c[0] = 1\nd, e = 1, 2\nBACKBONES = ("mlp",)',
        'OTHERS = BACKBONES = ["mlp"]',
        'x: int\nx += 1\nBACKBONES = ("mlp",)',
    ],
)
def test_any_assignment_may_stand_in_a_variants_file(text, listed):
    assert listed(f'"""New (2020)."""\n{text}\n') == ["new_mlp"]


@pytest.mark.parametrize("text", ["BACKBONES = OTHERS", 'BACKBONES = "mlp"', "BACKBONES, OTHERS = (), ()"])
def test_backbones_that_are_no_names_are_refused(text, listed):
    with pytest.raises(ZooError, match="new.py .*expected a tuple"):
        listed(f'"""New (2020)."""\n{text}\n')


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """A function from the text of a variant's file to the names of its models."""

    def names(text):
        (tmp_path / "new.py").write_text(text)
        monkeypatch.setattr(registry, "_MODELS", tmp_path)
        registry._variants.cache_clear()
        return zoo.list_models()

    yield names
    monkeypatch.undo()
    registry._variants.cache_clear()


def test_a_new_file_is_a_new_variant(tmp_path, monkeypatch):
    (tmp_path / "new.py").write_text('"""New (2020)."""\nBACKBONES = ("mlp", "conv")\n')
    monkeypatch.setattr(registry, "_MODELS", tmp_path)
    registry._variants.cache_clear()
    try:
        assert zoo.list_models() == ["new_conv", "new_mlp"]
    finally:
        monkeypatch.undo()
        registry._variants.cache_clear()
