"""The networks that come with the package."""

from pathlib import Path

from napari_contransgan.errors import InputError
from napari_contransgan.models.checkpoint import ModelCard, read_card

WEIGHTS = Path(__file__).parent / "weights"
DEFAULT_MODEL = "all"


def bundled_models() -> dict[str, Path]:
    """Checkpoints in the package by name, the default first."""
    paths = {path.stem: path for path in sorted(WEIGHTS.glob("*.safetensors"))}
    return dict(sorted(paths.items(), key=lambda item: item[0] != DEFAULT_MODEL))


def list_models() -> dict[str, ModelCard]:
    """Cards of the bundled networks by name, the default first."""
    return {name: read_card(path) for name, path in bundled_models().items()}


def find_model(name_or_path: str) -> Path:
    """Resolve a bundled network's name, the folder of a run, or a checkpoint's path.

    Raises
    ------
    InputError
        If it is neither.
    """
    models = bundled_models()
    if name_or_path in models:
        return models[name_or_path]
    path = Path(name_or_path)
    if path.is_dir() and (path / "best.safetensors").is_file():
        return path / "best.safetensors"
    if path.is_file():
        return path
    raise InputError(
        f"neither a bundled network ({', '.join(models) or 'none'}) nor a checkpoint file, nor a run's "
        f"folder that holds one",
        source=name_or_path,
    )
