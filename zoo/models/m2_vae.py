"""M2: a semi-supervised variational autoencoder with a classifier (Kingma et al. 2014, arXiv:1406.5298).

L(x, y) = E_q(z|x,y) [-log p(x|y, z)] + KL(q(z|x, y) || N(0, I)) - log p(y) if y is known, otherwise
Σ_y q(y|x) (L(x, y) + log q(y|x)); plus α E [-log q(y|x)] over the images with known y
"""

from keras import ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.labelled import SemiSupervisedCode
from zoo.modalities.image import check_images
from zoo.modalities.tensors import to_unit
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.labelled import LabelledAutoencoder, check_classes, split
from zoo.models.base.reconstruction_term import AddsReconstructionTerm
from zoo.utils.batching import apply_in_batches

BACKBONES = ("mlp", "conv", "resnet")


class SemiSupervisedAutoencoder(AddsReconstructionTerm, LabelledAutoencoder):
    """Decodes each image for every class, and weights the reconstruction losses with the weights of the bottleneck."""

    def call(self, x, training=None):
        images, labels = split(x)
        h = self.encoder.backbone(to_unit(images, self.compute_dtype), training=training)
        codes, weights = self.bottleneck(h, labels=labels)
        classes = self.bottleneck.classes
        outputs = self.decoder.backbone(ops.reshape(codes, (-1, codes.shape[-1])), training=training)
        target = ops.repeat(to_unit(images, "float32"), classes, axis=0)
        loss = self.reconstruction_loss.call(target, ops.cast(outputs, "float32"))
        self.bottleneck.add_term("reconstruction", ops.sum(weights * ops.reshape(loss, (-1, classes)), axis=-1))
        # For metrics: the mean of the outputs of the classes, weighted by their probabilities.
        outputs = ops.reshape(outputs, (-1, classes, *outputs.shape[1:]))
        weights = ops.reshape(ops.cast(weights, outputs.dtype), (-1, classes, *[1] * (len(outputs.shape) - 2)))
        return ops.sum(weights * outputs, axis=1)

    def check_loss(self, loss):
        super().check_loss(loss)
        if getattr(loss, "sigma", 1.0) is None:
            raise ZooError(
                "the gaussian loss estimates sigma over the reconstructions of all classes, and M2 would ignore the class; use "
                "'bernoulli' or 'logistic_mixture'."
            )

    def classify(self, x, batch_size=256):
        """Class probabilities q(y|x), (N, classes), float32 numpy, of images x (N, *input_shape), uint8 or floats 0..1."""
        return apply_in_batches(self, self._classify, check_images(x, self.data_shape), batch_size)

    def _classify(self, x):
        return self.bottleneck.label_probabilities(self.encoder.backbone(to_unit(x, self.compute_dtype)))


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=50,
    classes=10,
    alpha=0.1,
    loss="bernoulli",
    **backbone_options,
):
    """`latent_dim` Gaussian latent variables and a class; q(y|x) and q(z|x, y) share one encoder.

    Trains on {"images": (N, ...), "labels": (N,)}, -1 for an unknown label, or on images alone. `classify` returns
    q(y|x); `sample(n, labels=...)` samples from the given classes. The code is [z, y].

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of Gaussian latent variables.
        classes: number of classes.
        alpha: weight of the mean cross-entropy of the labelled images relative to the bound of one image. The paper's value is
            0.1: there the bound is summed over N images, and the weight is 0.1 N.
        loss: the likelihood: "bernoulli" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    check_classes(classes)
    if not alpha >= 0:
        raise ZooError(f"got alpha={alpha}, expected a non-negative weight.")
    code = SemiSupervisedCode(latent_dim, classes, alpha)
    return assemble(backbone, input_shape, code, loss, backbone_options, config, model=SemiSupervisedAutoencoder)
