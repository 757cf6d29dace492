"""ONNX, for ONNX Runtime and what else reads it. Inputs and outputs have the same names in every export."""

SUFFIX = ".onnx"
PACKAGES = ("tensorflow", "onnx", "tf2onnx", "onnxruntime")


def write(graph, path, names):
    from zoo.inference.export import erfc

    erfc.register()
    graph.export(path, format="onnx", verbose=False)
    _rename(path, names)


def _rename(path, names):
    """Call input and output by `names`: the exporter's own change from one export to the next."""
    import onnx

    model = onnx.load(path)
    [there], [back] = model.graph.input, model.graph.output
    new = {there.name: names[0], back.name: names[1]}
    taken = {name for node in model.graph.node for name in (*node.input, *node.output)} - set(new)
    new |= {name: f"inner_{name}" for name in names if name in taken}
    for node in model.graph.node:
        for field in (node.input, node.output):
            field[:] = [new.get(name, name) for name in field]
    for value in (there, back, *model.graph.value_info, *model.graph.initializer):
        value.name = new.get(value.name, value.name)
    # What is left of the process that made it.
    model.graph.name = "zoo"
    onnx.save(model, path)


def runner(path):
    from zoo.inference.graph_files import session

    return session(path)
