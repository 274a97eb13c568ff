"""The commands models list, models show and models export."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_contransgan.cli.runner import command
from napari_contransgan.errors import InputError

if TYPE_CHECKING:
    from napari_contransgan.models.checkpoint import ModelCard

EXAMPLE = "\b\nExample:\n  napari-contransgan models list"

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List, show and export networks.", epilog=EXAMPLE)

Name = Annotated[
    str, typer.Argument(help="A bundled network's name, a run's folder, or a checkpoint's path.", show_default=False)
]


def list_networks() -> Mapping[str, Any]:
    """List the bundled networks and the runs trained on this computer, latest first."""
    from napari_contransgan.models.bundled import list_models
    from napari_contransgan.models.checkpoint import read_card
    from napari_contransgan.training.known_runs import known_runs
    from napari_contransgan.training.run_folder import BEST

    trained_here = {}
    for folder in known_runs():
        with suppress(InputError):  # skip runs whose network cannot be read
            trained_here[str(folder)] = _listed(read_card(folder / BEST))
    return {"models": {name: _listed(card) for name, card in list_models().items()}, "trained_here": trained_here}


def _listed(card: "ModelCard") -> dict[str, Any]:
    return {key: getattr(card, key) for key in ("description", "generator", "preset", "steps", "figures")}


def show_network(name: Name) -> Mapping[str, Any]:
    """Show a network's card.

    The card describes the network, its training, its scores and its limits.
    """
    from napari_contransgan.models.bundled import find_model
    from napari_contransgan.models.checkpoint import read_card

    path = find_model(name)
    return {"path": path, **read_card(path).model_dump(mode="json")}


def export_network(
    name: Name,
    out: Annotated[Path, typer.Option(help="File to write.", show_default=False)],
    form: Annotated[str, typer.Option("--format", help="safetensors.")] = "safetensors",
) -> Mapping[str, Any]:
    """Write a network to a separate file, with its card next to it."""
    from napari_contransgan.io.atomic import write_atomically
    from napari_contransgan.models.bundled import find_model
    from napari_contransgan.models.checkpoint import card_path, read_card, write_card

    if form != "safetensors":
        raise InputError(f"--format {form}: networks are exported as safetensors")
    if out.suffix != ".safetensors":
        raise InputError("the name must end in .safetensors", source=out)
    path = find_model(name)
    card = read_card(path)
    if out.resolve() == path.resolve():
        raise InputError("is the network itself: choose another --out", source=out)
    write_atomically(out, path.read_bytes())
    write_card(out, card)
    return {"model": name, "network": card.name, "out": out, "card": card_path(out), "bytes": out.stat().st_size}


command(app, "list", "models list")(list_networks)
command(app, "show", "models show all")(show_network)
command(app, "export", "models export all --out network.safetensors --format safetensors")(export_network)
