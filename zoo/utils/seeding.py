"""A lock for global random states, which Keras uses and all threads share."""

import threading

# Held while a global random state is set and used; otherwise one thread could train with the seed of another.
SEED_LOCK = threading.RLock()
