"""LiteRT, formerly TensorFlow Lite, for mobile phones and embedded devices."""

SUFFIX = ".tflite"
PACKAGES = ("tensorflow", "ai_edge_litert")


def write(graph, path, names):
    graph.export(path, format="litert", verbose=False)


def runner(path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path)

    def run(x):
        [given], [result] = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.resize_tensor_input(given["index"], x.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], x)
        interpreter.invoke()
        return interpreter.get_tensor(result["index"])

    return run
