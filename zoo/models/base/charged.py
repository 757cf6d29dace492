"""Models whose forward pass, and not what Keras makes of its outputs, knows the reconstruction loss."""

from keras import ops

from zoo.errors import ZooError
from zoo.utils.replicas import replicas


class ChargesReconstruction:
    """To stand before `Autoencoder` among the bases of a model whose `call` ends with `self.bottleneck.charge(...)` of it."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if y is not None or sample_weight is not None:
            variant = self.config["variant"]
            raise ZooError(f"{variant} learns to give back its own input, and weighs all images alike; call fit(images) alone.")
        values = [ops.cast(value, "float32") for value in self.losses]
        names = [*self.bottleneck.loss_names, "reconstruction"]
        if len(values) < len(names):
            # The dry run with which Keras builds.
            return super().compute_loss(x=x, y_pred=y_pred, training=training)
        terms = {**dict(zip(names, values)), "weight_decay": sum(values[len(names) :])}
        for name, tracker in self._trackers.items():
            tracker.update_state(terms[name], sample_weight=ops.shape(y_pred)[0])
        return sum(values) / replicas()
