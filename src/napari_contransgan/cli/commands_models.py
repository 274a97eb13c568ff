"""Commands about networks: models list, models show, models export."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_contransgan.cli.runner import command
from napari_contransgan.errors import InputError

EXAMPLE = "\b\nExample:\n  napari-contransgan models list"

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List, show and export networks.", epilog=EXAMPLE)

Name = Annotated[str, typer.Argument(help="A bundled network's name, or a checkpoint's path.", show_default=False)]


def list_networks() -> Mapping[str, Any]:
    """List the bundled networks."""
    from napari_contransgan.models.bundled import list_models

    cards = list_models()
    keys = ("description", "generator", "preset", "steps", "figures")
    return {"models": {name: {key: getattr(card, key) for key in keys} for name, card in cards.items()}}


def show_network(name: Name) -> Mapping[str, Any]:
    """Show a network's card.

    What it is, how it was trained, how it scores and where it fails.
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
    """Write a network to a file of its own, with its card beside it."""
    from napari_contransgan.files import write_atomically
    from napari_contransgan.models.bundled import find_model
    from napari_contransgan.models.checkpoint import card_path, read_card, write_card

    if form != "safetensors":
        raise InputError(f"--format {form}: networks are exported as safetensors")
    if out.suffix != ".safetensors":
        raise InputError(f"{out}: the name must end in .safetensors")
    path = find_model(name)
    card = read_card(path)
    if out.resolve() == path.resolve():
        raise InputError(f"{out}: is the network itself: choose another --out")
    write_atomically(out, path.read_bytes())
    write_card(out, card)
    return {"model": name, "network": card.name, "out": out, "card": card_path(out), "bytes": out.stat().st_size}


command(app, "list", "models list")(list_networks)
command(app, "show", "models show default")(show_network)
command(app, "export", "models export default --out network.safetensors --format safetensors")(export_network)
