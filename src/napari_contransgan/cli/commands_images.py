"""The command tile."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_contransgan.cli.runner import command, note, run
from napari_contransgan.config import TileSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import read_image

Images = Annotated[list[Path], typer.Argument(help="TIFF or OME-TIFF files.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "tile", "tile demo-output/sample_frame_10x.ome.tif --out tiles --grid 4x4")(tile)


def tile(
    images: Images,
    out: Annotated[Path, typer.Option(help="Folder for the tiles.", show_default=False)],
    grid: Annotated[str, typer.Option(help="Rows x columns of the grid.")] = "4x4",
    overlap: Annotated[int, typer.Option(help="Overlap of neighbouring tiles in pixels.")] = 0,
    pixel_size: Annotated[float | None, typer.Option(help="Pixel size in um, instead of the file's.")] = None,
) -> Mapping[str, Any]:
    """Cut images into tiles.

    Each tile keeps its units and its position; train reads the folder. Existing tiles from other images or another grid
    are never replaced.
    """
    from napari_contransgan.tiles import training_notes, write_tiles

    rows, _, columns = grid.lower().partition("x")
    if not (rows.isdecimal() and columns.isdecimal()):
        raise InputError(f"--grid {grid}: give rows x columns, such as 4x4")
    values = {"rows": int(rows), "columns": int(columns), "overlap_px": overlap}
    settings = TileSettings.checked(values, source="tile")
    tiles = run(write_tiles(images, out, settings, pixel_size_um=pixel_size))
    doubts = [f"{path}: {text}" for path in images for text in read_image(path, lazy=True).notes]
    notes = training_notes(map(read_image, tiles))
    for text in [*doubts, *(f"{out}: {text}" for text in notes)]:
        note(text)
    notes = [*doubts, *notes]
    return {"out": out, "count": len(tiles), "tiles": tiles, "notes": notes}
