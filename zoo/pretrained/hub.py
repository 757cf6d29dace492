"""Upload of models with their cards to the Hugging Face Hub. Needs the extra `hub`."""

import shutil
import tempfile
from pathlib import Path

import zoo
from zoo.errors import ZooError
from zoo.models import registry
from zoo.pretrained.checkpoint import ARRAYS, CONFIG, ForeignCheckpoint, config_text
from zoo.pretrained.hashes import sha256_of
from zoo.pretrained.public import licence_of, public
from zoo.pretrained.resolve import resolve
from zoo.utils.distributions import missing_package


def push(name_or_path, address, private=False, message=None):
    """Upload a model to the Hugging Face Hub, for `zoo.load(address)`: `config.json`, `weights.safetensors` and a model card.

    The repository is created if it does not exist. Log in with `hf auth login` or set the environment variable HF_TOKEN.

    Args:
        name_or_path: as for `zoo.load`; the model of another library is pushed in the zoo's own format.
        address: `hf://user/repo`.
        private: whether a new repository is private.
        message: commit message, or None.

    Returns:
        The address of the commit.

    Raises:
        ZooError: if the extra `hub` is not installed, the address is invalid, or the Hub rejects the upload.
    """
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError
    except ImportError:
        raise missing_package("an upload to the Hub", "huggingface_hub") from None
    checkpoint = resolve(name_or_path)
    repository = address.removeprefix("hf://")
    if repository == address or repository.count("/") != 1:
        raise ZooError(f"got the address {address!r}, expected hf://user/repo.")
    api = HfApi()
    with tempfile.TemporaryDirectory() as folder:
        title = _fill(Path(folder), checkpoint, address)
        try:
            api.create_repo(repository, private=private, exist_ok=True)
            done = api.upload_folder(
                folder_path=folder,
                repo_id=repository,
                commit_message=message or f"{title} by autoencoder-zoo {zoo.__version__}",
            )
        except LocalTokenNotFoundError:
            raise ZooError("not logged in to the Hugging Face Hub; run 'hf auth login', or set HF_TOKEN.") from None
        except HFValidationError as error:
            raise ZooError(f"got the address {address!r}, expected hf://user/repo ({error}).") from None
        except HfHubHTTPError as error:
            status = getattr(error.response, "status_code", None)
            hint = " Run 'hf auth login', or set HF_TOKEN." if status in (401, 403) else ""
            raise ZooError(f"the hub rejected the upload to {address} ({status or type(error).__name__}).{hint}") from None
        except OSError as error:
            raise ZooError(f"the Hugging Face Hub could not be reached ({type(error).__name__}).") from None
    return done.commit_url


def _fill(folder, checkpoint, address):
    """Write what is pushed to `folder`; returns the title of its card."""
    file = folder / ARRAYS
    if isinstance(checkpoint, ForeignCheckpoint):
        from zoo.pretrained.arrays import save_arrays
        from zoo.pretrained.loading import load_checkpoint

        save_arrays(load_checkpoint(checkpoint), file)
    else:
        shutil.copyfile(*checkpoint.files(), file)
    text = config_text(checkpoint.config, sha256_of(file), file.stat().st_size)
    (folder / CONFIG).write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(card(checkpoint, address), encoding="utf-8")
    return _title(checkpoint, address)


def _title(checkpoint, address):
    """The name of the weight set that a model is by its hash, else that of the repository."""
    known = checkpoint.weight_set()
    return known[0] if known else address.rpartition("/")[2]


def card(checkpoint, address):
    """The text of the model card of a `Checkpoint`, in the hub's own form: its header as YAML, then Markdown.

    Figures are those of a weight set whose weights these are by their hash; what a folder is called says nothing.
    """
    _, entry = checkpoint.weight_set() or (None, None)
    config = registry.innermost(checkpoint.config)
    about = registry.variants().get(config["variant"], "")
    head = ["---", "library_name: keras", "tags:", "- autoencoder-zoo", f"- {config['variant']}", "- feature-extraction"]
    lines = [f"# {_title(checkpoint, address)}", "", about, ""]
    if entry:
        head += [f"license: {entry['licence']['weights'].lower()}", f"datasets:\n- {entry['dataset']['name']}"]
    origin = public().get(checkpoint.name) if isinstance(checkpoint, ForeignCheckpoint) else None
    # A folder or file of the same name can be another model.
    if origin and checkpoint.where.startswith(origin["origin"]):
        lines += [f"Converted from {origin['origin']}, {origin['paper']} Licence of the weights: {licence_of(origin)}.", ""]
    lines += ["```python", "import zoo", "", f'model = zoo.load("{address}")', "features = model.encode(images)", "```", ""]
    lines += [
        f"Images of shape {tuple(checkpoint.data_shape)}, uint8 0..255 or floats 0..1; `pip install 'autoencoder-zoo[hub]'`.",
        "",
    ]
    if entry:
        run = entry["run"]
        lines += [
            f"Trained on {entry['dataset']['name']} for {run['epochs']} epochs, seed {run['seed']}, {run['backend']} backend.",
            "",
        ]
        lines += ["| metric | value | measured |", "|---|---|---|"]
        for metric, result in entry["metrics"].items():
            where = f"{result.get('split', 'test')} split, {result['n']} images; {result['protocol']}"
            lines.append(f"| {metric} | {result['value']:.6g} | {where} |")
        lines.append("")
    lines += ["| option | value |", "|---|---|", *(f"| {key} | {value} |" for key, value in config.items())]
    return "\n".join([*head, "---", "", *lines]) + "\n"
