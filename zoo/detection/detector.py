"""The detector of outliers in tables: what makes a row rare among normal rows, and which of its columns do."""

import keras
import numpy as np
from keras import ops

from zoo.detection.calibration import KNOTS, knots, rarity
from zoo.detection.network import ColumnNetwork
from zoo.utils.batching import apply_in_batches

PARTS = ("neighbours", "code", "errors", "columns")
NEIGHBOURS = 3
# Largest number of rows kept for the distances, of those given to `fit`: a random sample of more; fewer for those in the code,
# which has more dimensions.
BANK, CODES = 8192, 2048
_OF_BANK = ("neighbours", "code")
# Relative to the size of a row: nearer than this is the row itself.
_SAME = 1e-6
# Beyond this many standard deviations, values grow with the logarithm for the network; for distances they are as they are.
_KNEE = 4.0
# Up to this many columns, each is predicted from all others; of more, groups of columns that are hidden together.
_MOST_ALONE = 40
_GROUPS, _DIVISIONS = 20, 2
# Approximate number of values in one call of the network.
_NUMBERS_A_CALL = 4_000_000


def groups(columns):
    """Masks (G, D), float32, of the columns that are hidden together; every column is hidden in at least one."""
    if columns <= _MOST_ALONE:
        return np.eye(columns, dtype="float32")
    rng, found = np.random.default_rng(0), []
    for _ in range(_DIVISIONS):
        for part in np.array_split(rng.permutation(columns), _GROUPS):
            found.append(np.isin(np.arange(columns), part))
    return np.array(found, "float32")


