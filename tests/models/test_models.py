"""The family test: what must be true of every model that the registry lists, and of each variant alone."""

import functools
import importlib
import json
import types

import keras
import numpy as np
import pytest
from keras import ops
from tiny import PUBLISHED, mostly_slow, tiny

import zoo
from zoo.errors import ZooError
from zoo.layers.bottlenecks import (
    capacity,
    code,
    contraction,
    dip,
    finite_scalar,
    flow_posterior,
    gaussian,
    gaussian_map,
    gumbel,
    k_sparse,
    latent_map,
    learned_codebook,
    mmd,
    patch_code,
    sparsity,
    total_correlation,
    vector_quantizer,
    winner_take_all,
)
from zoo.layers.corruptions import holes, jpeg
from zoo.models import registry
from zoo.models.contractive import StochasticContractiveAutoencoder
from zoo.pretrained.arrays import load_arrays, save_arrays

NAMES = zoo.list_models()
# A backbone's code is a vector to most variants, whatever the backbone: these make maps of it.
_OF_MAPS = ("fsq_vae", "gumbel_vae", "rq_vae", "vq_vae", "wta")


def on_their_own():
    """Every variant on its first backbone; the plain one on every, and on "conv", too, those that make maps."""
    first = [f"{variant}_{registry._variants()[variant][0][0]}" for variant in registry.variants()]
    more = [*zoo.list_models("ae_*"), *(f"{variant}_conv" for variant in _OF_MAPS)]
    return sorted({*first, *more} & {*NAMES})


# Repeats: backbones of which another variant is the first, further codes that are maps, and deep nets that exist to be loaded.
_REPEATS = {"ae_resnet", "ae_vit", "fsq_vae_conv", "gumbel_vae_conv", "rq_vae_conv"}
_REPEATS |= {name for name in on_their_own() if name.endswith(PUBLISHED) and name != "autoencoder_tiny_taesd"}


@pytest.fixture(scope="module", params=mostly_slow(on_their_own(), {*NAMES} - _REPEATS))
def fitted(request, images):
    """A tiny model after one compiled epoch, with its history. Tests read it and change nothing."""
    keras.utils.set_random_seed(0)
    model = tiny(request.param)
    # Plain, for Adam's updates take as long to trace as all else; tests of each variant train with it.
    model.compile(keras.optimizers.SGD(1e-3))
    # Tracing a step of the deep nets that are there to be loaded takes as long as that of ten others.
    model.run_eagerly = request.param.rpartition("_")[2] in PUBLISHED
    # 40 images: the last batch is smaller.
    history = model.fit(images, batch_size=16, verbose=0).history
    return types.SimpleNamespace(name=request.param, model=model, history=history)


def test_history_has_every_term_and_the_loss_is_their_sum(fitted):
    terms = [name for layer in fitted.model.loss_layers() for name in layer.loss_names]
    assert set(fitted.history) == {"loss", "reconstruction", *terms}
    values = {name: value[0] for name, value in fitted.history.items()}
    assert np.isfinite(list(values.values())).all()
    assert values["loss"] == pytest.approx(values["reconstruction"] + sum(values[t] for t in terms), rel=1e-4)
    assert values["reconstruction"] > 0


def test_uint8_and_floats_give_the_same_features(fitted, images):
    features = fitted.model.encode(images)
    assert features.dtype == np.float32 and features.ndim == 2 and len(features) == len(images)
    assert np.isfinite(features).all() and features.std(axis=0).max() > 0
    np.testing.assert_allclose(fitted.model.encode(images / 255), features, rtol=1e-5, atol=1e-5)


def test_encoding_is_deterministic_and_a_matter_of_the_image_alone(fitted, images):
    features = fitted.model.encode(images, batch_size=16)
    np.testing.assert_array_equal(fitted.model.encode(images, batch_size=16), features)
    np.testing.assert_allclose(fitted.model.encode(images[5:12], batch_size=3), features[5:12], rtol=1e-4, atol=1e-5)


