"""Heat maps over images, as a folder of PNG files with one scale for all. Requires the extra `plots`."""

import tempfile
from pathlib import Path

import numpy as np

from zoo.data.image_files import with_channels
from zoo.data.writers import ImageFolder
from zoo.errors import ZooError
from zoo.modalities.image import unit_array
from zoo.utils.distributions import missing_package
from zoo.utils.files import replacing

# A color map whose perceived differences are proportional to those of the values.
_COLORS = "inferno"
# Fraction of the colors in a picture; the rest is the image in gray.
_OPACITY = 0.6


class HeatMaps:
    """Collects the maps of all images, and then draws them over the images. Colors range from the lowest to the highest value.

    Until they are drawn, the maps are in a temporary file, 4 bytes per pixel. A legend, `FOLDER.legend.png`, is written beside
    the folder. Use it as a context manager; after an error nothing is left.

    Args:
        path: folder of the pictures, which must not exist or be empty.
        label: meaning of the values, for the legend.

    Raises:
        ZooError: if the folder contains something, there is a file with the name of the legend, or matplotlib is not installed.
    """

    def __init__(self, path, label):
        _color_map()
        self.path, self.label = Path(path), label
        self.legend = self.path.with_name(f"{self.path.resolve().name}.legend.png")
        self._folder = ImageFolder(self.path)
        for place in (self.path, self.legend):
            if place.is_file() or (place.is_dir() and any(place.iterdir())):
                raise ZooError(f"{place} exists, and heat maps do not overwrite anything; choose a new or empty folder.")
        self.low, self.high = np.inf, -np.inf

    @property
    def count(self):
        """Number of pictures written."""
        return self._folder.count

    def __enter__(self):
        self._file = tempfile.TemporaryFile()
        self._folder.__enter__()
        return self

    def __exit__(self, kind, error, trace):
        self._file.close()
        self._folder.__exit__(kind, error, trace)
        if kind is None:
            self._write_legend()

    def add(self, maps):
        """Append maps (N, H, W), float32, to those that will be drawn."""
        self.low, self.high = min(self.low, float(maps.min())), max(self.high, float(maps.max()))
        try:
            self._file.write(np.ascontiguousarray(maps, np.float32).tobytes())
        except OSError as error:
            raise ZooError(f"the maps cannot be stored in {tempfile.gettempdir()}: {error.strerror or error}.") from None

    def draw(self, batches):
        """Draw the maps over `batches` (ids, images (N, H, W, 1 or 3)) of the same images in the same order."""
        self._file.seek(0)
        for ids, images in batches:
            count = int(np.prod(images.shape[:3]))
            maps = np.frombuffer(self._file.read(4 * count), np.float32).reshape(images.shape[:3])
            self._folder.write(over(images, maps, self.low, self.high), ids)

    def _write_legend(self):
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize
        from matplotlib.figure import Figure

        # A Figure without pyplot requires no display and leaves no global state.
        figure = Figure(figsize=(6, 0.9), layout="constrained")
        colors = ScalarMappable(Normalize(self.low, self.high), _color_map())
        figure.colorbar(colors, cax=figure.subplots(), orientation="horizontal", label=self.label)
        try:
            with replacing(self.legend) as temporary:
                figure.savefig(temporary, dpi=100)
        except OSError as error:
            raise ZooError(f"cannot write {self.legend}: {error.strerror or error}.") from None


def over(images, maps, low, high):
    """Pictures (N, H, W, 3), floats 0..1: colors of maps (N, H, W), from `low` to `high`, over images (N, H, W, C) in gray."""
    colors = _color_map()((maps - low) / (high - low or 1.0))[..., :3]
    gray = np.stack([with_channels(image, 1) for image in unit_array(images)])
    return _OPACITY * colors + (1 - _OPACITY) * gray


def _color_map():
    try:
        import matplotlib
    except ImportError:
        raise missing_package("drawing heat maps", "matplotlib") from None
    return matplotlib.colormaps[_COLORS]
