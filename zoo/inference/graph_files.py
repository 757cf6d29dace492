"""Graphs opened from their files: functions and models of ONNX Runtime and OpenVINO."""

from zoo.utils.telemetry import import_onnxruntime, import_openvino


def session(path):
    """The function (n, ...) -> (n, ...) of a graph of one input and one output, on one thread."""
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    made = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    [name] = [there.name for there in made.get_inputs()]
    return lambda x: made.run(None, {name: x})[0]


def compiled(path, dtype, streams):
    """The model of a graph, for so many streams of one thread each.

    OpenVINO would compute in bfloat16 by itself where the processor can: `dtype` says whether it may.
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
