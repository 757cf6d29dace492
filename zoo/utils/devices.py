"""Detection of accelerators and processors."""

import hashlib
import importlib.metadata
import os
import platform
import shutil
import sys

from zoo.utils.quiet import keras_backend, load_quietly

# Files made by the drivers of accelerators: NVIDIA's on Linux and on Windows' Linux subsystem, AMD's, Google's.
_DEVICES = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd", "/dev/accel0", "/dev/vfio/0")
# Packages with which backends use Apple's GPUs; PyTorch needs none.
_APPLE = ("tensorflow-metal", "jax-metal")


def has_gpu():
    """Whether Keras's backend computes on a GPU or another accelerator.

    If the backend is not loaded, it is loaded only if there are signs of an accelerator, because this takes seconds.
    """
    backend = keras_backend()
    if backend not in sys.modules:
        if not _may_have_gpu(backend):
            return False
        load_quietly()
    return _has_accelerator(backend)


def _has_accelerator(backend):
    if backend == "tensorflow":
        import tensorflow as tf

        return any(device.device_type != "CPU" for device in tf.config.list_physical_devices())
    if backend == "jax":
        import jax

        return jax.default_backend() != "cpu"
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()


def _may_have_gpu(backend):
    """Whether there are signs of an accelerator; loads no framework."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return backend == "torch" or any(_has_distribution(name) for name in _APPLE)
    return any(os.path.exists(path) for path in _DEVICES) or shutil.which("nvidia-smi") is not None


def _has_distribution(name):
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def processor():
    """A text that identifies the kind of processor: its name, and a digest of its sets of instructions where they are known."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = dict(line.strip().split(":", 1) for line in file if ":" in line)
    except (OSError, ValueError):
        return name
    known = {key.strip(): value.strip() for key, value in lines.items()}
    flags = known.get("flags", known.get("Features", ""))
    return f"{known.get('model name', name)}, {hashlib.sha256(flags.encode()).hexdigest()[:8]}"


def cores():
    """Number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processors():
    """Number of threads to compute with: that of the cores, at most OMP_NUM_THREADS, which Ray sets for its workers."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cores(), int(limit))) if limit.isdigit() else cores()
