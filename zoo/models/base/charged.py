"""Models whose forward pass, and not what Keras makes of its outputs, knows the reconstruction loss."""

from zoo.errors import ZooError
from zoo.models.base.weighting import given


class AddsReconstructionTerm:
    """To stand before `Autoencoder` among the bases of a model whose `call` adds the term "reconstruction" itself."""

    def terms(self, x, y, y_pred, training):
        if given(y) is not None:
            raise ZooError(f"{self.config['variant']} learns to give back its own input; call fit(images) alone.")
        return self.layer_terms(("reconstruction",))
