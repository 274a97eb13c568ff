"""Hooks of the documentation site: add the help of every command, as this version prints it."""

from collections.abc import Iterator
from typing import Any

import typer
from typer.testing import CliRunner

from napari_contransgan.cli import app

PROGRAM = "napari-contransgan"
PAGE = "reference/command-line.md"
MARKER = "<!-- commands -->"


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Replace the marker on the command line page by the help of all commands."""
    if page.file.src_uri != PAGE:
        return markdown
    if MARKER not in markdown:
        raise ValueError(f"docs/{PAGE}: the line {MARKER!r} is missing: add it where the help of the commands belongs")
    return markdown.replace(MARKER, "\n".join(_sections()))


def _sections() -> Iterator[str]:
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
