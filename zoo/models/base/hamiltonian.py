"""Base of the Hamiltonian variants, in which the gradient of log p(x, z) with respect to z moves the code."""

from keras import ops

from zoo.errors import ZooError
from zoo.layers.math.gradients import vector_jacobian_product
from zoo.models.base.autoencoder import Autoencoder


class HamiltonianAutoencoder(Autoencoder):
    """Trains with the decoder's outputs at the end of a Hamiltonian path of z; `code` is the mean at its start."""

    def call(self, x, training=None):
        h = self.encoder.backbone(self.modality.to_input(x, self.compute_dtype), training=training)
        outputs = self.bottleneck.evolve(h, self.force(self.modality.to_input(x, "float32")), training=training)
        return ops.cast(outputs, self.compute_dtype)

    def force(self, x):
        """The function z (N, D) -> decoder outputs, float32, and ∇_z [reconstruction loss + ½ |z|²] (N, D), at images `x`."""

        def force(z):
            outputs, pull = vector_jacobian_product(self._outputs, z)
            loss, pull_loss = vector_jacobian_product(lambda o: self.reconstruction_loss.call(x, o), outputs)
            return outputs, pull(pull_loss(ops.ones_like(loss))) + z

        return force

    def _outputs(self, z):
        return ops.cast(self.decoder.backbone(ops.cast(z, self.compute_dtype)), "float32")


def check_options(backbone_options):
    """Raise ZooError if the options make the decoder random, or its rows depend on each other."""
    if backbone_options.get("dropout"):
        raise ZooError("a Hamiltonian posterior requires a deterministic decoder, got dropout; omit it.")
    if backbone_options.get("batch_norm"):
        raise ZooError("a Hamiltonian posterior requires a decoder without batch normalization, got batch_norm=True; omit it.")
