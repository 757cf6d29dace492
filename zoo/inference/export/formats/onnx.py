"""ONNX, for ONNX Runtime and other tools. Inputs and outputs have fixed names."""

SUFFIX = ".onnx"
PACKAGES = ("tensorflow", "onnx", "tf2onnx", "onnxruntime")


def write(graph, path, names):
    from zoo.inference.export import erfc

    erfc.register()
    graph.export(path, format="onnx", verbose=False)
    _rename(path, names)


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
