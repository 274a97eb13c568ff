"""Results in a file that grows line by line, so that an interrupted run goes on where it stopped."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def add(path: Path, record: dict[str, Any]) -> None:
    """Append a record as one line of JSON, with the commit of the program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    was_cut = path.is_file() and not path.read_bytes().endswith(b"\n")
    with path.open("ab") as file:
        file.write(b"\n" * was_cut + (json.dumps(record | {"commit": commit()}) + "\n").encode())


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Return the complete records."""
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            yield json.loads(line)
        except ValueError:
            continue  # the last line of a run that was killed


def commit() -> str:
    """Return the short name of the program's commit; empty without git."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]  # found on the path, as by make
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return ""
