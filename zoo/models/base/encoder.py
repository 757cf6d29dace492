"""The encoder of an autoencoder, and the features at any of its depths."""

import keras

from zoo.errors import ZooError, suggest
from zoo.layers.bottlenecks.code import pool_features
from zoo.modalities.images import IMAGES
from zoo.models.base.inputs import ChecksInputs
from zoo.models.base.serialization import EncoderWrapper, Serializable, registered
from zoo.utils.numbers import is_whole

# Regions per side over which maps are averaged, if the features are taken from a depth of the encoder.
_GRID = 4
# The same for tokens of images; fewer regions, because the width of a transformer is large.
_QUARTERS = 2


@registered("Encoder")
class Encoder(ChecksInputs, Serializable, keras.Model):
    """Images (N, *input_shape), uint8 0..255 or floats 0..1, to features (N, D). Deterministic.

    In a functional model, declare `keras.Input(shape, dtype="uint8")` for uint8 images, because Keras casts to the declared type
    without scaling. There, floats outside 0..1 raise an error on TensorFlow, unless the graph is compiled by XLA (`jit_compile`,
    Keras's default on a GPU); on JAX they are not checked. The encoder's own `predict`, `fit` and `evaluate` always check.

    Args:
        backbone: a `Backbone` from images to the bottleneck's input.
        bottleneck: a `Bottleneck`.
        features: the depth of the backbone that the features are taken from: maps averaged over a grid of at most 4 x 4 regions,
            or tokens averaged over the patches of each quarter of an image or series; None means the bottleneck's features.
    """

    part = "encoder"
    # See `zoo.modalities.modality`; models of other data are connected to theirs by the registry.
    modality = IMAGES

    def __init__(self, backbone, bottleneck, features=None, **kwargs):
        super().__init__(**kwargs)
        self.backbone = backbone
        self.bottleneck = bottleneck
        if features is not None and features not in backbone.stage_names:
            raise ZooError(
                f"got features={features!r}, expected a depth of the backbone: {', '.join(backbone.stage_names)}, or None."
            )
        self.features = features

    def build(self, input_shape):
        self.data_shape = tuple(input_shape[1:])
        self.bottleneck.build(self.backbone(keras.KerasTensor(input_shape)).shape)
        self.built = True

    @property
    def input_rule(self):
        """See `zoo.models.base.inputs.ChecksInputs`."""
        return self.modality.rule([self.data_shape])

    def call(self, x, training=None):
        self.modality.assert_valid(x)
        x = self.modality.to_input(x, self.compute_dtype)
        if self.features is None:
            return self.bottleneck.features(self.backbone(x, training=training))
        h = self.backbone.until(x, self.features)
        if len(h.shape) == 4:
            return pool_features(h, min(_GRID, *h.shape[1:3]))
        if len(x.shape) == 4:
            maps = self.backbone.maps(h)
            return pool_features(maps, min(_QUARTERS, *maps.shape[1:3]))
        return pool_features(h, "mean")

    @property
    def feature_layers(self):
        """Names of the depths that `at` accepts, first to last; `"code"` is the encoder's own output."""
        return [*self.backbone.stage_names, "code"]

    def at(self, layer="code", pool=None):
        """A `keras.Model` from images to the features (N, D) of one depth.

        Args:
            layer: one of `feature_layers`.
            pool: for feature maps, `"flatten"` (the default; for `"code"`, the default is the encoder's own pooling), `"mean"`
                over the image, or an int `k` for the means over a k x k grid of regions. For a transformer's tokens, `"flatten"`,
                `"mean"` over the patches, an int `k` as above for images, or `"token"`, the first token, which is not a patch.
                Has no effect on a code that is a vector.
        """
        if layer is None or (layer == "code" and pool is None):
            return self
        self._check_layer(layer)
        if pool not in (None, "flatten", "mean", "token") and not (is_whole(pool) and pool > 0):
            raise ZooError(f"got pool={pool!r}, expected 'flatten', 'mean', 'token' or a positive number of regions per side.")
        return FeatureExtractor(self, layer, pool)

    def maps(self, x, layer="code"):
        """Feature maps (N, h, w, C), a tensor, of images at a depth, one of `feature_layers`.

        The tokens of a transformer are arranged as maps, without the first one, which is not a patch.

        Raises:
            ZooError: if there is no such depth, or its features are vectors.
        """
        self._check_layer(layer)
        h = self.unpooled(self.modality.to_input(x, self.compute_dtype), layer)
        if len(h.shape) == 3:
            h = self.backbone.maps(h)
        if len(h.shape) != 4:
            raise ZooError(
                f"the features of {layer!r} are vectors, expected the depth of a convolutional network or transformer."
            )
        return h

    def unpooled(self, x, layer, training=None):
        """The output of a depth, one of `feature_layers`, for images in 0..1: maps, tokens or vectors."""
        if layer == "code":
            return self.bottleneck.unpooled(self.backbone(x, training=training))
        return self.backbone.until(x, layer)

    def _check_layer(self, layer):
        known = self.feature_layers
        if layer not in known:
            raise ZooError(f"there is no feature layer {layer!r}.{suggest(layer, known)} There are {', '.join(known)}.")


@registered("FeatureExtractor")
class FeatureExtractor(ChecksInputs, EncoderWrapper, keras.Model):
    """The features of an encoder at one depth; shares its weights."""

    settings = ("layer", "pool")

    def __init__(self, encoder, layer, pool, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.layer = layer
        self.pool = pool
        self.build(self.input_shape)

    def build(self, input_shape):
        # The encoder is already built; Keras only records the shape.
        self.built = True

    @property
    def data_shape(self):
        """Shape of one input, without the batch axis."""
        return self.encoder.data_shape

    @property
    def modality(self):
        """That of the encoder."""
        return self.encoder.modality

    @property
    def input_rule(self):
        """That of the encoder."""
        return self.encoder.input_rule

    @property
    def feature_layers(self):
        """Those of the encoder."""
        return self.encoder.feature_layers

    def at(self, layer=None, pool=None):
        """See `Encoder.at`; without arguments, this extractor."""
        return self if layer is None and pool is None else self.encoder.at(layer or "code", pool)

    def call(self, x, training=None):
        self.modality.assert_valid(x)
        x = self.modality.to_input(x, self.compute_dtype)
        h = self.encoder.unpooled(x, self.layer, training)
        if len(h.shape) == 3 and is_whole(self.pool):
            h = self.encoder.backbone.maps(h)
        return pool_features(h, self.pool)
