"""Global random states, which Keras uses and all threads share: a lock, and a context with a seed."""

import contextlib
import random
import threading

import numpy as np

# Held while a global random state is set and used; otherwise one thread could train with the seed of another.
SEED_LOCK = threading.RLock()


@contextlib.contextmanager
def seeded(seed):
    """Seed the random numbers of Keras with `seed`, exclusively among threads; restores the states of Python and NumPy."""
    import keras

    with SEED_LOCK:
        before = random.getstate(), np.random.get_state()
        try:
            keras.utils.set_random_seed(seed)
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])
