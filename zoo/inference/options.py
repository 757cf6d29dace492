"""How features are computed: the options that `zoo.extract_features`, streams, cluster jobs and `zoo encode` share."""

import operator
from dataclasses import dataclass, fields

from zoo.errors import ZooError
from zoo.inference import runtimes

_READING = ("split", "data_dir", "resize", "skip_unreadable")


@dataclass(frozen=True)
class FeatureOptions:
    """Options of feature extraction; see `zoo.extract_features`.

    Raises:
        ZooError: if the runtime, precision or batch size is invalid.
    """

    runtime: str = "auto"
    batch_size: int | str = "auto"
    dtype: str = "float32"
    layer: str | None = None
    pool: str | int | None = None
    split: str = "test"
    data_dir: str | None = None
    resize: bool = False
    skip_unreadable: bool = False

    def __post_init__(self):
        runtimes.check(self.runtime, self.dtype)
        if self.batch_size == "auto":
            return
        try:
            # Integers of NumPy are accepted, booleans are not.
            size = 0 if isinstance(self.batch_size, bool) else operator.index(self.batch_size)
        except TypeError:
            size = 0
        if size < 1:
            raise ZooError(f"got batch_size={self.batch_size!r}, expected a positive number or 'auto'.")
        object.__setattr__(self, "batch_size", size)

    @property
    def reading(self):
        """Mapping of the options for reading files or data sets."""
        return {name: getattr(self, name) for name in _READING}

    @property
    def reading_given(self):
        """Names of the options in `reading` that differ from their defaults."""
        return [field.name for field in fields(self) if field.name in _READING and getattr(self, field.name) != field.default]


def options_of(options, given):
    """`options`, a `FeatureOptions` or None, changed by a mapping of fields."""
    return FeatureOptions(**{**(vars(options) if options else {}), **given})
