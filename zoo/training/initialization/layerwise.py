"""Greedy layer-wise pretraining: each layer is trained to reconstruct the code of the layer below, then all are trained together
(Hinton & Salakhutdinov 2006, Science 313; Bengio et al. 2007; Vincent et al. 2010, JMLR 11)."""

import dataclasses

import keras

from zoo.errors import ZooError
from zoo.layers.bottlenecks.code import DenseCode
from zoo.modalities.image import unit_array


def pretrain(model, images, recipe, folder, fit):
    """Initialize the dense layers of encoder and mirrored decoder by those of shallow autoencoders, trained one after another.

    Each shallow autoencoder is an autoencoder on "mlp" without hidden layers. It is trained by `fit` on the codes of the one
    before, and is resumed from `folder` like other runs.

    Args:
        model: an autoencoder on "mlp" without dropout.
        images: (N, ...), uint8 or floats 0..1.
        recipe: the `Recipe`; each layer is trained for `start_epochs` epochs with its settings.
        folder: of the run.
        fit: the training loop, `zoo.training.fit.fit`.

    Raises:
        ZooError: if encoder and decoder do not have the same number of layers, or the code is not dense.
    """
    encoders, decoders = dense_layers(model)
    x = unit_array(images).reshape(len(images), -1)
    for depth, (encoder, decoder) in enumerate(zip(encoders, reversed(decoders)), 1):
        activation = keras.activations.serialize(encoder.activation)
        layer = dataclasses.replace(
            recipe,
            name=f"{recipe.name}/layer{depth}",
            model={
                "variant": "stacked",
                "input_shape": (x.shape[1],),
                "hidden": (),
                "latent_dim": encoder.units,
                "code_activation": activation,
                # The first layer reconstructs images, the others reconstruct codes, for which no likelihood is defined.
                "loss": recipe.model.get("loss", "mse") if depth == 1 else "mse",
            },
            epochs=recipe.start_epochs,
            start="random",
            start_epochs=0,
            transforms=(),
            validation=0,
            patience=None,
        )
        place = folder / f"layer{depth}"
        place.mkdir(parents=True, exist_ok=True)
        shallow, _ = fit(layer, x, place)
        shallow_encoders, shallow_decoders = dense_layers(shallow)
        encoder.set_weights(shallow_encoders[0].get_weights())
        decoder.set_weights(shallow_decoders[0].get_weights())
        x = shallow.encode(x)


def dense_layers(model):
    """The dense layers of the encoder, including that of the code, and of the decoder, in order of use."""
    if not isinstance(model.bottleneck, DenseCode):
        raise ZooError(f"{model.name} has a {type(model.bottleneck).__name__}; layer-wise pretraining requires a dense code.")
    encoders = [layer for layer in model.encoder.backbone.stages if isinstance(layer, keras.layers.Dense)]
    decoders = [layer for layer in model.decoder.backbone.stages if isinstance(layer, keras.layers.Dense)]
    encoders.append(model.bottleneck.dense)
    if len(encoders) != len(decoders):
        raise ZooError(f"{model.name} has {len(encoders)} encoder and {len(decoders)} decoder layers; expected equal numbers.")
    return encoders, decoders
