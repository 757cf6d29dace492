"""Mirrors of weight files: addresses given by the environment, the configuration file and the manifest."""

import os
import tomllib
from pathlib import Path

from zoo.errors import ZooError
from zoo.pretrained import manifest


def mirrors(directory=None):
    """Addresses of mirrors in the order of search, `https://host/folder` or `hf://user/repo`: those of the environment variable
    ZOO_MIRRORS (separated by commas), of the key `mirrors` in the configuration file, and of the manifest."""
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
            raise ZooError(f"the file {path}, given by ZOO_CONFIG, does not exist.") from None
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ZooError(f"{path} cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8 text'}).") from None
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ZooError(f"{path} is not valid TOML: {error}.") from None
    listed = found.pop("mirrors", [])
    if found:
        raise ZooError(f"{path} has the key {next(iter(found))!r}, expected only mirrors.")
    if not isinstance(listed, list) or not all(isinstance(address, str) for address in listed):
        raise ZooError(f'{path} has mirrors = {listed!r}, expected a list of addresses, such as ["https://host/folder"].')
    return listed
