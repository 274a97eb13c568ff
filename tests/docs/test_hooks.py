"""The site's reference shows the help of every command and every setting, as this version has them."""

import importlib.util
import pkgutil
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from napari_contransgan import config
from napari_contransgan.config.base import Settings

ROOT = Path(__file__).resolve().parents[2]
COMMANDS, SETTINGS = "reference/command-line.md", "reference/settings.md"


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


def written(hooks: ModuleType, name: str) -> str:
    text: str = hooks.on_page_markdown((ROOT / "docs" / name).read_text(encoding="utf-8"), page=page(name))
    return text


def test_every_command_has_a_section_with_its_help(hooks: ModuleType) -> None:
    text = written(hooks, COMMANDS)
    assert "## tie\n" in text
    assert re.search(r"Usage: napari-contransgan tie \[OPTIONS\] ({stack}|STACK)\.\.\.", text), "typer writes either"
    assert "## models show\n" in text
    assert "<!-- commands -->" not in text
    assert text.count("Usage: napari-contransgan ") == len(hooks.commands())


def test_other_pages_stay_as_they_are(hooks: ModuleType) -> None:
    assert hooks.on_page_markdown("text <!-- commands -->", page=page("tie.md")) == "text <!-- commands -->"


@pytest.mark.parametrize(("name", "marker"), [(COMMANDS, "<!-- commands -->"), (SETTINGS, "<!-- settings -->")])
def test_a_page_that_lost_its_marker_stops_the_build(hooks: ModuleType, name: str, marker: str) -> None:
    with pytest.raises(ValueError, match=marker):
        hooks.on_page_markdown("text", page=page(name))


def models_of_the_settings() -> set[type[BaseModel]]:
    modules = [import_module(f"{config.__name__}.{found.name}") for found in pkgutil.iter_modules(config.__path__)]
    classes = [value for module in modules for value in vars(module).values() if isinstance(value, type)]
    return {found for found in classes if issubclass(found, BaseModel)} - {BaseModel, Settings}


class TestSettingsPage:
    """The tables of the settings."""

    def test_shows_every_class_of_settings(self, hooks: ModuleType) -> None:
        assert models_of_the_settings() <= set(hooks.SETTINGS)

    def test_has_a_row_with_a_meaning_for_every_setting(self, hooks: ModuleType) -> None:
        text = written(hooks, SETTINGS)
        for model in hooks.SETTINGS:
            rows = {row[0]: row for row in hooks.rows_of(model)}
            assert list(rows) == [f"`{name}`" for name in model.model_fields if name != "version"]
            assert [name for name, row in rows.items() if not row[-1]] == []
            assert all(" | ".join(row) in text for row in rows.values())

    def test_shows_default_unit_limits_and_meaning(self, hooks: ModuleType) -> None:
        class Example(BaseModel):
            """An example.

            Parameters
            ----------
            step_um : float or None
                Distance in um; ``0`` is none.
            kind : {"a", "b"}
                Which one.
            """

            step_um: float | None = Field(None, gt=0, le=50, title="Step (µm)")
            kind: Literal["a", "b"] = "a"
            tiles: int = Field(4, ge=1, le=10_000_000, multiple_of=2, description="How many.")
            share: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = Field(
                (0.0, 0.5), description="From, to."
            )
            folder: Path = Field(description="Where to.")

        assert list(hooks.rows_of(Example)) == [
            (
                *("`step_um`", "Step (µm)", "empty", "µm"),
                *("number, above 0, at most 50, or empty", "Distance in µm; `0` is none."),
            ),
            ("`kind`", "", "`a`", "", "`a`, `b`", "Which one."),
            ("`tiles`", "", "`4`", "", "whole number, at least 1, at most 10,000,000, multiple of 2", "How many."),
            (
                *("`share`", "", "`[0.0, 0.5]`", ""),
                *("two ends, lower one first; each a number, at least 0, below 1", "From, to."),
            ),
            ("`folder`", "", "required", "", "file or folder", "Where to."),
        ]

    def test_a_setting_without_a_meaning_stops_the_build(self, hooks: ModuleType) -> None:
        class Silent(BaseModel):
            """Nothing about its field."""

            size: int = 1

        with pytest.raises(KeyError, match="size"):
            list(hooks.rows_of(Silent))
