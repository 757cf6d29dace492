"""Where weight files may be fetched: addresses of the environment, of the configuration file and of the manifest."""

import os
import tomllib
from pathlib import Path

from zoo.errors import ZooError
from zoo.pretrained import manifest


def mirrors(directory=None):
    """Addresses, in order, where weight files may lie: `https://host/folder` or `hf://user/repo`.

    They are those of the environment variable ZOO_MIRRORS (comma-separated), of the key `mirrors` of the configuration file,
    and of the manifest.
    """
    named = [address.strip() for address in os.environ.get("ZOO_MIRRORS", "").split(",") if address.strip()]
    return named + _configured() + manifest.mirrors(directory)


def config_file():
    """Path of the configuration file, TOML: the environment variable ZOO_CONFIG, or the user's configuration folder."""
    if os.environ.get("ZOO_CONFIG"):
        return Path(os.environ["ZOO_CONFIG"]).expanduser()
    import platformdirs

    return Path(platformdirs.user_config_dir("autoencoder-zoo")) / "config.toml"


def _configured():
    path = config_file()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if os.environ.get("ZOO_CONFIG"):
            raise ZooError(f"there is no file {path}, which ZOO_CONFIG names.") from None
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ZooError(f"{path} cannot be read ({getattr(error, 'strerror', None) or 'no text'}).") from None
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ZooError(f"{path} is no TOML: {error}.") from None
    listed = found.pop("mirrors", [])
    if found:
        raise ZooError(f"{path} has the key {next(iter(found))!r}, expected mirrors alone.")
    if not isinstance(listed, list) or not all(isinstance(address, str) for address in listed):
        raise ZooError(f'{path} has mirrors = {listed!r}, expected a list of addresses, such as ["https://host/folder"].')
    return listed
