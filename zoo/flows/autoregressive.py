"""Autoregressive flows: each variable is scaled and shifted by functions (a MADE) of the variables before it.

`call` takes one pass, `inverse` one pass per variable. In masked autoregressive flow (Papamakarios, Pavlakou & Murray 2017,
arXiv:1705.07057), `call` maps data to noise, and training is fast. In inverse autoregressive flow (Kingma et al. 2016, "Improving
variational inference with inverse autoregressive flow", arXiv:1606.04934), `call` maps noise to data, and sampling is fast.
"""

from keras import ops

from zoo.flows.flow import Chain, Flow
from zoo.flows.made import MADE
from zoo.flows.permutation import Reverse

# Largest logarithm of a scale: far below overflow, and far above what standardized data need.
_LIMIT = 5.0
# Bias of the gate, so that it is initially open: "such as close to +1 or +2" (Kingma et al. 2016).
_OPEN = 2.0


class Autoregressive(Flow):
    """z' = (z - m) e^(-s), (m, s) = MADE(z, context), |s| softly bounded; log|det| = -Σ s. Initially near the identity.

    Args:
        units: D.
        hidden: units of each hidden layer of the MADE.
    """

    def __init__(self, units, hidden, **kwargs):
        super().__init__(**kwargs)
        self.made = MADE(units, 2, hidden)
        self.units = units

    def build(self, z_shape=None, context_shape=None):
        self.made.build(z_shape, context_shape)
        self.built = True

    def call(self, z, context=None):
        shift, log_scale = self.affine(z, context)
        return z * ops.exp(log_scale) + shift, ops.sum(log_scale, axis=-1)

    def inverse(self, z, context=None):
        """Computed one variable after another; differentiable."""
        places = ops.arange(self.units)

        def fill(i, found):
            # Only the i-th value is used; it does not depend on the later ones, which are not final yet.
            shift, log_scale = self.affine(found, context)
            return ops.where(places == i, (z - shift) * ops.exp(-log_scale), found)

        found = ops.fori_loop(0, self.units, fill, ops.zeros_like(z))
        return found, -ops.sum(self.affine(found, context)[1], axis=-1)

    def affine(self, z, context):
        """Shift and log scale (N, D), the i-th column of each a function of z_<i and context."""
        m, s = self.made(z, context)
        s = _LIMIT * ops.tanh(s / _LIMIT)
        return -m * ops.exp(-s), -s


class GatedAutoregressive(Autoregressive):
    """z' = σ z + (1 - σ) m, σ = sigmoid(s + 2), (m, s) = MADE(z, context); log|det| = Σ log σ.

    The numerically stable form of Kingma et al. 2016, equations 12 and 13; it can only reduce the conditional spread of a
    variable.
    """

    def affine(self, z, context):
        m, s = self.made(z, context)
        log_gate = ops.log_sigmoid(s + _OPEN)
        return (1 - ops.exp(log_gate)) * m, log_gate


def stack(flow, units, count, hidden):
    """A `Chain` of `count` autoregressive flows of class `flow`, the order of the variables reversed between them."""
    flows = []
    for i in range(count):
        flows += [Reverse()] if i else []
        flows.append(flow(units, hidden))
    return Chain(flows)
