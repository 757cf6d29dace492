"""Detection of accelerators and processors."""

import importlib.metadata
import os
import platform
import shutil
import sys

from zoo.utils.quiet import keras_backend, load_quietly

# Files that the drivers of accelerators make: NVIDIA's on Linux and under Windows, AMD's, Google's.
_DEVICES = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd", "/dev/accel0", "/dev/vfio/0")
# Packages that let backends use Apple's graphics processors; PyTorch can by itself.
_APPLE = ("tensorflow-metal", "jax-metal")


def has_gpu():
    """Whether Keras's backend computes on a graphics card or another accelerator.

    The backend is asked where it is loaded. Where it is not, it is loaded and asked only if the machine shows signs of one: that
    takes seconds, which a machine without an accelerator need not spend.
    """
    backend = keras_backend()
    if backend not in sys.modules:
        if not _may_have_gpu(backend):
            return False
        load_quietly()
    return _asked(backend)


def _asked(backend):
    if backend == "tensorflow":
        import tensorflow as tf

        return any(device.device_type != "CPU" for device in tf.config.list_physical_devices())
    if backend == "jax":
        import jax

        return jax.default_backend() != "cpu"
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()


def _may_have_gpu(backend):
    """Whether there are signs of an accelerator, seen without loading a framework."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return backend == "torch" or any(_has_distribution(name) for name in _APPLE)
    return any(os.path.exists(path) for path in _DEVICES) or shutil.which("nvidia-smi") is not None


def _has_distribution(name):
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def processors():
    """Processors that this process may use; OMP_NUM_THREADS, which Ray sets for its workers, may say fewer."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    said = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(there, int(said))) if said.isdigit() else there