def test_reconstructions_are_images(fitted, images):
    result = fitted.model.reconstruct(images)
    assert result.dtype == np.float32 and result.shape == images.shape
    assert 0 <= result.min() < result.max() <= 1


def test_config_and_arrays_make_the_same_model_again(fitted, images, tmp_path):
    config = json.loads(json.dumps(fitted.model.config))
    again = registry.build(config)
    assert again.config == fitted.model.config == config
    assert [type(a) for a in again._flatten_layers()] == [type(b) for b in fitted.model._flatten_layers()]
    save_arrays(fitted.model, tmp_path / "a.safetensors")
    load_arrays(again, tmp_path / "a.safetensors")
    np.testing.assert_array_equal(again.encode(images), fitted.model.encode(images))
    np.testing.assert_array_equal(again.reconstruct(images), fitted.model.reconstruct(images))


@pytest.mark.slow
def test_a_keras_file_makes_the_same_model_again(fitted, images, tmp_path):
    fitted.model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert type(again) is type(fitted.model) and again.config == fitted.model.config
    for one, other in zip(again.get_weights(), fitted.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_encode_gives_decode_takes_where_it_is_the_code(fitted, images):
    features = fitted.model.encode(images)
    assert fitted.model.encoder.output_shape == (None, features.shape[1])
    if fitted.model.bottleneck.to_code(features) is None:
        with pytest.raises(ZooError, match="do not contain the whole code"):
            fitted.model.decode(features)
    elif fitted.name == "ksparse_mlp":
        # Its features have the shape of the code and other values: by how much each unit exceeds a threshold.
        assert fitted.model.decode(features).shape == images.shape
    else:
        np.testing.assert_allclose(fitted.model.decode(features), fitted.model.reconstruct(images), rtol=1e-4, atol=1e-5)


# -- each its own idea

_exact_contraction = functools.partial(tiny, "contractive_mlp", penalty="exact", hidden=())
IDEAS = {
    "ae": lambda m: type(m.bottleneck) is code.DenseCode and m.corruption is None and m.bottleneck.loss_names == (),
    "annealed_vae": lambda m: type(m.bottleneck) is capacity.CapacityCode and m.bottleneck.c_max == 25.0,
    "artifact_removal": lambda m: type(m.corruption) is jpeg.JPEG and m.bottleneck.maps == m.bottleneck.code_shape[-1] - 1,
    "autoencoder_dc": lambda m: type(m.bottleneck) is latent_map.LatentMap and m.encoder.backbone.stage_names[-1] == "stage2",
    "autoencoder_tiny": lambda m: type(m.bottleneck) is latent_map.LatentMap and m.bottleneck.loss_names == (),
    "autoencoder_kl": lambda m: (
        type(m.bottleneck) is gaussian_map.GaussianMap and (m.bottleneck.beta, m.bottleneck.scaling) == (1e-6 / 64, 0.18215)
    ),
    "beta_tc_vae": lambda m: type(m.bottleneck) is total_correlation.TotalCorrelationCode and m.bottleneck.beta == 6.0,
    "beta_vae": lambda m: type(m.bottleneck) is gaussian.GaussianCode and m.bottleneck.beta == 4.0,
    "contractive": lambda m: (
        type(m) is StochasticContractiveAutoencoder
        and type(m.bottleneck) is contraction.ContractiveCode
        and type(_exact_contraction().bottleneck) is contraction.ContractiveSigmoidCode
    ),
    "dae": lambda m: type(m.bottleneck) is code.DenseCode and m.corruption.level == 0.3,
    "denoising": lambda m: m.corruption.clip and m.bottleneck.maps == m.bottleneck.code_shape[-1] - 1,
    "dip_vae": lambda m: type(m.bottleneck) is dip.InferredPriorCode and m.bottleneck.lambda_d == 100.0,
    "fsq_vae": lambda m: type(m.bottleneck) is finite_scalar.FiniteScalarCode and m.bottleneck.code_count == 12,
    "gumbel_vae": lambda m: type(m.bottleneck) is gumbel.GumbelCode and m.bottleneck.code_count == 4,
    "info_vae": lambda m: type(m.bottleneck) is mmd.InfoCode and (m.bottleneck.alpha, m.bottleneck.lambda_) == (0.5, 10),
    "inpainting": lambda m: type(m.corruption) is holes.BoxOrFreeForm and m.bottleneck.maps < m.bottleneck.code_shape[-1],
    "iwae": lambda m: (type(m).__name__, m.samples, m.groups) == ("ImportanceWeightedAutoencoder", 3, 1),
    "miwae": lambda m: (type(m).__name__, m.samples, m.groups) == ("ImportanceWeightedAutoencoder", 2, 2),
    "ciwae": lambda m: (type(m).__name__, m.samples, m.beta) == ("CombinationAutoencoder", 3, 0.5),
    "piwae": lambda m: (type(m).__name__, m.samples, m.groups) == ("PartiallyImportanceWeightedAutoencoder", 2, 2),
    "ksparse": lambda m: type(m.bottleneck) is k_sparse.KSparseCode,
    "ladder_vae": lambda m: m.bottleneck.loss_names == ("kl_1", "kl_2", "kl_3") and len(m.bottleneck.starts) == 2,
    "linear": lambda m: type(m.bottleneck) is code.DenseCode and m.encoder.feature_layers == ["code"],
    "patch_dictionary": lambda m: type(m.bottleneck) is patch_code.PatchCode and m.bottleneck.maps == 12,
    "rq_vae": lambda m: type(m.bottleneck) is vector_quantizer.ResidualVectorQuantizer and m.bottleneck.depth == 2,
    "sparse": lambda m: (
        type(m.bottleneck) is sparsity.KLSparseCode and type(tiny("sparse_mlp", penalty="l1").bottleneck) is sparsity.L1Code
    ),
    "mae": lambda m: type(m).__name__ == "MaskedAutoencoder" and (m.corruption.patches, m.corruption.seen) == (16, 4),
    "stacked": lambda m: (
        type(m.bottleneck) is code.DenseCode and len(zoo.create("stacked", input_shape=(4, 4, 1)).encoder.feature_layers) == 4
    ),
    "superres": lambda m: type(m).__name__ == "SuperResolution" and m.degraded_shape == (4, 4, 1),
    "vae": lambda m: type(m.bottleneck) is gaussian.GaussianCode and (m.bottleneck.beta, m.bottleneck.free_bits) == (1, 0),
    "vae_iaf": lambda m: (
        type(m.bottleneck) is flow_posterior.FlowCode
        and [type(f).__name__ for f in m.bottleneck.flow.flows] == ["GatedAutoregressive", "Reverse", "GatedAutoregressive"]
    ),
    "vae_lin_nf": lambda m: (
        type(m.bottleneck) is flow_posterior.FlowCode
        and [type(f).__name__ for f in m.bottleneck.flow.flows] == ["Planar", "Radial"]
    ),
    "vq_gan": lambda m: type(m.bottleneck) is learned_codebook.LearnedCodebook and m.bottleneck.code_count == 8,
    "vq_vae": lambda m: type(m.bottleneck) is vector_quantizer.VectorQuantizer,
    "wae_mmd": lambda m: type(m.bottleneck) is mmd.WassersteinCode,
    "wta": lambda m: (
        type(m.bottleneck)
        is (winner_take_all.SpatialWinnerTakeAll if "conv" in m.name else winner_take_all.LifetimeWinnerTakeAll)
    ),
}


def test_the_name_builds_the_variant_and_no_other(fitted):
    variant, _, backbone = fitted.name.rpartition("_")
    model = fitted.model
    assert (model.name, model.config["variant"], model.config["backbone"]) == (fitted.name, variant, backbone)
    inside = list(model.encoder.backbone._flatten_layers())
    kinds = {"mlp": "Dense", "vit": "Dense", "swin": "Dense", "tcn": "Conv1D", "gru": "GRU", "lstm": "LSTM"}
    kind = getattr(keras.layers, kinds.get(backbone, "Conv2D"))
    assert variant == "linear" or any(isinstance(layer, kind) for layer in inside)
    assert any(hasattr(layer, "conv2") for layer in inside) == (backbone not in ("conv", *kinds))
    assert any(hasattr(layer, "rise") for layer in inside) == (backbone == "unet")
    assert any(hasattr(layer, "attention") for layer in inside) == (backbone in ("vit", "swin"))
    if variant in IDEAS:
        assert IDEAS[variant](model)
    else:
        # A newer variant: at the least, its own file names the bottleneck that was built.
        module = importlib.import_module(f"zoo.models.{variant}")
        assert type(model.bottleneck) in vars(module).values()


def test_sampling_is_for_those_with_a_prior(fitted):
    if isinstance(fitted.model.bottleneck, gaussian.GaussianCode):
        samples = fitted.model.sample(5, seed=3)
        assert samples.shape == (5, 8, 8, 1) and 0 <= samples.min() < samples.max() <= 1
        np.testing.assert_array_equal(fitted.model.sample(5, seed=3), samples)
        assert np.any(fitted.model.sample(5, seed=4) != samples)
    elif type(fitted.model.bottleneck).sample_prior is code.Bottleneck.sample_prior:
        with pytest.raises(ZooError, match="no prior to sample from"):
            fitted.model.sample(5)


def test_linear_autoencoder_spans_the_principal_subspace():
    rng = np.random.default_rng(0)
    spread = np.array([3.0, 2.0, 1.5] + [0.2] * 9)
    rotation = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    x = (rng.normal(size=(600, 12)) * spread @ rotation + rng.normal(size=12)).astype(np.float32)
    keras.utils.set_random_seed(0)
    model = zoo.create("linear", input_shape=(12,), latent_dim=3)
    decay = keras.optimizers.schedules.CosineDecay(0.1, 1200)
    model.compile(keras.optimizers.Adam(decay), steps_per_execution=60)
    # Twenty passes an epoch, for what surrounds one takes longer than so few steps.
    model.fit(np.tile(x, (20, 1)), batch_size=100, epochs=10, verbose=0)

    centred = x - x.mean(axis=0)
    _, values, components = np.linalg.svd(centred, full_matrices=False)
    best = (values[3:] ** 2).sum() / x.size
    error = ((model.reconstruct(x) - x) ** 2).mean()
    assert best * (1 - 1e-3) <= error <= 1.01 * best
    origin, *units = model.decode(np.vstack([np.zeros(3), np.eye(3)]))
    basis = np.linalg.qr((np.array(units) - origin).T)[0]
    cosines = np.linalg.svd(components[:3] @ basis, compute_uv=False)
    assert np.degrees(np.arccos(np.clip(cosines.min(), 0, 1))) < 3, "largest principal angle"


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 9, 1), (16, 5, 1)], ids=str)
def test_a_spatial_winner_paints_where_it_won(shape):
    """A code position decodes to the patch of pixels that it was computed from."""
    model = tiny("wta_conv", input_shape=shape, filters=(4, 4), atom=3)
    height, width, maps = model.bottleneck.code_shape
    empty = ops.convert_to_numpy(model.decoder.backbone(np.zeros((1, height, width, maps), np.float32)))
    for row in range(height):
        z = np.zeros((1, height, width, maps), np.float32)
        z[0, row, 0] = 1
        painted = np.abs(ops.convert_to_numpy(model.decoder.backbone(z)) - empty)[0].sum(axis=(1, 2))
        touched = np.flatnonzero(painted)
        # Two strides of 2: position r stands for pixels 4r..4r+3.
        assert len(touched) and abs(touched.mean() - (4 * row + 1.5)) <= 1.5


def test_vectors_have_no_maps_to_win():
    with pytest.raises(ZooError, match="use 'mlp' for flat vectors"):
        tiny("wta_conv", input_shape=(64,))
