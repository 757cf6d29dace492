"""OpenVINO, in two files, .xml and .bin."""

from zoo.utils.telemetry import import_openvino

SUFFIX = ".xml"
PACKAGES = ("openvino",)
# TensorFlow's name of the output of a function.
_OUTPUT = "Identity:0"


def write(graph, path, names):
    openvino = import_openvino()
    graph.export(path, format="openvino", verbose=False)
    core = openvino.Core()
    # Read completely, because the file is overwritten below.
    core.set_property({"ENABLE_MMAP": False})
    written = core.read_model(path)
    _drop_other_outputs(written)
    for port, name in zip((*written.inputs, *written.outputs), names):
        port.get_tensor().set_names({name})
    openvino.serialize(written, path)


def _drop_other_outputs(graph):
    """Remove all outputs but that of the model: the converter adds values that only custom gradients, such as SiLU's, use."""
    others = [result for result in graph.get_results() if _OUTPUT not in result.input_value(0).get_names()]
    if len(others) == len(graph.get_results()) - 1 > 0:
        for result in others:
            graph.remove_result(result)


def runner(path):
    from zoo.inference.graph_files import compiled

    model = compiled(path, "float32", 1)
    return lambda x: model(x)[0]
