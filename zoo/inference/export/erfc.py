"""The complementary error function for tf2onnx, which lacks it; Keras's GELU uses it."""

import numpy as np


def register():
    """Register the conversion Erfc(x) = 1 - Erf(x) in tf2onnx; may be called repeatedly."""
    from tf2onnx.handler import tf_op

    tf_op("Erfc")(_Erfc)


class _Erfc:
    @classmethod
    def version_9(cls, ctx, node, **kwargs):
        shape, dtype = ctx.get_shape(node.output[0]), ctx.get_dtype(node.output[0])
        ctx.remove_node(node.name)
        one = ctx.make_const(f"{node.name}_one", np.array(1, np.float32))
        erf = ctx.make_node("Erf", node.input[:1])
        ctx.make_node("Sub", [one.output[0], erf.output[0]], name=node.name, outputs=node.output, shapes=[shape], dtypes=[dtype])
