"""The licences of the dependencies are listed, and are those that the installed packages state."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "licences.md"
WORDS = {"BSD-3-Clause": "BSD", "MIT": "MIT", "Apache-2.0": "Apache", "PSF-2.0": "Python Software Foundation"}
"""A word of each licence that we accept, as packages write it."""


def listed() -> dict[str, str]:
    rows = re.findall(r"^\| ([\w-]+)(?: \(extra\))? \| ([\w.-]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: licence for name, licence in rows if name not in {"package", "---"}}


def required() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = [*project["dependencies"], *(text for extra in project["optional-dependencies"].values() for text in extra)]
    names = (re.match(r"[\w.-]+", text) for text in texts)
    return {found.group() for found in names if found is not None}


def test_every_dependency_is_listed_with_a_licence_that_we_accept() -> None:
    assert listed().keys() == required()
    assert set(listed().values()) <= set(WORDS)


@pytest.mark.parametrize(("name", "licence"), listed().items())
def test_the_listed_licence_is_the_one_that_the_package_states(name: str, licence: str) -> None:
    try:
        stated = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        pytest.skip("it is not installed")
    parts = [stated.get(key) or "" for key in ("License-Expression", "License")]
    parts += [text for text in stated.get_all("Classifier") or [] if text.startswith("License")]
    files = [file for file in metadata.files(name) or [] if re.search(r"licen[cs]e|copying", file.name, re.IGNORECASE)]
    parts += [text for file in files[:3] if (text := _text(file))]
    if not any(parts):
        pytest.skip("it states none")
    assert any(WORDS[licence].lower() in part.lower() or _is_by_its_text(licence, part) for part in parts)


def _text(file: metadata.PackagePath) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _is_by_its_text(licence: str, text: str) -> bool:
    """Return whether a text is a licence that does not give its own name."""
    return licence == "BSD-3-Clause" and "Redistribution and use in source and binary forms" in text
