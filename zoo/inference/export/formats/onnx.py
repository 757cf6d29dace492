"""ONNX, for ONNX Runtime and other tools. Inputs and outputs have fixed names."""

import contextlib
import gc

SUFFIX = ".onnx"
PACKAGES = ("tensorflow", "onnx", "tf2onnx", "onnxruntime")


def write(graph, path, names):
    from zoo.inference.export import erfc

    erfc.register()
    with _copies_freed():
        graph.export(path, format="onnx", verbose=False)
    _rename(path, names)


@contextlib.contextmanager
def _copies_freed():
    """Free the copies that tf2onnx makes: each of its passes copies the graph with its weights, in cycles of references, which
    Python does not collect before the number of its objects has grown by a quarter. Frozen objects are not counted."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.collect()
    gc.set_threshold(thresholds[0], 5, 1)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _rename(path, names):
    """Rename the input and the output to `names`: those of the exporter differ from export to export."""
    import onnx

    model = onnx.load(path)
    [given], [result] = model.graph.input, model.graph.output
    new = {given.name: names[0], result.name: names[1]}
    taken = {name for node in model.graph.node for name in (*node.input, *node.output)} - set(new)
    new |= {name: f"inner_{name}" for name in names if name in taken}
    for node in model.graph.node:
        for field in (node.input, node.output):
            field[:] = [new.get(name, name) for name in field]
    for value in (given, result, *model.graph.value_info, *model.graph.initializer):
        value.name = new.get(value.name, value.name)
    # The exporter's name for the graph also differs from export to export.
    model.graph.name = "zoo"
    onnx.save(model, path)


def runner(path):
    from zoo.inference.graph_files import session

    return session(path)
