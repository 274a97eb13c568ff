"""Write the report, a single HTML file."""

import base64
import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from napari_contransgan import __version__
from napari_contransgan.config import HELD_OUT_SEEDS
from napari_contransgan.io.atomic import write_atomically
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.reproduction import paper
from napari_contransgan.reproduction.networks import LoadedNetworks
from napari_contransgan.reproduction.parts import Extent, Goal, Part, Table

STYLE = """
body { font: 15px/1.45 sans-serif; max-width: 1200px; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 0.6em 0 1.6em; font-size: 13px; }
th, td { border: 1px solid #ccc; padding: 3px 8px; text-align: left; vertical-align: top; }
th { background: #f3f3f3; } caption { text-align: left; font-weight: bold; padding: 4px 0; }
img { max-width: 100%; margin: 0.5em 0; } .yes { color: #14632b; } .no { color: #a01818; }
"""
WORDS = {True: "reached", False: "missed", None: "not tried"}


def write_report(path: Path, parts: Sequence[Part], networks: LoadedNetworks, extent: Extent, command: str) -> None:
    """Write the report, including the pictures.

    Parameters
    ----------
    path : Path
        The HTML file.
    parts : sequence of Part
        Parts in the order of the report.
    networks : LoadedNetworks
        The networks that were used.
    extent : Extent
        Amount of computation.
    command : str
        Command that repeats the report.
    """
    body = [
        "<h1>ContransGAN, reproduced</h1>",
        _paragraphs(_introduction(networks, extent, command)),
        "<h2>Goals</h2>",
        _goals([goal for part in parts for goal in part.goals]),
    ]
    for part in parts:
        body += [f"<h2>{html.escape(part.title)}</h2>", _paragraphs(part.text)]
        body += [_picture(picture) for picture in part.pictures]
        body += [_table(table) for table in part.tables]
    page = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>ContransGAN, reproduced</title>'
        f"<style>{STYLE}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"
    )
    write_atomically(path, page.encode())


def _introduction(networks: LoadedNetworks, extent: Extent, command: str) -> list[str]:
    seeds = ", ".join(f"{specimen} {seed}" for specimen, seed in HELD_OUT_SEEDS.items())
    cards = {**networks.loaded, **networks.special}
    used = "; ".join(f"{name}: {network.card.name} ({network.card.recipe})" for name, network in cards.items())
    return [
        f"Figures of {paper.SOURCE}, beside those of this program, version {__version__}. All images are "
        "simulated, from seeds "
        f"that no training may use ({seeds}); {extent.fields} fields for each cell of a table. Maps and labels "
        "have the "
        f"grid of {MODEL_PIXEL_SIZE_UM} um a pixel. Every figure is in the CSV files beside this report.",
        "The paper's figures belong to its own microscope and specimens. They are goals here, not a comparison "
        "on the same "
        "images. Nothing on this page says how a network does on a real image.",
        f"Networks: {used}.",
        f"Made by: {command}",
    ]


def _goals(goals: Sequence[Goal]) -> str:
    if not goals:
        return "<p>These parts have no goals.</p>"
    reached = sum(goal.reached is True for goal in goals)
    marks = {True: "yes", False: "no", None: ""}
    lines = [
        f"<tr><td>{html.escape(goal.text)}</td><td>{html.escape(goal.found)}</td>"
        f'<td class="{marks[goal.reached]}">{WORDS[goal.reached]}</td></tr>'
        for goal in goals
    ]
    head = "<tr><th>goal</th><th>found</th><th></th></tr>"
    return f"<p>{reached} of {len(goals)} reached.</p><table>{head}{''.join(lines)}</table>"


def _paragraphs(texts: Iterable[str]) -> str:
    return "".join(f"<p>{html.escape(text)}</p>" for text in texts)


def _table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.head)
    lines = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in table.rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><caption>{html.escape(table.title)}</caption><tr>{head}</tr>{body}</table>"


def _picture(path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{html.escape(path.stem)}" src="data:image/png;base64,{content}">'
