"""The menu entries that the documentation names are in a real window."""

import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
ENTRY = re.compile(r"\*((?:File|Layers|Plugins)\s>\s[^*]+)\*")
PLUGIN = re.compile(r" \((?:ContransGAN|napari builtins)\)$")


def named_entries() -> list[str]:
    texts = [path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")]
    return sorted({" ".join(entry.split()).rstrip(".") for text in texts for entry in ENTRY.findall(text)})


def entries_of(menu: Any, path: tuple[str, ...]) -> list[str]:
    """Return the texts of all entries below a menu, without the name that napari adds to those of a plugin."""
    menu.aboutToShow.emit()
    found = []
    for action in menu.actions():
        entry = (*path, PLUGIN.sub("", action.text().replace("&", "")))
        found.append(" > ".join(entry).rstrip("."))
        if action.menu() is not None:
            found += entries_of(action.menu(), entry)
    return found


@pytest.fixture
def entries(viewer: Any) -> list[str]:
    bar = viewer.window._qt_window.menuBar()
    return [entry for action in bar.actions() for entry in entries_of(action.menu(), (action.text().replace("&", ""),))]


def test_every_menu_entry_that_the_documentation_names_is_in_the_window(entries: list[str]) -> None:
    assert len(named_entries()) > 10
    assert [entry for entry in named_entries() if entry not in entries] == []
