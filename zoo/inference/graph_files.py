"""Loading of exported graphs in ONNX Runtime and OpenVINO."""

from zoo.utils.telemetry import import_onnxruntime, import_openvino


def session(path):
    """The function from an array (n, ...) to an array (n, ...) of an ONNX graph with one input and one output, on one thread."""
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    opened = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    [name] = [value.name for value in opened.get_inputs()]
    return lambda x: opened.run(None, {name: x})[0]


def compiled(path, dtype, streams):
    """The compiled OpenVINO model of a graph, for a number of parallel streams with one thread each.

    `dtype` is set explicitly, because by default OpenVINO computes in bfloat16 on processors that support it.
    """
    openvino = import_openvino()
    from openvino import properties
    from openvino.properties import hint

    precision = {"float32": openvino.Type.f32, "bfloat16": openvino.Type.bf16}[dtype]
    options = {
        hint.inference_precision(): precision,
        properties.num_streams(): streams,
        properties.inference_num_threads(): streams,
    }
    return openvino.Core().compile_model(path, "CPU", options)
