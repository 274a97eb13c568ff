"""Hooks of the documentation site: add the help of every command and every setting, as this version has them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import griffe
import typer
from markdown.extensions.toc import slugify
from pydantic import BaseModel
from typer.testing import CliRunner

from napari_contransgan.cli import app
from napari_contransgan.config import (
    AdaptSettings,
    MeasureSettings,
    PairFolders,
    PhysicsSettings,
    PredictSettings,
    SimulationSettings,
    TieSettings,
    TileSettings,
    TrainSettings,
    Variation,
)
from napari_contransgan.config.microscope import CameraModel, Microscope
from napari_contransgan.optics import Aberrations, Objective

PROGRAM = "napari-contransgan"
SETTINGS: Mapping[type[BaseModel], str] = {
    TieSettings: "Phase from a focus stack: `tie`, `retrieve_phase`",
    PredictSettings: "Phase from one image: `predict`",
    MeasureSettings: "Measuring objects: `measure`",
    AdaptSettings: "Adapting a network: `adapt`",
    TrainSettings: "Training: `train`",
    PairFolders: "A pair of folders, in `pairs` of the training",
    PhysicsSettings: "Optics of the physics-consistency loss, in `physics` of the training",
    SimulationSettings: "Simulated images: `simulate`",
    Variation: "Variation between simulated fields, in `variation`",
    Microscope: "A microscope, in `microscope`",
    Objective: "An objective, in `objectives` of a microscope",
    Aberrations: "Aberrations of an objective, in `aberrations`",
    CameraModel: "A camera, in `camera` of a microscope",
    TileSettings: "Tiles: `tile`",
}
"""All settings, in the order of the page, and the heading of each."""

UNITS = {
    "um": "µm",
    "um2": "µm²",
    "per_um": "1/µm",
    "rad": "rad",
    "px": "px",
    "e": "electrons",
    "um3_per_pg": "µm³/pg",
    "minutes": "min",
}
"""What the end of a setting's name says about its unit; the longest one that fits counts."""


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Replace the marker on a page of the reference by what this version says."""
    if page.file.src_uri not in PAGES:
        return markdown
    marker, sections = PAGES[page.file.src_uri]
    if marker not in markdown:
        raise ValueError(
            f"docs/{page.file.src_uri}: the line {marker!r} is missing: add it where the generated text belongs"
        )
    return markdown.replace(marker, "\n".join(sections()))


def command_sections() -> Iterator[str]:
    """Return a section with the help of each command."""
    for words in commands():
        yield f"## {' '.join(words)}\n"
        yield f"```text\n{help_of(words)}\n```\n"


def commands() -> list[tuple[str, ...]]:
    """Return every command, such as ``("tie",)`` or ``("models", "show")``, in the order of ``--help``."""
    return list(_below(typer.main.get_command(app), ()))


def _below(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    subcommands = getattr(command, "commands", {})
    if not subcommands:
        yield words
    for name, subcommand in subcommands.items():
        yield from _below(subcommand, (*words, name))


def help_of(words: tuple[str, ...]) -> str:
    """Return the output of a command's ``--help``."""
    result = CliRunner().invoke(app, [*words, "--help"], prog_name=PROGRAM, env={"COLUMNS": "100"})
    if result.exit_code != 0:
        raise RuntimeError(f"{PROGRAM} {' '.join(words)} --help failed: {result.output}")
    return result.output.strip()


def setting_sections() -> Iterator[str]:
    """Return a section with a table for each kind of settings."""
    for model, heading in SETTINGS.items():
        yield f"## {heading}\n"
        yield f"`{model.__module__.removesuffix('.base')}.{model.__name__}`\n"
        yield "| setting | in the window | default | unit | allowed | meaning |"
        yield "| --- | --- | --- | --- | --- | --- |"
        yield from (f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows_of(model))
        yield ""


def rows_of(model: type[BaseModel]) -> Iterator[tuple[str, str, str, str, str, str]]:
    """Return name, label in the window, default, unit, allowed values and meaning of each setting, as Markdown."""
    schema = model.model_json_schema()
    documented = documented_meanings(model)
    for name, field in model.model_fields.items():
        if name == "version":
            continue
        yield (
            f"`{name}`",
            field.title or "",
            "required" if field.is_required() else _default(field.get_default(call_default_factory=True)),
            unit_of(name),
            allowed(schema["properties"][name]),
            re.sub(r"\bum\b", "µm", field.description or documented[name]),
        )


def documented_meanings(model: type[BaseModel]) -> dict[str, str]:
    """Read the meaning of each setting from the docstring."""
    docstring = griffe.Docstring(model.__doc__ or "")
    return {
        parameter.name: " ".join(parameter.description.split()).replace("``", "`")
        for section in docstring.parse("numpy", warn_unknown_params=False, warn_missing_types=False)
        if isinstance(section, griffe.DocstringSectionParameters)
        for parameter in section.value
    }


def unit_of(name: str) -> str:
    """Return the unit that a setting's name ends with, or nothing."""
    fits = [ending for ending in UNITS if name == ending or name.endswith(f"_{ending}")]
    return UNITS[max(fits, key=len)] if fits else ""


def allowed(schema: Mapping[str, Any]) -> str:
    """Describe in words which values a JSON schema allows."""
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"see [{name}](#{anchors()[name]})"
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return ", or ".join(allowed(one) for one in schema[several])
    return _DESCRIBE[schema["type"]](schema)


def _number(schema: Mapping[str, Any]) -> str:
    kind = "whole number" if schema["type"] == "integer" else "number"
    limits = [
        f"{words} {_plain(schema[key])}"
        for key, words in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "below"),
            ("multipleOf", "multiple of"),
        )
        if key in schema
    ]
    return ", ".join([kind, *limits])


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:g}"


def _array(schema: Mapping[str, Any]) -> str:
    if "prefixItems" in schema:
        ends = [allowed(one) for one in schema["prefixItems"]]
        return f"two ends, lower one first; each a {ends[0]}"
    return f"list (each: {allowed(schema['items'])})"


def _object(schema: Mapping[str, Any]) -> str:
    return f"one entry for each name: {allowed(schema['additionalProperties'])}"


_DESCRIBE: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "number": _number,
    "integer": _number,
    "array": _array,
    "object": _object,
    "string": lambda schema: "file or folder" if schema.get("format") == "path" else "text",
    "boolean": lambda _: "`true`, `false`",
    "null": lambda _: "empty",
}


def anchors() -> dict[str, str]:
    """Return the anchor of each table on the page, by the name of the class."""
    return {model.__name__: slugify(heading, "-") for model, heading in SETTINGS.items()}


def _default(value: Any) -> str:
    if isinstance(value, BaseModel) or (isinstance(value, Mapping) and value):
        return "see there"
    if value is None:
        return "empty"
    if isinstance(value, str):
        return f"`{value}`" if value else "empty"
    if isinstance(value, tuple) and not value:
        return "none"
    return f"`{json.dumps(value)}`"


PAGES: Mapping[str, tuple[str, Callable[[], Iterator[str]]]] = {
    "reference/command-line.md": ("<!-- commands -->", command_sections),
    "reference/settings.md": ("<!-- settings -->", setting_sections),
}
"""The generated pages, with the marker that is replaced and what replaces it."""
