"""OpenVINO's two files, .xml and .bin."""

from zoo.utils.telemetry import import_openvino

SUFFIX = ".xml"
PACKAGES = ("openvino",)
# TensorFlow's name of what a function gives back.
_OUTPUT = "Identity:0"


def write(graph, path, names):
    openvino = import_openvino()
    graph.export(path, format="openvino", verbose=False)
    core = openvino.Core()
    # Read whole: the file is written again.
    core.set_property({"ENABLE_MMAP": False})
    written = core.read_model(path)
    _drop_by_products(written)
    for port, name in zip((*written.inputs, *written.outputs), names):
        port.get_tensor().set_names({name})
    openvino.serialize(written, path)


def _drop_by_products(graph):
    """Leave the model's output alone.

    What a gradient of TensorFlow's own would read, as SiLU's, is an output to the converter: computed, laid out and kept.
    """
    by_products = [result for result in graph.get_results() if _OUTPUT not in result.input_value(0).get_names()]
    if len(by_products) == len(graph.get_results()) - 1 > 0:
        for result in by_products:
            graph.remove_result(result)


def runner(path):
    from zoo.inference.graph_files import compiled

    model = compiled(path, "float32", 1)
    return lambda x: model(x)[0]
