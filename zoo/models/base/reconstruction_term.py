"""Models that compute the reconstruction loss in the forward pass."""

from zoo.errors import ZooError
from zoo.models.base.weighting import explicit_target


class AddsReconstructionTerm:
    """Mixin, before `Autoencoder` in the bases, for models whose `call` adds the term "reconstruction" itself."""

    def terms(self, x, y, y_pred, training):
        if explicit_target(y) is not None:
            raise ZooError(f"{self.config['variant']} is trained to reconstruct its own input; call fit(images) only.")
        return self.layer_terms(("reconstruction",))