@keras.saving.register_keras_serializable("zoo")
class TableDetector(keras.Model):
    """Anomaly scores (N,) of rows (N, D), floats with NaN for missing values; higher is more anomalous.

    The score is the mean of four parts, each as its rarity among normal rows, see `zoo.detection.calibration`:

    - `neighbours`: the mean distance to the nearest normal rows, of standardized columns (Ramaswamy et al. 2000). A row that
      equals a normal row is that row, and not its own neighbour.
    - `code`: the same distance in the last hidden layer of `ColumnNetwork`.
    - `errors`: the mean over the columns of the squared error of their prediction from all others.
    - `columns`: the mean over the columns of -log p(column | all others), which accounts for how certain a prediction is.

    Everything that was fitted is a variable, so that the graph, its exports and its file give the same scores.

    Args:
        columns: D.
        rows: number of normal rows kept for the distances.
        members, width: see `ColumnNetwork`.
        parts: names of the parts to use.
    """

    def __init__(self, columns, rows, members=2, width=128, parts=PARTS, **kwargs):
        super().__init__(**kwargs)
        self.settings = dict(columns=columns, rows=rows, members=members, width=width, parts=list(parts))
        self.columns, self.rows, self.parts = columns, rows, tuple(parts)
        self.network = ColumnNetwork(columns, members, width)
        self._groups = groups(columns)

    def build(self, input_shape=None):
        self.network.build()

        def fitted(name, shape, initializer="zeros"):
            return self.add_weight(shape, initializer, "float32", trainable=False, name=name)

        self.mean = fitted("mean", (self.columns,))
        self.scale = fitted("scale", (self.columns,), "ones")
        self.bank = fitted("bank", (self.rows, self.columns))
        self.codes = fitted("codes", (min(self.rows, CODES), self.network.first.units))
        self.usual = fitted("usual", (self.columns,))
        self.knots = fitted("knots", (len(self.parts), KNOTS))
        self.built = True

    @property
    def batch_size(self):
        """Number of rows per call, which limits the memory use."""
        return int(np.clip(_NUMBERS_A_CALL // (len(self._groups) * (2 * self.columns + self.network.first.units)), 1, 512))

    def standardized(self, x):
        """Rows in standard deviations of their columns, missing values as 0, and which values are present, both (N, D)."""
        x = ops.cast(x, "float32")
        missing = ops.isnan(x)
        x = ops.where(missing, ops.zeros_like(x), x)
        z = (x - ops.convert_to_tensor(self.mean)) / ops.convert_to_tensor(self.scale)
        return ops.where(missing, ops.zeros_like(z), z), 1 - ops.cast(missing, "float32")

    def squashed(self, z):
        """Standardized values for the network: beyond the knee they grow with the logarithm."""
        size = ops.abs(z)
        return ops.sign(z) * (ops.minimum(size, _KNEE) + ops.log(1 + ops.maximum(size - _KNEE, 0.0)))

    def network_inputs(self, x):
        """(N, 2 D): what `ColumnNetwork.call` takes, of rows (N, D)."""
        z, present = self.standardized(x)
        return ops.concatenate([self.squashed(z), present], axis=1)

    def code(self, z, present):
        """The last hidden layer of the first member, (N, width), of standardized rows."""
        return self.network.code(self.squashed(z), present)[0]

    def predictions(self, z, present):
        """-log p of each column given the others, and its squared error, both (N, D): means over members and groups; 0 for
        missing values."""
        count, masks = ops.shape(z)[0], self._groups
        x = self.squashed(z)
        hidden = ops.expand_dims(masks, 0)
        seen = (1 - hidden) * ops.expand_dims(present, 1)
        every = ops.repeat(ops.expand_dims(x, 1), len(masks), axis=1)
        flat = (-1, self.columns)
        found = []
        for each in self.network.surprise(ops.reshape(every, flat), ops.reshape(seen, flat)):
            each = ops.reshape(ops.mean(each, axis=0), (count, len(masks), self.columns))
            found.append(ops.sum(each * hidden, axis=1) / np.maximum(masks.sum(axis=0), 1) * present)
        return found

    def part_scores(self, x):
        """The parts before their calibration, (N, parts)."""
        z, present = self.standardized(x)
        found = {"neighbours": distance(z, self.bank)} if "neighbours" in self.parts else {}
        if "code" in self.parts:
            found["code"] = distance(self.code(z, present), self.codes)
        if {"errors", "columns"} & set(self.parts):
            surprises, errors = self.predictions(z, present)
            found |= {"columns": _mean_of_present(surprises, present), "errors": _mean_of_present(errors, present)}
        return ops.stack([found[name] for name in self.parts], axis=1)

    def rarities(self, x):
        """The parts on the common scale, (N, parts), in nats."""
        found, curves = self.part_scores(x), ops.convert_to_tensor(self.knots)
        return ops.stack([rarity(found[:, i], curves[i]) for i in range(len(self.parts))], axis=1)

    def call(self, x):
        return ops.mean(self.rarities(x), axis=1)

    def explanation(self, x):
        """How much more surprising each column of a row is, given the others, than it usually is, (N, D), in nats."""
        z, present = self.standardized(x)
        return (self.predictions(z, present)[0] - ops.convert_to_tensor(self.usual)) * present

    def apply(self, function, x):
        """A method of this detector applied to rows (N, D), NumPy: always in batches of one size, so that the rounding of a row's
        score does not depend on the rows beside it."""
        padding = -len(x) % self.batch_size
        padded = np.concatenate([x, np.repeat(x[-1:], padding, axis=0)]).astype(np.float32)
        return apply_in_batches(self, function, padded, self.batch_size)[: len(x)]

    def get_config(self):
        return {"name": self.name, **self.settings}

    @classmethod
    def from_config(cls, config):
        made = cls(**config)
        made.build()
        return made


def distance(rows, bank):
    """Mean Euclidean distance (N,) of rows (N, D) to the nearest rows of a bank (M, D), without a row that is equal."""
    bank = ops.convert_to_tensor(bank)
    count = min(NEIGHBOURS + 1, bank.shape[0])
    squares = ops.sum(ops.square(bank), axis=1) - 2 * ops.matmul(rows, ops.transpose(bank))
    nearest = ops.top_k(-squares, count)[1]
    # Their distances again, from the differences: in the expanded square, small ones would be rounding errors.
    differences = ops.expand_dims(rows, 1) - ops.take(bank, nearest, axis=0)
    found = ops.sort(ops.sqrt(ops.sum(ops.square(differences), axis=-1)), axis=1)
    if count == 1:
        return found[:, 0]
    size = ops.sqrt(ops.sum(ops.square(rows), axis=1))
    itself = ops.cast(found[:, 0] <= _SAME * (1 + size), "float32")
    others = ops.mean(found[:, 1:], axis=1)
    return itself * others + (1 - itself) * ops.mean(found[:, : count - 1], axis=1)


def _mean_of_present(values, present):
    return ops.sum(values, axis=1) / ops.maximum(ops.sum(present, axis=1), 1.0)


def calibrate(detector, kept, held):
    """Set the codes of the bank, the curves of the calibration, and what is usual for a column.

    Args:
        detector: a `TableDetector` with a trained network and a bank.
        kept: the rows (M, D) of the bank, as given.
        held: rows (H, D) on which the network was not trained, if there are enough; otherwise those that it was trained on.
    """
    detector.codes.assign(detector.apply(lambda x: detector.code(*detector.standardized(x)), kept[: detector.codes.shape[0]]))
    scores = dict(zip(detector.parts, detector.apply(detector.part_scores, held).T))
    # Of a row of the bank, the distances are those to others.
    scores |= {
        name: found for name, found in zip(detector.parts, detector.apply(detector.part_scores, kept).T) if name in _OF_BANK
    }
    detector.knots.assign(np.stack([knots(scores[name]) for name in detector.parts]))
    surprises = detector.apply(lambda x: detector.predictions(*detector.standardized(x))[0], held)
    detector.usual.assign(surprises.mean(axis=0))
