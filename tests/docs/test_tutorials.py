"""Tutorials say what the reader gets, lead through window, command line and Python, and name what the window has."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "napari_contransgan"
TUTORIALS = [path for path in sorted((DOCS / "tutorials").glob("*.md")) if path.name != "python.md"]
JOBS = [path for path in TUTORIALS if path.name != "start.md"]
MENU = re.compile(r"\*((?:File|Layers|Plugins)\s>\s[^*]+)\*")
NAPARIS_OWN = {
    "File > Open Files as Stack",
    "File > Open Folder",
    "File > Preferences",
    "File > Save Selected Layers",
    "Layers > Metadata > Features table widget",
}
"""Entries that napari has without this plugin."""


def menu_entries() -> set[str]:
    """Return the menu entries of the manifest, as the guides write them, and the menus they are in."""
    contributions = yaml.safe_load((SOURCE / "napari.yaml").read_text(encoding="utf-8"))["contributions"]
    titles = {command["id"]: command["title"] for command in contributions["commands"]}
    titles |= {widget["command"]: widget["display_name"] for widget in contributions["widgets"]}  # as napari does
    entries = {f"File > Open Sample > ContransGAN > {one['display_name']}" for one in contributions["sample_data"]}
    entries |= {f"Plugins > ContransGAN > {one['display_name']}" for one in contributions["widgets"]}
    for menu, items in contributions["menus"].items():
        _, first, second = menu.split("/")
        entries |= {f"{first.capitalize()} > {second.capitalize()} > {titles[item['command']]}" for item in items}
    parts = [entry.split(" > ") for entry in entries]
    return entries | {" > ".join(part[:end]) for part in parts for end in range(2, len(part))}


def on_one_line(text: str) -> str:
    """Return a text without its line breaks, and a menu entry without the dots that announce a dialog."""
    return " ".join(text.split()).rstrip(".")


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=lambda path: path.stem)
def test_menu_entries_that_a_page_names_exist(path: Path) -> None:
    named = {on_one_line(entry) for entry in MENU.findall(path.read_text(encoding="utf-8"))}
    assert named - menu_entries() - NAPARIS_OWN == set()


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_buttons_that_a_tutorial_names_are_in_the_window(path: Path) -> None:
    texts = "\n".join(
        module.read_text(encoding="utf-8") for folder in ("gui", "config") for module in (SOURCE / folder).rglob("*.py")
    )
    (steps,) = re.findall(r"^## In napari\n(.*?)^## ", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    named = {on_one_line(button) for button in re.findall(r"\*\*([^*]+)\*\*", steps)}
    assert named
    assert [button for button in named if f'"{button}"' not in texts] == []


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_begins_with_what_the_reader_gets(path: Path) -> None:
    _, _, first_lines = path.read_text(encoding="utf-8").partition("\n\n")
    assert first_lines.startswith("At the end you have ")


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_a_tutorial_of_a_job_has_all_ways_to_do_it_and_ends_with_what_can_go_wrong(path: Path) -> None:
    headings = re.findall(r"^## (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert [one for one in headings if one in {"In napari", "On the command line", "In Python"}] == [
        *("In napari", "On the command line", "In Python")
    ]
    assert headings[-1] == "What can go wrong"


def test_tutorials_name_all_examples_and_no_others() -> None:
    texts = [path.read_text(encoding="utf-8") for path in TUTORIALS]
    named = {name for text in texts for name in re.findall(r"example\s`(\w+)`", text)}
    assert named == {path.stem for path in (ROOT / "examples").glob("*.py")}
