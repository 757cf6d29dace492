"""Global random states, which Keras reads and threads share."""

import threading

# Held while a state that belongs to the whole process is set and read: of two threads, one would train by the other's seed.
SEED_LOCK = threading.RLock()
