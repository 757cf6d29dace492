"""`zoo export`: write a model, or a part of it, in the format of another tool."""

from zoo.cli import reading
from zoo.cli.arguments import MODEL_HELP, add_depth

HELP = "write a model, or a part of it, in the format of another tool"


def add_arguments(parser):
    parser.add_argument("name", help=MODEL_HELP)
    parser.add_argument("--format", required=True, help="onnx, openvino, saved_model, litert or keras")
    parser.add_argument("--output", required=True, help="file to write; a folder for saved_model")
    parser.add_argument("--part", default="encoder", help="encoder, decoder or autoencoder (default: encoder)")
    add_depth(parser)
    parser.add_argument("--values", choices=("uint8", "float32"), help="dtype of the inputs (default: uint8 for images)")


def run(arguments):
    model = reading.load(arguments.name)
    from zoo.inference.export.exporting import export

    difference = export(
        model, arguments.output, arguments.format, arguments.part, arguments.layer, arguments.pool, arguments.values
    )
    print(f"wrote the {arguments.part} of {arguments.name} to {arguments.output}, within {difference:.1g} of Keras")
