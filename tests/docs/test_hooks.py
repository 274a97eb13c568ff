"""The site's page of the command line shows the help of every command."""

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_hooks", ROOT / "tools" / "docs_hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(name: str) -> SimpleNamespace:
    return SimpleNamespace(file=SimpleNamespace(src_uri=name))


def test_every_command_has_a_section_with_its_help(hooks: ModuleType) -> None:
    name = "reference/command-line.md"
    written = hooks.on_page_markdown((ROOT / "docs" / name).read_text(encoding="utf-8"), page=page(name))
    assert "## tie\n" in written
    assert "Usage: napari-contransgan tie [OPTIONS] {stack}" in written
    assert "## models show\n" in written
    assert "<!-- commands -->" not in written
    assert written.count("Usage: napari-contransgan ") == len(hooks.commands())


def test_other_pages_stay_as_they_are(hooks: ModuleType) -> None:
    assert hooks.on_page_markdown("text <!-- commands -->", page=page("tie.md")) == "text <!-- commands -->"


def test_a_page_that_lost_its_marker_stops_the_build(hooks: ModuleType) -> None:
    with pytest.raises(ValueError, match="<!-- commands -->"):
        hooks.on_page_markdown("text", page=page("reference/command-line.md"))
