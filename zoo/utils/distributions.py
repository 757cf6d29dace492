"""Commands that install missing Python packages, whose import names often differ from the names of their distributions."""

from zoo.errors import ZooError

# Import name -> extra of this project that installs it in a compatible version.
_EXTRAS = {
    "ai_edge_litert": "litert",
    "huggingface_hub": "hub",
    "jax": "jax",
    "keras_tuner": "tune",
    "matplotlib": "plots",
    "openvino": "openvino",
    "pandas": "tables",
    "pyarrow": "parquet",
    "ray": "ray",
    "sklearn": "sklearn",
    "tensorboard": "tensorboard",
}
# Import name -> name of the distribution, if different.
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "google": "protobuf",
    "importlib_resources": "importlib-resources",
    "skimage": "scikit-image",
    "tensorflow_datasets": "tensorflow-datasets",
    "yaml": "PyYAML",
}


def install_command(module):
    """The command that installs the package of a module, such as "PIL.Image"."""
    package = module.partition(".")[0]
    if package in _EXTRAS:
        return f"pip install 'autoencoder-zoo[{_EXTRAS[package]}]'"
    return f"pip install {_DISTRIBUTIONS.get(package, package)}"


def missing_package(what, module):
    """The `ZooError` that says that `what`, such as "a cluster", requires the package of a module."""
    return ZooError(f"{what} requires the package {module.partition('.')[0]}; install it: {install_command(module)}")
